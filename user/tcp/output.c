/* SPDX-License-Identifier: BSD-2-Clause */
/* What to send now (RFC 9293, 3.8; 3.7.4 Nagle, 3.8.6.2.1 silly windows). Pulled:
 * the other files only change the TCB, and this one finds out what follows. The
 * order is that of urgency: an answer, the SYN, an acknowledgment that carries
 * SACK blocks, lost text, a probe, new text, FIN, a bare acknowledgment. */
#include "congestion.h"
#include "core.h"

enum { SACK_ROOM = 4, SACK_ROOM_WITH_TIMESTAMPS = 3 }; /* blocks in 40 bytes */

static void add_timestamps(const struct conn *c, const struct host *h, struct segment *s)
{
	s->options |= OPTION_TIMESTAMPS;
	s->tsval = tcp_timestamp(c, h);
	s->tsecr = s->flags & ACK ? c->ts.recent : 0;
}

/* A segment that carries the ACK of everything so far. */
static void fill(struct conn *c, const struct host *h, uint32_t seq, struct segment *s)
{
	s->seq = seq;
	s->ack = c->rcv.nxt;
	s->flags |= ACK;
	s->wnd = window_to_advertise(c);
	ecn_fill(c, s);
	if (c->options & OPTION_TIMESTAMPS)
		add_timestamps(c, h, s);
	c->rcv.ack_sent = c->rcv.nxt;
	c->deadline[TIMER_DELAYED_ACK] = 0;
	c->flags &= ~(uint32_t)CONN_ACK_NOW;
}

/* SACK blocks go into segments without text: a full-sized one has no room. */
static void fill_ack(struct conn *c, const struct host *h, struct segment *s)
{
	uint8_t room = c->options & OPTION_TIMESTAMPS ? SACK_ROOM_WITH_TIMESTAMPS : SACK_ROOM;

	fill(c, h, c->snd.nxt, s);
	if (!(c->options & OPTION_SACK_PERMITTED))
		return;
	s->sack_count = reassembly_report(c, s->sack, room);
	c->rcv.twice.end = c->rcv.twice.start;
	if (s->sack_count)
		s->options |= OPTION_SACK;
}

static bool output_answer(struct conn *c, const struct host *h, struct segment *s)
{
	uint8_t flags = c->answer.flags;

	if (!flags)
		return false;
	c->answer.flags = 0;
	if (!(flags & RST)) {
		fill_ack(c, h, s);
		return true;
	}
	s->flags = RST;
	s->seq = c->answer.seq;
	/* RFC 7323, 3.2: an RST of a known connection should have the option. */
	if (c->options & OPTION_TIMESTAMPS && conn_has(c, CONN_CLOCK_SET))
		add_timestamps(c, h, s);
	return true;
}

/* The SYN, or SYN+ACK once the peer's is known; again when its timer expires. */
static bool output_syn(struct conn *c, const struct host *h, struct segment *s)
{
	bool first = c->snd.nxt == c->snd.iss;

	if (!conn_has(c, CONN_SEND_SYN))
		return false;
	c->flags &= ~(uint32_t)CONN_SEND_SYN;
	s->seq = c->snd.iss;
	s->flags = SYN;
	if (c->state != SYN_SENT) {
		s->flags |= ACK;
		s->ack = c->rcv.nxt;
	}
	s->wnd = c->state != SYN_SENT	 ? (uint16_t)window_free(c)
		 : c->rcv.limit < 0xffff ? (uint16_t)c->rcv.limit
					 : 0xffff;
	handshake_offer(c, h, s);
	ecn_offer(c, h, s);
	if (s->options & OPTION_TIMESTAMPS)
		add_timestamps(c, h, s);
	if (first) {
		c->snd.nxt = c->snd.iss + 1;
		c->rtt.timed_at = h->now;
		c->rtt.timed_seq = c->snd.nxt;
	} else {
		c->rtt.timed_at = 0;
	}
	if (first || !c->deadline[TIMER_RETRANSMIT])
		rto_arm(c, h);
	return true;
}

/* May text or a FIN of ours be on the wire in this state? */
static bool state_sends_text(const struct conn *c)
{
	return c->state == ESTABLISHED || c->state == CLOSE_WAIT || c->state == FIN_WAIT_1 ||
	       c->state == CLOSING || c->state == LAST_ACK;
}

static uint32_t unsent_text(const struct conn *c)
{
	return conn_has(c, CONN_FIN_SENT) ? 0 : c->snd.end - c->snd.nxt;
}

