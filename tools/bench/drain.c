/* SPDX-License-Identifier: BSD-2-Clause */
/* A client that takes what a server sends and throws it away in the kernel
 * (MSG_TRUNC: nothing is copied), so that it can take super-segments whole.
 * Prints JSON like xload's: bytes per second, and processor time. */
#include "../cpu_time.h"
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, AT_ONCE = 4 << 20 };

struct drain {
	struct sockaddr_in server;
	uint32_t connections;
	double duration;
	double warmup;
	struct pollfd poll[CONNECTIONS_MAX];
	uint64_t bytes[CONNECTIONS_MAX];
};

static void open_all(struct drain *d)
{
	for (uint32_t i = 0; i < d->connections; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&d->server, sizeof(d->server)))
			error(1, errno, "cannot connect");
		d->poll[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
}

static void drain_for(struct drain *d, double seconds)
{
	double end = cpu_time_clock() + seconds;

	for (double left = seconds; left > 0; left = end - cpu_time_clock()) {
		if (poll(d->poll, d->connections, (int)(left * 1e3) + 1) < 0)
			error(1, errno, "poll");
		for (uint32_t i = 0; i < d->connections; i++) {
			ssize_t n = 0;

			if (d->poll[i].revents)
				n = recv(d->poll[i].fd, NULL, AT_ONCE, MSG_TRUNC | MSG_DONTWAIT);
			if (!n && d->poll[i].revents)
				error(1, 0, "the server closed a connection");
			d->bytes[i] += n > 0 ? (uint64_t)n : 0;
		}
	}
}

static void measure(struct drain *d)
{
	uint64_t sum = 0;
	uint32_t active = 0;
	struct cpu_time before, after;
	double begin;

	drain_for(d, d->warmup);
	memset(d->bytes, 0, sizeof(d->bytes));
	begin = cpu_time_clock();
	before = cpu_time_now();
	drain_for(d, d->duration);
	after = cpu_time_now();
	for (uint32_t i = 0; i < d->connections; i++) {
		sum += d->bytes[i];
		active += d->bytes[i] != 0;
	}
	printf("{\"mode\": \"drain\", \"connections\": %u, \"open\": %u, \"active\": %u,\n",
	       d->connections, d->connections, active);
	printf(" \"seconds\": %.6f, \"rate\": %.1f, \"unexpected\": 0,\n", cpu_time_clock() - begin,
	       (double)sum / (cpu_time_clock() - begin));
	printf(" \"cpu_machine\": %.3f, \"cpu_ours\": %.3f}\n", after.machine - before.machine,
	       after.ours - before.ours);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct drain *d = state->input;
	char *colon;

	switch (key) {
	case 't':
		colon = strrchr(arg, ':');
		if (!colon)
			argp_error(state, "'%s' is not an address and port", arg);
		*colon = 0;
		d->server.sin_port = htons((uint16_t)atoi(colon + 1));
		if (inet_pton(AF_INET, arg, &d->server.sin_addr) != 1)
			argp_error(state, "'%s' is not an IPv4 address", arg);
		break;
	case 'n':
		d->connections = (uint32_t)atoi(arg);
		if (d->connections < 1 || d->connections > CONNECTIONS_MAX)
			argp_error(state, "'%s' is not from 1 to %d", arg, CONNECTIONS_MAX);
		break;
	case 'd': d->duration = atof(arg); break;
	case 'w': d->warmup = atof(arg); break;
	case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", arg); break;
	case ARGP_KEY_END:
		if (!d->server.sin_port)
			argp_error(state, "--target is needed");
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"target", 't', "IPV4:PORT", 0, "the server", 0},
		{"connections", 'n', "N", 0, "so many (4)", 0},
		{"duration", 'd', "SECONDS", 0, "of measuring (2)", 0},
		{"warmup", 'w', "SECONDS", 0, "before that (0.3)", 0},
		{0},
	};
	struct argp argp = {options, parse, NULL, "Receives in bulk.", NULL, NULL, NULL};
	static struct drain d = {
		.server.sin_family = AF_INET, .connections = 4, .duration = 2, .warmup = 0.3};

	argp_parse(&argp, argc, argv, 0, NULL, &d);
	open_all(&d);
	measure(&d);
	return 0;
}
