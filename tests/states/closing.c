/* SPDX-License-Identifier: BSD-2-Clause */
/* The states after our CLOSE, against every event. Names as in opening.c. Our FIN
 * stands at 1; in CLOSING, LAST_ACK and TIME_WAIT the peer's stands at 1 too. */
#define BOTH_FAMILIES
#include "test.h"
#include <errno.h>

/* settings.rto_min beyond an SRTT of a microsecond, the least there is */
#define RTO (200 * MILLISECOND + 1000)

/* --- FIN_WAIT_1 --------------------------------------------------------------------------- */

TEST(fin_wait_1__syn)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "S 1:1(0) win 1000"); /* fourth; RFC 5961, 4.2 */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__syn_ack)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "S. 0:0(0) ack 1 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__ack)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, ". 1:1(0) ack 2 win 1000"); /* fifth: our FIN */
	silence(&p);
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_1__ack__of_text_only)
{
	struct peer p = peer_in(ESTABLISHED);

	user_send(&p, 10);
	tx(&p, "P. 1:11(10) ack 1");
	user_close(&p);
	tx(&p, "F. 11:11(0) ack 1");
	rx(&p, ". 1:1(0) ack 11 win 1000");
	state(&p, FIN_WAIT_1);
	rx(&p, ". 1:1(0) ack 12 win 1000");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_1__bad_ack)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, ". 1:1(0) ack 3 win 1000"); /* fifth */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__text)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "P. 1:11(10) ack 1 win 1000"); /* seventh: we can still receive */
	events(&p, EVENT_READABLE);
	user_receive(&p, 10);
	after(&p, 100 * MILLISECOND);
	tx(&p, ". 2:2(0) ack 11");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__outside)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "P. 70000:70010(10) ack 1 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__fin)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "F. 1:1(0) ack 1 win 1000"); /* eighth: simultaneous close */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, CLOSING);
	events(&p, EVENT_PEER_CLOSED);
	leave(&p);
}

TEST(fin_wait_1__fin__that_acks_ours)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "F. 1:1(0) ack 2 win 1000"); /* eighth: straight to TIME_WAIT */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, TIME_WAIT);
	after(&p, 60 * SECOND - 1);
	state(&p, TIME_WAIT);
	after(&p, 1);
	state(&p, CLOSED);
	ends(&p);
}

TEST(fin_wait_1__rst)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "R 1:1(0)"); /* second */
	state(&p, CLOSED);
	events(&p, EVENT_RESET | EVENT_CLOSED);
	ends(&p);
}

TEST(fin_wait_1__rst_inexact)
{
	struct peer p = peer_in(FIN_WAIT_1);

	rx(&p, "R 2:2(0)"); /* second; RFC 5961, 3.2 */
	tx(&p, ". 2:2(0) ack 1");
	rx(&p, "R 70000:70000(0)");
	silence(&p);
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__close)
{
	struct peer p = peer_in(FIN_WAIT_1);

	assert_int_equal(user_close(&p), -ENOTCONN); /* 3.10.4: "connection closing" */
	silence(&p);
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__abort)
{
	struct peer p = peer_in(FIN_WAIT_1);

	user_abort(&p); /* 3.10.5 */
	tx(&p, "R 2:2(0)");
	state(&p, CLOSED);
	ends(&p);
}

TEST(fin_wait_1__send)
{
	struct peer p = peer_in(FIN_WAIT_1);

	assert_int_equal(user_send(&p, 10), -EPIPE); /* 3.10.2: "connection closing" */
	silence(&p);
	leave(&p);
}

TEST(fin_wait_1__timeout)
{
	struct peer p = peer_in(FIN_WAIT_1);

	after(&p, RTO);
	tx(&p, "F. 1:1(0) ack 1"); /* 3.10.8: the FIN is retransmitted */
	after(&p, 2 * RTO);
	tx(&p, "F. 1:1(0) ack 1");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(fin_wait_1__timeout__user)
{
	struct peer p = peer_in(FIN_WAIT_1);

	after(&p, 900 * SECOND);
	while (p.count)
		tx(&p, "F. 1:1(0) ack 1");
	state(&p, CLOSED);
	events(&p, EVENT_TIMED_OUT | EVENT_CLOSED);
	ends(&p);
}

/* --- FIN_WAIT_2 --------------------------------------------------------------------------- */

TEST(fin_wait_2__syn)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, "S 1:1(0) win 1000"); /* fourth */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_2__syn_ack)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, "S. 0:0(0) ack 1 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_2__ack)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, ". 1:1(0) ack 2 win 9"); /* fifth: only the window is new */
	silence(&p);
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_2__bad_ack)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, ". 1:1(0) ack 3 win 1000"); /* fifth */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_2__text)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, "P. 1:11(10) ack 2 win 1000"); /* seventh */
	events(&p, EVENT_READABLE);
	user_receive(&p, 10);
	after(&p, 500 * MILLISECOND);
	tx(&p, ". 2:2(0) ack 11");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

