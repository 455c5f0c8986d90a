/* SPDX-License-Identifier: BSD-2-Clause */
/* Path MTU (RFC 9293, 3.7.2; RFC 1191, 8201), from ICMP errors that the runner has
 * received and found to quote a segment of this connection; and, where they do not
 * come through, from what timeouts suggest (RFC 4821, 7.7). */
#include "core.h"

/* No link that matters is smaller: 552 bytes of IPv4 (what deployed stacks take
 * for the least), 1280 of IPv6 (RFC 8200, 5). An error that says less is a lie. */
enum { LEAST_V4 = 552 - 40, LEAST_V6 = 1280 - 60, TIMESTAMPS = 12 };

/* Black holes: full-sized segments vanish and nobody says so. */
enum {
	BASE_V4 = 1280 - 40, /* what tunnels and old links leave, at least */
	BASE_V6 = 1280 - 60,
	TIMEOUTS_BASE = 3, /* in a row, before the size is suspected … */
	TIMEOUTS_LEAST = 5,
	TIMEOUTS_ALL = 7, /* … and after so many it was not the size */
};

static uint16_t without_options(const struct conn *c, uint16_t mss)
{
	return c->options & OPTION_TIMESTAMPS ? mss - TIMESTAMPS : mss;
}

static void shrink(struct conn *c, uint16_t mss)
{
	mss = without_options(c, mss);
	if (mss < c->snd.mss && mss < conn_flight(c))
		c->snd.mss = mss;
}

/* The retransmission timer has expired `times` times in a row. rcv.mss is what
 * the handshake had settled for both directions. */
void path_mtu_suspect(struct conn *c, uint32_t times)
{
	if (times == TIMEOUTS_BASE)
		shrink(c, c->link.v4 ? BASE_V4 : BASE_V6);
	else if (times == TIMEOUTS_LEAST)
		shrink(c, c->link.v4 ? LEAST_V4 : LEAST_V6);
	else if (times == TIMEOUTS_ALL)
		c->snd.mss = c->rcv.mss;
}

void tcp_path_mtu(struct conn *c, const struct host *h, uint32_t seq, uint16_t mss)
{
	uint16_t least = c->link.v4 ? LEAST_V4 : LEAST_V6;

	if (!conn_is_synchronized(c) || !seq_within(seq, c->snd.una, conn_flight(c)))
		return;
	if (mss < least)
		mss = least;
	if (without_options(c, mss) >= c->snd.mss)
		return;
	c->snd.mss = without_options(c, mss);
	c->rtt.timed_at = 0;
	recovery_segment_size(c);
	rto_arm(c, h);
}
