/* SPDX-License-Identifier: BSD-2-Clause */
/* What is claimed of loss recovery, congestion control and windows, as figures of
 * two cores over a path in virtual time. Each is the same on every machine. */
#include "congestion.h"
#include "core.h"
#include "path.h"
#include "test.h"
#include <math.h>

enum { MIB = 1 << 20, TEXT_MAX = 1448 }; /* 1500 - 40 - 12 */

/* RFC 8985, 7.2: how long peers are expected to hold an ACK back. */
#define ACK_DELAY (200 * MILLISECOND)

static double megabits(uint64_t bytes, uint64_t ns)
{
	return (double)bytes * 8e3 / (double)ns;
}

/* --- filling a path ------------------------------------------------------------------ */

/* … and the recovery that it mostly ends in. */
static bool in_slow_start(const struct conn *c)
{
	return c->cc.cwnd < c->cc.ssthresh || c->cc.phase != PHASE_OPEN;
}

/* 12.5 MB fit into 1 Gbit/s x 100 ms: 64 KiB of it without window scale. Slow start
 * doubles the window once more before it hears of the queue's end, HyStart++ or
 * not (the rounds' first segments meet no queue): half of a window is lost, in
 * holes of a segment each, more of them than a receiver of SPANS_MAX spans can
 * note. What follows that is what is claimed. */
static void fill(uint64_t queue)
{
	struct path *p = path_new(&(struct path_set){.rate = 1000 * MEGABIT,
						     .delay = 50 * MILLISECOND,
						     .queue = queue,
						     .buffers = 48 * MIB});
	const uint64_t span = 10 * SECOND;
	uint64_t before, began;
	double share;

	assert_true(p->end[A].c.options & OPTION_WINDOW_SCALE);
	assert_true(0xffffull << p->end[A].c.snd.window_scale > 12500000);
	p->end[A].wants = UINT64_MAX;
	began = p->now;
	do
		path_run(p, 100 * MILLISECOND);
	while (in_slow_start(&p->end[A].c) && p->now < began + 10 * SECOND);
	assert_false(in_slow_start(&p->end[A].c));
	before = p->end[B].c.bytes_in;
	printf("  slow start and its recovery over within %.1f s, cwnd %.1f MB\n",
	       (double)(p->now - began) / 1e9, p->end[A].c.cc.cwnd / 1e6);
	path_run(p, span);
	share = megabits(p->end[B].c.bytes_in - before, span) / 1000;
	printf("  text at %.1f %% of 1 Gbit/s, %u segments sent again, %llu RTOs\n", 100 * share,
	       p->end[A].c.rtt.retransmits, (unsigned long long)p->end[A].timeouts);
	assert_true(share >= 0.9);
	assert_int_equal(p->end[A].timeouts, 0);
	path_free(p);
}

TEST(shown__long_fat_path_is_filled)
{
	fill(12500000);
}

TEST(shown__long_fat_path_is_filled__half_a_queue)
{
	fill(6250000);
}

/* --- loss ------------------------------------------------------------------------------ */

static void with_newreno(struct tcp_settings *settings)
{
	settings->congestion = CONGESTION_NEWRENO;
}

/* 100 Mbit/s, 40 ms, and a queue of 40 ms. */
static const struct path_set middling = {.rate = 100 * MEGABIT,
					 .delay = 20 * MILLISECOND,
					 .queue = 500000,
					 .places = 3,
					 .buffers = 4 * MIB};

static double goodput(const struct path_set *how, uint64_t *timeouts)
{
	struct path *p = path_new(how);
	double rate;

	p->end[A].wants = UINT64_MAX;
	path_run(p, 30 * SECOND);
	rate = megabits(p->end[B].c.bytes_in, 30 * SECOND);
	*timeouts += p->end[A].timeouts;
	path_free(p);
	return rate;
}

/* RFC 9438, 4.3: where Reno would be faster than CUBIC's own curve, CUBIC is to be
 * as fast as Reno, whose average window is sqrt(1.5 / p) segments (RFC 5681's rule
 * with regular losses). At 40 ms and 1 % this is so: CUBIC's own curve would give
 * 3.0 segments, Reno's gives 12.2. */
static double reno_rate(double loss, double rtt)
{
	return sqrt(1.5 / loss) * TEXT_MAX * 8 / rtt / 1e6;
}

static void lose_at_random(const char *name, void (*set)(struct tcp_settings *))
{
	enum { SEEDS = 10 };
	double sum = 0, least = 1e9, floor = reno_rate(0.01, 0.04);
	struct path_set how = middling;
	uint64_t timeouts = 0;

	how.loss = 10;
	how.set = set;
	for (how.seed = 0; how.seed < SEEDS; how.seed++) {
		double rate = goodput(&how, &timeouts);

		sum += rate;
		least = rate < least ? rate : least;
	}
	printf("  100 Mbit/s, 40 ms, 1 %% loss, %s: %.2f Mbit/s (least %.2f) of %d seeds; Reno's "
	       "response function says %.2f; %llu RTOs\n",
	       name, sum / SEEDS, least, SEEDS, floor, (unsigned long long)timeouts);
	assert_true(sum / SEEDS >= 0.9 * floor);
	assert_true(least >= 0.8 * floor);
	/* A segment and what it is sent again as are both lost once in 10000: RACK
	 * finds that too. What is left is the loss of all that could tell. */
	assert_true(timeouts <= SEEDS);
}

