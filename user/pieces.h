/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame in pieces becomes one: whatever waits for its way out is copied, since text
 * blocks may be freed before it leaves. */
#ifndef XTCP_PIECES_H
#define XTCP_PIECES_H

#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

/* Bytes copied; `to` has room for all. */
static inline uint32_t pieces_join(uint8_t *to, const struct iovec *pieces, int count)
{
	uint32_t length = 0;

	for (int i = 0; i < count; i++) {
		memcpy(to + length, pieces[i].iov_base, pieces[i].iov_len);
		length += (uint32_t)pieces[i].iov_len;
	}
	return length;
}

#endif
