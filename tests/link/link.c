/* SPDX-License-Identifier: BSD-2-Clause */
/* Two cores and a bad link between them, in virtual time. The link loses, repeats,
 * reorders, delays, corrupts (which the checksum turns into loss) and congests,
 * in each direction on its own; the users at both ends write and read as it comes,
 * close halves, or abort. Every run must end: all bytes across and both closed, or
 * the error that RFC 9293 prescribes.
 *
 *   SEED=n link     one run, with every segment
 *   RUNS=n link     more or fewer than usual */
#include "choice.h"
#include "notation.h"
#include "seq.h"
#include "test.h"

enum { RUNS = 20000, FLIGHTS = 8192, ROUNDS_MAX = 2000000 };

#define HOURS (3600 * SECOND)

struct flight {
	uint64_t at;
	uint64_t number; /* of two at the same time the one sent first is first */
	uint32_t to;
	struct segment s;
};

/* One direction. Shares in percent, times in ns. */
struct way {
	uint32_t loss, repeat, reorder, mark;
	uint64_t delay, jitter;
	uint64_t per_byte; /* ns; 0: no limit */
	uint64_t queue;	   /* ns of it before segments are dropped */
	uint64_t busy_until;
};

struct user {
	struct peer p;
	uint32_t wants, written, read;
	uint64_t pace;	  /* ns between two looks; 0: whenever something happens */
	bool closes_late; /* only after the peer has */
	bool closed, aborted, ended;
	uint64_t next;
	uint64_t aborts_at; /* 0: never */
};

static struct world {
	struct user user[2];
	struct way way[2]; /* from user 0, from user 1 */
	struct flight flight[FLIGHTS];
	uint32_t flights;
	uint64_t numbered;
	uint64_t now;
	uint64_t began;
	uint64_t seed;
	struct choice choice;
	bool talk, perfect;
} w;

/* --- the link ---------------------------------------------------------------------------- */

static void tell(uint32_t from, const char *fate, struct segment s)
{
	const struct user *u = &w.user[from];
	char text[NOTATION_MAX];

	if (!w.talk)
		return;
	s.seq -= u->p.iss;
	s.ack -= w.user[!from].p.iss;
	for (int i = 0; i < s.sack_count; i++) {
		s.sack[i].start -= w.user[!from].p.iss;
		s.sack[i].end -= w.user[!from].p.iss;
	}
	printf("%12.3f ms  %c %-12s %-9s %s\n", (double)(w.now - w.began) / (double)MILLISECOND,
	       from ? 'B' : 'A', tcp_state_name((enum tcp_state)u->p.c.state), fate,
	       notation_print(text, &s));
}

static void put(uint32_t to, const struct segment *s, uint64_t at)
{
	require(w.flights < FLIGHTS, "more in flight than any window allows");
	w.flight[w.flights++] = (struct flight){at, w.numbered++, to, *s};
}

static uint64_t some(uint64_t most)
{
	return most ? choice_mix(&w.choice.state) % most : 0;
}

/* When it would arrive, or 0: the queue is full. */
static uint64_t arrival(struct way *way, const struct segment *s)
{
	uint64_t start = way->busy_until > w.now ? way->busy_until : w.now;

	if (way->queue && start - w.now > way->queue)
		return 0;
	way->busy_until = start + (s->text_length + 40) * way->per_byte;
	return way->busy_until + way->delay + some(way->jitter);
}

/* RFC 3168, 5: of capable packets alone. */
static struct segment marked(const struct way *way, const struct segment *s)
{
	struct segment copy = *s;

	if (copy.ecn == ECN_ECT_0 && chance(&w.choice, way->mark))
		copy.ecn = ECN_CE;
	return copy;
}

static void carry(uint32_t from, const struct segment *sent)
{
	struct way *way = &w.way[from];
	struct segment copy = marked(way, sent), *s = &copy;
	uint64_t at = arrival(way, s);

	if (!at || chance(&w.choice, way->loss)) {
		tell(from, at ? "lost" : "congested", *s);
		return;
	}
	if (chance(&w.choice, way->reorder))
		at += some(4 * way->delay + 10 * MILLISECOND);
	tell(from, "sent", *s);
	put(!from, s, at);
	if (chance(&w.choice, way->repeat))
		put(!from, s, at + some(SECOND));
}

