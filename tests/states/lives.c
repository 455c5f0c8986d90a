/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole lives of connections, as users and peers know them: the handshakes and
 * closes of RFC 9293, 3.5 and 3.6, and what TIME_WAIT is for. */
#define BOTH_FAMILIES
#include "test.h"

/* A client connects to a service that discards, says who it is and closes. */
TEST(life__client_speaks_and_closes)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "S 0:0(0) win 64240 <mss 1460>");
	state(&p, SYN_RECEIVED);
	tx(&p, "S. 0:0(0) ack 1");
	rx(&p, ". 1:1(0) ack 1 win 64240");
	state(&p, ESTABLISHED);
	rx(&p, "P. 1:15(14) ack 1 win 64240");
	user_receive(&p, 14);
	after(&p, 40 * MILLISECOND);
	tx(&p, ". 1:1(0) ack 15");
	rx(&p, "F. 15:15(0) ack 1 win 64240");
	tx(&p, ". 1:1(0) ack 16");
	state(&p, CLOSE_WAIT);
	user_close(&p);
	tx(&p, "F. 1:1(0) ack 16");
	state(&p, LAST_ACK);
	rx(&p, ". 16:16(0) ack 2 win 64240");
	state(&p, CLOSED);
	events(&p, EVENT_CONNECTED | EVENT_READABLE | EVENT_PEER_CLOSED | EVENT_CLOSED);
	ends(&p);
}

/* The server greets with 14 bytes, reads an answer of 18, and closes first. */
static struct peer greeted(void)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 14);
	tx(&p, "P. 1:15(14) ack 1");
	rx(&p, "P. 1:19(18) ack 15 win 64240");
	user_receive(&p, 18);
	user_close(&p);
	tx(&p, "F. 15:15(0) ack 19");
	state(&p, FIN_WAIT_1);
	return p;
}

TEST(life__server_greets_and_closes_first)
{
	struct peer p = greeted();

	rx(&p, ". 19:19(0) ack 16 win 64240");
	state(&p, FIN_WAIT_2);
	rx(&p, "F. 19:19(0) ack 16 win 64240");
	tx(&p, ". 16:16(0) ack 20");
	state(&p, TIME_WAIT);
	after(&p, 60 * SECOND - 1);
	state(&p, TIME_WAIT);
	after(&p, 1);
	state(&p, CLOSED);
	ends(&p);
}

/* The same, but FIN and the ACK of ours come in one segment. */
TEST(life__three_segment_close)
{
	struct peer p = greeted();

	rx(&p, "F. 19:19(0) ack 16 win 64240");
	tx(&p, ". 16:16(0) ack 20");
	state(&p, TIME_WAIT);
	after(&p, 60 * SECOND);
	state(&p, CLOSED);
	ends(&p);
}

/* 3.6, figure 13 */
TEST(life__simultaneous_close)
{
	struct peer p = peer_in(ESTABLISHED);

	user_close(&p);
	tx(&p, "F. 1:1(0) ack 1");
	rx(&p, "F. 1:1(0) ack 1 win 64240");
	tx(&p, ". 2:2(0) ack 2");
	state(&p, CLOSING);
	rx(&p, ". 2:2(0) ack 2 win 64240");
	state(&p, TIME_WAIT);
	after(&p, 60 * SECOND);
	state(&p, CLOSED);
	ends(&p);
}

/* 3.5, figure 7 */
TEST(life__simultaneous_open)
{
	struct peer p = peer_in(SYN_SENT);
	struct segment s;

	rx(&p, "S 0:0(0) win 64240 <mss 1460>");
	state(&p, SYN_RECEIVED);
	tx(&p, "S. 0:0(0) ack 1");
	rx(&p, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
	state(&p, ESTABLISHED);
	while (peer_next(&p, &s))
		assert_int_equal(s.flags, ACK);
	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	rx(&p, "P. 1:11(10) ack 11 win 64240");
	assert_int_equal(tcp_unread(&p.c), 10);
	user_receive(&p, 10);
	leave(&p);
}

/* 3.5, figure 7 again, but the SYN+ACK of the peer is lost and its text comes. */
TEST(life__simultaneous_open_with_a_loss)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "S 0:0(0) win 64240 <mss 1460>");
	tx(&p, "S. 0:0(0) ack 1");
	rx(&p, ". 1:1(0) ack 1 win 64240");
	silence(&p);
	state(&p, ESTABLISHED);
	leave(&p);
}

TEST(life__refused)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "R. 0:0(0) ack 1");
	state(&p, CLOSED);
	events(&p, EVENT_REFUSED | EVENT_CLOSED);
	ends(&p);
}

/* 3.5, figure 8: an old duplicate SYN opens half a connection; its supposed
 * sender refuses, and nothing stays behind. */
TEST(life__old_duplicate_syn)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "S -90000:-90000(0) win 64240 <mss 1460>");
	tx(&p, "S. 0:0(0) ack -89999");
	rx(&p, "R -89999:-89999(0)");
	silence(&p);
	state(&p, LISTEN);
	events(&p, EVENT_CLOSED);
	rx(&p, "S 0:0(0) win 64240 <mss 1460>"); /* the real one */
	tx(&p, "S. 0:0(0) ack 1");
	rx(&p, ". 1:1(0) ack 1 win 64240");
	state(&p, ESTABLISHED);
	leave(&p);
}

