/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers in include/ say the same at the driver and in user space: frames
 * broken at random through parse_packet(), and random segments at random flows,
 * most of them close to where sequence numbers wrap, through judge() and apply().
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "parse.h"
#include "probe_parse.skel.h"
#include "fastpath.h"
#include "rig/rig.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { FRAMES = 30000, SEGMENTS = 20000 };

/* xorshift64*: the same numbers in every run. */
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint32_t any(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(random_state * 0x2545f4914f6cdd1du >> 32);
}

static uint32_t below(uint32_t n)
{
	return any() % n;
}

static bool one_in(uint32_t n)
{
	return !below(n);
}

/* --- parse ------------------------------------------------------------------------ */

static void random_extensions(struct frame *f)
{
	static const uint8_t types[] = {60, 43, 44, 51, 60, 135, 139, 140};
	uint32_t n = below(EXTENSIONS_MOST);

	for (uint32_t i = 0; i < n; i++)
		f->extension[i] = types[below(sizeof(types))];
	f->extension_units = (uint8_t)below(8);
	f->segments_left = one_in(8);
}

static struct frame random_frame(void)
{
	struct frame f = {
		.v6 = one_in(2),
		.vlan = one_in(2) ? (uint16_t)(any() | 1) : 0,
		.protocol = one_in(16) ? (uint8_t)any() : 0,
		.fragment = one_in(8) ? (uint16_t)any() : 0,
		.ip_options = one_in(4) ? (uint8_t)(4 * below(11)) : 0,
		.seq = any(),
		.ack = any(),
		.flags = (uint8_t)any(),
		.wnd = (uint16_t)any(),
		.timestamps = one_in(2),
		.tsval = any(),
		.tsecr = any(),
		.tcp_options = one_in(4) ? (uint8_t)(4 * below(7)) : 0,
		.text = below(1000),
		.padding = one_in(4) ? below(40) : 0,
	};

	if (one_in(2))
		random_extensions(&f);
	return f;
}

/* Mostly in the headers, sometimes with the IPv4 checksum made right again. */
static void break_frame(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	uint32_t flips = below(4);

	for (uint32_t i = 0; i < flips; i++)
		bytes[below(*length < 100 ? *length : 100)] ^= (uint8_t)(1u << below(8));
	if (!f->v6 && one_in(2))
		frame_fix_ipv4(f, bytes);
	if (one_in(4))
		*length = 14 + below(*length - 13);
}

static void run_probe(struct probe_parse *probe, const uint8_t *bytes, uint32_t length, int *r)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = bytes, .data_size_in = length);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(probe->progs.probe_parse), &o), 0);
	*r = (int)o.retval;
}

/* A copy that ends where the frame ends, so that the sanitizer sees any step
 * beyond it. */
static int parse_here(const uint8_t *bytes, uint32_t length, struct packet *p)
{
	uint8_t *copy = test_malloc(length);
	int r;

	memcpy(copy, bytes, length);
	memset(p, 0, sizeof(*p));
	r = (int)parse_packet(copy, copy + length, length, p);
	test_free(copy);
	return r;
}

static void parse_agrees(void **state)
{
	struct probe_parse *probe = probe_parse__open_and_load();
	static uint8_t bytes[FRAME_MOST];
	uint32_t parsed = 0;

	(void)state;
	assert_non_null(probe);
	for (int i = 0; i < FRAMES; i++) {
		struct frame f = random_frame();
		uint32_t length = frame_build(&f, bytes);
		struct packet here;
		int r_here, r_there;

		break_frame(&f, bytes, &length);
		r_here = parse_here(bytes, length, &here);
		run_probe(probe, bytes, length, &r_there);
		assert_int_equal(r_there, r_here);
		assert_memory_equal(&probe->bss->parsed, &here, sizeof(here));
		parsed += r_here == PARSED;
	}
	assert_in_range(parsed, FRAMES / 10, FRAMES);
	probe_parse__destroy(probe);
}

/* --- judge and apply ---------------------------------------------------------------- */

static struct rig_record record;
static struct rig_result result;