/* What leaves as one may be cut by the device into segments of snd.mss. */
static void sent(struct peer *p, const struct segment *s)
{
	uint32_t from = p == &w.user[1].p, mss = p->c.snd.mss;
	struct segment piece = *s;
	uint32_t left = s->text_length;

	require(left <= mss || !(s->flags & CWR), "devices would say CWR many times");
	while (left > mss) {
		piece.text_length = mss;
		piece.flags = s->flags & (uint8_t) ~(FIN | PSH);
		carry(from, &piece);
		piece.seq += mss;
		left -= mss;
	}
	piece.text_length = left;
	piece.flags = s->flags;
	carry(from, &piece);
}

/* --- the users ----------------------------------------------------------------------------- */

static bool may_write(const struct user *u)
{
	return u->written < u->wants && tcp_send_room(&u->p.c) && !u->closed;
}

static void write_some(struct user *u)
{
	uint32_t n = tcp_send_room(&u->p.c);

	if (n > u->wants - u->written)
		n = u->wants - u->written;
	if (u->pace)
		n = choose_between(&w.choice, 1, n);
	require(!user_send(&u->p, n), "text is refused though there is room");
	u->written += n;
}

static void read_some(struct user *u)
{
	uint32_t n = tcp_unread(&u->p.c);

	if (!n)
		return;
	if (u->pace)
		n = choose_between(&w.choice, 1, n);
	u->read += n;
	user_receive(&u->p, n);
}

static void close_when_done(struct user *u)
{
	const struct conn *c = &u->p.c;
	bool open = c->state == ESTABLISHED || c->state == CLOSE_WAIT;

	if (u->closed || !open || u->written < u->wants)
		return;
	if (u->closes_late && !tcp_peer_is_done(c))
		return;
	u->closed = true;
	require(!user_close(&u->p), "CLOSE is refused");
}

static void abort_when_due(struct user *u)
{
	if (!u->aborts_at || u->aborts_at > w.now || u->aborted)
		return;
	u->aborted = true;
	if (u->p.c.state != CLOSED)
		user_abort(&u->p);
}

static bool is_closed(const struct user *u)
{
	return u->p.c.state == CLOSED || u->p.c.state == LISTEN;
}

static void act(struct user *u)
{
	read_some(u);
	if (u->p.c.state >= ESTABLISHED && may_write(u))
		write_some(u);
	close_when_done(u);
	u->next = w.now + u->pace;
}

/* --- time ---------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_before(const struct flight *a, const struct flight *b)
{
	return a->at < b->at || (a->at == b->at && a->number < b->number);
}

static uint32_t first_flight(void)
{
	uint32_t first = 0;

	for (uint32_t i = 1; i < w.flights; i++) {
		if (is_before(&w.flight[i], &w.flight[first]))
			first = i;
	}
	return first;
}

/* A slow user looks again while there is something left to do. */
static uint64_t next_look(const struct user *u)
{
	bool idle = is_closed(u) && !tcp_unread(&u->p.c);

	if (u->aborts_at && !u->aborted)
		return earlier(u->aborts_at > w.now ? u->aborts_at : w.now,
			       u->pace && !idle ? u->next : UINT64_MAX);
	if (!u->pace || idle || (u->closed && tcp_peer_is_done(&u->p.c) && !tcp_unread(&u->p.c)))
		return UINT64_MAX;
	return u->next;
}

static uint64_t next_event(void)
{
	uint64_t t = w.flights ? w.flight[first_flight()].at : UINT64_MAX;

	for (int i = 0; i < 2; i++) {
		t = earlier(t, tcp_deadline(&w.user[i].p.c));
		t = earlier(t, next_look(&w.user[i]));
	}
	return t;
}

static void deliver(void)
{
	uint32_t first = first_flight();
	struct flight f = w.flight[first];
	struct user *u = &w.user[f.to];

	w.flight[first] = w.flight[--w.flights];
	u->p.irs = w.user[!f.to].p.iss;
	tell(!f.to, "arrives", f.s);
	peer_arrives(&u->p, &f.s);
	peer_settle(&u->p, HERE);
}

