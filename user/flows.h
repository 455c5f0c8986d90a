/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's half of the ownership protocol of include/owner.h. Nothing else
 * in the daemon touches struct flow, but for flow_table.c, where it lies. */
#ifndef XTCP_FLOWS_H
#define XTCP_FLOWS_H

#include "owner.h"
#include "session.h"

/* Makes XDP know the connection, whose flow the daemon owns, and gives conn->generation.
 * 0, -EADDRINUSE, -ENOBUFS. */
int flow_begin(struct session *s);
/* XDP knows it no more, its port pair is free, and all else here does nothing; also if
 * it has ended already. */
void flow_end(struct session *s);
/* Before a punt is processed, and when the connection is not plain any more. */
void flow_take(struct session *s);
/* A punt that the ownership word counts has been read from the ring. */
void flow_count_consumed(struct session *s);
/* What XDP must know before a segment leaves: SND.NXT, the window, the ACK. */
void flow_publish(struct session *s);
/* Gives the flow to XDP, if nothing of it is under way to us. */
void flow_hand_back(struct session *s);
enum owner flow_owner(const struct session *s);

#endif
