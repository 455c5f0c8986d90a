/* SPDX-License-Identifier: BSD-2-Clause */
/* See session.h here. */
#include "session.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct session *mock_session(const struct service *service)
{
	struct session *s = calloc(1, sizeof(*s));

	assert(s);
	s->as.service = service;
	s->out_limit = 65536;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	return s;
}

void mock_free(struct session *s)
{
	if (s->opened && !s->ended)
		mock_end(s, SESSION_STOPPED);
	assert(!s->watches); /* nothing of the service's is left */
	close(s->epoll);
	free(s);
}

static bool serves(const struct session *s)
{
	return s->opened && !s->ended;
}

static void end(struct session *s, enum session_end why)
{
	if (!serves(s))
		return;
	s->ended++;
	s->why = why;
	s->as.service->ended(s, why);
}

/* As the daemon: readable, then writable, until nothing changes any more. */
static void settle(struct session *s)
{
	do {
		s->changed = false;
		if (serves(s) && !s->aborted && (s->in_read < s->in_length || s->peer_closed))
			s->as.service->readable(s);
		if (serves(s) && !s->aborted && s->little_room &&
		    session_room(s) >= s->out_limit / 4) {
			s->little_room = false;
			s->as.service->writable(s);
		}
	} while (s->changed && !s->aborted);
	if (session_room(s) < s->out_limit / 4)
		s->little_room = true;
	if (s->aborted)
		end(s, SESSION_STOPPED);
	else if (s->shut && s->peer_closed && s->in_read == s->in_length &&
		 s->out_acked == s->out_length)
		end(s, SESSION_CLOSED);
}

int mock_open(struct session *s)
{
	int error = s->as.service->open(s);

	s->opened = !error;
	settle(s);
	return error;
}

void mock_text(struct session *s, const void *text, size_t length)
{
	assert(s->in_length + length <= sizeof(s->in));
	memcpy(s->in + s->in_length, text, length);
	s->in_length += length;
	settle(s);
}

void mock_hit(struct session *s, const void *text, size_t length)
{
	size_t taken = 0;

	assert(s->in_length + length <= sizeof(s->in));
	memcpy(s->in + s->in_length, text, length);
	if (serves(s) && s->as.service->take && s->in_read == s->in_length)
		taken = s->as.service->take(s, text, length);
	assert(taken <= length);
	s->in_length += length;
	s->in_read += taken;
	settle(s);
}

void mock_close(struct session *s)
{
	s->peer_closed = true;
	settle(s);
}

void mock_ack(struct session *s, size_t length)
{
	assert(s->out_acked + length <= s->out_length);
	s->out_acked += length;
	settle(s);
}

void mock_end(struct session *s, enum session_end why)
{
	end(s, why);
}

int mock_poll(struct session *s, int ms)
{
	struct epoll_event event;
	int events = 0;

	while (events < 100000 && epoll_wait(s->epoll, &event, 1, ms) == 1) {
		struct watch *w = event.data.ptr;

		w->ready(w, event.events);
		settle(s);
		events++;
	}
	return events;
}

/* --- service.h ----------------------------------------------------------------------- */

const void *session_peek(struct session *s, size_t *length)
{
	*length = s->in_length - s->in_read;
	return *length ? s->in + s->in_read : NULL;
}

void session_consume(struct session *s, size_t length)
{
	assert(length <= s->in_length - s->in_read);
	s->in_read += length;
	s->changed |= length > 0;
}

int session_peer_is_done(const struct session *s)
{
	return s->peer_closed && s->in_read == s->in_length;
}

size_t session_room(const struct session *s)
{
	return s->shut || s->aborted ? 0 : s->out_limit - (s->out_length - s->out_acked);
}

size_t session_write(struct session *s, const void *bytes, size_t length)
{
	size_t room = session_room(s);

	if (length > room)
		length = room;
	assert(s->out_length + length <= sizeof(s->out));
	memcpy(s->out + s->out_length, bytes, length);
	s->out_length += length;
	s->changed |= length > 0;
	return length;
}

size_t session_lend(struct session *s, const void *bytes, size_t length)
{
	return session_write(s, bytes, length);
}

size_t session_unsent(const struct session *s)
{
	return s->out_length - s->out_acked;
}

void session_shutdown(struct session *s)
{
	s->changed |= !s->shut;
	s->shut = true;
}

void session_close(struct session *s)
{
	session_shutdown(s);
	s->forsaken = true;
}

void session_abort(struct session *s)
{
	s->aborted = true;
	s->changed = true;
}

const struct listener_config *session_listener(const struct session *s)
{
	return &s->as;
}

const char *session_peer_text(const struct session *s)
{
	(void)s;
	return "192.0.2.9:4711";
}

void *session_private(const struct session *s)
{
	return s->private_data;
}

void session_set_private(struct session *s, void *private_data)
{
	s->private_data = private_data;
}

static int control(struct session *s, int operation, struct watch *w, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = w};

	s->watch_changes++;
	return epoll_ctl(s->epoll, operation, w->fd, &event) ? -errno : 0;
}

int session_watch(struct session *s, struct watch *w, uint32_t events)
{
	s->watches++;
	return control(s, EPOLL_CTL_ADD, w, events);
}

int session_rewatch(struct session *s, struct watch *w, uint32_t events)
{
	return control(s, EPOLL_CTL_MOD, w, events);
}

void session_unwatch(struct session *s, struct watch *w)
{
	s->watches--;
	control(s, EPOLL_CTL_DEL, w, 0);
}
