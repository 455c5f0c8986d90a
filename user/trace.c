/* SPDX-License-Identifier: BSD-2-Clause */
/* A bounded record of connections' lives, for `xtcpctl ladder`: a fixed number
 * of places, each on one of two lists. A new connection takes a place that
 * is free, else that of the connection that ended first, else that of the one
 * that has lived longest; so nothing is searched and nothing is allocated while
 * connections come and go. */
#include "trace.h"
#include <stdlib.h>

enum { NONE = -1 };

struct list {
	int first; /* the oldest */
	int last;
};

struct place {
	int next;
	int previous;
	struct trace trace;
};

struct traces {
	uint32_t most;
	uint32_t used; /* places that have been taken at least once */
	struct list living;
	struct list ended;
	struct place place[];
};

static void list_append(struct traces *t, struct list *list, int i)
{
	struct place *p = &t->place[i];

	p->next = NONE;
	p->previous = list->last;
	if (list->last == NONE)
		list->first = i;
	else
		t->place[list->last].next = i;
	list->last = i;
}

static void list_remove(struct traces *t, struct list *list, int i)
{
	const struct place *p = &t->place[i];

	if (p->previous == NONE)
		list->first = p->next;
	else
		t->place[p->previous].next = p->next;
	if (p->next == NONE)
		list->last = p->previous;
	else
		t->place[p->next].previous = p->previous;
}

static int list_take_oldest(struct traces *t, struct list *list)
{
	int i = list->first;

	if (i != NONE)
		list_remove(t, list, i);
	return i;
}

struct traces *traces_create(uint32_t most)
{
	/* Untouched places cost no memory: calloc of this size maps zero pages. */
	struct traces *t = calloc(1, sizeof(*t) + most * sizeof(t->place[0]));

	if (!t)
		return NULL;
	t->most = most;
	t->living = t->ended = (struct list){NONE, NONE};
	return t;
}

void traces_destroy(struct traces *t)
{
	free(t);
}

/* Places are used for the first time in their order, so that creating them does
 * not touch them all. */
static int take_place(struct traces *t)
{
	int i;

	if (t->used < t->most)
		return (int)t->used++;
	i = list_take_oldest(t, &t->ended);
	if (i == NONE)
		i = list_take_oldest(t, &t->living);
	return i;
}

int trace_begin(struct traces *t, const struct conn *c, uint64_t now)
{
	int i = take_place(t);
	struct trace *trace;

	if (i == NONE)
		return NONE;
	list_append(t, &t->living, i);
	trace = &t->place[i].trace;
	*trace = (struct trace){
		.id = c->id,
		.tuple = c->tuple,
		.began = now,
		.first_state = c->passive ? LISTEN : CLOSED,
	};
	return i;
}

static struct trace *trace_at(struct traces *t, int place, uint32_t id)
{
	struct trace *trace;

	if (place < 0 || (uint32_t)place >= t->used)
		return NULL;
	trace = &t->place[place].trace;
	return trace->id == id && !trace->ended ? trace : NULL;
}

/* The initial sequence numbers, from the first SYN of each side: relative
 * numbers do not change when a peer sends another one later. */
static void learn_origin(struct trace *trace, const struct trace_entry *e)
{
	uint8_t side = e->how & TRACE_OUT ? TRACE_ISS_KNOWN : TRACE_IRS_KNOWN;

	if (!(e->flags & SYN) || trace->known & side)
		return;
	trace->known |= side;
	if (side == TRACE_ISS_KNOWN)
		trace->iss = e->seq;
	else
		trace->irs = e->seq;
}

void trace_segment(struct traces *t, int place, uint32_t id, const struct trace_entry *e)
{
	struct trace *trace = trace_at(t, place, id);

	if (!trace)
		return;
	learn_origin(trace, e);
	if (trace->total < TRACE_HEAD)
		trace->head[trace->total] = *e;
	else
		trace->tail[trace->total % TRACE_TAIL] = *e;
	trace->last_state = e->state;
	trace->total++;
}

void trace_end(struct traces *t, int place, uint32_t id, uint64_t now)
{
	struct trace *trace = trace_at(t, place, id);

	if (!trace)
		return;
	trace->ended = now ? now : 1;
	trace->last_state = CLOSED;
	list_remove(t, &t->living, place);
	list_append(t, &t->ended, place);
}

const struct trace *trace_find(const struct traces *t, uint32_t id)
{
	for (uint32_t i = 0; i < t->used; i++)
		if (t->place[i].trace.id == id)
			return &t->place[i].trace;
	return NULL;
}

static void each_of(const struct traces *t, const struct list *list,
		    void (*visit)(const struct trace *trace, void *argument), void *argument)
{
	for (int i = list->first; i != NONE; i = t->place[i].next)
		visit(&t->place[i].trace, argument);
}

void traces_each(const struct traces *t, void (*visit)(const struct trace *trace, void *argument),
		 void *argument)
{
	each_of(t, &t->ended, visit, argument);
	each_of(t, &t->living, visit, argument);
}

const struct trace_entry *trace_entry_at(const struct trace *trace, uint64_t n)
{
	if (n < TRACE_HEAD)
		return &trace->head[n];
	return &trace->tail[n % TRACE_TAIL];
}

uint64_t trace_left_out(const struct trace *trace)
{
	uint64_t kept = TRACE_HEAD + TRACE_TAIL;

	return trace->total > kept ? trace->total - kept : 0;
}
