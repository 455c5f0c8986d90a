/* SPDX-License-Identifier: BSD-2-Clause */
#include "peer.h"
#include "invariants.h"
#include "notation.h"
#include "seq.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS_MAX = 4096, DEADLINES_MAX = 100000 };

bool peer_v6;

void peer_note(struct peer *p, const char *what, const char *detail)
{
	if (p->mute)
		return;
	snprintf(p->journal[p->lines++ % JOURNAL_LINES], JOURNAL_LINE, "%9.3f ms %-12s %-4s %s",
		 (double)(p->now % (100 * SECOND)) / MILLISECOND,
		 tcp_state_name((enum tcp_state)p->c.state), what, detail);
}

static void note_segment(struct peer *p, const char *what, struct segment s, bool ours)
{
	char text[NOTATION_MAX];
	uint32_t seq_base = ours ? p->iss : p->irs, ack_base = ours ? p->irs : p->iss;

	if (p->mute)
		return;
	s.seq -= seq_base;
	s.ack -= ack_base;
	peer_note(p, what, notation_print(text, &s));
}

void peer_print_journal(const struct peer *p)
{
	unsigned int from = p->lines > JOURNAL_LINES ? p->lines - JOURNAL_LINES : 0;

	for (; from < p->lines; from++)
		fprintf(stderr, "  %s\n", p->journal[from % JOURNAL_LINES]);
}

void peer_fail(struct peer *p, struct place at, const char *what, const char *detail)
{
	peer_print_journal(p);
	fail_at(at, "%s: %s", what, detail);
}

/* --- what the core needs ---------------------------------------------------- */

static struct peer *peer_of(struct host *h)
{
	return (struct peer *)(void *)((char *)h - offsetof(struct peer, host));
}

/* What arrives must be the peer's text, in its place, and within the window. */
static uint32_t store_text(struct host *h, struct conn *c, uint32_t seq, const void *text,
			   uint32_t length)
{
	struct peer *p = peer_of(h);
	uint32_t offset = seq - p->irs - 1;

	if (seq_before(seq, c->rcv.user))
		peer_fail(p, HERE, "store_text", "text that the user has read is stored again");
	if (seq_after(seq + length, c->rcv.edge))
		peer_fail(p, HERE, "store_text", "text beyond the window is stored");
	if (memcmp(text, stream_text(STREAM_FROM_PEER, offset), length))
		peer_fail(p, HERE, "store_text", "a byte is not where it belongs");
	if (length > p->room)
		length = p->room;
	p->room -= length;
	store_put(&p->text, offset, length);
	return length;
}

struct host *peer_host(struct peer *p)
{
	p->host = (struct host){p->now, &p->settings, store_text};
	return &p->host;
}

static void set_tuple(struct tuple *t)
{
	static const struct tuple v4 = {
		{{0, 0, 0xffff0000, 0x0200010a}}, {{0, 0, 0xffff0000, 0x0100010a}}, 0x3930, 0x5000};
	static const struct tuple v6 = {
		{{0xfd, 0, 0, 0x02000000}}, {{0xfd, 0, 0, 0x01000000}}, 0x3930, 0x5000};

	*t = peer_v6 ? v6 : v4;
}

void peer_init(struct peer *p, const struct opening *how)
{
	memset(p, 0, sizeof(*p));
	set_tuple(&p->c.tuple);
	p->c.link.v4 = !peer_v6;
	p->c.generation = 1;
	tcp_settings_default(&p->settings);
	memcpy(p->settings.secret, "a secret of ours", 16);
	p->settings.send_limit = 65535;
	p->settings.receive_limit = 65535;
	if (how->set)
		how->set(&p->settings);
	p->now = 1000 * SECOND;
	p->irs = how->irs ? how->irs : 100000;
	p->room = UINT32_MAX;
	p->before = p->c;
}

/* --- after every event ------------------------------------------------------- */

