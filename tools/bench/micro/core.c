/* SPDX-License-Identifier: BSD-2-Clause */
/* How many segments a second go through the core (user/tcp), and, under callgrind, how
 * many instructions each takes: a few kinds of work that are the same every time.
 *
 *   the peer's segments, made up here ─► tcp_absorb, tcp_segment_arrives ─┐
 *                                        tcp_output, counted ◄── user ◄───┘
 *
 * Where the peer must react (loss, a whole life) it is a core as well; see pair.h. A
 * segment that leaves and one that arrives count alike.
 *
 * Prints lines of words: kind of work, segments a second (median, least, most of the
 * rounds). With --once KIND the work is done once, inside measured(), and the number of
 * segments printed. */
#include "pair.h"
#include "seq.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 11, UNITS = 20000, SMALL = 64, FULL = 1448, STEP = 10000 /* ns */ };

struct work {
	const char *name;
	void (*run)(struct pair *p);
};

/* --- the peer of the far end, made up ---------------------------------------------- */

static uint32_t peer_clock(const struct pair *p)
{
	return (uint32_t)(p->host.now / 1000000);
}

static struct segment peer_segment(const struct pair *p, uint32_t length)
{
	const struct conn *c = &p->far.c;

	return (struct segment){
		.seq = c->rcv.nxt,
		.ack = c->snd.nxt,
		.text_length = length,
		.wnd = 512 + (c->snd.nxt & 1), /* not a duplicate */
		.flags = ACK | PSH,
		.options = OPTION_TIMESTAMPS,
		.tsval = peer_clock(p),
		.tsecr = peer_clock(p) + c->ts.offset,
	};
}

static void arrives(struct pair *p, const struct segment *s)
{
	p->host.now += STEP;
	p->segments++;
	tcp_segment_arrives(&p->far.c, &p->host, s, NULL);
}

/* The same by the fast path. */
static void is_absorbed(struct pair *p, const struct segment *s)
{
	const struct conn *c = &p->far.c;
	struct hit hit = {
		.seq = s->seq,
		.ack = s->ack,
		.tsval = s->tsval,
		.tsecr = s->tsecr,
		.wnd = s->wnd,
		.flags = s->flags,
		.options = s->options,
		.rx = {.rcv_nxt = s->seq + s->text_length,
		       .snd_una = s->ack,
		       .ts_recent = s->tsval,
		       .hits = c->hits + 1},
	};

	p->host.now += STEP;
	p->segments++;
	tcp_absorb(&p->far.c, &p->host, &hit, NULL, s->text_length, false);
}

/* --- kinds of work ------------------------------------------------------------------ */

static void answer(struct pair *p)
{
	struct conn *c = &p->far.c;

	tcp_receive(c, &p->host, tcp_unread(c));
	tcp_send(c, &p->host, SMALL);
	pair_speak(p, c);
}

static void echo(struct pair *p, void (*way)(struct pair *p, const struct segment *s))
{
	uint64_t before = p->far.c.bytes_in;

	for (int i = 0; i < UNITS; i++) {
		struct segment s = peer_segment(p, SMALL);

		way(p, &s);
		answer(p);
	}
	pair_expect(p->far.c.bytes_in - before == (uint64_t)UNITS * SMALL, "text is missing");
	pair_expect(p->segments == 2 * UNITS, "a request was not answered by one segment");
}

static void echo_absorbed(struct pair *p)
{
	echo(p, is_absorbed);
}

static void echo_arriving(struct pair *p)
{
	echo(p, arrives);
}

static void receive(struct pair *p, void (*way)(struct pair *p, const struct segment *s))
{
	struct conn *c = &p->far.c;
	uint64_t before = c->bytes_in;

	for (int i = 0; i < UNITS; i++) {
		struct segment s = peer_segment(p, FULL);

		way(p, &s);
		tcp_receive(c, &p->host, tcp_unread(c));
		pair_speak(p, c);
	}
	pair_expect(c->bytes_in - before == (uint64_t)UNITS * FULL, "text is missing");
}

static void receive_absorbed(struct pair *p)
{
	receive(p, is_absorbed);
}

static void receive_arriving(struct pair *p)
{
	receive(p, arrives);
}