/* A sequence number at a place where something may go wrong. */
static uint32_t risky(void)
{
	static const uint32_t places[] = {0, 0x80000000u, 0xffffffffu, 0x7fffffffu};

	return one_in(4) ? any() : places[below(4)] + below(64) - 32;
}

static uint32_t near(uint32_t x)
{
	return one_in(3) ? x : x + below(4000) - 2000;
}

static struct flow *random_flow(void)
{
	struct flow *f;

	rig.v6 = one_in(2);
	rig_flow(&rig, one_in(2), OWNER_XDP_IDLE);
	f = rig_the_flow(&rig);
	f->rx.rcv_nxt = risky();
	f->rx.snd_una = risky();
	f->rx.ts_recent = risky();
	f->rx.hits = risky();
	f->rx.snd_wnd = below(3) << PEER_SCALE;
	f->rx.ack_sent = f->rx.rcv_nxt - below(4000);
	f->tx.ack_sent = f->rx.rcv_nxt - below(4000);
	f->tx.snd_nxt = f->rx.snd_una + (one_in(8) ? any() >> 1 : below(4000));
	f->tx.rcv_edge = f->rx.rcv_nxt + (one_in(8) ? any() >> 2 : below(2000));
	f->tx.full_segment = (uint16_t)(1 + below(1000));
	f->tx.snd_window_scale = (uint8_t)below(15);
	f->tx.rcv_window_scale = (uint8_t)below(15);
	f->tx.tsval = any();
	return f;
}

static struct frame random_segment(const struct flow *flow)
{
	struct frame f = rig_frame(&rig, one_in(2) ? 0 : below(1500));

	f.seq = one_in(3) ? near(flow->rx.rcv_nxt) : flow->rx.rcv_nxt;
	f.ack = one_in(2) ? near(flow->rx.snd_una) : flow->rx.snd_una + below(1000);
	f.wnd = (uint16_t)below(3);
	f.tsval = near(flow->rx.ts_recent);
	f.tsecr = any();
	if (one_in(10))
		f.flags = (uint8_t)any();
	if (one_in(20))
		f.timestamps = !f.timestamps;
	return f;
}

/* What include/ says in user space; `flow` becomes what it must be afterwards. */
static enum reason expect(struct flow *flow, const uint8_t *bytes, uint32_t length)
{
	struct packet p;
	enum reason r;

	assert_int_equal(parse_here(bytes, length, &p), PARSED);
	r = judge(&p.segment, &flow->rx, &flow->tx);
	if (r != REASON_HIT_TEXT && r != REASON_HIT_ACK) {
		flow->word = owner_word(OWNER_DAEMON, RIG_GENERATION, 1);
		return r;
	}
	apply(&p.segment, &flow->rx, &flow->tx);
	if (r == REASON_HIT_ACK || !rig.program->bss->transmit_works ||
	    !ack_is_due(&flow->rx, &flow->tx))
		return r;
	note_ack(&flow->rx, &flow->tx);
	return REASON_HIT_TEXT_ACKED;
}

static void judgement_agrees(void **state)
{
	static uint8_t bytes[FRAME_MOST];
	struct flow *flow = NULL;
	uint32_t hits = 0;

	(void)state;
	rig_open(&rig, &(struct rig_options){0});
	for (int i = 0; i < SEGMENTS; i++) {
		struct flow expected;
		struct frame f;
		uint32_t length;
		enum reason reason;

		flow = random_flow();
		rig.program->bss->transmit_works = one_in(2);
		f = random_segment(flow);
		length = frame_build(&f, bytes);
		expected = *flow;
		reason = expect(&expected, bytes, length);
		rig_run(&rig, bytes, length, &result);
		rig_take(&rig, &record);
		assert_int_equal(record.count, 1);
		assert_int_equal(record.head.reason, reason);
		assert_memory_equal(flow, &expected, sizeof(expected));
		hits += record.head.kind == RECORD_HIT;
	}
	assert_in_range(hits, SEGMENTS / 10, SEGMENTS);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_agrees),
		cmocka_unit_test(judgement_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
