/* SPDX-License-Identifier: BSD-2-Clause */
/* ESTABLISHED and CLOSE_WAIT, the states in which we may send, against every
 * event. Names as in opening.c. */
#define BOTH_FAMILIES
#include "test.h"
#include <errno.h>
#include <stdio.h>

/* settings.rto_min beyond an SRTT of a microsecond, the least there is */
#define RTO (200 * MILLISECOND + 1000)

/* --- ESTABLISHED ------------------------------------------------------------------------ */

TEST(established__syn)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "S 1:1(0) win 1000"); /* fourth; RFC 5961, 4.2: challenge ACK */
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "S 0:0(0) win 1000"); /* the old one: first, not acceptable */
	tx(&p, ". 1:1(0) ack 1");
	state(&p, ESTABLISHED);
	events(&p, 0);
	leave(&p);
}

TEST(established__syn_ack)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "S. 0:0(0) ack 1 win 1000"); /* first */
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "S. 100:100(0) ack 1 win 1000"); /* fourth */
	tx(&p, ". 1:1(0) ack 1");
	state(&p, ESTABLISHED);
	leave(&p);
}

TEST(established__ack)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	rx(&p, ". 1:1(0) ack 11 win 2000"); /* fifth */
	silence(&p);
	events(&p, EVENT_WRITABLE);
	assert_int_equal(p.c.snd.wnd, 2000);
	assert_int_equal(tcp_deadline(&p.c), TCP_NO_DEADLINE);
	leave(&p);
}

TEST(established__ack__of_a_part)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 1000);
	tx(&p, "P. 1:1001(1000) ack 1");
	rx(&p, ". 1:1(0) ack 501 win 2000");
	silence(&p);
	assert_int_equal(p.c.snd.una - p.iss, 501);
	after(&p, RTO);
	tx(&p, "P. 501:1001(500) ack 1");
	leave(&p);
}

/* Fifth: SND.WL1 and SND.WL2 keep an old segment from setting the window. */
TEST(established__ack__old_window)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "P. 1:11(10) ack 1 win 5000");
	assert_int_equal(p.c.snd.wnd, 5000);
	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 11");
	rx(&p, ". 11:11(0) ack 11 win 4000");
	assert_int_equal(p.c.snd.wnd, 4000);
	rx(&p, ". 11:11(0) ack 1 win 6000"); /* same SEG.SEQ, older SEG.ACK */
	assert_int_equal(p.c.snd.wnd, 4000);
	leave(&p);
}

TEST(established__bad_ack)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, ". 1:1(0) ack 2 win 1000"); /* fifth: not sent yet; ACK, drop, return */
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "P. 1:11(10) ack 2 win 1000"); /* its text is dropped with it */
	tx(&p, ". 1:1(0) ack 1");
	assert_int_equal(tcp_unread(&p.c), 0);
	rx(&p, ". 1:1(0) ack -100000 win 1000"); /* RFC 5961, 5.2: too old */
	tx(&p, ". 1:1(0) ack 1");
	state(&p, ESTABLISHED);
	leave(&p);
}

TEST(established__text)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "P. 1:11(10) ack 1 win 1000"); /* seventh */
	silence(&p);			      /* 3.8.6.3: delayed */
	events(&p, EVENT_READABLE);
	assert_int_equal(tcp_unread(&p.c), 10);
	user_receive(&p, 10);
	after(&p, 500 * MILLISECOND); /* MUST-40 */
	tx(&p, ". 1:1(0) ack 11");
	leave(&p);
}

TEST(established__text__without_ack)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "P 1:11(10) win 1000"); /* fifth: dropped */
	silence(&p);
	assert_int_equal(tcp_unread(&p.c), 0);
	leave(&p);
}

TEST(established__text__received_before)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "P. 1:11(10) ack 1 win 1000");
	rx(&p, "P. 1:11(10) ack 1 win 1000"); /* first: not acceptable */
	tx(&p, ". 1:1(0) ack 11");
	rx(&p, "P. 6:16(10) ack 1 win 1000"); /* the new half of it is taken */
	assert_int_equal(tcp_unread(&p.c), 15);
	user_receive(&p, 15);
	after(&p, 500 * MILLISECOND);
	tx(&p, ". 1:1(0) ack 16");
	leave(&p);
}

TEST(established__text__out_of_order)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "P. 11:21(10) ack 1 win 1000"); /* RFC 5681, 4.2: an immediate ACK */
	tx(&p, ". 1:1(0) ack 1");
	assert_int_equal(tcp_unread(&p.c), 0);
	rx(&p, "P. 1:11(10) ack 1 win 1000");
	tx(&p, ". 1:1(0) ack 21");
	user_receive(&p, 20);
	leave(&p);
}

