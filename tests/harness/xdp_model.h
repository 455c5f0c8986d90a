/* SPDX-License-Identifier: BSD-2-Clause */
/* The fast path and the daemon around one connection, in one thread: the flow,
 * the ownership word and a ring, with judge(), apply() and owner.h as XDP has
 * them, and the daemon's rules of taking and handing back. Every step of either
 * side is a call, so that a test can put them in any order. */
#ifndef XTCP_TEST_XDP_MODEL_H
#define XTCP_TEST_XDP_MODEL_H

#include "owner.h"
#include "peer.h"
#include "segment.h"

enum { MODEL_RING = 256 };

struct model_record {
	struct segment segment; /* a punt's */
	struct hit hit;		/* a hit's, with its text's length */
	uint32_t text_length;
	__u8 kind;  /* enum record_kind */
	__u8 flags; /* enum record_flags */
};

struct xdp_model {
	struct peer p; /* the daemon's side: its connection, its user, its clock */
	struct flow flow;
	struct model_record ring[MODEL_RING];
	uint32_t produced, consumed;	     /* records */
	uint32_t punts_consumed;	     /* counted ones, since the flow was taken */
	bool transmits;			     /* XDP_TX works: ACKs in place */
	uint32_t hits, punts, acks_in_place; /* to see that the test tests something */
};

/* p.c has been brought to ESTABLISHED: the flow begins, owned by the daemon. */
void model_begin(struct xdp_model *m);

/* XDP: a segment arrives now. `busy`: another CPU has the flow at this moment. */
void model_arrives(struct xdp_model *m, const struct segment *s, bool busy);

/* Daemon: one record, if there is one; all of them. */
bool model_consume(struct xdp_model *m);
void model_drain(struct xdp_model *m);
/* Takes the flow, as before a call that needs it; hands it back if it may. */
void model_take(struct xdp_model *m);
void model_hand_back(struct xdp_model *m);
/* After a call of the user or a deadline: publishes, and takes what is not plain. */
void model_settle(struct xdp_model *m);
/* Deadlines up to `now`, and the clock set to it. */
void model_timeouts(struct xdp_model *m, uint64_t now);

enum owner model_owner(const struct xdp_model *m);
/* The highest acknowledgment that left, from either side. */
uint32_t model_ack_sent(const struct xdp_model *m);

#endif
