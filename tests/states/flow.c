/* SPDX-License-Identifier: BSD-2-Clause */
/* How text flows: windows (RFC 9293, 3.8.6), Nagle (3.7.4), delayed ACKs
 * (3.8.6.3), retransmission (3.8.1; RFC 6298), fast retransmit and recovery (RFC
 * 5681, RFC 6582), slow start, options (RFC 7323, RFC 2018). */
#include "test.h"

/* settings.rto_min beyond an SRTT of a microsecond, the least there is */
#define RTO (200 * MILLISECOND + 1000)

/* The peer's MSS is 1000, so that sums can be done in the head. */
static struct peer round_numbers(const char *syn)
{
	struct opening how = {.syn = syn ? syn : "win 65535 <mss 1000>"};

	return peer_opened(ESTABLISHED, &how);
}

/* --- sending ------------------------------------------------------------------------- */

/* MUST-16: no segment exceeds the peer's MSS; RFC 6928: ten of them at first. */
TEST(flow__initial_window)
{
	struct peer p = round_numbers(NULL);

	user_send(&p, 20000);
	for (int i = 0; i < 10; i++) {
		struct segment s;

		assert_true(peer_next(&p, &s));
		assert_int_equal(s.seq, 1 + i * 1000);
		assert_int_equal(s.text_length, 1000);
	}
	silence(&p);
	rx(&p, ". 1:1(0) ack 2001 win 65535"); /* slow start: two for one */
	tx(&p, ". 10001:11001(1000) ack 1");
	tx(&p, ". 11001:12001(1000) ack 1");
	tx(&p, ". 12001:13001(1000) ack 1");
	tx(&p, ". 13001:14001(1000) ack 1");
	leave(&p);
}

/* The ACKs of a whole window that are taken before anything is sent all open cwnd:
 * it was full, whatever of it is still in flight when the last of them is looked at. */
TEST(flow__acks_in_a_row_all_open_cwnd)
{
	struct peer p = round_numbers(NULL);
	struct segment s = {.seq = p.irs + 1, .ack = p.iss + 1, .wnd = 65535, .flags = ACK}, left;
	int sent = 0;

	user_send(&p, 40000);
	while (peer_next(&p, &left))
		sent++;
	assert_int_equal(sent, 10);
	for (int i = 0; i < 5; i++) {
		s.ack += 2000;
		peer_arrives(&p, &s);
	}
	peer_settle(&p, HERE);
	for (sent = 0; peer_next(&p, &left); sent++)
		assert_int_equal(left.seq, 10001 + sent * 1000);
	assert_int_equal(sent, 20);
	leave(&p);
}

/* And none of them does where cwnd was not what limited us (RFC 7661, 4.3). */
TEST(flow__acks_of_little_do_not_open_cwnd)
{
	struct peer p = round_numbers(NULL);
	struct segment left;

	user_send(&p, 4000);
	while (peer_next(&p, &left))
		;
	rx(&p, ". 1:1(0) ack 2001 win 65535");
	rx(&p, ". 1:1(0) ack 4001 win 65535");
	assert_int_equal(p.c.cc.cwnd, 10000);
	leave(&p);
}

/* MUST-15: a peer that names no MSS gets 536 bytes, over IPv6 1220. */
TEST(flow__mss_by_default)
{
	struct opening how = {.syn = "win 65535"};
	struct peer p = peer_opened(ESTABLISHED, &how);
	struct segment s;

	user_send(&p, 3000);
	assert_true(peer_next(&p, &s));
	assert_int_equal(s.text_length, peer_v6 ? 1220 : 536);
	while (peer_next(&p, &s))
		;
	leave(&p);
}

/* The peer's window is the limit, however much there is. */
TEST(flow__peer_window)
{
	struct peer p = round_numbers(NULL);

	rx(&p, ". 1:1(0) ack 1 win 2500");
	user_send(&p, 5000);
	tx(&p, ". 1:1001(1000) ack 1");
	tx(&p, ". 1001:2001(1000) ack 1");
	silence(&p); /* 500 more would be silly (3.8.6.2.1) */
	rx(&p, ". 1:1(0) ack 2001 win 2500");
	tx(&p, ". 2001:3001(1000) ack 1");
	tx(&p, ". 3001:4001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 4001 win 2500");
	tx(&p, "P. 4001:5001(1000) ack 1");
	leave(&p);
}

