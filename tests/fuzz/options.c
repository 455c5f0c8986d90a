/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as TCP options: nothing beyond them is read, all that is decoded is
 * in its range, and no-operations in front change nothing. */
#include "failure.h"
#include "parse.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool parse_copy(const uint8_t *data, size_t size, size_t padding, struct segment *s)
{
	uint8_t *copy = malloc(size + padding + 1);
	bool readable;

	memset(copy, 1, padding);
	memcpy(copy + padding, data, size);
	copy = realloc(copy, size + padding ? size + padding : 1);
	memset(s, 0, sizeof(*s));
	readable = parse_options(copy, (uint32_t)(size + padding), s);
	free(copy);
	return readable;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment plain, padded;
	bool readable = parse_copy(data, size, 0, &plain);

	require(plain.sack_count <= SACK_BLOCKS_MAX, "no more blocks than there is room for");
	require(plain.window_scale <= WINDOW_SCALE_MAX, "a shift is at most 14");
	require(parse_copy(data, size, 3, &padded) == readable, "NOPs change nothing");
	require(!readable || !memcmp(&plain, &padded, sizeof(plain)), "NOPs change nothing");
	return 0;
}
