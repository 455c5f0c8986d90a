/* SPDX-License-Identifier: BSD-2-Clause */
/* From the ring to the connections: hits are absorbed, punts are read anew. */
#ifndef XTCP_RX_H
#define XTCP_RX_H

#include "session.h"

/* Deals with what the ring has, up to a batch. False: there was nothing that
 * could be dealt with. */
bool rx_drain(struct worker *w);
/* As host.store_text (tcp.h). */
uint32_t rx_store_text(struct host *h, struct conn *c, uint32_t seq, const void *text,
		       uint32_t length);

#endif
