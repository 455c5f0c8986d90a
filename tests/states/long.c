/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections that outlive the circle of sequence numbers (RFC 9293, 3.4): more than
 * 2 GiB, where what was noted at the beginning comes to lie ahead, and more than 4 GiB,
 * where all numbers come round again. */
#include "test.h"

#define GIB (1ull << 30)

static struct peer wide(void)
{
	struct opening how = {.syn = "win 65535 <mss 1000,ws 4>"};
	struct peer p = peer_opened(ESTABLISHED, &how);

	p.max_text = 64000;
	p.mute = true; /* too long a conversation to note */
	return p;
}

static uint32_t drain(struct peer *p)
{
	struct segment s;
	uint32_t length = 0;

	while (peer_next(p, &s))
		length += s.text_length;
	return length;
}

static void acknowledge(struct peer *p, uint32_t ack)
{
	const struct segment s = {.seq = p->irs + 1, .ack = ack, .wnd = 65535, .flags = ACK};

	peer_arrives(p, &s);
	peer_settle(p, HERE);
}

/* In full segments only. Everything is acknowledged in the end. */
static void send_until(struct peer *p, uint64_t bytes)
{
	while (p->c.bytes_out < bytes) {
		uint64_t before = p->c.bytes_out;

		assert_int_equal(tcp_send_room(&p->c), p->c.snd.limit);
		assert_int_equal(user_send(p, p->c.snd.limit / 1000 * 1000), 0);
		while (p->c.snd.una != p->c.snd.end) {
			uint32_t length = drain(p);

			assert_int_not_equal(length, 0);
			acknowledge(p, p->c.snd.nxt);
			events(p, EVENT_WRITABLE);
			before += length;
			assert_true(p->c.bytes_out == before);
		}
	}
}

/* Alone on its way, so Nagle's rule has nothing against it. */
static void send_little(struct peer *p)
{
	user_send(p, 10);
	assert_int_equal(drain(p), 10);
	acknowledge(p, p->c.snd.nxt);
	events(p, EVENT_WRITABLE);
}

/* RFC 6582: nothing was recovered of late, so three duplicates tell of a loss. */
static void lose_one(struct peer *p)
{
	struct segment s;
	uint32_t una = p->c.snd.una;

	p->max_text = 0;
	user_send(p, 10000);
	assert_int_equal(drain(p), 10000);
	for (int i = 0; i < 3; i++)
		acknowledge(p, una);
	assert_true(peer_next(p, &s));
	assert_int_equal(p->iss + s.seq, una);
	drain(p);
	acknowledge(p, p->c.snd.nxt);
	events(p, EVENT_WRITABLE);
	p->max_text = 64000;
}

static void sends_to_the_end(uint64_t bytes)
{
	struct peer p = wide();

	send_until(&p, bytes);
	send_little(&p);
	lose_one(&p);
	send_until(&p, bytes + GIB / 8);
	leave(&p);
}

TEST(long__beyond_half_the_circle)
{
	sends_to_the_end(5 * GIB / 2);
}

TEST(long__beyond_the_circle)
{
	sends_to_the_end(9 * GIB / 2);
}

/* SND.UNA is ISS once more, and that is no SYN. */
TEST(long__once_round)
{
	struct peer p = wide();
	uint32_t rest;

	send_until(&p, 4 * GIB - GIB / 1024);
	rest = p.c.snd.iss - p.c.snd.una;
	while (rest) {
		uint32_t part = rest < 20000 ? rest : 20000;

		user_send(&p, part);
		assert_int_equal(drain(&p), part);
		acknowledge(&p, p.c.snd.nxt);
		events(&p, EVENT_WRITABLE);
		rest -= part;
	}
	assert_int_equal(p.c.snd.una, p.c.snd.iss);
	user_send(&p, 2000);
	assert_int_equal(drain(&p), 2000);
	acknowledge(&p, p.c.snd.nxt - 1000);
	events(&p, EVENT_WRITABLE);
	assert_int_equal(p.c.snd.end - p.c.snd.una, 1000);
	assert_int_equal(tcp_send_room(&p.c), p.c.snd.limit - 1000);
	acknowledge(&p, p.c.snd.nxt);
	events(&p, EVENT_WRITABLE);
	leave(&p);
}

static void arrive(struct peer *p, uint32_t seq, uint32_t length)
{
	const struct segment s = {
		.seq = seq,
		.ack = p->c.snd.nxt,
		.wnd = 65535,
		.flags = ACK,
		.text_length = length,
	};

	peer_arrives(p, &s);
	peer_settle(p, HERE);
}

static void receive_until(struct peer *p, uint64_t bytes)
{
	while (p->c.bytes_in < bytes) {
		p->room = UINT32_MAX; /* of which what arrives takes */
		arrive(p, p->c.rcv.nxt, 60000);
		events(p, EVENT_READABLE);
		user_receive(p, 60000);
		while (p->count)
			peer_next(p, &(struct segment){0});
	}
}

/* A gap is seen and closed like the first. */
static void receive_out_of_order(struct peer *p)
{
	uint32_t nxt = p->c.rcv.nxt;
	struct segment s;

	arrive(p, nxt + 1000, 1000);
	assert_int_equal(p->c.rcv.nxt, nxt);
	assert_true(peer_next(p, &s));
	assert_int_equal(p->irs + s.ack, nxt);
	arrive(p, nxt, 1000);
	assert_int_equal(p->c.rcv.nxt, nxt + 2000);
	events(p, EVENT_READABLE);
	user_receive(p, 2000);
	assert_true(peer_next(p, &s));
	assert_int_equal(p->irs + s.ack, nxt + 2000);
	drain(p);
}

static void receives_to_the_end(uint64_t bytes)
{
	struct peer p = wide();

	receive_until(&p, bytes);
	receive_out_of_order(&p);
	receive_until(&p, bytes + GIB / 8);
	leave(&p);
}

TEST(long__received_beyond_half_the_circle)
{
	receives_to_the_end(5 * GIB / 2);
}

TEST(long__received_beyond_the_circle)
{
	receives_to_the_end(9 * GIB / 2);
}