/* RFC 7323, 2.3: windows are scaled, those in SYNs are not. */
TEST(flow__scaled_window)
{
	struct peer p = round_numbers("win 1000 <mss 1000,ws 3>");

	assert_int_equal(p.c.snd.window_scale, 3);
	assert_int_equal(p.c.snd.wnd, 65535u << 3); /* of the handshake's ACK */
	rx(&p, ". 1:1(0) ack 1 win 500");
	assert_int_equal(p.c.snd.wnd, 4000);
	leave(&p);
}

/* 3.7.4: a small segment waits while another one is on its way. */
TEST(flow__nagle)
{
	struct peer p = round_numbers(NULL);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	user_send(&p, 10);
	user_send(&p, 10);
	silence(&p);
	rx(&p, ". 1:1(0) ack 11 win 65535");
	tx(&p, "P. 11:31(20) ack 1"); /* both in one */
	user_send(&p, 10);
	silence(&p);
	user_send(&p, 1000); /* a full segment may go */
	tx(&p, ". 31:1031(1000) ack 1");
	leave(&p);
}

static void without_nagle(struct tcp_settings *s)
{
	s->nagle = 0;
}

/* MUST-17: it can be turned off. */
TEST(flow__nagle_off)
{
	struct opening how = {.set = without_nagle};
	struct peer p = peer_opened(ESTABLISHED, &how);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	user_send(&p, 10);
	tx(&p, "P. 11:21(10) ack 1");
	leave(&p);
}

/* A CLOSE lets the last small segment go, with its FIN. */
TEST(flow__nagle_ends_with_close)
{
	struct peer p = round_numbers(NULL);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	user_send(&p, 10);
	silence(&p);
	user_close(&p);
	tx(&p, "FP. 11:21(10) ack 1");
	leave(&p);
}

/* 3.8.6.1, MUST-35, MUST-36: a closed window is probed, ever more rarely, and for
 * as long as the peer answers. */
TEST(flow__zero_window_is_probed)
{
	struct peer p = round_numbers(NULL);
	uint64_t interval = RTO;

	rx(&p, ". 1:1(0) ack 1 win 0");
	user_send(&p, 3000);
	silence(&p);
	for (int i = 0; i < 12; i++) {
		struct segment s;

		after(&p, interval - 1);
		silence(&p);
		after(&p, 1);
		assert_true(peer_next(&p, &s));
		assert_true(s.text_length >= 1);
		assert_int_equal(s.seq, 1);
		rx(&p, ". 1:1(0) ack 1 win 0"); /* still closed */
		silence(&p);
		interval = interval * 2 < 120 * SECOND ? interval * 2 : 120 * SECOND;
	}
	state(&p, ESTABLISHED);
	rx(&p, ". 1:1(0) ack 2 win 65535"); /* it took the probe's byte */
	tx(&p, ". 2:1002(1000) ack 1");
	tx(&p, ". 1002:2002(1000) ack 1");
	tx(&p, "P. 2002:3001(999) ack 1");
	leave(&p);
}

/* MUST-37: a connection with a closed window lives as long as it is answered. */
TEST(flow__zero_window_for_hours)
{
	struct peer p = round_numbers(NULL);
	struct segment s;

	rx(&p, ". 1:1(0) ack 1 win 0");
	user_send(&p, 3000);
	for (int i = 0; i < 100; i++) {
		after(&p, 120 * SECOND);
		while (peer_next(&p, &s))
			;
		rx(&p, ". 1:1(0) ack 1 win 0");
	}
	state(&p, ESTABLISHED);
	rx(&p, ". 1:1(0) ack 1 win 65535");
	assert_true(p.count > 0);
	while (peer_next(&p, &s))
		;
	leave(&p);
}

/* … and ends by the user timeout if it is not. */
TEST(flow__zero_window_without_an_answer)
{
	struct peer p = round_numbers(NULL);
	struct segment s;

	rx(&p, ". 1:1(0) ack 1 win 0");
	user_send(&p, 3000);
	after(&p, 1000 * SECOND);
	while (peer_next(&p, &s))
		;
	state(&p, CLOSED);
	events(&p, EVENT_TIMED_OUT | EVENT_CLOSED);
	ends(&p);
}

