/* SPDX-License-Identifier: BSD-2-Clause */
/* HyStart++ (RFC 9406): leaves the first slow start before it has filled the
 * queue and lost half a window. A round trip that has become longer than that of
 * the round before is a queue; growth goes on at a quarter then, and after five
 * such rounds it is congestion avoidance. The words of the state, which the
 * algorithm itself does not need before there is a ssthresh: */
#include "congestion_algorithms.h"
#include "core.h"

enum hystart_word {
	LAST_MIN, /* least round trip of the round before, ns; 0: none */
	MIN,	  /* of this round, ns; 0: none */
	SAMPLES,  /* measurements in this round */
	END,	  /* SND.NXT when this round began */
	BASELINE, /* MIN when conservative slow start began; 0: it has not */
	ROUNDS,	  /* of conservative slow start */
	WORDS,
};

enum { SAMPLES_MIN = 8, GROWTH_DIVISOR = 4, ROUNDS_MAX = 5 };

#define THRESHOLD_MIN 4000000u	/* ns */
#define THRESHOLD_MAX 16000000u /* ns */

static void end_round(struct conn *c)
{
	uint32_t *w = c->cc.state;

	w[LAST_MIN] = w[MIN];
	w[MIN] = 0;
	w[SAMPLES] = 0;
	w[END] = c->snd.nxt;
	if (w[BASELINE])
		w[ROUNDS]++;
}

static void take_sample(struct conn *c)
{
	uint32_t *w = c->cc.state, rtt = c->rack.latest;

	if (!rtt)
		return;
	w[SAMPLES]++;
	if (!w[MIN] || rtt < w[MIN])
		w[MIN] = rtt;
}

static uint32_t threshold(uint32_t last)
{
	uint32_t eighth = last / 8;

	if (eighth < THRESHOLD_MIN)
		return THRESHOLD_MIN;
	return eighth < THRESHOLD_MAX ? eighth : THRESHOLD_MAX;
}

/* RFC 9406, 4.2: into conservative slow start, and out of it if it was a whim. */
static void compare(struct conn *c)
{
	uint32_t *w = c->cc.state;

	if (w[SAMPLES] < SAMPLES_MIN || !w[LAST_MIN])
		return;
	if (w[BASELINE] && w[MIN] < w[BASELINE]) {
		w[BASELINE] = 0;
	} else if (!w[BASELINE] && w[MIN] >= w[LAST_MIN] + threshold(w[LAST_MIN])) {
		w[BASELINE] = w[MIN];
		w[ROUNDS] = 0;
	}
}

uint32_t hystart_take_ack(struct conn *c, uint32_t acked)
{
	uint32_t *w = c->cc.state;

	if (!w[END] || seq_after(c->snd.una, w[END]))
		end_round(c);
	take_sample(c);
	compare(c);
	if (!w[BASELINE])
		return acked;
	if (w[ROUNDS] < ROUNDS_MAX)
		return acked / GROWTH_DIVISOR;
	c->cc.ssthresh = c->cc.cwnd;
	for (int i = 0; i < WORDS; i++)
		w[i] = 0;
	return 0;
}
