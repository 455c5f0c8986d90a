/* SPDX-License-Identifier: BSD-2-Clause */
/* SEGMENT ARRIVES (RFC 9293, 3.10.7), in the RFC's order: by state first, then
 * for the states from SYN_RECEIVED on the eight steps of 3.10.7.4. A step returns
 * false where the RFC says "drop the segment, and return". */
#include "core.h"

/* Something arrived that needs an ACK in answer, but that a stranger or a loop
 * could make arrive at any rate: what has no text counts against the budget of
 * RFC 5961, 7. */
static void answer_unacceptable(struct arrival *a)
{
	if (a->s.text_length && seq_before(a->s.seq, a->c->rcv.nxt) && conn_is_synchronized(a->c))
		segment_note_twice(a);
	if (a->s.text_length || a->s.flags & FIN)
		a->c->flags |= CONN_ACK_NOW;
	else
		answer_challenge(a->c, a->h);
}

/* 3.10.7.2. Text in a SYN is not kept: a peer whose address is not proven gets no
 * memory, and it will send the text again. So will it the FIN. */
static void listen_state(struct arrival *a)
{
	struct conn *c = a->c;

	if (a->s.flags & RST) /* first */
		return;
	if (a->s.flags & ACK) { /* second */
		answer_reset(c, a->s.ack);
		return;
	}
	if (!(a->s.flags & SYN)) /* third; fourth: anything else is dropped */
		return;
	handshake_begin(c, a->h);
	handshake_take_syn(c, a->h, &a->s);
	set_state(c, SYN_RECEIVED);
	c->deadline[TIMER_LIFE] = a->h->now + a->h->settings->syn_timeout_passive;
}

static bool acks_our_syn(const struct arrival *a)
{
	return a->s.flags & ACK &&
	       seq_within(a->s.ack - 1, a->c->snd.una, a->c->snd.nxt - a->c->snd.una);
}

/* 3.10.7.3, fourth, "If SND.UNA > ISS": our SYN was acknowledged. The rest of the
 * segment is treated as what comes behind a SYN. */
static void syn_sent_connected(struct arrival *a)
{
	struct conn *c = a->c;

	ack_take(a);
	conn_establish(c, a->h);
	c->flags |= CONN_ACK_NOW;
	a->s.flags &= ~SYN;
	a->s.seq++;
	segment_trim(a);
	segment_take_text(a);
	segment_take_fin(a);
}

/* Simultaneous open: a SYN has crossed ours (MUST-10; 3.5, figure 8). */
static void syn_sent_crossed(struct arrival *a)
{
	set_state(a->c, SYN_RECEIVED);
	a->c->flags |= CONN_SEND_SYN;
	a->c->rtt.timed_at = 0; /* the SYN+ACK is our SYN once more */
}

/* 3.10.7.3 */
static void syn_sent_state(struct arrival *a)
{
	struct conn *c = a->c;

	if (a->s.flags & ACK && !acks_our_syn(a)) { /* first */
		if (!(a->s.flags & RST))
			answer_reset(c, a->s.ack);
		return;
	}
	if (a->s.flags & RST) { /* second: only one that acknowledges our SYN */
		if (a->s.flags & ACK)
			conn_end(c, EVENT_REFUSED);
		return;
	}
	if (!(a->s.flags & SYN)) /* fifth */
		return;
	handshake_take_syn(c, a->h, &a->s); /* fourth */
	if (a->s.flags & ACK)
		syn_sent_connected(a);
	else
		syn_sent_crossed(a);
}

/* A SYN that can begin the next incarnation (RFC 9293, 3.6.1: MAY-2, SHLD-4; RFC
 * 6191, 2): its timestamp is newer than all of the old one, or, where timestamps do
 * not tell, its sequence number lies beyond. */
static bool may_reopen(const struct conn *c, const struct segment *s)
{
	bool both = c->options & s->options & OPTION_TIMESTAMPS;

	if ((s->flags & (SYN | ACK | RST | FIN)) != SYN)
		return false;
	if (both && s->tsval != c->ts.recent)
		return seq_after(s->tsval, c->ts.recent);
	return seq_after(s->seq, c->rcv.nxt) || s->seq == c->rcv.nxt;
}

/* "It may be acknowledged again, and the 2 MSL timeout restarted": the FIN that
 * the peer sends once more, since our ACK of it was lost. */
static bool is_fin_again(const struct arrival *a)
{
	return a->c->state == TIME_WAIT && a->s.flags & FIN &&
	       a->s.seq + segment_length(&a->s) == a->c->rcv.nxt;
}

/* RFC 7323, 5.3, R1: older than TS.Recent. After 24 days of silence TS.Recent
 * itself is too old to compare with (5.5). */
static bool is_too_old(const struct arrival *a)
{
	const struct conn *c = a->c;
	const int64_t outdated = 24 * 86400 * TCP_SECOND;

	return a->s.options & OPTION_TIMESTAMPS && conn_has(c, CONN_CLOCK_SET) &&
	       seq_before(a->s.tsval, c->ts.recent) &&
	       (int64_t)(a->h->now - c->ts.recent_age) < outdated;
}

/* The peer did not get our SYN+ACK, or its own crossed our SYN. */
static bool is_syn_again(const struct arrival *a)
{
	return a->c->state == SYN_RECEIVED && a->s.flags & SYN && a->s.seq == a->c->rcv.irs;
}

