/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Text without end: taken in, acknowledged every second segment; or sent, as far as
 * the window allows. */
#ifndef XLOAD_BULK_BPF_H
#define XLOAD_BULK_BPF_H

#include "xload_read.bpf.h"

static __always_inline int bulk_arrives(const struct tcp_in *in)
{
	struct xload_client *c = in->client;

	c->rcv_nxt += in->text;
	add(XLOAD_text_received, in->text);
	add(XLOAD_text_segments, 1);
	c->exchanges++;
	return ++c->got & 1 ? XDP_DROP : send_ack(in->ctx, c);
}

/* A window that stays closed, or a lost segment: begin again at snd_una. */
static __always_inline int bulk_waits(struct xload_client *c)
{
	__u64 now = bpf_ktime_get_ns();

	add(XLOAD_window_closed, 1);
	if (c->snd_nxt == c->snd_una || now - c->sent_at < setup.retry)
		return XDP_DROP;
	add(XLOAD_resent, 1);
	c->snd_nxt = c->snd_una;
	c->sent_at = now;
	return XDP_DROP;
}

/* One segment of the next connection's text, in a frame that nobody has written
 * any text into since it was made. */
static __always_inline int send_bulk(struct xdp_md *ctx, struct xload_client *c)
{
	__u32 size = setup.size;
	struct tcp_out o;

	if (c->state != XLOAD_OPEN)
		return XDP_DROP;
	if (c->snd_nxt + size - c->snd_una > c->snd_wnd)
		return bulk_waits(c);
	o = out_of(c, c->snd_nxt, XLOAD_ACK);
	c->snd_nxt += size;
	if ((int)(c->snd_nxt - c->snd_max) > 0)
		c->snd_max = c->snd_nxt;
	add(XLOAD_segments_sent, 1);
	if (!frame_resize(ctx, text_at() + size))
		return XDP_DROP;
	return write_segment(ctx, &o, size, setup.pattern_sum) ? XDP_TX : XDP_DROP;
}

#endif
