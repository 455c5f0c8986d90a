/* SPDX-License-Identifier: BSD-2-Clause */
/* See sizing.h. The receive side is dynamic right-sizing: a sender that fills the
 * window in each round trip gets twice of what it brings in one, so that it is
 * never the window that holds it, and no more, since a window beyond the path's
 * needs only fills queues. */
#include "sizing.h"
#include "engine.h"

enum {
	US = 1000,	      /* ns */
	OWN_DELAY = 300,      /* us: a batch of records and its acknowledgment */
	RTT_UNKNOWN = 100000, /* us: if the handshake could not be measured */
	BUSY = 20000,	      /* us: rounds of a busy machine can be this far apart */
	REST = 1000000,	      /* us without use after which a buffer shrinks */
};

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t sizing_receive_first(uint32_t most)
{
	return least(SIZING_RECEIVE_FIRST, most);
}

uint32_t sizing_send_first(uint32_t most)
{
	return least(SIZING_SEND_LEAST, most);
}

/* The round trip was measured by the handshake, or by text of ours since. */
static uint32_t interval(const struct conn *c)
{
	return OWN_DELAY + (c->rtt.srtt ? c->rtt.srtt / US : RTT_UNKNOWN);
}

static void begin_interval(struct sizing *z, const struct conn *c, uint32_t now)
{
	z->user = c->rcv.user;
	z->since = now;
}

static uint32_t grown(const struct sizing *z, uint32_t taken)
{
	return taken > z->receive / 2 ? 2 * taken : z->receive;
}

static uint32_t shrunk(const struct sizing *z, uint32_t taken)
{
	uint32_t half = z->receive / 2;

	if (taken >= z->receive / 8)
		return z->receive;
	return half > SIZING_RECEIVE_FIRST ? half : SIZING_RECEIVE_FIRST;
}

uint32_t sizing_receive(struct session *s, uint32_t most)
{
	struct sizing *z = &s->sizing;
	const struct conn *c = s->conn;
	uint32_t now = (uint32_t)(s->worker->host.now / US);
	uint32_t elapsed = now - z->since;

	if (!z->receive) {
		z->receive = SIZING_RECEIVE_FIRST;
		begin_interval(z, c, now);
	} else if (elapsed >= interval(c)) {
		/* In a longer time more is taken than in a round trip. */
		if (elapsed < 2 * interval(c) || elapsed < BUSY)
			z->receive = least(grown(z, c->rcv.user - z->user), most);
		else if (elapsed >= REST)
			z->receive = shrunk(z, c->rcv.user - z->user);
		begin_interval(z, c, now);
	}
	return least(z->receive, most);
}

/* What is under way, and as much again to follow it. */
uint32_t sizing_send(const struct session *s, uint32_t most)
{
	uint32_t cwnd = s->conn->cc.cwnd;
	uint32_t wanted = cwnd < SIZING_SEND_LEAST / 2 ? SIZING_SEND_LEAST
			  : cwnd < UINT32_MAX / 2      ? 2 * cwnd
						       : UINT32_MAX;

	return least(wanted, most);
}
