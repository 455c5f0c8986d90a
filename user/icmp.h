/* SPDX-License-Identifier: BSD-2-Clause */
/* Hearing ICMP errors. XDP passes ICMP to the kernel; raw sockets get a copy of
 * each error, and a thread of its own gives those about our connections to their
 * workers, at a bounded rate. */
#ifndef XTCP_ICMP_H
#define XTCP_ICMP_H

#include <stdbool.h>

struct engine;
struct icmp;
struct worker;

/* The workers must live until icmp_stop(). NULL: ICMP is not heard, which is
 * logged; then nobody may rely on it (struct engine.hears_icmp). */
struct icmp *icmp_start(struct engine *e, struct worker **workers);
void icmp_stop(struct icmp *i);

#endif
