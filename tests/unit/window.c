/* SPDX-License-Identifier: BSD-2-Clause */
/* What the peer knows of the receive window when XDP acknowledges in place, ahead
 * of the daemon (user/tcp/absorb.c, user/tcp/window.c). */
#include "test.h"
#include "xdp_model.h"

enum { FULL = 1460, SEGMENTS = 44, FIRST_PART = 30 };

static void segment_arrives_at_xdp(struct xdp_model *m, uint32_t number)
{
	struct segment s = {
		.seq = m->p.irs + 1 + number * FULL,
		.ack = m->p.iss + 1,
		.wnd = 65535,
		.flags = ACK,
		.text_length = FULL,
	};

	model_arrives(m, &s, false);
}

/* The last ACK that left, relative; the ones before are gone with it. */
static struct segment last_sent(struct peer *p)
{
	struct segment s = {0}, next;

	while (peer_next(p, &next))
		s = next;
	return s;
}

/* The peer fills the window, XDP acknowledges all of it. The daemon has seen two
 * thirds when it opens the window again: too old an ACK for the peer to look at
 * the window. So it has to be said again, though little has been read since. */
TEST(window__an_update_that_came_too_late_is_repeated)
{
	struct xdp_model m = {.p = peer_in(ESTABLISHED), .transmits = true};
	struct segment s;

	model_begin(&m);
	model_hand_back(&m);
	for (uint32_t i = 0; i < SEGMENTS; i++)
		segment_arrives_at_xdp(&m, i);
	assert_int_equal(m.hits, SEGMENTS);
	assert_int_equal(m.acks_in_place, SEGMENTS / 2);
	for (int i = 0; i < FIRST_PART; i++)
		model_consume(&m);
	user_receive(&m.p, FIRST_PART * FULL);
	model_settle(&m);
	s = last_sent(&m.p);
	assert_int_equal(s.ack, 1 + FIRST_PART * FULL);
	model_drain(&m);
	user_receive(&m.p, (SEGMENTS - FIRST_PART) * FULL);
	model_settle(&m);
	s = last_sent(&m.p);
	assert_int_equal(s.ack, 1 + SEGMENTS * FULL);
	assert_true(s.wnd >= 65535 / 2);
}
