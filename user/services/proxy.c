/* SPDX-License-Identifier: BSD-2-Clause */
/* Proxy: relays the connection to a backend over a kernel TCP or Unix socket.
 *
 *	peer ── session_peek ──► send() ──► backend
 *	peer ◄─ session_write ◄─ recv() ◄── backend
 *
 * It keeps no text of its own: what the backend does not take stays unread and
 * closes the peer's window, and no more is read from the backend than
 * session_room() allows, which stops the backend. An end of text is carried
 * through each way by itself (half close), a reset on one side is made one on
 * the other.
 *
 * Every way out ends in proxy_ended(), which session_abort() may call before it
 * returns: whoever may have aborted returns false, and then nobody touches the
 * proxy again. */
#include "config.h"
#include "log.h"
#include "services.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 65536, SMALL = 1024 };

struct proxy {
	struct watch watch; /* first: a watch is a proxy */
	struct session *session;
	uint32_t interest; /* epoll events asked for */
	uint16_t backend;  /* index of the one in use */
	uint16_t tries;	   /* how many were tried */
	bool watched;
	bool connecting;
	bool backend_done; /* its end of text has been carried to the peer */
	bool backend_ends; /* epoll says that no more comes behind what there is */
	bool peer_done;	   /* the peer's has been carried to the backend */
	bool blocked;	   /* the backend did not take all that was there */
};

/* Whose turn it is, of all proxies of this worker. */
static __thread uint32_t turn;

static const struct backend *backend_of(const struct proxy *p)
{
	return &session_listener(p->session)->backends[p->backend];
}

static void log_backend(const struct proxy *p, const char *what, int error)
{
	static __thread struct log_limit limit;

	if (log_may(&limit))
		log_warning("proxy: backend %s: %s: %s (for %s)", backend_of(p)->text, what,
			    strerror(error), session_peer_text(p->session));
}

/* --- the backend's socket ------------------------------------------------------ */

static void drop_socket(struct proxy *p)
{
	if (p->watched)
		session_unwatch(p->session, &p->watch);
	p->watched = false;
	p->interest = 0;
	if (p->watch.fd >= 0)
		close(p->watch.fd);
	p->watch.fd = -1;
}

/* With SO_LINGER 0 a close is a reset, on TCP. A Unix socket knows none; its
 * end, and the failure of the backend's next write, is all there is. */
static void reset_socket(struct proxy *p)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (p->watch.fd >= 0)
		setsockopt(p->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	drop_socket(p);
}

/* Always false, for the caller to return. */
static bool give_up(struct proxy *p)
{
	drop_socket(p);
	session_abort(p->session);
	return false;
}

/* 0 or -errno; 0 also while it is under way, with p->connecting. */
static int connect_socket(struct proxy *p)
{
	const struct backend *b = backend_of(p);
	const int yes = 1;
	int fd = socket(b->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	p->watch.fd = fd;
	if (b->address.ss_family != AF_UNIX) /* relayed text must not wait for more */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	p->connecting = false;
	if (!connect(fd, (const struct sockaddr *)&b->address, b->address_length))
		return 0;
	p->connecting = errno == EINPROGRESS;
	return p->connecting ? 0 : -errno;
}

/* Tries the backends in turn, from p->backend on, each once. 0 or -errno. */
static int connect_next(struct proxy *p)
{
	uint32_t count = session_listener(p->session)->backend_count;
	int error = -EDESTADDRREQ;

	while (p->tries < count) {
		p->tries++;
		error = connect_socket(p);
		if (!error)
			return 0;
		log_backend(p, "cannot connect", -error);
		drop_socket(p);
		p->backend = (uint16_t)((p->backend + 1) % count);
	}
	return error;
}

static int socket_error(const struct proxy *p)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(p->watch.fd, SOL_SOCKET, SO_ERROR, &error, &length))
		return errno;
	return error;
}

/* --- what to wait for ----------------------------------------------------------- */

static uint32_t wanted(const struct proxy *p)
{
	uint32_t events = 0;

	if (p->connecting)
		return EPOLLOUT;
	if (!p->backend_done && session_room(p->session))
		events |= EPOLLIN | EPOLLRDHUP;
	if (p->blocked)
		events |= EPOLLOUT;
	return events;
}

static void stop_watching(struct proxy *p)
{
	session_unwatch(p->session, &p->watch);
	p->watched = false;
}

/* Asks epoll only for what has changed. */
static bool update_interest(struct proxy *p)
{
	uint32_t events = wanted(p);
	int error;

	if (!p->watched || events == p->interest)
		return true;
	error = session_rewatch(p->session, &p->watch, events);
	if (error) {
		log_backend(p, "cannot watch", -error);
		return give_up(p);
	}
	p->interest = events;
	return true;
}

/* --- the two directions ---------------------------------------------------------- */

