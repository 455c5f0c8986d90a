/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to people, on stderr: one line each, written at once, so that lines
 * of several threads never mix. What came from outside (a peer's answer, a file
 * name) cannot forge a line: control characters are printed as '?'. */
#include "log.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_LENGTH = 1024 };

/* Priorities of syslog, which systemd's journal takes from a "<3>" in front. */
enum priority { PRIORITY_ERROR = 3, PRIORITY_WARNING = 4, PRIORITY_INFO = 6 };

static const char *label(enum priority p)
{
	switch (p) {
	case PRIORITY_ERROR: return "error: ";
	case PRIORITY_WARNING: return "warning: ";
	case PRIORITY_INFO: break;
	}
	return "";
}

static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* $JOURNAL_STREAM names device and inode of the journal's end, and is inherited by
 * whatever a service starts, with its output elsewhere perhaps. */
static bool goes_to_the_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &status) && status.st_dev == device && status.st_ino == inode;
}

__attribute__((format(printf, 2, 0))) static void put(enum priority p, const char *format,
						      va_list arguments)
{
	char line[LINE_MAX_LENGTH];
	char message[LINE_MAX_LENGTH - 64];
	int length;
	ssize_t written;

	vsnprintf(message, sizeof(message), format, arguments);
	make_printable(message);
	if (goes_to_the_journal())
		length = snprintf(line, sizeof(line), "<%d>%s\n", p, message);
	else
		length = snprintf(line, sizeof(line), "xtcpd: %s%s\n", label(p), message);
	written = write(STDERR_FILENO, line, (size_t)length);
	(void)written; /* nowhere left to tell */
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(PRIORITY_ERROR, format, arguments);
	va_end(arguments);
}

void log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(PRIORITY_WARNING, format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(PRIORITY_INFO, format, arguments);
	va_end(arguments);
}

/* Whole seconds are enough, and time() costs no system call. */
bool log_may(struct log_limit *limit)
{
	int64_t now = time(NULL);

	if (now != limit->second) {
		limit->second = now;
		limit->count = 0;
	}
	return limit->count++ < LOG_LIMIT_PER_SECOND;
}
