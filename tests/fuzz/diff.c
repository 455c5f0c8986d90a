/* SPDX-License-Identifier: BSD-2-Clause */
/* The property of tests/diff, with a fuzzer's bytes in place of the seed. */
#include "twins.h"

enum { STEPS = 120 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct twins twins;
	struct choice c = choice_from_bytes(data, size);

	if (size)
		twins_run(&twins, &c, STEPS, false);
	return 0;
}
