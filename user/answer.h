/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request of the control API is answered with, and what there is to know
 * to answer it. */
#ifndef XTCP_ANSWER_H
#define XTCP_ANSWER_H

#include "config.h"
#include "daemon.h"
#include <jansson.h>
#include <microhttpd.h>

enum { OUTGOING_MAX = 64 };

struct asked {
	struct daemon *daemon;
	const struct config *config;
	const char *rest; /* of the path, behind the part that chose the answer */
	const char *body; /* of a POST, terminated */
	size_t body_length;
	/* What `connect` gave to connections: they point here. */
	struct listener_config **outgoing;
	uint32_t *outgoing_count;
};

struct answer {
	unsigned status;	       /* of HTTP */
	struct MHD_Response *response; /* NULL: no memory */
};

/* Takes the reference to `json`, which may be NULL (no memory). */
struct answer answer_json(unsigned status, json_t *json);
struct answer answer_text(char *text, size_t length, const char *type); /* frees text */
__attribute__((format(printf, 2, 3))) struct answer answer_error(unsigned status,
								 const char *format, ...);

struct answer answer_status(const struct asked *a);
struct answer answer_counters(const struct asked *a);
struct answer answer_metrics(const struct asked *a);
struct answer answer_connections(const struct asked *a);
struct answer answer_traces(const struct asked *a);
struct answer answer_ladder(const struct asked *a);
struct answer answer_connect(const struct asked *a);

/* The name of a counter. */
const char *reason_name(enum reason r);

#endif
