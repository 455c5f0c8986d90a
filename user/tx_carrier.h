/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrier frames as a way out for small segments: the worker's side of
 * include/carrier.h. What is loaded leaves by itself as soon as XDP has a frame to
 * spare; what finds none is taken back. */
#ifndef XTCP_TX_CARRIER_H
#define XTCP_TX_CARRIER_H

#include "carrier.h"
#include <stdint.h>
#include <sys/uio.h>

struct tx_carrier {
	struct carrier *ring;  /* NULL: not to be used */
	const uint32_t *works; /* does XDP_TX arrive? */
	bool multiplies;       /* may frames be copied? */
	uint32_t seen;	       /* carried when tx_carrier_moved() was last asked */
	uint32_t ordered;      /* no seeds before `claimed` is here */
	uint32_t take_back;    /* how many the next time; see tx.c */
	uint32_t taken_back;   /* segments that found no frame; wraps */
};

/* May a frame of that length be loaded now, if there is room? */
bool tx_carrier_takes(const struct tx_carrier *t, uint32_t length);
bool tx_carrier_has_room(const struct tx_carrier *t);
/* Loads a whole frame, checksums and all: there is room. Its position. */
uint32_t tx_carrier_load(struct tx_carrier *t, const struct iovec *pieces, int count);

/* The next to be loaded is of a connection of which one waits already. */
void tx_carrier_keep_order(struct tx_carrier *t);
/* What leaves next may bring frames one at a time: they may be multiplied, so that
 * what waits leaves with them in a few turns. */
void tx_carrier_sow(struct tx_carrier *t);
/* Does the frame at that position wait, or any at all? */
bool tx_carrier_waits(const struct tx_carrier *t, uint32_t position);
bool tx_carrier_is_empty(const struct tx_carrier *t);
/* Has one left on a frame since this was last asked? */
bool tx_carrier_moved(struct tx_carrier *t);
/* Segments that have left on frames; wraps. */
uint32_t tx_carrier_carried(const struct tx_carrier *t);
/* The oldest, for another way; valid until the next is loaded. NULL: none waits. */
const struct carrier_slot *tx_carrier_take(struct tx_carrier *t);

#endif
