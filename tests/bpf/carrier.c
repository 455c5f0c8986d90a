/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrier frames (include/carrier.h): a frame that was consumed leaves as what the
 * worker loaded, whole, once, in order; and only such a frame does. The worker's side
 * is the daemon's own.
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c user/tx_carrier.c */
#include "rig/rig.h"
#include "segment.h"
#include "tx_carrier.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct rig_result result;
static struct tx_carrier way;
static uint8_t bytes[FRAME_MOST];

/* --- one frame ----------------------------------------------------------------------- */

/* Around 2^32, where positions wrap. */
static const uint32_t FIRST = 0xfffffffe;

static int begin(void **state)
{
	struct carrier *c = &rig.carriers[RIG_WORKER];

	(void)state;
	rig_forget(&rig);
	rig_flow(&rig, false, OWNER_XDP_IDLE);
	rig.program->bss->transmit_works = 1;
	c->filled = c->claimed = FIRST;
	c->seeds = 0;
	way = (struct tx_carrier){
		.ring = c, .works = &rig.program->bss->transmit_works, .ordered = FIRST};
	return 0;
}

static uint8_t loaded_byte(uint32_t seed, uint32_t at)
{
	return (uint8_t)(seed * 31 + at * 7 + (at >> 8));
}

/* In two pieces, as headers and text are. */
static uint32_t load(struct tx_carrier *to, uint32_t seed, uint32_t length)
{
	uint8_t frame[CARRIER_BYTES];
	struct iovec pieces[2] = {{frame, 20}, {frame + 20, length - 20}};

	for (uint32_t i = 0; i < length; i++)
		frame[i] = loaded_byte(seed, i);
	return tx_carrier_load(to, pieces, 2);
}

static bool is_loaded(const uint8_t *frame, uint32_t length, uint32_t seed, uint32_t wanted)
{
	for (uint32_t i = 0; i < length; i++)
		if (frame[i] != loaded_byte(seed, i))
			return false;
	return length == wanted;
}

static void run_text(uint32_t text)
{
	struct frame f = rig_frame(&rig, text);

	rig_run(&rig, bytes, frame_build(&f, bytes), &result);
}

static void assert_carried(uint32_t seed, uint32_t length)
{
	assert_int_equal(result.verdict, XDP_TX);
	assert_true(is_loaded(result.frame, result.length, seed, length));
}

static void a_hit_carries(void **state)
{
	(void)state;
	load(&way, 1, 118);
	run_text(64);
	assert_carried(1, 118);
	assert_true(tx_carrier_is_empty(&way));
	assert_int_equal(tx_carrier_carried(&way), FIRST + 1);
}

static void the_frame_is_cut_or_grown(void **state)
{
	(void)state;
	load(&way, 2, 60);
	load(&way, 3, CARRIER_BYTES);
	load(&way, 4, 1090);
	run_text(1000);
	assert_carried(2, 60);
	rig_the_flow(&rig)->rx.ack_sent = rig_the_flow(&rig)->rx.rcv_nxt;
	run_text(1);
	assert_carried(3, CARRIER_BYTES);
	run_text(500);
	assert_carried(4, 1090);
}

static void a_punt_carries(void **state)
{
	struct frame f = rig_frame(&rig, 10);

	(void)state;
	f.flags = ACK | FIN;
	load(&way, 5, 90);
	rig_run(&rig, bytes, frame_build(&f, bytes), &result);
	assert_carried(5, 90);
	assert_int_equal(owner_of(rig_the_flow(&rig)->word), OWNER_DAEMON);
}

static void in_the_order_of_loading(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		load(&way, i, 100 + i);
	for (uint32_t i = 0; i < 5; i++) {
		run_text(8);
		assert_carried(i, 100 + i);
	}
	run_text(8);
	assert_int_equal(result.verdict, XDP_DROP);
}

static void assert_nothing_left(int verdict)
{
	assert_int_equal(result.verdict, verdict);
	assert_int_equal(carrier_claimed(way.ring), FIRST);
	assert_true(tx_carrier_waits(&way, FIRST));
}

/* One seed for each eight that wait. */
static void sow_for_forty(void)
{
	way.multiplies = true;
	for (uint32_t i = 0; i < 40; i++)
		load(&way, i, 100);
	tx_carrier_sow(&way);
	assert_int_equal(way.ring->seeds, 5);
}

/* The copies themselves need an interface: tests/net/test_carriers.py. */
static void a_seed_multiplies_a_frame(void **state)
{
	struct ride ride;

	(void)state;
	sow_for_forty();
	for (uint32_t left = 5; left; left--) {
		run_text(64);
		assert_int_equal(result.verdict, XDP_REDIRECT);
		assert_int_equal(way.ring->seeds, left - 1);
		memcpy(&ride, result.frame, sizeof(ride));
		assert_int_equal(ride.worker, RIG_WORKER);
		assert_int_equal(ride.filled, FIRST + 40);
	}
	assert_int_equal(carrier_claimed(way.ring), FIRST);
	run_text(64);
	assert_carried(0, 100);
}

