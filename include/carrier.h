/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrier frames: small segments that wait a moment for a frame to ride on.
 *
 * A frame that XDP has consumed need not be thrown away: turned into a segment
 * that the worker has ready, it leaves at once (XDP_TX), without an skb, a system
 * call or a soft interrupt of its own. The worker loads whole frames, checksums
 * and all, into a ring of slots; any frame carries any connection's segment.
 *
 *	   claimed            filled
 *	      ▼ waiting          ▼ free
 *	──────█████████████████──────────
 *	XDP, or the worker       the worker alone
 *
 * Rules:
 * 1. Both count for ever and wrap; slot[n % CARRIER_SLOTS] is that of position n.
 *    A slot is free once `claimed` has passed it: filled - claimed <= CARRIER_SLOTS.
 * 2. The worker writes the slot, then `filled`.
 * 3. XDP copies first and claims afterwards, by compare-and-swap. If the swap
 *    succeeds, nobody has claimed the slot meanwhile, so nobody could have
 *    written it: the copy is whole. If not, the copy is worth nothing, and the frame,
 *    whose content was consumed before, is dropped as it would have been without.
 * 4. XDP reads `filled` before it submits its record or leaves the flow: the full
 *    barrier of either comes between this and its reading of the slot.
 * 5. The worker takes back by the same swap what found no carrier, and sends it
 *    another way; being the only one that writes slots, it copies after.
 * 6. Slots are claimed in their order. A segment of a connection that goes another way
 *    waits until those before it are (user/tx.c). What is claimed leaves when the poll
 *    of the claimer's CPU ends; only another CPU could overtake it in between, which is
 *    reordering, as networks do it, and rare.
 *
 * Multiplying. Where frames come one at a time because they left one at a time, each
 * costs a poll of the driver on either side. So the worker may allow `seeds`: a frame
 * that takes one is copied (BPF_F_BROADCAST of a devmap), and each copy is a carrier of
 * its own, CARRIER_RIDERS of them. From then on so many come and go together. The copies
 * bear a struct ride: whose slots they are for, and `filled` as it was read before the
 * barrier (rule 4). Copies leave before other frames of the same poll, so there are no
 * seeds while two segments of one connection wait. A frame in several pieces is not
 * copied: the kernel copies the first alone.
 *
 * A slot may go stale while it waits, and harmlessly so: text stays the text of its
 * sequence numbers; an older acknowledgment is ignored, and its window with it
 * (RFC 9293, 3.10.7.4, fifth); an acknowledgment in place that overtakes it has a
 * SEG.SEQ behind its text, so the peer's TS.Recent is not moved by it
 * (RFC 7323, 4.3), and its older timestamp is accepted. */
#ifndef XTCP_CARRIER_H
#define XTCP_CARRIER_H

#include <linux/types.h>
#include <stdbool.h>

/* A slot holds a frame of Ethernet's 1500 bytes, tagged or not. */
enum { CARRIER_SLOTS = 1024, CARRIER_BYTES = 1532, CARRIER_RIDERS = 8 };

struct carrier_slot {
	__u32 length; /* bytes of the frame, from the Ethernet header on; never 0 */
	__u8 bytes[CARRIER_BYTES];
};

/* What a copy bears in its first bytes, in place of the frame that was consumed. */
struct ride {
	__u32 worker;
	__u32 filled;
};

/* Of one worker; both positions on a cache line of their own. */
struct carrier {
	__u32 filled; /* by the worker */
	__u32 spare[15];
	__u32 claimed; /* by whoever claims, compare-and-swap */
	__u32 seeds;   /* frames that may still be multiplied: set by the worker, taken by XDP */
	__u32 unused[14];
	struct carrier_slot slot[CARRIER_SLOTS];
};

static inline __u32 carrier_filled(const struct carrier *c)
{
	return *(const volatile __u32 *)&c->filled;
}

static inline __u32 carrier_claimed(const struct carrier *c)
{
	return *(const volatile __u32 *)&c->claimed;
}

/* Is `position` before `filled`, on the circle? */
static inline bool carrier_waits(__u32 position, __u32 filled)
{
	return (__s32)(filled - position) > 0;
}

static inline bool carrier_claim(struct carrier *c, __u32 position)
{
	return __sync_val_compare_and_swap(&c->claimed, position, position + 1) == position;
}

static inline __u32 carrier_has_seed(const struct carrier *c)
{
	return *(const volatile __u32 *)&c->seeds;
}

/* A frame that may be multiplied; a swap that fails is one multiplication less. */
static inline bool carrier_take_seed(struct carrier *c)
{
	__u32 seeds = carrier_has_seed(c);

	return seeds && __sync_val_compare_and_swap(&c->seeds, seeds, seeds - 1) == seeds;
}

_Static_assert(sizeof(struct carrier_slot) == 1536, "whole cache lines");
_Static_assert(sizeof(struct carrier) == 128 + 1536 * CARRIER_SLOTS, "as laid out");

#endif
