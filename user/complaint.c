/* SPDX-License-Identifier: BSD-2-Clause */
/* See complaint.h. */
#include "complaint.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int complain(struct complaint *c, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(c->text, sizeof(c->text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int complain_where(struct complaint *c, const char *format, ...)
{
	struct complaint what = *c;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(c->text, sizeof(c->text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(c->text))
		return -EINVAL;
	snprintf(c->text + length, sizeof(c->text) - (size_t)length, ": %.*s",
		 (int)(sizeof(c->text) - (size_t)length - 3), what.text);
	return -EINVAL;
}
