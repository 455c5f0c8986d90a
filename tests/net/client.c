/* SPDX-License-Identifier: BSD-2-Clause */
/* Many kernel TCP connections at once, for volume that Python is too slow for.
 *
 *   client echo    ADDRESS PORT CONNECTIONS BYTES   sends and reads back, compares
 *   client discard ADDRESS PORT CONNECTIONS BYTES   sends
 *   client chargen ADDRESS PORT CONNECTIONS BYTES   reads so much, then resets
 *   client idle    ADDRESS PORT CONNECTIONS 0       connects, says `ready`, waits for SIGTERM
 *
 * Text of connection n is a stream that n and the position define, so that what
 * comes back is compared byte by byte while it comes. The first byte
 * that was altered is named. Exit 0 if all is well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

enum mode { MODE_ECHO, MODE_DISCARD, MODE_CHARGEN, MODE_IDLE, MODES };

static const char *const mode_name[MODES] = {"echo", "discard", "chargen", "idle"};

struct connection {
	int fd;
	uint64_t key;
	uint64_t sent;
	uint64_t received;
	bool shut;
	bool ended;
};

struct client {
	enum mode mode;
	struct sockaddr_storage address;
	socklen_t address_length;
	uint64_t bytes; /* of each connection */
	uint32_t count;
	uint32_t open;
	int epoll;
	struct connection *connection;
};

/* Byte n of the stream of `key`: 8 bytes at a time from SplitMix64 of n / 8. */
static uint64_t stream_word(uint64_t key, uint64_t number)
{
	uint64_t z = (number + key) * 0x9e3779b97f4a7c15ull + key;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	return z ^ z >> 27;
}

