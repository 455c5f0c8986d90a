/* SPDX-License-Identifier: BSD-2-Clause */
/* A punt is always correct, only slower; and so is a hit: any trace of segments
 * through the core alone, and through fast path and core, ends in the same
 * bytes, SND.UNA, RCV.NXT and state. SEED=n runs one trace and tells it;
 * TRACES=n runs more or fewer. */
#include "test.h"
#include "twins.h"

enum { TRACES = 120000, STEPS = 60 };

static struct twins twins;

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t running;

static void say_seed(const char *file, int line)
{
	fprintf(stderr, "seed %llu; again: SEED=%llu\n", (unsigned long long)running,
		(unsigned long long)running);
	_fail(file, line);
}

static void run(uint64_t seed, bool talk)
{
	struct choice c = choice_from_seed(seed * 7919);

	running = seed;
	twins_run(&twins, &c, STEPS, talk);
}

TEST(diff__any_trace_ends_the_same_with_and_without_fast_path)
{
	uint64_t traces = number_from("TRACES", TRACES), hits = 0, punts = 0, acks = 0;

	harness_failed = say_seed;
	if (getenv("SEED")) {
		run(number_from("SEED", 0), true);
		return;
	}
	for (uint64_t seed = 0; seed < traces; seed++) {
		run(seed, false);
		hits += twins.fast.hits;
		punts += twins.fast.punts;
		acks += twins.fast.acks_in_place;
	}
	printf("%llu traces: %llu hits, %llu punts, %llu ACKs in place\n",
	       (unsigned long long)traces, (unsigned long long)hits, (unsigned long long)punts,
	       (unsigned long long)acks);
	assert_true(hits > traces && punts > traces && acks > traces / 10);
}
