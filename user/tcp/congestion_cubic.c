/* SPDX-License-Identifier: BSD-2-Clause */
/* CUBIC (RFC 9438; MAY-18): in congestion avoidance cwnd follows a cubic function of the
 * time since the last reduction, flat around the size at which that happened, but
 * is never less than what Reno would have. The words of the state: */
#include "congestion_algorithms.h"
#include "core.h"

enum cubic_word {
	W_MAX,	     /* cwnd before the last reduction, bytes */
	W_EST,	     /* what Reno would have, bytes */
	CWND_PRIOR,  /* cwnd when W_EST began to follow it, bytes */
	EPOCH,	     /* ms of the clock when congestion avoidance began; 0: not yet */
	K,	     /* ms from then until the function reaches W_MAX */
	W_EST_ACKED, /* bytes acknowledged that W_EST has not been given yet */
};

/* beta_cubic 0.7; C 0.4; alpha_cubic 3 * (1 - beta) / (1 + beta) (RFC 9438, 4.3, 4.6) */
enum { BETA_TENTHS = 7, ALPHA_PER_MILLE = 529 };

/* cwnd grows this often in a round trip: less often and it would jump, more often
 * and rounding to whole bytes would eat it. */
enum { STEPS = 16 };

static uint32_t cube_root(uint64_t x)
{
	uint64_t root = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t next = root | 1ull << bit;

		if (next * next * next <= x)
			root = next;
	}
	return (uint32_t)root;
}

static uint32_t milliseconds(const struct host *h)
{
	return (uint32_t)(h->now / 1000000) | 1;
}

/* K = cbrt((W_max - cwnd_epoch) / C), in segments and seconds (equation 2). */
static void begin_epoch(struct conn *c, const struct host *h)
{
	uint32_t *w = c->cc.state;
	uint64_t below;

	if (w[W_MAX] < c->cc.cwnd)
		w[W_MAX] = c->cc.cwnd;
	below = w[W_MAX] - c->cc.cwnd;
	w[K] = cube_root(below * 2500000000ull / c->snd.mss);
	w[EPOCH] = milliseconds(h);
	w[W_EST] = c->cc.cwnd;
	w[W_EST_ACKED] = 0;
	if (w[CWND_PRIOR] < c->cc.cwnd)
		w[CWND_PRIOR] = c->cc.cwnd;
}

/* W_cubic(t) = C * (t - K)^3 + W_max (equation 1), bytes, t in ms. */
static uint64_t cubic_at(const struct conn *c, uint64_t t)
{
	const uint32_t *w = c->cc.state;
	const uint64_t farthest = 1000000; /* ms: beyond that it does not matter */
	bool before = t < w[K];
	uint64_t distance = before ? w[K] - t : t - w[K], bytes;

	if (distance > farthest)
		distance = farthest;
	bytes = distance * distance * distance / 1000000 * c->snd.mss / 1000 * 4 / 10;
	if (before)
		return w[W_MAX] > bytes ? w[W_MAX] - bytes : 0;
	return w[W_MAX] + bytes;
}

/* 4.3: what Reno with the same average would have; from cwnd_prior on with its
 * own alpha, 1. */
static void follow_reno(struct conn *c, uint32_t acked)
{
	uint32_t *w = c->cc.state;
	uint64_t alpha = w[W_EST] < w[CWND_PRIOR] ? ALPHA_PER_MILLE : 1000;

	w[W_EST_ACKED] += acked;
	if (w[W_EST_ACKED] < c->cc.cwnd / STEPS)
		return;
	w[W_EST] += (uint32_t)(alpha * w[W_EST_ACKED] * c->snd.mss / 1000 / c->cc.cwnd);
	w[W_EST_ACKED] = 0;
}

/* 4.4 and 4.5: by as much per window as is missing to where the function will be
 * in one round trip, at most half. */
static void follow_cubic(struct conn *c, const struct host *h, uint32_t acked)
{
	uint32_t cwnd = c->cc.cwnd;
	uint64_t t = (uint32_t)(milliseconds(h) - c->cc.state[EPOCH]) + c->rtt.srtt / 1000000;
	uint64_t target = cubic_at(c, t), most = cwnd + cwnd / 2;

	c->cc.acked += acked;
	if (c->cc.acked < cwnd / STEPS)
		return;
	if (target > most)
		target = most;
	if (target > cwnd)
		c->cc.cwnd += (uint32_t)((target - cwnd) * c->cc.acked / cwnd);
	c->cc.acked = 0;
}

void cubic_begin(struct conn *c, const struct host *h)
{
	(void)h;
	for (int i = 0; i < 6; i++)
		c->cc.state[i] = 0;
}

void cubic_on_ack(struct conn *c, const struct host *h, uint32_t acked)
{
	if (c->cc.ssthresh == UINT32_MAX)
		acked = hystart_take_ack(c, acked);
	acked = congestion_slow_start(c, acked);
	if (!acked)
		return;
	if (!c->cc.state[EPOCH])
		begin_epoch(c, h);
	follow_reno(c, acked);
	follow_cubic(c, h, acked);
	if (c->cc.cwnd < c->cc.state[W_EST])
		c->cc.cwnd = c->cc.state[W_EST];
}

/* 4.6, with fast convergence (4.7): one who had less than before leaves room. */
uint32_t cubic_on_loss(struct conn *c, const struct host *h)
{
	uint32_t *w = c->cc.state, cwnd = c->cc.cwnd, least = 2u * c->snd.mss;
	uint32_t flight = conn_flight(c), reduced;

	if (c->cc.ssthresh == UINT32_MAX) /* hystart.c had the state until now */
		cubic_begin(c, h);
	w[CWND_PRIOR] = cwnd;
	w[W_MAX] = cwnd < w[W_MAX] ? (uint32_t)((uint64_t)cwnd * (10 + BETA_TENTHS) / 20) : cwnd;
	w[EPOCH] = 0;
	reduced = (uint32_t)((uint64_t)(flight < cwnd ? flight : cwnd) * BETA_TENTHS / 10);
	return reduced > least ? reduced : least;
}

/* Nothing was sent for a while: time that passed idle is not growth (4.2). */
void cubic_after_idle(struct conn *c, const struct host *h)
{
	(void)h;
	if (c->cc.ssthresh != UINT32_MAX)
		c->cc.state[EPOCH] = 0;
}
