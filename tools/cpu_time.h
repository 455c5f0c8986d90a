/* SPDX-License-Identifier: BSD-2-Clause */
/* Time, for those that measure: by the clock, and the processors', soft interrupts
 * and all, out of /proc/stat. */
#ifndef XTCP_CPU_TIME_H
#define XTCP_CPU_TIME_H

/* Seconds since the machine began, summed over CPUs. */
struct cpu_time {
	double machine;
	double ours; /* of the CPUs that this process may run on */
};

/* Not idle, waiting or stolen time. Zero if it cannot be read. */
struct cpu_time cpu_time_now(void);
/* Seconds that only advance. */
double cpu_time_clock(void);

#endif