/* The kernel would copy the first piece alone; it is cut to one segment instead. */
static void a_frame_in_pieces_is_not_multiplied(void **state)
{
	(void)state;
	load(&way, 11, 118);
	way.ring->seeds = 1;
	rig_the_flow(&rig)->tx.full_segment = 9000;
	run_text(8900);
	assert_carried(11, 118);
	assert_int_equal(way.ring->seeds, 1);
}

/* Copies leave before what else leaves in the same poll. */
static void no_seed_while_a_connection_has_two(void **state)
{
	(void)state;
	sow_for_forty();
	tx_carrier_keep_order(&way);
	load(&way, 40, 100);
	assert_int_equal(way.ring->seeds, 0);
	tx_carrier_sow(&way);
	assert_int_equal(way.ring->seeds, 0);
	while (tx_carrier_take(&way))
		;
	for (uint32_t i = 0; i < 40; i++)
		load(&way, i, 100);
	tx_carrier_sow(&way);
	assert_int_equal(way.ring->seeds, 5);
}

static void no_seed_where_nothing_waits(void **state)
{
	(void)state;
	way.ring->seeds = 3;
	run_text(64);
	assert_int_equal(result.verdict, XDP_DROP);
	assert_int_equal(way.ring->seeds, 3);
	tx_carrier_sow(&way);
	assert_int_equal(way.ring->seeds, 0);
	for (uint32_t i = 0; i < 40; i++)
		load(&way, i, 100);
	tx_carrier_sow(&way); /* frames cannot be multiplied here */
	assert_int_equal(way.ring->seeds, 0);
}

/* What was not consumed must not be turned into something else. */
static void others_do_not_carry(void **state)
{
	struct frame wrong = rig_frame(&rig, 64), stranger = rig_frame(&rig, 64);

	(void)state;
	load(&way, 6, 118);
	wrong.checksum = CHECKSUM_WRONG;
	rig_run(&rig, bytes, frame_build(&wrong, bytes), &result);
	assert_nothing_left(XDP_DROP);
	stranger.local_port = 9999;
	rig_run(&rig, bytes, frame_build(&stranger, bytes), &result);
	assert_nothing_left(XDP_PASS);
}

static void an_acknowledgment_in_place_does_not(void **state)
{
	(void)state;
	load(&way, 7, 118);
	run_text(2 * FULL_SEGMENT);
	assert_nothing_left(XDP_TX);
	assert_false(is_loaded(result.frame, result.length, 7, 118));
}

static void only_where_it_arrives(void **state)
{
	(void)state;
	load(&way, 8, 118);
	rig.program->bss->transmit_works = 0;
	assert_false(tx_carrier_takes(&way, 100));
	run_text(64);
	assert_nothing_left(XDP_DROP);
}

/* Another worker's carriers are for the frames of its connections. */
static void each_worker_has_its_own(void **state)
{
	struct tx_carrier other = way;

	(void)state;
	other.ring = &rig.carriers[RIG_WORKER - 1];
	other.ring->filled = other.ring->claimed = 0;
	load(&other, 9, 118);
	run_text(64);
	assert_int_equal(result.verdict, XDP_DROP);
	assert_false(tx_carrier_is_empty(&other));
}

/* As a slot may look that is written while a late reader looks at it. */
static void lengths_that_cannot_be(void **state)
{
	static const uint32_t wrong[] = {0, CARRIER_BYTES + 1, UINT32_MAX};

	(void)state;
	load(&way, 10, 118);
	for (unsigned i = 0; i < 3; i++) {
		way.ring->slot[FIRST % CARRIER_SLOTS].length = wrong[i];
		run_text(64);
		assert_nothing_left(XDP_DROP);
	}
}

/* --- the worker alone ------------------------------------------------------------------- */

static void the_ring_of_slots(void **state)
{
	const struct carrier_slot *slot;

	(void)state;
	assert_true(tx_carrier_takes(&way, CARRIER_BYTES));
	assert_false(tx_carrier_takes(&way, CARRIER_BYTES + 1));
	for (uint32_t i = 0; i < CARRIER_SLOTS; i++) {
		assert_true(tx_carrier_has_room(&way));
		assert_int_equal(load(&way, i, 60), FIRST + i);
	}
	assert_false(tx_carrier_has_room(&way));
	for (uint32_t i = 0; i < CARRIER_SLOTS; i++) {
		slot = tx_carrier_take(&way);
		assert_true(is_loaded(slot->bytes, slot->length, i, 60));
	}
	assert_null(tx_carrier_take(&way));
	assert_false(tx_carrier_waits(&way, FIRST));
	assert_false(tx_carrier_moved(&way) && tx_carrier_moved(&way));
}

