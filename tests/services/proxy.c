/* SPDX-License-Identifier: BSD-2-Clause */
/* The proxy between a session in memory and real kernel sockets, TCP over the
 * loopback and Unix, all in this process: the test is peer and backend.
 *
 * Links: tests/services/mock/session.c user/log.c user/services/proxy.c
 * Links: user/complaint.c user/endpoint.c */
#include "endpoint.h"
#include "mock/session.h"
#include "services/services.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bed {
	struct session *s;
	int listener;
	int backend; /* the accepted connection */
	bool is_unix;
	char path[48];
};

static void add_backend(struct session *s, const char *text)
{
	struct complaint c;

	assert_int_equal(backend_parse(text, &s->as.backends[s->as.backend_count++], &c), 0);
}

/* Listens where nobody else does; `text` names it as a backend. */
static int listen_tcp(char text[64])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&a, &length);
	snprintf(text, 64, "127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

static int listen_unix(const char *path, char text[64])
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	snprintf(text, 64, "unix:%s", path);
	return fd;
}

static struct bed make_bed(bool is_unix)
{
	struct bed b = {.s = mock_session(&service_proxy), .is_unix = is_unix, .backend = -1};
	char text[64];

	snprintf(b.path, sizeof(b.path), "/tmp/xtcp-proxy-test-%d.sock", getpid());
	b.listener = is_unix ? listen_unix(b.path, text) : listen_tcp(text);
	add_backend(b.s, text);
	return b;
}

