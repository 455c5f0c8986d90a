/* SPDX-License-Identifier: BSD-2-Clause */
/* See ladder.h: from JSON to what both pictures are drawn from. */
#include "ladder.h"
#include <stdlib.h>
#include <string.h>

static int read_from(const char *name, enum ladder_from *from)
{
	static const char *const names[] = {"peer", "xtcp", "timer"};

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(name, names[i])) {
			*from = (enum ladder_from)i;
			return 0;
		}
	return -1;
}

static int read_step(json_t *json, struct ladder_step *s, const char *state_before)
{
	json_int_t seq = 0;
	json_int_t ack = -1;
	json_int_t length = 0;
	json_int_t time_us;
	const char *from;
	int xdp = 0;

	if (json_unpack(json, "{s:s, s:I, s:s, s:s, s?I, s?I, s?I, s?b}", "from", &from, "time_us",
			&time_us, "flags", &s->flags, "state", &s->state, "seq", &seq, "ack", &ack,
			"length", &length, "xdp", &xdp) ||
	    read_from(from, &s->from))
		return -1;
	s->time_us = (double)time_us;
	s->seq = seq;
	s->ack = ack;
	s->length = length;
	s->xdp = xdp;
	s->changes = strcmp(s->state, state_before) != 0;
	return 0;
}

static int read_steps(json_t *list, struct ladder *l)
{
	const char *state = l->first_state;
	json_t *one;
	size_t i;

	l->steps = calloc(json_array_size(list) + 1, sizeof(l->steps[0]));
	if (!l->steps)
		return -1;
	json_array_foreach(list, i, one) {
		if (read_step(one, &l->steps[i], state))
			return -1;
		state = l->steps[i].state;
		l->count++;
	}
	return 0;
}

int ladder_read(const json_t *json, struct ladder *l)
{
	json_int_t id;
	json_int_t total;
	json_int_t left_out;
	json_int_t after;
	json_t *list;
	int live;

	memset(l, 0, sizeof(*l));
	if (json_unpack((json_t *)json, "{s:I, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:o}", "id", &id,
			"local", &l->local, "remote", &l->remote, "first_state", &l->first_state,
			"live", &live, "total", &total, "left_out", &left_out, "left_out_after",
			&after, "segments", &list))
		return -1;
	l->id = id;
	l->live = live;
	l->total = total;
	l->left_out = left_out;
	l->left_out_after = (size_t)after;
	return read_steps(list, l);
}

void ladder_free(struct ladder *l)
{
	free(l->steps);
	l->steps = NULL;
}

void ladder_label(const struct ladder_step *s, char label[LADDER_LABEL])
{
	size_t at;

	if (s->from == FROM_TIMER) {
		snprintf(label, LADDER_LABEL, "time is up");
		return;
	}
	at = (size_t)snprintf(label, LADDER_LABEL, "%s  seq %lld", *s->flags ? s->flags : "none",
			      (long long)s->seq);
	if (s->ack >= 0)
		at += (size_t)snprintf(label + at, LADDER_LABEL - at, "  ack %lld",
				       (long long)s->ack);
	if (s->length)
		snprintf(label + at, LADDER_LABEL - at, "  len %lld", (long long)s->length);
}

void ladder_time(double time_us, char text[LADDER_TIME])
{
	if (time_us < 1e6)
		snprintf(text, LADDER_TIME, "%.3f ms", time_us / 1e3);
	else
		snprintf(text, LADDER_TIME, time_us < 1e8 ? "%.6f s" : "%.3f s", time_us / 1e6);
}
