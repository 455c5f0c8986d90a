/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* For the server's end of a veth when its TCP is the kernel's: what the other end
 * sends by XDP_TX arrives only where there is a program at all. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
