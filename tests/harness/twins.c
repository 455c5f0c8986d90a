/* SPDX-License-Identifier: BSD-2-Clause */
#include "twins.h"
#include "notation.h"
#include "seq.h"
#include <string.h>

/* What the two are allowed to differ in decides what may be sent to both: the
 * daemon behind the fast path acts later, so its window's edge, what it has sent
 * and what it has acknowledged may lag. A segment is always meant for the common
 * part, or clearly beyond what either will ever have. */
enum { BEYOND = 1 << 20 };

static struct conn *a(struct twins *t)
{
	return &t->alone.c;
}

static struct conn *b(struct twins *t)
{
	return &t->fast.p.c;
}

/* --- segments ---------------------------------------------------------------------- */

static uint32_t common_edge(struct twins *t)
{
	uint32_t edge = seq_earlier(a(t)->rcv.edge, b(t)->rcv.edge);

	return t->fin_sent ? seq_earlier(edge, t->fin) : edge;
}

/* Something that both have sent, at or after SND.UNA where the trace stands. */
static uint32_t common_ack(struct twins *t)
{
	uint32_t una = a(t)->snd.una;
	uint32_t max = seq_earlier(a(t)->snd.nxt, b(t)->snd.nxt);

	if (!seq_after(max, una))
		return una;
	switch (choose(t->choice, 4)) {
	case 0: return una;
	case 1: return una + choose(t->choice, max - una + 1);
	default: return max;
	}
}

static struct segment blank(struct twins *t)
{
	struct segment s = {.flags = ACK, .wnd = t->window, .seq = a(t)->rcv.nxt};

	s.ack = common_ack(t);
	if (a(t)->options & OPTION_TIMESTAMPS) {
		s.options = OPTION_TIMESTAMPS;
		s.tsval = t->ts_clock;
		s.tsecr = a(t)->ts.offset + (uint32_t)(t->alone.now / 1000000);
	}
	if (tcp_uses_ecn(a(t)))
		s.ecn = chance(t->choice, 2) ? ECN_CE : ECN_ECT_0;
	if (chance(t->choice, 20))
		s.flags |= PSH;
	return s;
}

/* Cuts the text to what both accept, and to before the FIN. */
static void set_text(struct twins *t, struct segment *s, uint32_t length)
{
	uint32_t edge = common_edge(t);
	uint32_t room = seq_after(edge, s->seq) ? edge - s->seq : 0;

	if (!room && seq_after(s->seq, a(t)->rcv.nxt)) /* outside for one, inside for one */
		s->seq = a(t)->rcv.nxt;
	s->text_length = length < room ? length : room;
	t->top = seq_later(t->top, s->seq + s->text_length);
}

static uint32_t some_length(struct twins *t)
{
	uint32_t mss = a(t)->rcv.mss;

	return chance(t->choice, 60) ? mss : choose_between(t->choice, 1, mss);
}

static void make_in_order(struct twins *t, struct segment *s)
{
	set_text(t, s, some_length(t));
}

static void make_gap(struct twins *t, struct segment *s)
{
	s->seq += choose_between(t->choice, 1, 5000);
	set_text(t, s, some_length(t));
}

static void make_old(struct twins *t, struct segment *s)
{
	uint32_t sent = a(t)->rcv.nxt - t->alone.irs - 1;
	uint32_t back = choose_between(t->choice, 1, 3000);

	s->seq -= back < sent ? back : sent;
	set_text(t, s, some_length(t));
}

static void make_window_update(struct twins *t, struct segment *s)
{
	t->window = (uint16_t)choose(t->choice, 65536);
	s->wnd = t->window;
	(void)t;
}

static void make_zero_window(struct twins *t, struct segment *s)
{
	if (!chance(t->choice, 30))
		return;
	t->window = 0;
	s->wnd = 0;
}