static void check_segment(struct peer *p, const struct segment *s, struct place at)
{
	const struct conn *c = &p->c;
	uint32_t scale = s->flags & SYN ? 0 : c->rcv.window_scale;

	if (s->flags & RST)
		return;
	if (!(s->flags & SYN) && !(s->flags & ACK))
		peer_fail(p, at, "output", "a segment without ACK after the handshake");
	if (s->text_length && seq_after(s->seq + s->text_length, c->snd.end))
		peer_fail(p, at, "output", "more text than the user has handed over");
	if (s->text_length && seq_before(s->seq, c->snd.una))
		peer_fail(p, at, "output", "text that the peer has acknowledged");
	if (s->flags & FIN && s->seq + s->text_length != c->snd.end)
		peer_fail(p, at, "output", "FIN is not behind the text");
	if (s->text_length > (p->max_text ? p->max_text : c->snd.mss))
		peer_fail(p, at, "output", "a segment larger than asked for");
	if (!(s->flags & ACK))
		return;
	if (s->ack != c->rcv.nxt)
		peer_fail(p, at, "output", "does not acknowledge RCV.NXT");
	if (seq_after(s->ack + ((uint32_t)s->wnd << scale), c->rcv.edge))
		peer_fail(p, at, "output", "a window wider than the right edge noted");
}

static void queue_segment(struct peer *p, const struct segment *s, struct place at)
{
	note_segment(p, "->", *s, true);
	check_segment(p, s, at);
	if (p->sent) {
		p->sent(p, s);
		return;
	}
	if (p->count == PEER_QUEUE)
		peer_fail(p, at, "output", "too many segments that the test did not look at");
	p->left[(p->first + p->count++) % PEER_QUEUE] = *s;
}

static void learn_iss(struct peer *p)
{
	if (p->c.state != CLOSED && p->c.state != LISTEN)
		p->iss = p->c.snd.iss;
}

static void check_invariants(struct peer *p, struct place at)
{
	const char *broken = invariant_broken(&p->c, true);

	if (!broken)
		broken = invariant_broken_by_step(&p->before, &p->c);
	if (broken)
		peer_fail(p, at, "invariant broken", broken);
	p->before = p->c;
}

static void note_events(struct peer *p)
{
	static const char *const names[] = {"connected", "readable", "writable",  "peer closed",
					    "reset",	 "refused",  "timed out", "closed"};

	for (int bit = 0; bit < 8; bit++) {
		if (p->c.events & 1u << bit)
			peer_note(p, "!", names[bit]);
	}
	p->events |= p->c.events;
	p->c.events = 0;
}

void peer_settle(struct peer *p, struct place at)
{
	struct segment s;
	int outputs = 0;

	learn_iss(p);
	while (tcp_output(&p->c, peer_host(p), p->max_text ? p->max_text : p->c.snd.mss, &s)) {
		if (++outputs > OUTPUTS_MAX)
			peer_fail(p, at, "output", "never ends");
		queue_segment(p, &s, at);
	}
	note_events(p);
	check_invariants(p, at);
}

/* --- events ------------------------------------------------------------------ */

void peer_arrives(struct peer *p, const struct segment *s)
{
	struct segment answer;

	note_segment(p, "<-", *s, false);
	if (p->c.state == CLOSED) {
		if (tcp_answer_stray(s, &answer))
			queue_segment(p, &answer, HERE);
		return;
	}
	tcp_segment_arrives(
		&p->c, peer_host(p), s,
		stream_text(STREAM_FROM_PEER, s->seq - p->irs - 1 + !!(s->flags & SYN)));
}

/* From numbers relative to the peer to absolute ones. */
static void make_absolute(struct peer *p, struct segment *s)
{
	s->seq += p->irs;
	if (s->flags & ACK)
		s->ack += p->iss;
	if (s->options & OPTION_TIMESTAMPS && s->flags & ACK)
		s->tsecr += p->c.ts.offset;
	for (int i = 0; i < s->sack_count; i++) {
		s->sack[i].start += p->iss;
		s->sack[i].end += p->iss;
	}
}

static void make_relative(struct peer *p, struct segment *s)
{
	s->seq -= p->iss;
	if (s->flags & ACK)
		s->ack -= p->irs;
	if (s->options & OPTION_TIMESTAMPS)
		s->tsval -= p->c.ts.offset;
	for (int i = 0; i < s->sack_count; i++) {
		s->sack[i].start -= p->irs;
		s->sack[i].end -= p->irs;
	}
}