static bool fin_is_pending(const struct conn *c)
{
	return conn_has(c, CONN_CLOSE) && !conn_has(c, CONN_FIN_SENT);
}

/* The usable window, U = SND.UNA + SND.WND - SND.NXT, or 0: a peer may have taken
 * back what it had offered (MUST-34, SHLD-15). */
static uint32_t usable_window(const struct conn *c)
{
	uint32_t flight = conn_flight(c);

	return c->snd.wnd > flight ? c->snd.wnd - flight : 0;
}

static uint32_t congestion_room(const struct conn *c)
{
	uint32_t pipe = recovery_pipe(c);

	return c->cc.cwnd > pipe ? c->cc.cwnd - pipe : 0;
}

/* The FIN takes its sequence number behind all text; leaving CLOSE_WAIT waits for
 * this moment (3.10.4). */
static void attach_fin(struct conn *c, struct segment *s)
{
	s->flags |= FIN;
	c->flags |= CONN_FIN_SENT;
	c->snd.nxt++;
	if (c->state == CLOSE_WAIT)
		set_state(c, LAST_ACK);
}

/* New sequence numbers, from SND.NXT on: `length` bytes, and the FIN if it is due
 * and `with_fin`. The end of what the user has handed over is pushed (MUST-61), and
 * nothing before it, however it was handed over (SHLD-27). */
static void send_new(struct conn *c, const struct host *h, uint32_t length, bool with_fin,
		     struct segment *s)
{
	bool was_idle = !conn_flight(c);

	fill(c, h, c->snd.nxt, s);
	s->text_length = length;
	c->snd.nxt += length;
	if (length && c->snd.nxt == c->snd.end)
		s->flags |= PSH;
	if (length % c->snd.mss)
		c->snd.small = c->snd.nxt;
	if (with_fin && fin_is_pending(c) && c->snd.nxt == c->snd.end)
		attach_fin(c, s);
	c->cc.sent_at = (uint32_t)(h->now / 1000000) | 1;
	recovery_note_sent(c, length);
	if (was_idle) {
		recovery_forget(c);
		rto_arm(c, h);
	}
	tail_probe_watch(c, h);
}

/* One segment is timed at a time, the first of a burst, and only while nothing
 * was lost: behind a hole it would be acknowledged late. */
static void time_segment(struct conn *c, const struct host *h, const struct segment *s)
{
	uint32_t length = s->text_length < c->snd.mss ? s->text_length : c->snd.mss;

	if (c->rtt.timed_at || !recovery_is_idle(c))
		return;
	c->rtt.timed_at = h->now;
	c->rtt.timed_seq = s->seq + (length ? length : 1);
}

/* May a segment that is not full go? `length`: what could be sent, `unsent`: what
 * there is. The end of the text: by Nagle's rule as Minshall amended it, unless a
 * small segment is already under way (3.7.4, SHLD-7, MUST-17), which cannot last
 * (MUST-60). The window's end: if it is half of the largest seen (3.8.6.2.1, (3),
 * MUST-38). */
static bool small_may_go(const struct conn *c, const struct host *h, uint32_t length,
			 uint32_t unsent)
{
	if (length == unsent)
		return !h->settings->nagle || conn_has(c, CONN_CLOSE) ||
		       !seq_after(c->snd.small, c->snd.una);
	return length == usable_window(c) && length < c->snd.mss && length >= c->snd.wnd_max / 2;
}

/* How much new text to send in one go; 0: none now. Full segments wherever there is
 * enough of it (SHLD-28), what is less may wait (MAY-16). */
static uint32_t new_text(const struct conn *c, const struct host *h, uint32_t max_text)
{
	uint32_t unsent = unsent_text(c);
	uint32_t length =
		least(least(unsent, usable_window(c)), least(congestion_room(c), max_text));
	uint32_t tail = length % c->snd.mss;

	if (tail && !small_may_go(c, h, length, unsent))
		length -= tail;
	return length;
}

/* Pacing: text goes in shares of a millisecond, at twice the rate at which cwnd
 * is acknowledged in slow start and a fifth above it later. Bytes per ms, or 0
 * where it would not matter. */
