/* SPDX-License-Identifier: BSD-2-Clause */
/* POST /connect: opens a connection and runs a service on it (RFC 9293, 3.10.1,
 * the active OPEN). What it says about the service is checked by the same code
 * as a listener's, and kept as long as the daemon: connections point to it. */
#include "answer.h"
#include "endpoint.h"
#include "listeners.h"
#include "service.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The request, in pieces that belong to the JSON value. */
struct order {
	const char *address;
	const char *service;
	const char *banner;
	json_t *backends;
	json_int_t local_port;
};

static int read_order(json_t *json, struct order *o, struct complaint *c)
{
	static const char *const keys[] = {"address", "service", "banner", "backends",
					   "local_port"};
	json_error_t error;
	const char *key;
	json_t *value;

	json_object_foreach(json, key, value) {
		bool known = false;

		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			known |= !strcmp(key, keys[i]);
		if (!known)
			return complain(c,
					"unknown key '%s'; there are address, service, "
					"local_port, backends, banner",
					key);
	}
	if (json_unpack_ex(json, &error, 0, "{s:s, s:s, s?s, s?o, s?I}", "address", &o->address,
			   "service", &o->service, "banner", &o->banner, "backends", &o->backends,
			   "local_port", &o->local_port))
		return complain(
			c,
			"%s; right is {\"address\": \"10.1.0.9:80\", \"service\": \"echo\"}, "
			"with local_port a number, backends a list, banner text",
			error.text);
	if (o->local_port < 0 || o->local_port > 65535)
		return complain(c, "local_port: %lld is not from 1 to 65535",
				(long long)o->local_port);
	return 0;
}

static int add_backends(struct listener_config *l, json_t *backends, struct complaint *c)
{
	size_t i;
	json_t *one;

	if (!json_is_array(backends))
		return complain(c, "backends: should be a list");
	json_array_foreach(backends, i, one) {
		if (!json_is_string(one))
			return complain(c, "backends: entry %zu is not text", i + 1);
		if (listener_add_backend(l, json_string_value(one), c))
			return -EINVAL;
	}
	return 0;
}

static int fill(struct listener_config *l, const struct order *o, struct complaint *c)
{
	if (listener_set_address(l, o->address, c))
		return complain_where(c, "address");
	if (listener_set_service(l, o->service, c))
		return -EINVAL;
	if (o->backends && add_backends(l, o->backends, c))
		return -EINVAL;
	if (o->banner && listener_set_banner(l, o->banner, c))
		return -EINVAL;
	return listener_check(l, c);
}

/* The same service with the same arguments; where to is not among them. */
static bool is_same(const struct listener_config *a, const struct listener_config *b)
{
	return a->service == b->service && a->backend_count == b->backend_count &&
	       !strcmp(a->banner, b->banner) &&
	       !memcmp(a->backends, b->backends, sizeof(a->backends));
}

/* One that stays; NULL if there are too many different ones. */
static const struct listener_config *keep(const struct asked *a, const struct listener_config *l)
{
	struct listener_config *kept;

	for (uint32_t i = 0; i < *a->outgoing_count; i++)
		if (is_same(a->outgoing[i], l))
			return a->outgoing[i];
	if (*a->outgoing_count == OUTGOING_MAX)
		return NULL;
	kept = malloc(sizeof(*kept));
	if (!kept)
		return NULL;
	*kept = *l;
	a->outgoing[(*a->outgoing_count)++] = kept;
	return kept;
}

static struct answer failure(const struct order *o, int error)
{
	switch (error) {
	case -ENETUNREACH:
		return answer_error(MHD_HTTP_BAD_GATEWAY,
				    "%s: no route leads there by our interface", o->address);
	case -EHOSTUNREACH:
		return answer_error(MHD_HTTP_BAD_GATEWAY,
				    "%s: the next hop does not answer (ARP or NDP)", o->address);
	case -EINVAL:
		return answer_error(MHD_HTTP_BAD_REQUEST,
				    "%s: is not the address of a single host elsewhere",
				    o->address);
	case -EADDRINUSE:
		return answer_error(MHD_HTTP_CONFLICT,
				    "%s: there is a connection from this local port already",
				    o->address);
	case -ENOBUFS:
		return answer_error(MHD_HTTP_SERVICE_UNAVAILABLE,
				    "the connection table is full (--connections)");
	}
	return answer_error(MHD_HTTP_INTERNAL_SERVER_ERROR, "%s: %s", o->address, strerror(-error));
}

static struct answer open_connection(const struct asked *a, const struct order *o,
				     struct listener_config *l)
{
	const struct listener_config *as = keep(a, l);
	uint32_t id;
	int error;

	if (!as)
		return answer_error(MHD_HTTP_SERVICE_UNAVAILABLE,
				    "more than %d different services for connect; restart xtcpd",
				    OUTGOING_MAX);
	error = daemon_connect(a->daemon, &l->address, l->port, htons((uint16_t)o->local_port), as,
			       &id);
	if (error)
		return failure(o, error);
	return answer_json(MHD_HTTP_CREATED, json_pack("{s:I}", "id", (json_int_t)id));
}

struct answer answer_connect(const struct asked *a)
{
	struct order o = {0};
	struct complaint c;
	json_error_t error;
	json_t *json = json_loadb(a->body, a->body_length, JSON_REJECT_DUPLICATES, &error);
	struct listener_config *l = calloc(1, sizeof(*l));
	struct answer answer;

	if (!json)
		answer = answer_error(MHD_HTTP_BAD_REQUEST, "not JSON: %s", error.text);
	else if (!json_is_object(json))
		answer =
			answer_error(MHD_HTTP_BAD_REQUEST, "should be an object: {\"address\": …}");
	else if (!l)
		answer = answer_error(MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory");
	else if (read_order(json, &o, &c) || fill(l, &o, &c))
		answer = answer_error(MHD_HTTP_BAD_REQUEST, "%s", c.text);
	else
		answer = open_connection(a, &o, l);
	free(l);
	json_decref(json);
	return answer;
}
