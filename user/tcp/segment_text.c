/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a segment lies in the receive window, its timestamp, its text and its
 * FIN: parts of the first step, the seventh and the eighth of RFC 9293, 3.10.7.4.
 * Also run for hits of the fast path, by absorb.c. */
#include "core.h"

/* The table of 3.10.7.4, first: four cases by SEG.LEN and RCV.WND. An RST is
 * judged by its first sequence number alone, and accepted at RCV.NXT even if the
 * window is closed (MUST-66). */
bool segment_is_in_window(const struct conn *c, const struct segment *s)
{
	uint32_t wnd = window_free(c), length = segment_length(s);

	if (!length || s->flags & RST)
		return s->seq == c->rcv.nxt || seq_within(s->seq, c->rcv.nxt, wnd);
	if (!wnd)
		return false;
	return seq_within(s->seq, c->rcv.nxt, wnd) ||
	       seq_within(s->seq + length - 1, c->rcv.nxt, wnd);
}

/* The part of the text that was received before. */
void segment_note_twice(struct arrival *a)
{
	uint32_t end = a->s.seq + a->s.text_length;

	if (a->s.text_length && !(a->s.flags & SYN))
		reassembly_note_twice(a->c, a->s.seq, seq_earlier(end, a->c->rcv.nxt));
}

static void trim_front(struct arrival *a)
{
	struct segment *s = &a->s;
	uint32_t old = a->c->rcv.nxt - s->seq;

	if (!seq_before(s->seq, a->c->rcv.nxt))
		return;
	segment_note_twice(a);
	if (s->flags & SYN) {
		s->flags &= ~SYN;
		s->wnd >>= a->c->snd.window_scale; /* not scaled: RFC 7323, 2.2 */
		s->seq++;
		old--;
	}
	if (old > s->text_length) /* its FIN is old as well */
		s->flags &= ~FIN;
	if (old > s->text_length)
		old = s->text_length;
	s->seq = a->c->rcv.nxt;
	s->text_length -= old;
	a->text += old;
}

/* "Segments with higher beginning sequence numbers … trimming off any portions
 * that lie outside the window (including SYN and FIN)". */
void segment_trim(struct arrival *a)
{
	struct segment *s = &a->s;
	uint32_t room;

	trim_front(a);
	room = a->c->rcv.edge - s->seq;
	if (s->text_length + !!(s->flags & FIN) <= room)
		return;
	s->flags &= ~FIN;
	if (s->text_length > room)
		s->text_length = room;
}

/* RFC 7323, 4.3, (2): only a segment that covers what we acknowledged last can
 * change TS.Recent, and PAWS has seen to it that it does not go back. */
void segment_note_timestamp(struct arrival *a)
{
	struct conn *c = a->c;

	if (!(c->options & a->s.options & OPTION_TIMESTAMPS) || seq_after(a->seq, c->rcv.ack_sent))
		return;
	c->ts.recent = a->s.tsval;
	c->ts.recent_age = a->h->now;
	c->flags |= CONN_CLOCK_SET;
}

static void ack_now(struct conn *c)
{
	c->flags |= CONN_ACK_NOW;
}

static bool is_first_text(const struct conn *c)
{
	return c->rcv.ack_sent == c->rcv.irs + 1;
}

/* Delayed acknowledgment (3.8.6.3, SHLD-18): at least every second full-sized
 * segment (SHLD-19), at the latest after settings.delayed_ack (MUST-40). The first
 * text is not delayed: its sender is in slow start and waits for us. */
static void ack_soon(struct conn *c, const struct host *h)
{
	if ((h->settings->quick_ack && is_first_text(c)) ||
	    c->rcv.nxt - c->rcv.ack_sent >= 2u * c->rcv.mss)
		ack_now(c);
	else if (!c->deadline[TIMER_DELAYED_ACK])
		c->deadline[TIMER_DELAYED_ACK] = h->now + h->settings->delayed_ack;
}

static void take_in_order(struct arrival *a, uint32_t stored)
{
	struct conn *c = a->c;
	uint32_t before = c->rcv.nxt;
	bool had_holes = c->rcv.spans;

	c->rcv.nxt = a->s.seq + stored;
	reassembly_merge(c);
	c->bytes_in += c->rcv.nxt - before;
	c->events |= EVENT_READABLE;
	if (had_holes) /* RFC 5681, 4.2: a hole was filled, wholly or in part */
		ack_now(c);
	else
		ack_soon(c, a->h);
}

