/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Makes a frame of the load generator out of whatever frame is at hand: cut at
 * the tail if it is too long, grown at the head if it is too short, since a frame
 * that a veth made of a small buffer has no room at the tail but always some at
 * the head. Every byte of the headers is written anew. */
#ifndef XLOAD_FRAME_BPF_H
#define XLOAD_FRAME_BPF_H

#include "xload.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	ETH_BYTES = 14,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	TCP_BYTES = 20,
	TIMESTAMP_BYTES = 12,
	SYN_OPTION_BYTES = 8,
	PATTERN_WORDS = (XLOAD_TEXT_MAX + 7) / 8,
};

const volatile struct xload_setup setup;
/* One word more than is used: the verifier rounds bounds up. */
const volatile __u64 pattern[PATTERN_WORDS + 1];

struct tcp_out {
	__u32 address; /* ours: the last word, host order */
	__u32 port;
	__u32 seq;
	__u32 ack;
	__u32 flags;
	__u32 ts_recent;
	__u64 now;
};

/* What a request begins with; the pattern follows. */
struct request_head {
	__u32 id;
	__u32 number;
};

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

static __always_inline __u32 tcp_at(void)
{
	return ETH_BYTES + (setup.v6 ? IP6_BYTES : IP4_BYTES);
}

static __always_inline __u32 header_bytes(void)
{
	return TCP_BYTES + (setup.timestamps ? TIMESTAMP_BYTES : 0);
}

static __always_inline __u32 text_at(void)
{
	return tcp_at() + header_bytes();
}

static __always_inline __u32 id_address(__u32 id)
{
	return setup.source + (id >> XLOAD_PORT_BITS);
}

static __always_inline __u32 id_port(__u32 id)
{
	return XLOAD_FIRST_PORT + (id & ((1 << XLOAD_PORT_BITS) - 1));
}

static __always_inline bool frame_resize(struct xdp_md *ctx, __u32 want)
{
	__u32 have = ctx->data_end - ctx->data;

	if (want == have)
		return true;
	if (want < have)
		return !bpf_xdp_adjust_tail(ctx, -(int)(have - want));
	return !bpf_xdp_adjust_head(ctx, -(int)(want - have));
}

static __always_inline void write_ethernet(__u8 *eth)
{
	for (int i = 0; i < ETH_ALEN; i++) {
		eth[i] = setup.server_mac[i];
		eth[ETH_ALEN + i] = setup.mac[i];
	}
	*(__be16 *)(eth + 2 * ETH_ALEN) = setup.v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
}

/* Never a fragment, so no identification. */
static __always_inline void write_ip4(__be32 *ip, __be32 source, __u32 tcp_bytes)
{
	__u64 sum = 0;

	ip[0] = bpf_htonl(0x45000000u | (IP4_BYTES + tcp_bytes));
	ip[1] = bpf_htonl(0x4000);
	ip[2] = bpf_htonl(64u << 24 | IPPROTO_TCP << 16);
	ip[3] = source;
	ip[4] = setup.server[3];
	for (int i = 0; i < 5; i++)
		sum += ip[i];
	*((__u16 *)ip + 5) = ~fold(sum);
}

static __always_inline void write_ip6(__be32 *ip, __be32 source, __u32 tcp_bytes)
{
	ip[0] = bpf_htonl(6u << 28);
	ip[1] = bpf_htonl(tcp_bytes << 16 | IPPROTO_TCP << 8 | 64);
	for (int i = 0; i < 3; i++)
		ip[2 + i] = setup.network[i];
	ip[5] = source;
	for (int i = 0; i < 4; i++)
		ip[6 + i] = setup.server[i];
}

/* Everything before TCP's header, which the caller knows to be within the frame. */
static __always_inline void write_lower(__u8 *data, const struct tcp_out *o, __u32 tcp_bytes)
{
	__be32 *ip = (__be32 *)(data + ETH_BYTES);

	write_ethernet(data);
	if (setup.v6)
		write_ip6(ip, bpf_htonl(o->address), tcp_bytes);
	else
		write_ip4(ip, bpf_htonl(o->address), tcp_bytes);
}

/* Of our `address`, in host order, and the server's. */
static __always_inline __u64 pseudo_sum(__u32 address, __u32 tcp_bytes)
{
	return (__u64)setup.address_sum + bpf_htonl(address) + bpf_htons(IPPROTO_TCP) +
	       bpf_htons(tcp_bytes);
}

