/* SPDX-License-Identifier: BSD-2-Clause */
/* include/backlog.h: a crowd is let in, a flood is not. */
#include "backlog.h"
#include "test.h"

enum { SYN_BYTES = 74 };

static struct backlog backlog;

static uint32_t arrive(uint32_t count, uint64_t now)
{
	uint32_t in = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!backlog_admits(&backlog, now))
			continue;
		backlog_enter(&backlog, SYN_BYTES);
		in++;
	}
	return in;
}

static void deal_with(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		backlog_leave(&backlog, SYN_BYTES);
}

TEST(backlog__a_crowd_is_let_in_again_and_again)
{
	backlog = (struct backlog){0};
	for (uint64_t now = 7; now < 20; now++) {
		assert_int_equal(arrive(BACKLOG_CROWD, now), BACKLOG_CROWD);
		deal_with(BACKLOG_CROWD);
	}
	assert_int_equal(backlog.waiting, 0);
}

TEST(backlog__what_is_beyond_a_crowd_leaves_few)
{
	backlog = (struct backlog){0};
	assert_int_equal(arrive(BACKLOG_CROWD + 1, 7), BACKLOG_CROWD);
	deal_with(BACKLOG_CROWD - BACKLOG_FEW);
	assert_int_equal(arrive(10, 8), 0);
	deal_with(10);
	assert_int_equal(arrive(20, 9), 10);
	assert_int_equal(backlog.waiting, BACKLOG_FEW);
}

TEST(backlog__a_flood_that_goes_on_gets_no_crowd)
{
	uint64_t now = 7;

	backlog = (struct backlog){0};
	arrive(BACKLOG_CROWD + 1, now);
	deal_with(BACKLOG_CROWD);
	for (int i = 0; i < 100; i++) {
		now += BACKLOG_WHILE - 1;
		assert_int_equal(arrive(BACKLOG_FEW + 1, now), BACKLOG_FEW);
		deal_with(BACKLOG_FEW);
	}
}

TEST(backlog__nobody_turned_away_for_a_while_and_a_crowd_may_come)
{
	backlog = (struct backlog){0};
	arrive(BACKLOG_CROWD + 1, 7);
	deal_with(BACKLOG_CROWD);
	assert_int_equal(arrive(BACKLOG_FEW, 7 + BACKLOG_WHILE - 1), BACKLOG_FEW);
	assert_int_equal(arrive(BACKLOG_CROWD, 7 + BACKLOG_WHILE), BACKLOG_CROWD - BACKLOG_FEW);
}

TEST(backlog__large_frames_weigh_more)
{
	backlog = (struct backlog){0};
	backlog_enter(&backlog, SYN_BYTES);
	assert_int_equal(backlog.waiting, 1);
	backlog_enter(&backlog, 65535);
	assert_true(backlog.waiting * (uint64_t)BACKLOG_UNIT > 65535);
	backlog_leave(&backlog, 65535);
	backlog_leave(&backlog, SYN_BYTES);
	assert_int_equal(backlog.waiting, 0);
}
