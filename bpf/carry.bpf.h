/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Loads a segment of the worker's on a frame that has been consumed; the protocol
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

/* True: the frame is another now, to be sent by XDP_TX. */
static __always_inline bool carry(const struct visit *v)
{
	struct carrier *c = v->carrier;
	struct carrier_slot *slot;
	__u32 position;
	__u64 length;

	if (!c || !transmit_works)
		return false;
	position = carrier_claimed(c);
	if (!carrier_waits(position, v->filled))
		return false;
	slot = &c->slot[position % CARRIER_SLOTS];
	length = *(volatile __u32 *)&slot->length;
	return prove_length(&length, CARRIER_BYTES) && frame_resize(v->ctx, length) &&
	       !bpf_xdp_store_bytes(v->ctx, 0, slot->bytes, length) &&
	       carrier_claim(c, position);
}

#endif