TEST(established__outside)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "P. 70000:70010(10) ack 1 win 1000"); /* first */
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "P. -10:0(10) ack 1 win 1000");
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "P. 65536:65546(10) ack 1 win 1000"); /* the first byte beyond the edge */
	tx(&p, ". 1:1(0) ack 1");
	assert_int_equal(p.c.rcv.spans, 0);
	state(&p, ESTABLISHED);
	leave(&p);
}

TEST(established__outside__trimmed_to_the_edge)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "P. 65531:65541(10) ack 1 win 1000"); /* the edge is at 65536 */
	tx(&p, ". 1:1(0) ack 1");
	assert_int_equal(p.c.rcv.spans, 1);
	assert_int_equal(p.c.rcv.span[0].end - p.irs, 65536);
	leave(&p);
}

TEST(established__fin)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "F. 1:1(0) ack 1 win 1000"); /* eighth */
	tx(&p, ". 1:1(0) ack 2");
	state(&p, CLOSE_WAIT);
	events(&p, EVENT_PEER_CLOSED);
	assert_true(tcp_peer_is_done(&p.c));
	leave(&p);
}

TEST(established__fin__behind_text)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "FP. 1:11(10) ack 1 win 1000");
	tx(&p, ". 1:1(0) ack 12");
	state(&p, CLOSE_WAIT);
	assert_int_equal(tcp_unread(&p.c), 10); /* the FIN is no byte */
	user_receive(&p, 10);
	leave(&p);
}

TEST(established__fin__out_of_order)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "F. 11:11(0) ack 1 win 1000");
	tx(&p, ". 1:1(0) ack 1");
	state(&p, ESTABLISHED);
	rx(&p, "P. 1:11(10) ack 1 win 1000");
	tx(&p, ". 1:1(0) ack 12"); /* kept in mind: it need not be sent again */
	state(&p, CLOSE_WAIT);
	user_receive(&p, 10);
	leave(&p);
}

TEST(established__rst)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "R 1:1(0)"); /* second: "connection reset" */
	state(&p, CLOSED);
	events(&p, EVENT_RESET | EVENT_CLOSED);
	ends(&p);
}

TEST(established__rst__while_sending)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	rx(&p, "R. 1:1(0) ack 11");
	state(&p, CLOSED);
	ends(&p); /* queues are flushed */
}

TEST(established__rst_inexact)
{
	struct peer p = peer_in(ESTABLISHED);

	rx(&p, "R 2:2(0)"); /* second; RFC 5961, 3.2 */
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "R 65535:65535(0)"); /* the last of the window */
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "R 65536:65536(0)"); /* outside: dropped silently */
	rx(&p, "R 0:0(0)");
	silence(&p);
	state(&p, ESTABLISHED);
	leave(&p);
}

TEST(established__close)
{
	struct peer p = peer_in(ESTABLISHED);

	assert_int_equal(user_close(&p), 0); /* 3.10.4 */
	tx(&p, "F. 1:1(0) ack 1");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(established__close__behind_text)
{
	struct peer p = peer_in(ESTABLISHED);
	struct opening narrow = {.syn = "win 5 <mss 1460>"};

	leave(&p);
	p = peer_opened(SYN_RECEIVED, &narrow);
	rx(&p, ". 1:1(0) ack 1 win 5");
	user_send(&p, 10);
	tx(&p, ". 1:6(5) ack 1");
	user_close(&p); /* "queue this until all preceding SENDs have been segmentized" */
	silence(&p);
	state(&p, FIN_WAIT_1);
	rx(&p, ". 1:1(0) ack 6 win 100");
	tx(&p, "FP. 6:11(5) ack 1");
	leave(&p);
}

TEST(established__abort)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	user_abort(&p); /* 3.10.5: <SEQ=SND.NXT><CTL=RST> */
	tx(&p, "R 11:11(0)");
	state(&p, CLOSED);
	ends(&p);
}

TEST(established__send)
{
	struct peer p = peer_in(ESTABLISHED);

	assert_int_equal(user_send(&p, 10), 0);
	tx(&p, "P. 1:11(10) ack 1"); /* the last of what there is: pushed (MUST-60) */
	assert_int_equal(user_send(&p, 65535), -ENOBUFS);
	assert_int_equal(tcp_send_room(&p.c), 65525);
	leave(&p);
}

TEST(established__timeout)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	after(&p, RTO - 1);
	silence(&p);
	after(&p, 1);
	tx(&p, "P. 1:11(10) ack 1"); /* 3.10.8 */
	after(&p, 2 * RTO);
	tx(&p, "P. 1:11(10) ack 1"); /* RFC 6298, 5.5 */
	leave(&p);
}

TEST(established__timeout__user)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	after(&p, 900 * SECOND); /* 3.8.3, R2: MUST-20's 100 s and more */
	while (p.count)
		tx(&p, "P. 1:11(10) ack 1");
	state(&p, CLOSED);
	events(&p, EVENT_TIMED_OUT | EVENT_CLOSED);
	ends(&p);
}

