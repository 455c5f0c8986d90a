/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* In front of the program that is measured, once for every run:
 *
 *   set back what the last run changed ─► aim the frame at a random flow ─► tail call
 *
 * BPF_PROG_TEST_RUN repeats a program with one and the same frame, whose second
 * arrival would be a duplicate. So the flow of the last run, which is in the first
 * cache since that run, is made again what it was; and the frame gets the address
 * and port of another flow, with right checksums. Where nothing is to be set back,
 * flow 0 is, so that the cost is the same; a tail call to `nothing` measures it.
 *
 * What is called is the very program that the daemon loads, and `flows` its map, with
 * its key. */
#include "aim.h"
#include "flows.bpf.h"
#include "owner.h"
#include "parse.h"
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

char _license[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

/* Set by the user between calls. */
__u32 flow_count = 0; /* random among so many */
__u32 changes_flow = 0;
__u64 word_before = 0;
struct flow_rx rx_before;
__u64 tcp_sum = 0; /* of the frame without address and port that are aimed at */
__u64 ip_sum = 0;

__u64 random_state = 0;
struct tuple tuple_of_all; /* but for address and port that are aimed at */
__u32 last_flow = 0;

enum {
	IPV4_AT = sizeof(struct ethhdr),
	TCP_IN_V4 = IPV4_AT + sizeof(struct iphdr),
	TCP_IN_V6 = IPV4_AT + sizeof(struct ipv6hdr),
	SOURCE_V6_LAST = IPV4_AT + __builtin_offsetof(struct ipv6hdr, saddr) + 12,
};

static __always_inline void set_back(void)
{
	struct tuple t = tuple_of_all;
	struct flow *flow;
	__u32 place;

	t.remote.word[3] = from_be32(aim_host(last_flow));
	t.remote_port = from_be16(aim_port(last_flow));
	place = flow_find(&t);
	flow = bpf_map_lookup_elem(&flows, &place);
	if (!flow)
		return;
	flow->word = word_before;
	flow->rx.rcv_nxt = rx_before.rcv_nxt;
	flow->rx.snd_una = rx_before.snd_una;
	flow->rx.ack_sent = rx_before.ack_sent;
}

/* splitmix64. */
static __always_inline __u32 choose_flow(void)
{
	__u64 z = random_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (__u32)((z >> 33) * flow_count >> 31);
}

static __always_inline void aim_tcp(__u8 *tcp, __be32 host, __be16 port)
{
	*(__be16 *)tcp = port;
	*(__u16 *)(tcp + __builtin_offsetof(struct tcphdr, check)) =
		(__u16)~csum_fold(tcp_sum + host + port);
}

static __always_inline void aim_v4(__u8 *frame, __be32 host, __be16 port)
{
	struct iphdr *ip = (struct iphdr *)(frame + IPV4_AT);

	ip->saddr = host;
	ip->check = (__u16)~csum_fold(ip_sum + host);
	aim_tcp(frame + TCP_IN_V4, host, port);
}

static __always_inline void aim_v6(__u8 *frame, __be32 host, __be16 port)
{
	*(__be32 *)(frame + SOURCE_V6_LAST) = host;
	aim_tcp(frame + TCP_IN_V6, host, port);
}

static __always_inline bool aim(struct xdp_md *ctx, __u32 flow)
{
	__u8 *frame = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;
	__be32 host = from_be32(aim_host(flow));
	__be16 port = from_be16(aim_port(flow));

	if (frame + TCP_IN_V4 + sizeof(struct tcphdr) > end)
		return false;
	if (frame[IPV4_AT] >> 4 == 4) {
		aim_v4(frame, host, port);
		return true;
	}
	if (frame + TCP_IN_V6 + sizeof(struct tcphdr) > end)
		return false;
	aim_v6(frame, host, port);
	return true;
}

SEC("xdp.frags")
int nothing(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int run(struct xdp_md *ctx)
{
	__u32 flow = choose_flow();

	set_back();
	if (!aim(ctx, flow))
		return XDP_ABORTED;
	last_flow = changes_flow ? flow : 0;
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}
