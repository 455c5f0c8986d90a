/* SPDX-License-Identifier: BSD-2-Clause */
/* A walk of the core (harness/walk.h), led by a fuzzer's bytes. */
#include "walk.h"

enum { STEPS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choice c = choice_from_bytes(data, size);

	walk_run(&c, STEPS);
	return 0;
}
