/* SPDX-License-Identifier: BSD-2-Clause */
/* The two pictures of a connection's life, from what the daemon answers.
 *
 * Links: tools/ladder.c tools/ladder_text.c tools/ladder_svg.c */
#include "../../tools/ladder.h"
#include "test.h"

#define HEAD                                                                                       \
	"{\"id\": 7, \"local\": \"10.1.0.2:12345\", \"remote\": \"10.1.0.9:47110\", "              \
	"\"first_state\": \"LISTEN\", \"live\": false, \"left_out_after\": 2, "
#define SYN_ARRIVES                                                                                \
	"{\"from\": \"peer\", \"time_us\": 0, \"flags\": \"SYN\", \"seq\": 0, \"length\": 0, "     \
	"\"state\": \"SYN_RECEIVED\", \"xdp\": false}"
#define SYN_ACK_LEAVES                                                                             \
	"{\"from\": \"xtcp\", \"time_us\": 31, \"flags\": \"SYN,ACK\", \"seq\": 0, \"ack\": 1, "   \
	"\"length\": 0, \"state\": \"SYN_RECEIVED\", \"xdp\": false}"
#define TEXT_ARRIVES                                                                               \
	"{\"from\": \"peer\", \"time_us\": 2000120, \"flags\": \"PSH,ACK\", \"seq\": 1, "          \
	"\"ack\": 1, \"length\": 14, \"state\": \"ESTABLISHED\", \"xdp\": true}"
#define TIME_IS_UP                                                                                 \
	"{\"from\": \"timer\", \"time_us\": 62000120, \"flags\": \"\", \"state\": \"CLOSED\"}"

#define SHORT_LIFE                                                                                 \
	HEAD "\"total\": 3, \"left_out\": 0, \"segments\": [" SYN_ARRIVES ", " SYN_ACK_LEAVES      \
	     ", " TEXT_ARRIVES ", " TIME_IS_UP "]}"
#define LONG_LIFE                                                                                  \
	HEAD "\"total\": 1000, \"left_out\": 997, \"segments\": [" SYN_ARRIVES ", " SYN_ACK_LEAVES \
	     ", " TEXT_ARRIVES "]}"

static char *picture(const char *json, bool svg)
{
	json_t *answer = json_loads(json, 0, NULL);
	struct ladder l;
	char *text = NULL;
	size_t length;
	FILE *f = open_memstream(&text, &length);

	assert_non_null(answer);
	assert_int_equal(ladder_read(answer, &l), 0);
	if (svg)
		ladder_draw(&l, f);
	else
		ladder_print(&l, f, false);
	fclose(f);
	ladder_free(&l);
	json_decref(answer);
	return text;
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

TEST(ladder__text_of_a_short_life)
{
	char *text = picture(SHORT_LIFE, false);

	expect(text, "connection 7: 3 segments, ended\n");
	expect(text, "│  LISTEN\n   0.000 ms   ├─ SYN  seq 0 ─");
	expect(text, "─▶│  SYN_RECEIVED\n   0.031 ms   │◀─");
	expect(text, "─ SYN,ACK  seq 0  ack 1 ─┤  SYN_RECEIVED\n");
	expect(text, " 2.000120 s   ╞═ PSH,ACK  seq 1  ack 1  len 14 ═");
	expect(text, "═▶│  ESTABLISHED  XDP\n");
	expect(text, "time is up │  CLOSED\n");
	free(text);
}

/* In a terminal every rail stands below the other. */
TEST(ladder__every_line_is_as_wide)
{
	char *text = picture(LONG_LIFE, false);
	char *line = strtok(text, "\n");

	for (int n = 0; line; line = strtok(NULL, "\n"), n++) {
		int columns = 0;
		const char *last = NULL;

		for (const char *at = line; *at; at++) {
			if (n > 2 && (!strncmp(at, "│", 3) || !strncmp(at, "┤", 3) ||
				      !strncmp(at, "┊", 3) || !strncmp(at, "╡", 3)))
				last = at;
			columns += (*at & 0xc0) != 0x80;
		}
		assert_true(columns <= 100);
		if (last) {
			int before = 0;

			for (const char *at = line; at < last; at++)
				before += (*at & 0xc0) != 0x80;
			assert_int_equal(before, 71);
		}
	}
	free(text);
}

TEST(ladder__what_is_left_out_is_said)
{
	char *text = picture(LONG_LIFE, false);

	expect(text, "... 997 segments are left out ...");
	free(text);
	text = picture(LONG_LIFE, true);
	expect(text, "997 segments are left out");
	free(text);
}

TEST(ladder__svg_has_all_of_it)
{
	char *text = picture(SHORT_LIFE, true);

	expect(text, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
	for (const char **word = (const char *[]){"LISTEN", "SYN_RECEIVED", "ESTABLISHED", "CLOSED",
						  "PSH,ACK", "seq 1", "len 14", ">XDP<",
						  "10.1.0.9:47110", "2.000120 s", "</svg>", NULL};
	     *word; word++)
		expect(text, *word);
	assert_null(strstr(text, "nan"));
	free(text);
}

TEST(ladder__svg_is_escaped)
{
	char *text = picture(
		"{\"id\": 1, \"local\": \"<&\\\">\", \"remote\": \"b\", \"first_state\": \"<x>\", "
		"\"live\": true, \"total\": 0, \"left_out\": 0, \"left_out_after\": 0, "
		"\"segments\": []}",
		true);

	expect(text, "&lt;&amp;&quot;&gt;");
	expect(text, "&lt;x&gt;");
	assert_null(strstr(text, "<x>"));
	free(text);
}

TEST(ladder__another_version_is_refused)
{
	static const char *const others[] = {
		"{}",
		"[]",
		"{\"id\": \"x\"}",
		HEAD "\"total\": 1, \"left_out\": 0, \"segments\": [{}]}",
		HEAD "\"total\": 1, \"left_out\": 0, \"segments\": [{\"from\": \"moon\", "
		     "\"time_us\": 0, \"flags\": \"\", \"state\": \"CLOSED\"}]}",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		json_t *json = json_loads(others[i], 0, NULL);
		struct ladder l;

		assert_int_equal(ladder_read(json, &l), -1);
		ladder_free(&l);
		json_decref(json);
	}
}
