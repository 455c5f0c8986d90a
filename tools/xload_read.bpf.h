/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Reads a segment from the server: to which connection it is, what it says, whether
 * its checksum is right. */
#ifndef XLOAD_READ_BPF_H
#define XLOAD_READ_BPF_H

#include "xload_clients.bpf.h"

struct tcp_in {
	struct xdp_md *ctx;
	struct xload_client *client;
	__u64 header_sum; /* with the pseudo-header */
	__u64 pseudo;
	__u32 address; /* ours: the last word, host order */
	__u32 bytes;   /* TCP's header and text */
	__u32 id;
	__u32 seq;
	__u32 ack;
	__u32 wnd;
	__u32 flags;
	__u32 header;
	__u32 text;
	__u32 tsval;
	__u16 checksum;
	__u16 scale; /* SYN: RFC 7323, 2.2 */
};

/* The options of a SYN: only the window scale and a timestamp matter. */
struct syn_options {
	__u8 bytes[64];
	__u32 at;
	__u32 length;
	__u32 scale;
	__u32 tsval;
};

static long read_option(__u32 turn, struct syn_options *o)
{
	const __u8 *option = o->bytes + (o->at & 31);

	if (turn >= o->length || o->at >= o->length || !option[0])
		return 1;
	if (option[0] == 1) {
		o->at++;
		return 0;
	}
	if (option[0] == 3)
		o->scale = option[2] > 14 ? 14 : option[2];
	if (option[0] == 8)
		o->tsval = (__u32)option[2] << 24 | option[3] << 16 | option[4] << 8 | option[5];
	o->at += option[1] < 2 ? 2 : option[1];
	return 0;
}

static __always_inline void read_syn(struct tcp_in *in)
{
	struct syn_options o = {.length = in->header - TCP_BYTES};
	__u32 length = o.length;

	if (length - 1 >= 32 || bpf_xdp_load_bytes(in->ctx, tcp_at() + TCP_BYTES, o.bytes, length))
		return;
	bpf_loop(32, read_option, &o, 0);
	in->scale = o.scale;
	in->tsval = o.tsval;
}

static __always_inline void read_timestamps(struct tcp_in *in, const __be32 *option)
{
	if (option[0] == bpf_htonl(0x0101080a))
		in->tsval = bpf_ntohl(option[1]);
	for (int i = 0; i < 3; i++)
		in->header_sum += option[i];
}

static __always_inline bool read_tcp(struct tcp_in *in, const __u8 *tcp)
{
	const __u8 *end = (__u8 *)(long)in->ctx->data_end;
	const __be32 *word = (const __be32 *)tcp;

	in->header = (tcp[12] >> 4) * 4;
	if (in->header < TCP_BYTES || in->header > in->bytes)
		return false;
	in->seq = bpf_ntohl(word[1]);
	in->ack = bpf_ntohl(word[2]);
	in->wnd = bpf_ntohl(word[3]) & 0xffff;
	in->flags = tcp[13];
	in->text = in->bytes - in->header;
	in->checksum = *(__u16 *)(tcp + 16);
	in->header_sum = in->pseudo;
	for (int i = 0; i < 5; i++)
		in->header_sum += word[i];
	if (in->header == TCP_BYTES + TIMESTAMP_BYTES && tcp + 32 <= end)
		read_timestamps(in, (const __be32 *)(tcp + TCP_BYTES));
	return true;
}

/* What IP says; false: it is not the TCP that we speak. */
static __always_inline bool read_ip4(struct tcp_in *in, const __be32 *ip, bool *from_server)
{
	__u32 total = bpf_ntohl(ip[0]) & 0xffff;

	in->address = bpf_ntohl(ip[4]);
	in->bytes = total - IP4_BYTES;
	*from_server = ip[3] == setup.server[3];
	return bpf_ntohl(ip[0]) >> 24 == 0x45 && (bpf_ntohl(ip[2]) >> 16 & 0xff) == IPPROTO_TCP &&
	       total >= IP4_BYTES + TCP_BYTES;
}

static __always_inline bool read_ip6(struct tcp_in *in, const __be32 *ip, bool *from_server)
{
	__be32 stranger = 0, elsewhere = 0;

	for (int i = 0; i < 4; i++)
		stranger |= ip[2 + i] ^ setup.server[i];
	for (int i = 0; i < 3; i++)
		elsewhere |= ip[6 + i] ^ setup.network[i];
	*from_server = !stranger;
	in->address = elsewhere ? setup.source - 1 : bpf_ntohl(ip[9]);
	in->bytes = bpf_ntohl(ip[1]) >> 16;
	return (bpf_ntohl(ip[1]) >> 8 & 0xff) == IPPROTO_TCP && in->bytes >= TCP_BYTES;
}

static __always_inline int not_ours(enum xload_counter counter)
{
	add(counter, 1);
	return XDP_DROP;
}

enum { IS_OURS = -1 };

/* IS_OURS, or the verdict: what is for none of our addresses is the kernel's. */
static __always_inline int read_frame(struct tcp_in *in)
{
	__u8 *data = (__u8 *)(long)in->ctx->data;
	__u8 *end = (__u8 *)(long)in->ctx->data_end;
	const __be32 *ip = (__be32 *)(data + ETH_BYTES);
	const __u8 *tcp = data + tcp_at();
	bool from_server, is_tcp;

	if (tcp + TCP_BYTES > end ||
	    *(__be16 *)(data + 12) != (setup.v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP)))
		return XDP_PASS;
	is_tcp = setup.v6 ? read_ip6(in, ip, &from_server) : read_ip4(in, ip, &from_server);
	if (in->address - setup.source - XLOAD_FLOOD_APART < XLOAD_FLOOD_ADDRESSES)
		return not_ours(XLOAD_flood_answers);
	if (in->address - setup.source >= setup.addresses)
		return XDP_PASS;
	if (!is_tcp || tcp + in->bytes > end)
		return not_ours(XLOAD_malformed);
	in->id = (in->address - setup.source) << XLOAD_PORT_BITS |
		 ((bpf_ntohs(*(__be16 *)(tcp + 2)) - XLOAD_FIRST_PORT) & 0x7fff);
	in->pseudo = pseudo_sum(in->address, in->bytes);
	if (from_server && *(__be16 *)tcp == (__be16)setup.server_port && read_tcp(in, tcp))
		return IS_OURS;
	return not_ours(XLOAD_strangers);
}

static __always_inline bool checksum_is_right(const struct tcp_in *in, __u64 text_sum)
{
	if (fold(in->header_sum + text_sum) == 0xffff)
		return true;
	if (in->checksum == fold(in->pseudo)) {
		add(XLOAD_partial_checksums, 1);
		return true;
	}
	add(XLOAD_bad_checksum, 1);
	return false;
}

#endif
