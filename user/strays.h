/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments of no connection (RFC 9293, 3.10.7.1). The answer is at most one
 * segment without text, smaller than what it answers or as small, and there are
 * only so many per second: xtcp is no amplifier and no mirror. */
#ifndef XTCP_STRAYS_H
#define XTCP_STRAYS_H

#include <stdint.h>

struct worker;
struct packet;
struct link_address;

/* A bucket of answers that fills with time. */
struct strays {
	uint64_t filled; /* ns, up to when */
	uint32_t answers;
};

void strays_answer(struct worker *w, const struct packet *p, const struct link_address *link);

#endif
