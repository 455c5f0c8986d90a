/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a test connection, and a place for what was received of it. The
 * text is a function of direction and offset, so that nothing needs to be kept
 * to know whether the right byte is in the right place. */
#ifndef XTCP_TEST_STREAM_H
#define XTCP_TEST_STREAM_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>

enum stream { STREAM_FROM_PEER, STREAM_FROM_US };

/* At least STREAM_PIECE bytes of text from `offset` on. */
enum { STREAM_PIECE = 1 << 17 };
const uint8_t *stream_text(enum stream stream, uint32_t offset);

/* Which bytes a receiver holds: by offset, a window of STORE_SIZE bytes. */
enum { STORE_SIZE = 1 << 16 };
struct store {
	uint8_t present[STORE_SIZE];
};

void store_put(struct store *s, uint32_t offset, uint32_t length);
/* Takes the bytes away; false if one of them was not there. */
bool store_take(struct store *s, uint32_t offset, uint32_t length);

#endif
