/* SPDX-License-Identifier: BSD-2-Clause */
/* Answering segments of no connection; see strays.h. */
#include "strays.h"
#include "engine.h"
#include "parse.h"

enum { ANSWERS_PER_SECOND = 2000, ANSWERS_MOST = 500 };
enum { ANSWER_EVERY = 1000000000 / ANSWERS_PER_SECOND };

static bool may_answer(struct strays *s, uint64_t now)
{
	uint64_t due = (now - s->filled) / ANSWER_EVERY;

	if (now > s->filled && due) {
		s->answers =
			due > ANSWERS_MOST - s->answers ? ANSWERS_MOST : s->answers + (uint32_t)due;
		s->filled += due * ANSWER_EVERY;
	}
	if (!s->answers)
		return false;
	s->answers--;
	return true;
}

void strays_answer(struct worker *w, const struct packet *p, const struct link_address *link)
{
	struct segment answer = {0};

	if (!tcp_answer_stray(&p->segment, &answer)) {
		worker_drop(w, REASON_DROP_STRAY);
		return;
	}
	if (!may_answer(&w->strays, w->host.now)) {
		worker_drop(w, REASON_DROP_REPLY_LIMIT);
		return;
	}
	/* An answer that finds no room is one that got lost. */
	if (tx_is_ready(&w->tx))
		tx_bare(w, &p->tuple, link, &answer);
}
