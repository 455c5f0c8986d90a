/* SPDX-License-Identifier: BSD-2-Clause */
/* From a frame to a segment. The same code reads a frame at the driver (as BPF,
 * every access proven by the verifier) and in the daemon (a punted copy).
 *
 * Ethernet with at most one VLAN tag; IPv4 with options (RFC 791); IPv6 with
 * extension headers (RFC 8200, 4); TCP (RFC 9293, 3.1). Every length is checked
 * against the frame. What is read here leaves in host byte order; addresses and
 * ports stay as they are on the wire, in struct tuple. */
#ifndef XTCP_PARSE_H
#define XTCP_PARSE_H

#include "abi.h"
#include "csum.h"
#include "reason.h"
#include "segment.h"
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/swab.h>
#include <linux/tcp.h>
#include <stdbool.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define from_be16(x) __builtin_bswap16(x)
#define from_be32(x) __builtin_bswap32(x)
#else
#define from_be16(x) (x)
#define from_be32(x) (x)
#endif

/* A segment that can be judged; every other result of parse_packet is a reason
 * to pass or to drop. */
#define PARSED REASON_COUNT

/* As many IPv6 extension headers as are followed; more are malformed to us. */
enum { IPV6_HEADERS_MAX = 8, IPV4_HEADER_MAX = 60 };

/* How far parse_packet came: what of struct packet is valid. */
enum parse_depth {
	DEPTH_FRAME,	 /* nothing */
	DEPTH_ADDRESSES, /* tuple.remote, tuple.local */
	DEPTH_PORTS,	 /* the whole tuple */
	DEPTH_SEGMENT,	 /* everything */
};

struct packet {
	struct tuple tuple; /* remote: source, local: destination */
	struct segment segment;
	__u64 header_sum; /* of the TCP header (see csum.h), unless OPTION_OTHER */
	__u32 tcp_offset; /* bytes from the frame's start to the TCP header */
	__u32 tcp_length; /* bytes of TCP header and text */
	__u16 tcp_header; /* bytes of TCP header, 20 … 60 */
	__u16 ip_offset;  /* bytes from the frame's start to the IP header */
	__u16 vlan_tci;	  /* host order, with vlan */
	__u16 checksum;	  /* the TCP checksum field, as it lies in memory */
	__u8 v4;	  /* 1: IPv4, 0: IPv6 */
	__u8 vlan;	  /* 1: one VLAN tag */
	__u8 fragment;	  /* 1: the first fragment of several */
	__u8 depth;	  /* enum parse_depth */
};

/* What is left of the frame. take() checks and advances. */
struct cursor {
	__u8 *pos;
	__u8 *end;
};

struct vlan_tag {
	__be16 tci;
	__be16 type;
};

/* Headers lie at any address in a frame. At the driver a load of any alignment
 * is one instruction (the verifier refuses it where the machine has none); in
 * user space it goes through memcpy, as C wants it. */
#ifdef __bpf__
#define load16(p) (*(const __u16 *)(p))
#define load32(p) (*(const __u32 *)(p))
#else
static inline __u16 load16(const void *p)
{
	__u16 x;

	__builtin_memcpy(&x, p, sizeof(x));
	return x;
}

static inline __u32 load32(const void *p)
{
	__u32 x;

	__builtin_memcpy(&x, p, sizeof(x));
	return x;
}
#endif

/* A field of the header at `bytes`, in the byte order of the wire. */
#define field16(bytes, type, member) load16((bytes) + __builtin_offsetof(type, member))
#define field32(bytes, type, member) load32((bytes) + __builtin_offsetof(type, member))

/* The verifier believes a comparison of the very register that is then used, so
 * the compiler must not put the end of a header into other words, such as a
 * number of loop turns. */
#ifdef __bpf__
#define as_it_is(x) __asm__ volatile("" : "+r"(x))
#else
#define as_it_is(x) ((void)0)
#endif

static inline __u8 *cursor_take(struct cursor *c, __u32 size)
{
	__u8 *p = c->pos;
	__u8 *next = p + size;

	as_it_is(next);
	if (next > c->end)
		return 0;
	c->pos = next;
	return p;
}

static inline struct address address_from_v4(__be32 a)
{
	struct address r = {{0, 0, 0, a}};

	__builtin_memset((__u8 *)&r.word[2] + 2, 0xff, 2);
	return r;
}

