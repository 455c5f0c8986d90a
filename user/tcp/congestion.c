/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of congestion control algorithms and what is the same for all of
 * them (RFC 9293, 3.8.2: MUST-19): initial window (RFC 6928), restart after idle
 * (RFC 5681, 4.1), loss window (RFC 5681, 3.1), slow start; and NewReno (RFC 5681,
 * 3.1). */
#include "congestion_algorithms.h"
#include "core.h"

/* RFC 6928, 2: ten segments, and no more than 14600 bytes unless two are more. */
uint32_t congestion_initial_window(const struct conn *c)
{
	uint32_t mss = c->snd.mss, most = 2 * mss > 14600 ? 2 * mss : 14600;

	if (conn_has(c, CONN_SYN_LOST)) /* RFC 5681, 3.1: then it is one segment */
		return mss;
	return 10 * mss < most ? 10 * mss : most;
}

/* Slow start. RFC 5681 allows one segment per ACK; receivers that acknowledge a
 * burst at once (GRO) would make that crawl, so that deployed stacks count all
 * bytes, as we do; in LOSS, where one ACK can cover what was received long ago,
 * it is one segment (RFC 3465, 2.3). What is left over belongs to congestion
 * avoidance. */
uint32_t congestion_slow_start(struct conn *c, uint32_t acked)
{
	uint32_t room = c->cc.ssthresh - c->cc.cwnd;

	if (c->cc.cwnd >= c->cc.ssthresh)
		return acked;
	if (c->cc.phase == PHASE_LOSS && acked > c->snd.mss)
		acked = c->snd.mss;
	if (acked < room)
		room = acked;
	c->cc.cwnd += room;
	return acked - room;
}

static void nothing(struct conn *c, const struct host *h)
{
	(void)c;
	(void)h;
}

/* One segment for each window acknowledged (RFC 5681, 3.1, with the counting of
 * RFC 3465, 2.1). */
static void newreno_on_ack(struct conn *c, const struct host *h, uint32_t acked)
{
	(void)h;
	acked = congestion_slow_start(c, acked);
	c->cc.acked += acked;
	if (c->cc.acked < c->cc.cwnd)
		return;
	c->cc.acked -= c->cc.cwnd;
	c->cc.cwnd += c->snd.mss;
}

/* RFC 5681, equation 4. */
static uint32_t newreno_on_loss(struct conn *c, const struct host *h)
{
	uint32_t half = conn_flight(c) / 2, least = 2u * c->snd.mss;

	(void)h;
	return half > least ? half : least;
}

static const struct congestion algorithms[CONGESTION_ALGORITHMS] = {
	[CONGESTION_NEWRENO] = {"newreno", nothing, newreno_on_ack, newreno_on_loss, nothing},
	[CONGESTION_CUBIC] = {"cubic", cubic_begin, cubic_on_ack, cubic_on_loss, cubic_after_idle},
};

static const struct congestion *algorithm_of(const struct conn *c)
{
	assert(c->cc.algorithm < CONGESTION_ALGORITHMS);
	return &algorithms[c->cc.algorithm];
}

const char *congestion_name(uint8_t algorithm)
{
	return algorithm < CONGESTION_ALGORITHMS ? algorithms[algorithm].name : "unknown";
}

void congestion_begin(struct conn *c, const struct host *h)
{
	c->cc.algorithm = h->settings->congestion;
	c->cc.phase = PHASE_OPEN;
	c->cc.cwnd = congestion_initial_window(c);
	c->cc.ssthresh = UINT32_MAX;
	algorithm_of(c)->begin(c, h);
}

/* A window that was not used up says nothing about the network (RFC 7661, 4.3's
 * condition, in the form that deployed stacks use it). Several ACKs may be taken
 * before anything is sent again, so what is in flight tells it only of the first
 * of them; for the others counts how sending ended the last time. */
static bool window_was_used(const struct conn *c, uint32_t flight)
{
	if (conn_has(c, CONN_CWND_FULL))
		return true;
	if (c->cc.cwnd < c->cc.ssthresh)
		return c->cc.cwnd < 2 * flight;
	return c->cc.cwnd < flight + c->snd.mss;
}

void congestion_on_ack(struct conn *c, const struct host *h, uint32_t acked, uint32_t flight)
{
	enum { CWND_MAX = 1 << 30 };

	if (c->cc.phase == PHASE_RECOVERY || c->cc.cwnd >= CWND_MAX)
		return;
	if (c->cc.phase == PHASE_LOSS || window_was_used(c, flight))
		algorithm_of(c)->on_ack(c, h, acked);
}

void congestion_on_loss(struct conn *c, const struct host *h)
{
	c->cc.ssthresh = algorithm_of(c)->on_loss(c, h);
	c->cc.cwnd = c->cc.ssthresh;
	c->cc.acked = 0;
}

/* The loss window is one segment. A segment that the timer has sent before does
 * not halve ssthresh again (RFC 5681, 3.1). */
void congestion_on_timeout(struct conn *c, const struct host *h, bool first)
{
	if (first)
		congestion_on_loss(c, h);
	c->cc.cwnd = c->snd.mss;
	c->cc.acked = 0;
}

void congestion_after_idle(struct conn *c, const struct host *h)
{
	uint32_t restart = congestion_initial_window(c);
	uint32_t idle = ((uint32_t)(h->now / 1000000) | 1) - c->cc.sent_at;

	if (!c->cc.sent_at || idle <= c->rtt.rto / 1000000)
		return;
	if (c->cc.cwnd > restart)
		c->cc.cwnd = restart;
	algorithm_of(c)->after_idle(c, h);
}