void peer_rx(struct peer *p, const char *text, struct place at)
{
	struct segment s;
	unsigned int named;

	if (p->count)
		peer_fail(p, at, "rx", "there is output that the test did not look at");
	if (!notation_parse(text, &s, &named))
		peer_fail(p, at, "not in the notation", text);
	if (!!(s.flags & ACK) != !!(named & NAMED_ACK))
		peer_fail(p, at, "ACK and ack do not agree", text);
	make_absolute(p, &s);
	peer_arrives(p, &s);
	peer_settle(p, at);
}

void peer_timeouts(struct peer *p, uint64_t target, struct place at)
{
	int deadlines = 0;

	for (;;) {
		uint64_t deadline = tcp_deadline(&p->c);

		if (deadline > target)
			break;
		if (++deadlines > DEADLINES_MAX)
			peer_fail(p, at, "after", "time stands still");
		if (deadline > p->now)
			p->now = deadline;
		tcp_timeouts(&p->c, peer_host(p));
		peer_settle(p, at);
	}
	p->now = target;
}

void peer_after(struct peer *p, uint64_t ns, struct place at)
{
	peer_timeouts(p, p->now + ns, at);
}

static void note_call(struct peer *p, const char *call, long argument, int result)
{
	char text[64];

	if (p->mute)
		return;
	snprintf(text, sizeof(text), "%s %ld = %d", call, argument, result);
	peer_note(p, "user", text);
}

int user_send(struct peer *p, uint32_t length)
{
	int r = tcp_send(&p->c, peer_host(p), length);

	note_call(p, "send", length, r);
	peer_settle(p, HERE);
	return r;
}

void user_receive(struct peer *p, uint32_t length)
{
	uint32_t offset = p->c.rcv.user - p->irs - 1;

	if (length > tcp_unread(&p->c))
		peer_fail(p, HERE, "receive", "there is less to be read");
	if (!store_take(&p->text, offset, length))
		peer_fail(p, HERE, "receive", "text is acknowledged that was never stored");
	tcp_receive(&p->c, peer_host(p), length);
	note_call(p, "receive", length, 0);
	peer_settle(p, HERE);
}

int user_close(struct peer *p)
{
	int r = tcp_close(&p->c, peer_host(p));

	note_call(p, "close", 0, r);
	peer_settle(p, HERE);
	return r;
}

void user_abort(struct peer *p)
{
	tcp_abort(&p->c, peer_host(p));
	note_call(p, "abort", 0, 0);
	peer_settle(p, HERE);
}

void user_forsake(struct peer *p)
{
	tcp_forsake(&p->c, peer_host(p));
	note_call(p, "forsake", 0, 0);
	peer_settle(p, HERE);
}

/* --- what is looked at ------------------------------------------------------- */

bool peer_next(struct peer *p, struct segment *s)
{
	if (!p->count)
		return false;
	*s = p->left[p->first];
	p->first = (p->first + 1) % PEER_QUEUE;
	p->count--;
	make_relative(p, s);
	return true;
}

void peer_tx(struct peer *p, const char *text, struct place at)
{
	struct segment got;
	struct pattern want;
	char line[2 * NOTATION_MAX], got_text[NOTATION_MAX];

	if (!notation_parse_pattern(text, &want))
		peer_fail(p, at, "not in the notation", text);
	if (!peer_next(p, &got))
		peer_fail(p, at, "nothing was sent instead of", text);
	if (notation_matches(&want, &got))
		return;
	snprintf(line, sizeof(line), "%s, not %s", notation_print(got_text, &got), text);
	peer_fail(p, at, "sent", line);
}

void peer_silence(struct peer *p, struct place at)
{
	struct segment s;
	char text[NOTATION_MAX];

	if (peer_next(p, &s))
		peer_fail(p, at, "silence, but for", notation_print(text, &s));
}

void peer_state(struct peer *p, enum tcp_state state, struct place at)
{
	if (p->c.state != state)
		peer_fail(p, at, "the state is not", tcp_state_name(state));
}

void peer_event(struct peer *p, uint32_t events, struct place at)
{
	char text[64];

	snprintf(text, sizeof(text), "0x%02x, not 0x%02x", p->events, events);
	if (p->events != events)
		peer_fail(p, at, "events", text);
	p->events = 0;
}