/* SHLD-14's other side: a window that shrinks is borne (SHLD-15). */
TEST(flow__window_is_taken_back)
{
	struct peer p = round_numbers(NULL);

	user_send(&p, 3000);
	tx(&p, ". 1:1001(1000) ack 1");
	tx(&p, ". 1001:2001(1000) ack 1");
	tx(&p, "P. 2001:3001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 1001 win 500");
	silence(&p);
	state(&p, ESTABLISHED);
	rx(&p, ". 1:1(0) ack 3001 win 500"); /* it had taken them after all */
	silence(&p);
	assert_int_equal(tcp_deadline(&p.c), TCP_NO_DEADLINE);
	leave(&p);
}

/* --- receiving ------------------------------------------------------------------------- */

/* SHLD-19: an ACK for every second full-sized segment, at once. */
TEST(flow__ack_for_two_full_segments)
{
	struct peer p = round_numbers(NULL);

	rx(&p, ". 1:1001(1000) ack 1 win 65535");
	silence(&p);
	rx(&p, ". 1001:2001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 2001");
	assert_int_equal(tcp_deadline(&p.c), TCP_NO_DEADLINE);
	user_receive(&p, 2000);
	leave(&p);
}

/* SHLD-18, MUST-40: less than half a second. */
TEST(flow__delayed_ack)
{
	struct peer p = round_numbers(NULL);

	rx(&p, "P. 1:11(10) ack 1 win 65535");
	after(&p, 40 * MILLISECOND - 1);
	silence(&p);
	after(&p, 1);
	tx(&p, ". 1:1(0) ack 11");
	user_receive(&p, 10);
	leave(&p);
}

static void with_quick_ack(struct tcp_settings *s)
{
	s->quick_ack = 1;
}

/* A peer in slow start waits for the ACK of its first text; only of that. */
TEST(flow__quick_ack)
{
	struct opening how = {.set = with_quick_ack};
	struct peer p = peer_opened(ESTABLISHED, &how);

	rx(&p, "P. 1:11(10) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 11");
	rx(&p, "P. 11:21(10) ack 1 win 65535");
	silence(&p);
	user_receive(&p, 20);
	leave(&p);
}

/* MUST-59: what has arrived is processed first, and then acknowledged at once. */
TEST(flow__one_ack_for_all_that_is_queued)
{
	struct peer p = round_numbers(NULL);
	struct segment s = {.seq = p.irs + 1,
			    .ack = p.iss + 1,
			    .wnd = 65535,
			    .flags = ACK,
			    .text_length = 1000};

	for (int i = 0; i < 8; i++, s.seq += 1000)
		peer_arrives(&p, &s);
	peer_settle(&p, HERE);
	tx(&p, ". 1:1(0) ack 8001");
	user_receive(&p, 8000);
	leave(&p);
}

/* MUST-21, MUST-24: each listener's own patience; an active OPEN has that of all. */
TEST(flow__patience_of_the_listener)
{
	static const struct tcp_patience patience[] = {{0, 0}, {20 * SECOND, 5 * SECOND}};

	for (uint8_t passive = 0; passive < 2; passive++) {
		struct peer p = round_numbers(NULL);

		p.settings.listeners = 2;
		p.settings.of_listener = patience;
		p.c.listener = 1;
		p.before.passive = p.c.passive = passive;
		rx(&p, ". 1:1(0) ack 1 win 65535");
		user_send(&p, 10);
		tx(&p, "P. 1:11(10) ack 1");
		rx(&p, ". 1:1(0) ack 11 win 65535");
		after(&p, 5 * SECOND);
		if (passive)
			tx(&p, ". 10:10(0) ack 1");
		silence(&p);
		rx(&p, ". 1:1(0) ack 11 win 65535");
		user_send(&p, 10);
		p.first = p.count = 0;
		after(&p, 20 * SECOND);
		p.first = p.count = 0;
		state(&p, passive ? CLOSED : ESTABLISHED);
	}
}

