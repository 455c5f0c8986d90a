/* SPDX-License-Identifier: BSD-2-Clause */
/* The timing wheel against a plain list of deadlines: never early, at most a tick
 * late, each once. Links: user/wheel.c */
#include "choice.h"
#include "test.h"
#include "wheel.h"

enum { INDICES = 200, STEPS = 20000 };

#define TICK (1ull << WHEEL_TICK_SHIFT)

struct world {
	struct wheel wheel;
	uint64_t deadline[INDICES]; /* 0: none */
	uint64_t now;
	struct choice choice;
	int fired;
};

static uint64_t some_time(struct world *w)
{
	static const uint64_t reach[] = {TICK,		100 * TICK, 5000 * TICK,
					 300000 * TICK, 1ull << 44, 1ull << 52};

	return w->now + choice_mix(&w->choice.state) % reach[choose(&w->choice, 6)];
}

static void arm(struct world *w, uint32_t index, uint64_t deadline)
{
	w->deadline[index] = deadline;
	wheel_arm(&w->wheel, index, deadline);
}

static void fire(void *argument, uint32_t index)
{
	struct world *w = argument;

	assert_true(w->deadline[index] != 0);
	assert_true(w->deadline[index] <= w->now);
	w->deadline[index] = 0;
	w->fired++;
	if (chance(&w->choice, 20)) /* a timer that arms itself again, or another */
		arm(w, choose(&w->choice, INDICES), some_time(w) + TICK);
}

static void advance(struct world *w, uint64_t now)
{
	w->now = now;
	wheel_advance(&w->wheel, now, fire, w);
	for (uint32_t i = 0; i < INDICES; i++) {
		if (w->deadline[i] && w->deadline[i] + TICK < now)
			fail_msg("%u is more than a tick late", i);
	}
}

static uint64_t first_deadline(const struct world *w)
{
	uint64_t first = WHEEL_NEVER;

	for (uint32_t i = 0; i < INDICES; i++) {
		if (w->deadline[i] && w->deadline[i] < first)
			first = w->deadline[i];
	}
	return first;
}

static void step(struct world *w)
{
	uint32_t index = choose(&w->choice, INDICES);

	switch (choose(&w->choice, 8)) {
	case 0:
		wheel_cancel(&w->wheel, index);
		w->deadline[index] = 0;
		assert_true(wheel_armed(&w->wheel, index) == WHEEL_NEVER);
		break;
	case 1:
		if (first_deadline(w) != WHEEL_NEVER) /* right to where it says */
			advance(w, wheel_next(&w->wheel) > w->now ? wheel_next(&w->wheel) : w->now);
		break;
	case 2: advance(w, some_time(w)); break;
	default:
		arm(w, index, some_time(w));
		assert_true(wheel_armed(&w->wheel, index) >= w->deadline[index]);
	}
	if (first_deadline(w) == WHEEL_NEVER)
		assert_true(wheel_next(&w->wheel) == WHEEL_NEVER);
	else
		assert_true(wheel_next(&w->wheel) <= first_deadline(w) + TICK);
}

TEST(wheel__agrees_with_a_list)
{
	for (uint64_t seed = 0; seed < 8; seed++) {
		struct world w = {.now = 123456789, .choice = choice_from_seed(seed)};

		assert_int_equal(wheel_make(&w.wheel, INDICES, w.now), 0);
		for (int n = 0; n < STEPS; n++)
			step(&w);
		for (int n = 0; n < 64 && first_deadline(&w) != WHEEL_NEVER; n++)
			advance(&w, w.now + (1ull << 50));
		assert_true(w.fired > STEPS / 8);
		wheel_destroy(&w.wheel);
	}
}