/* MAY-18: CUBIC instead of what RFC 5681 has. */
TEST(shown__goodput_with_random_loss)
{
	lose_at_random("CUBIC", NULL);
}

TEST(shown__goodput_with_random_loss_of_newreno)
{
	lose_at_random("NewReno", with_newreno);
}

/* RFC 8985, 3.3.2 and 6.2: a segment that is late by less than the reordering
 * window is no loss; what was cut before the first was known is given back. */
TEST(shown__reordering_costs_little)
{
	struct path_set how = middling;
	uint64_t timeouts = 0;
	double in_order = goodput(&how, &timeouts), least = 1e9;

	how.reorder = 50;
	for (how.seed = 1; how.seed <= 5; how.seed++) {
		double rate = goodput(&how, &timeouts);

		least = rate < least ? rate : least;
	}
	printf("  in order %.2f Mbit/s, 5 %% reordered by up to 3 places %.2f at least\n", in_order,
	       least);
	assert_true(least >= 0.9 * in_order);
}

/* A full path without an end to its queue: there is nothing to cut for. */
TEST(shown__reordering_leaves_no_window_cut)
{
	struct path *p = path_new(&(struct path_set){.rate = 100 * MEGABIT,
						     .delay = 20 * MILLISECOND,
						     .reorder = 50,
						     .places = 3,
						     .buffers = MIB});
	const struct conn *c = &p->end[A].c;
	double rate;

	p->end[A].wants = UINT64_MAX;
	path_run(p, 30 * SECOND);
	rate = megabits(p->end[B].c.bytes_in, 30 * SECOND);
	printf("  %llu of %llu reordered, %u sent again, %.2f Mbit/s, cwnd %u\n",
	       (unsigned long long)p->reordered, (unsigned long long)p->end[A].segments,
	       c->rtt.retransmits, rate, c->cc.cwnd);
	assert_true(p->reordered > p->end[A].segments / 25);
	assert_true(rate >= 95);
	assert_true(c->cc.cwnd >= MIB);
	assert_true(c->cc.ssthresh == UINT32_MAX || c->cc.ssthresh >= MIB / 2);
	path_free(p);
}

/* --- pacing ------------------------------------------------------------------------------- */

static struct burst {
	uint64_t at;
	uint32_t bytes, most; /* sent at one time */
} burst;

static bool measure_burst(struct path *p, enum path_side from, const struct segment *s)
{
	if (from != A || !s->text_length)
		return false;
	burst.bytes = p->now == burst.at ? burst.bytes + s->text_length : s->text_length;
	burst.at = p->now;
	if (burst.bytes > burst.most)
		burst.most = burst.bytes;
	return false;
}

static void with_pacing(struct tcp_settings *settings)
{
	settings->pacing = 1;
}

/* The receiver stops reading for a second, and goes on. */
static uint32_t largest_burst(void (*set)(struct tcp_settings *), double *rate)
{
	struct path_set how = middling;
	struct path *p;

	how.set = set;
	how.buffers = 256 * 1024;
	p = path_new(&how);
	p->end[A].wants = UINT64_MAX;
	path_run(p, 5 * SECOND);
	burst = (struct burst){0};
	p->lose = measure_burst;
	p->end[B].holds = true; /* the window closes, and opens wide */
	path_run(p, SECOND);
	p->end[B].holds = false;
	path_run(p, SECOND);
	p->lose = NULL;
	*rate = megabits(p->end[B].c.bytes_in, 7 * SECOND);
	path_free(p);
	return burst.most;
}

/* RFC 9002, 7.7's reason: a window that opens at once shall not arrive at once. */
TEST(shown__pacing_spreads_what_a_window_lets_go)
{
	double rate, paced_rate;
	uint32_t most = largest_burst(NULL, &rate);
	uint32_t paced = largest_burst(with_pacing, &paced_rate);

	printf("  bursts of %u bytes at most, of %u with pacing; %.1f and %.1f Mbit/s\n", most,
	       paced, rate, paced_rate);
	assert_true(most >= 100000);
	assert_true(paced <= 20 * 1448);
	assert_true(paced_rate >= 0.95 * rate);
}

/* --- tail loss --------------------------------------------------------------------------- */

static struct tail {
	uint64_t last_ack; /* the last before the repair */
	uint32_t from;	   /* text from here on is lost, the first time */
	uint32_t end;
	bool armed;
} tail;

