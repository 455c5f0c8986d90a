/* SPDX-License-Identifier: BSD-2-Clause */
/* See listeners.h. */
#include "listeners.h"
#include "endpoint.h"
#include "service.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_multicast(const struct address *a)
{
	uint32_t first = ntohl(a->word[0]);
	uint32_t last = ntohl(a->word[3]);
	bool v4 = !a->word[0] && !a->word[1] && a->word[2] == htonl(0xffff);

	return v4 ? last >> 28 >= 0xe : first >> 24 == 0xff;
}

int listener_set_address(struct listener_config *l, const char *text, struct complaint *c)
{
	if (endpoint_parse(text, &l->address, &l->port, c))
		return -EINVAL;
	if (is_multicast(&l->address))
		return complain(c, "'%s': TCP needs a unicast address", text);
	endpoint_print(&l->address, l->port, l->text);
	return 0;
}

int listener_set_service(struct listener_config *l, const char *name, struct complaint *c)
{
	l->service = service_find(name);
	if (!l->service)
		return complain(c, "unknown service '%s'; there are %s", name, services_names());
	return 0;
}

int listener_add_backend(struct listener_config *l, const char *text, struct complaint *c)
{
	struct backend *b = &l->backends[l->backend_count];

	if (l->backend_count == BACKENDS_MAX)
		return complain(c, "more than %d backends", BACKENDS_MAX);
	if (backend_parse(text, b, c))
		return -EINVAL;
	for (uint32_t i = 0; i < l->backend_count; i++)
		if (l->backends[i].address_length == b->address_length &&
		    !memcmp(&l->backends[i].address, &b->address, b->address_length))
			return complain(c, "backend '%s' is there twice", text);
	l->backend_count++;
	return 0;
}

int listener_set_banner(struct listener_config *l, const char *text, struct complaint *c)
{
	size_t length = strlen(text);

	if (length >= sizeof(l->banner))
		return complain(c, "a banner has at most %zu bytes, not %zu", sizeof(l->banner) - 1,
				length);
	memcpy(l->banner, text, length + 1);
	return 0;
}

int listener_check(const struct listener_config *l, struct complaint *c)
{
	bool proxy = !strcmp(l->service->name, "proxy");
	bool greet = !strcmp(l->service->name, "greet");

	if (proxy && !l->backend_count)
		return complain(c, "proxy needs a backend: 127.0.0.1:8080, [::1]:80 or "
				   "unix:/run/app.sock");
	if (greet && !*l->banner)
		return complain(c, "greet needs a banner: the text that it sends at once");
	if (!proxy && l->backend_count)
		return complain(c, "only proxy has backends, %s has none", l->service->name);
	if (!greet && *l->banner)
		return complain(c, "only greet has a banner, %s has none", l->service->name);
	return 0;
}

/* --- the command line's form -------------------------------------------------- */

/* Backends are separated by commas; a path with a comma needs the file. */
static int parse_backends(struct listener_config *l, const char *list, struct complaint *c)
{
	char one[512]; /* longer than any that is right */

	for (;;) {
		size_t length = strcspn(list, ",");

		snprintf(one, sizeof(one), "%.*s", (int)length, list);
		if (listener_add_backend(l, one, c))
			return -EINVAL;
		if (!list[length])
			return 0;
		list += length + 1;
	}
}

static int parse_argument(struct listener_config *l, const char *argument, struct complaint *c)
{
	if (!strcmp(l->service->name, "proxy"))
		return parse_backends(l, argument, c);
	if (!strcmp(l->service->name, "greet"))
		return listener_set_banner(l, argument, c);
	return complain(c, "%s takes no argument, but '%s' follows it", l->service->name, argument);
}

int listener_parse(struct listener_config *l, const char *text, struct complaint *c)
{
	char address[sizeof(l->text)];
	char service[32];
	const char *equals = strchr(text, '=');
	size_t length;

	if (!equals)
		return complain(c,
				"'%s' names no service; write ADDR:PORT=SERVICE, as "
				"10.1.0.2:7=echo",
				text);
	snprintf(address, sizeof(address), "%.*s", (int)(equals - text), text);
	if (listener_set_address(l, address, c))
		return -EINVAL;
	text = equals + 1;
	length = strcspn(text, ":");
	snprintf(service, sizeof(service), "%.*s", (int)length, text);
	if (listener_set_service(l, service, c))
		return -EINVAL;
	if (text[length] && text[length + 1] && parse_argument(l, text + length + 1, c))
		return -EINVAL;
	return listener_check(l, c);
}

/* --- in the configuration ------------------------------------------------------- */

struct listener_config *listener_new(struct config *config, struct complaint *c)
{
	struct listener_config *l = &config->listeners[config->listener_count];

	if (config->listener_count == LISTENERS_MAX) {
		complain(c, "more than %d listeners", LISTENERS_MAX);
		return NULL;
	}
	memset(l, 0, sizeof(*l));
	return l;
}

int listener_keep(struct config *config, struct complaint *c)
{
	const struct listener_config *l = &config->listeners[config->listener_count];

	for (uint32_t i = 0; i < config->listener_count; i++) {
		const struct listener_config *other = &config->listeners[i];

		if (other->port == l->port &&
		    !memcmp(&other->address, &l->address, sizeof(l->address)))
			return complain(c, "%s has a listener already (%s)", l->text,
					other->service->name);
	}
	config->listener_count++;
	return 0;
}
