/* SPDX-License-Identifier: BSD-2-Clause */
/* The edges of the receive window, in every state that has one and on both sides
 * of 2^32 (RFC 9293, 3.4 and 3.10.7.4, first): one before the left edge, the left
 * edge, the last of the window, one beyond. */
#define BOTH_FAMILIES
#include "test.h"
#include "seq.h"

enum position { BEFORE_LEFT, LEFT, LAST, BEYOND, POSITIONS };

static const enum tcp_state windowed[] = {
	SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT,
};

/* The peer's ISS: RCV.NXT becomes 2^32 - 1, 0, 1 …, or the right edge does. */
static const uint32_t starts[] = {1000,	      0xfffffffe, 0xffffffff, 0,
				  0xffff0000, 0xfffeffff, 0xffff0001};

#define EACH(i, of) (size_t i = 0; i < sizeof(of) / sizeof((of)[0]); i++)

struct trial {
	struct peer p;
	enum tcp_state state;
	uint32_t nxt;
	unsigned int answers;  /* segments that the last arrival was answered by … */
	struct segment answer; /* … and the first of them */
};

static struct trial begin(enum tcp_state state, uint32_t irs)
{
	struct opening how = {.irs = irs};
	struct trial t = {.p = peer_opened(state, &how), .state = state};

	t.nxt = t.p.c.rcv.nxt;
	return t;
}

static uint32_t at(const struct trial *t, enum position where)
{
	switch (where) {
	case BEFORE_LEFT: return t->p.c.rcv.nxt - 1;
	case LEFT: return t->p.c.rcv.nxt;
	case LAST: return t->p.c.rcv.edge - 1;
	default: return t->p.c.rcv.edge;
	}
}

static void arrives(struct trial *t, uint8_t flags, enum position where, uint32_t text_length)
{
	struct segment s = {.seq = at(t, where), .flags = flags, .wnd = 65535};
	struct segment out;

	s.ack = t->p.c.snd.una;
	s.text_length = text_length;
	peer_arrives(&t->p, &s);
	peer_settle(&t->p, HERE);
	t->answers = 0;
	while (peer_next(&t->p, &out))
		if (!t->answers++)
			t->answer = out;
}

static void answered_by_ack(const struct trial *t)
{
	if (t->answers != 1)
		peer_print_journal(&t->p);
	assert_int_equal(t->answers, 1);
	assert_int_equal(t->answer.flags & (ACK | RST), ACK);
	assert_int_equal(t->answer.ack, t->nxt - t->p.irs);
}

static bool takes_text(enum tcp_state s)
{
	return s == ESTABLISHED || s == FIN_WAIT_1 || s == FIN_WAIT_2;
}

/* "If an incoming segment is not acceptable, an acknowledgment should be sent." */
TEST(edges__text_outside)
{
	for
		EACH(i, windowed)
		for
			EACH(j, starts)
		for (enum position w = BEFORE_LEFT; w < POSITIONS; w += BEYOND) {
			struct trial t = begin(windowed[i], starts[j]);

			arrives(&t, ACK | PSH, w, 1);
			answered_by_ack(&t);
			assert_int_equal(t.p.c.state, t.state);
			assert_int_equal(t.p.c.rcv.nxt, t.nxt);
			assert_int_equal(t.p.c.rcv.spans, 0);
		}
}

TEST(edges__text_at_the_left_edge)
{
	for
		EACH(i, windowed)
		for
			EACH(j, starts)
			{
				struct trial t = begin(windowed[i], starts[j]);

				arrives(&t, ACK | PSH, LEFT, 1);
				assert_int_equal(t.p.c.rcv.nxt, t.nxt + takes_text(t.state));
			}
}

TEST(edges__text_at_the_right_edge)
{
	for
		EACH(i, windowed)
		for
			EACH(j, starts)
			{
				struct trial t = begin(windowed[i], starts[j]);

				arrives(&t, ACK | PSH, LAST, 1);
				assert_int_equal(t.p.c.rcv.nxt, t.nxt);
				assert_int_equal(t.p.c.rcv.spans, takes_text(t.state));
				if (takes_text(t.state))
					answered_by_ack(&t);
			}
}

/* RFC 5961, 3.2: exactly at RCV.NXT it resets, elsewhere in the window it is
 * asked about, outside it is nothing. RFC 1337: TIME_WAIT is not ended by it. */
TEST(edges__rst)
{
	for
		EACH(i, windowed)
		for
			EACH(j, starts)
		for (enum position w = BEFORE_LEFT; w < POSITIONS; w++) {
			struct trial t = begin(windowed[i], starts[j]);
			bool ends_it = w == LEFT && t.state != TIME_WAIT;

			arrives(&t, RST, w, 0);
			if (w == LAST && t.state != TIME_WAIT)
				answered_by_ack(&t);
			else
				assert_int_equal(t.answers, 0);
			assert_int_equal(t.p.c.state, !ends_it			? t.state
						      : t.state == SYN_RECEIVED ? LISTEN
										: CLOSED);
		}
}

/* A FIN beyond the window is trimmed with what it follows, one at its end is kept
 * in mind, and one at the left edge closes. */
TEST(edges__fin)
{
	static const enum tcp_state after[TCP_STATES] = {
		[ESTABLISHED] = CLOSE_WAIT,
		[FIN_WAIT_1] = CLOSING,
		[FIN_WAIT_2] = TIME_WAIT,
	};

	for
		EACH(i, windowed)
		for
			EACH(j, starts)
		for (enum position w = LEFT; w < POSITIONS && takes_text(windowed[i]); w++) {
			struct trial t = begin(windowed[i], starts[j]);

			arrives(&t, ACK | FIN, w, 0);
			assert_int_equal(t.p.c.state, w == LEFT ? after[t.state] : t.state);
			assert_int_equal(t.p.c.rcv.nxt, t.nxt + (w == LEFT));
		}
}

/* RFC 5961, 4.2: wherever it lies, a SYN is answered by a challenge ACK. */
TEST(edges__syn)
{
	for
		EACH(i, windowed)
		for
			EACH(j, starts)
		for (enum position w = BEFORE_LEFT; w < POSITIONS; w++) {
			struct trial t = begin(windowed[i], starts[j]);

			if (t.state == SYN_RECEIVED || t.state == TIME_WAIT)
				continue; /* opening.c, closing.c: they have rules of their own */
			arrives(&t, SYN, w, 0);
			answered_by_ack(&t);
			assert_int_equal(t.p.c.state, t.state);
		}
}