static void nothing_without_a_ring(void **state)
{
	struct tx_carrier none = {0};

	(void)state;
	assert_true(tx_carrier_is_empty(&none));
	assert_false(tx_carrier_takes(&none, 60));
	assert_false(tx_carrier_waits(&none, 0));
	assert_null(tx_carrier_take(&none));
}

/* --- all at once -------------------------------------------------------------------------- */

enum { FRAMES = 40000, CPUS = 2, TAKE_EVERY = 7, SCARCE = FRAMES / 2 };

static uint8_t left[FRAMES]; /* how often each left */
static const char *wrong;
static uint32_t riders; /* that left on frames */
static int finished;

static void complain(const char *what)
{
	if (!wrong)
		wrong = what;
}

static uint32_t length_of(uint32_t number)
{
	return 60 + number % 900;
}

static void note(const uint8_t *frame, uint32_t length)
{
	uint32_t number;

	memcpy(&number, frame, sizeof(number));
	if (number >= FRAMES) {
		complain("a frame that nobody loaded");
		return;
	}
	if (length != length_of(number))
		complain("a frame of another length");
	for (uint32_t i = sizeof(number); i < length; i++)
		if (frame[i] != loaded_byte(number, i))
			complain("a frame made of two");
	__atomic_add_fetch(&left[number], 1, __ATOMIC_SEQ_CST);
}

/* Segments out of order: punts, and so frames to spare. */
static void *bring_frames(void *argument)
{
	struct frame f = {.flags = ACK, .wnd = 1, .text = 1 + (uint32_t)(uintptr_t)argument * 600};
	uint8_t in[1500], out[CARRIER_BYTES];
	uint32_t length = frame_build(&f, in);

	while (!__atomic_load_n(&finished, __ATOMIC_SEQ_CST)) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = length,
			    .data_out = out, .data_size_out = sizeof(out));

		if (bpf_prog_test_run_opts(rig.fd, &o))
			complain("BPF_PROG_TEST_RUN failed");
		if (o.retval != XDP_TX)
			continue;
		note(out, o.data_size_out);
		__atomic_add_fetch(&riders, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void load_number(uint32_t number)
{
	uint8_t frame[1000];
	struct iovec whole = {frame, length_of(number)};

	for (uint32_t i = 0; i < length_of(number); i++)
		frame[i] = loaded_byte(number, i);
	memcpy(frame, &number, sizeof(number));
	tx_carrier_load(&way, &whole, 1);
}

static void take_one(void)
{
	const struct carrier_slot *slot = tx_carrier_take(&way);

	if (slot)
		note(slot->bytes, slot->length);
}

static void the_worker(void)
{
	struct rig_record record;

	for (uint32_t i = 0; i < FRAMES; i++) {
		while (!tx_carrier_has_room(&way)) {
			rig_take(&rig, &record);
			sched_yield();
		}
		load_number(i);
		/* at first many wait, then hardly one: both want the last */
		if (i >= SCARCE || i % TAKE_EVERY == 0)
			take_one();
		if (i % 64 == 0)
			rig_take(&rig, &record);
	}
	while (!tx_carrier_is_empty(&way))
		take_one();
}

static void every_frame_leaves_once(void **state)
{
	pthread_t cpu[CPUS];

	(void)state;
	for (uintptr_t i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&cpu[i], NULL, bring_frames, (void *)i), 0);
	the_worker();
	finished = 1;
	for (int i = 0; i < CPUS; i++)
		pthread_join(cpu[i], NULL);
	print_message("%u of %d left on frames\n", riders, FRAMES);
	if (wrong)
		fail_msg("%s", wrong);
	for (uint32_t i = 0; i < FRAMES; i++)
		assert_int_equal(left[i], 1);
	assert_int_equal(carrier_claimed(way.ring), way.ring->filled);
	assert_true(riders > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_hit_carries, begin),
		cmocka_unit_test_setup(the_frame_is_cut_or_grown, begin),
		cmocka_unit_test_setup(a_punt_carries, begin),
		cmocka_unit_test_setup(in_the_order_of_loading, begin),
		cmocka_unit_test_setup(a_seed_multiplies_a_frame, begin),
		cmocka_unit_test_setup(a_frame_in_pieces_is_not_multiplied, begin),
		cmocka_unit_test_setup(no_seed_while_a_connection_has_two, begin),
		cmocka_unit_test_setup(no_seed_where_nothing_waits, begin),
		cmocka_unit_test_setup(others_do_not_carry, begin),
		cmocka_unit_test_setup(an_acknowledgment_in_place_does_not, begin),
		cmocka_unit_test_setup(only_where_it_arrives, begin),
		cmocka_unit_test_setup(each_worker_has_its_own, begin),
		cmocka_unit_test_setup(lengths_that_cannot_be, begin),
		cmocka_unit_test_setup(the_ring_of_slots, begin),
		cmocka_unit_test_setup(nothing_without_a_ring, begin),
		cmocka_unit_test_setup(every_frame_leaves_once, begin),
	};

	return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
