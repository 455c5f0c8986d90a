/* SPDX-License-Identifier: BSD-2-Clause */
/* Congestion control as arithmetic on the TCB: what the two algorithms make of
 * acknowledgments and losses (RFC 5681, 3.1; RFC 9438, 4), and what is the same
 * for both. Whole transfers: tests/link. */
#include "congestion.h"
#include "core.h"
#include "test.h"

enum { MSS = 1000 };

struct sender {
	struct conn c;
	struct tcp_settings settings;
	struct host h;
};

/* In congestion avoidance, with cwnd bytes in flight. */
static void begin(struct sender *s, uint8_t algorithm, uint32_t cwnd)
{
	memset(s, 0, sizeof(*s));
	s->settings.congestion = algorithm;
	s->h = (struct host){.now = TCP_SECOND, .settings = &s->settings};
	s->c.snd.mss = MSS;
	s->c.rtt.srtt = 100000000;
	congestion_begin(&s->c, &s->h);
	s->c.cc.cwnd = s->c.cc.ssthresh = cwnd;
	s->c.snd.nxt = s->c.snd.una + cwnd;
}

/* A whole window is acknowledged, two segments at a time, in a round trip. */
static void acknowledge_window(struct sender *s)
{
	uint32_t window = s->c.cc.cwnd, step = s->c.rtt.srtt / (window / (2 * MSS));

	for (uint32_t acked = 0; acked < window; acked += 2 * MSS) {
		s->h.now += step;
		congestion_on_ack(&s->c, &s->h, 2 * MSS, s->c.cc.cwnd);
	}
}

TEST(congestion__names)
{
	assert_string_equal(congestion_name(CONGESTION_NEWRENO), "newreno");
	assert_string_equal(congestion_name(CONGESTION_CUBIC), "cubic");
	assert_string_equal(congestion_name(CONGESTION_ALGORITHMS), "unknown");
}

/* MUST-19: one segment more for each window. */
TEST(congestion__newreno_grows_by_a_segment_in_a_round_trip)
{
	struct sender s;

	begin(&s, CONGESTION_NEWRENO, 20 * MSS);
	for (uint32_t i = 1; i <= 10; i++) {
		acknowledge_window(&s);
		assert_in_range(s.c.cc.cwnd, (19 + i) * MSS, (20 + i) * MSS);
	}
}

/* RFC 5681, equation 4: to half of what is in flight, which may be less than cwnd,
 * but to two segments at least. */
TEST(congestion__newreno_halves_the_flight)
{
	struct sender s;

	begin(&s, CONGESTION_NEWRENO, 20 * MSS);
	s.c.snd.nxt = s.c.snd.una + 12 * MSS;
	congestion_on_loss(&s.c, &s.h);
	assert_int_equal(s.c.cc.ssthresh, 6 * MSS);
	assert_int_equal(s.c.cc.cwnd, 6 * MSS);
	s.c.snd.nxt = s.c.snd.una + MSS;
	congestion_on_loss(&s.c, &s.h);
	assert_int_equal(s.c.cc.ssthresh, 2 * MSS);
}

/* RFC 9438, 4.6: to 0.7 of it. */
TEST(congestion__cubic_takes_three_tenths)
{
	struct sender s;

	begin(&s, CONGESTION_CUBIC, 20 * MSS);
	congestion_on_loss(&s.c, &s.h);
	assert_int_equal(s.c.cc.cwnd, 14 * MSS);
}

/* RFC 9438, 4.2, figure 2: back at W_max after K = cbrt(W_max * 0.3 / 0.4) seconds,
 * here 9.09; slowly around it, and fast beyond. */
TEST(congestion__cubic_comes_back_after_k)
{
	struct sender s;
	uint32_t before, around;

	begin(&s, CONGESTION_CUBIC, 1000 * MSS);
	congestion_on_loss(&s.c, &s.h);
	for (int i = 0; i < 91; i++)
		acknowledge_window(&s);
	assert_in_range(s.c.cc.cwnd, 990 * MSS, 1010 * MSS);
	before = s.c.cc.cwnd;
	for (int i = 0; i < 10; i++)
		acknowledge_window(&s);
	around = s.c.cc.cwnd - before;
	assert_true(around < 10 * MSS);
	for (int i = 0; i < 100; i++)
		acknowledge_window(&s);
	before = s.c.cc.cwnd;
	for (int i = 0; i < 10; i++)
		acknowledge_window(&s);
	assert_true(s.c.cc.cwnd - before > 20 * around);
}

/* RFC 5681, 3.1: the loss window; only the first timeout takes ssthresh down. */
TEST(congestion__timeouts_in_a_row)
{
	for (uint8_t algorithm = 0; algorithm < CONGESTION_ALGORITHMS; algorithm++) {
		struct sender s;
		uint32_t ssthresh;

		begin(&s, algorithm, 20 * MSS);
		congestion_on_timeout(&s.c, &s.h, true);
		ssthresh = s.c.cc.ssthresh;
		assert_true(ssthresh < 20 * MSS);
		assert_int_equal(s.c.cc.cwnd, MSS);
		congestion_on_timeout(&s.c, &s.h, false);
		assert_int_equal(s.c.cc.ssthresh, ssthresh);
	}
}

/* RFC 5681, 4.1: after idling for longer than the RTO, no more than at first. */
TEST(congestion__after_idle)
{
	for (uint8_t algorithm = 0; algorithm < CONGESTION_ALGORITHMS; algorithm++) {
		struct sender s;

		begin(&s, algorithm, 100 * MSS);
		s.c.rtt.rto = 300000000;
		s.c.cc.sent_at = (uint32_t)(s.h.now / 1000000);
		s.h.now += 200000000;
		congestion_after_idle(&s.c, &s.h);
		assert_int_equal(s.c.cc.cwnd, 100 * MSS);
		s.h.now += 200000000;
		congestion_after_idle(&s.c, &s.h);
		assert_int_equal(s.c.cc.cwnd, congestion_initial_window(&s.c));
	}
}

/* RFC 7661: what was not used proves nothing. RFC 6928: one segment if a SYN was lost. */
TEST(congestion__what_does_not_grow)
{
	struct sender s;

	begin(&s, CONGESTION_NEWRENO, 20 * MSS);
	for (int i = 0; i < 100; i++)
		congestion_on_ack(&s.c, &s.h, 2 * MSS, 2 * MSS);
	assert_int_equal(s.c.cc.cwnd, 20 * MSS);
	s.c.cc.cwnd = 1 << 30; /* as much as sequence numbers bear */
	congestion_on_ack(&s.c, &s.h, 1 << 30, 1 << 30);
	assert_int_equal(s.c.cc.cwnd, 1 << 30);
	s.c.flags |= CONN_SYN_LOST;
	assert_int_equal(congestion_initial_window(&s.c), MSS);
}
