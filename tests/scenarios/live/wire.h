/* SPDX-License-Identifier: BSD-2-Clause */
/* A peer's end of the wire: frames out of and into an interface whose kernel does
 * not own the peer's address. Answers ARP (RFC 826) and neighbour solicitations
 * (RFC 4861) for it. */
#ifndef XTCP_SCENARIO_WIRE_H
#define XTCP_SCENARIO_WIRE_H

#include "peer_frame.h"
#include <stdbool.h>
#include <stdint.h>

enum { WIRE_FRAME_MAX = 1 << 17 };

struct wire {
	int fd;
	struct peer_ends ends; /* from us to the server; to_port 0: not known yet */
	uint64_t late;	       /* ns: how long we have let something wait at most */
	uint8_t frame[WIRE_FRAME_MAX];
};

/* A segment for us, with its text. */
struct heard {
	struct segment segment;
	const uint8_t *text;
	uint16_t from_port;
	uint64_t when; /* ns, when the kernel took it from the wire */
};

uint64_t wire_now(void); /* ns of the clock that the kernel stamps frames by */
/* False: errno says why. */
bool wire_open(struct wire *w, const char *interface);
void wire_send(struct wire *w, const struct peer_frame *f);
/* The next one until then; false: none. */
bool wire_hear(struct wire *w, uint64_t until, struct heard *h);

#endif
