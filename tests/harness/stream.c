/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"
#include <string.h>

/* A prime, so that no segment size divides it and a shifted text shows. */
enum { PERIOD = 65521 };

static uint8_t table[PERIOD + STREAM_PIECE];

static void fill_table(void)
{
	uint32_t x = 1;

	for (int i = 0; i < PERIOD + STREAM_PIECE; i++) {
		if (i >= PERIOD) {
			table[i] = table[i - PERIOD];
			continue;
		}
		x = x * 1664525 + 1013904223;
		table[i] = (uint8_t)(x >> 24);
	}
}

const uint8_t *stream_text(enum stream stream, uint32_t offset)
{
	/* Old segments lie before the beginning: offsets are signed. */
	int64_t at = (int64_t)(int32_t)offset + (stream == STREAM_FROM_US ? 31337 : 0);

	if (!table[1])
		fill_table();
	return table + (at % PERIOD + PERIOD) % PERIOD;
}

static uint32_t piece(uint32_t offset, uint32_t length)
{
	uint32_t to_end = STORE_SIZE - offset % STORE_SIZE;

	return length < to_end ? length : to_end;
}

void store_put(struct store *s, uint32_t offset, uint32_t length)
{
	while (length) {
		uint32_t n = piece(offset, length);

		memset(s->present + offset % STORE_SIZE, 1, n);
		offset += n;
		length -= n;
	}
}

bool store_take(struct store *s, uint32_t offset, uint32_t length)
{
	while (length) {
		uint32_t n = piece(offset, length);
		uint8_t *from = s->present + offset % STORE_SIZE;

		if (memchr(from, 0, n))
			return false;
		memset(from, 0, n);
		offset += n;
		length -= n;
	}
	return true;
}
