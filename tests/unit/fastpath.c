/* SPDX-License-Identifier: BSD-2-Clause */
/* judge() and apply() of include/fastpath.h, as a table: a flow, a segment, what
 * becomes of it. The same table is small enough to be read beside the RFC. */
#include "choice.h"
#include "fastpath.h"
#include "notation.h"
#include "test.h"

/* Relative numbers: 1000 received, 500 sent of which 100 are acknowledged. */
static const struct flow_rx plain_rx = {
	.rcv_nxt = 1001, .snd_una = 101, .snd_wnd = 50000, .ack_sent = 1001, .ts_recent = 700};
static const struct flow_tx plain_tx = {
	.snd_nxt = 501, .rcv_edge = 11001, .ack_sent = 1001, .full_segment = 1460};

static const struct row {
	const char *segment;
	enum reason want;
	uint8_t flags; /* FLOW_TIMESTAMPS */
} rows[] = {
	{"P. 1001:1101(100) ack 101 win 50000", REASON_HIT_TEXT, 0},
	{". 1001:1101(100) ack 101 win 50000", REASON_HIT_TEXT, 0},
	{". 1001:1101(100) ack 501 win 1", REASON_HIT_TEXT, 0},
	{". 1001:1001(0) ack 102 win 50000", REASON_HIT_ACK, 0},
	{". 1001:1001(0) ack 501 win 50000", REASON_HIT_ACK, 0},
	{". 1001:1001(0) ack 101 win 50001", REASON_HIT_ACK, 0},       /* window update */
	{". 1001:11001(10000) ack 101 win 50000", REASON_HIT_TEXT, 0}, /* fills the window */
	/* control bits */
	{"- 1001:1101(100) win 50000", REASON_PUNT_CONTROL, 0},
	{"P 1001:1101(100) win 50000", REASON_PUNT_CONTROL, 0},
	{"F. 1001:1101(100) ack 101 win 50000", REASON_PUNT_CONTROL, 0},
	{"S. 1001:1001(0) ack 101 win 50000", REASON_PUNT_CONTROL, 0},
	{"R. 1001:1001(0) ack 101 win 50000", REASON_PUNT_CONTROL, 0},
	{"U. 1001:1101(100) ack 101 win 50000 urg 3", REASON_PUNT_CONTROL, 0},
	{"E. 1001:1101(100) ack 101 win 50000", REASON_PUNT_CONTROL, 0},
	{"W. 1001:1101(100) ack 101 win 50000", REASON_PUNT_CONTROL, 0},
	/* order and window */
	{". 1000:1100(100) ack 101 win 50000", REASON_PUNT_ORDER, 0},
	{". 1002:1102(100) ack 101 win 50000", REASON_PUNT_ORDER, 0},
	{". 1001:11002(10001) ack 101 win 50000", REASON_PUNT_WINDOW, 0},
	/* the ACK's range */
	{". 1001:1101(100) ack 100 win 50000", REASON_PUNT_ACK_RANGE, 0},
	{". 1001:1101(100) ack 502 win 50000", REASON_PUNT_ACK_RANGE, 0},
	{". 1001:1001(0) ack 100 win 50000", REASON_PUNT_ACK_RANGE, 0},
	{". 1001:1001(0) ack -1 win 50000", REASON_PUNT_ACK_RANGE, 0},
	/* nothing new, and a closing window */
	{". 1001:1001(0) ack 101 win 50000", REASON_PUNT_DUPLICATE_ACK, 0},
	{". 1001:1001(0) ack 201 win 0", REASON_PUNT_ZERO_WINDOW, 0},
	{". 1001:1101(100) ack 101 win 0", REASON_PUNT_ZERO_WINDOW, 0},
	/* marks of routers, where they mean something */
	{". 1001:1101(100) ack 101 win 50000 ecn ce", REASON_PUNT_CONGESTION, FLOW_ECN},
	{". 1001:1101(100) ack 101 win 50000 ecn ect0", REASON_HIT_TEXT, FLOW_ECN},
	{". 1001:1101(100) ack 101 win 50000 ecn ce", REASON_HIT_TEXT, 0},
	/* options: exactly what was negotiated */
	{". 1001:1101(100) ack 101 win 50000 <ts 700 5>", REASON_PUNT_OPTIONS, 0},
	{". 1001:1101(100) ack 101 win 50000 <other>", REASON_PUNT_OPTIONS, 0},
	{". 1001:1101(100) ack 101 win 50000", REASON_PUNT_OPTIONS, FLOW_TIMESTAMPS},
	{". 1001:1101(100) ack 101 win 50000 <other>", REASON_PUNT_OPTIONS, FLOW_TIMESTAMPS},
	{". 1001:1001(0) ack 201 win 50000 <ts 700 5,sack 301:401>", REASON_PUNT_OPTIONS,
	 FLOW_TIMESTAMPS},
	{". 1001:1101(100) ack 101 win 50000 <ts 700 5>", REASON_HIT_TEXT, FLOW_TIMESTAMPS},
	{". 1001:1101(100) ack 101 win 50000 <ts 701 5>", REASON_HIT_TEXT, FLOW_TIMESTAMPS},
	{". 1001:1101(100) ack 101 win 50000 <ts 699 5>", REASON_PUNT_PAWS, FLOW_TIMESTAMPS},
	{". 1001:1001(0) ack 201 win 50000 <ts -1 5>", REASON_PUNT_PAWS, FLOW_TIMESTAMPS},
};

