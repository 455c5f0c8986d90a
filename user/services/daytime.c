/* SPDX-License-Identifier: BSD-2-Clause */
/* Daytime (RFC 867): the server speaks first and closes first. "Any data
 * received is thrown away": it goes on reading, because an unread byte would
 * turn the close into a reset that can overtake the line. */
#include "services.h"
#include <errno.h>
#include <time.h>

static int daytime_open(struct session *s)
{
	char line[96];
	struct tm local;
	time_t now = time(NULL);
	size_t length;

	localtime_r(&now, &local);
	length = strftime(line, sizeof(line), "%A, %B %d, %Y %H:%M:%S-%Z\r\n", &local);
	if (session_write(s, line, length) != length)
		return -ENOBUFS;
	session_shutdown(s);
	return 0;
}

static void daytime_writable(struct session *s)
{
	(void)s;
}

static void daytime_ended(struct session *s, enum session_end why)
{
	(void)s;
	(void)why;
}

const struct service service_daytime = {
	.name = "daytime",
	.open = daytime_open,
	.readable = session_discard,
	.writable = daytime_writable,
	.ended = daytime_ended,
};