/* 3.6.1, RFC 1122, 4.2.2.13: text for a user who is gone resets. */
TEST(fin_wait_2__text__for_nobody)
{
	struct peer p = peer_in(FIN_WAIT_2);

	user_forsake(&p);
	rx(&p, "P. 1:11(10) ack 2 win 1000");
	tx(&p, "R 2:2(0)");
	state(&p, CLOSED);
	ends(&p);
}

TEST(fin_wait_2__outside)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, "P. 70000:70010(10) ack 2 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_2__fin)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, "F. 1:1(0) ack 2 win 1000"); /* eighth */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, TIME_WAIT);
	events(&p, EVENT_PEER_CLOSED);
	after(&p, 60 * SECOND);
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(fin_wait_2__rst)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, "R 1:1(0)"); /* second */
	state(&p, CLOSED);
	events(&p, EVENT_RESET | EVENT_CLOSED);
	ends(&p);
}

TEST(fin_wait_2__rst_inexact)
{
	struct peer p = peer_in(FIN_WAIT_2);

	rx(&p, "R 2:2(0)"); /* second; RFC 5961, 3.2 */
	tx(&p, ". 2:2(0) ack 1");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_2__close)
{
	struct peer p = peer_in(FIN_WAIT_2);

	assert_int_equal(user_close(&p), -ENOTCONN); /* 3.10.4 */
	silence(&p);
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(fin_wait_2__abort)
{
	struct peer p = peer_in(FIN_WAIT_2);

	user_abort(&p); /* 3.10.5 */
	tx(&p, "R 2:2(0)");
	state(&p, CLOSED);
	ends(&p);
}

TEST(fin_wait_2__send)
{
	struct peer p = peer_in(FIN_WAIT_2);

	assert_int_equal(user_send(&p, 10), -EPIPE); /* 3.10.2 */
	silence(&p);
	leave(&p);
}

/* A half-closed connection lives as long as its user wants to read … */
TEST(fin_wait_2__timeout)
{
	struct peer p = peer_in(FIN_WAIT_2);

	after(&p, 100000 * SECOND);
	silence(&p);
	state(&p, FIN_WAIT_2);
	rx(&p, "F. 1:1(0) ack 2 win 1000");
	tx(&p, ". 2:2(0) ack 2");
	state(&p, TIME_WAIT);
	leave(&p);
}

/* … and a bounded time once the user is gone. */
TEST(fin_wait_2__timeout__of_nobody)
{
	struct peer p = peer_in(FIN_WAIT_2);

	user_forsake(&p);
	after(&p, 60 * SECOND - 1);
	state(&p, FIN_WAIT_2);
	after(&p, 1);
	state(&p, CLOSED);
	ends(&p);
}

/* --- CLOSING -------------------------------------------------------------------------------- */

TEST(closing__syn)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, "S 2:2(0) win 1000"); /* fourth */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__syn_ack)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, "S. 0:0(0) ack 1 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__ack)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, ". 2:2(0) ack 2 win 1000"); /* fifth: our FIN */
	silence(&p);
	state(&p, TIME_WAIT);
	after(&p, 60 * SECOND);
	state(&p, CLOSED);
	ends(&p);
}

TEST(closing__bad_ack)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, ". 2:2(0) ack 3 win 1000"); /* fifth */
	tx(&p, ". 2:2(0) ack 2");
	rx(&p, ". 2:2(0) ack 1 win 1000"); /* fifth: not of our FIN, "ignore" */
	silence(&p);
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__text)
{
	struct peer p = peer_in(CLOSING);
	struct segment s;

	rx(&p, "P. 2:12(10) ack 1 win 1000"); /* seventh: ignored */
	while (peer_next(&p, &s))
		assert_int_equal(s.ack, 2);
	assert_int_equal(tcp_unread(&p.c), 0);
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__outside)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, "P. 70000:70010(10) ack 1 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__fin)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, "F. 1:1(0) ack 1 win 1000"); /* once more; eighth: remain */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__rst)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, "R 2:2(0)"); /* second: nobody is told of a reset */
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(closing__rst_inexact)
{
	struct peer p = peer_in(CLOSING);

	rx(&p, "R 3:3(0)"); /* second; RFC 5961, 3.2 */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__close)
{
	struct peer p = peer_in(CLOSING);

	assert_int_equal(user_close(&p), -ENOTCONN); /* 3.10.4: "connection closing" */
	silence(&p);
	state(&p, CLOSING);
	leave(&p);
}

