/* SPDX-License-Identifier: BSD-2-Clause */
/* The text form of segments: what is printed is read as the same segment. */
#include "choice.h"
#include "notation.h"
#include "test.h"

static const char *const forms[] = {
	"S 0:0(0) win 65535 <mss 1460,ws 7,sackOK,ts 1 0>",
	"S. 0:0(0) ack 1 win 65535 <mss 1440>",
	"P. 1:15(14) ack 1 win 502",
	". 15:15(0) ack 29 win 501 <sack 43:57 71:85>",
	"F. 15:15(0) ack 1 win 502",
	"R 1:1(0) win 0",
	"- 9:9(0) win 0",
	"FSRPUEW. -100:-90(10) ack -1 win 1 urg 7 <other>",
	". 4:4(0) ack -5 win 0 <ts -1 2147483647,sack 1:2 3:4 5:6 7:8,other>",
};

TEST(notation__print_of_parse_is_the_text)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct segment s;
		unsigned int named;
		char text[NOTATION_MAX];

		assert_true(notation_parse(forms[i], &s, &named));
		assert_string_equal(notation_print(text, &s), forms[i]);
	}
}

static void random_segment(struct choice *c, struct segment *s)
{
	uint32_t any = UINT32_MAX;

	*s = (struct segment){.seq = choose(c, any), .text_length = choose(c, 1 << 16)};
	s->flags = (__u8)choose(c, 256);
	s->wnd = (__u16)choose(c, 1 << 16);
	s->options = choose(c, 256) & 0x9f;
	if (s->flags & ACK)
		s->ack = choose(c, any);
	if (s->flags & URG)
		s->up = (__u16)choose(c, 1 << 16);
	if (s->options & OPTION_MSS)
		s->mss = (__u16)choose(c, 1 << 16);
	if (s->options & OPTION_WINDOW_SCALE)
		s->window_scale = (__u8)choose(c, 15);
	if (s->options & OPTION_TIMESTAMPS)
		s->tsval = choose(c, any), s->tsecr = choose(c, any);
	if (s->options & OPTION_SACK)
		s->sack_count = (__u8)choose_between(c, 1, SACK_BLOCKS_MAX);
	for (int i = 0; i < s->sack_count; i++)
		s->sack[i] = (struct sack_block){choose(c, any), choose(c, any)};
}

TEST(notation__parse_of_print_is_the_segment)
{
	struct choice c = choice_from_seed(5);

	for (int i = 0; i < 100000; i++) {
		struct segment s, again;
		unsigned int named;
		char text[NOTATION_MAX];

		random_segment(&c, &s);
		assert_true(notation_parse(notation_print(text, &s), &again, &named));
		assert_memory_equal(&s, &again, sizeof(s));
	}
}

TEST(notation__what_is_not_named_is_said)
{
	struct segment s;
	unsigned int named;

	assert_true(notation_parse("  . 1:1(0) ack 2", &s, &named));
	assert_int_equal(named, NAMED_ACK);
	assert_true(notation_parse("R 1:1(0)", &s, &named));
	assert_int_equal(named, 0);
	assert_true(notation_parse("U. 1:1(0) ack 1 win 3 urg 4", &s, &named));
	assert_int_equal(named, NAMED_ACK | NAMED_WINDOW | NAMED_URGENT);
}

TEST(notation__nonsense_is_refused)
{
	static const char *const bad[] = {
		"",
		"S",
		"S 0:0",
		"S 0:1(0)",
		"X 0:0(0)",
		" 0:0(0)",
		"S 0:0(0) ack",
		"S 0:0(0) window 5",
		"S 0:0(0) <mss>",
		"S 0:0(0) <mss 5",
		"S 0:0(0) <sack>",
		"S 0:0(0) <sack 1>",
		"S 0:0(0) <ts 1>",
		"S 0:0(0) <mss 1460,>",
		"S 0:0(0) <mss 1460> and",
		"S 0:0(0) <nop>",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct segment s;
		unsigned int named;

		if (notation_parse(bad[i], &s, &named))
			fail_msg("was taken: %s", bad[i]);
	}
}

struct trial {
	const char *pattern;
	const char *yes; /* a segment that is one of those */
	const char *no;	 /* and one that is not */
};

static const struct trial trials[] = {
	{". 1:1(0)", ". 1:1(0) ack 7 win 3", ". 2:2(0) ack 7 win 3"},
	{". 1:1(0)", "P. 1:1(0) ack 7 win 3", "F. 1:1(0) ack 7 win 3"},
	{"P. 1:1(0)", "P. 1:1(0) ack 7", ". 1:1(0) ack 7"},
	{". 1:..", ". 1:9(8) ack 1", ". 2:9(7) ack 1"},
	{". 1:..(5..9)", ". 1:9(8) ack 1", ". 1:11(10) ack 1"},
	{". ..", ". 77:78(1) ack 1", "R 77:78(1)"},
	{". ..:..(0)", ". 77:77(0) ack 1", ". 77:78(1) ack 1"},
	{". 1:1(0) ack -5..5", ". 1:1(0) ack -1", ". 1:1(0) ack 6"},
	{". 1:1(0) win 1..65535", ". 1:1(0) ack 1 win 65535", ". 1:1(0) ack 1 win 0"},
	{"S 0:0(0) <mss 1440..1460>", "S 0:0(0) <mss 1440,ws 3>", "S 0:0(0) <mss 1461>"},
	{"S 0:0(0) <mss ..>", "S 0:0(0) <mss 65535>", "S 0:0(0) <ws 1>"},
	{"S 0:0(0) <no ts,no sackOK>", "S 0:0(0) <mss 1>", "S 0:0(0) <ts 1 0>"},
	{". 1:1(0) <ts .. 4>", ". 1:1(0) ack 1 <ts 9 4>", ". 1:1(0) ack 1 <ts 9 5>"},
	{". 1:1(0) <sack 5:6>", ". 1:1(0) ack 1 <sack 5:6>", ". 1:1(0) ack 1 <sack 5:6 8:9>"},
	{". 1:1(0) <sack 5:6 ..:..>", ". 1:1(0) ack 1 <sack 5:6 8:9>",
	 ". 1:1(0) ack 1 <sack 8:9 5:6>"},
	{". 1:1(0) <no sack>", ". 1:1(0) ack 1 <ts 1 2>", ". 1:1(0) ack 1 <sack 5:6>"},
};

TEST(notation__a_pattern_says_less_than_a_segment)
{
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct segment yes, no;
		struct pattern p;
		unsigned int named;

		assert_true(notation_parse_pattern(trials[i].pattern, &p));
		assert_true(notation_parse(trials[i].yes, &yes, &named));
		assert_true(notation_parse(trials[i].no, &no, &named));
		if (!notation_matches(&p, &yes) || notation_matches(&p, &no))
			fail_msg("wrong: %s", trials[i].pattern);
	}
}

TEST(notation__a_pattern_is_no_segment)
{
	static const char *const patterns[] = {". 1:..", ". 1:1(0) win 1..2", "S 0:0(0) <no ts>",
					       "S 0:0(0) <raw 0101>"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct segment s;
		struct pattern p;
		unsigned int named;

		assert_true(notation_parse_pattern(patterns[i], &p));
		assert_false(notation_parse(patterns[i], &s, &named));
	}
}
