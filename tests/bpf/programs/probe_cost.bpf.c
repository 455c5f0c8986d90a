/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The program itself, over and over with one and the same frame: before every
 * run the flow is set back, so that the frame is a hit again. `nothing` is what
 * the measuring costs alone. */
#include "../../../bpf/xdp_main.bpf.c"

__u32 reset_index = 0;
struct flow_rx reset_rx;

SEC("xdp.frags")
int nothing(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int again(struct xdp_md *ctx)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &reset_index);

	if (!flow)
		return XDP_ABORTED;
	flow->rx.rcv_nxt = reset_rx.rcv_nxt;
	flow->rx.snd_una = reset_rx.snd_una;
	flow->rx.ack_sent = reset_rx.ack_sent;
	return count(frame_arrives(ctx));
}