static uint32_t store(struct arrival *a)
{
	struct conn *c = a->c;
	uint32_t end = a->s.seq + a->s.text_length, stored;

	assert(!seq_before(a->s.seq, c->rcv.nxt) && !seq_after(end, c->rcv.edge));
	if (a->s.seq != c->rcv.nxt && !reassembly_has_room(c, a->s.seq, end))
		return 0;
	if (reassembly_has_all(c, a->s.seq, end))
		reassembly_note_twice(c, a->s.seq, end);
	stored = a->h->store_text(a->h, c, a->s.seq, a->text, a->s.text_length);
	assert(stored <= a->s.text_length);
	return stored;
}

static bool state_takes_text(const struct conn *c)
{
	return c->state == ESTABLISHED || c->state == FIN_WAIT_1 || c->state == FIN_WAIT_2;
}

/* Nothing can follow a FIN; where one is known already, it is the end. */
static void trim_to_fin(struct arrival *a)
{
	struct segment *s = &a->s;
	uint32_t fin = a->c->rcv.fin;

	if (conn_has(a->c, CONN_FIN_EARLY) && seq_after(s->seq + s->text_length, fin))
		s->text_length = seq_after(s->seq, fin) ? 0 : fin - s->seq;
}

/* Seventh, the segment text. Text for a user who is gone cannot be delivered:
 * the peer must learn that (RFC 9293, 3.6.1: MAY-1, SHLD-3). */
void segment_take_text(struct arrival *a)
{
	struct conn *c = a->c;
	uint32_t stored;

	trim_to_fin(a);
	if (!a->s.text_length || !state_takes_text(c))
		return;
	if (conn_has(c, CONN_FORSAKEN)) {
		answer_reset(c, c->snd.nxt);
		conn_end(c, 0);
		return;
	}
	stored = store(a);
	if (stored < a->s.text_length)
		ack_now(c); /* the peer shall know what we do not have */
	if (stored && a->s.seq == c->rcv.nxt)
		take_in_order(a, stored);
	else if (stored)
		reassembly_add(c, a->s.seq, a->s.seq + stored);
	if (c->rcv.spans)
		ack_now(c); /* RFC 5681, 4.2; MAY-13: out of order */
}

/* "Advance RCV.NXT over the FIN, and send an acknowledgment for the FIN." */
static void fin_is_in_order(struct conn *c, const struct host *h)
{
	c->rcv.nxt++;
	c->flags &= ~(uint32_t)CONN_FIN_EARLY;
	c->flags |= CONN_FIN_RECEIVED;
	c->events |= EVENT_PEER_CLOSED;
	ack_now(c);
	switch (c->state) {
	case ESTABLISHED: set_state(c, CLOSE_WAIT); break;
	case FIN_WAIT_1: set_state(c, CLOSING); break; /* ours is not acknowledged */
	case FIN_WAIT_2: conn_enter_time_wait(c, h); break;
	default: assert(!"a FIN cannot be new in this state");
	}
}

/* A FIN behind a hole is kept in mind, so that it need not be sent again. */
static void note_early_fin(struct conn *c, uint32_t fin)
{
	if (conn_has(c, CONN_FIN_EARLY))
		return;
	if (fin == c->rcv.nxt)
		c->rcv.spans = 0; /* text behind the end cannot be the peer's */
	if (c->rcv.spans && seq_after(c->rcv.span[c->rcv.spans - 1].end, fin))
		return;
	c->rcv.fin = fin;
	c->flags |= CONN_FIN_EARLY;
	ack_now(c);
}

/* Eighth, the FIN bit. Where a FIN was received before, one at that place is not
 * in the window any more; whatever else bears one is ignored. */
void segment_take_fin(struct arrival *a)
{
	struct conn *c = a->c;

	if (!state_takes_text(c))
		return;
	if (a->s.flags & FIN && !conn_has(c, CONN_FIN_EARLY) &&
	    !seq_before(a->s.seq + a->s.text_length, c->rcv.nxt))
		note_early_fin(c, a->s.seq + a->s.text_length);
	if (conn_has(c, CONN_FIN_EARLY) && c->rcv.fin == c->rcv.nxt)
		fin_is_in_order(c, a->h);
}
