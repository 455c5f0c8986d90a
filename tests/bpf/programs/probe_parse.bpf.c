/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* parse_packet() at the driver, by itself: what it makes of a frame is left in a
 * map, so that a test can lay it beside what the daemon's build makes of it. */
#include <linux/bpf.h>

#include "abi.h"
#include "parse.h"
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

struct packet parsed;

SEC("xdp.frags")
int probe_parse(struct xdp_md *ctx)
{
	struct packet p = {};
	int r = parse_packet((void *)(long)ctx->data, (void *)(long)ctx->data_end,
			     (__u32)bpf_xdp_get_buff_len(ctx), &p);

	parsed = p;
	return r;
}
