/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Loads segments of the worker's on a frame that has been consumed; the protocol
 * is in include/carrier.h, whose rules are cited here. */
#ifndef XTCP_CARRY_BPF_H
#define XTCP_CARRY_BPF_H

#include "carrier.h"
#include "record.bpf.h"

/* Cut or grown at the tail. A frame that was made of a small buffer has no room
 * there, but always some at the head. */
static __always_inline bool frame_resize(struct xdp_md *ctx, __u32 length)
{
	int more = (int)length - (int)bpf_xdp_get_buff_len(ctx);

	if (!more || !bpf_xdp_adjust_tail(ctx, more))
		return true;
	return more > 0 && !bpf_xdp_adjust_head(ctx, -more);
}

/* The oldest slot before `filled` becomes the frame. */
static __always_inline bool ride(struct xdp_md *ctx, struct carrier *c, __u32 filled)
{
	__u32 position = carrier_claimed(c);
	struct carrier_slot *slot = &c->slot[position % CARRIER_SLOTS];
	__u64 length = *(volatile __u32 *)&slot->length;

	return carrier_waits(position, filled) && prove_length(&length, CARRIER_BYTES) &&
	       frame_resize(ctx, length) && !bpf_xdp_store_bytes(ctx, 0, slot->bytes, length) &&
	       carrier_claim(c, position);
}

static __always_inline bool is_in_one_piece(struct xdp_md *ctx)
{
	return bpf_xdp_get_buff_len(ctx) == ctx->data_end - ctx->data;
}

static __always_inline int multiply(const struct visit *v)
{
	struct ride r = {.worker = v->worker, .filled = v->filled};

	if (bpf_xdp_store_bytes(v->ctx, 0, &r, sizeof(r)))
		return XDP_DROP;
	return bpf_redirect_map(&riders, 0, BPF_F_BROADCAST);
}

/* The verdict on a frame that is not needed any more. */
static __always_inline int carry(const struct visit *v)
{
	struct carrier *c = v->carrier;

	if (!c || !transmit_works || !carrier_waits(carrier_claimed(c), v->filled))
		return XDP_DROP;
	if (carrier_has_seed(c) && is_in_one_piece(v->ctx) && carrier_take_seed(c))
		return multiply(v);
	return ride(v->ctx, c, v->filled) ? XDP_TX : XDP_DROP;
}

/* Run over each copy, on its way out. */
static __always_inline int copy_leaves(struct xdp_md *ctx)
{
	struct carrier *c;
	struct ride r;

	if (!transmit_works || bpf_xdp_load_bytes(ctx, 0, &r, sizeof(r)))
		return XDP_DROP;
	c = bpf_map_lookup_elem(&carrier, &r.worker);
	return c && ride(ctx, c, r.filled) ? XDP_PASS : XDP_DROP;
}

#endif
