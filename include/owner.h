/* SPDX-License-Identifier: BSD-2-Clause */
/* Ownership of a flow: how two writers never meet.
 *
 *   63 ………… 34 33 32 31 ………… 0
 *   generation  owner  punted       struct flow.word
 *
 *            owner_enter                  owner_leave
 *   XDP_IDLE ───────────► XDP_BUSY ─────────────────────► XDP_IDLE
 *      ▲ │                    │ owner_give (XDP punts, after its record
 *      │ │ owner_take         ▼             is reserved: punted = 1)
 *      │ └────────────────► DAEMON ◄─┐ owner_count_punt: one more record
 *      └──────────────────────┘──────┘ of this flow on its way
 *          owner_hand_back: only if punted == consumed
 *
 * Rules:
 * 1. flow.rx is written only by XDP in XDP_BUSY, or by the daemon in DAEMON.
 * 2. The daemon hands back only when it has consumed every counted punt and has
 *    absorbed every hit record (conn.hits == flow.rx.hits), and writes flow.rx
 *    before the swap.
 * 3. A punt that was not counted (another CPU had the flow, or the swap lost
 *    eight times) is correct: the daemon takes the flow before it looks at it.
 * 4. The daemon spins in owner_take while it reads XDP_BUSY: an XDP program
 *    cannot sleep, so that is short.
 * 5. A generation that differs means that the flow's place has been used again: XDP
 *    treats the segment as one of no connection. No two flows have the same one, and
 *    nobody's has 0 (flow_place.h).
 * 6. When two CPUs bring segments of one flow, a punt can overtake a hit: after
 *    owner_take, flow.rx can be ahead of the daemon's own state by hit records
 *    that come later in the ring. They are absorbed when they come, as segments
 *    whose text may be old by then; until then rule 2 forbids to hand back.
 * Every change is a compare-and-swap, a full barrier with both compilers and on
 * both sides. */
#ifndef XTCP_OWNER_H
#define XTCP_OWNER_H

#include <linux/types.h>
#include <stdbool.h>

enum owner { OWNER_XDP_IDLE, OWNER_XDP_BUSY, OWNER_DAEMON };

enum { OWNER_SHIFT = 32, GENERATION_SHIFT = 34, OWNER_TRIES = 8 };

#define GENERATION_MASK 0x3fffffffu

static inline __u64 owner_word(enum owner owner, __u32 generation, __u32 punted)
{
	return (__u64)(generation & GENERATION_MASK) << GENERATION_SHIFT |
	       (__u64)owner << OWNER_SHIFT | punted;
}

static inline enum owner owner_of(__u64 word)
{
	return (enum owner)(word >> OWNER_SHIFT & 3);
}

static inline __u32 owner_generation(__u64 word)
{
	return (__u32)(word >> GENERATION_SHIFT);
}

static inline __u32 owner_punted(__u64 word)
{
	return (__u32)word;
}

static inline __u64 owner_read(const __u64 *word)
{
	return *(const volatile __u64 *)word;
}

static inline bool owner_swap(__u64 *word, __u64 from, __u64 to)
{
	return __sync_val_compare_and_swap(word, from, to) == from;
}

/* XDP: idle → busy. False: somebody else has it. */
static inline bool owner_enter(__u64 *word, __u32 generation)
{
	return owner_swap(word, owner_word(OWNER_XDP_IDLE, generation, 0),
			  owner_word(OWNER_XDP_BUSY, generation, 0));
}

/* XDP, busy → idle: the segment was a hit, or was dropped. Nobody else changes
 * a busy word, so the swap cannot fail; it is a swap for its barrier. */
static inline void owner_leave(__u64 *word, __u32 generation)
{
	owner_swap(word, owner_word(OWNER_XDP_BUSY, generation, 0),
		   owner_word(OWNER_XDP_IDLE, generation, 0));
}

/* XDP, busy → daemon: the segment is punted, its record is reserved. */
static inline void owner_give(__u64 *word, __u32 generation)
{
	owner_swap(word, owner_word(OWNER_XDP_BUSY, generation, 0),
		   owner_word(OWNER_DAEMON, generation, 1));
}

/* XDP, while the daemon owns the flow: one more punt on its way. Counted before
 * its record is reserved, so that from here on the flow cannot be handed back
 * without it. False: not counted; the daemon may just have handed the flow back,
 * and then owner_enter is next. */
static inline bool owner_count_punt(__u64 *word, __u32 generation)
{
	for (int i = 0; i < OWNER_TRIES; i++) {
		__u64 seen = owner_read(word);

		if (owner_of(seen) != OWNER_DAEMON || owner_generation(seen) != generation)
			return false;
		if (owner_swap(word, seen, seen + 1))
			return true;
	}
	return false;
}

/* XDP: no record could be made of the punt that was counted. Should the swap lose
 * every time, the flow stays the daemon's: slow, and right. */
static inline void owner_uncount_punt(__u64 *word, __u32 generation)
{
	for (int i = 0; i < OWNER_TRIES; i++) {
		__u64 seen = owner_read(word);

		if (owner_of(seen) != OWNER_DAEMON || owner_generation(seen) != generation ||
		    owner_swap(word, seen, seen - 1))
			return;
	}
}

/* Daemon: whatever → daemon. True if the flow was XDP's and is now ours with no
 * punt counted; false if it was ours already. */
static inline bool owner_take(__u64 *word, __u32 generation)
{
	for (;;) {
		if (owner_swap(word, owner_word(OWNER_XDP_IDLE, generation, 0),
			       owner_word(OWNER_DAEMON, generation, 0)))
			return true;
		if (owner_of(owner_read(word)) == OWNER_DAEMON)
			return false;
	}
}

/* Daemon → idle, after `consumed` counted punts since it took the flow. False:
 * another punt is on its way, the flow stays ours. */
static inline bool owner_hand_back(__u64 *word, __u32 generation, __u32 consumed)
{
	return owner_swap(word, owner_word(OWNER_DAEMON, generation, consumed),
			  owner_word(OWNER_XDP_IDLE, generation, 0));
}

#endif
