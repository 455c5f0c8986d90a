/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads processor time; see cpu_time.h. */
#include "cpu_time.h"
#include <ctype.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* user, nice, system, irq, softirq; not idle, iowait, steal, guest. */
static bool read_line(const char *line, int *cpu, double *seconds)
{
	unsigned long long v[7];

	if (!isdigit(line[3]) || /* the sum of all */
	    sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu", cpu, v, v + 1, v + 2, v + 3,
		   v + 4, v + 5, v + 6) != 8)
		return false;
	*seconds = (double)(v[0] + v[1] + v[2] + v[5] + v[6]) / (double)sysconf(_SC_CLK_TCK);
	return true;
}

double cpu_time_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct cpu_time cpu_time_now(void)
{
	struct cpu_time t = {0};
	FILE *f = fopen("/proc/stat", "r");
	char line[512];
	cpu_set_t ours;
	double seconds;
	int cpu;

	CPU_ZERO(&ours);
	sched_getaffinity(0, sizeof(ours), &ours);
	while (f && fgets(line, sizeof(line), f)) {
		if (!read_line(line, &cpu, &seconds))
			continue;
		t.machine += seconds;
		if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &ours))
			t.ours += seconds;
	}
	if (f)
		fclose(f);
	return t;
}
