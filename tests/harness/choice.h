/* SPDX-License-Identifier: BSD-2-Clause */
/* Where random tests get their decisions from: a seed, or the bytes of a
 * fuzzer's input. The same test body serves both. */
#ifndef XTCP_TEST_CHOICE_H
#define XTCP_TEST_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct choice {
	uint64_t state;
	const uint8_t *bytes; /* NULL: from the seed */
	size_t left;
};

static inline struct choice choice_from_seed(uint64_t seed)
{
	return (struct choice){.state = seed};
}

static inline struct choice choice_from_bytes(const uint8_t *bytes, size_t length)
{
	return (struct choice){.bytes = bytes, .left = length};
}

/* splitmix64: every seed is a good one, the next number too. */
static inline uint64_t choice_mix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* 0 … n - 1, n > 0. An exhausted input chooses 0. */
static inline uint32_t choose(struct choice *c, uint32_t n)
{
	uint32_t value = 0;

	if (!c->bytes)
		return (uint32_t)((choice_mix(&c->state) >> 32) * n >> 32);
	for (uint32_t most = n - 1; most && c->left; most >>= 8, c->left--)
		value = value << 8 | *c->bytes++;
	return value % n;
}

static inline uint32_t choose_between(struct choice *c, uint32_t low, uint32_t high)
{
	return high > low ? low + choose(c, high - low + 1) : low;
}

static inline bool chance(struct choice *c, uint32_t percent)
{
	return choose(c, 100) < percent;
}

/* False when a fuzzer's input is used up. */
static inline bool choice_left(const struct choice *c)
{
	return !c->bytes || c->left;
}

#endif
