/* SPDX-License-Identifier: BSD-2-Clause */
/* The user part of the load generator: what to do (struct xload_task, filled by
 * xload.c), how it is done (xload_run.c), what came of it (xload_report.c). */
#ifndef XLOAD_RUN_H
#define XLOAD_RUN_H

#include "xload.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct xload_task {
	struct xload_setup setup;
	const char *interface;
	double duration; /* seconds of measuring, after `warmup` */
	double warmup;
	double opening; /* seconds that opening may take */
	uint64_t count; /* FLOOD: segments at most; 0: as many as the time allows */
	uint64_t rate;	/* FLOOD: segments per second; 0: as fast as it goes */
	uint32_t batch; /* connections opened at once */
	bool json;
};

/* Taken twice: the difference is the measurement. */
struct xload_snapshot {
	uint64_t at;
	uint64_t counter[XLOAD_COUNTER_COUNT];
	uint64_t round_trip[XLOAD_BUCKETS];
	double cpu_machine; /* seconds in which some CPU was not idle */
	double cpu_ours;    /* the same of the CPU that we are on */
};

struct xload_result {
	struct xload_snapshot begin;
	struct xload_snapshot end;
	uint64_t opened_after; /* ns until all connections were open */
	uint32_t open;	       /* connections, before measuring */
	uint32_t active;       /* of these had an exchange while measuring */
};

/* 0 or -errno; what is wrong has been said. */
int xload_run(const struct xload_task *task, struct xload_result *result);
void xload_report(FILE *out, const struct xload_task *task, const struct xload_result *result);
const char *xload_mode_name(enum xload_mode mode);

#endif