static void accept_backend(struct bed *b)
{
	const struct timeval patience = {.tv_sec = 2};

	mock_poll(b->s, 20);
	b->backend = accept(b->listener, NULL, NULL);
	assert_true(b->backend >= 0);
	setsockopt(b->backend, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	mock_poll(b->s, 20);
}

static struct bed connected_bed(bool is_unix)
{
	struct bed b = make_bed(is_unix);

	assert_int_equal(mock_open(b.s), 0);
	accept_backend(&b);
	return b;
}

static void end_bed(struct bed *b)
{
	mock_free(b->s);
	if (b->backend >= 0)
		close(b->backend);
	if (b->listener >= 0)
		close(b->listener);
	if (b->is_unix)
		unlink(b->path);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static void expect_text(int fd, const char *text)
{
	char got[64] = "";

	assert_true(readable(fd, 1000));
	assert_int_equal(recv(fd, got, sizeof(got), 0), strlen(text));
	assert_string_equal(got, text);
}

static void expect_end(int fd)
{
	char byte;

	assert_true(readable(fd, 1000));
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

#define ON_BOTH(name)                                                                              \
	static void name(bool is_unix);                                                            \
	TEST(name##__tcp)                                                                          \
	{                                                                                          \
		name(false);                                                                       \
	}                                                                                          \
	TEST(name##__unix)                                                                         \
	{                                                                                          \
		name(true);                                                                        \
	}                                                                                          \
	static void name(bool is_unix)

/* --- text -------------------------------------------------------------------------------- */

ON_BOTH(proxy__bytes_both_ways)
{
	struct bed b = connected_bed(is_unix);

	mock_text(b.s, "question", 8);
	expect_text(b.backend, "question");
	assert_int_equal(send(b.backend, "answer", 6, 0), 6);
	mock_poll(b.s, 20);
	assert_int_equal(b.s->out_length, 6);
	assert_memory_equal(b.s->out, "answer", 6);
	end_bed(&b);
}

ON_BOTH(proxy__a_message_is_taken_where_it_lies)
{
	struct bed b = connected_bed(is_unix);
	char much[1448] = "";

	assert_int_equal(service_proxy.take(b.s, "question", 8), 8);
	expect_text(b.backend, "question");
	assert_int_equal(service_proxy.take(b.s, much, sizeof(much)), 0); /* more may follow */
	mock_hit(b.s, "another", 7);
	assert_int_equal(b.s->in_read, 7);
	expect_text(b.backend, "another");
	end_bed(&b);
}

TEST(proxy__nothing_is_taken_before_the_backend_is_there)
{
	struct bed b = make_bed(false);

	assert_int_equal(mock_open(b.s), 0);
	assert_int_equal(service_proxy.take(b.s, "early", 5), 0);
	mock_hit(b.s, "early", 5);
	accept_backend(&b);
	expect_text(b.backend, "early");
	end_bed(&b);
}

/* It is read when epoll tells of it, not for each message of the peer. */
ON_BOTH(proxy__the_backend_is_not_asked_in_vain)
{
	struct bed b = connected_bed(is_unix);

	assert_int_equal(send(b.backend, "news", 4, 0), 4);
	mock_hit(b.s, "x", 1);
	mock_text(b.s, "y", 1);
	assert_int_equal(b.s->out_length, 0);
	assert_int_equal(mock_poll(b.s, 20), 1);
	assert_int_equal(b.s->out_length, 4);
	end_bed(&b);
}

/* Text that comes before the backend is connected waits in the window. */
ON_BOTH(proxy__text_before_the_backend_is_there)
{
	struct bed b = make_bed(is_unix);

	assert_int_equal(mock_open(b.s), 0);
	mock_text(b.s, "early", 5);
	mock_close(b.s);
	accept_backend(&b);
	expect_text(b.backend, "early");
	expect_end(b.backend);
	end_bed(&b);
}

/* What is watched changes when it must, not with every segment. */
TEST(proxy__epoll_is_left_alone_while_nothing_is_blocked)
{
	struct bed b = connected_bed(false);
	int before = b.s->watch_changes;

	for (int i = 0; i < 100; i++) {
		char byte;

		mock_text(b.s, "x", 1);
		assert_int_equal(recv(b.backend, &byte, 1, 0), 1);
		assert_int_equal(send(b.backend, &byte, 1, 0), 1);
		mock_poll(b.s, 0);
	}
	assert_int_equal(b.s->watch_changes, before);
	end_bed(&b);
}

/* A stream of messages to a backend that reads by fits and starts. */
ON_BOTH(proxy__messages_taken_and_stored_keep_their_order)
{
	struct bed b = connected_bed(is_unix);
	size_t sent = 0, seen = 0;
	char chunk[600], got[8192];

	while (seen < 600 * 1500) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = (char)((sent + i) % 251);
		if (sent < 600 * 1500) {
			mock_hit(b.s, chunk, sizeof(chunk));
			sent += sizeof(chunk);
		}
		if (sent % 90000 && sent < 600 * 1500)
			continue;
		for (ssize_t n; (n = recv(b.backend, got, sizeof(got), MSG_DONTWAIT)) > 0;)
			for (ssize_t i = 0; i < n; i++)
				assert_int_equal(got[i], (char)(seen++ % 251));
		mock_poll(b.s, 0);
	}
	assert_int_equal(seen, sent);
	end_bed(&b);
}

/* --- back-pressure -------------------------------------------------------------------------- */

ON_BOTH(proxy__a_peer_that_does_not_read_stops_the_backend)
{
	struct bed b = connected_bed(is_unix);
	char chunk[8192];
	size_t sent = 0;
	size_t seen = 0;

	b.s->out_limit = 10000;
	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = (char)i;
	for (int quiet = 0; quiet < 2;) {
		ssize_t n = send(b.backend, chunk, sizeof(chunk), MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		quiet = n > 0 ? 0 : quiet + 1;
		mock_poll(b.s, 5);
	}
	assert_int_equal(b.s->out_length, 10000); /* not a byte more */
	assert_int_equal(mock_poll(b.s, 50), 0);  /* and nobody spins */
	while (seen < sent && seen < sizeof(b.s->out) - 20000) {
		assert_false(b.s->aborted);
		mock_ack(b.s, session_unsent(b.s));
		mock_poll(b.s, 1);
		assert_true(session_unsent(b.s) <= 10000);
		for (; seen < b.s->out_length; seen++)
			assert_int_equal(b.s->out[seen], (char)(seen % 8192));
	}
	end_bed(&b);
}

ON_BOTH(proxy__a_backend_that_does_not_read_leaves_the_text_unread)
{
	struct bed b = connected_bed(is_unix);
	static char text[MOCK_TEXT];
	size_t got = 0;
	int small = 16384;
	char chunk[4096];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + i / 256);
	setsockopt(b.backend, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	mock_text(b.s, text, sizeof(text));
	mock_close(b.s);
	if (!is_unix) /* the loopback's buffers may take a megabyte */
		mock_poll(b.s, 20);
	else
		assert_true(b.s->in_read < sizeof(text));
	assert_int_equal(b.s->ended, 0);
	while (got < sizeof(text)) {
		ssize_t n;

		mock_poll(b.s, 0);
		n = recv(b.backend, chunk, sizeof(chunk), 0);
		assert_true(n > 0);
		assert_memory_equal(chunk, text + got, n);
		got += (size_t)n;
	}
	mock_poll(b.s, 5);
	expect_end(b.backend);
	end_bed(&b);
}

/* --- ends ------------------------------------------------------------------------------------ */

ON_BOTH(proxy__half_close_by_the_peer)
{
	struct bed b = connected_bed(is_unix);

	mock_text(b.s, "all", 3);
	mock_close(b.s);
	expect_text(b.backend, "all");
	expect_end(b.backend);
	assert_false(b.s->shut);
	assert_int_equal(send(b.backend, "still here", 10, 0), 10);
	mock_poll(b.s, 20);
	assert_memory_equal(b.s->out, "still here", 10);
	assert_false(b.s->shut);
	close(b.backend);
	b.backend = -1;
	mock_poll(b.s, 20);
	assert_true(b.s->shut);
	mock_ack(b.s, 10);
	assert_int_equal(b.s->ended, 1);
	assert_int_equal(b.s->why, SESSION_CLOSED);
	end_bed(&b);
}

ON_BOTH(proxy__half_close_by_the_backend)
{
	struct bed b = connected_bed(is_unix);

	assert_int_equal(send(b.backend, "bye", 3, 0), 3);
	shutdown(b.backend, SHUT_WR);
	mock_poll(b.s, 20);
	assert_memory_equal(b.s->out, "bye", 3);
	assert_true(b.s->shut);
	assert_int_equal(mock_poll(b.s, 50), 0); /* the end is told once */
	mock_text(b.s, "one more thing", 14);
	expect_text(b.backend, "one more thing");
	mock_close(b.s);
	expect_end(b.backend);
	mock_ack(b.s, 3);
	assert_int_equal(b.s->why, SESSION_CLOSED);
	end_bed(&b);
}

/* The backend is done with both directions; what it had said still arrives,
 * although the peer had no room for it, and nothing spins meanwhile. */
ON_BOTH(proxy__a_backend_that_closes_has_its_last_words_delivered)
{
	struct bed b = connected_bed(is_unix);
	static char text[50000];

	memset(text, 'z', sizeof(text));
	b.s->out_limit = 20000;
	mock_close(b.s);
	expect_end(b.backend);
	assert_int_equal(send(b.backend, text, sizeof(text), 0), sizeof(text));
	close(b.backend);
	b.backend = -1;
	assert_true(mock_poll(b.s, 50) < 10);
	assert_int_equal(b.s->out_length, 20000);
	for (int i = 0; i < 3; i++)
		mock_ack(b.s, session_unsent(b.s));
	mock_poll(b.s, 20);
	assert_int_equal(b.s->out_length, sizeof(text));
	assert_true(b.s->shut);
	assert_false(b.s->aborted);
	end_bed(&b);
}

TEST(proxy__a_reset_by_the_peer_resets_the_backend)
{
	struct bed b = connected_bed(false);
	char byte;

	mock_end(b.s, SESSION_RESET);
	assert_true(readable(b.backend, 1000));
	assert_int_equal(recv(b.backend, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	end_bed(&b);
}

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

TEST(proxy__a_reset_by_the_backend_aborts)
{
	struct bed b = connected_bed(false);

	reset(b.backend);
	b.backend = -1;
	mock_poll(b.s, 50);
	assert_true(b.s->aborted);
	assert_int_equal(b.s->ended, 1);
	end_bed(&b);
}

/* Also where nothing is read from it, because the peer has no room. */
TEST(proxy__a_reset_by_the_backend_is_seen_while_it_is_stopped)
{
	struct bed b = connected_bed(false);
	char text[30000] = "";

	b.s->out_limit = 10000;
	assert_int_equal(send(b.backend, text, sizeof(text), 0), sizeof(text));
	mock_poll(b.s, 20);
	assert_int_equal(session_room(b.s), 0);
	reset(b.backend);
	b.backend = -1;
	mock_poll(b.s, 50);
	assert_true(b.s->aborted);
	end_bed(&b);
}

ON_BOTH(proxy__text_for_a_backend_that_has_vanished_aborts)
{
	struct bed b = connected_bed(is_unix);

	close(b.backend);
	b.backend = -1;
	mock_poll(b.s, 20);
	assert_true(b.s->shut);
	for (int i = 0; i < 3 && !b.s->aborted; i++) { /* TCP: the first one draws the RST */
		mock_text(b.s, "anyone?", 7);
		mock_poll(b.s, 20);
	}
	assert_true(b.s->aborted);
	assert_int_equal(b.s->ended, 1);
	end_bed(&b);
}

/* --- backends ---------------------------------------------------------------------------------- */

TEST(proxy__no_unix_backend_is_an_error_of_open)
{
	struct session *s = mock_session(&service_proxy);

	add_backend(s, "unix:/nonexistent/socket");
	assert_int_equal(mock_open(s), -ENOENT);
	assert_int_equal(s->ended, 0);
	mock_free(s);
}

TEST(proxy__a_backend_that_refuses_aborts)
{
	struct bed b = make_bed(false);

	close(b.listener);
	b.listener = -1;
	if (mock_open(b.s) == 0) {
		mock_poll(b.s, 50);
		assert_true(b.s->aborted);
		assert_int_equal(b.s->ended, 1);
	}
	end_bed(&b);
}

TEST(proxy__the_next_backend_is_tried_when_one_refuses)
{
	struct bed b = make_bed(false);
	struct backend good = b.s->as.backends[0];
	char text[64];
	int closed = listen_tcp(text);

	close(closed);
	b.s->as.backend_count = 0;
	add_backend(b.s, text);
	add_backend(b.s, "unix:/nonexistent/socket");
	b.s->as.backends[b.s->as.backend_count++] = good;
	assert_int_equal(mock_open(b.s), 0);
	mock_text(b.s, "hello", 5);
	accept_backend(&b);
	expect_text(b.backend, "hello");
	end_bed(&b);
}

TEST(proxy__backends_take_turns)
{
	char text[2][64];
	int listeners[2] = {listen_tcp(text[0]), listen_tcp(text[1])};

	for (int i = 0; i < 6; i++) {
		struct session *s = mock_session(&service_proxy);

		add_backend(s, text[0]);
		add_backend(s, text[1]);
		assert_int_equal(mock_open(s), 0);
		mock_poll(s, 5);
		mock_free(s);
	}
	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < 3; n++) {
			assert_true(readable(listeners[i], 100));
			close(accept(listeners[i], NULL, NULL));
		}
		assert_false(readable(listeners[i], 0));
		close(listeners[i]);
	}
}
