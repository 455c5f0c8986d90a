/* SPDX-License-Identifier: BSD-2-Clause */
/* The fast path, as two pure functions: judge() says whether XDP may take a
 * segment to its end, apply() does so to the receive half of the flow. Compiled
 * into XDP and, unchanged, into tests. Nothing else in BPF decides anything.
 *
 * A hit is what RFC 9293, 3.10.7.4 does with a segment of a connection in
 * ESTABLISHED that is acceptable, is the next in order, carries nothing but text
 * and an ACK for what was sent, and leaves nothing to think about. Everything
 * else is doubt, and doubt punts: always correct, only slower. */
#ifndef XTCP_FASTPATH_H
#define XTCP_FASTPATH_H

#include "abi.h"
#include "reason.h"
#include "segment.h"
#include "seq.h"

static inline bool options_are_expected(const struct segment *s, const struct flow_tx *tx)
{
	return s->options == (tx->flags & FLOW_TIMESTAMPS ? OPTION_TIMESTAMPS : 0);
}

static inline __u32 scaled_window(const struct segment *s, const struct flow_tx *tx)
{
	return (__u32)s->wnd << (tx->snd_window_scale & 15);
}

/* A segment without text: does its ACK say anything new? */
static inline enum reason judge_ack(const struct segment *s, const struct flow_rx *rx,
				    const struct flow_tx *tx)
{
	if (s->ack == rx->snd_una && scaled_window(s, tx) == rx->snd_wnd)
		return REASON_PUNT_DUPLICATE_ACK;
	return REASON_HIT_ACK;
}

/* REASON_HIT_TEXT, REASON_HIT_ACK, or why not. The caller has the flow. */
static inline enum reason judge(const struct segment *s, const struct flow_rx *rx,
				const struct flow_tx *tx)
{
	if ((s->flags & ~PSH) != ACK)
		return REASON_PUNT_CONTROL;
	if (s->ecn == ECN_CE && tx->flags & FLOW_ECN)
		return REASON_PUNT_CONGESTION;
	if (!options_are_expected(s, tx))
		return REASON_PUNT_OPTIONS;
	if (s->options && seq_before(s->tsval, rx->ts_recent))
		return REASON_PUNT_PAWS;
	if (s->seq != rx->rcv_nxt)
		return REASON_PUNT_ORDER;
	if (s->text_length > tx->rcv_edge - rx->rcv_nxt)
		return REASON_PUNT_WINDOW;
	if (s->ack - rx->snd_una > tx->snd_nxt - rx->snd_una)
		return REASON_PUNT_ACK_RANGE;
	if (!s->wnd)
		return REASON_PUNT_ZERO_WINDOW;
	return s->text_length ? REASON_HIT_TEXT : judge_ack(s, rx, tx);
}

/* The highest acknowledgment that either side has sent: Last.ACK.sent. */
static inline __u32 last_ack_sent(const struct flow_rx *rx, const struct flow_tx *tx)
{
	return seq_later(rx->ack_sent, tx->ack_sent);
}

/* Repeats the hit on the receive half (3.10.7.4, fifth and seventh; RFC 7323,
 * 4.3 for TS.Recent). */
static inline void apply(const struct segment *s, struct flow_rx *rx, const struct flow_tx *tx)
{
	if (s->options && !seq_after(s->seq, last_ack_sent(rx, tx)))
		rx->ts_recent = s->tsval;
	rx->rcv_nxt += s->text_length;
	rx->snd_una = s->ack;
	rx->snd_wnd = scaled_window(s, tx);
	rx->hits++;
}

/* After apply(): are two full-sized segments unacknowledged (RFC 9293, MUST-58,
 * SHLD-19)? Then XDP answers in place, if it can transmit. */
static inline bool ack_is_due(const struct flow_rx *rx, const struct flow_tx *tx)
{
	return rx->rcv_nxt - last_ack_sent(rx, tx) >= 2u * tx->full_segment;
}

/* The window field of an acknowledgment sent now (RFC 7323, 2.3). */
static inline __u16 window_field(const struct flow_rx *rx, const struct flow_tx *tx)
{
	__u32 scaled = (tx->rcv_edge - rx->rcv_nxt) >> (tx->rcv_window_scale & 15);

	return scaled > 0xffff ? 0xffff : (__u16)scaled;
}

/* Notes an acknowledgment sent in place, before it is made: the daemon may move
 * the edge in between, and then more is shown than is noted. */
static inline void note_ack(struct flow_rx *rx, const struct flow_tx *tx)
{
	rx->ack_sent = rx->rcv_nxt;
	rx->edge_shown = tx->rcv_edge;
}

/* What the daemon is told of a hit. */
static inline void hit_describe(const struct segment *s, const struct flow_rx *rx, struct hit *hit)
{
	hit->seq = s->seq;
	hit->ack = s->ack;
	hit->tsval = s->tsval;
	hit->tsecr = s->tsecr;
	hit->wnd = s->wnd;
	hit->flags = s->flags;
	hit->options = s->options;
	hit->rx.rcv_nxt = rx->rcv_nxt;
	hit->rx.snd_una = rx->snd_una;
	hit->rx.snd_wnd = rx->snd_wnd;
	hit->rx.ts_recent = rx->ts_recent;
	hit->rx.ack_sent = rx->ack_sent;
	hit->rx.hits = rx->hits;
	hit->rx.edge_shown = rx->edge_shown;
}

#endif
