/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The receiver when it is measured how fast frames can be sent: it drops them, in
 * the driver or, where that would make the sender cut its super-segments, behind it. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int drop_at_driver(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

SEC("tc")
int drop_behind(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_SHOT;
}
