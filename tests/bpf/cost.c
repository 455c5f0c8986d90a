/* SPDX-License-Identifier: BSD-2-Clause */
/* What the XDP program costs: the instructions that the verifier goes through,
 * against a budget kept here, and nanoseconds per segment, which are printed and
 * not judged, since they are the machine's as much as ours.
 *
 * Links: tests/bpf/rig/rig.c tests/bpf/rig/frame.c */
#include "abi.h"
#include "probe_cost.skel.h"
#include "rig/rig.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* The kernel gives up at a million. */
enum { INSTRUCTION_BUDGET = 120000 };

static void verifier_budget(void **state)
{
	static struct rig rig;
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);

	(void)state;
	rig_open(&rig, &(struct rig_options){0});
	assert_int_equal(bpf_obj_get_info_by_fd(rig.fd, &info, &length), 0);
	print_message("verifier: %u instructions gone through (budget %d); %u bytes of machine "
		      "code\n",
		      info.verified_insns, INSTRUCTION_BUDGET, info.jited_prog_len);
	assert_in_range(info.verified_insns, 1, INSTRUCTION_BUDGET);
	rig_close(&rig);
}

/* --- time ----------------------------------------------------------------------- */

enum { RING_BYTES = 16 << 20, ROUNDS = 12 };

struct bench {
	struct probe_cost *program;
	struct rig rig; /* only its ring and memory */
	struct ring_buffer *ring;
};

static int drop_record(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return 0;
}

static void run(int program, const uint8_t *frame, uint32_t length, uint32_t repeat,
		struct bpf_test_run_opts *o)
{
	memset(o, 0, sizeof(*o));
	o->sz = sizeof(*o);
	o->data_in = frame;
	o->data_size_in = length;
	o->repeat = (int)repeat;
	if (bpf_prog_test_run_opts(program, o))
		fail_msg("BPF_PROG_TEST_RUN: %s", strerror(errno));
}

static void open_bench(struct bench *b)
{
	uint32_t worker = RIG_WORKER;
	int ring;

	b->program = probe_cost__open();
	assert_non_null(b->program);
	bpf_map__set_max_entries(b->program->maps.tuples, RIG_FLOWS);
	bpf_map__set_max_entries(b->program->maps.flows, RIG_FLOWS);
	bpf_map__set_max_entries(b->program->maps.rings, RIG_WORKERS);
	bpf_map__set_max_entries(b->program->maps.workers, RIG_WORKERS);
	assert_int_equal(probe_cost__load(b->program), 0);
	ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, RING_BYTES, NULL);
	assert_true(ring >= 0);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(b->program->maps.rings), &worker, &ring, 0), 0);
	b->ring = ring_buffer__new(ring, drop_record, NULL, NULL);
	assert_non_null(b->ring);
}

/* The flow and the tuple that rig_flow() makes, in the maps of this program. */
static void copy_flow(struct bench *b, bool timestamps)
{
	struct tuple key;
	struct tuple_value value;
	uint32_t index = RIG_FLOW;
	int from;

	rig_open(&b->rig, &(struct rig_options){0});
	rig_flow(&b->rig, timestamps, OWNER_XDP_IDLE);
	from = bpf_map__fd(b->rig.program->maps.tuples);
	for (void *last = NULL; !bpf_map_get_next_key(from, last, &key); last = &key) {
		assert_int_equal(bpf_map_lookup_elem(from, &key, &value), 0);
		assert_int_equal(
			bpf_map_update_elem(bpf_map__fd(b->program->maps.tuples), &key, &value, 0),
			0);
	}
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(b->program->maps.flows), &index,
					     rig_the_flow(&b->rig), 0),
			 0);
	b->program->bss->reset_index = index;
	b->program->bss->reset_rx = rig_the_flow(&b->rig)->rx;
}

/* As many runs as the ring can take between two looks at it. */
static uint32_t runs_per_round(uint32_t text)
{
	return RING_BYTES / (text + 1024);
}

static uint32_t best(struct bench *b, int program, const uint8_t *frame, uint32_t length,
		     uint32_t repeat)
{
	uint32_t least = UINT32_MAX;
	struct bpf_test_run_opts o;

	for (int i = 0; i < ROUNDS; i++) {
		run(program, frame, length, repeat, &o);
		ring_buffer__consume(b->ring);
		if (o.duration < least)
			least = o.duration;
	}
	return least;
}

static void time_one(struct bench *b, const char *what, uint32_t text, bool v6)
{
	static uint8_t bytes[FRAME_MOST];
	struct frame f = rig_frame(&b->rig, text);
	uint32_t length, repeat = runs_per_round(text), base, all;
	struct bpf_test_run_opts o;

	f.v6 = v6;
	length = frame_build(&f, bytes);
	base = best(b, bpf_program__fd(b->program->progs.nothing), bytes, length, 100000);
	run(bpf_program__fd(b->program->progs.again), bytes, length, 1, &o);
	ring_buffer__consume(b->ring);
	all = best(b, bpf_program__fd(b->program->progs.again), bytes, length, repeat);
	print_message("%-28s IPv%d: %4u ns, %u of them the measuring\n", what, v6 ? 6 : 4, all,
		      base);
}

static uint64_t counted(struct bench *b, enum reason reason)
{
	uint64_t value[256], sum = 0;
	uint32_t key = reason;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(b->program->maps.counters), &key, value),
			 0);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += value[i];
	return sum;
}

static void time_per_segment(void **state)
{
	static struct bench b;

	(void)state;
	open_bench(&b);
	copy_flow(&b, true);
	for (int v6 = 0; v6 < 2; v6++) {
		time_one(&b, "pure ACK", 0, v6);
		time_one(&b, "64 bytes of text", 64, v6);
		time_one(&b, "1448 bytes of text", 1448, v6);
	}
	/* what was timed were hits, all of them */
	for (uint32_t reason = 0; reason < REASON_COUNT; reason++)
		if (reason != REASON_HIT_TEXT && reason != REASON_HIT_ACK)
			assert_int_equal(counted(&b, reason), 0);
	ring_buffer__free(b.ring);
	rig_close(&b.rig);
	probe_cost__destroy(b.program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifier_budget),
		cmocka_unit_test(time_per_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
