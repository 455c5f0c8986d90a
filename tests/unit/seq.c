/* SPDX-License-Identifier: BSD-2-Clause */
/* include/seq.h against arithmetic that cannot wrap: positions on a line of 64
 * bits, of which a sequence number is the lower half. */
#include "choice.h"
#include "seq.h"
#include "test.h"

enum { ROUNDS = 1000000 };

/* Around a multiple of 2^32, at most half the circle apart. */
static uint64_t near_the_wrap(struct choice *c)
{
	return (5ull << 32) + choose(c, 1 << 20) - (1 << 19);
}

static int64_t distance(struct choice *c)
{
	int64_t d = chance(c, 50) ? choose(c, 1 << 16) : choose(c, 0x7fffffff);

	return chance(c, 50) ? d : -d;
}

TEST(seq__before_and_after_agree_with_a_line)
{
	struct choice c = choice_from_seed(1);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t a = near_the_wrap(&c), b = a + (uint64_t)distance(&c);

		assert_int_equal(seq_before((uint32_t)a, (uint32_t)b), a < b);
		assert_int_equal(seq_after((uint32_t)a, (uint32_t)b), a > b);
		assert_int_equal(seq_later((uint32_t)a, (uint32_t)b), (uint32_t)(a > b ? a : b));
		assert_int_equal(seq_earlier((uint32_t)a, (uint32_t)b), (uint32_t)(a < b ? a : b));
	}
}

TEST(seq__within_agrees_with_a_line)
{
	struct choice c = choice_from_seed(2);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t left = near_the_wrap(&c), x = left + (uint64_t)distance(&c);
		uint32_t length = chance(&c, 50) ? choose(&c, 1 << 17) : choose(&c, 1 << 30);

		assert_int_equal(seq_within((uint32_t)x, (uint32_t)left, length),
				 x >= left && x < left + length);
	}
}

TEST(seq__edges)
{
	assert_false(seq_before(7, 7));
	assert_false(seq_after(7, 7));
	assert_true(seq_before(0xffffffff, 0));
	assert_true(seq_after(0, 0xffffffff));
	assert_false(seq_within(5, 5, 0)); /* nothing is within an empty window */
	assert_true(seq_within(5, 5, 1));
	assert_false(seq_within(6, 5, 1));
	assert_true(seq_within(0, 0xffffffff, 2));
	assert_false(seq_within(1, 0xffffffff, 2));
}
