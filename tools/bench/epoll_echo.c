/* SPDX-License-Identifier: BSD-2-Clause */
/* The server that xtcp is compared with: the kernel's TCP, one thread, epoll.
 *
 * One system call for many events, one recv and one send for each request: a
 * level-triggered event needs no second recv to see that there is no more. What
 * a socket does not take is kept, and sent when it does (EPOLLOUT); nothing is
 * read meanwhile. Echoes, discards, or sends without end. */
#include <argp.h>
#include <errno.h>
#include <error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS = 512, BUFFER = 256 << 10, BACKLOG = 65535, ACCEPT_MOST = 4096 };

enum work { ECHO, DISCARD, SOURCE };

struct pending {
	uint32_t length;
	uint8_t bytes[];
};

struct server {
	int epoll;
	int listener;
	enum work work;
	uint16_t port;
	const char *path;
	bool spin;
	struct pending **pending; /* by file descriptor: what is still to be echoed */
	uint32_t fds;
	uint8_t *buffer;
};

static void watch(struct server *s, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (epoll_ctl(s->epoll, op, fd, &e))
		error(1, errno, "epoll_ctl");
}

static void drop(struct server *s, int fd)
{
	free(s->pending[fd]);
	s->pending[fd] = NULL;
	close(fd);
}

static void keep(struct server *s, int fd, const uint8_t *bytes, uint32_t length)
{
	struct pending *p = malloc(sizeof(*p) + length);

	if (!p) {
		drop(s, fd);
		return;
	}
	p->length = length;
	memcpy(p->bytes, bytes, length);
	s->pending[fd] = p;
	watch(s, EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void echo(struct server *s, int fd)
{
	ssize_t n = recv(fd, s->buffer, BUFFER, MSG_DONTWAIT), sent;

	if (n <= 0) {
		if (!n || errno != EAGAIN)
			drop(s, fd);
		return;
	}
	if (s->work == DISCARD)
		return;
	sent = send(fd, s->buffer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		drop(s, fd);
	else if (sent < n)
		keep(s, fd, s->buffer + (sent > 0 ? sent : 0),
		     (uint32_t)(n - (sent > 0 ? sent : 0)));
}

static void echo_rest(struct server *s, int fd)
{
	struct pending *p = s->pending[fd];
	ssize_t sent = send(fd, p->bytes, p->length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN) {
		drop(s, fd);
		return;
	}
	if (sent > 0) {
		p->length -= (uint32_t)sent;
		memmove(p->bytes, p->bytes + sent, p->length);
	}
	if (p->length)
		return;
	free(p);
	s->pending[fd] = NULL;
	watch(s, EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void supply(struct server *s, int fd)
{
	ssize_t n = send(fd, s->buffer, BUFFER, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		drop(s, fd);
}

static void serve(struct server *s, int fd)
{
	if (s->work == SOURCE)
		supply(s, fd);
	else if (s->pending[fd])
		echo_rest(s, fd);
	else
		echo(s, fd);
}

/* A request may have come along with the last ACK of the handshake. */
static void accept_some(struct server *s)
{
	int one = 1;

	for (int i = 0; i < ACCEPT_MOST; i++) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if ((uint32_t)fd >= s->fds) {
			close(fd);
			continue;
		}
		if (!s->path)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(s, EPOLL_CTL_ADD, fd, s->work == SOURCE ? EPOLLOUT : EPOLLIN);
		serve(s, fd);
	}
}

static void loop(struct server *s)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(s->epoll, events, EVENTS, s->spin ? 0 : -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == s->listener)
				accept_some(s);
			else
				serve(s, events[i].data.fd);
		}
	}
}

static int listen_tcp(uint16_t port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Where one process may not open as many files, several share the port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, BACKLOG))
		error(1, errno, "cannot listen on port %u", port);
	return fd;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(a.sun_path))
		error(1, 0, "%s: path too long", path);
	memcpy(a.sun_path, path, strlen(path));
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, BACKLOG))
		error(1, errno, "cannot listen on %s", path);
	return fd;
}

static void raise_limit(struct server *s)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	s->fds = (uint32_t)limit.rlim_cur;
	s->pending = calloc(s->fds, sizeof(struct pending *));
	s->buffer = calloc(1, BUFFER);
	if (!s->pending || !s->buffer)
		error(1, errno, "no memory");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct server *s = state->input;
	int port;

	switch (key) {
	case 'p':
		port = atoi(arg);
		if (port < 1 || port > 65535)
			argp_error(state, "'%s' is not a port", arg);
		s->port = (uint16_t)port;
		break;
	case 'u': s->path = arg; break;
	case 'd': s->work = DISCARD; break;
	case 's': s->work = SOURCE; break;
	case 'b': s->spin = true; break;
	case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", arg); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"port", 'p', "PORT", 0, "listen here (7)", 0},
		{"unix", 'u', "PATH", 0, "listen on a Unix socket instead", 0},
		{"discard", 'd', NULL, 0, "read only", 0},
		{"source", 's', NULL, 0, "send without end", 0},
		{"busy", 'b', NULL, 0, "do not sleep", 0},
		{0},
	};
	struct argp argp = {options, parse, NULL, "Echoes by epoll.", NULL, NULL, NULL};
	struct server s = {.port = 7};

	argp_parse(&argp, argc, argv, 0, NULL, &s);
	raise_limit(&s);
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	s.listener = s.path ? listen_unix(s.path) : listen_tcp(s.port);
	watch(&s, EPOLL_CTL_ADD, s.listener, EPOLLIN);
	puts("ready");
	fflush(stdout);
	loop(&s);
	return 0;
}
