/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequence numbers: the one place where they are compared (RFC 9293, 3.4).
 *
 * They live on a circle of 2^32, so "less" means "less than half the circle
 * behind". A window is always asked about as `x - left < length`, which needs
 * no case for wrapping around. */
#ifndef XTCP_SEQ_H
#define XTCP_SEQ_H

#include <linux/types.h>
#include <stdbool.h>

static inline bool seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static inline bool seq_after(__u32 a, __u32 b)
{
	return seq_before(b, a);
}

/* Is x one of the `length` sequence numbers from `left` on? */
static inline bool seq_within(__u32 x, __u32 left, __u32 length)
{
	return x - left < length;
}

static inline __u32 seq_later(__u32 a, __u32 b)
{
	return seq_before(a, b) ? b : a;
}

static inline __u32 seq_earlier(__u32 a, __u32 b)
{
	return seq_before(a, b) ? a : b;
}

#endif