/* Every second segment is acknowledged, as it came; the window is never the limit. */
static void send(struct pair *p, void (*way)(struct pair *p, const struct segment *s))
{
	struct conn *c = &p->far.c;
	uint64_t before = c->bytes_out;

	for (int i = 0; i < UNITS; i++) {
		struct segment s;

		tcp_send(c, &p->host, tcp_send_room(c));
		pair_speak(p, c);
		s = peer_segment(p, 0);
		s.wnd = 0xffff;
		s.ack = seq_earlier(c->snd.una + 2u * c->snd.mss, c->snd.nxt);
		way(p, &s);
	}
	pair_expect(c->bytes_out - before == 2ull * UNITS * c->snd.mss, "too little was sent");
}

static void send_absorbed(struct pair *p)
{
	send(p, is_absorbed);
}

static void send_arriving(struct pair *p)
{
	send(p, arrives);
}

/* One segment of a hundred is lost: SACK, RACK and recovery on both sides. */
static void recover(struct pair *p)
{
	const uint64_t wanted = (uint64_t)UNITS * FULL;
	struct conn *c = &p->near.c;

	p->lose = p->until_lost = 100;
	while (c->bytes_out < wanted) {
		tcp_send(c, &p->host, tcp_send_room(c));
		pair_turn(p);
		pair_expect(c->state == ESTABLISHED, "the connection ended");
	}
	pair_expect(p->far.c.bytes_in >= wanted, "text is missing");
	pair_expect(c->rtt.retransmits >= UNITS / 200, "hardly anything was sent again");
}

/* Open, both sides close: as many connections as make UNITS segments or so. */
static void live(struct pair *p)
{
	p->settings.two_msl = PAIR_TURN;
	for (int i = 0; i < UNITS / 10; i++) {
		int turns = 0;

		pair_open(p);
		while (p->near.c.state != CLOSED || p->far.c.state != CLOSED) {
			pair_expect(turns++ < 100, "a connection does not end");
			pair_turn(p);
			if (p->near.c.state == ESTABLISHED)
				tcp_close(&p->near.c, &p->host);
			if (p->far.c.state == CLOSE_WAIT)
				tcp_close(&p->far.c, &p->host);
		}
	}
}

static const struct work works[] = {
	{"echo-absorbed", echo_absorbed},
	{"echo-arriving", echo_arriving},
	{"receive-absorbed", receive_absorbed},
	{"receive-arriving", receive_arriving},
	{"send-absorbed", send_absorbed},
	{"send-arriving", send_arriving},
	{"loss-sack", recover},
	{"open-close", live},
};

enum { WORKS = sizeof(works) / sizeof(works[0]) };

/* --- measuring ----------------------------------------------------------------------- */

void measured(const struct work *w, struct pair *p);

/* A name of its own, where callgrind counts. */
__attribute__((noinline)) void measured(const struct work *w, struct pair *p)
{
	w->run(p);
}

static struct pair *prepared(void)
{
	static struct pair p;

	memset(&p, 0, sizeof(p));
	pair_connect(&p);
	p.segments = 0;
	return &p;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rate(const struct work *w)
{
	struct pair *p = prepared();
	double began = seconds();

	measured(w, p);
	return (double)p->segments / (seconds() - began);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct work *w)
{
	double rates[ROUNDS];

	rate(w);
	for (int i = 0; i < ROUNDS; i++)
		rates[i] = rate(w);
	qsort(rates, ROUNDS, sizeof(rates[0]), by_size);
	printf("%s %.0f %.0f %.0f\n", w->name, rates[ROUNDS / 2], rates[0], rates[ROUNDS - 1]);
	fflush(stdout);
}

static int once(const char *name)
{
	for (int i = 0; i < WORKS; i++) {
		struct pair *p = prepared();

		if (strcmp(works[i].name, name))
			continue;
		measured(&works[i], p);
		printf("%s %llu\n", name, (unsigned long long)p->segments);
		return 0;
	}
	fprintf(stderr, "no such work: %s\n", name);
	return 2;
}

static int usage(void)
{
	fputs("usage: core [--once KIND | --list]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--once"))
		return once(argv[2]);
	if (argc == 2 && strcmp(argv[1], "--list"))
		return usage();
	if (argc > 2)
		return usage();
	for (int i = 0; i < WORKS; i++) {
		if (argc == 2)
			puts(works[i].name);
		else
			measure(&works[i]);
	}
	return 0;
}