static inline struct address address_from_v6(const __u8 *bytes)
{
	struct address r;

	for (int i = 0; i < 4; i++)
		r.word[i] = load32(bytes + 4 * i);
	return r;
}

/* Ethernet and its tag. Returns the EtherType in host order, 0 if cut short. */
static inline __u16 parse_ethernet(struct cursor *c, struct packet *p)
{
	const __u8 *eth = cursor_take(c, sizeof(struct ethhdr));
	const __u8 *tag;
	__u16 type;

	if (!eth)
		return 0;
	type = from_be16(field16(eth, struct ethhdr, h_proto));
	p->ip_offset = sizeof(struct ethhdr);
	if (type != ETH_P_8021Q && type != ETH_P_8021AD)
		return type;
	tag = cursor_take(c, sizeof(struct vlan_tag));
	if (!tag)
		return 0;
	p->vlan = 1;
	p->vlan_tci = from_be16(field16(tag, struct vlan_tag, tci));
	p->ip_offset += sizeof(struct vlan_tag);
	return from_be16(field16(tag, struct vlan_tag, type));
}

/* The IPv4 header checksum, over the twenty bytes and the options. */
static inline bool ipv4_checksum_is_right(struct cursor *options, const __u8 *ip, __u32 header)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < sizeof(struct iphdr); i += 4)
		sum += load32(ip + i);
	for (__u32 i = sizeof(struct iphdr); i < IPV4_HEADER_MAX; i += 4) {
		const __u8 *word;

		if (i >= header)
			break;
		word = cursor_take(options, 4);
		if (!word)
			return false;
		sum += load32(word);
	}
	return csum_fold(sum) == 0xffff;
}

/* `left`: bytes of the frame from the IP header on. Options count for the length and
 * the checksum, and are ignored (RFC 9293, 3.9.2.1: MUST-50). */
static inline enum reason parse_ipv4(struct cursor *c, __u32 left, struct packet *p)
{
	const __u8 *ip = cursor_take(c, sizeof(struct iphdr));
	__u32 header, total, fragment;

	if (!ip || ip[0] >> 4 != 4)
		return REASON_DROP_IP_HEADER;
	p->v4 = 1;
	p->segment.ecn = ip[1] & ECN_MASK;
	p->tuple.remote = address_from_v4(field32(ip, struct iphdr, saddr));
	p->tuple.local = address_from_v4(field32(ip, struct iphdr, daddr));
	p->depth = DEPTH_ADDRESSES;
	if (ip[__builtin_offsetof(struct iphdr, protocol)] != IPPROTO_TCP)
		return REASON_PASS_NOT_TCP;
	header = (ip[0] & 15) * 4;
	total = from_be16(field16(ip, struct iphdr, tot_len));
	if (header < sizeof(struct iphdr) || total < header || total > left)
		return REASON_DROP_IP_HEADER;
	if (!ipv4_checksum_is_right(c, ip, header))
		return REASON_DROP_CHECKSUM;
	fragment = from_be16(field16(ip, struct iphdr, frag_off));
	if (fragment & 0x1fff)
		return REASON_PASS_FRAGMENT;
	p->fragment = !!(fragment & 0x2000);
	p->tcp_offset = p->ip_offset + header;
	p->tcp_length = total - header;
	return PARSED;
}

enum ipv6_next {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_AUTHENTICATION = 51,
	NEXT_DESTINATION = 60,
	NEXT_MOBILITY = 135,
	NEXT_HIP = 139,
	NEXT_SHIM6 = 140,
};

/* One extension header: the type of the next one into *next. Returns PARSED to
 * go on. All of them have at least eight bytes (RFC 8200, 4; RFC 4302, 2). */
static inline enum reason parse_ipv6_extension(struct cursor *c, struct packet *p, __u8 *next)
{
	const __u8 *header = cursor_take(c, 8);
	__u32 more = 0;

	if (!header)
		return REASON_DROP_IP_HEADER;
	switch (*next) {
	case NEXT_FRAGMENT:
		if (header[2] || header[3] & 0xf8)
			return REASON_PASS_FRAGMENT;
		p->fragment = header[3] & 1;
		break;
	case NEXT_AUTHENTICATION:
		if (header[1] < 1)
			return REASON_DROP_IP_HEADER;
		more = (header[1] + 2u) * 4 - 8;
		break;
	case NEXT_ROUTING:
		if (header[3]) /* segments left: this is not its destination */
			return REASON_PASS_NOT_OURS;
		more = header[1] * 8u;
		break;
	default: more = header[1] * 8u;
	}
	*next = header[0];
	c->pos += more & 0x7ff;
	p->tcp_offset += 8 + more;
	return PARSED;
}

