/* SPDX-License-Identifier: BSD-2-Clause */
/* user/wheel.c: never early, at most a tick late, against a list that is searched.
 * Links: user/wheel.c */
#include "wheel.h"
#include "test.h"

enum { INDICES = 200, STEPS = 20000 };

#define TICK (1ull << WHEEL_TICK_SHIFT)
#define START (123456789ull * TICK + 77)

struct model {
	struct wheel w;
	uint64_t now;
	uint64_t deadline[INDICES]; /* 0: none */
	unsigned fired;
	uint64_t random;
};

static uint64_t next_random(struct model *m)
{
	m->random = m->random * 6364136223846793005ull + 1442695040888963407ull;
	return m->random >> 20;
}

static void fire(void *argument, uint32_t index)
{
	struct model *m = argument;

	assert_in_range(index, 0, INDICES - 1);
	assert_true(m->deadline[index]);	   /* armed, and not fired before */
	assert_true(m->deadline[index] <= m->now); /* never early */
	m->deadline[index] = 0;
	m->fired++;
}

static void advance(struct model *m, uint64_t by)
{
	m->now += by;
	wheel_advance(&m->w, m->now, fire, m);
	for (uint32_t i = 0; i < INDICES; i++)
		assert_true(!m->deadline[i] || m->deadline[i] + TICK > m->now); /* not late */
}

static void arm(struct model *m, uint32_t index, uint64_t in)
{
	m->deadline[index] = m->now + in;
	wheel_arm(&m->w, index, m->deadline[index]);
}

static void begin(struct model *m)
{
	*m = (struct model){.now = START, .random = 1};
	assert_int_equal(wheel_make(&m->w, INDICES, START), 0);
}

TEST(wheel__fires_once_at_its_time)
{
	struct model m;

	begin(&m);
	assert_true(wheel_next(&m.w) == WHEEL_NEVER);
	arm(&m, 3, 40 * 1000000);
	assert_true(wheel_armed(&m.w, 3) >= m.deadline[3]);
	advance(&m, 39 * 1000000);
	assert_int_equal(m.fired, 0);
	advance(&m, 3 * 1000000);
	assert_int_equal(m.fired, 1);
	assert_true(wheel_armed(&m.w, 3) == WHEEL_NEVER);
	advance(&m, 3600 * 1000000000ull);
	assert_int_equal(m.fired, 1);
	wheel_destroy(&m.w);
}

TEST(wheel__what_is_due_already_fires_at_the_next_tick)
{
	struct model m;

	begin(&m);
	m.deadline[0] = m.now - 5 * TICK;
	wheel_arm(&m.w, 0, m.deadline[0]);
	m.now += TICK;
	wheel_advance(&m.w, m.now, fire, &m);
	assert_int_equal(m.fired, 1);
	wheel_destroy(&m.w);
}

TEST(wheel__cancelled_and_armed_again)
{
	struct model m;

	begin(&m);
	arm(&m, 0, 10 * TICK);
	wheel_cancel(&m.w, 0);
	wheel_cancel(&m.w, 0);
	m.deadline[0] = 0;
	arm(&m, 1, 10 * TICK);
	arm(&m, 1, 900 * TICK);
	advance(&m, 20 * TICK);
	assert_int_equal(m.fired, 0);
	arm(&m, 1, 2 * TICK);
	advance(&m, 4 * TICK);
	assert_int_equal(m.fired, 1);
	assert_true(wheel_next(&m.w) == WHEEL_NEVER);
	wheel_destroy(&m.w);
}

TEST(wheel__fires_weeks_ahead)
{
	struct model m;

	begin(&m);
	arm(&m, 0, 40ull * 24 * 3600 * 1000000000);
	for (int day = 0; day < 39; day++)
		advance(&m, 24ull * 3600 * 1000000000);
	assert_int_equal(m.fired, 0);
	advance(&m, 2 * 24ull * 3600 * 1000000000);
	assert_int_equal(m.fired, 1);
	wheel_destroy(&m.w);
}

/* Sleeping until wheel_next() again and again gets to every deadline in time. */
TEST(wheel__next_never_sleeps_past_a_deadline)
{
	struct model m;
	unsigned wakes = 0;

	begin(&m);
	for (uint32_t i = 0; i < INDICES; i++)
		arm(&m, i, next_random(&m) % (1ull << (10 + i % 36)));
	while (wheel_next(&m.w) != WHEEL_NEVER) {
		uint64_t next = wheel_next(&m.w);

		advance(&m, next > m.now ? next - m.now : 0);
		assert_true(++wakes < INDICES * WHEEL_LEVELS * 2);
	}
	assert_int_equal(m.fired, INDICES);
	wheel_destroy(&m.w);
}

TEST(wheel__agrees_with_a_list_that_is_searched)
{
	struct model m;

	begin(&m);
	for (int step = 0; step < STEPS; step++) {
		uint32_t index = (uint32_t)(next_random(&m) % INDICES);
		uint64_t far = next_random(&m) % (1ull << (next_random(&m) % 42));

		switch (next_random(&m) % 4) {
		case 0:
			wheel_cancel(&m.w, index);
			m.deadline[index] = 0;
			break;
		case 1: advance(&m, far / 64); break;
		default: arm(&m, index, far);
		}
	}
	assert_true(m.fired > STEPS / 20);
	wheel_destroy(&m.w);
}
