/* SPDX-License-Identifier: BSD-2-Clause */
/* user/text.c: chains of blocks by sequence number, against a plain buffer.
 * Links: user/text.c */
#include "text.h"
#include "test.h"

enum { BLOCKS = 64, POOL = BLOCKS * TEXT_BLOCK, STEPS = 20000, SPAN = 20 * TEXT_BLOCK };

static uint8_t memory[POOL];

static void begin(struct text_pool *p, struct text_chain *c)
{
	assert_int_equal(text_pool_make(p, memory, BLOCKS), 0);
	text_chain_make(c);
}

static uint32_t put(struct text_pool *p, struct text_chain *c, uint32_t seq, const void *bytes,
		    size_t length)
{
	const struct iovec text = {(void *)bytes, length};

	return text_write(p, TEXT_RECEIVE, c, seq, &text);
}

static void expect(struct text_pool *p, struct text_chain *c, uint32_t seq, const uint8_t *bytes,
		   uint32_t length)
{
	struct iovec pieces[32];
	int count = text_pieces(p, c, seq, length, pieces, 32);

	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		assert_memory_equal(pieces[i].iov_base, bytes, pieces[i].iov_len);
		bytes += pieces[i].iov_len;
		length -= (uint32_t)pieces[i].iov_len;
	}
	assert_int_equal(length, 0);
}

TEST(text__in_order_over_the_end_of_sequence_numbers)
{
	uint8_t bytes[3 * TEXT_BLOCK];
	struct text_pool p;
	struct text_chain c;
	uint32_t seq = UINT32_MAX - 5000;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	begin(&p, &c);
	for (uint32_t i = 0; i < sizeof(bytes); i += 1000)
		put(&p, &c, seq + i, bytes + i,
		    sizeof(bytes) - i < 1000 ? sizeof(bytes) - i : 1000);
	expect(&p, &c, seq, bytes, sizeof(bytes));
	expect(&p, &c, seq + 4999, bytes + 4999, 300);
	text_release(&p, TEXT_RECEIVE, &c, seq + 6000);
	assert_int_equal(text_pool_free(&p), BLOCKS - 2);
	expect(&p, &c, seq + 6000, bytes + 6000, sizeof(bytes) - 6000);
	text_release_all(&p, TEXT_RECEIVE, &c);
	assert_int_equal(text_pool_free(&p), BLOCKS);
	text_pool_destroy(&p);
}

TEST(text__a_hole_costs_no_block)
{
	struct text_pool p;
	struct text_chain c;

	begin(&p, &c);
	assert_int_equal(put(&p, &c, 30 * TEXT_BLOCK, "far", 3), 3);
	assert_int_equal(put(&p, &c, 0, "near", 4), 4);
	assert_int_equal(text_pool_free(&p), BLOCKS - 2);
	expect(&p, &c, 0, (const uint8_t *)"near", 4);
	expect(&p, &c, 30 * TEXT_BLOCK, (const uint8_t *)"far", 3);
	assert_int_equal(text_pieces(&p, &c, 15 * TEXT_BLOCK, 1, &(struct iovec){0}, 1), 0);
	text_release_all(&p, TEXT_RECEIVE, &c);
	text_pool_destroy(&p);
}

TEST(text__one_use_leaves_the_other_its_blocks)
{
	static uint8_t bytes[POOL];
	struct text_pool p;
	struct text_chain c, other;

	begin(&p, &c);
	text_chain_make(&other);
	assert_int_equal(put(&p, &c, 100, bytes, sizeof(bytes)), POOL / 2 - 100);
	assert_int_equal(text_pool_left(&p, TEXT_RECEIVE), 0);
	assert_int_equal(text_room(&p, TEXT_SEND, &other, 10), POOL / 2 - 10);
	assert_int_equal(text_write(&p, TEXT_SEND, &other, 10, &(struct iovec){bytes, 5000}), 5000);
	text_release_all(&p, TEXT_RECEIVE, &c);
	text_release_all(&p, TEXT_SEND, &other);
	assert_int_equal(text_pool_free(&p), BLOCKS);
	text_pool_destroy(&p);
}

static uint64_t state = 3;

static uint32_t random_below(uint32_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % n;
}

/* text_room() is a promise: that much can be written. */
TEST(text__room_can_be_written)
{
	static uint8_t bytes[POOL];
	struct text_pool p;
	struct text_chain c;
	uint32_t seq = 4000, room;

	begin(&p, &c);
	while ((room = text_room(&p, TEXT_SEND, &c, seq))) {
		uint32_t part = room < 5000 ? room : 5000;

		assert_int_equal(text_write(&p, TEXT_SEND, &c, seq, &(struct iovec){bytes, part}),
				 part);
		seq += part;
	}
	assert_int_equal(text_pool_left(&p, TEXT_SEND), 0);
	text_release_all(&p, TEXT_SEND, &c);
	text_pool_destroy(&p);
}

static uint32_t lend(struct text_pool *p, struct text_chain *c, uint32_t seq, const void *bytes,
		     size_t length)
{
	const struct iovec text = {(void *)bytes, length};

	return text_lend(p, TEXT_SEND, c, seq, &text);
}

