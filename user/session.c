/* SPDX-License-Identifier: BSD-2-Clause */
/* The session_…() calls of service.h: what a service may do with its connection
 * (RFC 9293, 3.10.2 to 3.10.5, on behalf of the user). */
#include "session.h"
#include "endpoint.h"
#include "engine.h"
#include <errno.h>
#include <sys/epoll.h>

/* Of the free part of the send pool one connection may fill one SHAREth. */
enum { SHARE = 8 };

void session_changed(struct session *s)
{
	struct sessions *t = &s->worker->sessions;
	uint32_t place = (uint32_t)(s - t->place);

	s->marks |= MARK_CHANGED;
	if (s->marks & MARK_QUEUED)
		return;
	s->marks |= MARK_QUEUED;
	s->next = SESSIONS_NONE;
	if (t->changed_first == SESSIONS_NONE)
		t->changed_first = place;
	else
		t->place[t->changed_last].next = place;
	t->changed_last = place;
}

/* A connection that lingers is CLOSED, which has no unread text for the core. */
uint32_t session_unread(const struct session *s)
{
	if (s->marks & MARK_LINGERS)
		return tcp_text_end(s->conn) - s->conn->rcv.user;
	return tcp_unread(s->conn);
}

void session_release_sent(struct session *s)
{
	struct text_pool *p = &s->worker->text;

	if (session_unsent(s))
		text_release(p, TEXT_SEND, &s->send, s->conn->snd.una);
	else
		text_release_all(p, TEXT_SEND, &s->send);
}

void session_release_read(struct session *s)
{
	struct text_pool *p = &s->worker->text;

	if (session_unread(s) || s->conn->rcv.spans)
		text_release(p, TEXT_RECEIVE, &s->receive, s->conn->rcv.user);
	else
		text_release_all(p, TEXT_RECEIVE, &s->receive);
}

void session_trace(struct session *s, const struct segment *seg, uint8_t how)
{
	struct worker *w = s->worker;
	struct trace_entry e;

	if (s->trace < 0)
		return;
	e = (struct trace_entry){
		.time = w->host.now,
		.seq = seg->seq,
		.ack = seg->ack,
		.text_length = seg->text_length,
		.wnd = seg->wnd,
		.flags = seg->flags,
		.state = s->conn->state,
		.how = how,
	};
	trace_segment(w->traces, s->trace, s->conn->id, &e);
}

const void *session_peek(struct session *s, size_t *length)
{
	uint32_t unread = session_unread(s);
	uint32_t part = 0;
	const void *text = NULL;

	*length = 0;
	if (!unread)
		return NULL;
	text = text_at(&s->worker->text, &s->receive, s->conn->rcv.user, &part);
	if (text)
		*length = part < unread ? part : unread;
	return text;
}

void session_consume(struct session *s, size_t length)
{
	uint32_t unread = session_unread(s);
	uint32_t taken = length < unread ? (uint32_t)length : unread;

	if (!taken)
		return;
	if (s->marks & MARK_LINGERS)
		s->conn->rcv.user += taken;
	else
		tcp_receive(s->conn, &s->worker->host, taken);
	session_release_read(s);
	session_changed(s);
}

int session_peer_is_done(const struct session *s)
{
	return !session_unread(s) && (s->marks & MARK_LINGERS || tcp_peer_is_done(s->conn));
}

/* Bytes that it may have more, by the rule of share_pool() in settle.c: a part of
 * what nobody has, so that those who do not read leave something to those who
 * come. Who has nothing may have a block, whoever has the rest. */
static uint64_t fair_share(const struct session *s)
{
	uint64_t left = (uint64_t)text_pool_left(&s->worker->text, TEXT_SEND) * TEXT_BLOCK;
	uint64_t held = session_unsent(s);

	if (left / SHARE >= held + TEXT_BLOCK)
		return left / SHARE - held;
	return held ? 0 : TEXT_BLOCK;
}

