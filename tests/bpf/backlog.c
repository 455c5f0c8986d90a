/* SPDX-License-Identifier: BSD-2-Clause */
/* A flood of segments of no connection (include/backlog.h): what is too much is
 * dropped and counted, segments of known flows go in all the same, and once the
 * worker has caught up, so do strangers.
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "backlog.h"
#include "rig/rig.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { FLOOD = BACKLOG_CROWD + 100, OWN_WORKER = 0 /* queue 0's */ };

static struct rig_record record;
static struct rig_result result;
static uint8_t bytes[FRAME_MOST];

/* The flow's records go to the worker that the strangers go to. */
static int begin(void **state)
{
	(void)state;
	rig_forget(&rig);
	rig_listen(&rig, 7);
	rig_flow(&rig, false, OWNER_XDP_IDLE);
	rig_the_flow(&rig)->tx.worker = OWN_WORKER;
	return 0;
}

static struct backlog *backlog(void)
{
	return &rig.workers[OWN_WORKER].backlog;
}

/* How many of them were counted under `reason`. */
static uint64_t run(const struct frame *f, uint32_t times, enum reason reason)
{
	uint32_t length = frame_build(f, bytes);
	uint64_t before = rig_count(&rig, reason);

	for (uint32_t i = 0; i < times; i++)
		rig_run(&rig, bytes, length, &result);
	return rig_count(&rig, reason) - before;
}

/* From another port than the flow. */
static struct frame stranger(uint8_t flags)
{
	return (struct frame){.remote_port = 50000, .flags = flags, .wnd = 1};
}

/* All that is in the rings, as the daemon would read it. */
static uint32_t drain(void)
{
	rig_take(&rig, &record);
	return record.count;
}

static void flood_is_dropped(uint8_t flags, enum reason punt)
{
	struct frame f = stranger(flags);
	uint64_t dropped = rig_count(&rig, REASON_DROP_BACKLOG);

	assert_int_equal(run(&f, FLOOD, punt), BACKLOG_CROWD);
	assert_int_equal(rig_count(&rig, REASON_DROP_BACKLOG) - dropped, FLOOD - BACKLOG_CROWD);
	assert_int_equal(backlog()->waiting, BACKLOG_CROWD);
	assert_int_equal(drain(), BACKLOG_CROWD);
	assert_int_equal(backlog()->waiting, 0);
}

static void syns_beyond_a_crowd_are_dropped(void **state)
{
	(void)state;
	flood_is_dropped(SYN, REASON_PUNT_SYN);
}

static void strays_beyond_a_crowd_are_dropped(void **state)
{
	(void)state;
	flood_is_dropped(ACK, REASON_PUNT_STRAY);
}

static void known_flows_go_in_behind_a_flood(void **state)
{
	struct frame syn = stranger(SYN), text = rig_frame(&rig, 100), fin = rig_frame(&rig, 0);

	(void)state;
	run(&syn, FLOOD, REASON_PUNT_SYN);
	assert_int_equal(run(&text, 1, REASON_HIT_TEXT), 1);
	fin.flags = FIN | ACK;
	fin.seq += 100;
	assert_int_equal(run(&fin, 1, REASON_PUNT_CONTROL), 1);
	assert_int_equal(run(&fin, 1, REASON_PUNT_OWNER), 1);
	assert_int_equal(run(&syn, 1, REASON_DROP_BACKLOG), 1);
	assert_int_equal(drain(), BACKLOG_CROWD + 3);
}

/* The backlog is each ring's own. */
static void another_workers_backlog_does_not_matter(void **state)
{
	struct frame syn = stranger(SYN);

	(void)state;
	for (int i = 0; i < RIG_WORKERS; i++)
		rig.workers[i].backlog.waiting = i == OWN_WORKER ? 0 : BACKLOG_CROWD;
	assert_int_equal(run(&syn, 1, REASON_PUNT_SYN), 1);
	assert_int_equal(drain(), 1);
}

/* Few at a time first, since the flood has only just ended; then a crowd. */
static void strangers_go_in_again_once_the_worker_has_caught_up(void **state)
{
	struct frame syn = stranger(SYN);

	(void)state;
	backlog()->behind_until = ~0ull;
	assert_int_equal(run(&syn, BACKLOG_FEW + 10, REASON_PUNT_SYN), BACKLOG_FEW);
	assert_in_range(backlog()->behind_until, 1, ~0ull - 1);
	assert_int_equal(drain(), BACKLOG_FEW);
	backlog()->behind_until = ~0ull;
	assert_int_equal(run(&syn, BACKLOG_FEW, REASON_PUNT_SYN), BACKLOG_FEW);
	backlog()->behind_until = 0;
	assert_int_equal(run(&syn, BACKLOG_FEW, REASON_PUNT_SYN), BACKLOG_FEW);
	assert_int_equal(drain(), 2 * BACKLOG_FEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(syns_beyond_a_crowd_are_dropped, begin),
		cmocka_unit_test_setup(strays_beyond_a_crowd_are_dropped, begin),
		cmocka_unit_test_setup(known_flows_go_in_behind_a_flood, begin),
		cmocka_unit_test_setup(another_workers_backlog_does_not_matter, begin),
		cmocka_unit_test_setup(strangers_go_in_again_once_the_worker_has_caught_up, begin),
	};

	return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
