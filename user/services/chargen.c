/* SPDX-License-Identifier: BSD-2-Clause */
/* Character generator (RFC 864): lines of 72 printable characters, each line
 * beginning one character further, until the peer closes. The unbounded sender:
 * it fills whatever room there is with one table that repeats itself, and lends it. */
#include "services.h"
#include <pthread.h>

enum {
	FIRST = ' ',
	CHARACTERS = '~' - ' ' + 1,
	LINE_TEXT = 72,
	LINE = LINE_TEXT + 2, /* CR LF */
	PERIOD = CHARACTERS * LINE,
	REPEATS = 5, /* so that a few blocks can be lent at once, and it stays in the cache */
};

static char pattern[PERIOD * REPEATS];

static void make_pattern(void)
{
	for (unsigned i = 0; i < sizeof(pattern); i++) {
		unsigned line = i / LINE;
		unsigned column = i % LINE;

		if (column < LINE_TEXT)
			pattern[i] = (char)(FIRST + (line + column) % CHARACTERS);
		else
			pattern[i] = column == LINE_TEXT ? '\r' : '\n';
	}
}

/* All that a connection needs to remember is where in the period it is. */
static void chargen_fill(struct session *s)
{
	size_t at = (size_t)(uintptr_t)session_private(s);

	if (session_peer_is_done(s))
		return;
	while (session_room(s)) {
		size_t taken = session_lend(s, pattern + at, sizeof(pattern) - at);

		if (!taken)
			break;
		at = (at + taken) % PERIOD;
	}
	session_set_private(s, (void *)(uintptr_t)at);
}

static int chargen_open(struct session *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_pattern);
	session_set_private(s, NULL);
	chargen_fill(s);
	return 0;
}

static void chargen_readable(struct session *s)
{
	session_discard(s);
	if (session_peer_is_done(s))
		session_shutdown(s);
}

static void chargen_ended(struct session *s, enum session_end why)
{
	(void)s;
	(void)why;
}

const struct service service_chargen = {
	.name = "chargen",
	.open = chargen_open,
	.readable = chargen_readable,
	.writable = chargen_fill,
	.ended = chargen_ended,
};
