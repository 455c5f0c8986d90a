/* SPDX-License-Identifier: BSD-2-Clause */
/* RACK-TLP (RFC 8985), with SACK. RACK: a segment is lost if one that was sent
 * later has arrived, and the time that reordering may take has passed since then.
 * RFC 8985 keeps a send time for each segment. We keep none: until something is
 * sent again, the order of sequence numbers is the order of sending, and when the
 * SACK of a later one arrives, one round trip has passed for all before it. So
 * the reordering window runs from that moment, for all holes below the highest
 * SACK at once: never earlier than RFC 8985 would say, and later by at most one
 * such window. Of what was sent again the first segment has a send time, since
 * it is the one that everything waits for.
 *
 * TLP: when the end of the text is not acknowledged in two round trips, the last
 * segment, or a new one, goes out to provoke a SACK (RFC 8985, 7). */
#include "congestion.h"
#include "core.h"

enum { DUPLICATES = 3 };

#define ACK_DELAY (TCP_SECOND / 5) /* WCDelAckT: how long peers hold an ACK back */

/* RFC 8985, 6.2, step 4: none while the network has never been seen to reorder
 * and either recovery is on, or what has arrived beyond is beyond doubt. */
static uint64_t reordering_window(const struct conn *c)
{
	bool sure = c->cc.phase != PHASE_OPEN || c->cc.duplicates >= DUPLICATES ||
		    c->snd.sacked > (DUPLICATES - 1) * c->snd.mss || c->snd.sacks >= DUPLICATES;
	uint32_t window = c->rack.min_rtt / 4;

	if (!conn_has(c, CONN_REORDERED) && sure)
		return 0;
	if (!c->rack.min_rtt)
		return c->rtt.rto / 8;
	return window < c->rtt.srtt ? window : c->rtt.srtt;
}

static bool mark_lost(struct conn *c, uint32_t edge)
{
	if (!seq_after(edge, c->snd.lost))
		return false;
	c->snd.lost = edge;
	return true;
}

static void suspect(struct conn *c, const struct host *h, uint32_t edge, uint64_t window)
{
	c->rack.suspect = edge;
	c->flags |= CONN_SUSPECT;
	c->deadline[TIMER_RECOVERY] = h->now + window;
}

static void unsuspect(struct conn *c)
{
	if (conn_has(c, CONN_SUSPECT))
		c->deadline[TIMER_RECOVERY] = 0;
	c->flags &= ~(uint32_t)CONN_SUSPECT;
}

/* Moves what to send again next; past what a second sweep leaves out. */
void rack_move_again(struct conn *c, uint32_t to)
{
	if (c->rack.jump != c->rack.jump_to && !seq_before(to, c->rack.jump)) {
		to = seq_later(to, c->rack.jump_to);
		c->rack.jump = c->rack.jump_to = to;
	}
	c->snd.again = to;
}

/* Lost text is sent again from the front on. So if some of it arrives and some
 * before it does not, that was lost once more and is swept a second time; what
 * lies behind is on its way still. */
static void sweep_again(struct conn *c, uint32_t end)
{
	c->rack.jump = end;
	c->rack.jump_to = c->snd.again;
	c->snd.again = c->snd.una;
	c->flags |= CONN_AGAIN_NOW;
}

/* RFC 8985, 6.2, step 5, for what was sent again: something that was sent later
 * has arrived. Either by the order of the sweep; or for its first segment by the
 * time that has passed since. */
static void check_sent_again(struct conn *c, const struct host *h, const struct news *n)
{
	/* The caller's clock may be that of before it was sent. */
	int32_t passed = (int32_t)((uint32_t)(h->now / 1000) - c->rack.sent_at);
	uint64_t since = passed > 0 ? passed * 1000ull : 0;
	bool in_order = !conn_has(c, CONN_REORDERED);
	uint64_t late = c->rtt.srtt + 2ull * c->rtt.rttvar + (in_order ? 0 : c->rack.min_rtt / 4);

	if (c->cc.phase == PHASE_OPEN || !seq_after(c->snd.again, c->snd.una) ||
	    c->snd.una != n->una || c->snd.sacked <= n->sacked)
		return;
	if (c->rack.jump == c->rack.jump_to && n->again != c->snd.una && (in_order || since > late))
		sweep_again(c, n->again);
	else if (since > late)
		c->flags |= CONN_AGAIN_FIRST;
}

/* A hole was filled that was never sent again: its text was only late. */
static void check_order(struct conn *c, const struct news *n)
{
	if (c->snd.una != n->una && seq_after(n->high, n->una) && n->first_time)
		c->flags |= CONN_REORDERED;
}

