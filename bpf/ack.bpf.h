/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Turns the frame of a segment into the acknowledgment of it, for XDP_TX: the
 * ends swapped, <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> (RFC 9293, 3.10.7.4), the
 * timestamps of RFC 7323, and nothing behind. VLAN tags stay. */
#ifndef XTCP_ACK_BPF_H
#define XTCP_ACK_BPF_H

#include "csum.h"
#include "fastpath.h"
#include "visit.bpf.h"

enum { IPV4_DF = 0x4000, TIMESTAMPS_HEAD = 0x0101080a };
enum { ACK_WORDS = 5, ACK_TIMESTAMP_WORDS = 8 };

/* A TCP header without text, as words in the byte order of the wire. */
struct ack_header {
	__be32 word[ACK_TIMESTAMP_WORDS];
	__u32 words;
};

static __always_inline __u32 ip_header_length(const struct packet *p)
{
	return p->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* IP options and extension headers would have to be thought about: the daemon
 * answers those. */
static __always_inline bool ack_is_simple(const struct packet *p)
{
	return p->tcp_offset == p->ip_offset + ip_header_length(p);
}

static __always_inline __u32 ack_length(const struct packet *p)
{
	return p->segment.options ? ACK_TIMESTAMP_WORDS * 4 : ACK_WORDS * 4;
}

/* Cuts what is behind the headers. After it the frame holds no text any more. */
static __always_inline bool ack_cut(struct visit *v)
{
	int surplus = (int)bpf_xdp_get_buff_len(v->ctx) -
		      (int)(v->packet.tcp_offset + ack_length(&v->packet));

	return surplus >= 0 && !bpf_xdp_adjust_tail(v->ctx, -surplus);
}

static __always_inline __u16 ack_checksum(const struct packet *p, const struct ack_header *h)
{
	__u64 sum = csum_pseudo(&p->tuple, p->v4, h->words * 4);

	for (int i = 0; i < ACK_WORDS; i++)
		sum += h->word[i];
	if (h->words == ACK_TIMESTAMP_WORDS)
		sum += (__u64)h->word[5] + h->word[6] + h->word[7];
	return (__u16)~csum_fold(sum);
}

/* Made while the flow is ours, since it reads the receive half. */
static __always_inline void ack_make(const struct visit *v, struct ack_header *h)
{
	const struct packet *p = &v->packet;
	const struct flow_tx *tx = visit_tx(v);
	const struct flow_rx *rx = visit_rx(v);
	__u32 ports = (__u32)p->tuple.local_port | (__u32)p->tuple.remote_port << 16;

	h->words = ack_length(p) / 4;
	h->word[0] = ports;
	h->word[1] = from_be32(tx->snd_nxt);
	h->word[2] = from_be32(rx->rcv_nxt);
	h->word[3] = from_be32(h->words << 28 | (__u32)ACK << 16 | window_field(rx, tx));
	h->word[4] = 0;
	h->word[5] = from_be32(TIMESTAMPS_HEAD);
	h->word[6] = from_be32(tx->tsval);
	h->word[7] = from_be32(rx->ts_recent);
	h->word[4] = ack_checksum(p, h);
}

static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u16 *half = (__u16 *)eth;

	for (int i = 0; i < ETH_ALEN / 2; i++) {
		__u16 other = half[i];

		half[i] = half[i + 3];
		half[i + 3] = other;
	}
}

/* An atomic datagram needs no identification (RFC 6864, 4.1). */
static __always_inline void write_ipv4(const struct packet *p, __be32 *ip)
{
	__u64 sum = 0;

	ip[0] = from_be32(0x45000000u | (__u32)traffic_class << 16 |
			  (sizeof(struct iphdr) + ack_length(p)));
	ip[1] = from_be32(IPV4_DF);
	ip[2] = from_be32((__u32)hop_limit << 24 | IPPROTO_TCP << 16);
	ip[3] = p->tuple.local.word[3];
	ip[4] = p->tuple.remote.word[3];
	for (int i = 0; i < 5; i++)
		sum += ip[i];
	ip[2] = from_be32((__u32)hop_limit << 24 | IPPROTO_TCP << 16 |
			  from_be16((__u16)~csum_fold(sum)));
}

static __always_inline void write_ipv6(const struct packet *p, __be32 *ip)
{
	ip[0] = from_be32(6u << 28 | (__u32)traffic_class << 20);
	ip[1] = from_be32(ack_length(p) << 16 | IPPROTO_TCP << 8 | hop_limit);
	for (int i = 0; i < 4; i++) {
		ip[2 + i] = p->tuple.local.word[i];
		ip[6 + i] = p->tuple.remote.word[i];
	}
}

static __always_inline void *write_ip(const struct packet *p, __u8 *ip, const void *end)
{
	if (p->v4) {
		if (ip + sizeof(struct iphdr) > (__u8 *)end)
			return 0;
		write_ipv4(p, (__be32 *)ip);
		return ip + sizeof(struct iphdr);
	}
	if (ip + sizeof(struct ipv6hdr) > (__u8 *)end)
		return 0;
	write_ipv6(p, (__be32 *)ip);
	return ip + sizeof(struct ipv6hdr);
}

static __always_inline bool write_tcp(const struct ack_header *h, __be32 *tcp, const void *end)
{
	if ((void *)(tcp + ACK_WORDS) > end)
		return false;
	for (int i = 0; i < ACK_WORDS; i++)
		tcp[i] = h->word[i];
	if (h->words == ACK_WORDS)
		return true;
	if ((void *)(tcp + ACK_TIMESTAMP_WORDS) > end)
		return false;
	for (int i = ACK_WORDS; i < ACK_TIMESTAMP_WORDS; i++)
		tcp[i] = h->word[i];
	return true;
}

/* The headers were parsed in this place, so there is room for the answer's;
 * false is for the verifier. An ACK that is not sent is only one that got lost. */
static __always_inline bool ack_write(struct visit *v, const struct ack_header *h)
{
	__u8 *data = (__u8 *)(long)v->ctx->data;
	void *end = (void *)(long)v->ctx->data_end;
	__u8 *ip = data + sizeof(struct ethhdr);
	void *tcp;

	if ((void *)ip > end)
		return false;
	swap_macs((struct ethhdr *)data);
	if (v->packet.vlan)
		ip += sizeof(struct vlan_tag);
	tcp = write_ip(&v->packet, ip, end);
	return tcp && write_tcp(h, tcp, end);
}

#endif
