/* SPDX-License-Identifier: BSD-2-Clause */
/* Loss recovery: what follows from what an ACK has shown. Everything from UNA on
 * is one of
 *
 *     UNA ────── again ─────────── lost ───────────── NXT
 *      sent again │ to be sent again │ in flight
 *                 │ by output.c      │
 *
 * unless the peer has it: by its SACK blocks (scoreboard.c), or, without SACK, by
 * the rule that each duplicate ACK stands for one segment that has arrived. That
 * makes limited transmit (RFC 3042) and the inflation of RFC 5681, 3.2 one rule:
 * send while the pipe holds less than cwnd.
 *
 * With SACK rack.c finds what was lost (RFC 8985); without, three duplicate ACKs
 * (RFC 5681, 6582). In recovery cwnd follows proportional rate reduction (RFC
 * 9937). What was spurious is undone: by the echoed timestamp (RFC 4015), or by
 * D-SACK blocks for all that was sent again (RFC 3708). */
#include "congestion.h"
#include "core.h"

enum { DUPLICATES = 3 };

static uint32_t missing(const struct conn *c, uint32_t from, uint32_t to)
{
	return to - from - scoreboard_bytes(c, from, to);
}

/* Bytes that are in the network, as far as we know (RFC 6675's pipe). */
uint32_t recovery_pipe(const struct conn *c)
{
	uint32_t flight = conn_flight(c), gone = c->snd.sacked;

	if (seq_before(c->snd.again, c->snd.lost))
		gone += missing(c, c->snd.again, c->snd.lost) -
			missing(c, c->rack.jump, c->rack.jump_to);
	return flight > gone ? flight - gone : 0;
}

/* Nothing to be sent again, nothing suspected. */
bool recovery_is_idle(const struct conn *c)
{
	return c->cc.phase == PHASE_OPEN && !c->cc.duplicates && !c->snd.sacked &&
	       !seq_before(c->snd.una, c->snd.lost) && !c->rtt.probes;
}

/* Before an ACK is taken. */
struct news recovery_before(const struct conn *c)
{
	return (struct news){
		.una = c->snd.una,
		.sacked = c->snd.sacked,
		.high = scoreboard_high(c),
		.again = c->snd.una,
		.first_time = !seq_after(c->snd.again, c->snd.una),
	};
}

static void send_again(struct conn *c, uint32_t from, uint32_t to)
{
	c->snd.again = from;
	c->snd.lost = to;
	c->rack.jump = c->rack.jump_to = to;
	c->flags |= CONN_AGAIN_NOW;
}

/* The first segment that is not acknowledged, or what there is of it. */
static void send_first_again(struct conn *c)
{
	uint32_t flight = conn_flight(c);

	send_again(c, c->snd.una, c->snd.una + (flight < c->snd.mss ? flight : c->snd.mss));
}

static bool uses_sack(const struct conn *c)
{
	return c->options & OPTION_SACK_PERMITTED;
}

/* Nothing is lost. */
void recovery_forget(struct conn *c)
{
	c->snd.again = c->snd.lost = c->rack.jump = c->rack.jump_to = c->snd.una;
}

static void finish(struct conn *c)
{
	c->cc.phase = PHASE_OPEN;
	c->cc.duplicates = 0;
	c->flags &= ~(uint32_t)(CONN_AGAIN_NOW | CONN_AGAIN_FIRST | CONN_UNDO_BY_TIME);
	if (uses_sack(c))
		return;
	c->snd.sacked = 0;
	recovery_forget(c);
}

/* Without SACK: RFC 6582, 3.2, step 3, full acknowledgment, the first of its two
 * choices, which makes no burst. With it PRR has seen to that (RFC 9937, 6). */
static void leave_recovery(struct conn *c)
{
	uint32_t flight = conn_flight(c);
	uint32_t gentle = (flight > c->snd.mss ? flight : c->snd.mss) + c->snd.mss;

	c->cc.cwnd = c->cc.ssthresh;
	if (!uses_sack(c) && gentle < c->cc.ssthresh)
		c->cc.cwnd = gentle;
	finish(c);
}

/* RFC 6582, 3.2, step 3, partial acknowledgment: the next hole is a loss too. */
static void go_on_recovering(struct conn *c, uint32_t acked)
{
	uint32_t arrived = acked > c->snd.mss ? acked - c->snd.mss : 0;

	c->snd.sacked -= arrived < c->snd.sacked ? arrived : c->snd.sacked;
	send_first_again(c);
}

/* A duplicate ACK without SACK (RFC 5681, 2). Three make a loss, unless they can
 * be the echo of what was sent again needlessly (RFC 6582, 3.2, step 1). */
static bool count_duplicate(struct conn *c)
{
	uint32_t most = conn_flight(c) - (c->snd.lost - c->snd.una);

	if (c->cc.phase == PHASE_LOSS)
		return false;
	if (c->cc.phase == PHASE_OPEN && most > 2u * c->snd.mss)
		most = 2u * c->snd.mss; /* RFC 3042: two segments, then recovery */
	c->snd.sacked += c->snd.mss;
	if (c->snd.sacked > most)
		c->snd.sacked = most;
	if (c->cc.phase != PHASE_OPEN || c->cc.duplicates != DUPLICATES ||
	    !seq_after(c->snd.una, c->cc.recover))
		return false;
	send_first_again(c);
	c->snd.sacked = least(DUPLICATES * c->snd.mss, conn_flight(c) - (c->snd.lost - c->snd.una));
	return true;
}

