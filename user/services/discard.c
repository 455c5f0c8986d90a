/* SPDX-License-Identifier: BSD-2-Clause */
/* Discard (RFC 863): reads, answers nothing, closes after the peer. */
#include "services.h"

static int discard_open(struct session *s)
{
	(void)s;
	return 0;
}

static size_t discard_take(struct session *s, const void *text, size_t length)
{
	(void)s;
	(void)text;
	return length;
}

static void discard_readable(struct session *s)
{
	session_discard(s);
	if (session_peer_is_done(s))
		session_shutdown(s);
}

static void discard_writable(struct session *s)
{
	(void)s;
}

static void discard_ended(struct session *s, enum session_end why)
{
	(void)s;
	(void)why;
}

const struct service service_discard = {
	.name = "discard",
	.open = discard_open,
	.take = discard_take,
	.readable = discard_readable,
	.writable = discard_writable,
	.ended = discard_ended,
};
