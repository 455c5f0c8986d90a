/* SPDX-License-Identifier: BSD-2-Clause */
/* Congestion control: how much may be in the network (RFC 5681). recovery.c says
 * what has happened, an algorithm says what that means for cwnd. */
#ifndef XTCP_CONGESTION_H
#define XTCP_CONGESTION_H

#include "tcp.h"

/* Values of tcp_settings.congestion and conn.cc.algorithm. */
enum congestion_algorithm {
	CONGESTION_NEWRENO, /* RFC 5681, 6582 */
	CONGESTION_CUBIC,   /* RFC 9438 */
	CONGESTION_ALGORITHMS,
};

/* conn.cc.phase */
enum congestion_phase {
	PHASE_OPEN,
	PHASE_RECOVERY, /* loss found by acknowledgments; until cc.recover */
	PHASE_LOSS,	/* the retransmission timer expired; until cc.recover */
};

struct congestion {
	const char *name;
	void (*begin)(struct conn *c, const struct host *h);
	/* `acked` bytes were newly acknowledged while cwnd was in use, in slow
	 * start (cwnd < ssthresh) or congestion avoidance, outside of RECOVERY. */
	void (*on_ack)(struct conn *c, const struct host *h, uint32_t acked);
	/* Loss, the first of a window: returns the new ssthresh, bytes. */
	uint32_t (*on_loss)(struct conn *c, const struct host *h);
	/* Nothing was sent for longer than the RTO. */
	void (*after_idle)(struct conn *c, const struct host *h);
};

/* The handshake has settled snd.mss. */
void congestion_begin(struct conn *c, const struct host *h);
/* `flight`: bytes in flight before this acknowledgment. */
void congestion_on_ack(struct conn *c, const struct host *h, uint32_t acked, uint32_t flight);
void congestion_on_loss(struct conn *c, const struct host *h);
void congestion_on_timeout(struct conn *c, const struct host *h, bool first);
/* Text is about to be sent with nothing in flight. */
void congestion_after_idle(struct conn *c, const struct host *h);

uint32_t congestion_initial_window(const struct conn *c);
const char *congestion_name(uint8_t algorithm);

#endif