/* Loss detection without SACK. */
static bool find_loss_by_duplicates(struct conn *c, const struct news *n)
{
	uint32_t acked = c->snd.una - n->una;

	if (n->duplicate)
		return count_duplicate(c);
	if (!acked)
		return false;
	if (c->cc.phase == PHASE_OPEN)
		c->snd.sacked = 0;
	else if (c->cc.phase == PHASE_RECOVERY && seq_before(c->snd.una, c->cc.recover))
		go_on_recovering(c, acked);
	return false;
}

/* What a reduction takes away, to give it back if it was for nothing. */
static void remember(struct conn *c)
{
	c->cc.old_cwnd = c->cc.cwnd;
	c->cc.old_ssthresh = c->cc.ssthresh;
	c->rack.undo = 0;
	c->flags |= CONN_UNDO | CONN_UNDO_BY_TIME;
	ecn_note_reduction(c);
	c->flags &= ~(uint32_t)(CONN_PROBE_OUT | CONN_TAIL_PROBE);
}

static void undo(struct conn *c)
{
	if (c->cc.cwnd < c->cc.old_cwnd)
		c->cc.cwnd = c->cc.old_cwnd;
	c->cc.ssthresh = c->cc.old_ssthresh;
	c->rtt.backoff = 0;
	recovery_forget(c);
	c->flags &= ~(uint32_t)CONN_UNDO;
	if (c->cc.phase == PHASE_RECOVERY)
		c->flags |= CONN_REORDERED;
	if (c->cc.phase != PHASE_OPEN)
		finish(c);
}

/* The first ACK of something new since text was sent again: does it echo a time
 * before that (RFC 4015)? Then the original has arrived. */
static bool answers_the_original(struct conn *c, const struct host *h, const struct segment *s)
{
	return c->options & s->options & OPTION_TIMESTAMPS && c->rack.undo &&
	       seq_before(s->tsecr, timestamp_at(c, h, c->rack.sent_at));
}

/* Was the reduction for nothing? */
static bool was_spurious(struct conn *c, const struct host *h, const struct segment *s,
			 const struct news *n)
{
	if (!conn_has(c, CONN_UNDO))
		return false;
	if (c->snd.una != n->una && conn_has(c, CONN_UNDO_BY_TIME)) {
		c->flags &= ~(uint32_t)CONN_UNDO_BY_TIME;
		if (c->cc.phase != PHASE_OPEN && answers_the_original(c, h, s))
			return true;
	}
	if (!n->twice || !c->rack.undo)
		return false;
	c->rack.undo -= n->twice < c->rack.undo ? n->twice : c->rack.undo;
	return !c->rack.undo;
}

/* RFC 9937, 6.1 and RFC 5681, 3.2. `before`: SACKed earlier, not to be counted. */
static void enter_recovery(struct conn *c, const struct host *h, const struct news *n)
{
	uint32_t flight = c->snd.nxt - n->una;

	remember(c);
	congestion_on_loss(c, h);
	c->cc.phase = PHASE_RECOVERY;
	c->cc.recover = c->snd.nxt;
	c->cc.delivered = c->cc.out = 0;
	c->cc.flight = flight > n->sacked + c->snd.mss ? flight - n->sacked : c->snd.mss;
	c->flags |= CONN_AGAIN_NOW;
}

/* Proportional rate reduction (RFC 9937, 6.2): while more is in flight than
 * ssthresh, send in proportion to what is delivered; below it, as much as is
 * delivered, and a segment more while there is progress and no new loss. */
static void reduce(struct conn *c, uint32_t delivered, bool safe)
{
	uint32_t pipe = recovery_pipe(c), send, limit;

	c->cc.delivered += delivered;
	if (pipe > c->cc.ssthresh) {
		uint64_t due = (uint64_t)c->cc.delivered * c->cc.ssthresh + c->cc.flight - 1;

		limit = (uint32_t)(due / c->cc.flight);
		send = limit > c->cc.out ? limit - c->cc.out : 0;
	} else {
		limit = c->cc.delivered > c->cc.out ? c->cc.delivered - c->cc.out : 0;
		if (safe)
			limit = (limit > delivered ? limit : delivered) + c->snd.mss;
		send = least(c->cc.ssthresh - pipe, limit);
	}
	if (!c->cc.out && send < c->snd.mss)
		send = c->snd.mss;
	c->cc.cwnd = pipe + send;
	if (c->cc.cwnd < c->snd.mss) /* nothing is in flight whose ACK could go on */
		c->cc.cwnd = c->snd.mss;
}

