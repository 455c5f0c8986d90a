/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* From a visit to a ring record (include/abi.h): reserve, copy, add up, submit.
 *
 * The kernel reserves records of constant size only, so there are a few classes.
 * record.length says how much of the room is data. */
#ifndef XTCP_RECORD_BPF_H
#define XTCP_RECORD_BPF_H

#include "visit.bpf.h"

/* Room for data. The largest holds every IP packet behind a tagged Ethernet
 * header: 18 + 40 + 65535 bytes. */
enum record_room {
	ROOM_SMALL = 128,
	ROOM_MEDIUM = 512,
	ROOM_FRAME = 2048,
	ROOM_JUMBO = 10240,
	ROOM_LARGEST = 65600,
};

/* One call of bpf_xdp_load_bytes moves less than 64 KiB; one of bpf_csum_diff
 * adds up at most 512 bytes before Linux 6.13, always a multiple of four. */
enum { COPY_MOST = 0xffff, SUM_MOST = 512, SUM_UNIT = 4 };

/* What of the frame goes into the record. */
struct extract {
	__u32 offset;
	__u32 length;
	bool add_up; /* the Internet checksum's sum is wanted in `sum` */
	__u64 sum;
};

static __always_inline enum reason copy_bytes(struct visit *v, const struct extract *x,
					      const __u32 room)
{
	__u32 first = x->length;

	if (room > COPY_MOST && first > COPY_MOST)
		first = COPY_MOST;
	/* The verifier wants to see 0 < size <= room right before the call. */
	if (first - 1 >= room || bpf_xdp_load_bytes(v->ctx, x->offset, v->record->data, first))
		return REASON_DROP_TOO_LARGE;
	if (room <= COPY_MOST || x->length <= COPY_MOST)
		return PARSED;
	first = x->length - COPY_MOST;
	if (first - 1 >= room - COPY_MOST ||
	    bpf_xdp_load_bytes(v->ctx, x->offset + COPY_MOST, v->record->data + COPY_MOST, first))
		return REASON_DROP_TOO_LARGE;
	return PARSED;
}

static __always_inline __u64 sum_bytes(__u8 *data, __u32 length, const __u32 room)
{
	__u64 sum = 0;

	for (__u32 at = 0; at < room && at < length; at += SUM_MOST) {
		__u32 piece = length - at;

		if (piece > SUM_MOST)
			piece = SUM_MOST;
		piece = (piece + SUM_UNIT - 1) & ~(SUM_UNIT - 1u);
		sum += (__u32)bpf_csum_diff(0, 0, (__be32 *)(data + at), piece, 0);
	}
	return sum;
}

/* Leaves v->record reserved and filled, or 0. The word behind the data is zeroed
 * first, since sums are made of whole words. */
static __always_inline enum reason record_of_room(struct visit *v, void *ring, struct extract *x,
						  const __u32 room)
{
	__u32 padded = x->length & ~(SUM_UNIT - 1u);
	enum reason failed;

	v->record = bpf_ringbuf_reserve(ring, sizeof(struct record) + room + SUM_UNIT, 0);
	if (!v->record)
		return REASON_DROP_RING_FULL;
	if (padded <= room)
		*(__u32 *)(v->record->data + padded) = 0;
	failed = copy_bytes(v, x, room);
	if (failed != PARSED) {
		bpf_ringbuf_discard(v->record, BPF_RB_NO_WAKEUP);
		return failed;
	}
	if (x->add_up)
		x->sum = sum_bytes(v->record->data, x->length, room);
	return PARSED;
}

static __always_inline enum reason record_empty(struct visit *v, void *ring)
{
	v->record = bpf_ringbuf_reserve(ring, sizeof(struct record), 0);
	return v->record ? PARSED : REASON_DROP_RING_FULL;
}

static __always_inline enum reason record_fill(struct visit *v, void *ring, struct extract *x)
{
	if (!x->length)
		return record_empty(v, ring);
	if (x->length <= ROOM_SMALL)
		return record_of_room(v, ring, x, ROOM_SMALL);
	if (x->length <= ROOM_MEDIUM)
		return record_of_room(v, ring, x, ROOM_MEDIUM);
	if (x->length <= ROOM_FRAME)
		return record_of_room(v, ring, x, ROOM_FRAME);
	if (x->length <= ROOM_JUMBO)
		return record_of_room(v, ring, x, ROOM_JUMBO);
	if (x->length <= ROOM_LARGEST)
		return record_of_room(v, ring, x, ROOM_LARGEST);
	return REASON_DROP_TOO_LARGE;
}

/* Reserves a record in the ring of `worker` and copies what `x` says into it.
 * PARSED, or why not; then nothing is reserved. */
static __always_inline enum reason record_begin(struct visit *v, __u32 worker, struct extract *x)
{
	void *ring = bpf_map_lookup_elem(&rings, &worker);

	v->wake = bpf_map_lookup_elem(&workers, &worker);
	if (!ring || !v->wake)
		return REASON_DROP_RING_FULL;
	return record_fill(v, ring, x);
}

static __always_inline void record_head(struct visit *v, const struct extract *x, __u64 now)
{
	struct record *r = v->record;

	r->arrival = now;
	r->index = v->known.index;
	r->generation = v->known.generation;
	r->length = x->length;
}

/* The kernel's own way of waking costs an interrupt per record; here only a
 * worker that says that it sleeps is woken. The exchange is a full barrier
 * between the reservation and the look at the flag (see struct worker_wake). */
static __always_inline void record_submit(struct visit *v)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (__sync_lock_test_and_set(&v->wake->asleep, 0))
		flags = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(v->record, flags);
}

#endif
