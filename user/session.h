/* SPDX-License-Identifier: BSD-2-Clause */
/* A session: what the daemon keeps of one connection beside the maps. The maps
 * hold what must outlive the process; this holds what cannot: whom it serves,
 * where its text is chained, whose turn it is.
 *
 * The session_…() calls of service.h are implemented in session.c. They only
 * change state and put the session on its worker's list; settle.c does what
 * follows from it. */
#ifndef XTCP_SESSION_H
#define XTCP_SESSION_H

#include "abi.h"
#include "service.h"
#include "sizing.h"
#include "tcp/tcp.h"
#include "text.h"
#include <stdbool.h>

struct worker;

enum session_mark {
	MARK_LIVE = 0x0001,	   /* the place is in use */
	MARK_QUEUED = 0x0002,	   /* on the worker's list, or being settled */
	MARK_CHANGED = 0x0004,	   /* something happened since it was last settled */
	MARK_HALF_OPEN = 0x0008,   /* counts as half open */
	MARK_OPENED = 0x0010,	   /* service->open() returned 0 */
	MARK_ENDED = 0x0020,	   /* service->ended() was called */
	MARK_LITTLE_ROOM = 0x0040, /* tell the service when there is room again */
	MARK_STARVED = 0x0080,	   /* the text pool had no block for what it wrote */
	MARK_ABORTED = 0x0100,	   /* by us */
	MARK_FORSAKEN = 0x0200,	   /* its service reads no more */
	MARK_LINGERS = 0x0400,	   /* CLOSED, with text that its service has not read */
	MARK_XDP = 0x0800,	   /* handed back to XDP, and not seen to be ours since */
	MARK_CLOSED = 0x1000,	   /* EVENT_CLOSED has been seen */
	MARK_PARTIAL = 0x2000,	   /* its peer leaves checksums to the link, see csum.h */
};

struct session {
	struct worker *worker;
	struct conn *conn;
	struct flow *flow; /* NULL: XDP knows nothing of it */
	const struct listener_config *as;
	void *private_data;
	struct text_chain send;
	struct text_chain receive;
	struct sizing sizing;
	uint32_t index;	      /* into conns */
	uint32_t consumed;    /* counted punts since the daemon owns the flow */
	uint32_t carried;     /* position of its last segment that left by carrier frame */
	uint32_t next;	      /* on the list of what is to be settled, or that of free places */
	int32_t trace;	      /* its place, trace.h */
	uint16_t marks;	      /* enum session_mark */
	uint8_t end;	      /* enum session_end, once known */
	uint8_t soft_error;   /* enum icmp_error: the last one, of which … */
	uint16_t soft_errors; /* … so many came; saturates */
};

_Static_assert(sizeof(struct session) <= 128, "memory per idle connection is a promise");

/* Does its service know of it, and not of its end? */
static inline bool session_serves(const struct session *s)
{
	return (s->marks & (MARK_OPENED | MARK_ENDED)) == MARK_OPENED;
}

/* Bytes in order that the service has not taken. */
uint32_t session_unread(const struct session *s);
/* Puts it on its worker's list. */
void session_changed(struct session *s);
/* Its service saw little room, and wants to be told of more. */
void session_note_little_room(struct session *s);
/* Is there enough room again to tell a service that waits for it? */
bool session_has_room(const struct session *s);
/* Blocks behind text that nobody needs any more go back to the pool. */
void session_release_sent(struct session *s);
void session_release_read(struct session *s);
/* A segment into its trace, if it has one; how: enum trace_flags. */
void session_trace(struct session *s, const struct segment *seg, uint8_t how);

#endif
