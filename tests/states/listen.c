/* SPDX-License-Identifier: BSD-2-Clause */
/* CLOSED and LISTEN, which know no peer, against every event. Names as in
 * opening.c. */
#define BOTH_FAMILIES
#include "test.h"
#include <errno.h>

/* --- CLOSED: 3.10.7.1, and the calls of 3.10.1 to 3.10.5 ---------------------------- */

TEST(closed__syn)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, "S 5:5(0) win 1000 <mss 1000>");
	tx(&p, "R. 0:0(0) ack 6"); /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
	state(&p, CLOSED);
	ends(&p);
}

TEST(closed__syn_ack)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, "S. 5:5(0) ack 77 win 1000");
	tx(&p, "R 77:77(0)"); /* <SEQ=SEG.ACK><CTL=RST> */
	ends(&p);
}

TEST(closed__ack)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, ". 5:5(0) ack 77 win 1000");
	tx(&p, "R 77:77(0)");
	ends(&p);
}

TEST(closed__bad_ack)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, ". 5:5(0) ack 0 win 1000"); /* no ACK is good here, not even of 0 */
	tx(&p, "R 0:0(0)");
	ends(&p);
}

TEST(closed__text)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, "P 5:15(10) win 1000");
	tx(&p, "R. 0:0(0) ack 15");
	rx(&p, "P. 5:15(10) ack 3 win 1000");
	tx(&p, "R 3:3(0)");
	ends(&p);
}

TEST(closed__outside)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, "P. 2000000000:2000000010(10) ack 3 win 1000"); /* there is no window */
	tx(&p, "R 3:3(0)");
	ends(&p);
}

TEST(closed__fin)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, "F 5:15(10) win 1000");
	tx(&p, "R. 0:0(0) ack 16"); /* the FIN counts */
	rx(&p, "SF 5:15(10) win 1000");
	tx(&p, "R. 0:0(0) ack 17"); /* the SYN too */
	ends(&p);
}

TEST(closed__rst)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, "R 5:5(0)"); /* "an incoming segment containing a RST is discarded" */
	silence(&p);
	ends(&p);
}

TEST(closed__rst_inexact)
{
	struct peer p = peer_in(CLOSED);

	rx(&p, "R. 99:99(0) ack 4");
	rx(&p, "SFR. 99:99(0) ack 4");
	silence(&p);
	ends(&p);
}

TEST(closed__close)
{
	struct peer p = peer_in(CLOSED);

	assert_int_equal(user_close(&p), -ENOTCONN); /* "connection does not exist" */
	ends(&p);
}

TEST(closed__abort)
{
	struct peer p = peer_in(CLOSED);

	user_abort(&p);
	events(&p, 0);
	ends(&p);
}

TEST(closed__send)
{
	struct peer p = peer_in(CLOSED);

	assert_int_equal(user_send(&p, 10), -ENOTCONN); /* "connection does not exist" */
	assert_int_equal(tcp_send_room(&p.c), 0);
	ends(&p);
}

TEST(closed__timeout)
{
	struct peer p = peer_in(CLOSED);

	after(&p, 1000 * SECOND);
	ends(&p);
}

/* --- LISTEN: 3.10.7.2 ------------------------------------------------------------------ */

TEST(listen__syn)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "S 0:0(0) win 1000 <mss 1000>"); /* third */
	tx(&p, "S. 0:0(0) ack 1");
	state(&p, SYN_RECEIVED);
	events(&p, 0);
	leave(&p);
}

/* What a SYN offers is answered, what it does not offer is not. */
TEST(listen__syn__options)
{
	struct peer p = peer_in(LISTEN);
	struct segment s;

	rx(&p, "S 0:0(0) " MODERN);
	assert_true(peer_next(&p, &s));
	assert_int_equal(s.options, OPTION_MSS | OPTION_WINDOW_SCALE | OPTION_SACK_PERMITTED |
					    OPTION_TIMESTAMPS);
	assert_int_equal(s.tsecr, 1000);
	assert_int_equal(s.mss, peer_v6 ? 1440 : 1460);
	p = peer_in(LISTEN);
	rx(&p, "S 0:0(0) win 1000");
	assert_true(peer_next(&p, &s));
	assert_int_equal(s.options, OPTION_MSS);
	leave(&p);
}

/* Text or a FIN in a SYN may wait; it must not be lost sight of by acknowledging. */
TEST(listen__syn__with_text)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "S 0:10(10) win 1000 <mss 1000>");
	tx(&p, "S. 0:0(0) ack 1");
	state(&p, SYN_RECEIVED);
	leave(&p);
}

TEST(listen__syn_ack)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "S. 0:0(0) ack 77 win 1000"); /* second: "any acknowledgment is bad" */
	tx(&p, "R 77:77(0)");
	ends(&p);
}

TEST(listen__ack)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, ". 1:1(0) ack 77 win 1000"); /* second */
	tx(&p, "R 77:77(0)");
	state(&p, LISTEN);
	ends(&p);
}

TEST(listen__bad_ack)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, ". 1:1(0) ack -5 win 1000");
	tx(&p, "R -5:-5(0)");
	ends(&p);
}

TEST(listen__text)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "P 1:11(10) win 1000"); /* fourth: dropped */
	silence(&p);
	rx(&p, "P. 1:11(10) ack 8 win 1000");
	tx(&p, "R 8:8(0)");
	ends(&p);
}

TEST(listen__outside)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "P 1000000:1000010(10) win 1000");
	silence(&p);
	ends(&p);
}

TEST(listen__fin)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "F 1:1(0) win 1000"); /* eighth of 3.10.7.4 says so too: not processed */
	silence(&p);
	rx(&p, "F. 1:1(0) ack 8 win 1000");
	tx(&p, "R 8:8(0)");
	ends(&p);
}

TEST(listen__rst)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "R 1:1(0)"); /* first: ignored */
	rx(&p, "SR 1:1(0)");
	ends(&p);
}

TEST(listen__rst_inexact)
{
	struct peer p = peer_in(LISTEN);

	rx(&p, "R. 7:7(0) ack 9");
	ends(&p);
}

TEST(listen__close)
{
	struct peer p = peer_in(LISTEN);

	assert_int_equal(user_close(&p), 0); /* 3.10.4 */
	state(&p, CLOSED);
	events(&p, EVENT_CLOSED);
	ends(&p);
}

TEST(listen__abort)
{
	struct peer p = peer_in(LISTEN);

	user_abort(&p); /* 3.10.5: nobody to be told */
	state(&p, CLOSED);
	ends(&p);
}

TEST(listen__send)
{
	struct peer p = peer_in(LISTEN);

	/* 3.10.2: "error: remote connection unspecified" */
	assert_int_equal(user_send(&p, 10), -ENOTCONN);
	ends(&p);
}

TEST(listen__timeout)
{
	struct peer p = peer_in(LISTEN);

	after(&p, 1000 * SECOND); /* listening has no end */
	state(&p, LISTEN);
	ends(&p);
}
