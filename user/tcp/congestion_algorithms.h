/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the table in congestion.c and the algorithms in files of their own. */
#ifndef XTCP_CONGESTION_ALGORITHMS_H
#define XTCP_CONGESTION_ALGORITHMS_H

#include "congestion.h"

/* Slow start as far as ssthresh lets it; returns the acknowledged bytes that are
 * left for congestion avoidance. */
uint32_t congestion_slow_start(struct conn *c, uint32_t acked);

/* The first slow start: how many of the acknowledged bytes may count. May end it
 * by setting ssthresh. Uses c->cc.state, and leaves it zeroed. */
uint32_t hystart_take_ack(struct conn *c, uint32_t acked);

void cubic_begin(struct conn *c, const struct host *h);
void cubic_on_ack(struct conn *c, const struct host *h, uint32_t acked);
uint32_t cubic_on_loss(struct conn *c, const struct host *h);
void cubic_after_idle(struct conn *c, const struct host *h);

#endif
