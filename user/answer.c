/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of the control API as libmicrohttpd wants them. */
#include "answer.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer answer_text(char *text, size_t length, const char *type)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);

	if (!r)
		free(text);
	else
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return (struct answer){MHD_HTTP_OK, r};
}

struct answer answer_json(unsigned status, json_t *json)
{
	struct answer a = {status, NULL};
	char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;

	json_decref(json);
	if (!text)
		return a;
	a = answer_text(text, strlen(text), "application/json");
	a.status = status;
	return a;
}

struct answer answer_error(unsigned status, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return answer_json(status, json_pack("{s:s}", "error", text));
}

const char *reason_name(enum reason r)
{
	static const char *const names[REASON_COUNT] = {
#define X(name, text, meaning) [REASON_##name] = text,
		XTCP_REASONS(X)
#undef X
	};

	return names[r];
}