TEST(closing__abort)
{
	struct peer p = peer_in(CLOSING);

	user_abort(&p); /* 3.10.5: "respond with ok and delete the TCB", no RST */
	silence(&p);
	state(&p, CLOSED);
	ends(&p);
}

TEST(closing__send)
{
	struct peer p = peer_in(CLOSING);

	assert_int_equal(user_send(&p, 10), -EPIPE); /* 3.10.2 */
	silence(&p);
	leave(&p);
}

TEST(closing__timeout)
{
	struct peer p = peer_in(CLOSING);

	after(&p, RTO);
	tx(&p, "F. 1:1(0) ack 2");
	state(&p, CLOSING);
	after(&p, 900 * SECOND);
	while (p.count)
		tx(&p, "F. 1:1(0) ack 2");
	state(&p, CLOSED);
	events(&p, EVENT_TIMED_OUT | EVENT_CLOSED);
	ends(&p);
}

/* --- LAST_ACK ------------------------------------------------------------------------------- */

TEST(last_ack__syn)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, "S 2:2(0) win 1000"); /* fourth */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__syn_ack)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, "S. 0:0(0) ack 1 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__ack)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, ". 2:2(0) ack 2 win 1000"); /* fifth */
	silence(&p);
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(last_ack__bad_ack)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, ". 2:2(0) ack 3 win 1000"); /* fifth */
	tx(&p, ". 2:2(0) ack 2");
	rx(&p, ". 2:2(0) ack 1 win 1000"); /* not of our FIN */
	silence(&p);
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__text)
{
	struct peer p = peer_in(LAST_ACK);
	struct segment s;

	rx(&p, "P. 2:12(10) ack 1 win 1000"); /* seventh: ignored */
	while (peer_next(&p, &s))
		assert_int_equal(s.ack, 2);
	assert_int_equal(tcp_unread(&p.c), 0);
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__outside)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, "P. 70000:70010(10) ack 2 win 1000"); /* first: not even its ACK counts */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__fin)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, "F. 1:1(0) ack 1 win 1000"); /* once more */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__rst)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, "R 2:2(0)"); /* second */
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(last_ack__rst_inexact)
{
	struct peer p = peer_in(LAST_ACK);

	rx(&p, "R 3:3(0)"); /* second; RFC 5961, 3.2 */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__close)
{
	struct peer p = peer_in(LAST_ACK);

	assert_int_equal(user_close(&p), -ENOTCONN); /* 3.10.4 */
	silence(&p);
	state(&p, LAST_ACK);
	leave(&p);
}

TEST(last_ack__abort)
{
	struct peer p = peer_in(LAST_ACK);

	user_abort(&p); /* 3.10.5: no RST */
	silence(&p);
	state(&p, CLOSED);
	ends(&p);
}

TEST(last_ack__send)
{
	struct peer p = peer_in(LAST_ACK);

	assert_int_equal(user_send(&p, 10), -EPIPE); /* 3.10.2 */
	silence(&p);
	leave(&p);
}

TEST(last_ack__timeout)
{
	struct peer p = peer_in(LAST_ACK);

	after(&p, RTO);
	tx(&p, "F. 1:1(0) ack 2");
	state(&p, LAST_ACK);
	after(&p, 900 * SECOND);
	while (p.count)
		tx(&p, "F. 1:1(0) ack 2");
	state(&p, CLOSED);
	events(&p, EVENT_TIMED_OUT | EVENT_CLOSED);
	ends(&p);
}

/* --- TIME_WAIT ------------------------------------------------------------------------------ */

TEST(time_wait__syn)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, "S 0:0(0) win 1000"); /* 3.5, first: an old duplicate opens nothing */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, TIME_WAIT);
	leave(&p);
}

