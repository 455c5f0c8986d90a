/* SPDX-License-Identifier: BSD-2-Clause */
/* Hits of the fast path, repeated on the TCB. XDP has judged the segment: it was
 * the next in order, in the window, with an ACK for what was sent. So steps one
 * to four have nothing left to do, and five and seven do what they always do.
 *
 * The TCB follows the flow's records in their order, but the daemon may have
 * taken in more meanwhile (include/owner.h, rule 3) or may have closed: then what
 * is old here is trimmed, as in any segment. */
#include "core.h"

static void repeat(struct arrival *a)
{
	struct conn *c = a->c;

	segment_trim(a);
	ack_take(a);
	if (!ack_take_fin(a))
		return;
	segment_take_text(a);
	if (c->state != CLOSED) /* the text may have reached a FIN that came early */
		segment_take_fin(a);
}

/* XDP knew what had been acknowledged at the time, we may have sent more ACKs
 * since: so its TS.Recent counts, unless a later segment has set ours already. */
static void note_timestamp(struct conn *c, const struct host *h, const struct hit *hit)
{
	if (!(c->options & hit->options & OPTION_TIMESTAMPS) || hit->rx.ts_recent != hit->tsval ||
	    seq_before(hit->tsval, c->ts.recent))
		return;
	c->ts.recent = hit->tsval;
	c->ts.recent_age = h->now;
}

/* The peer ignores the window of a segment whose ACK is older than one that it has
 * seen (3.10.7.4, fifth). So if XDP acknowledged more than we had when we last
 * advertised a window, that one may have been lost on the peer: it knows the edge
 * that XDP showed, rounded down as the field is. Else the later of both. */
static void note_edge_shown(struct conn *c, uint32_t ack, uint32_t edge)
{
	uint8_t scale = c->rcv.window_scale;
	uint32_t shown = ack + ((edge - ack) >> scale << scale);

	if (seq_after(ack, c->rcv.ack_sent) || seq_after(shown, c->rcv.told))
		c->rcv.told = shown;
}

/* What XDP has acknowledged needs no ACK of ours, unless the window does. */
static void note_ack_in_place(struct conn *c, uint32_t ack_sent, uint32_t edge)
{
	note_edge_shown(c, ack_sent, edge);
	c->rcv.ack_sent = seq_later(c->rcv.ack_sent, ack_sent);
	if (c->rcv.ack_sent != c->rcv.nxt || c->rcv.spans)
		return;
	c->deadline[TIMER_DELAYED_ACK] = 0;
	c->flags &= ~(uint32_t)CONN_ACK_NOW;
	if (window_update_is_due(c))
		c->flags |= CONN_ACK_NOW;
}

void tcp_absorb(struct conn *c, struct host *h, const struct hit *hit, const void *text,
		uint32_t length, bool acked)
{
	struct arrival a = {.c = c, .h = h, .text = text, .seq = hit->seq, .length = length};

	c->hits = hit->rx.hits;
	if (!conn_is_synchronized(c))
		return;
	a.s.seq = hit->seq;
	a.s.ack = hit->ack;
	a.s.tsval = hit->tsval;
	a.s.tsecr = hit->tsecr;
	a.s.wnd = hit->wnd;
	a.s.flags = hit->flags;
	a.s.options = hit->options;
	a.s.text_length = length;
	conn_note_heard(c, h);
	note_timestamp(c, h, hit);
	repeat(&a);
	if (acked && c->state != CLOSED)
		note_ack_in_place(c, hit->rx.ack_sent, hit->rx.edge_shown);
}

bool tcp_is_plain(const struct conn *c)
{
	/* An ACK that is due goes out whoever owns the flow: to take the flow for as
	 * long as it takes to send it would punt what arrives meanwhile. */
	const uint32_t harmless = CONN_ACK_NOW | CONN_CLOCK_SET | CONN_SYN_LOST | CONN_REORDERED |
				  CONN_UNDO | CONN_IDLE | CONN_ECN | CONN_CWR | CONN_REDUCED;

	return c->state == ESTABLISHED && !(c->flags & ~harmless) && !c->answer.flags &&
	       !c->rcv.spans && c->snd.wnd && recovery_is_idle(c) &&
	       /* XDP updates SND.WND without the check of WL1 */
	       !seq_after(c->snd.wl1, c->rcv.nxt);
}
