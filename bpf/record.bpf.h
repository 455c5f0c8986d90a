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
	ROOM_FRAME = 1536, /* of Ethernet's own 1500 bytes, tagged or not */
	ROOM_JUMBO = 10240,
	ROOM_LARGEST = 65600,
};

/* One call of bpf_xdp_load_bytes moves less than 64 KiB; one of bpf_csum_diff
 * adds up at most 512 bytes before Linux 6.13, always a multiple of four. */
enum { COPY_MOST = 0xffff, SUM_MOST = 512, SUM_UNIT = 4, SUM_ALL_SINCE = 6 << 16 | 13 << 8 };

/* Filled in by libbpf before it loads, so that the verifier knows it and leaves
 * out what this kernel does not need. */
extern int LINUX_KERNEL_VERSION __kconfig;

/* Behind the data of the large ones, so that the verifier need not know that the
 * last piece to be added up ends where the data ends. */
enum { SUM_SLACK = SUM_MOST + SUM_UNIT };

/* What of the frame goes into the record. */
struct extract {
	__u64 length;
	__u32 offset;
	bool add_up; /* the Internet checksum's sum is wanted in `sum` */
	__u64 sum;
};

/* Is *length in 1 … most? If so, the verifier knows it from here on: the value is
 * put together anew from a register of 64 bits that was compared. The verifier of
 * Linux 6.1 does not carry what it learns to copies of the lower half, nor from
 * x - 1 < y to x, nor from x != 0 to x >= 1. */
static __always_inline bool prove_length(__u64 *length, const __u64 most)
{
	__u64 last = *length - 1;

	as_it_is(last);
	*length = last + 1;
	return last < most;
}

static __always_inline bool copy_bytes(struct visit *v, __u32 offset, __u64 length,
				       const __u32 room)
{
	__u8 *data = v->record->data;

	if (room <= COPY_MOST || length <= COPY_MOST)
		return !bpf_xdp_load_bytes(v->ctx, offset, data, length);
	length -= COPY_MOST;
	return prove_length(&length, room - COPY_MOST) &&
	       !bpf_xdp_load_bytes(v->ctx, offset, data, COPY_MOST) &&
	       !bpf_xdp_load_bytes(v->ctx, offset + COPY_MOST, data + COPY_MOST, length);
}

/* `length` bytes, and zeros up to a whole word. */
static __always_inline __u32 sum_words(__u8 *data, __u64 length)
{
	length = (length + SUM_UNIT - 1) & ~(SUM_UNIT - 1ull);
	return (__u32)bpf_csum_diff(0, 0, (__be32 *)data, length, 0);
}

static __always_inline __u32 sum_piece(__u8 *data, __u64 length)
{
	return sum_words(data, length > SUM_MOST ? SUM_MOST : length);
}

static __always_inline __u64 sum_few(__u8 *data, __u64 length, const __u32 room)
{
	__u64 sum = 0;

	for (__u64 at = 0; at < room && at < length; at += SUM_MOST)
		sum += sum_piece(data + at, length - at);
	return sum;
}

/* The same with a helper's loop, which the verifier goes through once and not
 * once per turn. */
struct sum_loop {
	__u8 *data;
	__u64 sum;
	__u64 length;
	__u64 room; /* >= length; constant, as the verifier wants a bound to be */
};

static long sum_turn(__u32 turn, struct sum_loop *l)
{
	__u64 at = (__u64)turn * SUM_MOST;

	if (at >= l->room)
		return 1;
	as_it_is(at);
	if (at >= l->length)
		return 1;
	l->sum += sum_piece(l->data + at, l->length - at);
	return 0;
}

static __always_inline __u64 sum_many(__u8 *data, __u64 length, const __u32 room)
{
	struct sum_loop l = {.data = data, .length = length, .room = room};

	bpf_loop(room / SUM_MOST + 1, sum_turn, &l, 0);
	return l.sum;
}

static __always_inline __u64 sum_bytes(__u8 *data, __u64 length, const __u32 room)
{
	if (LINUX_KERNEL_VERSION >= SUM_ALL_SINCE)
		return sum_words(data, length);
	return room <= ROOM_FRAME ? sum_few(data, length, room) : sum_many(data, length, room);
}

static __always_inline __u32 record_size(const __u32 room)
{
	return sizeof(struct record) + room + (room <= ROOM_FRAME ? SUM_UNIT : SUM_SLACK);
}

/* Leaves v->record reserved and filled, or 0. The word behind the data is zeroed
 * first, since sums are made of whole words. */
static __always_inline enum reason record_of_room(struct visit *v, void *ring, struct extract *x,
						  const __u32 room)
{
	__u64 length = x->length;

	if (!prove_length(&length, room))
		return REASON_DROP_TOO_LARGE;
	v->record = bpf_ringbuf_reserve(ring, record_size(room), 0);
	if (!v->record)
		return REASON_DROP_RING_FULL;
	*(__u32 *)(v->record->data + (length & ~(SUM_UNIT - 1ull))) = 0;
	if (!copy_bytes(v, x->offset, length, room)) {
		bpf_ringbuf_discard(v->record, BPF_RB_NO_WAKEUP);
		return REASON_DROP_TOO_LARGE;
	}
	if (x->add_up)
		x->sum = sum_bytes(v->record->data, length, room);
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
	v->carrier = bpf_map_lookup_elem(&carrier, &worker);
	if (!ring || !v->wake || !v->carrier)
		return REASON_DROP_RING_FULL;
	v->worker = worker;
	v->filled = carrier_filled(v->carrier);
	return record_fill(v, ring, x);
}

static __always_inline void record_head(struct visit *v, const struct extract *x,
					enum record_kind kind, enum reason reason)
{
	struct record *r = v->record;

	r->index = v->index;
	r->generation = v->generation;
	r->length = x->length;
	r->kind = kind;
	r->reason = reason;
}

/* The kernel's own way of waking costs an interrupt per record; here only a
 * worker that says that it sleeps is woken. Between the reservation and the look
 * at the flag there must be a full barrier (see struct worker_wake). */
static __always_inline bool worker_sleeps(struct worker_wake *w)
{
	return __sync_lock_test_and_set(&w->asleep, 0);
}

static __always_inline void record_submit(struct visit *v)
{
	bpf_ringbuf_submit(v->record,
			   worker_sleeps(v->wake) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* The same right after owner_leave(), whose compare-and-swap is the barrier, so
 * that looking is enough in nearly every case. */
static __always_inline void record_submit_after_leave(struct visit *v)
{
	__u32 asleep = *(const volatile __u32 *)&v->wake->asleep;

	if (asleep)
		asleep = worker_sleeps(v->wake);
	bpf_ringbuf_submit(v->record, asleep ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