/* `found`: a loss that was not known before. */
static void change_phase(struct conn *c, const struct host *h, const struct news *n, bool found)
{
	bool all = !seq_before(c->snd.una, c->cc.recover);

	if (all && c->cc.phase != PHASE_OPEN) {
		if (c->cc.phase == PHASE_RECOVERY)
			leave_recovery(c);
		else
			finish(c);
		found = c->snd.sacks && seq_before(c->snd.una, c->snd.lost);
	}
	if (found && c->cc.phase == PHASE_OPEN)
		enter_recovery(c, h, n);
}

static void advance(struct conn *c, const struct host *h)
{
	c->cc.duplicates = 0;
	rack_move_again(c, seq_later(c->snd.again, c->snd.una));
	c->snd.lost = seq_later(c->snd.lost, c->snd.una);
	/* Of the next segment to wait for we only know that it was sent by now. */
	if (c->cc.phase != PHASE_OPEN)
		c->rack.sent_at = (uint32_t)(h->now / 1000);
}

/* Was what this ACK acknowledges, the first of it, what we have sent again? */
static bool is_of_sent_again(const struct conn *c, const struct host *h, const struct news *n)
{
	uint32_t since = (uint32_t)(h->now / 1000) - c->rack.sent_at;

	return uses_sack(c) && c->cc.phase == PHASE_RECOVERY && c->snd.una != n->una &&
	       !n->first_time && since >= c->rack.min_rtt / 1000;
}

/* An ACK was taken: SND.UNA and the scoreboard are as it says. */
void recovery_take_ack(struct conn *c, const struct host *h, const struct segment *s,
		       const struct news *n)
{
	uint32_t acked = c->snd.una - n->una, delivered;
	bool again = is_of_sent_again(c, h, n), found;

	if (n->duplicate && c->cc.duplicates < UINT16_MAX)
		c->cc.duplicates++;
	if (was_spurious(c, h, s, n))
		undo(c);
	tail_probe_take_ack(c, h, s, n);
	if (acked)
		advance(c, h);
	found = uses_sack(c) ? rack_find_loss(c, h, n) : find_loss_by_duplicates(c, n);
	if (again && c->cc.phase == PHASE_RECOVERY)
		found |= rack_find_older_loss(c, h);
	/* Without SACK `sacked` is only a guess and may shrink by less. */
	delivered = c->snd.una + c->snd.sacked - n->una - n->sacked;
	change_phase(c, h, n, found);
	if (c->cc.phase == PHASE_RECOVERY)
		reduce(c, (int32_t)delivered > 0 ? delivered : 0, uses_sack(c) && acked && !found);
	tail_probe_watch(c, h);
}

/* TIMER_RECOVERY: what was suspected has not arrived. */
void recovery_suspect_timeout(struct conn *c, const struct host *h)
{
	struct news n = recovery_before(c);

	change_phase(c, h, &n, rack_suspect_is_lost(c, h));
	if (c->cc.phase == PHASE_RECOVERY)
		reduce(c, 0, false);
}

/* RFC 6298, 5.4 to 5.6, and RFC 5681, 3.1: all that is in flight counts as lost
 * and is sent again, from the first segment on, as slow start allows. Only what
 * was SACKed is not, unless there is reason to doubt that (RFC 2018, 8). */
void recovery_timeout(struct conn *c, const struct host *h)
{
	if (c->cc.phase == PHASE_OPEN)
		remember(c);
	congestion_on_timeout(c, h, c->cc.phase != PHASE_LOSS);
	c->cc.phase = PHASE_LOSS;
	c->cc.recover = c->snd.nxt;
	c->cc.duplicates = 0;
	if (!uses_sack(c) || c->rtt.backoff || scoreboard_is_reneged(c))
		scoreboard_forget(c);
	c->deadline[TIMER_RECOVERY] = 0;
	c->flags &= ~(uint32_t)(CONN_SUSPECT | CONN_AGAIN_FIRST);
	c->rack.min_rtt = 0;
	send_again(c, c->snd.una, c->snd.nxt);
}

/* The peer's window was closed while we probed it: what went beyond it then was
 * not taken. It goes first, at once. */
void recovery_window_opened(struct conn *c)
{
	c->rtt.probes = 0;
	if (conn_flight(c) && c->cc.phase == PHASE_OPEN)
		send_again(c, c->snd.una, c->snd.nxt);
}

/* snd.mss has shrunk, since what is in flight was too large: none of it arrives,
 * and that is no congestion. */
void recovery_segment_size(struct conn *c)
{
	send_again(c, c->snd.una, c->snd.nxt);
}

/* Text was sent again, `length` bytes from `seq` on. */
void recovery_note_sent_again(struct conn *c, const struct host *h, uint32_t seq, uint32_t length)
{
	if (seq == c->snd.una) {
		/* Sent twice, its ACK can echo the first of the two times. */
		if (c->rack.undo)
			c->flags &= ~(uint32_t)CONN_UNDO_BY_TIME;
		c->rack.sent_at = (uint32_t)(h->now / 1000);
	}
	c->rack.undo += length;
	recovery_note_sent(c, length);
}

void recovery_note_sent(struct conn *c, uint32_t length)
{
	if (c->cc.phase == PHASE_RECOVERY)
		c->cc.out += length;
}
