/* SPDX-License-Identifier: BSD-2-Clause */
/* FIN_WAIT_1 and FIN_WAIT_2, in which we have closed and the peer has not, against
 * every event. Names as in opening.c. Our FIN stands at 1. */
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