/* Text that leaves carries the ACK. */
TEST(flow__ack_rides_on_text)
{
	struct peer p = round_numbers(NULL);

	rx(&p, "P. 1:11(10) ack 1 win 65535");
	user_receive(&p, 10);
	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 11");
	after(&p, 100 * MILLISECOND);
	silence(&p);
	leave(&p);
}

static void small_buffer(struct tcp_settings *s)
{
	s->receive_limit = 4000;
	s->window_scale = 0;
}

/* 3.8.6: a user who does not read closes the window; 3.8.6.2.2: it opens by a full
 * segment or half of the buffer. */
TEST(flow__receive_window)
{
	struct opening how = {.syn = "win 65535 <mss 1000>", .set = small_buffer};
	struct peer p = peer_opened(ESTABLISHED, &how);

	rx(&p, ". 1:1001(1000) ack 1 win 65535");
	rx(&p, ". 1001:2001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 2001 win 2000");
	rx(&p, ". 2001:3001(1000) ack 1 win 65535");
	rx(&p, ". 3001:4001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 4001 win 0");
	rx(&p, ". 4001:4002(1) ack 1 win 65535"); /* the peer's probe */
	tx(&p, ". 1:1(0) ack 4001 win 0");
	user_receive(&p, 10);
	silence(&p); /* too little to be told */
	rx(&p, ". 4001:4002(1) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 4001 win 0"); /* not even to one who asks */
	user_receive(&p, 990);
	tx(&p, ". 1:1(0) ack 4001 win 1000"); /* MUST-39 */
	user_receive(&p, 3000);
	tx(&p, ". 1:1(0) ack 4001 win 4000");
	leave(&p);
}

/* SHLD-14: a limit that is lowered takes effect as text arrives; the edge stays. */
TEST(flow__receive_limit_is_lowered)
{
	struct peer p = round_numbers(NULL);

	p.c.rcv.limit = 3000; /* the runner's to set */
	rx(&p, ". 1:1001(1000) ack 1 win 65535");
	rx(&p, ". 1001:2001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 2001 win 63535");
	user_receive(&p, 2000);
	rx(&p, ". 2001:3001(1000) ack 1 win 65535");
	rx(&p, ". 3001:4001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 4001 win 61535");
	user_receive(&p, 2000);
	leave(&p);
}

/* An ACK that comes with text which a closed window does not let in counts. */
TEST(flow__closed_window_takes_acks)
{
	struct opening how = {.syn = "win 65535 <mss 1000>", .set = small_buffer};
	struct peer p = peer_opened(ESTABLISHED, &how);

	rx(&p, ". 1:1001(1000) ack 1 win 65535");
	rx(&p, ". 1001:2001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 2001");
	rx(&p, ". 2001:3001(1000) ack 1 win 65535");
	rx(&p, ". 3001:4001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 4001 win 0");
	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 4001 win 0");
	rx(&p, ". 4001:4002(1) ack 11 win 65535");
	tx(&p, ". 11:11(0) ack 4001 win 0");
	assert_int_equal(p.c.snd.una - p.iss, 11);
	user_receive(&p, 4000);
	tx(&p, ". 11:11(0) ack 4001 win 4000");
	rx(&p, "R 4001:4001(0)"); /* MUST-66 */
	state(&p, CLOSED);
	ends(&p);
}

/* MUST-66 with the window closed. */
TEST(flow__closed_window_takes_rst)
{
	struct opening how = {.syn = "win 65535 <mss 4000>", .set = small_buffer};
	struct peer p = peer_opened(ESTABLISHED, &how);
	struct segment s;

	rx(&p, ". 1:4001(4000) ack 1 win 65535");
	after(&p, SECOND);
	while (peer_next(&p, &s))
		;
	rx(&p, "R 4001:4001(0)");
	state(&p, CLOSED);
	events(&p, EVENT_READABLE | EVENT_RESET | EVENT_CLOSED);
	ends(&p);
}

/* What the runner could not store is not acknowledged, and comes again. */
TEST(flow__storage_is_full)
{
	struct peer p = round_numbers(NULL);

	p.room = 600;
	rx(&p, ". 1:1001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 601");
	assert_int_equal(tcp_unread(&p.c), 600);
	rx(&p, ". 601:1601(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 601");
	p.room = UINT32_MAX;
	rx(&p, ". 601:1601(1000) ack 1 win 65535");
	user_receive(&p, 1600);
	after(&p, SECOND);
	tx(&p, ". 1:1(0) ack 1601");
	leave(&p);
}

