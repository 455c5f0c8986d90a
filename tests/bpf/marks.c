/* SPDX-License-Identifier: BSD-2-Clause */
/* What XDP acknowledges in place bears the hop limit and the Diffserv field that
 * the daemon was told (RFC 9293: MUST-48, MUST-49), like what the daemon sends.
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "rig/rig.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { TTL = 7, CLASS = 46 << 2, ETHERNET = 14 };

static int open_rig(void **state)
{
	(void)state;
	rig_open(&rig, &(struct rig_options){.hop_limit = TTL, .traffic_class = CLASS});
	return 0;
}

/* Two full segments in one, so that the answer is due. */
static const uint8_t *answer_to(bool v6)
{
	static uint8_t bytes[FRAME_MOST];
	static struct rig_result result;
	struct frame f;

	rig_forget(&rig);
	rig.v6 = v6;
	rig_flow(&rig, true, OWNER_XDP_IDLE);
	rig.program->bss->transmit_works = 1;
	f = rig_frame(&rig, 2 * FULL_SEGMENT);
	rig_run(&rig, bytes, frame_build(&f, bytes), &result);
	assert_int_equal(result.verdict, 3); /* XDP_TX */
	return result.frame + ETHERNET;
}

static void ipv4_acknowledgment(void **state)
{
	const uint8_t *ip = answer_to(false);
	uint32_t sum = 0;

	(void)state;
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], CLASS);
	assert_int_equal(ip[8], TTL);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

static void ipv6_acknowledgment(void **state)
{
	const uint8_t *ip = answer_to(true);

	(void)state;
	assert_int_equal(ip[0] << 4 | ip[1] >> 4, 0x600 | CLASS);
	assert_int_equal(ip[1] & 15, 0);
	assert_int_equal(ip[7], TTL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_acknowledgment),
		cmocka_unit_test(ipv6_acknowledgment),
	};

	return cmocka_run_group_tests_name("marks", tests, open_rig, rig_tear_down);
}
