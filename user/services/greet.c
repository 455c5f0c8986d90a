/* SPDX-License-Identifier: BSD-2-Clause */
/* Greet: sends the configured banner at once, reads one answer (the first line,
 * or what the first text holds of it), logs it and closes. The server closes
 * first: FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT are on this side. */
#include "config.h"
#include "log.h"
#include "services.h"
#include <errno.h>
#include <string.h>

enum { ANSWER_SHOWN = 256 };

static int greet_open(struct session *s)
{
	const char *banner = session_listener(s)->banner;
	size_t length = strlen(banner);

	return session_write(s, banner, length) == length ? 0 : -ENOBUFS;
}

static void log_answer(struct session *s, const char *text, size_t length)
{
	static __thread struct log_limit limit;
	const char *newline = memchr(text, '\n', length);
	size_t line = newline ? (size_t)(newline - text) : length;

	if (!log_may(&limit))
		return;
	if (line && text[line - 1] == '\r')
		line--;
	log_info("greet: %s answers \"%.*s\"%s", session_peer_text(s),
		 (int)(line < ANSWER_SHOWN ? line : ANSWER_SHOWN), text,
		 line > ANSWER_SHOWN ? " …" : "");
}

static void greet_readable(struct session *s)
{
	size_t length;
	const char *text = session_peek(s, &length);

	if (!text && !session_peer_is_done(s))
		return;
	if (text)
		log_answer(s, text, length);
	/* Unread text at a close would be answered with a reset. */
	session_discard(s);
	session_close(s);
}

static void greet_writable(struct session *s)
{
	(void)s;
}

static void greet_ended(struct session *s, enum session_end why)
{
	(void)s;
	(void)why;
}

const struct service service_greet = {
	.name = "greet",
	.open = greet_open,
	.readable = greet_readable,
	.writable = greet_writable,
	.ended = greet_ended,
};