static __always_inline __u64 write_timestamps(__be32 *option, const struct tcp_out *o)
{
	option[0] = bpf_htonl(0x0101080a);
	option[1] = bpf_htonl((__u32)(o->now / 1000000));
	option[2] = bpf_htonl(o->ts_recent);
	return (__u64)option[0] + option[1] + option[2];
}

/* The fixed header; the sum of its words, the checksum taken for zero. */
static __always_inline __u64 write_tcp(__be32 *tcp, const struct tcp_out *o, __u32 bytes)
{
	__u64 sum = 0;

	tcp[0] = (__be32)bpf_htons(o->port) | setup.server_port << 16;
	tcp[1] = bpf_htonl(o->seq);
	tcp[2] = bpf_htonl(o->ack);
	tcp[3] = bpf_htonl(bytes << 26 | o->flags << 16 | 0xffff);
	tcp[4] = 0;
	for (int i = 0; i < 5; i++)
		sum += tcp[i];
	return sum;
}

static __always_inline void write_checksum(__be32 *tcp, __u64 sum)
{
	*(__u16 *)(tcp + 4) = ~fold(sum);
}

/* A segment of `text` bytes that sum up to `text_sum` and that lie in the frame
 * already, or are written by the caller. */
static __always_inline bool write_segment(struct xdp_md *ctx, const struct tcp_out *o, __u32 text,
					  __u64 text_sum)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u32 header = header_bytes();
	__be32 *tcp = (__be32 *)(data + tcp_at());
	__u64 sum;

	if (data + text_at() > (__u8 *)(long)ctx->data_end)
		return false;
	write_lower(data, o, header + text);
	sum = pseudo_sum(o->address, header + text) + text_sum + write_tcp(tcp, o, header);
	if (setup.timestamps)
		sum += write_timestamps(tcp + TCP_BYTES / 4, o);
	write_checksum(tcp, sum);
	return true;
}

static __always_inline bool make_empty(struct xdp_md *ctx, const struct tcp_out *o)
{
	return frame_resize(ctx, text_at()) && write_segment(ctx, o, 0, 0);
}

/* MSS, window scale, and timestamps if wanted. */
static __always_inline bool make_syn(struct xdp_md *ctx, const struct tcp_out *o)
{
	__u32 header = header_bytes() + SYN_OPTION_BYTES;
	__be32 *tcp;
	__u8 *data;
	__u64 sum;

	if (!frame_resize(ctx, tcp_at() + header))
		return false;
	data = (__u8 *)(long)ctx->data;
	if (data + tcp_at() + header > (__u8 *)(long)ctx->data_end)
		return false;
	tcp = (__be32 *)(data + tcp_at());
	write_lower(data, o, header);
	sum = pseudo_sum(o->address, header) + write_tcp(tcp, o, header);
	tcp[5] = bpf_htonl(0x02040000u | (setup.v6 ? 1440 : 1460));
	tcp[6] = bpf_htonl(0x01030300u | XLOAD_WINDOW_SCALE);
	sum += (__u64)tcp[5] + tcp[6];
	if (setup.timestamps)
		sum += write_timestamps(tcp + 7, o);
	write_checksum(tcp, sum);
	return true;
}

static __always_inline void write_pattern(__u8 *text)
{
	__u32 size = setup.size;

	for (__u32 at = 8; at + 8 <= size && at < XLOAD_TEXT_MAX; at += 8)
		*(__u64 *)(text + at) = pattern[at / 8];
	for (__u32 at = size & ~7u; at >= 8 && at < size && at < XLOAD_TEXT_MAX; at++)
		text[at] = pattern[at / 8] >> at % 8 * 8;
}

static __always_inline __u64 head_sum(const struct request_head *h)
{
	return (__u64)h->id + h->number;
}

/* A request. `in_place`: the frame holds a right response in the same place, of
 * which only the head changes. */
static __always_inline bool make_request(struct xdp_md *ctx, const struct tcp_out *o,
					 const struct request_head *h, bool in_place)
{
	__u8 *text;

	if (!frame_resize(ctx, text_at() + setup.size) ||
	    !write_segment(ctx, o, setup.size, setup.pattern_sum + head_sum(h)))
		return false;
	text = (__u8 *)(long)ctx->data + text_at();
	if (text + setup.size > (__u8 *)(long)ctx->data_end)
		return false;
	((__u32 *)text)[0] = h->id;
	((__u32 *)text)[1] = h->number;
	if (!in_place)
		write_pattern(text);
	return true;
}

#endif
