/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The limit of the link: an echo server without a TCP. It keeps nothing, checks
 * nothing and retransmits nothing; it answers a segment in its own frame, from
 * what the segment itself says. No server on this link can be faster.
 *
 * IPv4 without options; a SYN loses its options. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

enum { IP_AT = 14, TCP_AT = 34, TCP_BYTES = 20, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static __always_inline void swap(__u16 *a, __u16 *b, int n)
{
	for (int i = 0; i < n; i++) {
		__u16 t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

static __always_inline void swap_ends(__u8 *frame)
{
	swap((__u16 *)frame, (__u16 *)(frame + ETH_ALEN), ETH_ALEN / 2);
	swap((__u16 *)(frame + IP_AT + 12), (__u16 *)(frame + IP_AT + 16), 2);
	swap((__u16 *)(frame + TCP_AT), (__u16 *)(frame + TCP_AT + 2), 1);
}

/* The new header words; the checksum changes by as much as they do (RFC 1624). */
static __always_inline void answer(__be32 *tcp, __u32 text, __u32 seq)
{
	__u64 sum = (__u16) ~((__u16 *)tcp)[8];
	__u32 flags = bpf_ntohl(tcp[3]) >> 16 & (FIN | SYN);
	__be32 word[3] = {
		seq,
		bpf_htonl(bpf_ntohl(tcp[1]) + text + !!flags),
		bpf_htonl(bpf_ntohl(tcp[3]) | (__u32)ACK << 16),
	};

	for (int i = 0; i < 3; i++) {
		sum += (__u64)(__u32)~tcp[1 + i] + word[i];
		tcp[1 + i] = word[i];
	}
	((__u16 *)tcp)[8] = ~fold(sum);
}

static __always_inline int answer_syn(struct xdp_md *ctx)
{
	__u8 *frame, *end;
	__be32 *tcp, *ip;
	__u64 sum = 0;

	if (bpf_xdp_adjust_tail(ctx, TCP_AT + TCP_BYTES - (int)(ctx->data_end - ctx->data)))
		return XDP_DROP;
	frame = (__u8 *)(long)ctx->data;
	end = (__u8 *)(long)ctx->data_end;
	if (frame + TCP_AT + TCP_BYTES > end)
		return XDP_DROP;
	ip = (__be32 *)(frame + IP_AT);
	tcp = (__be32 *)(frame + TCP_AT);
	swap_ends(frame);
	ip[0] = bpf_htonl(0x45000000 | (TCP_AT + TCP_BYTES - IP_AT));
	((__u16 *)ip)[5] = 0;
	for (int i = 0; i < 5; i++)
		sum += ip[i];
	((__u16 *)ip)[5] = ~fold(sum);
	tcp[2] = bpf_htonl(bpf_ntohl(tcp[1]) + 1);
	tcp[1] = 0;
	tcp[3] = bpf_htonl(0x50000000 | (SYN | ACK) << 16 | 0xffff);
	tcp[4] = 0;
	sum = (__u64)ip[3] + ip[4] + bpf_htons(IPPROTO_TCP) + bpf_htons(TCP_BYTES);
	for (int i = 0; i < 5; i++)
		sum += tcp[i];
	((__u16 *)tcp)[8] = ~fold(sum);
	return XDP_TX;
}

SEC("xdp")
int xdp_echo(struct xdp_md *ctx)
{
	__u8 *frame = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;
	__be32 *tcp = (__be32 *)(frame + TCP_AT);
	__u32 text, flags;

	if (frame + TCP_AT + TCP_BYTES > end || *(__be16 *)(frame + 12) != bpf_htons(ETH_P_IP) ||
	    frame[IP_AT] != 0x45 || frame[IP_AT + 9] != IPPROTO_TCP)
		return XDP_PASS;
	flags = bpf_ntohl(tcp[3]) >> 16;
	text = (bpf_ntohs(*(__be16 *)(frame + IP_AT + 2)) - 20 - (frame[TCP_AT + 12] >> 4) * 4) &
	       0xffff;
	if (flags & SYN)
		return answer_syn(ctx);
	if (flags & RST || !(text || flags & FIN))
		return XDP_DROP;
	swap_ends(frame);
	answer(tcp, text, tcp[2]);
	return XDP_TX;
}
