/* SPDX-License-Identifier: BSD-2-Clause */
/* TEST(name) { … } is a cmocka test that registers itself: one that is written
 * is one that runs. Included by exactly one file per program, for it brings
 * main() along:
 *
 *   program           runs all
 *   program PATTERN   those that match, with * as in a shell
 *   program --list    prints the names
 *
 * A file that defines BOTH_FAMILIES before the include has its tests run twice,
 * for connections over IPv4 and over IPv6. */
#ifndef XTCP_TEST_TEST_H
#define XTCP_TEST_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failure.h"
#include "peer.h"
#include <stdlib.h>
#include <string.h>

enum { TESTS_MAX = 512 };

static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;

#define TEST(name)                                                                                 \
	static void name(void **unused);                                                           \
	__attribute__((constructor)) static void register_##name(void)                             \
	{                                                                                          \
		assert_true(test_count < TESTS_MAX);                                               \
		tests[test_count++] = (struct CMUnitTest)cmocka_unit_test(name);                   \
	}                                                                                          \
	static void name(void **unused __attribute__((unused)))

static int run_all(const char *group, bool v6)
{
	peer_v6 = v6;
	return _cmocka_run_group_tests(group, tests, test_count, NULL, NULL);
}

static void list(void)
{
	for (size_t i = 0; i < test_count; i++)
		puts(tests[i].name);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');

	if (argc > 1 && !strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	harness_failed = _fail;
	name = name ? name + 1 : argv[0];
#ifdef BOTH_FAMILIES
	if (run_all(name, true))
		return 1;
#endif
	return run_all(name, false) ? 1 : 0;
}

#endif