static inline bool ipv6_is_extension(__u8 next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_AUTHENTICATION || next == NEXT_DESTINATION || next == NEXT_MOBILITY ||
	       next == NEXT_HIP || next == NEXT_SHIM6;
}

static inline enum reason parse_ipv6(struct cursor *c, __u32 left, struct packet *p)
{
	const __u8 *ip = cursor_take(c, sizeof(struct ipv6hdr));
	__u32 end, payload;
	__u8 next;

	if (!ip || ip[0] >> 4 != 6)
		return REASON_DROP_IP_HEADER;
	p->tuple.remote = address_from_v6(ip + __builtin_offsetof(struct ipv6hdr, saddr));
	p->tuple.local = address_from_v6(ip + __builtin_offsetof(struct ipv6hdr, daddr));
	p->depth = DEPTH_ADDRESSES;
	p->segment.ecn = ip[1] >> 4 & ECN_MASK;
	payload = from_be16(field16(ip, struct ipv6hdr, payload_len));
	if (payload + sizeof(struct ipv6hdr) > left)
		return REASON_DROP_IP_HEADER;
	p->tcp_offset = p->ip_offset + sizeof(struct ipv6hdr);
	end = p->tcp_offset + payload;
	next = ip[__builtin_offsetof(struct ipv6hdr, nexthdr)];
	for (int i = 0; i < IPV6_HEADERS_MAX && ipv6_is_extension(next); i++) {
		enum reason r = parse_ipv6_extension(c, p, &next);

		if (r != PARSED)
			return r;
	}
	if (ipv6_is_extension(next))
		return REASON_DROP_IP_HEADER;
	if (next != IPPROTO_TCP)
		return REASON_PASS_NOT_TCP;
	if (p->tcp_offset > end)
		return REASON_DROP_IP_HEADER;
	p->tcp_length = end - p->tcp_offset;
	return PARSED;
}

/* The options that an established connection sends: none, or the timestamps in
 * the one layout that everybody uses (RFC 7323, appendix A). */
static inline void parse_short_options(struct cursor *c, struct packet *p)
{
	struct segment *s = &p->segment;
	const __u8 *options;

	if (p->tcp_header == sizeof(struct tcphdr))
		return;
	s->options = OPTION_OTHER;
	if (p->tcp_header != sizeof(struct tcphdr) + 12)
		return;
	options = cursor_take(c, 12);
	if (!options || from_be32(load32(options)) != 0x0101080a)
		return;
	s->options = OPTION_TIMESTAMPS;
	s->tsval = from_be32(load32(options + 4));
	s->tsecr = from_be32(load32(options + 8));
	for (int i = 0; i < 12; i += 4)
		p->header_sum += load32(options + i);
}

static inline void parse_tcp_fields(const __u8 *tcp, struct packet *p)
{
	struct segment *s = &p->segment;

	s->seq = from_be32(field32(tcp, struct tcphdr, seq));
	s->ack = from_be32(field32(tcp, struct tcphdr, ack_seq));
	s->wnd = from_be16(field16(tcp, struct tcphdr, window));
	s->up = from_be16(field16(tcp, struct tcphdr, urg_ptr));
	s->flags = tcp[13];
	s->text_length = p->tcp_length - p->tcp_header;
	p->checksum = field16(tcp, struct tcphdr, check);
	for (__u32 i = 0; i < sizeof(struct tcphdr); i += 4)
		p->header_sum += load32(tcp + i);
}

