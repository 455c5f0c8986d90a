/* SPDX-License-Identifier: BSD-2-Clause */
/* The XDP program with its maps as the daemon makes them for many connections, filled
 * with flows that are all alike but for the peer's address and port (aim.h), and
 * aim.bpf.c in front of it. */
#ifndef XTCP_BENCH_TABLES_H
#define XTCP_BENCH_TABLES_H

#include "abi.h"
#include "carrier.h"
#include "flow_table.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every flow knows. The frames are made to fit. */
enum {
	FLOW_RCV_NXT = 1000,
	FLOW_SND_UNA = 5000,
	FLOW_IN_FLIGHT = 1000,
	FLOW_WINDOW = 60000,
	FLOW_TS_RECENT = 100,
	FLOW_GENERATION = 7,
	FLOW_FULL_SEGMENT = 1448,
	FLOW_PORT = 7, /* ours; a listener's */
};

struct tables {
	struct xdp_main *program;
	struct aim *aim;
	struct flow *flows;
	struct flow_table table; /* of them */
	uint32_t places;
	struct carrier *carrier;
	bool v6;
	uint32_t filled; /* flows: 0 … filled - 1 */
	int ring;
	uint32_t ring_bytes;
	unsigned long *consumed; /* of the ring: bytes, in all */
	const unsigned long *produced;
};

/* `room`: connections that there may be. Each ends the process, with a message, if it cannot do what it says. */
void tables_open(struct tables *t, uint32_t room, uint32_t ring_bytes, bool v6);
void tables_fill(struct tables *t, uint32_t flows);
void tables_aim_at(struct tables *t, int program); /* what aim.bpf.c calls */
void tables_forget_records(struct tables *t);	   /* the ring is empty again */
/* Loads so many segments on the carrier: all this frame. */
void tables_load_carrier(struct tables *t, const uint8_t *frame, uint32_t length, uint32_t count);
uint64_t tables_counted(const struct tables *t, uint32_t reason);
void tables_close(struct tables *t);

/* perror and exit, unless `fine`. */
void must(bool fine, const char *what);

#endif
