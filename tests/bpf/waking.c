/* SPDX-License-Identifier: BSD-2-Clause */
/* Which worker gets a record, and when it is woken: only if it says that it
 * sleeps, but then without fail (struct worker_wake).
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "rig/rig.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { ROUND_TRIPS = 20000, PATIENCE_MS = 2000, LOOK_MS = 300 };

static struct rig_record record;
static struct rig_result result;

static void run_stray(void)
{
	struct frame f = {.flags = ACK, .wnd = 1};
	uint8_t bytes[256];

	rig_run(&rig, bytes, frame_build(&f, bytes), &result);
}

/* --- one record, one worker that waits ------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits as a worker does. False: nobody woke it. (At the end of its time poll()
 * looks itself and may find a record, so what it returns does not tell.) */
static bool woken_within(uint32_t ms)
{
	struct pollfd p = {.fd = rig.ring_fd[0], .events = POLLIN};
	uint64_t from = now_ms();

	return poll(&p, 1, (int)ms) == 1 && now_ms() - from < ms;
}

static void *wait_for_ring(void *woken)
{
	*(bool *)woken = woken_within(LOOK_MS);
	return NULL;
}

/* poll() asks the ring when it begins: it must have begun before the record. */
static bool woken_by_a_record(uint32_t asleep)
{
	pthread_t thread;
	bool woken = false;

	rig_forget(&rig);
	rig_listen(&rig, 7);
	__atomic_store_n(&rig.workers[0].asleep, asleep, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_ring, &woken), 0);
	usleep(LOOK_MS * 1000 / 3);
	run_stray();
	pthread_join(thread, NULL);
	rig_take(&rig, &record);
	assert_int_equal(record.count, 1);
	assert_int_equal(rig.workers[0].asleep, 0);
	return woken;
}

static void a_sleeper_is_woken(void **state)
{
	(void)state;
	assert_true(woken_by_a_record(1));
}

static void nobody_else_is(void **state)
{
	(void)state;
	assert_false(woken_by_a_record(0));
}

/* --- many, and a worker that falls asleep as they come ---------------------------------- */

static uint32_t seen;
static bool overslept;

static int count_record(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	__atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* Falls asleep as the worker does; poll() is the look at the producer position. */
static void *sleeper(void *argument)
{
	(void)argument;
	while (!overslept && __atomic_load_n(&seen, __ATOMIC_SEQ_CST) < ROUND_TRIPS) {
		__atomic_store_n(&rig.workers[0].asleep, 1, __ATOMIC_SEQ_CST);
		if (!woken_within(PATIENCE_MS))
			overslept = true;
		__atomic_store_n(&rig.workers[0].asleep, 0, __ATOMIC_SEQ_CST);
		rig_each(&rig, count_record, NULL);
	}
	return NULL;
}

static void no_wake_up_is_lost(void **state)
{
	pthread_t thread;

	(void)state;
	rig_forget(&rig);
	rig_listen(&rig, 7);
	assert_int_equal(pthread_create(&thread, NULL, sleeper, NULL), 0);
	for (uint32_t i = 0; i < ROUND_TRIPS; i++) {
		run_stray();
		while (i % 4 == 0 && __atomic_load_n(&seen, __ATOMIC_SEQ_CST) <= i && !overslept)
			sched_yield();
	}
	pthread_join(thread, NULL);
	assert_false(overslept);
	assert_int_equal(seen, ROUND_TRIPS);
}

/* --- whose ring --------------------------------------------------------------------------- */

static int drop(void *context, void *data, size_t size)
{
	(void)data;
	(void)size;
	++*(int *)context;
	return 0;
}

static bool ring_has_data(uint32_t worker)
{
	struct pollfd p = {.fd = rig.ring_fd[worker], .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* A device with more queues than workers, in a namespace that ends with us. */
static void the_queue_chooses_the_worker(void **state)
{
	struct frame f = {.flags = SYN, .wnd = 1};
	uint8_t bytes[256];
	uint32_t length = frame_build(&f, bytes);
	int ifindex, taken = 0;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link add xtq0 numrxqueues 6 numtxqueues 6 type veth peer xtq1"),
			 0);
	ifindex = (int)if_nametoindex("xtq0");
	assert_true(ifindex > 0);
	rig_forget(&rig);
	rig_listen(&rig, 7);
	for (int queue = 0; queue < 6; queue++) {
		rig_run_on_queue(&rig, bytes, length, ifindex, queue);
		for (int worker = 0; worker < RIG_WORKERS; worker++)
			assert_int_equal(ring_has_data((uint32_t)worker),
					 worker == queue % RIG_WORKERS);
		rig_each(&rig, drop, &taken);
	}
	assert_int_equal(taken, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleeper_is_woken),
		cmocka_unit_test(nobody_else_is),
		cmocka_unit_test(no_wake_up_is_lost),
		cmocka_unit_test(the_queue_chooses_the_worker),
	};

	return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