/* --- loss ------------------------------------------------------------------------------ */

/* RFC 5681, 3.2: three duplicates, and the segment goes again at once. */
TEST(flow__fast_retransmit)
{
	struct peer p = round_numbers(NULL);
	struct segment s;

	user_send(&p, 6000);
	for (int i = 0; i < 6; i++)
		assert_true(peer_next(&p, &s));
	rx(&p, ". 1:1(0) ack 1001 win 65535");
	rx(&p, ". 1:1(0) ack 1001 win 65535");
	rx(&p, ". 1:1(0) ack 1001 win 65535");
	silence(&p);
	rx(&p, ". 1:1(0) ack 1001 win 65535"); /* the third duplicate */
	tx(&p, ". 1001:2001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 6001 win 65535"); /* the hole was the only one */
	silence(&p);
	assert_int_equal(tcp_deadline(&p.c), TCP_NO_DEADLINE);
	leave(&p);
}

/* RFC 6582: a partial ACK is the next hole's. */
TEST(flow__newreno_partial_ack)
{
	struct peer p = round_numbers(NULL);
	struct segment s;

	user_send(&p, 8000);
	for (int i = 0; i < 8; i++)
		assert_true(peer_next(&p, &s));
	for (int i = 0; i < 3; i++) { /* 1 and 3001 are lost */
		rx(&p, ". 1:1(0) ack 1 win 65535");
		if (i < 2)
			silence(&p);
	}
	tx(&p, ". 1:1001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 3001 win 65535");
	tx(&p, ". 3001:4001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 8001 win 65535");
	silence(&p);
	leave(&p);
}

/* RFC 6298, 5.4 to 5.6: after a timeout all that was in flight counts as lost and
 * goes again in slow start; each expiry doubles the interval. */
TEST(flow__timeout)
{
	struct peer p = round_numbers(NULL);

	user_send(&p, 3000);
	tx(&p, ". 1:1001(1000) ack 1");
	tx(&p, ". 1001:2001(1000) ack 1");
	tx(&p, "P. 2001:3001(1000) ack 1");
	after(&p, RTO);
	tx(&p, ". 1:1001(1000) ack 1");
	silence(&p); /* cwnd is one segment */
	assert_int_equal(p.c.cc.cwnd, 1000);
	after(&p, 2 * RTO);
	tx(&p, ". 1:1001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 1001 win 65535");
	tx(&p, ". 1001:2001(1000) ack 1");
	tx(&p, "P. 2001:3001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 3001 win 65535");
	silence(&p);
	assert_int_equal(tcp_deadline(&p.c), TCP_NO_DEADLINE);
	leave(&p);
}

/* RFC 6298, 5.5: the intervals, up to the ceiling. */
TEST(flow__back_off)
{
	struct peer p = round_numbers(NULL);
	uint64_t interval = RTO;

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	for (int i = 0; i < 11; i++) {
		after(&p, interval - 1);
		silence(&p);
		after(&p, 1);
		tx(&p, "P. 1:11(10) ack 1");
		interval = interval * 2 < 120 * SECOND ? interval * 2 : 120 * SECOND;
	}
	rx(&p, ". 1:1(0) ack 11 win 65535");
	silence(&p);
	leave(&p);
}