static uint64_t pace_rate(const struct conn *c, const struct host *h)
{
	uint64_t per_ms, rtt = c->rtt.srtt;

	if (!h->settings->pacing || rtt < 2000000 || c->cc.cwnd <= congestion_initial_window(c))
		return 0;
	per_ms = c->cc.cwnd * 1000000ull / rtt;
	return c->cc.cwnd < c->cc.ssthresh ? 2 * per_ms : per_ms * 6 / 5;
}

static uint32_t pace_share(const struct conn *c, const struct host *h, uint32_t max_text)
{
	uint64_t rate = pace_rate(c, h);

	if (!rate || rate >= max_text)
		return max_text;
	return least(max_text, rate > 2u * c->snd.mss ? (uint32_t)rate : 2u * c->snd.mss);
}

static void pace(struct conn *c, const struct host *h, uint32_t sent)
{
	uint64_t rate = pace_rate(c, h);

	if (rate)
		c->deadline[TIMER_PACE] = h->now + sent * 1000000ull / rate;
}

static bool output_text(struct conn *c, const struct host *h, uint32_t max_text, struct segment *s)
{
	bool was_idle = !conn_flight(c);
	uint32_t length;

	if (!state_sends_text(c) || !unsent_text(c) || c->deadline[TIMER_PACE])
		return false;
	if (was_idle)
		congestion_after_idle(c, h);
	if (conn_has(c, CONN_CWR)) /* it stands in one segment: no super-segment */
		max_text = least(max_text, c->snd.mss);
	length = new_text(c, h, pace_share(c, h, max_text));
	if (!length)
		return false;
	send_new(c, h, length, usable_window(c) > length, s);
	ecn_fill_new(c, s);
	time_segment(c, h, s);
	pace(c, h, length);
	return true;
}

static bool output_fin(struct conn *c, const struct host *h, struct segment *s)
{
	if (!state_sends_text(c) || !fin_is_pending(c) || unsent_text(c) || !usable_window(c))
		return false;
	send_new(c, h, 0, true, s);
	time_segment(c, h, s);
	return true;
}

/* `length` sequence numbers from `seq` on, once more; the last may be the FIN. */
static void send_again(struct conn *c, const struct host *h, uint32_t seq, uint32_t length,
		       struct segment *s)
{
	fill(c, h, seq, s);
	s->text_length = length;
	if (conn_has(c, CONN_FIN_SENT) && seq + length == c->snd.nxt) {
		s->text_length--;
		s->flags |= FIN;
	}
	if (s->text_length && seq + s->text_length == c->snd.end)
		s->flags |= PSH;
	c->rtt.timed_at = 0; /* Karn */
	recovery_note_sent_again(c, h, seq, length);
	if (c->rtt.retransmits < UINT16_MAX)
		c->rtt.retransmits++;
	if (!c->deadline[TIMER_RETRANSMIT])
		rto_arm(c, h);
}

/* From `seq` on, at most `end`: what one segment can carry, up to text that the
 * peer has and as far as the window reaches (SHLD-16). */
static uint32_t lost_length(const struct conn *c, uint32_t seq, uint32_t end)
{
	uint32_t reach = c->snd.una + c->snd.wnd;
	/* The FIN needs no room beside a full segment's text. */
	uint32_t most = c->snd.mss + (conn_has(c, CONN_FIN_SENT) && seq + c->snd.mss == c->snd.end);

	if (!seq_before(seq, end) || !seq_before(seq, reach))
		return 0;
	end = seq_earlier(scoreboard_hole_end(c, seq, end), reach);
	if (seq_before(seq, c->rack.jump)) /* a second sweep */
		end = seq_earlier(end, c->rack.jump);
	return least(most, end - seq);
}

/* Lost text, a segment at a time. The first need not ask cwnd (RFC 5681, 3.2, step
 * 3), nor one that was lost twice. */
static bool output_lost(struct conn *c, const struct host *h, struct segment *s)
{
	uint32_t length;

	if (conn_syn_is_out(c))
		return false;
	if (conn_has(c, CONN_AGAIN_FIRST)) {
		c->flags &= ~(uint32_t)CONN_AGAIN_FIRST;
		length = lost_length(c, c->snd.una, c->snd.again);
		if (length)
			send_again(c, h, c->snd.una, length, s);
		return length;
	}
	rack_move_again(c, scoreboard_skip(c, c->snd.again));
	length = lost_length(c, c->snd.again, c->snd.lost);
	if (!length || (!conn_has(c, CONN_AGAIN_NOW) && congestion_room(c) < length))
		return false;
	c->flags &= ~(uint32_t)CONN_AGAIN_NOW;
	send_again(c, h, c->snd.again, length, s);
	rack_move_again(c, c->snd.again + length);
	return true;
}

