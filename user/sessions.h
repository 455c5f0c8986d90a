/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of a worker's connections: a slice of the indices of `conns`. */
#ifndef XTCP_SESSIONS_H
#define XTCP_SESSIONS_H

#include "session.h"

#define SESSIONS_NONE UINT32_MAX

struct sessions {
	struct session *place; /* of `count` */
	uint32_t base;	       /* index of place[0] */
	uint32_t count;
	uint32_t live;
	uint32_t half_open;
	uint32_t half_open_most;
	uint32_t hand; /* where the search for the oldest half-open one goes on */
	uint32_t high; /* places below it have been used */
	uint32_t free_first;
	uint32_t changed_first;
	uint32_t changed_last;
	uint32_t next_id;
};

int sessions_make(struct worker *w); /* 0, -ENOMEM; base and count are set */
void sessions_destroy(struct worker *w);

/* A place with its connection zeroed but for tuple, link and id, and without a flow
 * (flow_begin()). NULL: the table is full. */
struct session *sessions_allocate(struct worker *w, const struct tuple *t,
				  const struct link_address *link);
/* Gives everything back; records in flight that name it mean nobody any more. */
void sessions_release(struct session *s);

/* The half-open connection that waits longest, about, if it is not just being
 * dealt with: NULL if a short search finds none. */
struct session *sessions_half_open_oldest(struct worker *w);

/* By what a record says; NULL if that connection is gone or is not ours. */
struct session *sessions_known(struct worker *w, uint32_t index, uint32_t generation);
/* By its tuple: as sessions_known(). */
struct session *sessions_find(struct worker *w, const struct tuple *t);

/* The next that is to be settled, off the list; NULL if none. */
struct session *sessions_next_changed(struct worker *w);

#endif
