/* SPDX-License-Identifier: BSD-2-Clause */
/* The full parser of TCP options (include/parse.h; RFC 9293, 3.2; RFC 7323, 2
 * and 3; RFC 2018, 2 and 3). */
#include "parse.h"
#include "test.h"

static const struct row {
	const char *name;
	bool readable;
	uint8_t options; /* enum option_bits */
	uint8_t length;
	uint8_t bytes[40];
} rows[] = {
	{"none", true, 0, 0, {0}},
	{"end at once", true, 0, 4, {0, 2, 4, 5}},
	{"no-operations", true, 0, 3, {1, 1, 1}},
	{"MSS", true, OPTION_MSS, 4, {2, 4, 5, 0xb4}},
	{"MSS behind the end is not read", true, 0, 5, {0, 2, 4, 5, 0xb4}},
	{"MSS of length 3", true, OPTION_OTHER, 3, {2, 3, 5}},
	{"MSS of length 5", true, OPTION_OTHER, 5, {2, 5, 5, 0xb4, 0}},
	{"window scale", true, OPTION_WINDOW_SCALE, 3, {3, 3, 7}},
	{"window scale of length 4", true, OPTION_OTHER, 4, {3, 4, 7, 7}},
	{"SACK permitted", true, OPTION_SACK_PERMITTED, 2, {4, 2}},
	{"SACK permitted of length 3", true, OPTION_OTHER, 3, {4, 3, 0}},
	{"timestamps", true, OPTION_TIMESTAMPS, 10, {8, 10, 0, 0, 0, 1, 0, 0, 0, 2}},
	{"timestamps of length 9", true, OPTION_OTHER, 9, {8, 9, 0, 0, 0, 1, 0, 0, 0}},
	{"SACK, one block", true, OPTION_SACK, 10, {5, 10, 0, 0, 0, 1, 0, 0, 0, 2}},
	{"SACK without block", true, OPTION_OTHER, 2, {5, 2}},
	{"SACK, half a block", true, OPTION_OTHER, 6, {5, 6, 0, 0, 0, 1}},
	{"SACK, four blocks", true, OPTION_SACK, 34, {5, 34, 0, 0, 0, 1, [33] = 9}},
	{"unknown", true, OPTION_OTHER, 4, {254, 4, 1, 2}},
	{"unknown, then MSS", true, OPTION_OTHER | OPTION_MSS, 6, {77, 2, 2, 4, 5, 0xb4}},
	{"the SYN of everybody",
	 true,
	 OPTION_MSS | OPTION_SACK_PERMITTED | OPTION_TIMESTAMPS | OPTION_WINDOW_SCALE,
	 20,
	 {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}},
	{"length 0", false, 0, 4, {2, 0, 5, 0xb4}},
	{"length 1", false, 0, 4, {77, 1, 5, 0xb4}},
	{"length runs past", false, 0, 4, {2, 5, 5, 0xb4}},
	{"no length at all", false, 0, 1, {2}},
	{"no length at the end", false, 0, 4, {1, 1, 1, 8}},
	{"length 255", false, 0, 40, {8, 255}},
};

static bool parse_row(const uint8_t *bytes, uint32_t length, struct segment *s)
{
	uint8_t *copy = malloc(length ? length : 1);
	bool readable;

	memcpy(copy, bytes, length);
	memset(s, 0, sizeof(*s));
	readable = parse_options(copy, length, s);
	free(copy);
	return readable;
}

TEST(options__table)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct segment s;

		if (parse_row(rows[i].bytes, rows[i].length, &s) != rows[i].readable)
			fail_msg("%s: should be %sreadable", rows[i].name,
				 rows[i].readable ? "" : "un");
		if (rows[i].readable && s.options != rows[i].options)
			fail_msg("%s: options 0x%x, not 0x%x", rows[i].name, s.options,
				 rows[i].options);
	}
}

TEST(options__values)
{
	static const uint8_t bytes[] = {2, 4, 0x05, 0xb4, 1, 3, 3, 7,  4,    2, 8, 10, 1,    2,
					3, 4, 5,    6,	  7, 8, 5, 18, 0xff, 0, 0, 1,  0xff, 0,
					0, 2, 0,    0,	  0, 3, 0, 0,  0,    4, 0, 0};
	struct segment s;

	assert_true(parse_row(bytes, sizeof(bytes), &s));
	assert_int_equal(s.mss, 1460);
	assert_int_equal(s.window_scale, 7);
	assert_int_equal(s.tsval, 0x01020304);
	assert_int_equal(s.tsecr, 0x05060708);
	assert_int_equal(s.sack_count, 2);
	assert_int_equal(s.sack[0].start, 0xff000001);
	assert_int_equal(s.sack[0].end, 0xff000002);
	assert_int_equal(s.sack[1].start, 3);
	assert_int_equal(s.sack[1].end, 4);
}

/* RFC 7323, 2.3: a shift above 14 is taken as 14. */
TEST(options__window_scale_is_at_most_14)
{
	struct segment s;

	for (int shift = 0; shift < 256; shift++) {
		assert_true(parse_row((uint8_t[]){3, 3, (uint8_t)shift}, 3, &s));
		assert_int_equal(s.window_scale, shift > 14 ? 14 : shift);
	}
}

TEST(options__cut_at_every_byte)
{
	static const uint8_t bytes[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					0, 1, 0, 0,    0, 0, 1, 3,  3, 7};
	static const uint32_t whole[] = {0, 4, 6, 16, 17, 20};
	size_t next = 0;

	for (uint32_t n = 0; n <= sizeof(bytes); n++) {
		struct segment s;
		bool readable = parse_row(bytes, n, &s);

		assert_int_equal(readable, n == whole[next]);
		next += readable;
	}
}