/* A lost FIN behind lost text. */
TEST(flow__fin_is_retransmitted_with_text)
{
	struct peer p = round_numbers(NULL);

	user_send(&p, 100);
	tx(&p, "P. 1:101(100) ack 1");
	user_close(&p);
	tx(&p, "F. 101:101(0) ack 1");
	after(&p, RTO);
	tx(&p, "FP. 1:101(100) ack 1");
	rx(&p, ". 1:1(0) ack 102 win 65535");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

/* --- options ---------------------------------------------------------------------------- */

/* RFC 7323, 3.2: in every segment; TSecr is the peer's, TSval our clock. */
TEST(flow__timestamps)
{
	struct opening how = {.syn = MODERN};
	struct peer p = peer_opened(ESTABLISHED, &how);
	uint32_t ms = (uint32_t)(p.now / MILLISECOND);
	struct segment s;

	user_send(&p, 10);
	assert_true(peer_next(&p, &s));
	assert_int_equal(s.options, OPTION_TIMESTAMPS);
	assert_int_equal(s.tsval, ms);
	assert_int_equal(s.tsecr, 1000);
	rx(&p, "P. 1:11(10) ack 11 win 500 <ts 1007 0>");
	user_receive(&p, 10);
	after(&p, 40 * MILLISECOND);
	assert_true(peer_next(&p, &s));
	assert_int_equal(s.tsval, ms + 40);
	assert_int_equal(s.tsecr, 1007);
	rx(&p, "P. 11:21(10) ack 11 win 500"); /* without: dropped silently */
	silence(&p);
	assert_int_equal(tcp_unread(&p.c), 0);
	leave(&p);
}

/* 3.7.1: options that are in every segment come off the MSS. */
TEST(flow__timestamps_take_room)
{
	struct opening how = {.syn = "win 65535 <mss 1000,ts 1000 0>"};
	struct peer p = peer_opened(ESTABLISHED, &how);

	user_send(&p, 1500);
	tx(&p, ". 1:989(988) ack 1");
	tx(&p, "P. 989:1501(512) ack 1");
	leave(&p);
}

/* RFC 7323, 5.3: an old timestamp is answered and dropped; an RST never is. */
TEST(flow__paws)
{
	struct opening how = {.syn = MODERN};
	struct peer p = peer_opened(ESTABLISHED, &how);

	rx(&p, "P. 1:11(10) ack 1 win 500 <ts 999 0>");
	tx(&p, ". 1:1(0) ack 1 ");
	assert_int_equal(tcp_unread(&p.c), 0);
	rx(&p, "P. 1:11(10) ack 1 win 500 <ts 1000 0>"); /* the same is not older */
	assert_int_equal(tcp_unread(&p.c), 10);
	user_receive(&p, 10);
	after(&p, SECOND);
	tx(&p, ". 1:1(0) ack 11");
	after(&p, 25ull * 86400 * SECOND); /* 5.5: then TS.Recent itself is too old */
	rx(&p, "P. 11:21(10) ack 1 win 500 <ts 5 0>");
	assert_int_equal(tcp_unread(&p.c), 10);
	user_receive(&p, 10);
	rx(&p, "R 21:21(0) <ts -99999 0>");
	state(&p, CLOSED);
	ends(&p);
}

/* RFC 2018: what is held out of order is told, the newest block first. */
TEST(flow__sack_blocks)
{
	struct peer p = round_numbers("win 65535 <mss 1000,sackOK>");

	rx(&p, ". 1001:2001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 1 <sack 1001:2001>");
	rx(&p, ". 3001:4001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 1 <sack 3001:4001 1001:2001>");
	rx(&p, ". 2001:3001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 1 <sack 1001:4001>");
	rx(&p, ". 1:1001(1000) ack 1 win 65535");
	tx(&p, ". 1:1(0) ack 4001");
	user_receive(&p, 4000);
	leave(&p);
}

/* URG is tolerated: the text is delivered in line (RFC 6093). */
TEST(flow__urgent_text_is_text)
{
	struct peer p = round_numbers(NULL);

	rx(&p, "UP. 1:11(10) ack 1 win 65535 urg 5");
	assert_int_equal(tcp_unread(&p.c), 10);
	user_receive(&p, 10);
	after(&p, SECOND);
	tx(&p, ". 1:1(0) ack 11");
	leave(&p);
}

/* RFC 5961, 7: answers to what a stranger can send are limited. */
TEST(flow__challenges_are_limited)
{
	struct peer p = round_numbers(NULL);
	struct segment s;
	int answers = 0;

	for (int i = 0; i < 1000; i++) {
		rx(&p, "R 100:100(0)");
		while (peer_next(&p, &s))
			answers++;
	}
	assert_true(answers > 0 && answers <= 20);
	after(&p, 10 * SECOND);
	rx(&p, "R 100:100(0)");
	tx(&p, ". 1:1(0) ack 1");
	state(&p, ESTABLISHED);
	leave(&p);
}
