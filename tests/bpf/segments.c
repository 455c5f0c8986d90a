/* SPDX-License-Identifier: BSD-2-Clause */
/* What the XDP program does with one segment: the table in rig/cases.c. Every
 * case runs over IPv4 and IPv6, with and without a VLAN tag. From the reason
 * follows what must have happened to the flow, its ownership word, the ring and
 * the frame; all of it is checked. The last test is that every reason which XDP
 * can have was had.
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c tests/bpf/rig/cases.c */
#include "backlog.h"
#include "rig/cases.h"
#include "rig/rig.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct rig wire, virtual_wire, small; /* virtual: partial checksums are accepted */
static struct rig_record record;
static struct rig_result result;
static bool had[REASON_COUNT];

struct trial {
	const struct test_case *c;
	struct rig *rig;
	struct frame frame;
	uint8_t bytes[FRAME_MOST];
	uint32_t length;
	struct flow before;
};

static bool begins(enum reason reason, const char *prefix)
{
	return !strncmp(rig_reason(reason), prefix, strlen(prefix));
}

static enum owner first_owner(const struct test_case *c)
{
	if (c->setup & DAEMONS)
		return OWNER_DAEMON;
	return c->setup & BUSY ? OWNER_XDP_BUSY : OWNER_XDP_IDLE;
}

static void run_frame(struct rig *r, const struct frame *f)
{
	static uint8_t bytes[FRAME_MOST];

	rig_run(r, bytes, frame_build(f, bytes), &result);
}

/* Every ring of this rig has one page. Stray ACKs fill that of queue 0, new ones
 * that of the flow, until not even an empty record fits. */
static void fill_rings(struct rig *r)
{
	struct frame f = {.flags = ACK, .wnd = 1};

	rig_listen(r, 7);
	for (int i = 0; i < 64; i++)
		run_frame(r, &f);
	rig_flow(r, false, OWNER_XDP_IDLE);
	f = rig_frame(r, 0);
	for (int i = 0; i < 64; i++, f.ack++)
		run_frame(r, &f);
	rig_forget(r);
}

static void set_up(struct trial *t, bool v6)
{
	unsigned int setup = t->c->setup;

	t->rig = setup & BELIEVE ? &virtual_wire : setup & FULL_RING ? &small : &wire;
	rig_forget(t->rig);
	t->rig->v6 = v6;
	if (setup & FULL_RING)
		fill_rings(t->rig);
	if (setup & LISTENER)
		rig_listen(t->rig, 7);
	rig_flow(t->rig, !(setup & PLAIN), first_owner(t->c));
	if (!(setup & FLOW) || setup & GONE)
		rig_withdraw_flow(t->rig, setup & GONE);
	if (setup & FULL_SYN)
		rig_the_flow(t->rig)->tx.flags &= (__u8)~FLOW_PARTIAL;
	for (uint32_t i = 0; i < RIG_WORKERS; i++)
		t->rig->workers[i].backlog.waiting = setup & CROWDED ? BACKLOG_CROWD : 0;
	t->rig->workers[RIG_WORKER].pool_low = !!(setup & LOW);
	t->rig->program->bss->transmit_works = !!(setup & TRANSMIT);
}

static void make_frame(struct trial *t, uint16_t vlan)
{
	t->frame = rig_frame(t->rig, t->c->text);
	t->frame.vlan = vlan;
	if (t->c->change)
		t->c->change(&t->frame);
	t->length = frame_build(&t->frame, t->bytes);
	if (t->c->mangle)
		t->c->mangle(&t->frame, t->bytes, &t->length);
}

static int expected_verdict(enum reason reason)
{
	if (begins(reason, "pass_"))
		return XDP_PASS;
	return reason == REASON_HIT_TEXT_ACKED ? XDP_TX : XDP_DROP;
}

