/* SPDX-License-Identifier: BSD-2-Clause */
/* TIMEOUTS (RFC 9293, 3.10.8). A connection has deadlines, not timers: the runner
 * asks for the earliest and comes back when it is due. */
#include "core.h"

uint64_t tcp_deadline(const struct conn *c)
{
	uint64_t first = TCP_NO_DEADLINE;

	for (int i = 0; i < TCP_TIMERS; i++)
		if (c->deadline[i] && c->deadline[i] < first)
			first = c->deadline[i];
	return first;
}

/* Is it the deadline's time? Then it is none any more. */
static bool expires(struct conn *c, enum tcp_timer timer, uint64_t now)
{
	if (!c->deadline[timer] || c->deadline[timer] > now)
		return false;
	c->deadline[timer] = 0;
	return true;
}

/* USER TIMEOUT, R2 of 3.8.3 (MUST-20, MUST-22; the user is told: MUST-12): "flush
 * all queues, signal the user 'error: connection aborted due
 * to user timeout' in general and for any outstanding calls, delete the TCB".
 * TIME-WAIT TIMEOUT, and FIN_WAIT_2 that nobody waits for: just the last. A peer
 * that does not answer keep-alives is gone, one probe unanswered proves nothing
 * (MUST-29, 3.8.4). */
static void life_timeout(struct conn *c, const struct host *h)
{
	bool idle = conn_has(c, CONN_IDLE);
	bool quiet = !idle && (c->state == TIME_WAIT || c->state == FIN_WAIT_2);

	if (idle && c->keepalives < h->settings->keepalive_probes) {
		c->keepalives++;
		c->flags |= CONN_KEEPALIVE;
		c->deadline[TIMER_LIFE] = h->now + h->settings->keepalive_interval;
		return;
	}
	conn_end(c, quiet ? 0 : EVENT_TIMED_OUT);
}

static void count(uint8_t *times)
{
	if (*times < UINT8_MAX)
		++*times;
}

/* RETRANSMISSION TIMEOUT: "send the segment at the front of the retransmission
 * queue again". While the peer's window is closed, or with nothing in flight, it
 * is a probe (3.8.6.1) and says nothing about the network. */
static void retransmission_timeout(struct conn *c, const struct host *h)
{
	if (conn_syn_is_out(c)) {
		c->flags |= CONN_SEND_SYN | CONN_SYN_LOST;
		c->rtt.timed_at = 0;
		count(&c->rtt.backoff);
	} else if (!c->snd.wnd || !conn_flight(c)) {
		c->flags |= CONN_PROBE;
		count(&c->rtt.probes);
	} else {
		path_mtu_suspect(c, c->rtt.backoff + 1);
		recovery_timeout(c, h);
		c->rtt.timed_at = 0;
		count(&c->rtt.backoff);
	}
	rto_arm(c, h);
}

/* A probe takes the place of the RTO that would be due at the same time. */
static void recovery_timer(struct conn *c, const struct host *h)
{
	if (conn_has(c, CONN_SUSPECT))
		recovery_suspect_timeout(c, h);
	else
		tail_probe_timeout(c, h);
}

void tcp_timeouts(struct conn *c, struct host *h)
{
	if (expires(c, TIMER_LIFE, h->now)) {
		life_timeout(c, h);
		if (c->state == CLOSED)
			return;
	}
	if (expires(c, TIMER_DELAYED_ACK, h->now))
		c->flags |= CONN_ACK_NOW;
	expires(c, TIMER_PACE, h->now); /* output.c may send again: that is all */
	if (expires(c, TIMER_RECOVERY, h->now))
		recovery_timer(c, h);
	if (expires(c, TIMER_RETRANSMIT, h->now))
		retransmission_timeout(c, h);
}
