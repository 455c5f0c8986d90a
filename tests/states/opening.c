/* SPDX-License-Identifier: BSD-2-Clause */
/* SYN_SENT and SYN_RECEIVED, the handshake, against every event. A test's
 * name is state__event, or state__event__variant; tools/matrix reads them. The
 * numbers in comments are sections of RFC 9293. */
#define BOTH_FAMILIES
#include "test.h"
#include <errno.h>

/* --- SYN_SENT: 3.10.7.3 ------------------------------------------------------------------ */

TEST(syn_sent__syn)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "S 0:0(0) win 1000 <mss 1000>"); /* fourth: simultaneous open */
	tx(&p, "S. 0:0(0) ack 1");
	state(&p, SYN_RECEIVED);
	leave(&p);
}

TEST(syn_sent__syn_ack)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "S. 0:0(0) ack 1 win 1000 <mss 1000>"); /* fourth */
	tx(&p, ". 1:1(0) ack 1");
	state(&p, ESTABLISHED);
	events(&p, EVENT_CONNECTED);
	leave(&p);
}

TEST(syn_sent__syn_ack__with_text_and_fin)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "SFP. 0:10(10) ack 1 win 1000 <mss 1000>");
	tx(&p, ". 1:1(0) ack 12");
	state(&p, CLOSE_WAIT);
	events(&p, EVENT_CONNECTED | EVENT_READABLE | EVENT_PEER_CLOSED);
	user_receive(&p, 10);
	leave(&p);
}

TEST(syn_sent__ack)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, ". 1:1(0) ack 1 win 1000"); /* fifth: neither SYN nor RST */
	silence(&p);
	state(&p, SYN_SENT);
	leave(&p);
}

TEST(syn_sent__bad_ack)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, ". 1:1(0) ack 2 win 1000"); /* first: SEG.ACK > SND.NXT */
	tx(&p, "R 2:2(0)");
	rx(&p, "S. 0:0(0) ack 0 win 1000"); /* first: SEG.ACK =< ISS */
	tx(&p, "R 0:0(0)");
	state(&p, SYN_SENT);
	leave(&p);
}

TEST(syn_sent__text)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "P. 1:11(10) ack 1 win 1000"); /* fifth */
	silence(&p);
	state(&p, SYN_SENT);
	leave(&p);
}

TEST(syn_sent__outside)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "P 1000000:1000010(10) win 1000"); /* there is no window yet; fifth */
	silence(&p);
	state(&p, SYN_SENT);
	leave(&p);
}

TEST(syn_sent__fin)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "F. 1:1(0) ack 1 win 1000"); /* fifth: there is no SEG.SEQ to check it by */
	silence(&p);
	state(&p, SYN_SENT);
	leave(&p);
}

TEST(syn_sent__rst)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "R. 0:0(0) ack 1"); /* second: it acknowledges our SYN */
	state(&p, CLOSED);
	events(&p, EVENT_REFUSED | EVENT_CLOSED);
	ends(&p);
}

TEST(syn_sent__rst_inexact)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "R 0:0(0)");	   /* second, no ACK: dropped */
	rx(&p, "R. 0:0(0) ack 2"); /* first: dropped without an answer */
	rx(&p, "R. 0:0(0) ack 0");
	silence(&p);
	state(&p, SYN_SENT);
	leave(&p);
}

TEST(syn_sent__close)
{
	struct peer p = peer_in(SYN_SENT);

	assert_int_equal(user_close(&p), 0); /* 3.10.4: delete the TCB */
	state(&p, CLOSED);
	ends(&p);
}

TEST(syn_sent__abort)
{
	struct peer p = peer_in(SYN_SENT);

	user_abort(&p); /* 3.10.5: no RST, there is no connection */
	state(&p, CLOSED);
	ends(&p);
}

