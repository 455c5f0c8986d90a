/* SPDX-License-Identifier: BSD-2-Clause */
/* The retransmission timer (RFC 6298): measuring the round-trip time, once per
 * round trip with a segment that was never sent again (Karn's algorithm, MUST-18), or,
 * when there is none, by the echoed timestamp (RFC 7323, 4), which is never
 * ambiguous but only exact to a millisecond. */
#include "core.h"

#define GRANULARITY 1000000ull /* ns: G of RFC 6298 */

void rto_begin(struct conn *c, const struct host *h)
{
	c->rtt.rto = h->settings->rto_initial;
}

static uint64_t clamp(uint64_t x, uint64_t low, uint64_t high)
{
	return x < low ? low : x > high ? high : x;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

/* RFC 6298, 2.2 and 2.3, with alpha 1/8, beta 1/4, K 4. A new measurement also
 * ends the back-off (5.7's note): before it the doubled RTO stays, or a path that
 * became slower than the RTO would never be measured again. The least RTO is room
 * beyond SRTT, as deployed stacks have it: on a long and steady path RTTVAR goes to
 * nothing, and an ACK that the peer delays (MUST-40: half a second at most) would
 * come too late for an RTO of little more than SRTT. */
void rto_sample(struct conn *c, const struct host *h, uint64_t rtt)
{
	uint64_t srtt = c->rtt.srtt, rttvar = c->rtt.rttvar, spread;

	rtt = clamp(rtt, 1000, UINT32_MAX);
	if (!srtt) {
		srtt = rtt;
		rttvar = rtt / 2;
	} else {
		rttvar = (3 * rttvar + difference(srtt, rtt)) / 4;
		srtt = (7 * srtt + rtt) / 8;
	}
	spread = 4 * rttvar < h->settings->rto_min ? h->settings->rto_min : 4 * rttvar;
	c->rtt.srtt = (uint32_t)srtt;
	c->rtt.rttvar = (uint32_t)rttvar;
	c->rtt.rto = clamp(srtt + spread, GRANULARITY, h->settings->rto_max);
	c->rtt.backoff = 0;
	/* RFC 8985, 6.2, step 1; recovery.c starts it anew when the path may have changed. */
	if (!c->rack.min_rtt || rtt < c->rack.min_rtt)
		c->rack.min_rtt = (uint32_t)rtt;
}

/* TSval: milliseconds, so that it wraps its sign in 24.8 days (RFC 7323, 5.4). */
uint32_t tcp_timestamp(const struct conn *c, const struct host *h)
{
	return (uint32_t)(h->now / 1000000) + c->ts.offset;
}

/* TSval of a segment that was sent when the clock's microseconds were that, within
 * the last hour. */
uint32_t timestamp_at(const struct conn *c, const struct host *h, uint32_t microseconds)
{
	uint64_t now = h->now / 1000;
	uint32_t ago = (uint32_t)now - microseconds;

	return (uint32_t)((now - ago) / 1000) + c->ts.offset;
}

/* The round trip by the echoed timestamp; 0: not known. */
static uint32_t echoed(const struct conn *c, const struct host *h, const struct segment *s)
{
	uint32_t elapsed = tcp_timestamp(c, h) - s->tsecr;

	if (!(c->options & s->options & OPTION_TIMESTAMPS) || !s->tsecr)
		return 0;
	if (elapsed > 4000) /* ms; what is more does not fit, or is nonsense */
		return 0;
	return elapsed ? elapsed * 1000000u : 500000;
}

/* A segment that acknowledges something new (RFC 7323, 4.1: no other is used). */
void rto_take_ack(struct conn *c, const struct host *h, const struct segment *s)
{
	bool timed = c->rtt.timed_at && !seq_before(s->ack, c->rtt.timed_seq);

	c->rack.latest = echoed(c, h, s);
	if (timed) {
		uint64_t sent = c->rtt.timed_at, rtt = h->now > sent ? h->now - sent : 0;

		c->rtt.timed_at = 0;
		c->rack.latest = rtt < UINT32_MAX ? (uint32_t)rtt : UINT32_MAX;
		rto_sample(c, h, rtt);
	} else if (!c->rtt.timed_at && c->rack.latest) {
		rto_sample(c, h, c->rack.latest);
	}
}

static uint64_t shifted(uint64_t rto, uint8_t times, uint64_t max)
{
	return times >= 32 || rto << times > max ? max : rto << times;
}

/* RFC 6298, 5.5 (MUST-19); and for the probes of a closed window the same: the first after
 * one RTO (SHLD-29), then at intervals that double (SHLD-30). */
uint64_t rto_backed_off(const struct conn *c, const struct host *h)
{
	uint8_t times = c->rtt.probes ? c->rtt.probes : c->rtt.backoff;

	return shifted(c->rtt.rto, times, h->settings->rto_max);
}

void rto_arm(struct conn *c, const struct host *h)
{
	c->deadline[TIMER_RETRANSMIT] = h->now + rto_backed_off(c, h);
	if (!c->deadline[TIMER_LIFE] || conn_has(c, CONN_IDLE))
		conn_watch_life(c, h);
}

/* RFC 6298, 5.2 and 5.3, when something new was acknowledged. */
void rto_rearm_or_stop(struct conn *c, const struct host *h)
{
	c->deadline[TIMER_RETRANSMIT] = 0;
	if (conn_flight(c))
		rto_arm(c, h);
	conn_watch_life(c, h);
}