static void make_fin(struct twins *t, struct segment *s)
{
	uint32_t edge = seq_earlier(a(t)->rcv.edge, b(t)->rcv.edge);

	if (!chance(t->choice, 30))
		return;
	if (!t->fin_sent) {
		if (!seq_before(seq_later(t->top, s->seq), edge))
			return;
		s->seq = seq_later(t->top, s->seq);
		set_text(t, s, chance(t->choice, 50) ? some_length(t) : 0);
		if (s->seq + s->text_length == edge)
			s->text_length--;
		t->fin = s->seq + s->text_length;
		t->fin_sent = true;
	}
	s->seq = t->fin - s->text_length;
	s->flags |= FIN;
}

static void make_reset(struct twins *t, struct segment *s)
{
	if (!chance(t->choice, 10))
		return;
	s->flags = chance(t->choice, 50) ? RST : RST | ACK;
	if (chance(t->choice, 60))
		s->seq += choose(t->choice, 2) ? BEYOND : choose_between(t->choice, 1, 20000);
	else if (chance(t->choice, 50))
		s->seq -= choose_between(t->choice, 1, 20000);
	if (!(s->flags & ACK))
		s->ack = 0;
}

static void make_syn(struct twins *t, struct segment *s)
{
	s->flags = chance(t->choice, 50) ? SYN : SYN | ACK;
	if (chance(t->choice, 30))
		s->seq = t->alone.irs;
}

/* RFC 5961, 5.2: neither was ever sent, nor lies within a window behind una. */
static void make_bad_ack(struct twins *t, struct segment *s)
{
	s->ack = seq_later(a(t)->snd.nxt, b(t)->snd.nxt) + BEYOND + choose(t->choice, 1000);
	if (chance(t->choice, 40))
		s->ack = a(t)->snd.una - choose_between(t->choice, 1, 1 << 24);
	if (chance(t->choice, 50))
		set_text(t, s, some_length(t));
}

static void make_paws(struct twins *t, struct segment *s)
{
	uint32_t recent = seq_earlier(a(t)->ts.recent, b(t)->ts.recent);

	if (!s->options)
		return;
	recent = t->fast.hits ? seq_earlier(recent, t->fast.flow.rx.ts_recent) : recent;
	s->tsval = recent - choose_between(t->choice, 1, 100000);
	set_text(t, s, some_length(t));
}

static void make_options(struct twins *t, struct segment *s)
{
	if (chance(t->choice, 30)) {
		s->options = 0; /* RFC 7323, 3.2: without them it is dropped */
	} else if (chance(t->choice, 50)) {
		s->options |= OPTION_OTHER;
	} else {
		s->options |= OPTION_SACK;
		s->sack_count = 1;
		s->sack[0].start = s->ack + choose(t->choice, 3000);
		s->sack[0].end = s->sack[0].start + choose_between(t->choice, 1, 3000);
	}
	if (chance(t->choice, 50))
		set_text(t, s, some_length(t));
}

static void make_strange_bits(struct twins *t, struct segment *s)
{
	static const uint8_t bits[] = {URG, ECE, CWR, ECE | CWR};

	set_text(t, s, some_length(t));
	s->flags |= bits[choose(t->choice, 4)];
	if (s->flags & URG)
		s->up = (uint16_t)choose(t->choice, 2000);
	if (chance(t->choice, 10))
		s->flags &= (uint8_t)~ACK; /* fifth: dropped */
}

/* Far outside: the edge will not get there before the segment is processed. */
static void make_outside(struct twins *t, struct segment *s)
{
	s->seq += chance(t->choice, 50) ? BEYOND : 0x7ffffff0u;
	s->text_length = some_length(t);
}

static void make_nothing(struct twins *t, struct segment *s)
{
	(void)t;
	(void)s;
}

static const struct kind {
	void (*make)(struct twins *t, struct segment *s);
	uint32_t weight;
} kinds[] = {
	{make_in_order, 50}, {make_nothing, 12},      {make_gap, 8},	 {make_old, 6},
	{make_fin, 5},	     {make_window_update, 4}, {make_reset, 1},	 {make_syn, 1},
	{make_bad_ack, 2},   {make_paws, 3},	      {make_options, 2}, {make_strange_bits, 2},
	{make_outside, 2},   {make_zero_window, 2},
};

