/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The connections of the load generator as its programs keep and count them, and
 * the segment without text that any of them may have to send. */
#ifndef XLOAD_CLIENTS_BPF_H
#define XLOAD_CLIENTS_BPF_H

#include "xload_frame.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xload_client);
} clients SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XLOAD_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XLOAD_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} round_trips SEC(".maps");

struct text_copy {
	__u8 bytes[2048];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct text_copy);
} copies SEC(".maps");

static __always_inline void add(__u32 counter, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += n;
}

static __always_inline void note_round_trip(__u64 ns)
{
	__u32 bucket = xload_bucket(ns);
	__u64 *value = bpf_map_lookup_elem(&round_trips, &bucket);

	if (value)
		(*value)++;
}

static __always_inline struct tcp_out out_of(const struct xload_client *c, __u32 seq, __u32 flags)
{
	return (struct tcp_out){
		.address = id_address(c->id),
		.port = id_port(c->id),
		.seq = seq,
		.ack = c->rcv_nxt,
		.flags = flags,
		.ts_recent = c->ts_recent,
		.now = bpf_ktime_get_ns(),
	};
}

static __always_inline int send_empty(struct xdp_md *ctx, const struct xload_client *c, __u32 seq,
				      __u32 flags)
{
	struct tcp_out o = out_of(c, seq, flags);

	return make_empty(ctx, &o) ? XDP_TX : XDP_DROP;
}

static __always_inline int send_ack(struct xdp_md *ctx, const struct xload_client *c)
{
	return send_empty(ctx, c, c->snd_nxt, XLOAD_ACK);
}

#endif
