/* SPDX-License-Identifier: BSD-2-Clause */
/* Places of connections; see sessions.h. */
#include "sessions.h"
#include "engine.h"
#include "flows.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of one search: a SYN must not cost more than a look at this many places. */
enum { HAND_STEPS = 256 };

int sessions_make(struct worker *w)
{
	struct sessions *t = &w->sessions;

	t->place = calloc(t->count, sizeof(*t->place));
	if (!t->place)
		return -ENOMEM;
	t->free_first = SESSIONS_NONE;
	t->changed_first = t->changed_last = SESSIONS_NONE;
	return 0;
}

void sessions_destroy(struct worker *w)
{
	free(w->sessions.place);
	w->sessions.place = NULL;
}

/* Places are used for the first time in their order, so that memory of those
 * that are never needed is never touched. */
static struct session *take_place(struct sessions *t)
{
	struct session *s;

	if (t->free_first == SESSIONS_NONE)
		return t->high < t->count ? &t->place[t->high++] : NULL;
	s = &t->place[t->free_first];
	t->free_first = s->next;
	return s;
}

static void fill_place(struct worker *w, struct session *s)
{
	uint32_t index = w->sessions.base + (uint32_t)(s - w->sessions.place);

	*s = (struct session){
		.worker = w,
		.conn = &w->engine->maps.conns[index],
		.index = index,
		.next = SESSIONS_NONE,
		.trace = -1,
		.marks = MARK_LIVE,
		.end = SESSION_CLOSED,
	};
	text_chain_make(&s->send);
	text_chain_make(&s->receive);
}

struct session *sessions_allocate(struct worker *w, const struct tuple *t,
				  const struct link_address *link)
{
	struct session *s = take_place(&w->sessions);

	if (!s)
		return NULL;
	fill_place(w, s);
	memset(s->conn, 0, sizeof(*s->conn));
	s->conn->tuple = *t;
	s->conn->link = *link;
	s->conn->id = w->sessions.next_id++ * w->engine->workers + w->number + 1;
	w->sessions.live++;
	return s;
}

void sessions_release(struct session *s)
{
	struct worker *w = s->worker;
	struct sessions *t = &w->sessions;
	uint32_t place = (uint32_t)(s - t->place);

	flow_end(s);
	if (s->marks & MARK_HALF_OPEN)
		t->half_open--;
	text_release_all(&w->text, TEXT_SEND, &s->send);
	text_release_all(&w->text, TEXT_RECEIVE, &s->receive);
	wheel_cancel(&w->wheel, place);
	s->conn->state = CLOSED;
	s->marks = 0;
	s->next = t->free_first;
	t->free_first = place;
	t->live--;
}

/* Places are filled in turn, and those that this frees are filled next: so the
 * hand goes around from old to new. */
struct session *sessions_half_open_oldest(struct worker *w)
{
	struct sessions *t = &w->sessions;

	for (uint32_t i = 0; i < HAND_STEPS && i < t->high; i++) {
		struct session *s = &t->place[t->hand];

		t->hand = (t->hand + 1) % t->high;
		if ((s->marks & (MARK_HALF_OPEN | MARK_QUEUED)) == MARK_HALF_OPEN)
			return s;
	}
	return NULL;
}

struct session *sessions_known(struct worker *w, uint32_t index, uint32_t generation)
{
	struct sessions *t = &w->sessions;
	struct session *s;

	if (index - t->base >= t->high)
		return NULL;
	s = &t->place[index - t->base];
	return s->marks & MARK_LIVE && s->conn->generation == generation ? s : NULL;
}

struct session *sessions_find(struct worker *w, const struct tuple *t)
{
	struct flow_found found;

	if (!flow_table_find(&w->engine->flows, t, &found))
		return NULL;
	return sessions_known(w, found.index, found.generation);
}

struct session *sessions_next_changed(struct worker *w)
{
	struct sessions *t = &w->sessions;
	struct session *s;

	if (t->changed_first == SESSIONS_NONE)
		return NULL;
	s = &t->place[t->changed_first];
	t->changed_first = s->next;
	if (t->changed_first == SESSIONS_NONE)
		t->changed_last = SESSIONS_NONE;
	s->next = SESSIONS_NONE;
	return s;
}
