/* SPDX-License-Identifier: BSD-2-Clause */
/* See endpoint.h. */
#include "endpoint.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mapped_prefix[12] = {[10] = (char)0xff, [11] = (char)0xff};

static bool parse_port(const char *digits, __be16 *port)
{
	unsigned value = 0;

	if (!*digits || strlen(digits) > 5)
		return false;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			return false;
		value = value * 10 + (unsigned)(*digits - '0');
	}
	*port = htons((uint16_t)value);
	return value >= 1 && value <= 65535;
}

static int parse_v4(const char *host, const char *text, struct address *a, struct complaint *c)
{
	if (inet_pton(AF_INET, host, (char *)a + sizeof(mapped_prefix)) != 1)
		return complain(c,
				"'%s': '%s' is not an IP address (names are not resolved); write "
				"10.1.0.2:80 or [fd00::2]:80",
				text, host);
	memcpy(a, mapped_prefix, sizeof(mapped_prefix));
	return 0;
}

static int parse_v6(const char *host, const char *text, struct address *a, struct complaint *c)
{
	if (strchr(host, '%'))
		return complain(c, "'%s': addresses with a zone (%%eth0) are not supported", text);
	if (inet_pton(AF_INET6, host, a) != 1)
		return complain(c, "'%s': '%s' is not an IPv6 address; write [fd00::2]:80", text,
				host);
	return 0;
}

/* Where the port's colon is; -EINVAL if there is none, or if it cannot be told
 * from those of an IPv6 address. */
static int split(const char *text, const char **colon, struct complaint *c)
{
	*colon = strrchr(text, ':');
	if (!*colon || (*text == '[' && !strchr(text, ']')) ||
	    (*text == '[' && (*colon)[-1] != ']'))
		return complain(c,
				"'%s' has no port; write ADDR:PORT, as 10.1.0.2:80 or [fd00::2]:80",
				text);
	if (*text != '[' && strchr(text, ':') != *colon)
		return complain(c, "'%s': an IPv6 address stands in brackets: [fd00::2]:80", text);
	return 0;
}

int endpoint_parse(const char *text, struct address *address, __be16 *port, struct complaint *c)
{
	bool bracketed = *text == '[';
	char host[INET6_ADDRSTRLEN];
	const char *colon;
	size_t length;

	if (split(text, &colon, c))
		return -EINVAL;
	if (!parse_port(colon + 1, port))
		return complain(c, "'%s': port '%s' is not a number from 1 to 65535", text,
				colon + 1);
	length = (size_t)(colon - text) - 2 * bracketed;
	if (length >= sizeof(host))
		return complain(c, "'%s' is longer than any address", text);
	memcpy(host, text + bracketed, length);
	host[length] = '\0';
	return bracketed ? parse_v6(host, text, address, c) : parse_v4(host, text, address, c);
}

static bool is_v4(const struct address *a)
{
	return !memcmp(a, mapped_prefix, sizeof(mapped_prefix));
}

static int unix_backend(const char *path, struct backend *backend, struct complaint *c)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&backend->address;
	size_t length = strlen(path);

	if (*path != '/')
		return complain(
			c, "'unix:%s': the path of a socket is absolute: unix:/run/app.sock", path);
	if (length >= sizeof(un->sun_path))
		return complain(c, "'unix:%s': a socket's path has at most %zu bytes, not %zu",
				path, sizeof(un->sun_path) - 1, length);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, length + 1);
	backend->address_length = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	return 0;
}

static void ip_backend(const struct address *a, __be16 port, struct backend *backend)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&backend->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&backend->address;

	if (is_v4(a)) {
		*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
		v4->sin_addr.s_addr = a->word[3];
		backend->address_length = sizeof(*v4);
		return;
	}
	*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
	memcpy(&v6->sin6_addr, a, sizeof(*a));
	backend->address_length = sizeof(*v6);
}

int backend_parse(const char *text, struct backend *backend, struct complaint *c)
{
	struct address address;
	__be16 port;

	memset(backend, 0, sizeof(*backend));
	snprintf(backend->text, sizeof(backend->text), "%s", text);
	if (!strncmp(text, "unix:", 5))
		return unix_backend(text + 5, backend, c);
	if (endpoint_parse(text, &address, &port, c)) {
		if (*text == '/')
			complain(c, "'%s': a Unix socket is written unix:%s", text, text);
		return -EINVAL;
	}
	ip_backend(&address, port, backend);
	return 0;
}

void endpoint_print(const struct address *address, __be16 port, char text[ENDPOINT_TEXT])
{
	char host[INET6_ADDRSTRLEN];

	if (is_v4(address)) {
		inet_ntop(AF_INET, &address->word[3], host, sizeof(host));
		snprintf(text, ENDPOINT_TEXT, "%s:%u", host, ntohs(port));
		return;
	}
	inet_ntop(AF_INET6, address, host, sizeof(host));
	snprintf(text, ENDPOINT_TEXT, "[%s]:%u", host, ntohs(port));
}
