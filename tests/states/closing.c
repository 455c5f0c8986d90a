/* SPDX-License-Identifier: BSD-2-Clause */
/* The states in which both have closed, against every event. Names as in opening.c.
 * Our FIN stands at 1, the peer's at 1 too. */
#define BOTH_FAMILIES
#include "test.h"
#include <errno.h>

/* settings.rto_min beyond an SRTT of a microsecond, the least there is */
#define RTO (200 * MILLISECOND + 1000)

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