/* 3.6.1, MAY-2: a SYN beyond all of the old numbers may begin anew. */
TEST(time_wait__syn__of_a_new_incarnation)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, "S 100000:100000(0) win 1000");
	silence(&p);
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED | EVENT_REOPEN);
	ends(&p);
}

/* RFC 6191: where both have timestamps, those tell, whatever the number says. */
TEST(time_wait__syn__by_timestamp)
{
	struct opening modern = {.syn = MODERN};
	struct peer p = peer_opened(TIME_WAIT, &modern);

	rx(&p, "S 100000:100000(0) win 1000 <ts 999 0>");
	tx(&p, ". 2:2(0) ack 2");
	state(&p, TIME_WAIT);
	rx(&p, "S -500:-500(0) win 1000 <ts 1001 0>");
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED | EVENT_REOPEN);
	ends(&p);
}

TEST(time_wait__syn_ack)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, "S. 0:0(0) ack 1 win 1000"); /* first */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, TIME_WAIT);
	leave(&p);
}

TEST(time_wait__ack)
{
	struct peer p = peer_in(TIME_WAIT);

	after(&p, 30 * SECOND);
	rx(&p, ". 2:2(0) ack 2 win 1000"); /* fifth: no FIN, so the timer goes on */
	silence(&p);
	state(&p, TIME_WAIT);
	after(&p, 30 * SECOND);
	state(&p, CLOSED);
	ends(&p);
}

TEST(time_wait__bad_ack)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, ". 2:2(0) ack 9 win 1000"); /* fifth */
	tx(&p, ". 2:2(0) ack 2");
	state(&p, TIME_WAIT);
	leave(&p);
}

TEST(time_wait__text)
{
	struct peer p = peer_in(TIME_WAIT);
	struct segment s;

	rx(&p, "P. 2:12(10) ack 2 win 1000"); /* seventh: ignored */
	while (peer_next(&p, &s))
		assert_int_equal(s.ack, 2);
	assert_int_equal(tcp_unread(&p.c), 0);
	state(&p, TIME_WAIT);
	leave(&p);
}

TEST(time_wait__outside)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, "P. -1000:-990(10) ack 2 win 1000"); /* an earlier incarnation's: first */
	tx(&p, ". 2:2(0) ack 2");
	assert_int_equal(tcp_unread(&p.c), 0);
	state(&p, TIME_WAIT);
	leave(&p);
}

TEST(time_wait__fin)
{
	struct peer p = peer_in(TIME_WAIT);

	after(&p, 59 * SECOND);
	rx(&p, "F. 1:1(0) ack 2 win 1000"); /* our last ACK was lost */
	tx(&p, ". 2:2(0) ack 2");
	after(&p, 60 * SECOND - 1); /* fifth, eighth: "restart the 2 MSL timeout" */
	state(&p, TIME_WAIT);
	after(&p, 1);
	state(&p, CLOSED);
	ends(&p);
}

/* RFC 1337 (F1): an old duplicate must not end TIME_WAIT early by making the peer
 * send an RST; the letter of 3.10.7.4, second, would let it. */
TEST(time_wait__rst)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, "R 2:2(0)");
	silence(&p);
	state(&p, TIME_WAIT);
	after(&p, 60 * SECOND);
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(time_wait__rst_inexact)
{
	struct peer p = peer_in(TIME_WAIT);

	rx(&p, "R 3:3(0)");
	silence(&p); /* the peer has nothing left to be challenged for */
	state(&p, TIME_WAIT);
	leave(&p);
}

TEST(time_wait__close)
{
	struct peer p = peer_in(TIME_WAIT);

	assert_int_equal(user_close(&p), -ENOTCONN); /* 3.10.4 */
	silence(&p);
	state(&p, TIME_WAIT);
	leave(&p);
}

TEST(time_wait__abort)
{
	struct peer p = peer_in(TIME_WAIT);

	user_abort(&p); /* 3.10.5: no RST */
	silence(&p);
	state(&p, CLOSED);
	ends(&p);
}

TEST(time_wait__send)
{
	struct peer p = peer_in(TIME_WAIT);

	assert_int_equal(user_send(&p, 10), -EPIPE); /* 3.10.2 */
	silence(&p);
	leave(&p);
}

TEST(time_wait__timeout)
{
	struct peer p = peer_in(TIME_WAIT);

	after(&p, 60 * SECOND - 1); /* 3.10.8 */
	state(&p, TIME_WAIT);
	after(&p, 1);
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED);
	ends(&p);
}