static uint64_t expected_word(const struct trial *t)
{
	enum reason reason = t->c->reason;

	if (!begins(reason, "punt_") || !(t->c->setup & FLOW) || t->c->setup & (GONE | BUSY))
		return t->before.word;
	return owner_word(OWNER_DAEMON, RIG_GENERATION, 1);
}

static void check_untouched(const struct trial *t)
{
	const struct flow *flow = rig_the_flow(t->rig);

	assert_memory_equal(&flow->rx, &t->before.rx, sizeof(flow->rx));
	assert_memory_equal(result.frame, t->bytes, t->length);
	assert_int_equal(result.length, t->length);
}

static void check_record_head(const struct trial *t, enum record_kind kind, unsigned int flags)
{
	assert_int_equal(record.count, 1);
	assert_int_equal(record.head.kind, kind);
	assert_int_equal(record.head.flags, flags);
	assert_int_equal(record.head.reason, t->c->reason);
	if (!(flags & RECORD_KNOWN))
		return;
	assert_int_equal(record.head.index, RIG_CONNECTION);
	assert_int_equal(record.head.generation, RIG_GENERATION);
}

static void check_punt(const struct trial *t)
{
	unsigned int flags = 0;

	if (t->c->setup & FLOW && !(t->c->setup & GONE))
		flags = t->c->setup & BUSY ? RECORD_KNOWN : RECORD_KNOWN | RECORD_COUNTED;
	check_record_head(t, RECORD_PUNT, flags);
	assert_int_equal(record.head.length, t->length - t->frame.padding);
	assert_memory_equal(record.data, t->bytes, record.head.length);
	check_untouched(t);
}

static void check_hit_record(const struct trial *t)
{
	const struct hit *hit = &record.head.hit;
	const struct frame *f = &t->frame;

	assert_int_equal(record.head.length, f->text);
	for (uint32_t i = 0; i < f->text; i++)
		assert_int_equal(record.data[i], text_byte(f->text_seed + i));
	assert_int_equal(hit->seq, f->seq);
	assert_int_equal(hit->ack, f->ack);
	assert_int_equal(hit->tsval, f->timestamps ? f->tsval : 0);
	assert_int_equal(hit->tsecr, f->timestamps ? f->tsecr : 0);
	assert_int_equal(hit->wnd, f->wnd);
	assert_int_equal(hit->flags, f->flags);
	assert_int_equal(hit->options, f->timestamps ? OPTION_TIMESTAMPS : 0);
	assert_memory_equal(&hit->rx, &rig_the_flow(t->rig)->rx, sizeof(hit->rx));
}

static void check_hit(const struct trial *t)
{
	const struct flow_rx *rx = &rig_the_flow(t->rig)->rx;
	bool acked = t->c->reason == REASON_HIT_TEXT_ACKED;

	check_record_head(t, RECORD_HIT, RECORD_KNOWN | (acked ? RECORD_ACKED : 0));
	assert_int_equal(rx->rcv_nxt, RCV_NXT + t->frame.text);
	assert_int_equal(rx->snd_una, t->frame.ack);
	assert_int_equal(rx->snd_wnd, (uint32_t)t->frame.wnd << PEER_SCALE);
	assert_int_equal(rx->ts_recent, t->frame.timestamps ? t->frame.tsval : TS_RECENT);
	assert_int_equal(rx->ack_sent, acked ? rx->rcv_nxt : RCV_NXT);
	assert_int_equal(rx->hits, 1);
	check_hit_record(t);
}

/* Byte for byte what the builder makes of it; only the time is not foreseen. */
static void check_answer(const struct trial *t)
{
	static uint8_t expected[FRAME_MOST];
	struct frame a = {
		.answer = true,
		.v6 = t->frame.v6,
		.vlan = t->frame.vlan,
		.seq = SND_NXT,
		.ack = RCV_NXT + t->frame.text,
		.flags = ACK,
		.wnd = (uint16_t)((WINDOW - t->frame.text) >> OWN_SCALE),
		.timestamps = t->frame.timestamps,
		.tsval = TSVAL,
		.tsecr = t->frame.tsval,
	};

	assert_int_equal(result.length, frame_build(&a, expected));
	assert_memory_equal(result.frame, expected, result.length);
}

