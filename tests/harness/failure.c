/* SPDX-License-Identifier: BSD-2-Clause */
#include "failure.h"
#include <stdarg.h>
#include <stdlib.h>

static void stop(const char *file, int line)
{
	(void)file;
	(void)line;
	abort();
}

void (*harness_failed)(const char *file, int line) = stop;

void fail_at(struct place at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s:%d: ", at.file, at.line);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	harness_failed(at.file, at.line);
	abort();
}