void peer_ends(struct peer *p, struct place at)
{
	peer_silence(p, at);
	if (p->c.state != CLOSED && p->c.state != LISTEN)
		peer_fail(p, at, "ends", "the connection lives");
	if (tcp_deadline(&p->c) != TCP_NO_DEADLINE)
		peer_fail(p, at, "ends", "there is a deadline left");
}

/* --- to every state ----------------------------------------------------------- */

/* With the timestamps that the handshake agreed on. */
static void says(struct peer *p, const char *text)
{
	char line[NOTATION_MAX];

	snprintf(line, sizeof(line), "%s <ts 1000 0>", text);
	peer_rx(p, p->c.options & OPTION_TIMESTAMPS ? line : text, HERE);
}

static void says_syn(struct peer *p, const char *flags, const struct opening *how)
{
	char line[NOTATION_MAX];

	snprintf(line, sizeof(line), "%s %s", flags, how->syn ? how->syn : "win 65535 <mss 1460>");
	peer_rx(p, line, HERE);
}

static void reach(struct peer *p, enum tcp_state state, const struct opening *how)
{
	switch (state) {
	case CLOSED: break;
	case LISTEN:
		tcp_open_passive(&p->c, peer_host(p));
		peer_settle(p, HERE);
		break;
	case SYN_SENT:
		tcp_open_active(&p->c, peer_host(p));
		peer_settle(p, HERE);
		tx(p, "S 0:0(0)");
		break;
	case SYN_RECEIVED:
		reach(p, LISTEN, how);
		says_syn(p, how->ecn ? "SEW 0:0(0)" : "S 0:0(0)", how);
		tx(p, how->ecn ? "SE. 0:0(0) ack 1" : "S. 0:0(0) ack 1");
		break;
	case ESTABLISHED:
		reach(p, SYN_RECEIVED, how);
		says(p, ". 1:1(0) ack 1 win 65535");
		break;
	case FIN_WAIT_1:
		reach(p, ESTABLISHED, how);
		user_close(p);
		tx(p, "F. 1:1(0) ack 1");
		break;
	case FIN_WAIT_2:
		reach(p, FIN_WAIT_1, how);
		says(p, ". 1:1(0) ack 2 win 65535");
		break;
	case CLOSE_WAIT:
		reach(p, ESTABLISHED, how);
		says(p, "F. 1:1(0) ack 1 win 65535");
		tx(p, ". 1:1(0) ack 2");
		break;
	case CLOSING:
		reach(p, FIN_WAIT_1, how);
		says(p, "F. 1:1(0) ack 1 win 65535");
		tx(p, ". 2:2(0) ack 2");
		break;
	case LAST_ACK:
		reach(p, CLOSE_WAIT, how);
		user_close(p);
		tx(p, "F. 1:1(0) ack 2");
		break;
	case TIME_WAIT:
		reach(p, FIN_WAIT_2, how);
		says(p, "F. 1:1(0) ack 2 win 65535");
		tx(p, ". 2:2(0) ack 2");
		break;
	default: fail_at(HERE, "no such state");
	}
}

/* Our ISS is a clock of 4 us ticks plus a hash (RFC 9293, 3.4.1): opened at the
 * right moment, it is the one that a test wants. */
static void wait_for_iss(struct peer *p, const struct opening *how)
{
	struct peer *probe = malloc(sizeof(*probe));

	*probe = *p;
	reach(probe, SYN_RECEIVED, how);
	p->now += (uint64_t)(how->iss - probe->iss) * 4000;
	free(probe);
}

struct peer peer_opened(enum tcp_state state, const struct opening *how)
{
	struct peer p;

	peer_init(&p, how);
	if (how->iss)
		wait_for_iss(&p, how);
	reach(&p, state, how);
	if (how->iss && state > LISTEN)
		require(p.iss - how->iss + 16 < 32, "the ISS is %u, not %u", p.iss, how->iss);
	peer_silence(&p, HERE);
	peer_state(&p, state, HERE);
	p.events = 0;
	return p;
}

struct peer peer_in(enum tcp_state state)
{
	return peer_opened(state, &(struct opening){0});
}