static uint32_t room_of(const struct session *s)
{
	uint32_t pool = text_room(&s->worker->text, TEXT_SEND, &s->send, s->conn->snd.end);
	uint32_t room = tcp_send_room(s->conn);
	uint64_t fair = fair_share(s);

	room = room < pool ? room : pool;
	return room < fair ? room : (uint32_t)fair;
}

/* Little room is less than a quarter of what may be outstanding: waking the
 * service for each segment's worth would cost more than it brings. Where it is
 * the pool that is short, anything counts. */
bool session_has_room(const struct session *s)
{
	uint32_t room = room_of(s);

	return room >= s->conn->snd.limit / 4 || (room && room < tcp_send_room(s->conn));
}

/* A service that sees little room waits to be told; noted when it sees it, since
 * afterwards there may be more again, and nobody to tell. */
void session_note_little_room(struct session *s)
{
	if (session_has_room(s))
		return;
	s->marks |= MARK_LITTLE_ROOM;
	if (room_of(s) >= tcp_send_room(s->conn) || s->marks & MARK_STARVED)
		return;
	/* Who waits for acknowledgments is told by them, unless all wait. */
	if (session_unsent(s) && !text_pool_is_low(&s->worker->text, TEXT_SEND))
		return;
	s->marks |= MARK_STARVED;
	s->worker->starved++;
}

/* What the core would take, and what the pool could: a promise, session_write()
 * of that much succeeds. */
size_t session_room(const struct session *s)
{
	session_note_little_room((struct session *)s);
	return room_of(s);
}

size_t session_unsent(const struct session *s)
{
	const struct conn *c = s->conn;

	/* Once our FIN is acknowledged, SND.UNA is one beyond the text. */
	return seq_before(c->snd.una, c->snd.end) ? c->snd.end - c->snd.una : 0;
}

/* put: text_write() or text_lend(). */
static size_t append(struct session *s, const void *bytes, size_t length,
		     uint32_t (*put)(struct text_pool *p, enum text_use use, struct text_chain *c,
				     uint32_t seq, const struct iovec *text))
{
	uint32_t room = room_of(s);
	struct iovec text = {(void *)bytes, length < room ? length : room};
	uint32_t stored = put(&s->worker->text, TEXT_SEND, &s->send, s->conn->snd.end, &text);

	if (stored && tcp_send(s->conn, &s->worker->host, stored))
		stored = 0;
	if (stored)
		session_changed(s);
	if (stored < length)
		session_note_little_room(s);
	return stored;
}

size_t session_write(struct session *s, const void *bytes, size_t length)
{
	return append(s, bytes, length, text_write);
}

size_t session_lend(struct session *s, const void *bytes, size_t length)
{
	return append(s, bytes, length, text_lend);
}

void session_shutdown(struct session *s)
{
	tcp_close(s->conn, &s->worker->host);
	session_changed(s);
}

void session_close(struct session *s)
{
	tcp_close(s->conn, &s->worker->host);
	tcp_forsake(s->conn, &s->worker->host);
	s->marks |= MARK_FORSAKEN;
	session_changed(s);
}

void session_abort(struct session *s)
{
	s->marks |= MARK_ABORTED;
	if (!(s->marks & MARK_LINGERS))
		tcp_abort(s->conn, &s->worker->host);
	session_changed(s);
}

const struct listener_config *session_listener(const struct session *s)
{
	return s->as;
}

const char *session_peer_text(const struct session *s)
{
	static __thread char text[ENDPOINT_TEXT];

	endpoint_print(&s->conn->tuple.remote, s->conn->tuple.remote_port, text);
	return text;
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

	return epoll_ctl(s->worker->epoll, operation, w->fd, &event) ? -errno : 0;
}

int session_watch(struct session *s, struct watch *w, uint32_t events)
{
	int error = control(s, EPOLL_CTL_ADD, w, events);

	if (!error)
		s->worker->watches++;
	return error;
}

int session_rewatch(struct session *s, struct watch *w, uint32_t events)
{
	return control(s, EPOLL_CTL_MOD, w, events);
}

void session_unwatch(struct session *s, struct watch *w)
{
	if (!control(s, EPOLL_CTL_DEL, w, 0))
		s->worker->watches--;
}
