/* SPDX-License-Identifier: BSD-2-Clause */
/* xload, the load generator: reads what is wanted, finds out the addresses of the
 * link, and lets xload_run.c do it.
 *
 * Its connections come from a range of addresses that no host owns (--source);
 * the server's host needs a route to them by way of this end of the link, and
 * both ends of a veth an XDP program each (ours is one). */
#include "addresses.h"
#include "endpoint.h"
#include "route.h"
#include "xload_run.h"
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

enum option_key {
	KEY_WARMUP = 256,
	KEY_OPENING,
	KEY_COUNT,
	KEY_RATE,
	KEY_BATCH,
	KEY_RETRY,
	KEY_SPREAD,
	KEY_REPLACE,
};

enum { CONNECTIONS_MAX = 1 << 22, ADDRESSES_MAX = 1 << 16, TIME_MAX = 3600 };

const char *argp_program_version = "xload 1";

static const struct argp_option options[] = {
	{"interface", 'i', "NAME", 0, "our end of the link", 0},
	{"target", 't', "ADDRESS:PORT", 0, "the server, like 10.1.0.2:7 or [fd00::2]:7", 0},
	{"source", 's', "ADDRESS", 0, "first of our addresses (10.100.0.0, or fd9a::)", 0},
	{"mode", 'm', "MODE", 0, "echo (default), connect, send, receive, idle, or flood", 1},
	{"connections", 'n', "N", 0, "so many (128)", 1},
	{"size", 'S', "BYTES", 0, "of a request, or of a segment with send: 8 to 1448 (64)", 1},
	{"timestamps", 'T', NULL, 0, "use the timestamps option", 1},
	{"spread", KEY_SPREAD, NULL, 0, "open from each CPU that xload may run on, by turns", 1},
	{"flood", 'f', "KIND", 0,
	 "syn (default), ack, or rst; in mode echo or idle: so much flood beside it", 2},
	{"count", KEY_COUNT, "N", 0, "flood: at most so many segments", 2},
	{"rate", KEY_RATE, "N", 0, "flood: so many a second (as many as possible)", 2},
	{"duration", 'd', "SECONDS", 0, "of measuring (2)", 3},
	{"warmup", KEY_WARMUP, "SECONDS", 0, "before that (0.3)", 3},
	{"opening", KEY_OPENING, "SECONDS", 0, "for opening, at most (10)", 3},
	{"batch", KEY_BATCH, "N", 0, "open so many at once (1024)", 3},
	{"retry", KEY_RETRY, "MS", 0, "send again what is unanswered for so long (1000)", 3},
	{"replace", KEY_REPLACE, NULL, 0,
	 "take the place of the XDP program on the interface, and put it back at the end", 4},
	{"json", 'j', NULL, 0, "print JSON", 4},
	{0},
};

static uint64_t number(struct argp_state *state, const char *arg, uint64_t low, uint64_t high)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (errno || *end || !*arg || *arg == '-' || n < low || n > high)
		argp_error(state, "'%s' is not a number from %llu to %llu", arg,
			   (unsigned long long)low, (unsigned long long)high);
	return n;
}

static double seconds(struct argp_state *state, const char *arg)
{
	char *end;
	double s = strtod(arg, &end);

	if (*end || !*arg || !(s >= 0 && s <= TIME_MAX))
		argp_error(state, "'%s' is not a time from 0 to %d s", arg, TIME_MAX);
	return s;
}

static void parse_target(struct argp_state *state, const char *arg, struct xload_task *t)
{
	struct xload_setup *setup = &t->setup;
	struct complaint complaint = {0};
	__be16 port;

	if (endpoint_parse(arg, &t->server, &port, &complaint))
		argp_error(state, "%s", complaint.text);
	setup->v6 = !address_is_v4(&t->server);
	memcpy(setup->server, t->server.word, sizeof(setup->server));
	setup->server_port = port;
}

