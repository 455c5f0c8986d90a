/* SPDX-License-Identifier: BSD-2-Clause */
/* What ICMP errors do to connections (RFC 9293, 3.9.2.2; RFC 5927); see
 * icmp_queue.h. Anybody can forge one, so it is believed only if it quotes text
 * that is under way (RFC 5927, 4.1), and even then
 *
 *   too big        lowers the path MTU, never below its minimum (MUST-54)
 *   anything else  is a soft error: noted, counted, shown to the user (MUST-47,
 *                  SHLD-25), and the connection goes on (MUST-56); hard ones
 *                  too, as RFC 5927, 6 advises against SHLD-26
 *
 * but for an opening that a hard error meets: it has nothing to lose, and the
 * user waits. There SHLD-26 is followed. Soft errors do not end an opening, as
 * MUST-56 says, though some deployed stacks give up then. */
#include "icmp_queue.h"
#include "engine.h"

enum { V4_HEADERS = 40, V6_HEADERS = 60 };

void icmp_queue_make(struct icmp_queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
}

void icmp_queue_destroy(struct icmp_queue *q)
{
	pthread_mutex_destroy(&q->lock);
}

bool icmp_queue_put(struct icmp_queue *q, const struct icmp_news *n)
{
	bool room;

	pthread_mutex_lock(&q->lock);
	room = q->count < ICMP_QUEUE;
	if (room) {
		q->news[q->count] = *n;
		__atomic_store_n(&q->count, q->count + 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&q->lock);
	return room;
}

bool icmp_queue_is_empty(const struct icmp_queue *q)
{
	return !__atomic_load_n(&q->count, __ATOMIC_ACQUIRE);
}

static uint32_t take_all(struct icmp_queue *q, struct icmp_news news[ICMP_QUEUE])
{
	uint32_t count;

	pthread_mutex_lock(&q->lock);
	count = q->count;
	for (uint32_t i = 0; i < count; i++)
		news[i] = q->news[i];
	__atomic_store_n(&q->count, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&q->lock);
	return count;
}

static bool is_under_way(const struct conn *c, uint32_t seq)
{
	return c->state != CLOSED && seq_within(seq, c->snd.una, c->snd.nxt - c->snd.una);
}

static void too_big(struct session *s, const struct icmp_news *n)
{
	uint16_t headers = s->conn->link.v4 ? V4_HEADERS : V6_HEADERS;

	tcp_path_mtu(s->conn, &s->worker->host, n->seq,
		     n->mtu > headers ? (uint16_t)(n->mtu - headers) : 0);
}

static void note(struct session *s, const struct icmp_news *n)
{
	s->soft_error = n->error;
	if (s->soft_errors < UINT16_MAX)
		s->soft_errors++;
}

static void act(struct worker *w, const struct icmp_news *n)
{
	struct session *s = sessions_known(w, n->index, n->generation);

	if (!s || !is_under_way(s->conn, n->seq)) {
		w->icmp.ignored++;
		return;
	}
	if (n->error == ICMP_ERROR_TOO_BIG) {
		w->icmp.too_big++;
		too_big(s, n);
	} else if (n->hard && s->conn->state == SYN_SENT) {
		w->icmp.hard++;
		note(s, n);
		tcp_abort(s->conn, &w->host);
		s->conn->events |= EVENT_REFUSED;
	} else {
		w->icmp.soft++;
		note(s, n);
	}
	session_changed(s);
}

bool icmp_queue_work(struct worker *w)
{
	struct icmp_news news[ICMP_QUEUE];
	uint32_t count;

	if (icmp_queue_is_empty(&w->icmp))
		return false;
	count = take_all(&w->icmp, news);
	worker_look(w);
	for (uint32_t i = 0; i < count; i++)
		act(w, &news[i]);
	return true;
}
