/* SPDX-License-Identifier: BSD-2-Clause */
/* The text pool against a plain array: what was written is read, in order or not,
 * and no block is lost. Links: user/text.c */
#include "choice.h"
#include "test.h"
#include "text.h"

enum { BLOCKS = 64, SPAN = 40 * TEXT_BLOCK, STEPS = 4000 };

struct world {
	struct text_pool pool;
	struct text_chain chain;
	uint32_t base, from, to; /* held: [from, to) relative to base, all written */
	uint8_t plain[SPAN];
	struct choice choice;
};

static uint8_t memory[BLOCKS * TEXT_BLOCK];

static void write_some(struct world *w)
{
	uint8_t bytes[3000];
	uint32_t length = choose_between(&w->choice, 1, sizeof(bytes)), taken;
	struct iovec text = {bytes, length};

	if (w->to + length > SPAN)
		return;
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)choose(&w->choice, 256);
	taken = text_write(&w->pool, TEXT_SEND, &w->chain, w->base + w->to, &text);
	assert_true(taken <= length);
	memcpy(w->plain + w->to, bytes, taken);
	w->to += taken;
}

static void read_some(struct world *w)
{
	uint32_t at, length;
	struct iovec pieces[32];
	int n;

	if (w->from == w->to)
		return;
	at = w->from + choose(&w->choice, w->to - w->from);
	length = choose_between(&w->choice, 1, w->to - at < 60000 ? w->to - at : 60000);
	n = text_pieces(&w->pool, &w->chain, w->base + at, length, pieces, 32);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		assert_memory_equal(pieces[i].iov_base, w->plain + at, pieces[i].iov_len);
		at += (uint32_t)pieces[i].iov_len;
		length -= (uint32_t)pieces[i].iov_len;
	}
	assert_int_equal(length, 0);
}

static void release_some(struct world *w)
{
	w->from += choose(&w->choice, w->to - w->from + 1);
	text_release(&w->pool, TEXT_SEND, &w->chain, w->base + w->from);
}

static void life(struct world *w, uint64_t seed)
{
	w->choice = choice_from_seed(seed);
	w->base = chance(&w->choice, 50) ? 0u - choose(&w->choice, SPAN)
					 : choose(&w->choice, 1u << 31);
	w->from = w->to = 0;
	text_chain_make(&w->chain);
	for (int n = 0; n < STEPS; n++) {
		switch (choose(&w->choice, 4)) {
		case 0: read_some(w); break;
		case 1:
			if (chance(&w->choice, 20))
				release_some(w);
			break;
		default: write_some(w);
		}
	}
	text_release_all(&w->pool, TEXT_SEND, &w->chain);
	assert_int_equal(text_pool_free(&w->pool), BLOCKS);
	assert_int_equal(w->pool.used[TEXT_SEND], 0);
}

TEST(text__agrees_with_an_array)
{
	static struct world w;

	assert_int_equal(text_pool_make(&w.pool, memory, BLOCKS), 0);
	for (uint64_t seed = 0; seed < 20; seed++)
		life(&w, seed);
	text_pool_destroy(&w.pool);
}

/* Out of order: the later block first; a hole costs nothing. */
TEST(text__out_of_order)
{
	struct text_pool pool;
	struct text_chain chain;
	struct iovec late = {(void *)(uintptr_t) "late", 4},
		     early = {(void *)(uintptr_t) "early", 5};
	struct iovec pieces[4];
	uint32_t length;

	assert_int_equal(text_pool_make(&pool, memory, BLOCKS), 0);
	text_chain_make(&chain);
	assert_int_equal(text_write(&pool, TEXT_RECEIVE, &chain, 50 * TEXT_BLOCK, &late), 4);
	assert_int_equal(text_write(&pool, TEXT_RECEIVE, &chain, 7, &early), 5);
	assert_int_equal(pool.used[TEXT_RECEIVE], 2);
	assert_memory_equal(text_at(&pool, &chain, 50 * TEXT_BLOCK, &length), "late", 4);
	assert_memory_equal(text_at(&pool, &chain, 7, &length), "early", 5);
	assert_null(text_at(&pool, &chain, 20 * TEXT_BLOCK, &length));
	assert_int_equal(text_pieces(&pool, &chain, 7, TEXT_BLOCK, pieces, 4), 0);
	text_release_all(&pool, TEXT_RECEIVE, &chain);
	assert_int_equal(text_pool_free(&pool), BLOCKS);
	text_pool_destroy(&pool);
}

/* The pool ends; what found no place is said, and what has one stays. */
TEST(text__a_full_pool)
{
	static uint8_t bytes[(BLOCKS + 2) * TEXT_BLOCK];
	struct text_pool pool;
	struct text_chain chain;
	struct iovec text = {bytes, sizeof(bytes)};
	uint32_t taken;

	assert_int_equal(text_pool_make(&pool, memory, BLOCKS), 0);
	text_chain_make(&chain);
	taken = text_write(&pool, TEXT_SEND, &chain, 0, &text);
	assert_true(taken < sizeof(bytes));
	assert_int_equal(taken, pool.cap[TEXT_SEND] * TEXT_BLOCK);
	assert_int_equal(text_pool_left(&pool, TEXT_SEND), 0);
	assert_int_equal(text_room(&pool, TEXT_SEND, &chain, taken), 0);
	text_release(&pool, TEXT_SEND, &chain, TEXT_BLOCK);
	assert_int_equal(text_pool_left(&pool, TEXT_SEND), 1);
	text_release_all(&pool, TEXT_SEND, &chain);
	text_pool_destroy(&pool);
}
