/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF maps of include/abi.h as the daemon sees them: arrays in memory, and
 * descriptors for the rest. Filled by attach.c, used by the workers. */
#ifndef XTCP_MAPS_H
#define XTCP_MAPS_H

#include "abi.h"
#include "carrier.h"
#include "flow_place.h"
#include "tcp/conn.h"
#include <stdbool.h>
#include <stdint.h>

struct maps {
	struct flow *flows;
	const volatile struct flow_key *flow_key; /* the program's constant */
	struct conn *conns;
	uint8_t *text;
	struct worker_wake *wakes;
	struct carrier *carrier;
	bool multiplies;	  /* carrier frames can be copied */
	uint32_t *transmit_works; /* the program's global: does XDP_TX arrive? */
	int rings;
	int listeners;
	int counters;
};

#endif