static void round_at(uint64_t t)
{
	w.now = t > w.now ? t : w.now;
	for (int i = 0; i < 2; i++)
		peer_timeouts(&w.user[i].p, w.now, HERE);
	if (w.flights && w.flight[first_flight()].at <= w.now)
		deliver();
	for (int i = 0; i < 2; i++) {
		abort_when_due(&w.user[i]);
		if (!w.user[i].pace || w.user[i].next <= w.now)
			act(&w.user[i]);
	}
}

/* --- a run ---------------------------------------------------------------------------------- */

static uint32_t upto(uint32_t n)
{
	return choose(&w.choice, n);
}

static void choose_settings(struct tcp_settings *s)
{
	static const uint16_t mss[] = {536, 1000, 1460, 1460, 8960};
	uint32_t pick = upto(5);

	s->mss_v4 = mss[pick];
	s->mss_v6 = mss[pick];
	s->timestamps = (uint8_t)upto(2);
	s->sack = (uint8_t)upto(2);
	s->ecn = (uint8_t)upto(2);
	s->nagle = !chance(&w.choice, 20);
	s->window_scale = (uint8_t)upto(8);
	s->receive_limit = chance(&w.choice, 30) ? choose_between(&w.choice, 2000, 9000) : 65535;
	s->send_limit = chance(&w.choice, 30) ? choose_between(&w.choice, 1000, 9000) : 65535;
	s->delayed_ack = choose_between(&w.choice, 1, w.perfect ? 40 : 200) * MILLISECOND;
}

static void choose_user(struct user *u)
{
	memset(u, 0, sizeof(*u));
	peer_init(&u->p, &(struct opening){.set = choose_settings});
	u->p.mute = true;
	u->p.sent = sent;
	u->p.max_text = chance(&w.choice, 30) ? choose_between(&w.choice, 8960, 60000) : 0;
	u->wants = chance(&w.choice, 15) ? 0 : choose_between(&w.choice, 1, 1u << upto(20));
	u->pace = chance(&w.choice, 40) ? choose_between(&w.choice, 1, 300) * MILLISECOND : 0;
	u->closes_late = chance(&w.choice, 50);
	if (chance(&w.choice, 3) && !w.perfect)
		u->aborts_at = w.now + some(3 * SECOND);
}

static void choose_way(struct way *way)
{
	memset(way, 0, sizeof(*way));
	way->delay = chance(&w.choice, 30) ? some(300 * MILLISECOND) : some(10 * MILLISECOND);
	if (w.perfect)
		return;
	way->loss = chance(&w.choice, 70) ? upto(6) : upto(16);
	way->repeat = chance(&w.choice, 50) ? upto(5) : 0;
	way->mark = chance(&w.choice, 50) ? upto(10) : 0;
	way->reorder = chance(&w.choice, 50) ? upto(15) : 0;
	way->jitter = chance(&w.choice, 50) ? some(20 * MILLISECOND) : 0;
	if (!chance(&w.choice, 40))
		return;
	way->per_byte = choose_between(&w.choice, 80, 20000); /* 100 Mbit/s … 400 kbit/s */
	way->queue = 20 * MILLISECOND + some(300 * MILLISECOND);
}

static void open_both(void)
{
	struct conn *a = &w.user[0].p.c, *b = &w.user[1].p.c;
	bool both_active = chance(&w.choice, 10);

	b->tuple.local = a->tuple.remote;
	b->tuple.remote = a->tuple.local;
	b->tuple.local_port = a->tuple.remote_port;
	b->tuple.remote_port = a->tuple.local_port;
	if (both_active)
		tcp_open_active(b, peer_host(&w.user[1].p));
	else
		tcp_open_passive(b, peer_host(&w.user[1].p));
	tcp_open_active(a, peer_host(&w.user[0].p));
	peer_settle(&w.user[1].p, HERE);
	peer_settle(&w.user[0].p, HERE);
}

/* Moves the beginning to when A's ISS is a little before 2^32: our ISS is a clock
 * of 4 us ticks plus a hash (RFC 9293, 3.4.1). */
static void begin_near_the_wrap(void)
{
	struct conn probe = w.user[0].p.c;
	uint32_t before = choose_between(&w.choice, 1, 100000);

	tcp_open_active(&probe, peer_host(&w.user[0].p));
	w.now += (uint64_t)(0u - before - probe.snd.iss) * 4000;
	for (int i = 0; i < 2; i++) {
		w.user[i].p.now = w.now;
		if (w.user[i].aborts_at)
			w.user[i].aborts_at = w.now + some(3 * SECOND);
	}
}