static bool lose_tail(struct path *p, enum path_side from, const struct segment *s)
{
	if (!tail.armed || from != A || !s->text_length || seq_before(s->seq, tail.from))
		return false;
	tail.armed = s->seq + s->text_length != tail.end;
	if (!tail.armed)
		tail.last_ack = p->now;
	return true;
}

static void see_repair(struct path *p, enum path_side to, const struct segment *s)
{
	if (to == A && s->ack == tail.from && !s->sack_count)
		tail.last_ack = p->now;
}

/* A writes `count` segments, of which the last `gone` get lost. The clock of the
 * probe begins with the last acknowledgment, or the last segment if that is later
 * (RFC 8985, 7.2). */
static void lose_the_tail_of(uint32_t count, uint32_t gone)
{
	const uint64_t rtt = 40 * MILLISECOND;
	struct path *p = path_new(
		&(struct path_set){.rate = 100 * MEGABIT, .delay = rtt / 2, .buffers = MIB});
	struct path_end *a = &p->end[A];
	uint64_t took;

	tail = (struct tail){.end = a->c.snd.nxt + count * TEXT_MAX, .armed = true};
	tail.from = tail.end - gone * TEXT_MAX;
	p->lose = lose_tail;
	p->sees = see_repair;
	a->wants = (uint64_t)count * TEXT_MAX;
	assert_true(path_run_until_received(p, a->wants, 5 * SECOND));
	took = p->now - tail.last_ack;
	printf("  %u segments, the last %u lost: all is there %.0f ms later\n", count, gone,
	       (double)took / 1e6);
	assert_true(took <= 2 * rtt + ACK_DELAY);
	assert_int_equal(a->timeouts, 0);
	path_free(p);
}

TEST(shown__tail_loss_is_repaired_by_a_probe)
{
	lose_the_tail_of(1, 1);
	lose_the_tail_of(5, 1);
	lose_the_tail_of(10, 1);
	lose_the_tail_of(10, 3);
}

/* --- a window that stays closed -------------------------------------------------------------- */

static uint64_t probed_at, probes;
static uint64_t shortest_last; /* between the last two probes */

static void see_probe(struct path *p, enum path_side to, const struct segment *s)
{
	if (to != B || !s->text_length || s->seq != p->end[B].c.rcv.nxt)
		return;
	shortest_last = p->now - probed_at;
	probed_at = p->now;
	probes++;
}

/* RFC 9293, 3.8.6.1 (MUST-37, SHLD-29, SHLD-30). */
TEST(shown__zero_window_for_ten_minutes)
{
	struct path *p = path_new(&(struct path_set){
		.rate = 100 * MEGABIT, .delay = 20 * MILLISECOND, .buffers = 64 * 1024});

	p->end[B].holds = true;
	p->end[A].wants = 4 * MIB;
	path_run(p, 2 * SECOND);
	assert_int_equal(p->end[A].c.snd.wnd, 0);
	probes = 0;
	p->sees = see_probe;
	path_run(p, 598 * SECOND);
	printf("  %llu probes in ten minutes, the last %.0f s after the one before\n",
	       (unsigned long long)probes, (double)shortest_last / 1e9);
	assert_in_range(probes, 8, 16);
	assert_true(shortest_last > 100 * SECOND);
	p->sees = NULL;
	p->end[B].holds = false;
	assert_true(path_run_until_received(p, 4 * MIB, 5 * SECOND));
	assert_int_equal(p->end[A].c.state, ESTABLISHED);
	path_free(p);
}

/* --- a flood ------------------------------------------------------------------------------------ */

static uint64_t bare;

static void count_bare(struct path *p, enum path_side to, const struct segment *s)
{
	bare += to == A && !s->text_length && s->flags == ACK && s->seq == p->end[B].c.snd.nxt;
}

/* RFC 5961, 3.2, 4.2 and 7: within the window, but not exactly at RCV.NXT. */
static void flood(uint8_t flags)
{
	enum { BUDGET = 10 }; /* in five seconds */
	struct path *p = path_new(&(struct path_set){
		.rate = 100 * MEGABIT, .delay = 20 * MILLISECOND, .buffers = 64 * 1024});
	struct segment s = {.flags = flags, .wnd = 1000};

	p->sees = count_bare;
	bare = 0;
	for (uint32_t i = 0; i < 300; i++) {
		s.seq = p->end[B].c.rcv.nxt + 1 + 100 * i;
		path_inject(p, B, &s);
		path_run(p, MILLISECOND);
	}
	path_run(p, SECOND);
	printf("  300 %s in the window: %llu answers\n", flags & SYN ? "SYNs" : "RSTs",
	       (unsigned long long)bare);
	assert_in_range(bare, 1, BUDGET);
	assert_int_equal(p->end[B].c.state, ESTABLISHED);
	p->end[A].wants = MIB;
	assert_true(path_run_until_received(p, MIB, 5 * SECOND));
	path_free(p);
}

TEST(shown__flood_of_syns)
{
	flood(SYN);
}

TEST(shown__flood_of_rsts)
{
	flood(RST);
}
