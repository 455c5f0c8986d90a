/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Segments of connections that there are not, from addresses all over. */
#ifndef XLOAD_FLOOD_BPF_H
#define XLOAD_FLOOD_BPF_H

#include "xload_clients.bpf.h"

/* A segment from anywhere, of a connection that there is not. */
static __always_inline int flood(struct xdp_md *ctx)
{
	struct tcp_out o = {
		.id = bpf_get_prandom_u32() % (setup.addresses << XLOAD_PORT_BITS),
		.seq = bpf_get_prandom_u32(),
		.flags = setup.flood_flags,
		.now = 1000000,
	};

	if (!(o.flags & XLOAD_SYN))
		o.ack = bpf_get_prandom_u32();
	add(XLOAD_segments_sent, 1);
	if (o.flags & XLOAD_SYN)
		return make_syn(ctx, &o) ? XDP_TX : XDP_DROP;
	return make_empty(ctx, &o) ? XDP_TX : XDP_DROP;
}

#endif
