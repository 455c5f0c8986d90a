/* SPDX-License-Identifier: BSD-2-Clause */
/* settle(): after an event, until the connection is quiet,
 *
 *	tell the service ─► pull tcp_output, publish, transmit ─► who owns the flow?
 *	                                                          ─► one deadline
 *
 * The service comes first, so that its answer carries the acknowledgment. What
 * it calls only changes the connection; the loop here takes that up. */
#include "settle.h"
#include "config.h"
#include "engine.h"
#include "flows.h"
#include "log.h"

/* Turns before other connections get theirs. */
enum { TURNS = 8 };

/* Of the free part of the receive pool one connection may fill one SHAREth. */
enum { SHARE = 8, SHARE_LEAST = 2 * TEXT_BLOCK };

/* Probes of a closed window in a row, which are some seconds; and how often those
 * are looked for. */
enum { HOG_PROBES = 4 };
#define HOGS_EVERY (1000ull * MILLISECOND)

static const struct service *service_of(const struct session *s)
{
	return s->as->service;
}

static void end_service(struct session *s)
{
	if (!session_serves(s))
		return;
	s->marks |= MARK_ENDED;
	service_of(s)->ended(s, (enum session_end)s->end);
}

/* --- events -------------------------------------------------------------------- */

static void connected(struct session *s)
{
	if (s->marks & MARK_HALF_OPEN) {
		s->marks &= (uint16_t)~MARK_HALF_OPEN;
		s->worker->sessions.half_open--;
	}
	if (service_of(s)->open(s)) {
		session_abort(s);
		return;
	}
	s->marks |= MARK_OPENED;
}

static uint8_t end_of(const struct session *s, uint16_t events)
{
	if (s->marks & MARK_ABORTED)
		return SESSION_STOPPED;
	if (events & EVENT_REFUSED)
		return SESSION_REFUSED;
	if (events & EVENT_RESET)
		return SESSION_RESET;
	if (events & EVENT_TIMED_OUT)
		return SESSION_TIMED_OUT;
	return s->end;
}

static void tell_room(struct session *s)
{
	if (!(s->marks & MARK_LITTLE_ROOM) || !session_serves(s))
		return;
	if (!session_has_room(s)) {
		session_note_little_room(s); /* others were faster: it starves on */
		return;
	}
	s->marks &= (uint16_t)~MARK_LITTLE_ROOM;
	service_of(s)->writable(s);
}

/* In TIME_WAIT both sides have said all they had to say; what is left is the
 * protocol's own, and the service need not wait for it. */
static void tell_end(struct session *s)
{
	if (s->marks & MARK_CLOSED || (s->conn->state == TIME_WAIT && !session_unread(s)))
		end_service(s);
}

/* An orderly end may come before the service has read everything. */
static bool must_linger(const struct session *s)
{
	return s->end == SESSION_CLOSED && !(s->marks & (MARK_FORSAKEN | MARK_ABORTED)) &&
	       session_serves(s) && tcp_text_end(s->conn) != s->conn->rcv.user;
}

/* Nobody else hears of an opening that came to nothing: it has no service yet. */
static void log_failure(struct session *s)
{
	static const char *const why[] = {
		[SESSION_CLOSED] = "closed",
		[SESSION_RESET] = "connection reset",
		[SESSION_REFUSED] = "connection refused",
		[SESSION_TIMED_OUT] = "no answer",
		[SESSION_STOPPED] = "given up",
	};
	static __thread struct log_limit limit;

	if (!s->conn->passive && !(s->marks & MARK_OPENED) && log_may(&limit))
		log_warning("connection %u to %s: %s%s%s", s->conn->id, session_peer_text(s),
			    why[s->end], s->soft_error ? "; " : "",
			    s->soft_error ? icmp_error_name(s->soft_error) : "");
}

static void closed(struct session *s)
{
	struct worker *w = s->worker;

	log_failure(s);
	trace_end(w->traces, s->trace, s->conn->id, w->host.now);
	flow_end(s);
	if (must_linger(s))
		s->marks |= MARK_LINGERS;
	else
		s->marks |= MARK_CLOSED;
}

static void tell_service(struct session *s)
{
	struct conn *c = s->conn;
	uint16_t events = c->events;

	c->events = 0;
	s->end = end_of(s, events);
	if (events & EVENT_WRITABLE)
		session_release_sent(s);
	if (events & EVENT_CONNECTED)
		connected(s);
	if (events & EVENT_CLOSED)
		closed(s);
	if (session_serves(s) && events & (EVENT_READABLE | EVENT_PEER_CLOSED))
		service_of(s)->readable(s);
	tell_room(s);
	if (s->marks & MARK_LINGERS && (s->marks & MARK_ABORTED || !session_unread(s)))
		s->marks |= MARK_CLOSED;
	tell_end(s);
}

/* --- output --------------------------------------------------------------------- */

/* False: the way out is full, the rest must wait. */
static bool send_all(struct session *s)
{
	struct worker *w = s->worker;
	struct segment seg;

	while (tx_is_ready(&w->tx)) {
		uint32_t most = tx_text_most(&w->tx, s->conn);

		if (!tcp_output(s->conn, &w->host, most, &seg))
			return true;
		flow_publish(s);
		session_trace(s, &seg, TRACE_OUT);
		tx_text(w, s, &seg);
	}
	return false;
}

/* --- the flow and the deadline ---------------------------------------------------- */

static void decide_owner(struct session *s)
{
	bool plain = session_serves(s) && tcp_is_plain(s->conn);

	if (s->marks & MARK_XDP) {
		if (!plain)
			flow_take(s);
		flow_publish(s);
		return;
	}
	if (plain)
		flow_hand_back(s);
}

