/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks of the core (harness/walk.h) from seeds. SEED=n runs one, RUNS=n more or
 * fewer than usual. */
#include "test.h"
#include "walk.h"

enum { RUNS = 100000, STEPS = 80 };

static uint64_t running;

static void say_seed(const char *file, int line)
{
	fprintf(stderr, "again: SEED=%llu\n", (unsigned long long)running);
	_fail(file, line);
}

static uint32_t run(uint64_t seed)
{
	struct choice c = choice_from_seed(seed * 6007 + 3);

	running = seed;
	return walk_run(&c, STEPS);
}

TEST(walk__invariants_hold_whatever_happens)
{
	const char *seed = getenv("SEED"), *count = getenv("RUNS");
	uint64_t runs = count ? strtoull(count, NULL, 0) : RUNS, events = 0;

	harness_failed = say_seed;
	if (seed) {
		run(strtoull(seed, NULL, 0));
		return;
	}
	for (uint64_t n = 0; n < runs; n++)
		events += run(n);
	printf("%llu walks, %llu events\n", (unsigned long long)runs, (unsigned long long)events);
	assert_true(events > 15 * runs);
}
