/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's one clock. */
#ifndef XTCP_CLOCK_H
#define XTCP_CLOCK_H

#include <stdint.h>
#include <time.h>

enum { MICROSECOND = 1000, MILLISECOND = 1000 * 1000 };

static inline uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

#endif
