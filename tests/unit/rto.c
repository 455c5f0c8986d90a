/* SPDX-License-Identifier: BSD-2-Clause */
/* The retransmission timer's arithmetic: RFC 6298, worked out by hand. */
#include "core.h"
#include "test.h"

#define MS MILLISECOND

struct timer {
	struct tcp_settings settings;
	struct host h;
	struct conn c;
};

static void begin(struct timer *t)
{
	memset(t, 0, sizeof(*t));
	tcp_settings_default(&t->settings);
	t->h.settings = &t->settings;
	t->h.now = 1000 * SECOND;
	rto_begin(&t->c, &t->h);
}

TEST(rto__is_one_second_without_a_sample)
{
	struct timer t;

	begin(&t);
	assert_int_equal(t.c.rtt.rto, SECOND); /* 2.1 */
}

TEST(rto__first_sample)
{
	struct timer t;

	begin(&t);
	rto_sample(&t.c, &t.h, 100 * MS); /* 2.2: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR */
	assert_int_equal(t.c.rtt.srtt, 100 * MS);
	assert_int_equal(t.c.rtt.rttvar, 50 * MS);
	assert_int_equal(t.c.rtt.rto, 300 * MS);
}

TEST(rto__later_samples)
{
	struct timer t;

	begin(&t);
	rto_sample(&t.c, &t.h, 100 * MS);
	rto_sample(&t.c, &t.h, 100 * MS); /* 2.3, with R' = SRTT */
	assert_int_equal(t.c.rtt.srtt, 100 * MS);
	assert_int_equal(t.c.rtt.rttvar, 37500000);
	assert_int_equal(t.c.rtt.rto, 100 * MS + t.settings.rto_min);
	rto_sample(&t.c, &t.h, 340 * MS); /* RTTVAR uses the SRTT before this sample */
	assert_int_equal(t.c.rtt.srtt, 130 * MS);
	assert_int_equal(t.c.rtt.rttvar, (3 * 37500000 + 240 * MS) / 4);
	assert_int_equal(t.c.rtt.rto, 130 * MS + 3 * 37500000 + 240 * MS);
}

TEST(rto__has_a_floor_and_a_ceiling)
{
	struct timer t;

	begin(&t);
	for (int i = 0; i < 1000; i++) /* a long path that never varies */
		rto_sample(&t.c, &t.h, 300 * MS);
	assert_int_equal(t.c.rtt.rto, 300 * MS + t.settings.rto_min);
	begin(&t);
	for (int i = 0; i < 100; i++)
		rto_sample(&t.c, &t.h, UINT64_MAX); /* nonsense stays in bounds */
	assert_true(t.c.rtt.rto <= t.settings.rto_max);
	assert_true(t.c.rtt.rto >= t.settings.rto_min);
}

TEST(rto__backs_off_by_doubling)
{
	struct timer t;

	begin(&t);
	for (int times = 0; times < 250; times++) {
		uint64_t want = times < 7 ? SECOND << times : 120 * SECOND;

		t.c.rtt.backoff = (uint8_t)times; /* 5.5 */
		assert_int_equal(rto_backed_off(&t.c, &t.h), want);
	}
	rto_sample(&t.c, &t.h, 100 * MS); /* 5.7, the note: a new sample ends it */
	assert_int_equal(rto_backed_off(&t.c, &t.h), 300 * MS);
}

static void ack(struct timer *t, uint32_t number, uint32_t tsecr)
{
	struct segment s = {
		.flags = ACK, .ack = number, .options = OPTION_TIMESTAMPS, .tsecr = tsecr};

	rto_take_ack(&t->c, &t->h, &s);
}

TEST(rto__times_the_segment_that_was_marked)
{
	struct timer t;

	begin(&t);
	t.c.rtt.timed_at = t.h.now;
	t.c.rtt.timed_seq = 500;
	t.h.now += 70 * MS;
	ack(&t, 499, 0);
	assert_int_equal(t.c.rtt.srtt, 0);
	ack(&t, 500, 0);
	assert_int_equal(t.c.rtt.srtt, 70 * MS);
	assert_int_equal(t.c.rtt.timed_at, 0);
}

/* RFC 7323, 4.1. */
TEST(rto__or_takes_the_echoed_timestamp)
{
	struct timer t;
	uint32_t sent;

	begin(&t);
	t.c.options = OPTION_TIMESTAMPS;
	sent = tcp_timestamp(&t.c, &t.h);
	t.h.now += 70 * MS;
	ack(&t, 1, sent);
	assert_int_equal(t.c.rtt.srtt, 70 * MS);
	begin(&t);
	t.c.options = OPTION_TIMESTAMPS;
	ack(&t, 1, sent + 1000000); /* from the future: not believed */
	assert_int_equal(t.c.rtt.srtt, 0);
}

TEST(rto__the_timestamp_clock_ticks_in_milliseconds)
{
	struct timer t;
	uint32_t before;

	begin(&t);
	t.c.ts.offset = 0xfffffff0;
	before = tcp_timestamp(&t.c, &t.h);
	t.h.now += 1234 * MS;
	assert_int_equal(tcp_timestamp(&t.c, &t.h) - before, 1234);
}