static void check_effects(const struct trial *t)
{
	enum reason reason = t->c->reason;

	assert_int_equal(rig_the_flow(t->rig)->word, expected_word(t));
	assert_memory_equal(&rig_the_flow(t->rig)->tx, &t->before.tx, sizeof(struct flow_tx));
	rig_take(t->rig, &record);
	if (begins(reason, "hit_"))
		check_hit(t);
	else if (begins(reason, "punt_"))
		check_punt(t);
	else
		check_untouched(t);
	if (begins(reason, "pass_") || (begins(reason, "drop_") && !(t->c->setup & FULL_RING)))
		assert_int_equal(record.count, 0);
	if (reason == REASON_HIT_TEXT_ACKED)
		check_answer(t);
}

static enum reason counted_reason(struct rig *r, const uint64_t before[REASON_COUNT])
{
	enum reason found = REASON_COUNT;

	for (uint32_t i = 0; i < REASON_COUNT; i++) {
		uint64_t more = rig_count(r, i) - before[i];

		if (!more)
			continue;
		assert_int_equal(more, 1);
		assert_int_equal(found, REASON_COUNT);
		found = i;
	}
	return found;
}

static void try(const struct test_case *c, bool v6, uint16_t vlan)
{
	static struct trial t;
	uint64_t counters[REASON_COUNT];
	enum reason reason;

	memset(&t, 0, sizeof(t));
	t.c = c;
	set_up(&t, v6);
	make_frame(&t, vlan);
	t.before = *rig_the_flow(t.rig);
	for (uint32_t i = 0; i < REASON_COUNT; i++)
		counters[i] = rig_count(t.rig, i);
	rig_run(t.rig, t.bytes, t.length, &result);
	reason = counted_reason(t.rig, counters);
	if (reason != c->reason)
		fail_msg("%s (IPv%d%s): %s, not %s", c->name, v6 ? 6 : 4, vlan ? ", tagged" : "",
			 rig_reason(reason), rig_reason(c->reason));
	had[reason] = true;
	assert_int_equal(result.verdict, expected_verdict(reason));
	check_effects(&t);
}

static void one_segment(void **state)
{
	const struct test_case *c = *state;

	for (int tagged = 0; tagged < 2; tagged++) {
		if (!(c->setup & ONLY_V6))
			try(c, false, tagged ? 0x2005 : 0);
		if (!(c->setup & ONLY_V4))
			try(c, true, tagged ? 0x2005 : 0);
	}
}

/* The rows behind this one are the daemon's. */
static void every_reason_was_had(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason <= REASON_DROP_RING_FULL; reason++)
		if (!had[reason])
			fail_msg("no segment of the table is counted as %s", rig_reason(reason));
}

static int open_rigs(void **state)
{
	(void)state;
	rig_open(&wire, &(struct rig_options){0});
	rig_open(&virtual_wire, &(struct rig_options){.partial_checksum_ok = true});
	rig_open(&small, &(struct rig_options){.ring_bytes = 4096});
	return 0;
}

static int close_rigs(void **state)
{
	(void)state;
	rig_close(&wire);
	rig_close(&virtual_wire);
	rig_close(&small);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[128];

	if (case_count >= sizeof(tests) / sizeof(tests[0]))
		return 1;
	for (uint32_t i = 0; i < case_count; i++)
		tests[i] = (struct CMUnitTest){cases[i].name, one_segment, NULL, NULL,
					       (void *)(uintptr_t)&cases[i]};
	tests[case_count] = (struct CMUnitTest){"every reason of XDP was had", every_reason_was_had,
						NULL, NULL, NULL};
	return _cmocka_run_group_tests("segments", tests, case_count + 1, open_rigs, close_rigs);
}
