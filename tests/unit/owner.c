/* SPDX-License-Identifier: BSD-2-Clause */
/* include/owner.h: its rules one by one, and two threads that try to break them.
 * The word is only ever touched by compare-and-swap, and everything it guards is
 * plain memory: a lost exclusion shows as a wrong sum. */
#include "owner.h"
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { GENERATION = 0x2fffffff };

TEST(owner__the_word_keeps_its_parts_apart)
{
	__u64 w = owner_word(OWNER_DAEMON, 0x3fffffff, 0xffffffff);

	assert_int_equal(owner_of(w), OWNER_DAEMON);
	assert_int_equal(owner_generation(w), 0x3fffffff);
	assert_int_equal(owner_punted(w), 0xffffffff);
	w = owner_word(OWNER_XDP_BUSY, 0xffffffff, 0);
	assert_int_equal(owner_generation(w), GENERATION_MASK);
	assert_int_equal(owner_punted(w), 0);
	assert_int_equal(owner_word(OWNER_XDP_IDLE, 0, 0), 0);
}

TEST(owner__a_hit_enters_and_leaves)
{
	__u64 w = owner_word(OWNER_XDP_IDLE, GENERATION, 0);

	assert_true(owner_enter(&w, GENERATION));
	assert_int_equal(owner_of(w), OWNER_XDP_BUSY);
	assert_false(owner_enter(&w, GENERATION)); /* another CPU */
	owner_leave(&w, GENERATION);
	assert_int_equal(w, owner_word(OWNER_XDP_IDLE, GENERATION, 0));
}

TEST(owner__a_punt_gives_and_later_ones_are_counted)
{
	__u64 w = owner_word(OWNER_XDP_IDLE, GENERATION, 0);

	assert_true(owner_enter(&w, GENERATION));
	owner_give(&w, GENERATION);
	assert_int_equal(w, owner_word(OWNER_DAEMON, GENERATION, 1));
	assert_false(owner_enter(&w, GENERATION));
	assert_true(owner_count_punt(&w, GENERATION));
	assert_int_equal(owner_punted(w), 2);
	assert_false(owner_take(&w, GENERATION));	  /* it is the daemon's */
	assert_false(owner_hand_back(&w, GENERATION, 1)); /* one is on its way */
	assert_int_equal(owner_of(w), OWNER_DAEMON);
	assert_true(owner_hand_back(&w, GENERATION, 2));
	assert_int_equal(w, owner_word(OWNER_XDP_IDLE, GENERATION, 0));
}

TEST(owner__the_daemon_takes)
{
	__u64 w = owner_word(OWNER_XDP_IDLE, GENERATION, 0);

	assert_true(owner_take(&w, GENERATION));
	assert_int_equal(w, owner_word(OWNER_DAEMON, GENERATION, 0));
	assert_false(owner_enter(&w, GENERATION));
	assert_true(owner_hand_back(&w, GENERATION, 0));
	assert_true(owner_enter(&w, GENERATION));
}

TEST(owner__an_older_generation_moves_nothing)
{
	__u64 idle = owner_word(OWNER_XDP_IDLE, GENERATION, 0), w = idle;

	assert_false(owner_enter(&w, GENERATION - 1));
	owner_leave(&w, GENERATION - 1);
	owner_give(&w, GENERATION - 1);
	assert_int_equal(w, idle);
	w = owner_word(OWNER_DAEMON, GENERATION, 3);
	assert_false(owner_count_punt(&w, GENERATION - 1));
	assert_false(owner_hand_back(&w, GENERATION - 1, 3));
	assert_int_equal(owner_punted(w), 3);
}

TEST(owner__a_punt_of_an_idle_flow_is_not_counted)
{
	__u64 w = owner_word(OWNER_XDP_IDLE, GENERATION, 0);

	assert_false(owner_count_punt(&w, GENERATION));
	w = owner_word(OWNER_XDP_BUSY, GENERATION, 0);
	assert_false(owner_count_punt(&w, GENERATION));
}

/* --- two threads ------------------------------------------------------------- */

enum { SEGMENTS = 400000, WITHIN_LEAST = 1000 };

struct contest {
	__u64 word;
	/* Written by the owner only, not atomic: two writers would lose counts. */
	uint64_t in_xdp, in_daemon, sum;
	int inside; /* 1 while somebody is within */
	int collisions;
	/* The ring: the sum of punts written (counted and not) and consumed. */
	_Atomic uint64_t punts_counted, punts_uncounted;
	_Atomic bool done;
};

static void work_within(struct contest *c, uint64_t *mine)
{
	c->collisions += c->inside;
	c->inside = 1;
	(*mine)++;
	c->sum++;
	c->inside = 0;
}

static void xdp_segment(struct contest *c, uint32_t n)
{
	if (!owner_enter(&c->word, GENERATION)) {
		/* The record is in the ring before it is counted (owner.h). */
		if (owner_count_punt(&c->word, GENERATION))
			atomic_fetch_add(&c->punts_counted, 1);
		else
			atomic_fetch_add(&c->punts_uncounted, 1);
		return;
	}
	work_within(c, &c->in_xdp);
	if (n % 7) {
		owner_leave(&c->word, GENERATION);
		return;
	}
	owner_give(&c->word, GENERATION);
	atomic_fetch_add(&c->punts_counted, 1);
}

static void *xdp_thread(void *argument)
{
	struct contest *c = argument;

	/* On one busy CPU the daemon may sleep as the owner through all segments:
	 * go on until XDP has had its share. */
	for (uint32_t n = 0; n < SEGMENTS || c->in_xdp < WITHIN_LEAST; n++) {
		xdp_segment(c, n);
		if (n >= SEGMENTS)
			sched_yield();
	}
	atomic_store(&c->done, true);
	return NULL;
}

/* Takes the flow, works, and hands it back when it has consumed what the word
 * says is on its way. */
static void daemon_turn(struct contest *c, uint64_t *handed_back, uint64_t *consumed_in_all)
{
	uint32_t consumed = 0;

	owner_take(&c->word, GENERATION);
	work_within(c, &c->in_daemon);
	do {
		consumed = owner_punted(owner_read(&c->word));
	} while (!owner_hand_back(&c->word, GENERATION, consumed));
	*handed_back += 1;
	*consumed_in_all += consumed;
}

TEST(owner__two_threads_never_meet)
{
	struct contest c = {.word = owner_word(OWNER_XDP_IDLE, GENERATION, 0)};
	uint64_t handed_back = 0, consumed = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, xdp_thread, &c), 0);
	while (!atomic_load(&c.done))
		daemon_turn(&c, &handed_back, &consumed);
	pthread_join(thread, NULL);
	daemon_turn(&c, &handed_back, &consumed);
	assert_int_equal(c.collisions, 0);
	assert_int_equal(c.sum, c.in_xdp + c.in_daemon);
	assert_int_equal(c.in_daemon, handed_back);
	/* Every counted punt was consumed before some hand-back, none twice. */
	assert_int_equal(consumed, c.punts_counted);
	/* Each segment was handled within or punted; one in seven both. */
	assert_true(c.in_xdp + c.punts_counted + c.punts_uncounted >= SEGMENTS);
	assert_true(c.in_xdp >= WITHIN_LEAST);
}
