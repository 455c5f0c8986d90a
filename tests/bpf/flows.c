/* SPDX-License-Identifier: BSD-2-Clause */
/* XDP finds the flows that the daemon enters (include/flow_place.h), those and no
 * others, also while their places change hands.
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "rig/rig.h"
#include "parse.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { FIRST_PORT = 1000, PORTS = RIG_PLACES, TEXT = 40, CHANGES = 200000, REPEATS = 500 };

static uint8_t bytes[FRAME_MOST];
static struct rig_result result;
static struct rig_record record;

static struct frame frame_of(uint32_t port, bool v6)
{
	return (struct frame){
		.v6 = v6,
		.remote_port = (uint16_t)(FIRST_PORT + port),
		.seq = 1,
		.ack = 1,
		.flags = ACK,
		.wnd = 1,
		.text = TEXT,
		.text_seed = port,
	};
}

static struct tuple tuple_of(uint32_t port, bool v6)
{
	struct frame f = frame_of(port, v6);
	struct packet p = {0};
	uint32_t length = frame_build(&f, bytes);

	assert_int_equal(parse_packet(bytes, bytes + length, length, &p), PARSED);
	return p.tuple;
}

static struct flow *enter(uint32_t port, bool v6)
{
	struct tuple t = tuple_of(port, v6);
	struct flow *f;

	assert_int_equal(flow_table_enter(&rig.table, &t, port, RIG_WORKER, &f), 0);
	return f;
}

static bool is_found(uint32_t port, bool v6)
{
	struct frame f = frame_of(port, v6);
	uint64_t before = rig_count(&rig, REASON_PUNT_OWNER);

	rig_run(&rig, bytes, frame_build(&f, bytes), &result);
	rig_take(&rig, &record);
	if (!record.count) {
		assert_int_equal(rig_count(&rig, REASON_PUNT_OWNER), before);
		return false;
	}
	assert_int_equal(rig_count(&rig, REASON_PUNT_OWNER), before + 1);
	assert_int_equal(record.head.index, port);
	return true;
}

static void those_that_are_there(void **state)
{
	struct flow *flow[PORTS] = {NULL};

	(void)state;
	rig_forget(&rig);
	for (uint32_t step = 1; step <= 3; step++) {
		/* Every second, then of all every third, then … : half the places, or less. */
		for (uint32_t port = 0; port < PORTS; port++) {
			bool wanted = port % (step + 1) == 0;

			if (flow[port] && !wanted)
				flow_table_leave(&rig.table, flow[port]);
			if (!flow[port] && wanted)
				flow[port] = enter(port, port & 1);
			if (!wanted)
				flow[port] = NULL;
		}
		for (uint32_t port = 0; port < PORTS; port++) {
			assert_int_equal(is_found(port, port & 1), !!flow[port]);
			assert_false(is_found(port, !(port & 1)));
		}
	}
}

/* --- places that change hands --------------------------------------------------------- */

/* Two ports whose ways begin at one place. */
static uint32_t pair[2];

static uint32_t first_place(uint32_t port)
{
	struct tuple t = tuple_of(port, false);

	return flow_place(flow_hash(&t, rig.table.key), 0, RIG_PLACES);
}

static void find_pair(void)
{
	pair[0] = 0;
	pair[1] = 1;
	while (first_place(pair[1]) != first_place(pair[0]))
		pair[1]++;
}

static struct {
	uint32_t records[2]; /* of each port's flow */
	uint32_t wrong;
	bool ends;
} seen;

/* Whose text came, against whose flow took it; generations are given in turn. */
static int check(void *context, void *data, size_t size)
{
	const struct record *r = data;
	uint32_t whose = r->index == pair[1];
	const uint8_t *text = r->data + (r->kind == RECORD_PUNT ? r->length - TEXT : 0);

	(void)context;
	(void)size;
	if (r->kind == RECORD_PUNT && !(r->flags & RECORD_COUNTED))
		return 0; /* of a busy flow: nobody has looked closely */
	seen.records[whose]++;
	if (r->index != pair[whose] || r->generation % 2 != (whose ? 0 : 1) ||
	    text[0] != text_byte(pair[whose]))
		seen.wrong++;
	return 0;
}

static void *bring_segments(void *unused)
{
	static uint8_t frame[FRAME_MOST];

	for (uint32_t n = 0; !__atomic_load_n(&seen.ends, __ATOMIC_RELAXED); n++) {
		struct frame f = frame_of(pair[n % 2], false);
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame,
			    .data_size_in = frame_build(&f, frame), .repeat = REPEATS);

		if (bpf_prog_test_run_opts(rig.fd, &o))
			seen.wrong++;
	}
	return unused;
}

static void let_xdp_have(struct flow *f)
{
	f->rx.rcv_nxt = f->rx.snd_una = f->tx.snd_nxt = 1;
	f->tx.rcv_edge = 1 + TEXT;
	f->tx.full_segment = FULL_SEGMENT;
	assert_true(owner_hand_back(&f->word, owner_generation(f->word), 0) ||
		    owner_punted(owner_read(&f->word)));
}

static void a_segment_is_of_its_own_flow_only(void **state)
{
	pthread_t thread;

	(void)state;
	rig_forget(&rig);
	rig.table.generation = 0;
	find_pair();
	assert_int_equal(pthread_create(&thread, NULL, bring_segments, NULL), 0);
	for (uint32_t n = 0; n < CHANGES || !seen.records[0] || !seen.records[1]; n++) {
		struct flow *f = enter(pair[n % 2], false);

		let_xdp_have(f);
		rig_each(&rig, check, NULL);
		flow_table_leave(&rig.table, f);
	}
	__atomic_store_n(&seen.ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	rig_each(&rig, check, NULL);
	print_message("%u and %u records\n", seen.records[0], seen.records[1]);
	assert_int_equal(seen.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_are_there),
		cmocka_unit_test(a_segment_is_of_its_own_flow_only),
	};

	return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
