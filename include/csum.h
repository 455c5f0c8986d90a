/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum (RFC 1071) over TCP's pseudo-header, header and text
 * (RFC 9293, 3.1). Sums are 64 bits wide, of 16-bit words as they lie in
 * memory, folded at the end: the byte order does not matter (RFC 1071, 2B). */
#ifndef XTCP_CSUM_H
#define XTCP_CSUM_H

#include "abi.h"
#include <linux/in.h>
#include <linux/types.h>
#include <stdbool.h>

#ifdef __BYTE_ORDER__
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define csum_swap16(x) ((__u16)__builtin_bswap16(x))
#else
#define csum_swap16(x) ((__u16)(x))
#endif
#endif

/* 64 bits of sum → 16 bits, not complemented. */
static inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* Sum of the pseudo-header: of the version 4 form if `v4` (RFC 9293, 3.1), else
 * of RFC 8200's (8.1). `length`: TCP header and text, bytes. */
static inline __u64 csum_pseudo(const struct tuple *t, bool v4, __u32 length)
{
	__u64 sum = (__u64)csum_swap16(IPPROTO_TCP) + csum_swap16(length & 0xffff) +
		    csum_swap16(length >> 16);

	sum += (__u64)t->remote.word[3] + t->local.word[3];
	if (v4)
		return sum;
	for (int i = 0; i < 3; i++)
		sum += (__u64)t->remote.word[i] + t->local.word[i];
	return sum;
}

/* Is the checksum right, given the sum of pseudo-header, header (with the
 * checksum field as it came) and text? */
static inline bool csum_is_right(__u64 sum)
{
	return csum_fold(sum) == 0xffff;
}

/* Does the field hold just the pseudo-header's sum: a segment that a virtual
 * link hands over before its sender computed the rest (CHECKSUM_PARTIAL)? It
 * was never on a wire. Believed only on veth and loopback, and only of a connection
 * whose SYN came like that: of segments that come over a wire as well, one in 65536
 * has this field by chance, and if it was damaged there, nothing else would tell. */
static inline bool csum_is_partial(__u16 field, __u64 pseudo_sum)
{
	return field == csum_fold(pseudo_sum);
}

#ifndef __bpf__
/* Adds `length` bytes, the first on an even position of the whole. */
static inline __u64 csum_add_bytes(__u64 sum, const void *bytes, __u32 length)
{
	const __u8 *p = bytes;

	for (; length >= 8; p += 8, length -= 8) {
		__u32 word[2];

		__builtin_memcpy(word, p, 8);
		sum += (__u64)word[0] + word[1];
	}
	if (length >= 4) {
		__u32 word;

		__builtin_memcpy(&word, p, 4);
		sum += word;
		p += 4;
		length -= 4;
	}
	if (length) {
		__u32 word = 0;

		__builtin_memcpy(&word, p, length);
		sum += word;
	}
	return sum;
}
#endif

#endif
