/* SPDX-License-Identifier: BSD-2-Clause */
/* Processor time in /proc/stat, soft interrupts and all, for those that measure. */
#ifndef XTCP_CPU_TIME_H
#define XTCP_CPU_TIME_H

/* Seconds since the machine began, summed over CPUs. */
struct cpu_time {
	double machine;
	double ours; /* of the CPUs that this process may run on */
};

/* Not idle, waiting or stolen time. Zero if it cannot be read. */
struct cpu_time cpu_time_now(void);

#endif
