/* SPDX-License-Identifier: BSD-2-Clause */
/* echo, discard, daytime, chargen and greet against a session in memory.
 *
 * Links: tests/services/mock/session.c user/log.c user/services/services.c
 * Links: user/services/echo.c user/services/discard.c user/services/daytime.c
 * Links: user/services/chargen.c user/services/greet.c user/services/proxy.c */
#include "mock/session.h"
#include "test.h"
#include <stdio.h>

static struct session *opened(const char *name)
{
	struct session *s = mock_session(service_find(name));

	if (!strcmp(name, "greet"))
		strcpy(s->as.banner, "Hello, Client!");
	assert_int_equal(mock_open(s), 0);
	return s;
}

TEST(services__every_name_is_found_and_no_other)
{
	char names[128];
	char *name;
	int count = 0;

	snprintf(names, sizeof(names), "%s", services_names());
	for (name = strtok(names, ", "); name; name = strtok(NULL, ", "), count++) {
		assert_non_null(service_find(name));
		assert_string_equal(service_find(name)->name, name);
	}
	assert_int_equal(count, 6);
	assert_null(service_find("ech"));
	assert_null(service_find(""));
}

/* --- echo ---------------------------------------------------------------------------- */

TEST(echo__text_goes_back)
{
	struct session *s = opened("echo");

	mock_text(s, "abc", 3);
	mock_text(s, "defg", 4);
	assert_int_equal(s->out_length, 7);
	assert_memory_equal(s->out, "abcdefg", 7);
	mock_free(s);
}

TEST(echo__text_is_taken_where_it_lies)
{
	struct session *s = opened("echo");

	assert_int_equal(s->as.service->take(s, "abc", 3), 3);
	assert_memory_equal(s->out, "abc", 3);
	assert_int_equal(s->out_length, 3);
	mock_free(s);
}

TEST(echo__takes_what_there_is_room_for)
{
	struct session *s = opened("echo");
	char text[1500];

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	s->out_limit = 1000;
	mock_hit(s, text, 600);
	mock_hit(s, text + 600, 600);
	assert_int_equal(s->in_read, 1000);
	mock_hit(s, text + 1200, 300); /* behind what is not read */
	assert_int_equal(s->in_read, 1000);
	mock_ack(s, 1000);
	assert_int_equal(s->out_length, 1500);
	assert_memory_equal(s->out, text, 1500);
	mock_free(s);
}

TEST(echo__a_peer_that_does_not_read_stops_it)
{
	struct session *s = opened("echo");

	s->out_limit = 1000;
	for (int i = 0; i < 3000; i++)
		mock_text(s, &(char){(char)i}, 1);
	assert_int_equal(s->out_length, 1000);
	assert_int_equal(s->in_read, 1000); /* the rest closes the window */
	mock_close(s);
	assert_false(s->shut);
	while (s->out_acked < 3000)
		mock_ack(s, s->out_length - s->out_acked);
	assert_int_equal(s->out_length, 3000);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(s->out[i], (char)i);
	assert_true(s->shut);
	assert_int_equal(s->why, SESSION_CLOSED);
	mock_free(s);
}

TEST(echo__closes_after_the_peer)
{
	struct session *s = opened("echo");

	mock_close(s);
	assert_true(s->shut);
	assert_int_equal(s->ended, 1);
	mock_free(s);
}

/* --- discard -------------------------------------------------------------------------- */

TEST(discard__reads_and_closes_after_the_peer)
{
	struct session *s = opened("discard");

	mock_text(s, "I'm TCP client", 14);
	assert_int_equal(s->in_read, 14);
	assert_false(s->shut);
	mock_close(s);
	assert_true(s->shut);
	assert_int_equal(s->out_length, 0);
	mock_free(s);
}

TEST(discard__text_is_taken_where_it_lies)
{
	struct session *s = opened("discard");

	assert_int_equal(s->as.service->take(s, "I'm TCP client", 14), 14);
	mock_hit(s, "and more", 8);
	assert_int_equal(s->in_read, 8);
	assert_int_equal(s->out_length, 0);
	mock_free(s);
}

/* --- daytime --------------------------------------------------------------------------- */

TEST(daytime__speaks_first_and_closes_first)
{
	struct session *s = opened("daytime");

	assert_true(s->out_length > 30);
	assert_memory_equal(s->out + s->out_length - 2, "\r\n", 2);
	assert_true(s->shut);
	assert_false(s->forsaken);
	mock_text(s, "thrown away", 11); /* RFC 867 */
	assert_int_equal(s->in_read, 11);
	mock_free(s);
}

/* --- chargen ---------------------------------------------------------------------------- */

/* RFC 864's pattern, from its description. */
static char expected(size_t at)
{
	size_t line = at / 74;
	size_t column = at % 74;

	if (column == 72)
		return '\r';
	return column == 73 ? '\n' : (char)(' ' + (line + column) % 95);
}

TEST(chargen__fills_the_room_and_keeps_the_pattern)
{
	struct session *s = opened("chargen");
	size_t steps[] = {1, 73, 20000, 65000, 7030, 65536, 3};

	for (int i = 0; i < 20; i++) {
		size_t step = steps[i % 7];

		mock_ack(s, step < session_unsent(s) ? step : session_unsent(s));
	}
	mock_ack(s, session_unsent(s));
	assert_true(s->out_length > 200000);
	for (size_t i = 0; i < s->out_length; i++)
		assert_int_equal(s->out[i], expected(i));
	assert_memory_equal(s->out, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFG", 40);
	mock_free(s);
}

TEST(chargen__until_the_peer_closes)
{
	struct session *s = opened("chargen");
	size_t before;

	mock_text(s, "thrown away", 11);
	assert_false(s->shut);
	mock_close(s);
	assert_true(s->shut);
	before = s->out_length;
	mock_ack(s, session_unsent(s));
	assert_int_equal(s->out_length, before);
	assert_int_equal(s->why, SESSION_CLOSED);
	mock_free(s);
}

/* --- greet ------------------------------------------------------------------------------ */

TEST(greet__banner_answer_close)
{
	struct session *s = opened("greet");

	assert_int_equal(s->out_length, 14);
	assert_memory_equal(s->out, "Hello, Client!", 14);
	assert_false(s->shut);
	mock_text(s, "Thank you, Server!", 18);
	assert_int_equal(s->in_read, 18);
	assert_true(s->shut);
	assert_true(s->forsaken);
	mock_free(s);
}

TEST(greet__a_peer_that_says_nothing_is_closed_too)
{
	struct session *s = opened("greet");

	mock_close(s);
	assert_true(s->shut);
	mock_free(s);
}
