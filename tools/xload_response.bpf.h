/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Is a response, whole or in pieces, byte for byte the request? */
#ifndef XLOAD_RESPONSE_BPF_H
#define XLOAD_RESPONSE_BPF_H

#include "xload_read.bpf.h"

/* A response in one segment, in the place where a request has its text. */
static __always_inline bool whole_is_right(const struct tcp_in *in)
{
	const __u8 *text = (__u8 *)(long)in->ctx->data + text_at();
	__u32 size = setup.size;
	__u64 wrong;

	if (text + size > (__u8 *)(long)in->ctx->data_end)
		return false;
	wrong = (((__u32 *)text)[0] ^ in->client->id) | (((__u32 *)text)[1] ^ in->client->number);
	for (__u32 at = 8; at + 8 <= size && at < XLOAD_TEXT_MAX; at += 8)
		wrong |= *(__u64 *)(text + at) ^ pattern[at / 8];
	for (__u32 at = size & ~7u; at >= 8 && at < size && at < XLOAD_TEXT_MAX; at++)
		wrong |= text[at] ^ (pattern[at / 8] >> at % 8 * 8 & 0xff);
	return !wrong;
}

struct piece {
	const __u8 *bytes;
	struct request_head head;
	__u32 at; /* in the response */
	__u32 length;
	__u64 sum;
	__u32 wrong;
};

static long check_byte(__u32 i, struct piece *p)
{
	__u32 at = p->at + i;
	__u32 byte = p->bytes[i & 2047];
	__u32 right;

	if (i >= p->length)
		return 1;
	p->sum += i & 1 ? byte << 8 : byte;
	if (at < 4)
		right = p->head.id >> at * 8;
	else if (at < 8)
		right = p->head.number >> (at - 4) * 8;
	else if (at / 8 < PATTERN_WORDS)
		right = pattern[at / 8] >> at % 8 * 8;
	else
		return 1;
	p->wrong |= (right & 0xff) != byte;
	return 0;
}

/* Any piece of a response: rare, and slow. */
static __always_inline bool piece_is_right(const struct tcp_in *in, __u64 *sum)
{
	const struct xload_client *c = in->client;
	__u32 zero = 0, length = in->text;
	struct text_copy *copy = bpf_map_lookup_elem(&copies, &zero);
	struct piece p = {.head = {c->id, c->number}, .at = c->got, .length = in->text};

	if (!copy || length - 1 >= XLOAD_TEXT_MAX + 12 ||
	    bpf_xdp_load_bytes(in->ctx, tcp_at() + in->header, copy->bytes, length))
		return false;
	p.bytes = copy->bytes;
	bpf_loop(XLOAD_TEXT_MAX + 12, check_byte, &p, 0);
	*sum = p.sum;
	return !p.wrong;
}

/* Is the segment, text and checksum, what it should be? */
static __always_inline bool response_is_right(const struct tcp_in *in, bool whole)
{
	const struct xload_client *c = in->client;
	struct request_head h = {.id = c->id, .number = c->number};
	__u64 sum = 0;

	if (whole && whole_is_right(in))
		return checksum_is_right(in, setup.pattern_sum + head_sum(&h));
	if (!whole && piece_is_right(in, &sum))
		return checksum_is_right(in, sum);
	add(XLOAD_bad_bytes, 1);
	return false;
}

#endif