/* Ours are of the server's family; the last word counts. */
static void set_source(struct argp_state *state, struct xload_task *t)
{
	struct xload_setup *s = &t->setup;
	__be32 word[4] = {0};
	uint64_t sum = 0;

	if (!t->source)
		t->source = s->v6 ? "fd9a::" : "10.100.0.0";
	if (inet_pton(s->v6 ? AF_INET6 : AF_INET, t->source, s->v6 ? word : word + 3) != 1)
		argp_error(state, "'%s' is not an address like the server's", t->source);
	memcpy(s->network, word, sizeof(s->network));
	s->source = ntohl(word[3]);
	for (int i = s->v6 ? 0 : 3; i < 4; i++)
		sum += s->server[i];
	for (int i = 0; i < 3; i++)
		sum += s->network[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	s->address_sum = (uint32_t)sum;
}

static enum xload_mode parse_mode(struct argp_state *state, const char *arg)
{
	for (enum xload_mode m = XLOAD_ECHO; m <= XLOAD_FLOOD; m++)
		if (!strcmp(arg, xload_mode_name(m)))
			return m;
	argp_error(state, "'%s' is none of echo, connect, send, receive, idle, flood", arg);
	return XLOAD_ECHO;
}

static uint32_t parse_flood(struct argp_state *state, const char *arg)
{
	if (!strcmp(arg, "syn"))
		return XLOAD_SYN;
	if (!strcmp(arg, "ack"))
		return XLOAD_ACK;
	if (!strcmp(arg, "rst"))
		return XLOAD_RST;
	argp_error(state, "'%s' is none of syn, ack, rst", arg);
	return 0;
}

/* Slots are a power of two in number where ids go round; a slot has two ids at
 * least, so that a connection does not follow at once on its own tuple. */
static void check(struct argp_state *state, struct xload_task *t)
{
	struct xload_setup *s = &t->setup;
	uint32_t mask = 1;

	if (!t->interface || !s->server_port)
		argp_error(state, "--interface and --target are needed");
	if (s->v6 && s->size > XLOAD_TEXT_MAX - XLOAD_V6_MORE)
		argp_error(state, "over IPv6 a segment takes %d bytes at most",
			   XLOAD_TEXT_MAX - XLOAD_V6_MORE);
	if (t->floods && s->mode != XLOAD_ECHO && s->mode != XLOAD_IDLE && s->mode != XLOAD_FLOOD)
		argp_error(state, "a flood goes beside echo or idle only");
	t->floods |= s->mode == XLOAD_FLOOD;
	set_source(state, t);
	while (mask < s->slots)
		mask <<= 1;
	s->slot_mask = mask - 1;
	s->addresses = (mask >> XLOAD_PORT_BITS) + 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct xload_task *t = state->input;

	switch (key) {
	case 'i': t->interface = arg; break;
	case 't': parse_target(state, arg, t); break;
	case 's': t->source = arg; break;
	case 'm': t->setup.mode = parse_mode(state, arg); break;
	case 'n': t->setup.slots = (uint32_t)number(state, arg, 1, CONNECTIONS_MAX); break;
	case 'S':
		t->setup.size = (uint32_t)number(state, arg, XLOAD_TEXT_MIN, XLOAD_TEXT_MAX);
		break;
	case 'T': t->setup.timestamps = 1; break;
	case 'f':
		t->setup.flood_flags = parse_flood(state, arg);
		t->floods = true;
		break;
	case KEY_SPREAD: t->spread = true; break;
	case KEY_COUNT: t->count = number(state, arg, 1, UINT64_MAX); break;
	case KEY_RATE: t->rate = number(state, arg, 1, 100000000); break;
	case 'd': t->duration = seconds(state, arg); break;
	case KEY_WARMUP: t->warmup = seconds(state, arg); break;
	case KEY_OPENING: t->opening = seconds(state, arg); break;
	case KEY_BATCH: t->batch = (uint32_t)number(state, arg, 1, 1 << 20); break;
	case KEY_RETRY: t->setup.retry = number(state, arg, 1, 60000) * 1000000; break;
	case KEY_REPLACE: t->replace = true; break;
	case 'j': t->json = true; break;
	case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", arg); break;
	case ARGP_KEY_END: check(state, t); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void find_link(struct xload_task *t)
{
	struct interface link;
	struct route route;
	int failed = interface_read(t->interface, &link);

	if (failed)
		error(1, -failed, "%s", t->interface);
	failed = route_find(&link, &t->server, &route);
	if (failed)
		error(1, -failed, "%s: no way to the server's address", t->interface);
	t->setup.ifindex = link.index;
	memcpy(t->setup.mac, route.link.own_mac, sizeof(t->setup.mac));
	memcpy(t->setup.server_mac, route.link.peer_mac, sizeof(t->setup.server_mac));
}

int main(int argc, char **argv)
{
	struct argp argp = {options, parse, NULL, "Loads a TCP server from XDP, and measures.",
			    NULL,    NULL,  NULL};
	struct xload_task task = {
		.setup = {.slots = 128, .size = 64, .flood_flags = XLOAD_SYN, .retry = 1000000000},
		.duration = 2,
		.warmup = 0.3,
		.opening = 10,
		.batch = 1024,
	};
	struct xload_result result = {0};

	argp_parse(&argp, argc, argv, 0, NULL, &task);
	find_link(&task);
	if (xload_run(&task, &result))
		return 1;
	xload_report(stdout, &task, &result);
	return result.open || task.setup.mode >= XLOAD_CONNECT ? 0 : 1;
}
