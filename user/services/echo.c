/* SPDX-License-Identifier: BSD-2-Clause */
/* Echo (RFC 862): what arrives goes back. When the peer does not take it, its
 * text stays unread, and that closes the window: nothing is buffered here. */
#include "services.h"

static int echo_open(struct session *s)
{
	(void)s;
	return 0;
}

static size_t echo_take(struct session *s, const void *text, size_t length)
{
	return session_write(s, text, length);
}

static void echo_pump(struct session *s)
{
	const void *text;
	size_t length;

	while ((text = session_peek(s, &length))) {
		size_t taken = session_write(s, text, length);

		if (!taken)
			return;
		session_consume(s, taken);
	}
	if (session_peer_is_done(s))
		session_shutdown(s);
}

static void echo_ended(struct session *s, enum session_end why)
{
	(void)s;
	(void)why;
}

const struct service service_echo = {
	.name = "echo",
	.open = echo_open,
	.take = echo_take,
	.readable = echo_pump,
	.writable = echo_pump,
	.ended = echo_ended,
};