/* 3.5, figure 9: we have lost the connection and know nothing of it; the peer has
 * not. Its answer to our SYN makes us reset it. */
TEST(life__half_open_is_discovered)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, ". 300:300(0) ack -100 win 64240");
	tx(&p, "R -100:-100(0)");
	state(&p, SYN_SENT);
	after(&p, SECOND);
	tx(&p, "S 0:0(0)");
	rx(&p, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
	tx(&p, ". 1:1(0) ack 1");
	state(&p, ESTABLISHED);
	leave(&p);
}

/* 3.5, figure 10: the peer has lost it; our text is answered by RST. */
TEST(life__half_open_the_other_way_round)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	rx(&p, "R 1:1(0)");
	state(&p, CLOSED);
	events(&p, EVENT_RESET | EVENT_CLOSED);
	ends(&p);
}

/* TIME_WAIT's first purpose: the peer's FIN comes again when our ACK was lost. */
TEST(life__time_wait_acknowledges_the_fin_again)
{
	struct peer p = peer_in(TIME_WAIT);

	for (int i = 0; i < 5; i++) {
		after(&p, 50 * SECOND);
		rx(&p, "F. 1:1(0) ack 2 win 64240");
		tx(&p, ". 2:2(0) ack 2");
		state(&p, TIME_WAIT);
	}
	after(&p, 60 * SECOND);
	state(&p, CLOSED);
	ends(&p);
}

/* Its second: old segments of this incarnation do not reach the next. */
TEST(life__time_wait_absorbs_old_segments)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, "P. -1400:0(1400) ack 1 win 64240");
	tx(&p, ". 2:2(0) ack 2");
	rx(&p, "S -1400:-1400(0) win 64240 <mss 1460>");
	tx(&p, ". 2:2(0) ack 2");
	rx(&p, "R -1400:-1400(0)");
	silence(&p);
	state(&p, TIME_WAIT);
	assert_int_equal(tcp_unread(&p.c), 0);
	after(&p, 60 * SECOND);
	ends(&p);
}

/* Half close: the client has finished, the server has data left. */
TEST(life__server_goes_on_after_the_client_has_finished)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "FP. 1:15(14) ack 1 win 64240");
	tx(&p, ". 1:1(0) ack 16");
	state(&p, CLOSE_WAIT);
	user_receive(&p, 14);
	user_send(&p, 100);
	tx(&p, "P. 1:101(100) ack 16");
	rx(&p, ". 16:16(0) ack 101 win 64240");
	user_send(&p, 50);
	tx(&p, "P. 101:151(50) ack 16");
	user_close(&p); /* what is unacknowledged stays ours */
	tx(&p, "F. 151:151(0) ack 16");
	state(&p, LAST_ACK);
	rx(&p, ". 16:16(0) ack 151 win 64240");
	state(&p, LAST_ACK);
	rx(&p, ". 16:16(0) ack 152 win 64240");
	state(&p, CLOSED);
	ends(&p);
}

/* The other direction: we have finished, and go on reading. */
TEST(life__client_goes_on_after_the_server_has_finished)
{
	struct peer p = peer_in(FIN_WAIT_2);

	for (int i = 0; i < 10; i++) {
		struct segment s = {.flags = ACK | PSH, .wnd = 64240, .text_length = 1000};

		s.seq = p.irs + 1 + (uint32_t)i * 1000;
		s.ack = p.iss + 2;
		peer_arrives(&p, &s);
		peer_settle(&p, HERE);
		user_receive(&p, 1000);
		after(&p, 500 * MILLISECOND);
		while (peer_next(&p, &s))
			assert_int_equal(s.flags, ACK);
	}
	rx(&p, "F. 10001:10001(0) ack 2 win 64240");
	tx(&p, ". 2:2(0) ack 10002");
	state(&p, TIME_WAIT);
	leave(&p);
}

/* --- across 2^32 -------------------------------------------------------------------- */

/* A life whose numbers wrap on both sides, in text and in FINs. */
TEST(life__numbers_wrap)
{
	for (uint32_t before = 0; before < 24; before++) {
		struct opening how = {.irs = 0u - before, .iss = 0u - before};
		struct peer p = peer_opened(ESTABLISHED, &how);

		rx(&p, "P. 1:11(10) ack 1 win 64240");
		user_receive(&p, 10);
		user_send(&p, 10);
		tx(&p, "P. 1:11(10) ack 11");
		rx(&p, "P. 21:31(10) ack 11 win 64240"); /* a hole at the wrap */
		tx(&p, ". 11:11(0) ack 11");
		rx(&p, "P. 11:21(10) ack 11 win 64240");
		tx(&p, ". 11:11(0) ack 31");
		user_receive(&p, 20);
		user_close(&p);
		tx(&p, "F. 11:11(0) ack 31");
		rx(&p, "F. 31:31(0) ack 12 win 64240");
		tx(&p, ". 12:12(0) ack 32");
		state(&p, TIME_WAIT);
		after(&p, 60 * SECOND);
		ends(&p);
	}
}
