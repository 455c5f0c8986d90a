/* SPDX-License-Identifier: BSD-2-Clause */
/* Building frames; see frame.h. An IPv4 ID counts even with DF, where it would
 * not be needed (RFC 6864, 4.1): GSO counts it too. */
#include "frame.h"
#include "csum.h"
#include "parse.h"
#include <string.h>

enum {
	IPV4_DONT_FRAGMENT = 0x4000,
	CHECKSUM_OFFSET = 16, /* in the TCP header */
};

#define to_be16(x) ((__be16)from_be16(x))
#define to_be32(x) ((__be32)from_be32(x))

/* RFC 9293, 3.9.1.9 (MUST-48, SHLD-22) and 3.9.2 (MUST-49): the user's choice, for all. */
static struct {
	uint8_t hop_limit;
	uint8_t traffic_class;
} chosen = {64, 0};

void frame_set_ip(uint8_t hop_limit, uint8_t traffic_class)
{
	chosen.hop_limit = hop_limit;
	chosen.traffic_class = traffic_class;
}

/* Where the next bytes go. */
struct writer {
	uint8_t *pos;
};

static void put(struct writer *w, const void *bytes, size_t length)
{
	memcpy(w->pos, bytes, length);
	w->pos += length;
}

static void put8(struct writer *w, uint8_t x)
{
	*w->pos++ = x;
}

static void put16(struct writer *w, uint16_t x)
{
	__be16 wire = to_be16(x);

	put(w, &wire, 2);
}

static void put32(struct writer *w, uint32_t x)
{
	__be32 wire = to_be32(x);

	put(w, &wire, 4);
}

static void put_ethernet(struct writer *w, const struct link_address *l)
{
	put(w, l->peer_mac, ETH_ALEN);
	put(w, l->own_mac, ETH_ALEN);
	if (l->vlan) {
		put16(w, ETH_P_8021Q);
		put16(w, l->vlan_tci);
	}
	put16(w, l->v4 ? ETH_P_IP : ETH_P_IPV6);
}

static void put_ipv4(struct writer *w, const struct frame_ends *ends, const struct segment *s,
		     uint32_t tcp_length)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = chosen.traffic_class | s->ecn,
		.tot_len = to_be16((uint16_t)(sizeof(ip) + tcp_length)),
		.id = to_be16(ends->ip_id),
		.frag_off = to_be16(ends->dont_fragment ? IPV4_DONT_FRAGMENT : 0),
		.ttl = chosen.hop_limit,
		.protocol = IPPROTO_TCP,
		.saddr = ends->tuple->local.word[3],
		.daddr = ends->tuple->remote.word[3],
	};

	ip.check = (uint16_t)~csum_fold(csum_add_bytes(0, &ip, sizeof(ip)));
	put(w, &ip, sizeof(ip));
}

static void put_ipv6(struct writer *w, const struct frame_ends *ends, const struct segment *s,
		     uint32_t tcp_length)
{
	put32(w, 6u << 28 | (uint32_t)(chosen.traffic_class | s->ecn) << 20);
	put16(w, (uint16_t)tcp_length);
	put8(w, IPPROTO_TCP);
	put8(w, chosen.hop_limit);
	put(w, &ends->tuple->local, sizeof(struct address));
	put(w, &ends->tuple->remote, sizeof(struct address));
}

static void put_sack(struct writer *w, const struct segment *s)
{
	put16(w, KIND_NOP << 8 | KIND_NOP);
	put8(w, KIND_SACK);
	put8(w, (uint8_t)(2 + 8 * s->sack_count));
	for (int i = 0; i < s->sack_count; i++) {
		put32(w, s->sack[i].start);
		put32(w, s->sack[i].end);
	}
}

/* Every option is padded in front to a multiple of four bytes, so that the
 * order does not matter and nothing is left to be filled with zeros (MUST-69);
 * timestamps alone have RFC 7323's layout (appendix A). */
static void put_options(struct writer *w, const struct segment *s)
{
	if (s->options & OPTION_MSS) {
		put16(w, KIND_MSS << 8 | 4);
		put16(w, s->mss);
	}
	if (s->options & OPTION_SACK_PERMITTED) {
		put16(w, KIND_NOP << 8 | KIND_NOP);
		put16(w, KIND_SACK_PERMITTED << 8 | 2);
	}
	if (s->options & OPTION_TIMESTAMPS) {
		put16(w, KIND_NOP << 8 | KIND_NOP);
		put16(w, KIND_TIMESTAMPS << 8 | 10);
		put32(w, s->tsval);
		put32(w, s->tsecr);
	}
	if (s->options & OPTION_WINDOW_SCALE) {
		put16(w, KIND_NOP << 8 | KIND_WINDOW_SCALE);
		put16(w, (uint16_t)(3 << 8 | s->window_scale));
	}
	if (s->options & OPTION_SACK && s->sack_count)
		put_sack(w, s);
}

static uint32_t options_length(const struct segment *s)
{
	return (s->options & OPTION_MSS ? 4u : 0) + (s->options & OPTION_SACK_PERMITTED ? 4u : 0) +
	       (s->options & OPTION_TIMESTAMPS ? 12u : 0) +
	       (s->options & OPTION_WINDOW_SCALE ? 4u : 0) +
	       (s->options & OPTION_SACK && s->sack_count ? 4u + 8u * s->sack_count : 0);
}

static void put_tcp(struct writer *w, const struct frame_ends *ends, const struct segment *s)
{
	uint32_t header = sizeof(struct tcphdr) + options_length(s);
	uint64_t pseudo = csum_pseudo(ends->tuple, ends->link->v4, header + s->text_length);
	uint16_t sum = csum_fold(pseudo);

	put(w, &ends->tuple->local_port, 2);
	put(w, &ends->tuple->remote_port, 2);
	put32(w, s->seq);
	put32(w, s->flags & ACK ? s->ack : 0);
	put8(w, (uint8_t)(header / 4 << 4));
	put8(w, s->flags);
	put16(w, s->wnd);
	put(w, &sum, 2);
	put16(w, s->flags & URG ? s->up : 0);
	put_options(w, s);
}

void frame_build(struct frame *f, const struct frame_ends *ends, const struct segment *s)
{
	struct writer w = {f->bytes};
	uint32_t tcp_length = sizeof(struct tcphdr) + options_length(s) + s->text_length;

	put_ethernet(&w, ends->link);
	f->ip = (uint16_t)(w.pos - f->bytes);
	if (ends->link->v4)
		put_ipv4(&w, ends, s, tcp_length);
	else
		put_ipv6(&w, ends, s, tcp_length);
	f->tcp = (uint16_t)(w.pos - f->bytes);
	put_tcp(&w, ends, s);
	f->length = (uint16_t)(w.pos - f->bytes);
}

/* RFC 9293, 3.1, MUST-2. A piece that begins on an odd position of the whole counts with its bytes
 * swapped (RFC 1071, 2B). */
void frame_checksum(struct frame *f, const struct iovec *pieces, int count)
{
	uint64_t sum = csum_add_bytes(0, f->bytes + f->tcp, (uint32_t)(f->length - f->tcp));
	uint16_t check;
	size_t at = 0;

	for (int i = 0; i < count; i++) {
		uint32_t length = (uint32_t)pieces[i].iov_len;
		uint16_t part = csum_fold(csum_add_bytes(0, pieces[i].iov_base, length));

		sum += at & 1 ? csum_swap16(part) : part;
		at += length;
	}
	check = (uint16_t)~csum_fold(sum);
	memcpy(f->bytes + f->tcp + CHECKSUM_OFFSET, &check, 2);
}