static void make_segment(struct twins *t, struct segment *s)
{
	uint32_t total = 0, pick;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		total += kinds[k].weight;
	*s = blank(t);
	for (pick = choose(t->choice, total); pick >= kinds[i].weight; i++)
		pick -= kinds[i].weight;
	if (t->calm && chance(t->choice, 80))
		i = 0;
	kinds[i].make(t, s);
}

static void deliver(struct twins *t, const struct segment *s)
{
	/* A FIN that another CPU brings, uncounted, while hits go on in front of it, is
	 * rare by nature and a case of its own. */
	bool busy = chance(t->choice, s->flags & FIN ? 30 : 2);

	peer_arrives(&t->alone, s);
	peer_settle(&t->alone, HERE);
	t->raced |= busy;
	model_arrives(&t->fast, s, busy);
}

static void step_segment(struct twins *t)
{
	struct segment s;

	t->ts_clock += choose(t->choice, 4);
	make_segment(t, &s);
	deliver(t, &s);
}

/* Text that crosses the edge is only the same for both while the edges are. */
static void step_crossing(struct twins *t)
{
	struct segment s = blank(t);

	model_drain(&t->fast);
	if (a(t)->rcv.edge != b(t)->rcv.edge || t->fin_sent)
		return;
	s.seq = a(t)->rcv.edge - choose_between(t->choice, 0, 1000);
	if (seq_before(s.seq, a(t)->rcv.nxt))
		s.seq = a(t)->rcv.nxt;
	s.text_length = choose_between(t->choice, 900, 1400);
	t->top = seq_later(t->top, seq_earlier(s.seq + s.text_length, a(t)->rcv.edge));
	deliver(t, &s);
	model_drain(&t->fast);
}

/* Many in a row, as bulk comes. */
static void step_burst(struct twins *t)
{
	for (uint32_t n = choose_between(t->choice, 2, 8); n; n--) {
		struct segment s = blank(t);

		make_in_order(t, &s);
		if (s.text_length)
			deliver(t, &s);
	}
}

/* --- the user, the daemon, time ------------------------------------------------------ */

static void step_send(struct twins *t)
{
	uint32_t room_a = tcp_send_room(a(t)), room_b = tcp_send_room(b(t));
	uint32_t room = room_a < room_b ? room_a : room_b;

	if (!room || a(t)->state == CLOSED)
		return;
	room = choose_between(t->choice, 1, room < 4000 ? room : 4000);
	if (!user_send(&t->alone, room))
		user_send(&t->fast.p, room);
	model_settle(&t->fast);
}

static void step_receive(struct twins *t)
{
	uint32_t unread_a = tcp_unread(a(t)), unread_b = tcp_unread(b(t));
	uint32_t unread = unread_a < unread_b ? unread_a : unread_b;

	if (!unread)
		return;
	if (chance(t->choice, 30))
		unread = choose_between(t->choice, 1, unread);
	user_receive(&t->alone, unread);
	user_receive(&t->fast.p, unread);
	model_settle(&t->fast);
}

/* A call that changes the state must come between the same two segments. */
static void step_close(struct twins *t)
{
	if (!chance(t->choice, 30))
		return;
	model_drain(&t->fast);
	user_close(&t->alone);
	user_close(&t->fast.p);
	model_settle(&t->fast);
}

static void step_time(struct twins *t)
{
	uint64_t ms = chance(t->choice, 90) ? choose(t->choice, 20) : choose(t->choice, 700);
	uint64_t now = t->alone.now + ms * MILLISECOND;

	if (now > t->end)
		return;
	t->ts_clock += (uint32_t)ms;
	peer_timeouts(&t->alone, now, HERE);
	model_timeouts(&t->fast, now);
}

static void step_consume(struct twins *t)
{
	for (uint32_t n = choose_between(t->choice, 1, 6); n && model_consume(&t->fast); n--)
		;
	if (chance(t->choice, 70))
		model_hand_back(&t->fast);
}

static void compare(struct twins *t, bool settled);

