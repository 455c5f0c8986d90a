/* SPDX-License-Identifier: BSD-2-Clause */
/* Two CPUs bring segments of one flow while a third thread plays the daemon: it
 * absorbs hits, takes the flow, accepts punted text and hands back, by the rules
 * of owner.h. Nothing may be lost, doubled or out of order: the records are one
 * stream of text, and every hit that the flow counts is in the ring.
 *
 *   carrier ×2: text at RCV.NXT as it just read it ─► BPF_PROG_TEST_RUN ─► ring
 *   daemon: ring ─► stream of text; owner_take, owner_hand_back
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "parse.h"
#include "rig/rig.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { CARRIERS = 2, RUNS = 60000, TEXT_MOST = 200 };

static int carriers_done;

/* The daemon's side of the connection. */
static struct {
	uint32_t rcv_nxt;
	uint32_t hits;
	uint32_t consumed; /* counted punts since XDP had the flow */
	uint32_t accepted; /* punts whose text was next */
	uint32_t left_out; /* punts that overtook a hit; dropped, as a network may */
	uint32_t hand_backs;
	uint32_t refused;  /* hand-backs that came too early */
	const char *wrong; /* the first thing that must not be */
} us;

static void complain(const char *what)
{
	if (!us.wrong)
		us.wrong = what;
}

/* --- carriers ----------------------------------------------------------------------- */

static uint32_t carrier_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void pin_to_cpu(uint32_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (uint32_t)libbpf_num_possible_cpus(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *carrier(void *argument)
{
	uint32_t state = (uint32_t)(uintptr_t)argument + 1;
	uint8_t bytes[TEXT_MOST + 200];
	struct frame f = {.ack = SND_UNA, .flags = ACK, .wnd = PEER_WND};

	pin_to_cpu(state);
	for (int i = 0; i < RUNS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = bytes);

		f.seq = *(volatile uint32_t *)&rig_the_flow(&rig)->rx.rcv_nxt;
		f.seq -= carrier_random(&state) % 256 == 0;
		f.text = 1 + carrier_random(&state) % TEXT_MOST;
		f.text_seed = f.seq;
		o.data_size_in = frame_build(&f, bytes);
		if (owner_of(owner_read(&rig_the_flow(&rig)->word)) == OWNER_DAEMON)
			sched_yield();
		if (bpf_prog_test_run_opts(rig.fd, &o))
			complain("BPF_PROG_TEST_RUN failed");
	}
	__atomic_add_fetch(&carriers_done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* --- the daemon ----------------------------------------------------------------------- */

static void check_text(const uint8_t *text, uint32_t length, uint32_t seq)
{
	for (uint32_t i = 0; i < length; i++)
		if (text[i] != text_byte(seq + i))
			complain("other bytes than were sent");
}

static void absorb(const struct record *r)
{
	if (r->hit.seq != us.rcv_nxt)
		complain("a hit does not begin where the last one ended");
	if (r->hit.rx.hits != us.hits + 1)
		complain("a hit is missing");
	if (r->hit.rx.rcv_nxt != us.rcv_nxt + r->length)
		complain("a hit is not as long as its text");
	check_text(r->data, r->length, r->hit.seq);
	us.rcv_nxt = r->hit.rx.rcv_nxt;
	us.hits++;
}

static void take_punt(const struct record *r)
{
	struct flow *flow = rig_the_flow(&rig);
	struct packet p = {0};

	us.consumed += !!(r->flags & RECORD_COUNTED);
	owner_take(&flow->word, RIG_GENERATION);
	if (parse_packet((void *)r->data, (void *)(r->data + r->length), r->length, &p) != PARSED) {
		complain("a punt that is no segment");
		return;
	}
	if (us.hits != flow->rx.hits) {
		us.left_out++;
		return;
	}
	if (p.segment.seq != us.rcv_nxt)
		return;
	check_text(r->data + p.tcp_offset + p.tcp_header, p.segment.text_length, p.segment.seq);
	us.rcv_nxt += p.segment.text_length;
	us.accepted++;
}

static int daemon_call(void *context, void *data, size_t size)
{
	const struct record *r = data;

	(void)context;
	(void)size;
	if (r->kind == RECORD_HIT)
		absorb(r);
	else
		take_punt(r);
	return 0;
}

static void try_to_hand_back(void)
{
	struct flow *flow = rig_the_flow(&rig);

	if (owner_of(owner_read(&flow->word)) != OWNER_DAEMON || us.hits != flow->rx.hits)
		return;
	flow->rx.rcv_nxt = us.rcv_nxt;
	if (!owner_hand_back(&flow->word, RIG_GENERATION, us.consumed)) {
		us.refused++;
		return;
	}
	us.consumed = 0;
	us.hand_backs++;
}

static void *daemon_thread(void *argument)
{
	(void)argument;
	for (uint32_t round = 0; __atomic_load_n(&carriers_done, __ATOMIC_SEQ_CST) < CARRIERS;
	     round++) {
		rig_each(&rig, daemon_call, NULL);
		/* a timeout, say: the daemon wants the flow although nothing was punted */
		if (round % 64 == 0)
			owner_take(&rig_the_flow(&rig)->word, RIG_GENERATION);
		try_to_hand_back();
		sched_yield();
	}
	rig_each(&rig, daemon_call, NULL);
	return NULL;
}

/* --- the test --------------------------------------------------------------------------- */

static void nothing_is_lost(void **state)
{
	pthread_t threads[CARRIERS + 1];
	struct flow *flow;

	(void)state;
	rig_open(&rig, &(struct rig_options){.ring_bytes = 1 << 24});
	rig_flow(&rig, false, OWNER_XDP_IDLE);
	flow = rig_the_flow(&rig);
	flow->tx.rcv_edge = RCV_NXT + (1u << 30);
	us.rcv_nxt = RCV_NXT;
	for (uintptr_t i = 0; i < CARRIERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, carrier, (void *)i), 0);
	assert_int_equal(pthread_create(&threads[CARRIERS], NULL, daemon_thread, NULL), 0);
	for (int i = 0; i <= CARRIERS; i++)
		pthread_join(threads[i], NULL);

	print_message("%u hits, %u punts accepted, %u left out, %u busy, handed back %u times and "
		      "%u times refused\n",
		      us.hits, us.accepted, us.left_out,
		      (unsigned int)rig_count(&rig, REASON_PUNT_BUSY), us.hand_backs, us.refused);
	if (us.wrong)
		fail_msg("%s", us.wrong);
	assert_int_equal(rig_count(&rig, REASON_HIT_TEXT), us.hits);
	assert_int_equal(flow->rx.hits, us.hits);
	assert_int_equal(rig_count(&rig, REASON_DROP_RING_FULL), 0);
	assert_int_equal(rig_count_all(&rig), CARRIERS * RUNS);
	try_to_hand_back();
	assert_int_equal(flow->word, owner_word(OWNER_XDP_IDLE, RIG_GENERATION, 0));
	assert_int_equal(flow->rx.rcv_nxt, us.rcv_nxt);
	assert_true(us.hits > 0 && us.accepted > 0 && us.hand_backs > 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