TEST(text__lent_blocks_are_not_copied)
{
	static uint8_t bytes[5 * TEXT_BLOCK];
	struct text_pool p;
	struct text_chain c;
	uint32_t seq = UINT32_MAX - TEXT_BLOCK - 999, some; /* 1000 bytes of the first block */

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	begin(&p, &c);
	assert_int_equal(lend(&p, &c, seq, bytes, sizeof(bytes)), 1000 + 4 * TEXT_BLOCK);
	expect(&p, &c, seq, bytes, 1000 + 4 * TEXT_BLOCK);
	assert_ptr_not_equal(text_at(&p, &c, seq, &some), bytes);
	assert_ptr_equal(text_at(&p, &c, seq + 1000, &some), bytes + 1000);
	assert_ptr_equal(text_at(&p, &c, seq + 7000, &some), bytes + 7000);
	assert_int_equal(some, 1000 + 2 * TEXT_BLOCK - 7000);
	assert_int_equal(text_pool_free(&p), BLOCKS - 5);
	text_release(&p, TEXT_SEND, &c, seq + 1000 + 2 * TEXT_BLOCK);
	assert_int_equal(text_pool_free(&p), BLOCKS - 2);
	text_release_all(&p, TEXT_SEND, &c);
	text_pool_destroy(&p);
}

/* What does not fill a block is copied, so that a call always gets on. */
TEST(text__little_that_is_lent_is_copied)
{
	struct text_pool p;
	struct text_chain c;
	uint8_t bytes[TEXT_BLOCK] = {1, 2, 3};

	begin(&p, &c);
	assert_int_equal(lend(&p, &c, 0, bytes, 3), 3);
	assert_int_equal(lend(&p, &c, 3, bytes, 3), 3);
	memset(bytes, 9, 3);
	expect(&p, &c, 0, (const uint8_t *)"\1\2\3\1\2\3", 6);
	text_release_all(&p, TEXT_SEND, &c);
	text_pool_destroy(&p);
}

TEST(text__a_block_that_was_lent_is_written_again)
{
	static uint8_t bytes[POOL];
	struct text_pool p;
	struct text_chain c;

	begin(&p, &c);
	assert_int_equal(lend(&p, &c, 0, bytes, sizeof(bytes)), POOL / 2); /* all there are */
	assert_int_equal(lend(&p, &c, POOL / 2, bytes, sizeof(bytes)), 0);
	text_release_all(&p, TEXT_SEND, &c);
	for (uint32_t i = 0; i < BLOCKS / 2; i++)
		put(&p, &c, i * TEXT_BLOCK, &i, sizeof(i));
	for (uint32_t i = 0; i < BLOCKS / 2; i++)
		expect(&p, &c, i * TEXT_BLOCK, (uint8_t *)&i, sizeof(i));
	assert_int_equal(bytes[0], 0);
	text_release_all(&p, TEXT_RECEIVE, &c);
	text_pool_destroy(&p);
}

/* Written and lent by turns, as a service may. */
TEST(text__lent_and_written_agree_with_a_plain_buffer)
{
	static uint8_t plain[24 * TEXT_BLOCK];
	struct text_pool p;
	struct text_chain c;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)random_below(256);
	for (int round = 0; round < 200; round++) {
		uint32_t first = random_below(UINT32_MAX), done = 0;

		begin(&p, &c);
		while (done < sizeof(plain)) {
			uint32_t left = (uint32_t)sizeof(plain) - done;
			uint32_t part = 1 + random_below(left < 14000 ? left : 14000);
			const struct iovec text = {plain + done, part};
			uint32_t got = random_below(2)
					       ? lend(&p, &c, first + done, plain + done, part)
					       : text_write(&p, TEXT_SEND, &c, first + done, &text);

			assert_true(got > 0 && got <= part);
			done += got;
		}
		expect(&p, &c, first, plain, done);
		text_release_all(&p, TEXT_SEND, &c);
		assert_int_equal(text_pool_free(&p), BLOCKS);
		text_pool_destroy(&p);
	}
}

/* Writes anywhere in a window that moves on, compared with the same in an array. */
TEST(text__agrees_with_a_plain_buffer)
{
	static uint8_t plain[SPAN], present[SPAN], bytes[9000];
	struct text_pool p;
	struct text_chain c;
	uint32_t left = UINT32_MAX - 7 * SPAN; /* wraps on the way */

	begin(&p, &c);
	memset(present, 0, sizeof(present));
	for (int step = 0; step < STEPS; step++) {
		uint32_t length = 1 + random_below(sizeof(bytes));
		uint32_t at = random_below(SPAN - (uint32_t)sizeof(bytes));
		uint32_t skip = random_below(3000);

		for (uint32_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)random_below(256);
		assert_int_equal(put(&p, &c, left + at, bytes, length), length);
		memcpy(plain + at, bytes, length);
		memset(present + at, 1, length);
		for (uint32_t i = 0; i < 200; i++) {
			uint32_t x = random_below(SPAN), some;

			if (present[x])
				assert_int_equal(*text_at(&p, &c, left + x, &some), plain[x]);
		}
		text_release(&p, TEXT_RECEIVE, &c, left + skip);
		memmove(plain, plain + skip, SPAN - skip);
		memmove(present, present + skip, SPAN - skip);
		memset(present + SPAN - skip, 0, skip);
		left += skip;
	}
	text_release_all(&p, TEXT_RECEIVE, &c);
	assert_int_equal(text_pool_free(&p), BLOCKS);
	text_pool_destroy(&p);
}
