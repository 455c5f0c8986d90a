/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the text in flight was lost, and when. Everything from UNA on is
 *
 *     UNA ────── again ─────────── lost ───────────── NXT
 *      sent again │ to be sent again │ in flight, or has
 *                 │ by output.c      │ arrived (sacked)
 *
 * Without SACK each duplicate ACK stands for one segment that has arrived, which
 * makes limited transmit (RFC 3042) and the window inflation of RFC 5681, 3.2 one
 * rule: send while the pipe holds less than cwnd. NewReno (RFC 6582). */
#include "congestion.h"
#include "core.h"

enum { DUPLICATES = 3 };

/* Bytes that are in the network, as far as we know (RFC 6675's pipe). */
uint32_t recovery_pipe(const struct conn *c)
{
	uint32_t waiting = seq_before(c->snd.again, c->snd.lost) ? c->snd.lost - c->snd.again : 0;
	uint32_t gone = waiting + c->snd.sacked, flight = conn_flight(c);

	return flight > gone ? flight - gone : 0;
}

/* Nothing to be sent again, nothing suspected. */
bool recovery_is_idle(const struct conn *c)
{
	return c->cc.phase == PHASE_OPEN && !c->cc.duplicates && !c->snd.sacked &&
	       !seq_before(c->snd.una, c->snd.lost) && !c->rtt.probes;
}

static void send_again(struct conn *c, uint32_t from, uint32_t to)
{
	c->snd.again = from;
	c->snd.lost = to;
	c->flags |= CONN_AGAIN_NOW;
}

/* The first segment that is not acknowledged, or what there is of it. */
static void send_first_again(struct conn *c)
{
	uint32_t flight = conn_flight(c);

	send_again(c, c->snd.una, c->snd.una + (flight < c->snd.mss ? flight : c->snd.mss));
}

static void finish(struct conn *c)
{
	c->cc.phase = PHASE_OPEN;
	c->snd.sacked = 0;
	c->snd.again = c->snd.lost = c->snd.una;
	c->flags &= ~(uint32_t)CONN_AGAIN_NOW;
}

/* RFC 6582, 3.2, step 3, full acknowledgment: the first of its two choices, which
 * makes no burst. */
static void leave_recovery(struct conn *c)
{
	uint32_t flight = conn_flight(c);
	uint32_t gentle = (flight > c->snd.mss ? flight : c->snd.mss) + c->snd.mss;

	c->cc.cwnd = gentle < c->cc.ssthresh ? gentle : c->cc.ssthresh;
	finish(c);
}

/* RFC 6582, 3.2, step 3, partial acknowledgment: the next hole is a loss too. */
static void go_on_recovering(struct conn *c, uint32_t acked)
{
	uint32_t arrived = acked > c->snd.mss ? acked - c->snd.mss : 0;

	c->snd.sacked -= arrived < c->snd.sacked ? arrived : c->snd.sacked;
	send_first_again(c);
}

/* UNA has advanced by `acked`. */
void recovery_take_ack(struct conn *c, const struct host *h, uint32_t acked)
{
	bool all = !seq_before(c->snd.una, c->cc.recover);

	(void)h;
	c->cc.duplicates = 0;
	c->snd.again = seq_later(c->snd.again, c->snd.una);
	c->snd.lost = seq_later(c->snd.lost, c->snd.una);
	if (c->cc.phase == PHASE_RECOVERY && !all)
		go_on_recovering(c, acked);
	else if (c->cc.phase == PHASE_RECOVERY)
		leave_recovery(c);
	else if (c->cc.phase == PHASE_LOSS && all)
		finish(c);
	else if (c->cc.phase == PHASE_OPEN)
		c->snd.sacked = 0;
}

static void enter_recovery(struct conn *c, const struct host *h)
{
	c->snd.sacked = DUPLICATES * c->snd.mss;
	congestion_on_loss(c, h);
	c->cc.phase = PHASE_RECOVERY;
	c->cc.recover = c->snd.nxt;
	send_first_again(c);
}

/* A duplicate ACK (RFC 5681, 2). Three make a loss, unless they can be the echo
 * of what a timeout has sent again needlessly (RFC 6582, 3.2, step 1). */
void recovery_take_duplicate(struct conn *c, const struct host *h)
{
	uint32_t most = conn_flight(c) - (c->snd.lost - c->snd.una);

	if (c->cc.phase == PHASE_OPEN && most > 2u * c->snd.mss)
		most = 2u * c->snd.mss; /* RFC 3042: two segments, then recovery */
	if (c->cc.duplicates < UINT16_MAX)
		c->cc.duplicates++;
	if (c->cc.phase == PHASE_LOSS)
		return;
	c->snd.sacked += c->snd.mss;
	if (c->snd.sacked > most)
		c->snd.sacked = most;
	if (c->cc.phase == PHASE_OPEN && c->cc.duplicates == DUPLICATES &&
	    seq_after(c->snd.una, c->cc.recover))
		enter_recovery(c, h);
}

/* RFC 6298, 5.4 to 5.6, and RFC 5681, 3.1: all that is in flight counts as lost
 * and is sent again, from the first segment on, as slow start allows. */
void recovery_timeout(struct conn *c, const struct host *h)
{
	congestion_on_timeout(c, h, c->cc.phase != PHASE_LOSS);
	c->cc.phase = PHASE_LOSS;
	c->cc.recover = c->snd.nxt;
	c->cc.duplicates = 0;
	c->snd.sacked = 0;
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