TEST(established__timeout__none_when_idle)
{
	struct peer p = peer_in(ESTABLISHED);

	after(&p, 100000 * SECOND); /* 3.8.4: no keep-alive unless asked for */
	silence(&p);
	state(&p, ESTABLISHED);
	leave(&p);
}

/* RFC 5681, 4.1: an ACK within the millisecond is no silence, whatever the clock
 * says, and cwnd stays. */
TEST(established__send__right_after_the_ack)
{
	struct peer p = peer_in(ESTABLISHED);
	struct segment s;

	for (int round = 0; round < 8; round++) {
		uint32_t cwnd = p.c.cc.cwnd;
		char ack[48];

		user_send(&p, 10000);
		while (peer_next(&p, &s))
			;
		assert_true(p.c.cc.cwnd >= cwnd);
		snprintf(ack, sizeof(ack), ". 1:1(0) ack %u win 65535", p.c.snd.nxt - p.iss);
		rx(&p, ack);
		if (round % 2)
			after(&p, MILLISECOND);
	}
	leave(&p);
}

/* --- CLOSE_WAIT: the peer's FIN at 1 is received -------------------------------------- */

TEST(close_wait__syn)
{
	struct peer p = peer_in(CLOSE_WAIT);

	rx(&p, "S 2:2(0) win 1000"); /* fourth */
	tx(&p, ". 1:1(0) ack 2");
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__syn_ack)
{
	struct peer p = peer_in(CLOSE_WAIT);

	rx(&p, "S. 0:0(0) ack 1 win 1000"); /* first */
	tx(&p, ". 1:1(0) ack 2");
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__ack)
{
	struct peer p = peer_in(CLOSE_WAIT);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 2");
	rx(&p, ". 2:2(0) ack 11 win 1000"); /* fifth, as in ESTABLISHED */
	silence(&p);
	events(&p, EVENT_WRITABLE);
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__bad_ack)
{
	struct peer p = peer_in(CLOSE_WAIT);

	rx(&p, ". 2:2(0) ack 9 win 1000"); /* fifth */
	tx(&p, ". 1:1(0) ack 2");
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__text)
{
	struct peer p = peer_in(CLOSE_WAIT);
	struct segment s;

	rx(&p, "P. 2:12(10) ack 1 win 1000"); /* seventh: "ignore the segment text" */
	while (peer_next(&p, &s))
		assert_int_equal(s.ack, 2);
	assert_int_equal(tcp_unread(&p.c), 0);
	events(&p, 0);
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__outside)
{
	struct peer p = peer_in(CLOSE_WAIT);

	rx(&p, "P. 70000:70010(10) ack 1 win 1000"); /* first */
	tx(&p, ". 1:1(0) ack 2");
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__fin)
{
	struct peer p = peer_in(CLOSE_WAIT);

	rx(&p, "F. 1:1(0) ack 1 win 1000"); /* once more: our ACK was lost */
	tx(&p, ". 1:1(0) ack 2");
	state(&p, CLOSE_WAIT); /* eighth: "remain in the CLOSE-WAIT state" */
	events(&p, 0);
	leave(&p);
}

TEST(close_wait__rst)
{
	struct peer p = peer_in(CLOSE_WAIT);

	rx(&p, "R 2:2(0)"); /* second */
	state(&p, CLOSED);
	events(&p, EVENT_RESET | EVENT_CLOSED);
	ends(&p);
}

TEST(close_wait__rst_inexact)
{
	struct peer p = peer_in(CLOSE_WAIT);

	rx(&p, "R 3:3(0)"); /* second; RFC 5961, 3.2 */
	tx(&p, ". 1:1(0) ack 2");
	rx(&p, "R 1:1(0)"); /* old: dropped */
	silence(&p);
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__close)
{
	struct peer p = peer_in(CLOSE_WAIT);

	assert_int_equal(user_close(&p), 0); /* 3.10.4 */
	tx(&p, "F. 1:1(0) ack 2");
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(close_wait__abort)
{
	struct peer p = peer_in(CLOSE_WAIT);

	user_abort(&p); /* 3.10.5 */
	tx(&p, "R 1:1(0)");
	state(&p, CLOSED);
	ends(&p);
}

TEST(close_wait__send)
{
	struct peer p = peer_in(CLOSE_WAIT);

	assert_int_equal(user_send(&p, 10), 0); /* 3.10.2: half closed, ours is open */
	tx(&p, "P. 1:11(10) ack 2");
	state(&p, CLOSE_WAIT);
	leave(&p);
}

TEST(close_wait__timeout)
{
	struct peer p = peer_in(CLOSE_WAIT);

	after(&p, 10000 * SECOND); /* the user may take all the time */
	silence(&p);
	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 2");
	after(&p, RTO);
	tx(&p, "P. 1:11(10) ack 2");
	state(&p, CLOSE_WAIT);
	leave(&p);
}
