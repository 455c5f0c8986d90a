/* SPDX-License-Identifier: BSD-2-Clause */
/* What the peer has SACKed, where it is more than there is room for, and lies
 * (user/tcp/scoreboard.c; RFC 2018; RFC 6675, 4). */
#include "core.h"
#include "test.h"

static struct peer ten_segments_out(void)
{
	struct opening how = {.syn = "win 65535 <mss 1000,sackOK>"};
	struct peer p = peer_opened(ESTABLISHED, &how);
	struct segment s;

	user_send(&p, 10000);
	while (peer_next(&p, &s))
		;
	return p;
}

static void drain(struct peer *p)
{
	struct segment s;

	while (peer_next(p, &s))
		;
}

static void sack(struct peer *p, uint32_t start, uint32_t end)
{
	char text[100];

	snprintf(text, sizeof(text), ". 1:1(0) ack 1 win 65535 <sack %u:%u>", start, end);
	rx(p, text);
	drain(p);
}

static bool knows(const struct peer *p, uint32_t start, uint32_t end)
{
	return scoreboard_bytes(&p->c, p->iss + start, p->iss + end) == end - start;
}

/* Nine fit beside the receiver's two. The smallest is forgotten, but not the
 * highest, from which all others follow. */
TEST(scoreboard__forgets_the_smallest)
{
	struct peer p = ten_segments_out();

	for (uint32_t i = 0; i < 9; i++)
		sack(&p, 1000 + 500 * i, 1000 + 500 * i + 100 + i);
	assert_int_equal(p.c.snd.sacks, 9);
	sack(&p, 9000, 9010); /* the highest, and the smallest */
	assert_int_equal(p.c.snd.sacks, 9);
	assert_true(knows(&p, 9000, 9010));
	assert_false(knows(&p, 1000, 1100));
	for (uint32_t i = 1; i < 9; i++)
		assert_true(knows(&p, 1000 + 500 * i, 1000 + 500 * i + 100 + i));
	assert_int_equal(p.c.snd.sacked, 10 + 8 * 100 + 36);
	leave(&p);
}

TEST(scoreboard__forgets_one_in_the_middle)
{
	struct peer p = ten_segments_out();

	for (uint32_t i = 0; i < 9; i++)
		sack(&p, 1000 + 500 * i, 1000 + 500 * i + (i == 4 ? 50 : 100));
	sack(&p, 8000, 9000);
	assert_int_equal(p.c.snd.sacks, 9);
	assert_false(knows(&p, 3000, 3050));
	assert_true(knows(&p, 1000, 1100) && knows(&p, 5000, 5100) && knows(&p, 8000, 9000));
	leave(&p);
}

TEST(scoreboard__blocks_that_touch_are_one)
{
	struct peer p = ten_segments_out();

	sack(&p, 2001, 3001);
	sack(&p, 4001, 5001);
	assert_int_equal(p.c.snd.sacks, 2);
	sack(&p, 3001, 4001);
	assert_int_equal(p.c.snd.sacks, 1);
	assert_int_equal(p.c.snd.sacked, 3000);
	sack(&p, 1501, 6001);
	assert_int_equal(p.c.snd.sacks, 1);
	assert_int_equal(p.c.snd.sacked, 4500);
	sack(&p, 2000, 2500); /* known */
	assert_int_equal(p.c.snd.sacked, 4500);
	leave(&p);
}

/* Of what was never sent, or backwards, or empty: not a word. */
TEST(scoreboard__lies)
{
	struct peer p = ten_segments_out();

	sack(&p, 9001, 10002);
	sack(&p, 20001, 30001);
	sack(&p, 5001, 4001);
	sack(&p, 5001, 5001);
	assert_int_equal(p.c.snd.sacks, 0);
	assert_int_equal(p.c.snd.sacked, 0);
	leave(&p);
}

/* RFC 2018, 8: SACKed text can be dropped by the peer until it is acknowledged. */
TEST(scoreboard__an_ack_into_a_block_cuts_it)
{
	struct peer p = ten_segments_out();

	sack(&p, 1001, 5001);
	rx(&p, ". 1:1(0) ack 3001 win 65535");
	drain(&p);
	assert_true(scoreboard_is_reneged(&p.c));
	assert_true(knows(&p, 3001, 5001));
	assert_int_equal(p.c.snd.sacked, 2000);
	rx(&p, ". 1:1(0) ack 6001 win 65535");
	drain(&p);
	assert_int_equal(p.c.snd.sacks, 0);
	assert_int_equal(p.c.snd.sacked, 0);
	leave(&p);
}