/* First, check sequence number; and the timestamp (RFC 7323, 5.3). */
static bool first_sequence(struct arrival *a)
{
	struct conn *c = a->c;
	bool timestamps = c->options & OPTION_TIMESTAMPS && !(a->s.flags & RST);

	/* RFC 7323, 3.2: a segment without the option is dropped silently. Not so a
	 * SYN: that of a peer which has restarted is owed its answer, whatever it
	 * offers now (RFC 5961, 4.2). */
	if (timestamps && !(a->s.options & OPTION_TIMESTAMPS) && !(a->s.flags & SYN))
		return false;
	if (is_syn_again(a) && !(a->s.flags & (ACK | RST))) {
		c->flags |= CONN_SEND_SYN; /* a bare ACK would not help it */
		return false;
	}
	if (!(timestamps && is_too_old(a)) && (segment_is_in_window(c, &a->s) || is_syn_again(a)))
		return true;
	if (a->s.flags & RST)
		return false;
	if (is_fin_again(a))
		c->deadline[TIMER_LIFE] = a->h->now + a->h->settings->two_msl;
	answer_unacceptable(a);
	return false;
}

/* A closed window lets no text in, but the ACK of such a segment counts: "special
 * allowance should be made to accept valid ACKs". */
static bool is_probe_of_closed_window(const struct arrival *a)
{
	const struct conn *c = a->c;

	return !window_free(c) && a->s.seq == c->rcv.nxt && !(a->s.flags & (SYN | RST)) &&
	       a->s.flags & ACK && conn_is_synchronized(c) && c->state != TIME_WAIT;
}

/* The user is told (MUST-12). Where it goes from SYN_RECEIVED depends on how that
 * was reached (MUST-11). */
static void reset_by_peer(struct arrival *a)
{
	struct conn *c = a->c;

	switch (c->state) {
	case SYN_RECEIVED:
		if (c->passive)
			conn_relisten(c);
		else
			conn_end(c, EVENT_REFUSED);
		break;
	case ESTABLISHED:
	case FIN_WAIT_1:
	case FIN_WAIT_2:
	case CLOSE_WAIT: conn_end(c, EVENT_RESET); break;
	case CLOSING:
	case LAST_ACK: conn_end(c, 0); break;
	default: break; /* TIME_WAIT: an RST must not end it early (RFC 1337) */
	}
}

/* Second, check the RST bit, with the exact match of RFC 5961, 3.2 (MAY-12). Text
 * in it does not matter (SHLD-2). */
static bool second_reset(struct arrival *a)
{
	if (!(a->s.flags & RST))
		return true;
	if (a->s.seq == a->c->rcv.nxt)
		reset_by_peer(a);
	else if (a->c->state != TIME_WAIT)
		answer_challenge(a->c, a->h);
	return false;
}

/* Third, security and compartment: obsolete (RFC 9293, 3.10.7.4: A.1).
 * Fourth, check the SYN bit. In a synchronized state it is answered by a challenge
 * ACK wherever it lies (RFC 5961, 4.2). */
static bool fourth_syn(struct arrival *a)
{
	struct conn *c = a->c;

	if (!(a->s.flags & SYN) || is_syn_again(a))
		return true;
	if (c->state == SYN_RECEIVED && c->passive)
		conn_relisten(c);
	else
		answer_challenge(c, a->h);
	return false;
}

/* "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED." */
static bool syn_received_ack(struct arrival *a)
{
	if (!acks_our_syn(a)) {
		answer_reset(a->c, a->s.ack);
		return false;
	}
	conn_establish(a->c, a->h);
	return true;
}

/* Fifth, check the ACK field. */
static bool fifth_ack(struct arrival *a)
{
	struct conn *c = a->c;

	if (!(a->s.flags & ACK))
		return false;
	if (c->state == SYN_RECEIVED && !syn_received_ack(a))
		return false;
	if (!segment_check_ack(a))
		return false;
	segment_note_timestamp(a);
	ack_take(a);
	return ack_take_fin(a);
}

/* Sixth, check the URG bit: tolerated. The text, however long (MUST-31), is
 * delivered in line and nobody is told of the pointer, as RFC 6093 recommends.
 * Seventh, the segment text; eighth, the FIN bit. */
static void text_and_fin(struct arrival *a)
{
	ecn_note_mark(a);
	segment_take_text(a);
	if (a->c->state != CLOSED)
		segment_take_fin(a);
}

/* 3.10.7.4. Old text at the front, or text beyond the window, is owed an ACK. */
static void other_states(struct arrival *a)
{
	if (is_probe_of_closed_window(a) && segment_length(&a->s)) {
		a->c->flags |= CONN_ACK_NOW;
		a->s.text_length = 0;
		a->s.flags &= ~FIN;
	}
	if (!first_sequence(a) || !second_reset(a) || !fourth_syn(a))
		return;
	segment_trim(a);
	if (segment_length(&a->s) < a->length)
		a->c->flags |= CONN_ACK_NOW;
	if (fifth_ack(a))
		text_and_fin(a);
}

/* TIME_WAIT ends for a SYN that may open its successor. */
static bool reopens(struct arrival *a)
{
	if (a->c->state != TIME_WAIT || !may_reopen(a->c, &a->s))
		return false;
	conn_end(a->c, EVENT_REOPEN);
	return true;
}

void tcp_segment_arrives(struct conn *c, struct host *h, const struct segment *s, const void *text)
{
	struct arrival a = {c, h, *s, text, s->seq, segment_length(s)};

	conn_note_heard(c, h);
	switch (c->state) {
	case CLOSED: break; /* 3.10.7.1: tcp_answer_stray() */
	case LISTEN: listen_state(&a); break;
	case SYN_SENT: syn_sent_state(&a); break;
	default:
		if (!reopens(&a))
			other_states(&a);
	}
}
