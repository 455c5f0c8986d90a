/* SPDX-License-Identifier: BSD-2-Clause */
/* The user part of the load generator: what to do (struct xload_task, filled by
 * xload.c), how it is done (xload_run.c), what came of it (xload_report.c). */
#ifndef XLOAD_RUN_H
#define XLOAD_RUN_H

#include "abi.h"
#include "cpu_time.h"
#include "xload.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct xload_task {
	struct xload_setup setup;
	struct address server;
	const char *source;
	const char *interface;
	double duration; /* seconds of measuring, after `warmup` */
	double warmup;
	double opening; /* seconds that opening may take */
	bool floods;	/* in mode FLOOD, or beside another */
	uint64_t count; /* of the flood: segments at most; 0: as many as the time allows */
	uint64_t rate;	/* of the flood: segments per second; 0: as fast as it goes */
	bool spread;	/* open connections from each CPU that we may run on, by turns */
	uint32_t batch; /* connections opened at once */
	bool replace;	/* the XDP program that is on the interface, until the end */
	bool json;
};

/* Taken twice: the difference is the measurement. */
struct xload_snapshot {
	uint64_t at;
	uint64_t counter[XLOAD_COUNTER_COUNT];
	uint64_t round_trip[XLOAD_BUCKETS];
	struct cpu_time cpu;
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