static void begin(uint64_t seed, bool talk)
{
	w.choice = choice_from_seed(seed * 104729 + 1);
	w.seed = seed;
	w.talk = talk;
	w.flights = 0;
	w.now = 1000 * SECOND;
	w.perfect = chance(&w.choice, 10);
	peer_v6 = chance(&w.choice, 50);
	for (int i = 0; i < 2; i++) {
		choose_user(&w.user[i]);
		choose_way(&w.way[i]);
	}
	if (w.perfect) /* two closers that both wait would wait for ever */
		w.user[0].pace = w.user[1].pace = 0;
	if (chance(&w.choice, 20))
		begin_near_the_wrap();
	w.began = w.now;
	w.user[0].closes_late &= !w.user[1].closes_late;
	open_both();
}

/* An error of the peer's or of time's, or our own ABORT. */
static bool failed(const struct user *u)
{
	return u->aborted || u->p.events & (EVENT_RESET | EVENT_TIMED_OUT | EVENT_REFUSED);
}

/* One that has vanished without an RST (ABORT in LAST_ACK sends none, and one can
 * get lost) leaves the other waiting: a half-open connection, 3.5.1. */
static bool is_left_alone(void)
{
	return (failed(&w.user[0]) || failed(&w.user[1])) && !w.flights &&
	       tcp_deadline(&w.user[0].p.c) == TCP_NO_DEADLINE &&
	       tcp_deadline(&w.user[1].p.c) == TCP_NO_DEADLINE;
}

static bool over(void)
{
	return next_event() == UINT64_MAX || is_left_alone();
}

static void check_user(const struct user *u, const struct user *other)
{
	char who = u == &w.user[0] ? 'A' : 'B';

	require(u->read <= other->written, "%c has read more than was written", who);
	if (failed(u) || failed(other))
		return;
	require(is_closed(u), "%c is not closed but in %s", who,
		tcp_state_name((enum tcp_state)u->p.c.state));
	require(u->read == other->wants, "%c has read %u of %u bytes", who, u->read, other->wants);
	require(u->p.events & EVENT_PEER_CLOSED, "%c was not told of the end", who);
}

/* On a link that loses nothing no loss is ever concluded. (A tail loss probe may
 * go: RFC 8985, 7.2 does not wait for a delayed ACK of two segments.) */
static void check_perfection(const struct user *u)
{
	require(!w.perfect || u->p.c.cc.ssthresh == UINT32_MAX,
		"%c has seen a loss where there was none", u == &w.user[0] ? 'A' : 'B');
}

static bool run(uint64_t seed, bool talk)
{
	int rounds = 0;

	begin(seed, talk);
	while (!over()) {
		require(++rounds < ROUNDS_MAX, "it never ends");
		require(w.now < w.began + 24 * HOURS, "it takes more than a day");
		round_at(next_event());
	}
	check_user(&w.user[0], &w.user[1]);
	check_user(&w.user[1], &w.user[0]);
	check_perfection(&w.user[0]);
	check_perfection(&w.user[1]);
	return failed(&w.user[0]) || failed(&w.user[1]);
}

static void say_seed(const char *file, int line)
{
	fprintf(stderr, "seed %llu; with every segment: SEED=%llu\n", (unsigned long long)w.seed,
		(unsigned long long)w.seed);
	_fail(file, line);
}

TEST(link__every_run_ends_with_all_bytes_or_the_prescribed_error)
{
	const char *seed = getenv("SEED"), *count = getenv("RUNS");
	uint64_t runs = count ? strtoull(count, NULL, 0) : RUNS, errors = 0, bytes = 0, again = 0;

	harness_failed = say_seed;
	if (seed) {
		run(strtoull(seed, NULL, 0), true);
		return;
	}
	for (uint64_t i = 0; i < runs; i++) {
		errors += run(i, false);
		bytes += w.user[0].read + w.user[1].read;
		again += w.user[0].p.c.rtt.retransmits + w.user[1].p.c.rtt.retransmits;
	}
	printf("%llu runs, %llu ended by an error; %llu bytes, %llu segments sent again\n",
	       (unsigned long long)runs, (unsigned long long)errors, (unsigned long long)bytes,
	       (unsigned long long)again);
	assert_true(errors < runs / 10);
	assert_true(again > runs);
}