/* True: more is known to be lost than before. */
bool rack_find_loss(struct conn *c, const struct host *h, const struct news *n)
{
	uint32_t high = scoreboard_high(c);
	uint64_t window;

	check_order(c, n);
	if (!c->snd.sacks) {
		unsuspect(c);
		return false;
	}
	check_sent_again(c, h, n);
	window = reordering_window(c);
	if (!window) {
		unsuspect(c);
		return mark_lost(c, high);
	}
	if (conn_has(c, CONN_SUSPECT) && !seq_after(c->rack.suspect, c->snd.una))
		unsuspect(c);
	if (seq_after(high, c->snd.lost) && !conn_has(c, CONN_SUSPECT))
		suspect(c, h, high, window);
	return false;
}

/* What was sent again has arrived, a whole round trip after it was: so has all that
 * was sent before recovery began, or it is lost (RFC 8985, 6.2, step 5). SACK blocks
 * need not say so: a receiver that is out of room for text out of order reports none
 * of what it had to let go. */
bool rack_find_older_loss(struct conn *c, const struct host *h)
{
	uint32_t edge = c->cc.recover;

	if (!c->snd.sacks || !seq_after(edge, c->snd.lost) || conn_has(c, CONN_SUSPECT))
		return false;
	if (!conn_has(c, CONN_REORDERED))
		return mark_lost(c, edge);
	suspect(c, h, edge, reordering_window(c));
	return false;
}

/* The reordering window is over. True: something is lost. */
bool rack_suspect_is_lost(struct conn *c, const struct host *h)
{
	uint32_t high = scoreboard_high(c);
	bool found = mark_lost(c, c->rack.suspect);

	c->flags &= ~(uint32_t)CONN_SUSPECT;
	if (seq_after(high, c->snd.lost))
		suspect(c, h, high, reordering_window(c));
	return found;
}

static bool tail_may_be_probed(const struct conn *c)
{
	return c->options & OPTION_SACK_PERMITTED && c->cc.phase == PHASE_OPEN && !c->snd.sacks &&
	       c->state >= ESTABLISHED && conn_flight(c) && !conn_syn_is_out(c) && c->snd.wnd &&
	       !c->rtt.probes && !conn_has(c, CONN_PROBE_OUT) &&
	       !seq_before(c->snd.una, c->snd.lost);
}

/* RFC 8985, 7.2: the probe timeout, at the latest when the RTO would be. */
void tail_probe_watch(struct conn *c, const struct host *h)
{
	uint64_t timeout = c->rtt.srtt ? 2ull * c->rtt.srtt : TCP_SECOND, at;

	if (conn_has(c, CONN_SUSPECT))
		return;
	c->deadline[TIMER_RECOVERY] = 0;
	if (!tail_may_be_probed(c) || !c->deadline[TIMER_RETRANSMIT])
		return;
	if (conn_flight(c) <= c->snd.mss)
		timeout += ACK_DELAY;
	at = h->now + timeout;
	if (at > c->deadline[TIMER_RETRANSMIT])
		at = c->deadline[TIMER_RETRANSMIT];
	c->deadline[TIMER_RECOVERY] = at;
}

/* RFC 8985, 7.3. output.c sends it; the RTO begins anew behind it. */
void tail_probe_timeout(struct conn *c, const struct host *h)
{
	if (!tail_may_be_probed(c))
		return;
	c->flags |= CONN_TAIL_PROBE;
	rto_arm(c, h);
}

void tail_probe_note_sent(struct conn *c, const struct host *h, bool again)
{
	c->rack.sent_at = (uint32_t)(h->now / 1000);
	c->flags |= CONN_PROBE_OUT;
	c->flags &= ~(uint32_t)(CONN_TAIL_PROBE | CONN_PROBE_AGAIN);
	if (again)
		c->flags |= CONN_PROBE_AGAIN;
	c->cc.recover = c->snd.nxt;
	c->deadline[TIMER_RECOVERY] = 0;
}

/* RFC 8985, 7.4.2: if the probe has repaired a loss, nobody else will notice it, and
 * cwnd must shrink all the same. An ACK of just the probe's end can be that of the
 * original, which was delayed; what comes behind it tells: a D-SACK block or a
 * duplicate ACK, that both have arrived; an ACK of more, that one was lost. */
void tail_probe_take_ack(struct conn *c, const struct host *h, const struct segment *s,
			 const struct news *n)
{
	bool original = n->twice || (c->options & s->options & OPTION_TIMESTAMPS &&
				     seq_before(s->tsecr, timestamp_at(c, h, c->rack.sent_at)));
	bool more = seq_after(c->snd.una, c->cc.recover);
	bool duplicate = c->snd.una == n->una && !s->text_length;

	if (!conn_has(c, CONN_PROBE_OUT) || seq_before(c->snd.una, c->cc.recover))
		return;
	if (conn_has(c, CONN_PROBE_AGAIN) && !original) {
		if (!more && !duplicate)
			return;
		if (more)
			congestion_on_loss(c, h);
	}
	c->flags &= ~(uint32_t)(CONN_PROBE_OUT | CONN_PROBE_AGAIN);
}