static inline enum reason parse_tcp(struct cursor *c, struct packet *p)
{
	const __u8 *tcp = cursor_take(c, sizeof(struct tcphdr));

	if (!tcp || p->tcp_length < sizeof(struct tcphdr))
		return REASON_DROP_TCP_HEADER;
	p->tuple.remote_port = field16(tcp, struct tcphdr, source);
	p->tuple.local_port = field16(tcp, struct tcphdr, dest);
	p->depth = DEPTH_PORTS;
	if (p->fragment)
		return REASON_DROP_FRAGMENT;
	p->tcp_header = (__u16)((tcp[12] >> 4) * 4);
	if (p->tcp_header < sizeof(struct tcphdr) || p->tcp_header > p->tcp_length)
		return REASON_DROP_TCP_HEADER;
	parse_tcp_fields(tcp, p);
	p->depth = DEPTH_SEGMENT;
	parse_short_options(c, p);
	return PARSED;
}

/* Reads the frame from `data` to `end`, of which `frame_length` bytes exist in
 * all (more than lie before `end` when the driver keeps the rest elsewhere).
 * `p` must be zeroed. Returns PARSED, a REASON_PASS_…, or a REASON_DROP_…: the
 * latter only binds if the frame turns out to be ours, by what p->depth says
 * is known of it. */
static inline enum reason parse_packet(void *data, void *end, __u32 frame_length, struct packet *p)
{
	struct cursor c = {data, end};
	__u16 type = parse_ethernet(&c, p);
	__u32 left = frame_length - p->ip_offset;
	enum reason r;

	if (type == ETH_P_IP)
		r = parse_ipv4(&c, left, p);
	else if (type == ETH_P_IPV6)
		r = parse_ipv6(&c, left, p);
	else
		return REASON_PASS_NOT_IP;
	return r == PARSED ? parse_tcp(&c, p) : r;
}

#ifndef __bpf__
enum option_kind {
	KIND_END = 0,
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_WINDOW_SCALE = 3,
	KIND_SACK_PERMITTED = 4,
	KIND_SACK = 5,
	KIND_TIMESTAMPS = 8,
};

static inline __u32 bytes_be32(const __u8 *b)
{
	return (__u32)b[0] << 24 | (__u32)b[1] << 16 | (__u32)b[2] << 8 | b[3];
}

static inline void parse_sack(const __u8 *blocks, __u32 length, struct segment *s)
{
	s->options |= OPTION_SACK;
	s->sack_count = 0;
	for (; length >= 8 && s->sack_count < SACK_BLOCKS_MAX; blocks += 8, length -= 8) {
		struct sack_block *b = &s->sack[s->sack_count++];

		b->start = bytes_be32(blocks);
		b->end = bytes_be32(blocks + 4);
	}
}

/* One option with its value, which may lie anywhere (MUST-64). A length that its
 * kind does not allow makes it an option like any unknown one: skipped (RFC 9293,
 * MUST-6, MUST-7). */
static inline void parse_option(const __u8 *option, __u32 length, struct segment *s)
{
	if (option[0] == KIND_MSS && length == 4) {
		s->options |= OPTION_MSS;
		s->mss = (__u16)(option[2] << 8 | option[3]);
	} else if (option[0] == KIND_WINDOW_SCALE && length == 3) {
		s->options |= OPTION_WINDOW_SCALE;
		s->window_scale = option[2] > WINDOW_SCALE_MAX ? WINDOW_SCALE_MAX : option[2];
	} else if (option[0] == KIND_SACK_PERMITTED && length == 2) {
		s->options |= OPTION_SACK_PERMITTED;
	} else if (option[0] == KIND_SACK && length >= 10 && length % 8 == 2) {
		parse_sack(option + 2, length - 2, s);
	} else if (option[0] == KIND_TIMESTAMPS && length == 10) {
		s->options |= OPTION_TIMESTAMPS;
		s->tsval = bytes_be32(option + 2);
		s->tsecr = bytes_be32(option + 6);
	} else {
		s->options |= OPTION_OTHER;
	}
}

/* All options of a header, of any segment (RFC 9293, 3.1: MUST-4, MUST-5): `length`
 * bytes behind its twentieth. All but two kinds have a length (MUST-68). False: one
 * that is 0, 1 or runs past the header (MUST-7). */
static inline bool parse_options(const __u8 *bytes, __u32 length, struct segment *s)
{
	s->options = 0;
	for (__u32 i = 0; i < length;) {
		if (bytes[i] == KIND_END)
			return true;
		if (bytes[i] == KIND_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= length || bytes[i + 1] < 2 || bytes[i + 1] > length - i)
			return false;
		parse_option(bytes + i, bytes[i + 1], s);
		i += bytes[i + 1];
	}
	return true;
}
#endif

#endif
