/* SPDX-License-Identifier: BSD-2-Clause */
/* See pair.h. */
#include "pair.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_MOST = 1000 };

void pair_expect(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "not measured: %s\n", what);
	exit(1);
}

static uint32_t keep_text(struct host *h, struct conn *c, uint32_t seq, const void *text,
			  uint32_t length)
{
	(void)h;
	(void)c;
	(void)seq;
	(void)text;
	return length;
}

static bool is_lost(struct pair *p, const struct pair_end *e, const struct segment *s)
{
	if (e != &p->near || !p->lose || !s->text_length || --p->until_lost)
		return false;
	p->until_lost = p->lose;
	return true;
}

static void pull(struct pair *p, struct pair_end *e)
{
	struct segment *s = &e->out.segment[e->out.count];

	while (tcp_output(&e->c, &p->host, e->c.snd.mss, s)) {
		p->segments++;
		if (is_lost(p, e, s))
			continue;
		pair_expect(++e->out.count < PAIR_QUEUE, "more is under way than the link holds");
		s = &e->out.segment[e->out.count];
	}
	e->c.events = 0;
}

static void arrive(struct pair *p, struct pair_end *to, const struct pair_queue *q)
{
	uint32_t unread;

	for (uint32_t i = 0; i < q->count; i++)
		tcp_segment_arrives(&to->c, &p->host, &q->segment[i], NULL);
	p->segments += q->count;
	unread = tcp_unread(&to->c);
	if (unread)
		tcp_receive(&to->c, &p->host, unread);
}

static void time_passes(struct pair *p, struct conn *c)
{
	if (tcp_deadline(c) <= p->host.now)
		tcp_timeouts(c, &p->host);
}

/* What the far end sends arrives before the near end speaks: it takes one turn to go
 * there, and none to come back. */
void pair_turn(struct pair *p)
{
	p->host.now += PAIR_TURN;
	time_passes(p, &p->near.c);
	time_passes(p, &p->far.c);
	arrive(p, &p->far, &p->near.out);
	p->near.out.count = 0;
	pull(p, &p->far);
	arrive(p, &p->near, &p->far.out);
	p->far.out.count = 0;
	pull(p, &p->near);
}

void pair_speak(struct pair *p, struct conn *c)
{
	struct segment s;

	while (tcp_output(c, &p->host, c->snd.mss, &s))
		p->segments++;
	c->events = 0;
}

static void prepare(struct conn *c, uint16_t local, uint16_t remote)
{
	memset(c, 0, sizeof(*c));
	c->tuple.local_port = local;
	c->tuple.remote_port = remote;
	c->link.v4 = 1;
	c->generation = 1;
}

void pair_open(struct pair *p)
{
	prepare(&p->near.c, 1, 2);
	prepare(&p->far.c, 2, 1);
	p->near.out.count = p->far.out.count = 0;
	tcp_open_passive(&p->far.c, &p->host);
	tcp_open_active(&p->near.c, &p->host);
	pull(p, &p->near);
}

void pair_connect(struct pair *p)
{
	tcp_settings_default(&p->settings);
	memcpy(p->settings.secret, "not of any value", sizeof(p->settings.secret));
	p->host = (struct host){TCP_SECOND, &p->settings, keep_text};
	pair_open(p);
	for (int i = 0; i < TURNS_MOST; i++) {
		if (p->near.c.state == ESTABLISHED && p->far.c.state == ESTABLISHED)
			return;
		pair_turn(p);
	}
	pair_expect(false, "the connection does not open");
}