/* Whenever the daemon has caught up, the two are the same. */
static void step_drain(struct twins *t)
{
	model_drain(&t->fast);
	compare(t, false);
	model_hand_back(&t->fast);
}

static void step_take(struct twins *t)
{
	model_take(&t->fast);
	if (chance(t->choice, 50))
		model_hand_back(&t->fast); /* not while hits are under way */
}

static const struct step {
	void (*take)(struct twins *t);
	uint32_t weight;
} steps[] = {
	{step_segment, 50}, {step_burst, 6}, {step_crossing, 1}, {step_send, 8},
	{step_receive, 10}, {step_close, 1}, {step_time, 8},	 {step_consume, 12},
	{step_drain, 6},    {step_take, 2},
};

static void step(struct twins *t)
{
	uint32_t total = 0, pick;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
		total += steps[k].weight;
	for (pick = choose(t->choice, total); pick >= steps[i].weight; i++)
		pick -= steps[i].weight;
	if (t->fast.produced - t->fast.consumed > MODEL_RING / 2)
		model_drain(&t->fast);
	steps[i].take(t);
	if (t->calm && chance(t->choice, 50))
		step_drain(t);
}

/* --- beginning and end ----------------------------------------------------------------- */

static void discard(struct peer *p, const struct segment *s)
{
	(void)p;
	(void)s;
}

static const char *const syns[] = {
	"win 65535 <mss 1460>",
	"win 65535 <mss 1460,ws 7,sackOK,ts 1000 0>",
	"win 64240 <mss 1460,ws 0,ts 1000 0>",
	"win 30000 <mss 536>",
	"win 4000 <mss 1000,sackOK>",
	"win 65535 <mss 8960,ws 14,sackOK,ts -5 0>",
};

static void marked(struct tcp_settings *s)
{
	s->ecn = 1;
}

static void small_window(struct tcp_settings *s)
{
	s->ecn = 1;
	s->receive_limit = 8000;
	s->window_scale = 2;
}

static void begin(struct twins *t, bool talk)
{
	struct choice *c = t->choice;
	struct opening how = {.syn = syns[choose(c, sizeof(syns) / sizeof(syns[0]))],
			      .irs = choose(c, UINT32_MAX),
			      .set = marked,
			      .ecn = chance(c, 30)};

	if (chance(c, 20))
		how.irs = 0u - choose_between(c, 1, 20000);
	if (chance(c, 10))
		how.iss = 0u - choose_between(c, 1, 5000);
	if (chance(c, 25))
		how.set = small_window;
	peer_v6 = chance(c, 30);
	t->alone = peer_opened(ESTABLISHED, &how);
	t->alone.mute = !talk;
	t->alone.sent = discard;
	t->fast.p = t->alone;
	t->fast.transmits = chance(c, 70);
	model_begin(&t->fast);
	model_hand_back(&t->fast);
	t->top = a(t)->rcv.nxt;
	t->fin_sent = false;
	t->raced = false;
	t->calm = chance(c, 50);
	t->ts_clock = a(t)->ts.recent + choose(c, 50);
	t->window = 65535;
	t->end = t->alone.now + 50 * SECOND; /* before TIME_WAIT can end */
}

static void differ(struct twins *t, const char *what, uint32_t alone, uint32_t fast)
{
	if (alone == fast)
		return;
	fprintf(stderr, "core alone:\n");
	peer_print_journal(&t->alone);
	fprintf(stderr, "fast path and core:\n");
	peer_print_journal(&t->fast.p);
	fail_at(HERE, "%s differs: %u alone, %u with the fast path", what, alone, fast);
}

/* LAST_ACK is entered when the FIN leaves (3.10.4), and that waits for windows. */
static uint32_t state_of(const struct conn *c, bool settled)
{
	return c->state == LAST_ACK && !settled ? CLOSE_WAIT : c->state;
}

