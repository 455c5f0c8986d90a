/* SPDX-License-Identifier: BSD-2-Clause */
/* Text of every kind of length, in frames of one piece and of several: copied
 * right, added up right (a flipped bit anywhere is noticed), and punted whole.
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "rig/rig.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { TEXT_MOST = 65483 }; /* 65535 bytes of IPv4 packet, with timestamps */

static struct rig_record record;
static struct rig_result result;
static uint8_t bytes[FRAME_MOST];

static void prepare(bool v6)
{
	rig.v6 = v6;
	rig_flow(&rig, true, OWNER_XDP_IDLE);
	rig_the_flow(&rig)->tx.rcv_edge = RCV_NXT + (1 << 20);
}

static void taken_whole(uint32_t text, bool v6)
{
	struct frame f;

	prepare(v6);
	f = rig_frame(&rig, text);
	rig_run(&rig, bytes, frame_build(&f, bytes), &result);
	rig_take(&rig, &record);
	if (record.count != 1 || record.head.reason != REASON_HIT_TEXT)
		fail_msg("%u bytes over IPv%d are no hit", text, v6 ? 6 : 4);
	assert_int_equal(record.head.length, text);
	assert_memory_equal(record.data, bytes + frame_text_offset(&f), text);
}

static void flip_is_noticed(uint32_t text, bool v6)
{
	uint64_t before = rig_count(&rig, REASON_DROP_CHECKSUM);
	struct flow flow;
	struct frame f;
	uint32_t length;

	prepare(v6);
	flow = *rig_the_flow(&rig);
	f = rig_frame(&rig, text);
	length = frame_build(&f, bytes);
	bytes[frame_text_offset(&f) + (text * 7919u) % text] ^= (uint8_t)(1u << (text & 7));
	bytes[length - 1 - (text * 31u) % text] ^= 0x10;
	rig_run(&rig, bytes, length, &result);
	rig_take(&rig, &record);
	assert_int_equal(record.count, 0);
	assert_int_equal(rig_count(&rig, REASON_DROP_CHECKSUM), before + 1);
	assert_memory_equal(rig_the_flow(&rig), &flow, sizeof(flow));
}

static void punted_whole(uint32_t text, bool v6)
{
	struct frame f;
	uint32_t length;

	prepare(v6);
	f = rig_frame(&rig, text);
	f.flags |= FIN;
	length = frame_build(&f, bytes);
	rig_run(&rig, bytes, length, &result);
	rig_take(&rig, &record);
	assert_int_equal(record.count, 1);
	assert_int_equal(record.head.kind, RECORD_PUNT);
	assert_int_equal(record.head.length, length);
	assert_memory_equal(record.data, bytes, length);
}

static void each_size(uint32_t text)
{
	for (int v6 = 0; v6 < 2; v6++) {
		taken_whole(text, v6);
		flip_is_noticed(text, v6);
		punted_whole(text, v6);
	}
}

static void small_ones(void **state)
{
	(void)state;
	for (uint32_t text = 1; text <= 700; text++)
		each_size(text);
}

static void around_the_classes(void **state)
{
	static const uint32_t edges[] = {1024, 1448,  1460,  1536,  2048,  3400,	 4096,
					 8192, 10240, 16384, 32768, 65000, TEXT_MOST - 4};

	(void)state;
	for (uint32_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (uint32_t text = edges[i] - 4; text <= edges[i] + 4; text++)
			each_size(text);
}

static void strides(void **state)
{
	(void)state;
	for (uint32_t text = 701; text < TEXT_MOST; text += 509)
		each_size(text);
}

/* The largest packets: more than one helper call can copy. */
static void largest_punts(void **state)
{
	struct frame f;
	uint32_t length;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		rig.v6 = v6;
		rig_flow(&rig, true, OWNER_DAEMON);
		f = rig_frame(&rig, TEXT_MOST + (v6 ? 20 : 0));
		f.vlan = 5;
		length = frame_build(&f, bytes);
		assert_int_equal(length, 18 + 65535 + (v6 ? 40 : 0));
		rig_run(&rig, bytes, length, &result);
		rig_take(&rig, &record);
		assert_int_equal(record.count, 1);
		assert_int_equal(record.head.length, length);
		assert_memory_equal(record.data, bytes, length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_ones),
		cmocka_unit_test(around_the_classes),
		cmocka_unit_test(strides),
		cmocka_unit_test(largest_punts),
	};

	return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
