/* SPDX-License-Identifier: BSD-2-Clause */
#include "walk.h"
#include "peer.h"
#include <stdlib.h>

static void ignore(struct peer *p, const struct segment *s)
{
	(void)p;
	(void)s;
}

static uint32_t around(struct choice *c, uint32_t number)
{
	switch (choose(c, 8)) {
	case 0: return number + choose(c, 3) - 1;
	case 1: return number + choose(c, 4096) - 2048;
	case 2: return number + choose(c, UINT32_MAX);
	default: return number;
	}
}

static uint32_t some_seq(struct choice *c, const struct conn *k)
{
	const uint32_t from[] = {k->rcv.nxt,  k->rcv.nxt, k->rcv.edge,
				 k->rcv.user, k->rcv.irs, k->rcv.span[0].start};

	return around(c, from[choose(c, sizeof(from) / sizeof(from[0]))]);
}

static uint32_t some_ack(struct choice *c, const struct conn *k)
{
	const uint32_t from[] = {k->snd.nxt, k->snd.nxt, k->snd.una, k->snd.end, k->snd.iss};

	return around(c, from[choose(c, sizeof(from) / sizeof(from[0]))]);
}

static uint8_t some_flags(struct choice *c)
{
	static const uint8_t usual[] = {ACK, ACK,	ACK | PSH, ACK | FIN,
					SYN, SYN | ACK, RST,	   RST | ACK};

	return chance(c, 95) ? usual[choose(c, sizeof(usual))] : (uint8_t)choose(c, 256);
}

static void some_options(struct choice *c, const struct conn *k, struct segment *s)
{
	s->options = k->options & OPTION_TIMESTAMPS;
	if (s->flags & SYN || chance(c, 15))
		s->options = (uint8_t)choose(c, 256) & 0x9f;
	s->mss = (uint16_t)(chance(c, 50) ? 1460 : choose(c, 65536));
	s->window_scale = (uint8_t)choose(c, WINDOW_SCALE_MAX + 1);
	s->tsval = k->ts.recent + choose(c, 16) - 2;
	s->tsecr = around(c, k->ts.offset + 1000000);
	if (chance(c, 20) && k->options & OPTION_SACK_PERMITTED)
		s->options |= OPTION_SACK;
	if (s->options & OPTION_SACK)
		s->sack_count = (uint8_t)choose_between(c, 1, SACK_BLOCKS_MAX);
	for (int i = 0; i < s->sack_count; i++) {
		s->sack[i].start = some_ack(c, k);
		s->sack[i].end = s->sack[i].start + choose(c, 5000);
	}
}

static void arrive(struct choice *c, struct peer *p)
{
	struct segment s = {.seq = some_seq(c, &p->c), .ack = some_ack(c, &p->c)};

	s.flags = some_flags(c);
	s.wnd = (uint16_t)(chance(c, 70) ? 65535 : choose(c, 65536));
	s.text_length = chance(c, 50) ? 0 : choose(c, chance(c, 90) ? 2000 : 65536);
	some_options(c, &p->c, &s);
	if (p->c.state == LISTEN && s.flags & SYN)
		p->irs = s.seq;
	if (p->c.state == SYN_SENT && s.flags & SYN)
		p->irs = s.seq;
	peer_arrives(p, &s);
	peer_settle(p, HERE);
}

static void pass_time(struct choice *c, struct peer *p)
{
	static const uint64_t spans[] = {MILLISECOND,	   MILLISECOND, 50 * MILLISECOND,
					 50 * MILLISECOND, SECOND,	70 * SECOND,
					 1000 * SECOND};

	peer_after(p, spans[choose(c, chance(c, 10) ? 7 : 5)] * choose_between(c, 1, 4), HERE);
}

static void call(struct choice *c, struct peer *p)
{
	uint32_t unread = tcp_unread(&p->c), room = tcp_send_room(&p->c);

	switch (choose(c, 12)) {
	case 0: user_close(p); break;
	case 1:
		if (chance(c, 3))
			user_abort(p);
		break;
	case 2:
		if (chance(c, 5)) {
			user_close(p);
			user_forsake(p);
		}
		break;
	case 3:
	case 4:
	case 5: user_receive(p, chance(c, 50) ? unread : choose(c, unread + 1)); break;
	case 6: p->room = chance(c, 50) ? UINT32_MAX : choose(c, 5000); break;
	default: user_send(p, choose(c, room < 20000 ? room + 1 : 20000));
	}
}

static struct choice *chooser; /* for set_some() */

static void set_some(struct tcp_settings *s)
{
	s->receive_limit = chance(chooser, 50) ? 65535 : choose_between(chooser, 1, 65535);
	s->window_scale = (uint8_t)choose(chooser, 4);
	s->nagle = !chance(chooser, 30);
}

static void begin(struct choice *c, struct peer *p)
{
	static const char *const syns[] = {"win 65535 <mss 1460>", MODERN,
					   "win 5000 <mss 536,sackOK>", "win 65535"};
	struct opening how = {.irs = choose(c, UINT32_MAX), .set = set_some};

	chooser = c;
	peer_v6 = chance(c, 50);
	how.syn = syns[choose(c, 4)];
	how.iss = chance(c, 20) ? 0u - choose_between(c, 1, 3000) : 0;
	*p = peer_opened((enum tcp_state)choose_between(c, LISTEN, TIME_WAIT), &how);
	p->mute = !getenv("SEED");
	p->sent = ignore;
	p->max_text = chance(c, 30) ? 60000 : 0;
}

uint32_t walk_run(struct choice *c, uint32_t steps)
{
	static struct peer p;
	uint32_t n;

	begin(c, &p);
	for (n = 0; n < steps && choice_left(c) && p.c.state != CLOSED; n++) {
		switch (choose(c, 8)) {
		case 0: pass_time(c, &p); break;
		case 1:
		case 2: call(c, &p); break;
		default: arrive(c, &p);
		}
	}
	return n;
}
