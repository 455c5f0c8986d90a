/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Segments of connections that there are not, from addresses all over. */
#ifndef XLOAD_FLOOD_BPF_H
#define XLOAD_FLOOD_BPF_H

#include "xload_clients.bpf.h"

static __always_inline int flood(struct xdp_md *ctx)
{
	struct tcp_out o = {
		.address = setup.source + XLOAD_FLOOD_APART +
			   bpf_get_prandom_u32() % XLOAD_FLOOD_ADDRESSES,
		.port = bpf_get_prandom_u32() % 65535 + 1,
		.seq = bpf_get_prandom_u32(),
		.flags = setup.flood_flags,
		.now = 1000000,
	};

	if (!(o.flags & XLOAD_SYN))
		o.ack = bpf_get_prandom_u32();
	add(XLOAD_flood_sent, 1);
	if (o.flags & XLOAD_SYN)
		return make_syn(ctx, &o) ? XDP_TX : XDP_DROP;
	return make_empty(ctx, &o) ? XDP_TX : XDP_DROP;
}

#endif