TEST(syn_sent__send)
{
	struct peer p = peer_in(SYN_SENT);

	assert_int_equal(user_send(&p, 10), 0); /* 3.10.2: queued */
	silence(&p);
	rx(&p, "S. 0:0(0) ack 1 win 1000 <mss 1000>");
	tx(&p, "P. 1:11(10) ack 1"); /* fourth: "may be queued … may be included" */
	state(&p, ESTABLISHED);
	leave(&p);
}

TEST(syn_sent__timeout)
{
	struct peer p = peer_in(SYN_SENT);

	after(&p, SECOND - 1); /* RFC 6298, 2.1 */
	silence(&p);
	after(&p, 1);
	tx(&p, "S 0:0(0)");
	after(&p, 2 * SECOND); /* RFC 6298, 5.5 */
	tx(&p, "S 0:0(0)");
	state(&p, SYN_SENT);
	leave(&p);
}

TEST(syn_sent__timeout__gives_up)
{
	struct peer p = peer_in(SYN_SENT);

	after(&p, 180 * SECOND - 1); /* MUST-23: at least three minutes */
	while (p.count)
		tx(&p, "S 0:0(0)");
	state(&p, SYN_SENT);
	after(&p, 1);
	state(&p, CLOSED);
	events(&p, EVENT_TIMED_OUT | EVENT_CLOSED);
	ends(&p);
}

/* --- SYN_RECEIVED: 3.10.7.4 ---------------------------------------------------------------- */

/* Entered by simultaneous open: SYN_SENT, and the peer's SYN crosses ours. */
static struct peer crossed(void)
{
	struct peer p = peer_in(SYN_SENT);

	rx(&p, "S 0:0(0) win 65535 <mss 1460>");
	tx(&p, "S. 0:0(0) ack 1");
	state(&p, SYN_RECEIVED);
	return p;
}

TEST(syn_received__syn)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, "S 0:0(0) win 65535 <mss 1460>"); /* our SYN+ACK was lost */
	tx(&p, "S. 0:0(0) ack 1");
	state(&p, SYN_RECEIVED);
	leave(&p);
}

TEST(syn_received__syn__another_one)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, "S 5:5(0) win 65535"); /* fourth: after a passive OPEN, LISTEN again */
	silence(&p);
	state(&p, LISTEN);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(syn_received__syn_ack)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, "S. 5:5(0) ack 1 win 65535"); /* fourth */
	silence(&p);
	state(&p, LISTEN);
	ends(&p);
}

TEST(syn_received__syn_ack__of_simultaneous_open)
{
	struct peer p = crossed();
	struct segment s;

	rx(&p, "S. 0:0(0) ack 1 win 65535 <mss 1460>"); /* 3.5, figure 8 */
	state(&p, ESTABLISHED);
	events(&p, EVENT_CONNECTED);
	if (peer_next(&p, &s)) /* an ACK does no harm, another SYN would */
		assert_int_equal(s.flags, ACK);
	leave(&p);
}

TEST(syn_received__ack)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, ". 1:1(0) ack 1 win 1000"); /* fifth */
	silence(&p);
	state(&p, ESTABLISHED);
	events(&p, EVENT_CONNECTED);
	assert_int_equal(p.c.snd.wnd, 1000);
	leave(&p);
}

TEST(syn_received__bad_ack)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, ". 1:1(0) ack 2 win 1000"); /* fifth */
	tx(&p, "R 2:2(0)");
	rx(&p, ". 1:1(0) ack 0 win 1000");
	tx(&p, "R 0:0(0)");
	state(&p, SYN_RECEIVED);
	leave(&p);
}

TEST(syn_received__text)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, "P 1:11(10) win 1000"); /* fifth: without ACK it is dropped */
	silence(&p);
	state(&p, SYN_RECEIVED);
	rx(&p, "P. 1:11(10) ack 1 win 1000");
	state(&p, ESTABLISHED);
	events(&p, EVENT_CONNECTED | EVENT_READABLE);
	user_receive(&p, 10);
	after(&p, 500 * MILLISECOND); /* MUST-40 */
	tx(&p, ". 1:1(0) ack 11");
	leave(&p);
}

