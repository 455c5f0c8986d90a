/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens when the harness finds something wrong: it says what, and calls
 * harness_failed, which does not return. test.h points it at cmocka; in a
 * fuzzer, which has no cmocka, it stays abort(), and the fuzzer keeps the input. */
#ifndef XTCP_TEST_FAILURE_H
#define XTCP_TEST_FAILURE_H

#include <stdio.h>

struct place {
	const char *file;
	int line;
};

#define HERE ((struct place){__FILE__, __LINE__})

extern void (*harness_failed)(const char *file, int line);

/* Prints the message behind the place and fails. */
__attribute__((noreturn, format(printf, 2, 3))) void fail_at(struct place at, const char *format,
							     ...);

#define require(condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_at(HERE, __VA_ARGS__);                                                \
	} while (0)

#endif
