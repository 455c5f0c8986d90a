/* SPDX-License-Identifier: BSD-2-Clause */
/* Spans of text out of order, against a map of bytes. */
#include "choice.h"
#include "core.h"
#include "test.h"

enum { BYTES = 600, ROUNDS = 3000, ADDS = 60 };

/* What is held of [0, BYTES), by the plainest of means. */
struct plain {
	uint8_t held[BYTES];
	uint32_t next; /* everything before is in order */
};

static void plain_advance(struct plain *p)
{
	while (p->next < BYTES && p->held[p->next])
		p->next++;
}

static void compare(const struct conn *c, const struct plain *p, uint32_t base)
{
	uint8_t held[BYTES] = {0};

	assert_int_equal(c->rcv.nxt - base, p->next);
	memset(held, 1, p->next);
	for (int i = 0; i < c->rcv.spans; i++) {
		uint32_t start = c->rcv.span[i].start - base, end = c->rcv.span[i].end - base;

		assert_true(start < end && end <= BYTES);
		assert_true(start > (i ? c->rcv.span[i - 1].end - base : p->next));
		memset(held + start, 1, end - start);
	}
	assert_memory_equal(held, p->held, BYTES);
}

static void add(struct conn *c, struct plain *p, uint32_t base, uint32_t start, uint32_t length)
{
	uint32_t end = start + length < BYTES ? start + length : BYTES;

	if (start < p->next)
		start = p->next;
	if (start >= end)
		return;
	if (start == p->next) {
		c->rcv.nxt = base + end;
		reassembly_merge(c);
	} else {
		if (!reassembly_has_room(c, base + start, base + end))
			return;
		reassembly_add(c, base + start, base + end);
	}
	memset(p->held + start, 1, end - start);
	plain_advance(p);
}

TEST(reassembly__agrees_with_a_map_of_bytes)
{
	struct choice choice = choice_from_seed(8);

	for (int round = 0; round < ROUNDS; round++) {
		uint32_t base = round % 2 ? 0u - choose(&choice, BYTES) : choose(&choice, 1 << 30);
		struct conn c = {.rcv.nxt = base};
		struct plain p = {0};

		for (int n = 0; n < ADDS; n++) {
			add(&c, &p, base, choose(&choice, BYTES), choose_between(&choice, 1, 40));
			compare(&c, &p, base);
		}
	}
}

/* The ninth span is not taken, what touches one of the eight is. */
TEST(reassembly__is_bounded)
{
	struct conn c = {.rcv.nxt = 0};

	for (uint32_t i = 0; i < SPANS_MAX; i++) {
		assert_true(reassembly_has_room(&c, 100 + 20 * i, 110 + 20 * i));
		reassembly_add(&c, 100 + 20 * i, 110 + 20 * i);
	}
	assert_int_equal(c.rcv.spans, SPANS_MAX);
	assert_false(reassembly_has_room(&c, 50, 60));
	assert_false(reassembly_has_room(&c, 1000, 1010));
	assert_true(reassembly_has_room(&c, 90, 100));
	assert_true(reassembly_has_room(&c, 110, 120));
	reassembly_add(&c, 110, 120); /* joins two */
	assert_int_equal(c.rcv.spans, SPANS_MAX - 1);
	assert_true(reassembly_has_room(&c, 50, 60));
}

/* RFC 2018, 4: the block with the latest segment comes first. */
TEST(reassembly__reports_the_newest_first)
{
	struct conn c = {.rcv.nxt = 0};
	struct sack_block block[SACK_BLOCKS_MAX];

	reassembly_add(&c, 100, 110);
	reassembly_add(&c, 300, 310);
	reassembly_add(&c, 200, 210);
	assert_int_equal(reassembly_report(&c, block, SACK_BLOCKS_MAX), 3);
	assert_int_equal(block[0].start, 200);
	assert_int_equal(block[0].end, 210);
	assert_int_equal(block[1].start, 300);
	assert_int_equal(block[2].start, 100);
	reassembly_add(&c, 110, 120); /* it is the whole block that is reported */
	assert_int_equal(reassembly_report(&c, block, 1), 1);
	assert_int_equal(block[0].start, 100);
	assert_int_equal(block[0].end, 120);
}

TEST(reassembly__reports_each_block_once)
{
	struct choice choice = choice_from_seed(9);

	for (int round = 0; round < ROUNDS; round++) {
		struct conn c = {.rcv.nxt = 0};
		struct sack_block block[SACK_BLOCKS_MAX];
		uint8_t n;

		for (int i = 0; i < 12; i++) {
			uint32_t start = choose_between(&choice, 1, 50) * 10;

			if (reassembly_has_room(&c, start, start + 5))
				reassembly_add(&c, start, start + 5);
		}
		n = reassembly_report(&c, block, SACK_BLOCKS_MAX);
		assert_int_equal(n, c.rcv.spans < SACK_BLOCKS_MAX ? c.rcv.spans : SACK_BLOCKS_MAX);
		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
				assert_int_not_equal(block[i].start, block[j].start);
	}
}