static void stream_fill(uint64_t key, uint64_t from, uint8_t *bytes, size_t length)
{
	size_t i = 0;

	while (i < length) {
		uint64_t word = stream_word(key, (from + i) / 8);
		size_t skip = (from + i) % 8;
		size_t n = 8 - skip < length - i ? 8 - skip : length - i;

		memcpy(bytes + i, (uint8_t *)&word + skip, n);
		i += n;
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* False: the socket takes no more now. */
static bool send_some(struct client *c, struct connection *n)
{
	static uint8_t chunk[CHUNK];
	size_t length = least(CHUNK, c->bytes - n->sent);
	ssize_t done;

	if (!length)
		return false;
	stream_fill(n->key, n->sent, chunk, length);
	done = send(n->fd, chunk, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (done < 0 && errno != EAGAIN)
		error(1, errno, "connection %" PRIu64 ": send after %" PRIu64 " bytes", n->key,
		      n->sent);
	if (done < 0)
		return false;
	n->sent += (uint64_t)done;
	return (size_t)done == length;
}

static void finish(struct client *c, struct connection *n)
{
	close(n->fd);
	n->ended = true;
	c->open--;
}

static void compare(const struct connection *n, const uint8_t *got, size_t length)
{
	static uint8_t expected[CHUNK];

	stream_fill(n->key, n->received, expected, length);
	if (!memcmp(got, expected, length))
		return;
	for (size_t i = 0; i < length; i++)
		if (got[i] != expected[i])
			error(1, 0, "connection %" PRIu64 ": byte %" PRIu64 " was altered", n->key,
			      n->received + i);
}

static void receive_some(struct client *c, struct connection *n)
{
	static uint8_t chunk[CHUNK];
	ssize_t done = recv(n->fd, chunk, CHUNK, MSG_DONTWAIT);

	if (done < 0 && errno == EAGAIN)
		return;
	if (done < 0)
		error(1, errno, "connection %" PRIu64 ": receive after %" PRIu64 " bytes", n->key,
		      n->received);
	if (c->mode == MODE_ECHO)
		compare(n, chunk, (size_t)done);
	n->received += (uint64_t)done;
	if (done)
		return;
	if (c->mode != MODE_CHARGEN && !n->shut)
		error(1, 0, "connection %" PRIu64 ": closed after %" PRIu64 " bytes", n->key,
		      n->received);
	if (c->mode == MODE_ECHO && n->received != c->bytes)
		error(1, 0, "connection %" PRIu64 ": %" PRIu64 " of %" PRIu64 " bytes came back",
		      n->key, n->received, c->bytes);
	finish(c, n);
}

static void want(struct client *c, struct connection *n)
{
	bool more = c->mode != MODE_CHARGEN && n->sent < c->bytes;
	struct epoll_event e = {.events = EPOLLIN | (more ? EPOLLOUT : 0), .data.ptr = n};

	if (epoll_ctl(c->epoll, EPOLL_CTL_MOD, n->fd, &e))
		error(1, errno, "epoll_ctl");
}

static void serve(struct client *c, struct connection *n, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive_some(c, n);
	if (n->ended)
		return;
	if (c->mode == MODE_CHARGEN) {
		struct linger reset = {.l_onoff = 1};

		if (n->received < c->bytes)
			return;
		setsockopt(n->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		finish(c, n);
		return;
	}
	if (events & EPOLLOUT)
		for (int i = 0; i < 4 && send_some(c, n); i++)
			;
	if (n->sent == c->bytes && !n->shut) {
		n->shut = true;
		shutdown(n->fd, SHUT_WR);
		want(c, n);
	}
}

static void open_all(struct client *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct connection *n = &c->connection[i];
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = n};

		n->key = i;
		n->fd = socket(c->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (n->fd < 0)
			error(1, errno, "socket");
		if (connect(n->fd, (struct sockaddr *)&c->address, c->address_length))
			error(1, errno, "connection %u: connect", i);
		if (c->mode == MODE_IDLE)
			continue;
		if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, n->fd, &e))
			error(1, errno, "epoll_ctl");
		want(c, n);
	}
}

static void run(struct client *c)
{
	struct epoll_event e[64];

	while (c->open) {
		int n = epoll_wait(c->epoll, e, 64, 60000);

		if (n < 0 && errno != EINTR)
			error(1, errno, "epoll_wait");
		if (!n)
			error(1, 0, "nothing happens for a minute, %u connections are open",
			      c->open);
		for (int i = 0; i < n; i++)
			serve(c, e[i].data.ptr, e[i].events);
	}
}

static void resolve(struct client *c, const char *address, const char *port)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;

	if (getaddrinfo(address, port, &hints, &found))
		error(1, 0, "%s port %s: no address", address, port);
	memcpy(&c->address, found->ai_addr, found->ai_addrlen);
	c->address_length = found->ai_addrlen;
	freeaddrinfo(found);
}

static enum mode mode_of(const char *name)
{
	for (int i = 0; i < MODES; i++)
		if (!strcmp(name, mode_name[i]))
			return (enum mode)i;
	error(1, 0, "%s: not a mode", name);
	return MODES;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct rlimit many = {1 << 17, 1 << 17};
	struct client c = {0};
	double began = seconds();

	if (argc != 6)
		error(2, 0, "usage: client MODE ADDRESS PORT CONNECTIONS BYTES");
	setrlimit(RLIMIT_NOFILE, &many);
	c.mode = mode_of(argv[1]);
	resolve(&c, argv[2], argv[3]);
	c.count = c.open = (uint32_t)strtoul(argv[4], NULL, 10);
	c.bytes = strtoull(argv[5], NULL, 10);
	c.epoll = epoll_create1(EPOLL_CLOEXEC);
	c.connection = calloc(c.count, sizeof(*c.connection));
	if (!c.connection)
		error(1, 0, "no memory");
	open_all(&c);
	if (c.mode == MODE_IDLE) {
		printf("ready: %u connections\n", c.count);
		fflush(stdout);
		pause();
	}
	run(&c);
	printf("%u connections, %" PRIu64 " bytes each, %.2f s\n", c.count, c.bytes,
	       seconds() - began);
	free(c.connection);
	return 0;
}
