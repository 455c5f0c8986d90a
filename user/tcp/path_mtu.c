/* SPDX-License-Identifier: BSD-2-Clause */
/* Path MTU (RFC 9293, 3.7.2; RFC 1191, 8201), from ICMP errors that the runner has
 * received and found to quote a segment of this connection. */
#include "core.h"

/* No link that matters is smaller: 552 bytes of IPv4 (what deployed stacks take
 * for the least), 1280 of IPv6 (RFC 8200, 5). An error that says less is a lie. */
enum { LEAST_V4 = 552 - 40, LEAST_V6 = 1280 - 60, TIMESTAMPS = 12 };

void tcp_path_mtu(struct conn *c, const struct host *h, uint32_t seq, uint16_t mss)
{
	uint16_t least = c->link.v4 ? LEAST_V4 : LEAST_V6;

	if (!conn_is_synchronized(c) || !seq_within(seq, c->snd.una, conn_flight(c)))
		return;
	if (mss < least)
		mss = least;
	if (c->options & OPTION_TIMESTAMPS)
		mss -= TIMESTAMPS;
	if (mss >= c->snd.mss)
		return;
	c->snd.mss = mss;
	c->rtt.timed_at = 0;
	recovery_segment_size(c);
	rto_arm(c, h);
}