/* RFC 8985, 7.3: something new if there is any and it may go, else the last again. */
static bool output_tail_probe(struct conn *c, const struct host *h, struct segment *s)
{
	uint32_t length = least(least(unsent_text(c), usable_window(c)), c->snd.mss);
	uint32_t last = least(conn_flight(c), c->snd.mss);

	if (!conn_has(c, CONN_TAIL_PROBE))
		return false;
	c->flags &= ~(uint32_t)CONN_TAIL_PROBE;
	if (!last)
		return false;
	if (length) {
		send_new(c, h, length, usable_window(c) > length, s);
		ecn_fill_new(c, s);
	} else {
		send_again(c, h, c->snd.nxt - last, last, s);
	}
	tail_probe_note_sent(c, h, !length);
	return true;
}

/* MUST-35, MUST-36: at least one byte into a closed window, the first that is not
 * acknowledged or, if all is, the next. A window too small for the rule above is
 * filled now: that is the override timeout of 3.8.6.2.1, (4). */
static bool output_probe(struct conn *c, const struct host *h, struct segment *s)
{
	uint32_t length = least(least(unsent_text(c), usable_window(c)), c->snd.mss);

	if (!conn_has(c, CONN_PROBE))
		return false;
	c->flags &= ~(uint32_t)CONN_PROBE;
	if (conn_flight(c)) {
		send_again(c, h, c->snd.una, 1, s);
		return true;
	}
	if (!state_sends_text(c) || (!unsent_text(c) && !fin_is_pending(c)))
		return false;
	if (unsent_text(c) && !length)
		length = 1;
	send_new(c, h, length, !length, s);
	return true;
}

/* Keep-alive (3.8.4, SHLD-12): no text, and a sequence number that is old, so that
 * the peer must answer. */
static bool output_keepalive(struct conn *c, const struct host *h, struct segment *s)
{
	if (!conn_has(c, CONN_KEEPALIVE))
		return false;
	c->flags &= ~(uint32_t)CONN_KEEPALIVE;
	if (conn_flight(c) || !conn_has(c, CONN_IDLE))
		return false;
	fill(c, h, c->snd.nxt - 1, s);
	return true;
}

/* An acknowledgment that goes alone: every one that has blocks to carry. */
static bool output_ack(struct conn *c, const struct host *h, struct segment *s)
{
	if (!conn_has(c, CONN_ACK_NOW))
		return false;
	fill_ack(c, h, s);
	return true;
}

static bool output_blocks(struct conn *c, const struct host *h, struct segment *s)
{
	bool blocks = c->rcv.spans || c->rcv.twice.start != c->rcv.twice.end;

	return blocks && c->options & OPTION_SACK_PERMITTED && output_ack(c, h, s);
}

/* See window_was_used() of congestion.c. */
static void note_limit(struct conn *c)
{
	if (c->deadline[TIMER_PACE]) /* not all has gone that may go */
		return;
	c->flags &= ~(uint32_t)CONN_CWND_FULL;
	if (unsent_text(c) && congestion_room(c) < c->snd.mss)
		c->flags |= CONN_CWND_FULL;
}

/* Nothing could be sent and nothing is in flight: if there is something to send,
 * only the peer's window can be in the way, and its opening can get lost. */
static void watch_closed_window(struct conn *c, const struct host *h)
{
	bool pending = unsent_text(c) || fin_is_pending(c);

	if (c->deadline[TIMER_PACE] || c->deadline[TIMER_RETRANSMIT])
		return;
	if (pending && state_sends_text(c) && !conn_flight(c))
		rto_arm(c, h);
}

bool tcp_output(struct conn *c, const struct host *h, uint32_t max_text, struct segment *s)
{
	*s = (struct segment){0};
	if (output_answer(c, h, s))
		return true;
	if (c->state == CLOSED || c->state == LISTEN)
		return false;
	if (output_syn(c, h, s))
		return true;
	if (c->state == SYN_SENT)
		return false;
	if (output_blocks(c, h, s) || output_lost(c, h, s) || output_tail_probe(c, h, s) ||
	    output_probe(c, h, s) || output_text(c, h, max_text, s) || output_fin(c, h, s) ||
	    output_keepalive(c, h, s) || output_ack(c, h, s))
		return true;
	note_limit(c);
	watch_closed_window(c, h);
	return false;
}
