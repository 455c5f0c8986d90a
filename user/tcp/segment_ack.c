/* SPDX-License-Identifier: BSD-2-Clause */
/* The acknowledgment of a segment: the fifth step of RFC 9293, 3.10.7.4. Also run
 * for hits of the fast path, by absorb.c. */
#include "congestion.h"
#include "core.h"

static bool fin_is_acked(const struct conn *c)
{
	return conn_has(c, CONN_FIN_SENT) && c->snd.una == c->snd.end + 1;
}

/* RFC 5961, 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT. Both what is not
 * yet sent ("send an ACK, drop the segment") and what is too old to be the peer's
 * is answered by a challenge ACK. */
bool segment_check_ack(struct arrival *a)
{
	struct conn *c = a->c;
	uint32_t oldest = c->snd.una - c->snd.wnd_max;

	if (seq_within(a->s.ack, oldest, c->snd.nxt - oldest + 1))
		return true;
	answer_challenge(c, a->h);
	return false;
}

static bool is_duplicate(const struct arrival *a, uint32_t wnd)
{
	const struct conn *c = a->c;

	/* RFC 5681, 2. While the window is closed, answers to probes look alike. */
	return a->s.ack == c->snd.una && conn_flight(c) && !a->length && wnd == c->snd.wnd && wnd;
}

/* Text that an ACK up to `to` acknowledges, not counting the SYN and the FIN. */
static uint32_t text_until(const struct conn *c, uint32_t to)
{
	return seq_earlier(to, c->snd.end) - (c->snd.una + conn_syn_is_first(c));
}

/* What stays where it was while SND.UNA moves on would come to lie ahead of it, once
 * that is half the circle further. */
static uint32_t not_far_behind(const struct conn *c, uint32_t seq)
{
	const uint32_t far = 1u << 30;

	return seq_before(seq, c->snd.una - far) ? c->snd.una - far : seq;
}

static void advance_una(struct arrival *a)
{
	struct conn *c = a->c;
	uint32_t text = text_until(c, a->s.ack);

	rto_take_ack(c, a->h, &a->s);
	c->snd.una = a->s.ack;
	c->snd.small = not_far_behind(c, c->snd.small);
	c->cc.recover = not_far_behind(c, c->cc.recover);
	if ((int32_t)text > 0) {
		c->bytes_out += text;
		c->events |= EVENT_WRITABLE;
	}
	c->flags &= ~(uint32_t)(CONN_SEND_SYN | CONN_PROBE);
	scoreboard_advance(c);
	rto_rearm_or_stop(c, a->h);
}

/* MUST-1: unsigned; REC-1: 32 bits once it is scaled. */
static uint32_t window_of(const struct conn *c, const struct segment *s)
{
	return (uint32_t)s->wnd << (s->flags & SYN ? 0 : c->snd.window_scale);
}

/* "If SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)": the check
 * that keeps old segments from updating the window. */
void ack_update_window(struct arrival *a)
{
	struct conn *c = a->c;
	uint32_t wnd = window_of(c, &a->s);
	bool opened = !c->snd.wnd && wnd && c->rtt.probes;

	if (seq_before(a->seq, c->snd.wl1) ||
	    (a->seq == c->snd.wl1 && seq_before(a->s.ack, c->snd.wl2)))
		return;
	c->snd.wnd = wnd;
	c->snd.wl1 = a->seq;
	c->snd.wl2 = a->s.ack;
	if (wnd > c->snd.wnd_max)
		c->snd.wnd_max = wnd;
	if (!opened)
		return;
	recovery_window_opened(c);
	rto_rearm_or_stop(c, a->h);
}

/* What the acknowledgment and its SACK blocks say of the network. */
static void take_news(struct arrival *a)
{
	struct conn *c = a->c;
	struct news n = recovery_before(c);
	uint32_t flight = conn_flight(c), acked = a->s.ack - c->snd.una;
	bool marked = ecn_take_echo(c, a->h, &a->s);
	bool grows = acked && !marked && !conn_syn_is_out(c) && c->cc.phase != PHASE_RECOVERY;

	n.duplicate = is_duplicate(a, window_of(c, &a->s));
	if (acked)
		advance_una(a);
	scoreboard_take(c, &a->s, &n);
	recovery_take_ack(c, a->h, &a->s, &n);
	if (grows)
		congestion_on_ack(c, a->h, acked, flight);
}

/* ESTABLISHED and after it: "if SND.UNA < SEG.ACK =< SND.NXT, then set SND.UNA <-
 * SEG.ACK"; older ones are ignored. */
void ack_take(struct arrival *a)
{
	struct conn *c = a->c;

	if (seq_before(a->s.ack, c->snd.una))
		return;
	take_news(a);
	ack_update_window(a);
	/* MUST-37, SHLD-17: a peer that answers our probes keeps its connection;
	 * unless nobody is left here who waits for it. */
	if (!c->snd.wnd && c->deadline[TIMER_LIFE] && !conn_has(c, CONN_FORSAKEN))
		conn_watch_life(c, a->h);
}

/* What the ACK of our FIN does, state by state. False: "return". */
bool ack_take_fin(struct arrival *a)
{
	struct conn *c = a->c;

	if (!fin_is_acked(c))
		return true;
	switch (c->state) {
	case FIN_WAIT_1:
		set_state(c, FIN_WAIT_2);
		conn_watch_life(c, a->h);
		if (conn_has(c, CONN_FORSAKEN))
			c->deadline[TIMER_LIFE] = a->h->now + a->h->settings->fin_wait_2;
		return true;
	case CLOSING: conn_enter_time_wait(c, a->h); return false;
	case LAST_ACK: conn_end(c, 0); return false;
	default: return true;
	}
}
