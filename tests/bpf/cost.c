/* SPDX-License-Identifier: BSD-2-Clause */
/* What loading costs: the instructions that the verifier goes through, against a
 * budget kept here. Their number on each kernel, and time per segment, are the
 * business of tools/bench/micro.
 *
 * Links: tests/bpf/rig/rig.c user/flow_table.c tests/bpf/rig/frame.c */
#include "rig/rig.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* The kernel gives up at a million. */
enum { INSTRUCTION_BUDGET = 120000 };

static void verifier_budget(void **state)
{
	static struct rig rig;
	struct bpf_program *program;

	(void)state;
	rig_open(&rig, &(struct rig_options){0});
	bpf_object__for_each_program(program, rig.program->obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t length = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length),
				 0);
		print_message("verifier: %s: %u instructions gone through (budget %d); %u bytes of "
			      "machine code\n",
			      bpf_program__name(program), info.verified_insns, INSTRUCTION_BUDGET,
			      info.jited_prog_len);
		assert_in_range(info.verified_insns, 1, INSTRUCTION_BUDGET);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifier_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