/* A deadline that moved away is left to fire, and looked at again then: most
 * move with every segment. Who lingers has none of the connection's any more, and
 * time for the rest from when its service last took something. */
static void arm(struct session *s)
{
	struct worker *w = s->worker;
	uint32_t place = (uint32_t)(s - w->sessions.place);
	uint64_t deadline = tcp_deadline(s->conn);

	if (s->marks & MARK_LINGERS)
		wheel_arm(&w->wheel, place, w->host.now + w->settings.user_timeout);
	else if (deadline != TCP_NO_DEADLINE && deadline < wheel_armed(&w->wheel, place))
		wheel_arm(&w->wheel, place, deadline);
}

/* What may wait for this service: a part of what nobody has, so that each has
 * less the more there are, and some is always left for those who come. */
static void share_pool(struct session *s)
{
	struct worker *w = s->worker;
	uint64_t share = (uint64_t)text_pool_left(&w->text, TEXT_RECEIVE) * TEXT_BLOCK / SHARE;
	uint32_t limit = sizing_receive(s, w->engine->config->receive_buffer_kib * 1024);

	if (share < SHARE_LEAST)
		share = SHARE_LEAST;
	if (s->conn->state >= ESTABLISHED)
		s->conn->rcv.limit = share < limit ? (uint32_t)share : limit;
	s->conn->snd.limit = sizing_send(s, w->engine->config->send_buffer_kib * 1024);
}

static void settle(struct session *s)
{
	bool sent = true;

	share_pool(s);
	for (int turn = 0; turn < TURNS && s->marks & MARK_CHANGED && sent; turn++) {
		s->marks &= (uint16_t)~MARK_CHANGED;
		tell_service(s);
		decide_owner(s); /* before the answers to what is sent now come in */
		sent = send_all(s);
		if (s->conn->events)
			s->marks |= MARK_CHANGED;
	}
	if (sent && (s->marks & (MARK_CHANGED | MARK_CLOSED)) == MARK_CLOSED) {
		end_service(s);
		sessions_release(s);
		return;
	}
	s->marks &= (uint16_t)~MARK_QUEUED;
	if (!sent || s->marks & MARK_CHANGED)
		session_changed(s);
	decide_owner(s);
	arm(s);
}

/* --- from the worker's loop ------------------------------------------------------- */

/* Of all that have changed and that XDP has not, before the first of them is settled:
 * right after the ring was emptied few have a punt on its way, and while others are
 * settled the segments of those that XDP got back are hits already. */
static void decide_owners(struct worker *w)
{
	const struct sessions *t = &w->sessions;
	struct session *s;

	for (uint32_t i = t->changed_first; i != SESSIONS_NONE; i = s->next) {
		s = &t->place[i];
		if (!(s->marks & MARK_XDP))
			decide_owner(s);
	}
}

bool settle_changed(struct worker *w)
{
	uint32_t last = w->sessions.changed_last;
	bool was_last = w->sessions.changed_first == SESSIONS_NONE;

	if (was_last)
		return false;
	if (!w->looked)
		worker_look(w);
	decide_owners(w);
	while (!was_last) {
		struct session *s = sessions_next_changed(w);

		was_last = (uint32_t)(s - w->sessions.place) == last;
		settle(s);
		worker_did(w, 1);
	}
	w->looked = false;
	return true;
}

void settle_deadline(void *worker, uint32_t place)
{
	struct worker *w = worker;
	struct session *s = &w->sessions.place[place];

	if (s->marks & MARK_LINGERS) {
		session_abort(s);
		return;
	}
	if (tcp_deadline(s->conn) > w->host.now) {
		arm(s);
		return;
	}
	tcp_timeouts(s->conn, &w->host);
	session_changed(s);
}

static bool is_hog(const struct session *s, size_t beyond)
{
	return s->marks & MARK_LIVE && s->conn->rtt.probes >= HOG_PROBES &&
	       session_unsent(s) > beyond;
}

/* Text of peers whose windows have been closed for long keeps others from being
 * served at all: then the greatest of them are reset (RFC 6429), no more than it
 * takes. */
static void reset_hogs(struct worker *w)
{
	static __thread struct log_limit limit;
	size_t most = 0;

	if (w->host.now - w->hogs_looked < HOGS_EVERY)
		return;
	w->hogs_looked = w->host.now;
	for (uint32_t i = 0; i < w->sessions.high; i++)
		if (is_hog(&w->sessions.place[i], most))
			most = session_unsent(&w->sessions.place[i]);
	for (uint32_t i = 0; most && i < w->sessions.high; i++) {
		struct session *s = &w->sessions.place[i];

		if (!is_hog(s, most / 2))
			continue;
		if (log_may(&limit))
			log_warning("connection %u from %s does not read, and others need its "
				    "buffer: reset",
				    s->conn->id, session_peer_text(s));
		session_abort(s);
		text_release_all(&w->text, TEXT_SEND, &s->send);
		if (!text_pool_is_low(&w->text, TEXT_SEND))
			return;
	}
}

void settle_starved(struct worker *w)
{
	if (text_pool_is_low(&w->text, TEXT_SEND)) {
		reset_hogs(w);
		return;
	}
	w->starved = 0;
	for (uint32_t i = 0; i < w->sessions.high; i++) {
		struct session *s = &w->sessions.place[i];

		if (!(s->marks & MARK_STARVED))
			continue;
		s->marks &= (uint16_t)~MARK_STARVED;
		session_changed(s);
	}
}