static bool pump_to_backend(struct proxy *p)
{
	const void *text;
	size_t length;

	p->blocked = false;
	while ((text = session_peek(p->session, &length))) {
		ssize_t taken = send(p->watch.fd, text, length, MSG_NOSIGNAL);

		if (taken >= 0) {
			session_consume(p->session, (size_t)taken);
			continue;
		}
		if (errno == EINTR)
			continue;
		p->blocked = errno == EAGAIN;
		return p->blocked ? true : give_up(p);
	}
	if (session_peer_is_done(p->session) && !p->peer_done) {
		p->peer_done = true;
		shutdown(p->watch.fd, SHUT_WR);
	}
	return true;
}

/* Less than was asked for is all there was, and epoll tells of more: to ask again
 * would be a system call for each message. But an end that epoll has told of, or could
 * not yet, goes with the last text. */
static bool pump_to_peer(struct proxy *p)
{
	static __thread char chunk[CHUNK];
	size_t room;

	while (!p->backend_done && (room = session_room(p->session))) {
		size_t most = room < CHUNK ? room : CHUNK;
		ssize_t got = recv(p->watch.fd, chunk, most, 0);

		if (got > 0) {
			/* Room was promised; a byte that finds none would be lost. */
			if (session_write(p->session, chunk, (size_t)got) != (size_t)got)
				return give_up(p);
			if (p->interest & EPOLLIN && !p->backend_ends && (size_t)got < most)
				return true;
			continue;
		}
		if (!got) {
			p->backend_done = true;
			session_shutdown(p->session);
			continue;
		}
		if (errno == EINTR)
			continue;
		return errno == EAGAIN ? true : give_up(p);
	}
	return true;
}

static void pump(struct proxy *p)
{
	if (p->connecting || p->watch.fd < 0)
		return;
	if (pump_to_backend(p) && pump_to_peer(p))
		update_interest(p);
}

/* --- events ---------------------------------------------------------------------- */

static void proxy_ready(struct watch *w, uint32_t events);

static int watch_socket(struct proxy *p)
{
	int error;

	p->watch.ready = proxy_ready;
	p->interest = wanted(p);
	error = session_watch(p->session, &p->watch, p->interest);
	p->watched = !error;
	return error;
}

/* The attempt to connect has come to an end; false: so has the proxy. */
static bool connected(struct proxy *p)
{
	int error = socket_error(p);

	if (!error) {
		p->connecting = false;
		return true;
	}
	log_backend(p, "cannot connect", error);
	drop_socket(p);
	p->backend = (uint16_t)((p->backend + 1) % session_listener(p->session)->backend_count);
	if (connect_next(p) || watch_socket(p))
		return give_up(p);
	return !p->connecting;
}

/* epoll reports EPOLLHUP and EPOLLERR again and again, asked or not, and nothing
 * that they announce needs epoll any more: send() and recv() do not wait on such
 * a socket, they say what is there. */
static bool hung_up(struct proxy *p, uint32_t events)
{
	stop_watching(p);
	if (!(events & EPOLLERR) || !socket_error(p))
		return true;
	return give_up(p);
}

static void proxy_ready(struct watch *w, uint32_t events)
{
	struct proxy *p = (struct proxy *)w;

	if (p->connecting) {
		if (connected(p))
			pump(p);
		return;
	}
	if (events & (EPOLLHUP | EPOLLERR) && !hung_up(p, events))
		return;
	p->backend_ends = events & EPOLLRDHUP;
	pump(p);
}

/* A message of its own goes on from where it lies; of what may be a part of much more
 * as much as possible is to go at a time. What does not is read by proxy_readable(),
 * which also finds out why. */
static size_t proxy_take(struct session *s, const void *text, size_t length)
{
	struct proxy *p = session_private(s);
	ssize_t taken;

	if (p->connecting || p->watch.fd < 0 || length > SMALL)
		return 0;
	taken = send(p->watch.fd, text, length, MSG_NOSIGNAL);
	return taken > 0 ? (size_t)taken : 0;
}

/* The answer to it comes later, and epoll tells of it. */
static void proxy_readable(struct session *s)
{
	struct proxy *p = session_private(s);

	if (!p->watched) {
		pump(p);
		return;
	}
	if (!p->connecting && pump_to_backend(p))
		update_interest(p);
}

static void proxy_writable(struct session *s)
{
	pump(session_private(s));
}

static int proxy_open(struct session *s)
{
	uint32_t count = session_listener(s)->backend_count;
	struct proxy *p;
	int error;

	if (!count)
		return -EDESTADDRREQ;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->session = s;
	p->watch.fd = -1;
	p->backend = (uint16_t)(turn++ % count);
	error = connect_next(p);
	if (!error)
		error = watch_socket(p);
	if (error) {
		drop_socket(p);
		free(p);
		return error;
	}
	session_set_private(s, p);
	return 0;
}

static void proxy_ended(struct session *s, enum session_end why)
{
	struct proxy *p = session_private(s);

	if (why == SESSION_CLOSED)
		drop_socket(p);
	else
		reset_socket(p);
	free(p);
}

const struct service service_proxy = {
	.name = "proxy",
	.open = proxy_open,
	.take = proxy_take,
	.readable = proxy_readable,
	.writable = proxy_writable,
	.ended = proxy_ended,
};
