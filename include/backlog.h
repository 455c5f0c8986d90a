/* SPDX-License-Identifier: BSD-2-Clause */
/* How many segments of no connection may wait in a worker's ring: SYNs, strays.
 *
 * The ring is one queue, and a SYN is ten times the work of a segment of a connection.
 * When more strangers come than the worker can deal with, a full ring of them would be
 * in front of everybody; so there are never more than a millisecond or two of work.
 * A crowd that comes at once is not a flood: it is let in, and only the one that it
 * does not end with makes the worker count as behind. From then on, until nobody has
 * been turned away for a while, few may wait; those keep the worker as busy as more
 * would.
 *
 *	waiting ─ up to BACKLOG_CROWD ──► in
 *	   │ beyond: turned away, behind for BACKLOG_WHILE
 *	   └ while behind, beyond BACKLOG_FEW: turned away, behind anew
 *
 * Only strangers are counted, and not how full the ring is: with many connections it
 * holds megabytes of their records, which are soon done with, and newcomers must still
 * get in. */
#ifndef XTCP_BACKLOG_H
#define XTCP_BACKLOG_H

#include "abi.h"

/* By weight. A SYN is about 11 us of work and 216 bytes of the ring. */
enum { BACKLOG_FEW = 128, BACKLOG_CROWD = 4096 };

enum { BACKLOG_UNIT = 512 }; /* bytes of a frame that weigh as much as a record */

#define BACKLOG_WHILE (100 * 1000000ull) /* ns */

/* Of a frame of `length` bytes. */
static inline __u32 backlog_weight(__u32 length)
{
	return 1 + length / BACKLOG_UNIT;
}

/* May one more wait? CPUs that ask at once may let in one more each, which is no harm. */
static inline int backlog_admits(struct backlog *b, __u64 now)
{
	__u32 most = now < b->behind_until ? BACKLOG_FEW : BACKLOG_CROWD;

	if (b->waiting < most)
		return 1;
	b->behind_until = now + BACKLOG_WHILE;
	return 0;
}

/* By XDP, before the worker can see the record: it must not leave before it came. */
static inline void backlog_enter(struct backlog *b, __u32 length)
{
	__sync_fetch_and_add(&b->waiting, backlog_weight(length));
}

/* By the worker. */
static inline void backlog_leave(struct backlog *b, __u32 length)
{
	__sync_fetch_and_sub(&b->waiting, backlog_weight(length));
}

#endif
