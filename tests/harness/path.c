/* SPDX-License-Identifier: BSD-2-Clause */
/* See path.h. */
#include "path.h"
#include "congestion.h"
#include "core.h"
#include "invariants.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { FLIGHTS_MAX = 1 << 16, HEADERS = 20 + 20 + 12 };

struct path_flight {
	uint64_t at;
	uint64_t number; /* of two at the same time the one sent first is first */
	enum path_side to;
	struct segment s;
};

/* --- what is under way -------------------------------------------------------------- */

static bool is_earlier(const struct path_flight *a, const struct path_flight *b)
{
	return a->at < b->at || (a->at == b->at && a->number < b->number);
}

static void swap(struct path_flight *a, struct path_flight *b)
{
	struct path_flight t = *a;

	*a = *b;
	*b = t;
}

static void put(struct path *p, enum path_side to, const struct segment *s, uint64_t at)
{
	struct path_flight *f = p->flight;
	uint32_t i = p->flights++;

	require(i < FLIGHTS_MAX, "more in flight than any window allows");
	f[i] = (struct path_flight){at, p->numbered++, to, *s};
	for (; i && is_earlier(&f[i], &f[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&f[i], &f[(i - 1) / 2]);
}

static struct path_flight take(struct path *p)
{
	struct path_flight *f = p->flight, first = f[0];
	uint32_t i = 0, next;

	f[0] = f[--p->flights];
	while ((next = 2 * i + 1) < p->flights) {
		if (next + 1 < p->flights && is_earlier(&f[next + 1], &f[next]))
			next++;
		if (!is_earlier(&f[next], &f[i]))
			break;
		swap(&f[i], &f[next]);
		i = next;
	}
	return first;
}

/* --- the path ----------------------------------------------------------------------- */

static uint64_t time_of(const struct path *p, uint64_t bytes)
{
	return p->how.rate ? bytes * 8 * SECOND / p->how.rate : 0;
}

static bool happens(struct path *p, uint32_t of_1000)
{
	return of_1000 && choose(&p->choice, 1000) < of_1000;
}

/* Through the bottleneck, in order; false: its queue is full. */
static bool queue(struct path *p, enum path_side from, uint64_t bytes)
{
	uint64_t start = p->busy[from] > p->now ? p->busy[from] : p->now;

	if (p->how.queue && start - p->now > time_of(p, p->how.queue))
		return false;
	p->busy[from] = start + time_of(p, bytes);
	return true;
}

/* To fall behind n places is to be late by the time that n segments take. */
static uint64_t lateness(struct path *p, const struct segment *s)
{
	if (!happens(p, p->how.reorder))
		return 0;
	p->reordered++;
	return choose_between(&p->choice, 1, p->how.places) * time_of(p, s->text_length + HEADERS) +
	       1;
}

static void carry(struct path *p, enum path_side from, const struct segment *s)
{
	bool hurt = from == A && s->text_length;

	p->end[from].segments++;
	if (!queue(p, from, s->text_length + HEADERS)) {
		p->overflows++;
		return;
	}
	if ((hurt && happens(p, p->how.loss)) || (p->lose && p->lose(p, from, s))) {
		p->lost++;
		return;
	}
	put(p, !from, s, p->busy[from] + p->how.delay + (hurt ? lateness(p, s) : 0));
}

/* --- the ends ----------------------------------------------------------------------- */

/* Each end's text is that of the stream; it is looked at and let go: what is there
 * and what is not, the core notes itself. */
static uint32_t store_text(struct host *h, struct conn *c, uint32_t seq, const void *text,
			   uint32_t length)
{
	(void)h;
	require(!memcmp(text, stream_text(STREAM_FROM_PEER, seq - c->rcv.irs - 1), length),
		"a byte is not where it belongs");
	return length;
}

static struct host *host_of(struct path *p, struct path_end *e)
{
	e->host = (struct host){p->now, &e->settings, store_text};
	return &e->host;
}

static void act(struct path *p, struct path_end *e)
{
	uint32_t unread = tcp_unread(&e->c), room = tcp_send_room(&e->c);

	if (unread && !e->holds)
		tcp_receive(&e->c, host_of(p, e), unread);
	if (room > e->wants - e->written)
		room = (uint32_t)(e->wants - e->written);
	if (!room || e->c.state < ESTABLISHED)
		return;
	require(!tcp_send(&e->c, host_of(p, e), room), "text is refused though there is room");
	e->written += room;
}

static void settle(struct path *p, enum path_side side)
{
	struct path_end *e = &p->end[side];
	const char *broken;
	struct segment s;

	act(p, e);
	while (tcp_output(&e->c, host_of(p, e), e->c.snd.mss, &s))
		carry(p, side, &s);
	broken = invariant_broken(&e->c, true);
	require(!broken, "invariant broken: %s", broken);
	e->events |= e->c.events;
	e->c.events = 0;
}

static void arrives(struct path *p, enum path_side to, const struct segment *s)
{
	struct path_end *e = &p->end[to];
	uint32_t offset = s->seq - p->end[!to].c.snd.iss - !(s->flags & SYN);

	if (p->sees)
		p->sees(p, to, s);
	tcp_segment_arrives(&e->c, host_of(p, e), s, stream_text(STREAM_FROM_PEER, offset));
	settle(p, to);
}

static void time_is_up(struct path *p, enum path_side side)
{
	struct path_end *e = &p->end[side];
	bool was = e->c.cc.phase == PHASE_LOSS;

	tcp_timeouts(&e->c, host_of(p, e));
	e->timeouts += e->c.cc.phase == PHASE_LOSS && !was;
	settle(p, side);
}

/* --- a run --------------------------------------------------------------------------- */

static uint64_t next_event(const struct path *p)
{
	uint64_t t = p->flights ? p->flight[0].at : UINT64_MAX;

	for (enum path_side side = A; side <= B; side++) {
		uint64_t deadline = tcp_deadline(&p->end[side].c);

		t = deadline < t ? deadline : t;
	}
	return t;
}

static void step(struct path *p, uint64_t t)
{
	struct path_flight f;

	p->now = t > p->now ? t : p->now;
	if (p->flights && p->flight[0].at <= p->now) {
		f = take(p);
		arrives(p, f.to, &f.s);
		return;
	}
	for (enum path_side side = A; side <= B; side++) {
		if (tcp_deadline(&p->end[side].c) <= p->now)
			time_is_up(p, side);
	}
}

bool path_run_until_received(struct path *p, uint64_t bytes, uint64_t ns)
{
	uint64_t end = p->now + ns, t;

	settle(p, A);
	settle(p, B);
	while ((t = next_event(p)) <= end) {
		step(p, t);
		if (p->end[B].c.bytes_in >= bytes)
			return true;
	}
	p->now = end;
	return false;
}

void path_run(struct path *p, uint64_t ns)
{
	path_run_until_received(p, UINT64_MAX, ns);
}

void path_inject(struct path *p, enum path_side to, const struct segment *s)
{
	arrives(p, to, s);
}

static void prepare(struct path *p, enum path_side side)
{
	struct path_end *e = &p->end[side];

	tcp_settings_default(&e->settings);
	memcpy(e->settings.secret, "a secret of ours", 16);
	e->settings.send_limit = e->settings.receive_limit = p->how.buffers;
	if (p->how.set)
		p->how.set(&e->settings);
	e->c.tuple.local_port = side == A ? 0x3930 : 0x5000;
	e->c.tuple.remote_port = side == A ? 0x5000 : 0x3930;
	e->c.link.v4 = !peer_v6;
	e->c.generation = 1;
}

struct path *path_new(const struct path_set *how)
{
	struct path *p = calloc(1, sizeof(*p));

	require(p, "no memory");
	p->flight = calloc(FLIGHTS_MAX, sizeof(*p->flight));
	require(p->flight, "no memory");
	p->how = *how;
	p->how.loss = p->how.reorder = 0;
	p->choice = choice_from_seed(how->seed * 104729 + 1);
	p->now = 1000 * SECOND;
	prepare(p, A);
	prepare(p, B);
	tcp_open_passive(&p->end[B].c, host_of(p, &p->end[B]));
	tcp_open_active(&p->end[A].c, host_of(p, &p->end[A]));
	path_run(p, 10 * SECOND);
	require(p->end[A].c.state == ESTABLISHED && p->end[B].c.state == ESTABLISHED,
		"the handshake has failed");
	p->how = *how;
	return p;
}

void path_free(struct path *p)
{
	free(p->flight);
	free(p);
}
