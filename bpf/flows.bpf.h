/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The map of flows, and where a tuple's flow lies in it: include/flow_place.h. */
#ifndef XTCP_FLOWS_BPF_H
#define XTCP_FLOWS_BPF_H

#include "flow_place.h"
#include "owner.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

/* Set by the daemon before it loads. */
const volatile struct flow_key flow_key = {};
const volatile __u32 flow_places = 1; /* max_entries of `flows` */

/* Reads from both lines of a place, and waits for neither. */
static __always_inline void touch_place(__u64 hash, __u32 turn)
{
	__u32 place = flow_place(hash, turn, flow_places);
	const struct flow *f = bpf_map_lookup_elem(&flows, &place);

	if (!f)
		return;
	(void)*(const volatile __u32 *)&f->index;
	(void)*(const volatile __u32 *)&f->passed;
}

/* FLOW_NOWHERE if there is none. A global function, so that the verifier goes through
 * the loop once, and knows nothing of how it ended. */
__noinline __u32 flow_find(const struct tuple *t)
{
	__u64 hash;

	if (!t)
		return FLOW_NOWHERE;
	hash = flow_hash(t, &flow_key);
	/* Most flows lie at the first place of their way and nearly all at one of two: four
	 * misses of the caches at once take little longer than one. */
	touch_place(hash, 0);
	touch_place(hash, 1);
	for (__u32 turn = 0; turn < FLOW_PROBES; turn++) {
		__u32 place = flow_place(hash, turn, flow_places);
		const struct flow *f = bpf_map_lookup_elem(&flows, &place);
		__u32 generation;

		if (!f)
			break;
		/* A tuple that is being written may look like any other. */
		generation = owner_generation(owner_read(&f->word));
		if (generation && flow_is_of(f, t) &&
		    owner_generation(owner_read(&f->word)) == generation)
			return place;
		if (!f->passed)
			break;
	}
	return FLOW_NOWHERE;
}

#endif
