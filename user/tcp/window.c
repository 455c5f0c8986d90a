/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive window (RFC 9293, 3.8.6). Its right edge, rcv.edge, is what we
 * accept, XDP included; rcv.told is the part that an ACK of ours has shown to the
 * peer, while acknowledgments that XDP sent in place may have shown more. */
#include "core.h"

/* RCV.WND: bytes between RCV.NXT and the right edge. */
uint32_t window_free(const struct conn *c)
{
	return c->rcv.edge - c->rcv.nxt;
}

static uint32_t threshold(const struct conn *c)
{
	return c->rcv.limit / 2 < c->rcv.mss ? c->rcv.limit / 2 : c->rcv.mss;
}

/* 3.8.6.2.2, MUST-39: the edge stays until it can move by a full segment, or by
 * half of the buffer where that is less; until then it may stay closed (MAY-8). It
 * never moves left (SHLD-14): a limit that the runner lowers takes effect as text
 * arrives. */
void window_advance(struct conn *c)
{
	uint32_t most = c->rcv.nxt + (0xffffu << c->rcv.window_scale);
	uint32_t target = seq_earlier(c->rcv.user + c->rcv.limit, most);
	int32_t gain = (int32_t)(target - c->rcv.edge);

	if (gain > 0 && (uint32_t)gain >= threshold(c))
		c->rcv.edge = target;
}

/* Is it worth a segment of its own to show the edge? When the peer has half a
 * buffer less than we could give, or cannot send a full segment. */
bool window_update_is_due(const struct conn *c)
{
	int32_t hidden = (int32_t)(c->rcv.edge - c->rcv.told);
	int32_t known = (int32_t)(c->rcv.told - c->rcv.nxt);

	if (hidden <= 0 || c->state < ESTABLISHED || conn_has(c, CONN_FIN_RECEIVED))
		return false;
	if ((uint32_t)hidden >= c->rcv.limit / 2)
		return true;
	return known < c->rcv.mss && (uint32_t)hidden >= threshold(c);
}

/* The window field. Scaled windows are rounded down, so that what the peer reads
 * can lie up to 2^scale - 1 bytes left of what it read before; RFC 7323, 2.4
 * foresees that, and we accept up to the edge all the same. */
uint16_t window_to_advertise(struct conn *c)
{
	uint8_t scale = c->rcv.window_scale;
	uint32_t field;

	window_advance(c);
	field = window_free(c) >> scale;
	if (field > 0xffff)
		field = 0xffff;
	c->rcv.told = seq_later(c->rcv.told, c->rcv.nxt + (field << scale));
	return (uint16_t)field;
}
