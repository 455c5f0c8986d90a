/* SPDX-License-Identifier: BSD-2-Clause */
/* user/sizing.c: buffers that follow use.
 * Links: user/sizing.c */
#include "engine.h"
#include "sizing.h"
#include "test.h"

enum { MOST = 512 << 10, ROUND_TRIP = 50 /* ms */ };

static struct worker worker;
static struct conn conn;
static struct session session;

static void begin(void)
{
	worker = (struct worker){.host.now = 7 * SECOND};
	conn = (struct conn){.rtt.srtt = ROUND_TRIP * MILLISECOND};
	session = (struct session){.worker = &worker, .conn = &conn};
	assert_int_equal(sizing_receive(&session, MOST), SIZING_RECEIVE_FIRST);
}

/* The service takes `bytes` in the next `ms`, a tenth at a time. */
static uint32_t take(uint32_t bytes, uint32_t ms)
{
	uint32_t limit = 0;

	for (int i = 0; i < 10; i++) {
		conn.rcv.user += bytes / 10;
		worker.host.now += ms * MILLISECOND / 10;
		limit = sizing_receive(&session, MOST);
	}
	return limit;
}

TEST(sizing__a_full_window_doubles)
{
	uint32_t limit = SIZING_RECEIVE_FIRST;

	begin();
	for (int i = 0; i < 12 && limit < MOST; i++)
		limit = take(limit, ROUND_TRIP + 1);
	assert_int_equal(limit, MOST);
	assert_int_equal(take(MOST, ROUND_TRIP + 1), MOST);
}

TEST(sizing__a_slow_sender_keeps_a_small_one)
{
	begin();
	for (int i = 0; i < 50; i++)
		assert_int_equal(take(SIZING_RECEIVE_FIRST / 4, ROUND_TRIP + 1),
				 SIZING_RECEIVE_FIRST);
}

TEST(sizing__rest_shrinks)
{
	uint32_t limit = SIZING_RECEIVE_FIRST;

	begin();
	while (limit < MOST)
		limit = take(limit, ROUND_TRIP + 1);
	for (int i = 0; i < 10; i++) {
		worker.host.now += 2 * SECOND;
		limit = sizing_receive(&session, MOST);
	}
	assert_int_equal(limit, SIZING_RECEIVE_FIRST);
}

TEST(sizing__configuration_is_the_most)
{
	begin();
	assert_int_equal(sizing_receive(&session, 4096), 4096);
	conn.cc.cwnd = UINT32_MAX;
	assert_int_equal(sizing_send(&session, MOST), MOST);
}

TEST(sizing__what_may_be_written_follows_cwnd)
{
	begin();
	conn.cc.cwnd = 14600;
	assert_int_equal(sizing_send(&session, 1 << 20), SIZING_SEND_LEAST);
	conn.cc.cwnd = 200000;
	assert_int_equal(sizing_send(&session, 1 << 20), 400000);
}
