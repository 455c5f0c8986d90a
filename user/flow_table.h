/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's half of include/flow_place.h: who enters flows and lets them go. Any
 * thread may call any of it. */
#ifndef XTCP_FLOW_TABLE_H
#define XTCP_FLOW_TABLE_H

#include "abi.h"
#include "flow_place.h"
#include <pthread.h>
#include <stdint.h>

struct flow_table {
	struct flow *flows;		     /* the map; not ours */
	uint32_t places;		     /* that it has */
	uint32_t generation;		     /* of the flow entered last */
	const volatile struct flow_key *key; /* as XDP has it; not ours */
	pthread_mutex_t lock;		     /* of all who write */
};

/* What a search finds, copied: the flow may be gone before the caller looks. */
struct flow_found {
	uint32_t index;
	uint32_t generation;
	uint8_t worker;
};

void flow_table_make(struct flow_table *t, struct flow *flows, uint32_t places,
		     const volatile struct flow_key *key);
void flow_table_destroy(struct flow_table *t);

/* A place for `tuple`, of connection `index`: owned by the daemon, of a generation of
 * its own, both halves zero but for `worker`. *flow is valid until flow_table_leave().
 * 0, -EADDRINUSE: the tuple has one, -ENOBUFS: its way is full. */
int flow_table_enter(struct flow_table *t, const struct tuple *tuple, uint32_t index,
		     uint8_t worker, struct flow **flow);
/* XDP does not find it any more, and is not in it. */
void flow_table_leave(struct flow_table *t, struct flow *flow);
bool flow_table_find(const struct flow_table *t, const struct tuple *tuple,
		     struct flow_found *found);

#endif