static void compare(struct twins *t, bool settled)
{
	uint32_t irs = t->alone.irs, iss = t->alone.iss;

	differ(t, "state", state_of(a(t), settled), state_of(b(t), settled));
	if (settled || !t->raced) {
		differ(t, "SND.UNA", a(t)->snd.una - iss, b(t)->snd.una - iss);
		differ(t, "SND.WND", a(t)->snd.wnd, b(t)->snd.wnd);
		differ(t, "bytes acknowledged", (uint32_t)a(t)->bytes_out,
		       (uint32_t)b(t)->bytes_out);
	}
	differ(t, "RCV.NXT", a(t)->rcv.nxt - irs, b(t)->rcv.nxt - irs);
	differ(t, "the end of the text", tcp_text_end(a(t)) - irs, tcp_text_end(b(t)) - irs);
	differ(t, "unread", tcp_unread(a(t)), tcp_unread(b(t)));
	differ(t, "bytes received", (uint32_t)a(t)->bytes_in, (uint32_t)b(t)->bytes_in);
	differ(t, "spans", a(t)->rcv.spans, b(t)->rcv.spans);
	for (int i = 0; i < a(t)->rcv.spans; i++) {
		differ(t, "a span", a(t)->rcv.span[i].start, b(t)->rcv.span[i].start);
		differ(t, "a span", a(t)->rcv.span[i].end, b(t)->rcv.span[i].end);
	}
	differ(t, "hits made and hits repeated", t->fast.flow.rx.hits, b(t)->hits);
	differ(t, "what was told", t->alone.events & ~EVENT_WRITABLE,
	       t->fast.p.events & ~EVENT_WRITABLE);
}

/* Everything that both hold is what the peer sent: user_receive() looks. */
static void read_all(struct twins *t)
{
	user_receive(&t->alone, tcp_unread(a(t)));
	user_receive(&t->fast.p, tcp_unread(b(t)));
}

/* MUST-58: what was received is acknowledged within half a second. */
static void all_is_acknowledged(struct twins *t)
{
	uint64_t now = t->alone.now + 500 * MILLISECOND;

	if (a(t)->state < ESTABLISHED)
		return;
	peer_timeouts(&t->alone, now, HERE);
	model_timeouts(&t->fast, now);
	differ(t, "the last ACK, from RCV.NXT", a(t)->rcv.nxt, a(t)->rcv.ack_sent);
	differ(t, "the last ACK, from RCV.NXT", b(t)->rcv.nxt, model_ack_sent(&t->fast));
}

static bool all_is_sent(struct conn *c)
{
	return c->state == CLOSED || c->state == TIME_WAIT ||
	       (!seq_before(c->snd.una, c->snd.end) && c->snd.una == c->snd.nxt);
}

/* The peer sends what it has not brought across, and acknowledges everything. */
static bool settle_round(struct twins *t)
{
	struct segment s = blank(t);

	s.ack = seq_earlier(a(t)->snd.nxt, b(t)->snd.nxt);
	s.wnd = 65535;
	if (seq_after(t->top, s.seq))
		set_text(t, &s, a(t)->rcv.mss);
	if (t->fin_sent && s.seq + s.text_length == t->fin)
		s.flags |= FIN;
	deliver(t, &s);
	model_drain(&t->fast);
	read_all(t);
	model_settle(&t->fast);
	peer_timeouts(&t->alone, t->alone.now + MILLISECOND, HERE);
	model_timeouts(&t->fast, t->alone.now);
	return all_is_sent(a(t)) && all_is_sent(b(t)) && !seq_after(t->top, a(t)->rcv.nxt) &&
	       !(t->fin_sent && a(t)->rcv.nxt == t->fin);
}

static void settle(struct twins *t)
{
	int rounds = 0;

	while (a(t)->state >= ESTABLISHED && !settle_round(t)) {
		if (++rounds > 1000)
			differ(t, "what both have brought across", 0, 1);
	}
}

void twins_run(struct twins *t, struct choice *choice, uint32_t steps_most, bool talk)
{
	t->choice = choice;
	begin(t, talk);
	for (uint32_t n = 0; n < steps_most && choice_left(choice); n++)
		step(t);
	model_drain(&t->fast);
	compare(t, false);
	read_all(t);
	all_is_acknowledged(t);
	settle(t);
	compare(t, true);
}
