/* SPDX-License-Identifier: BSD-2-Clause */
/* Transmitting: which of the ways out a segment takes, by what the device has, by
 * size, and by what the user asked for (`transmit`).
 *
 *	small segments   carrier frames (tx_carrier.c), where XDP_TX arrives;
 *	                 what found no frame to ride on, and else all of them:
 *	                 AF_XDP (tx_xdp.c), where it can be had; else AF_PACKET,
 *	                 several by one call
 *	bulk             AF_PACKET with GSO (tx_packet.c): one frame of up to 64 KiB
 *	                 that the device cuts, with checksums it computes; if AF_XDP was
 *	                 asked for, that, a frame for each segment
 *
 * Nothing here blocks. What waits for a frame to ride on is taken back; what finds no
 * room with AF_XDP goes by AF_PACKET; what finds none there is kept, one frame, and
 * goes first. Where AF_XDP is to carry all, no segment is pulled while it has no room:
 * another way would overtake those of the same connection that wait. */
#ifndef XTCP_TX_H
#define XTCP_TX_H

#include "frame.h"
#include "tx_carrier.h"
#include "tx_packet.h"
#include "tx_xdp.h"
#include <stdbool.h>

struct worker;
struct session;
struct interface;
struct config;

struct tx {
	struct tx_carrier carrier;
	struct tx_packet packet;
	struct tx_xdp *xdp; /* NULL: AF_PACKET carries all */
	bool all_by_xdp;    /* bulk too */
	uint32_t mtu;
	uint16_t ip_id;
	uint64_t carried; /* what tx_carried() said last */
	uint64_t sent_xdp;
	uint64_t sent_packet;
	uint64_t lost; /* refused by the device: TCP sends them again */
};

int tx_make(struct worker *w); /* 0, or -errno after a message */
void tx_destroy(struct tx *t);

/* May another segment be pulled? */
bool tx_is_ready(struct tx *t);
/* Are there segments that wait for a frame to ride on? */
bool tx_is_carrying(const struct tx *t);
/* Does something wait that the device had no room for? */
bool tx_is_waiting(const struct tx *t);
/* Bytes of text that one segment of this connection may have. */
uint32_t tx_text_most(const struct tx *t, const struct conn *c);
/* Sends a segment of a connection, with its text out of the session's chain. */
void tx_text(struct worker *w, struct session *s, const struct segment *seg);
/* Sends a segment without text, of no connection. */
void tx_bare(struct worker *w, const struct tuple *t, const struct link_address *link,
	     const struct segment *seg);
/* End of a round: what was queued leaves. `quiet`: nothing has come meanwhile that
 * something could have left on. */
void tx_flush(struct tx *t, bool quiet);
/* At the end: all that waits for a frame leaves without one. */
void tx_drain(struct tx *t);

/* Segments that left on carrier frames. */
uint64_t tx_carried(const struct tx *t);
const char *tx_name_small(const struct tx *t);
const char *tx_name_bulk(const struct tx *t);

#endif