static void shift(struct segment *s, struct flow_rx *rx, struct flow_tx *tx, uint32_t by)
{
	s->seq += by;
	s->ack += by * 3;
	rx->rcv_nxt += by;
	rx->ack_sent += by;
	tx->ack_sent += by;
	tx->rcv_edge += by;
	rx->snd_una += by * 3;
	tx->snd_nxt += by * 3;
}

static void judge_row(const struct row *row, uint32_t by)
{
	struct flow_rx rx = plain_rx;
	struct flow_tx tx = plain_tx;
	struct segment s;
	unsigned int named;
	enum reason r;

	assert_true(notation_parse(row->segment, &s, &named));
	tx.flags = row->flags;
	shift(&s, &rx, &tx, by);
	r = judge(&s, &rx, &tx);
	if (r != row->want)
		fail_msg("%s (+%u): %d, not %d", row->segment, by, r, row->want);
}

/* Wherever on the circle the numbers lie, the verdict is the same. */
TEST(fastpath__judge_table)
{
	struct choice c = choice_from_seed(6);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		judge_row(&rows[i], 0);
		for (uint32_t by = 0; by < 12000; by++)
			judge_row(&rows[i], 0u - by);
		for (int n = 0; n < 1000; n++)
			judge_row(&rows[i], choose(&c, UINT32_MAX));
	}
}

static struct flow_rx applied(const char *text, const struct flow_tx *tx)
{
	struct flow_rx rx = plain_rx;
	struct segment s;
	unsigned int named;

	assert_true(notation_parse(text, &s, &named));
	apply(&s, &rx, tx);
	return rx;
}

TEST(fastpath__apply_advances_the_receive_half)
{
	struct flow_tx tx = plain_tx;
	struct flow_rx rx = applied("P. 1001:1101(100) ack 301 win 777", &tx);

	assert_int_equal(rx.rcv_nxt, 1101);
	assert_int_equal(rx.snd_una, 301);
	assert_int_equal(rx.snd_wnd, 777);
	assert_int_equal(rx.ts_recent, 700);
	assert_int_equal(rx.ack_sent, 1001);
	assert_int_equal(rx.hits, 1);
}

TEST(fastpath__apply_scales_the_window)
{
	struct flow_tx tx = plain_tx;
	struct flow_rx rx;

	tx.snd_window_scale = 7;
	rx = applied(". 1001:1001(0) ack 301 win 777", &tx);
	assert_int_equal(rx.snd_wnd, 777 << 7);
}

/* RFC 7323, 4.3 (2): only a segment that begins at or before Last.ACK.sent. */
TEST(fastpath__apply_updates_ts_recent)
{
	struct flow_tx tx = plain_tx;
	struct flow_rx rx;

	tx.flags = FLOW_TIMESTAMPS;
	rx = applied(". 1001:1101(100) ack 101 win 9 <ts 900 5>", &tx);
	assert_int_equal(rx.ts_recent, 900);
	tx.ack_sent = 901; /* 1001 was not acknowledged yet, neither here nor there */
	rx = plain_rx;
	rx.ack_sent = 950;
	{
		struct segment s;
		unsigned int named;

		notation_parse(". 1001:1101(100) ack 101 win 9 <ts 900 5>", &s, &named);
		apply(&s, &rx, &tx);
	}
	assert_int_equal(rx.ts_recent, 700);
}

/* MUST-58, SHLD-19: an ACK for every second full-sized segment. */
TEST(fastpath__ack_is_due_after_two_full_segments)
{
	struct flow_rx rx = plain_rx;
	struct flow_tx tx = plain_tx;

	rx.rcv_nxt = 1001 + 2 * 1460 - 1;
	assert_false(ack_is_due(&rx, &tx));
	rx.rcv_nxt++;
	assert_true(ack_is_due(&rx, &tx));
	note_ack(&rx, &tx);
	assert_int_equal(rx.ack_sent, 1001 + 2 * 1460);
	assert_false(ack_is_due(&rx, &tx));
	rx.rcv_nxt += 1460;
	tx.ack_sent = rx.rcv_nxt; /* the daemon was faster */
	assert_false(ack_is_due(&rx, &tx));
}

TEST(fastpath__window_field)
{
	struct flow_rx rx = plain_rx;
	struct flow_tx tx = plain_tx;

	assert_int_equal(window_field(&rx, &tx), 10000);
	tx.rcv_window_scale = 3;
	assert_int_equal(window_field(&rx, &tx), 10000 >> 3);
	tx.rcv_window_scale = 0;
	tx.rcv_edge = rx.rcv_nxt + 1000000;
	assert_int_equal(window_field(&rx, &tx), 65535);
	tx.rcv_edge = rx.rcv_nxt;
	assert_int_equal(window_field(&rx, &tx), 0);
}

TEST(fastpath__a_hit_is_described_completely)
{
	struct flow_tx tx = plain_tx;
	struct flow_rx rx;
	struct segment s;
	unsigned int named;
	struct hit hit;

	tx.flags = FLOW_TIMESTAMPS;
	rx = applied("P. 1001:1101(100) ack 301 win 777 <ts 900 5>", &tx);
	notation_parse("P. 1001:1101(100) ack 301 win 777 <ts 900 5>", &s, &named);
	hit_describe(&s, &rx, &hit);
	assert_int_equal(hit.seq, 1001);
	assert_int_equal(hit.ack, 301);
	assert_int_equal(hit.wnd, 777);
	assert_int_equal(hit.flags, PSH | ACK);
	assert_int_equal(hit.options, OPTION_TIMESTAMPS);
	assert_int_equal(hit.tsval, 900);
	assert_int_equal(hit.tsecr, 5);
	assert_memory_equal(&hit.rx, &rx, sizeof(hit.rx));
}