TEST(syn_received__outside)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, ". 70000:70010(10) ack 1 win 1000"); /* first */
	tx(&p, ". 1:1(0) ack 1");
	state(&p, SYN_RECEIVED);
	leave(&p);
}

TEST(syn_received__fin)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, "F. 1:1(0) ack 1 win 1000"); /* fifth, then eighth */
	tx(&p, ". 1:1(0) ack 2");
	state(&p, CLOSE_WAIT);
	events(&p, EVENT_CONNECTED | EVENT_PEER_CLOSED);
	leave(&p);
}

TEST(syn_received__rst)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, "R 1:1(0)"); /* second: "return to the LISTEN state"; nobody is told */
	state(&p, LISTEN);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(syn_received__rst__after_active_open)
{
	struct peer p = crossed();

	rx(&p, "R 1:1(0)"); /* second: "connection refused" */
	state(&p, CLOSED);
	events(&p, EVENT_REFUSED | EVENT_CLOSED);
	ends(&p);
}

TEST(syn_received__rst_inexact)
{
	struct peer p = peer_in(SYN_RECEIVED);

	rx(&p, "R 5:5(0)"); /* second; RFC 5961, 3.2: challenge ACK */
	tx(&p, ". 1:1(0) ack 1");
	rx(&p, "R 70000:70000(0)"); /* first: outside of the window, dropped */
	silence(&p);
	state(&p, SYN_RECEIVED);
	leave(&p);
}

TEST(syn_received__close)
{
	struct peer p = peer_in(SYN_RECEIVED);

	assert_int_equal(user_close(&p), 0); /* 3.10.4 */
	tx(&p, "F. 1:1(0) ack 1");
	state(&p, FIN_WAIT_1);
	rx(&p, ". 1:1(0) ack 2 win 1000");
	state(&p, FIN_WAIT_2);
	leave(&p);
}

TEST(syn_received__close__behind_text)
{
	struct peer p = peer_in(SYN_RECEIVED);

	assert_int_equal(user_send(&p, 10), 0);
	assert_int_equal(user_close(&p), 0); /* "queue for processing after ESTABLISHED" */
	silence(&p);
	state(&p, SYN_RECEIVED);
	rx(&p, ". 1:1(0) ack 1 win 1000");
	tx(&p, "FP. 1:11(10) ack 1");
	state(&p, FIN_WAIT_1);
	leave(&p);
}

TEST(syn_received__abort)
{
	struct peer p = peer_in(SYN_RECEIVED);

	user_abort(&p); /* 3.10.5: <SEQ=SND.NXT><CTL=RST> */
	tx(&p, "R 1:1(0)");
	state(&p, CLOSED);
	ends(&p);
}

TEST(syn_received__send)
{
	struct peer p = peer_in(SYN_RECEIVED);

	assert_int_equal(user_send(&p, 10), 0); /* 3.10.2: queued */
	silence(&p);
	rx(&p, ". 1:1(0) ack 1 win 1000");
	tx(&p, "P. 1:11(10) ack 1");
	leave(&p);
}

TEST(syn_received__timeout)
{
	struct peer p = peer_in(SYN_RECEIVED);

	after(&p, SECOND - 1);
	silence(&p);
	after(&p, 1);
	tx(&p, "S. 0:0(0) ack 1");
	after(&p, 2 * SECOND);
	tx(&p, "S. 0:0(0) ack 1");
	state(&p, SYN_RECEIVED);
	leave(&p);
}

TEST(syn_received__timeout__gives_up)
{
	struct peer p = peer_in(SYN_RECEIVED);

	after(&p, 63 * SECOND);
	while (p.count)
		tx(&p, "S. 0:0(0) ack 1");
	state(&p, CLOSED);
	events(&p, EVENT_TIMED_OUT | EVENT_CLOSED);
	ends(&p);
}
