/* SPDX-License-Identifier: BSD-2-Clause */
/* To whom a punted segment goes; see demux.h. New connections begin here, since
 * a SYN to a listener is a segment for one that is not there yet. */
#include "demux.h"
#include "config.h"
#include "engine.h"
#include "flows.h"
#include "rx.h"
#include "settle.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

/* A partial checksum counts if that of the peer's SYN was one (csum.h), or of
 * whatever else it says first: an RST to our SYN. */
static bool checksum_is_believed(struct session *s, const struct arrival *a)
{
	if (a->partial && (a->packet.segment.flags & SYN || s->conn->state == SYN_SENT))
		s->marks |= MARK_PARTIAL;
	return a->right || s->marks & MARK_PARTIAL;
}

static void deliver(struct session *s, const struct arrival *a)
{
	const struct packet *p = &a->packet;

	if (!checksum_is_believed(s, a)) {
		worker_drop(s->worker, REASON_DROP_CHECKSUM);
		return;
	}
	s->conn->punts++;
	tcp_segment_arrives(s->conn, &s->worker->host, &p->segment,
			    a->frame + p->tcp_offset + p->tcp_header);
	session_trace(s, &p->segment, 0);
	session_changed(s);
}

/* --- whether it may be from there ------------------------------------------------- */

/* A frame from or to a group is no conversation of two (RFC 9293, 3.9.2.3: MUST-57;
 * RFC 1122, 3.3.6), and IPv6 between IPv4's mapped addresses is a disguise that
 * could be somebody else's. */
static bool frame_is_possible(const struct arrival *a)
{
	const struct packet *p = &a->packet;
	const struct ethhdr *eth = (const struct ethhdr *)a->frame;
	bool group = (eth->h_dest[0] | eth->h_source[0]) & 1;

	return !group &&
	       (p->v4 || (!address_is_v4(&p->tuple.remote) && !address_is_v4(&p->tuple.local)));
}

/* RFC 9293, 3.9.2.3, MUST-63. */
static bool source_is_possible(const struct worker *w, const struct tuple *t)
{
	const struct addresses *ours = __atomic_load_n(&w->engine->addresses, __ATOMIC_ACQUIRE);
	const struct address *a = &t->remote;

	if (!t->remote_port || address_is_unspecified(a) || address_is_multicast(a))
		return false;
	if (w->engine->interface->loopback)
		return true;
	return !address_is_loopback(a) && memcmp(a, &t->local, sizeof(*a)) &&
	       !addresses_find(ours, a);
}

static struct link_address link_of(const struct arrival *a)
{
	const struct packet *p = &a->packet;
	struct link_address l = {.vlan_tci = p->vlan_tci, .vlan = p->vlan, .v4 = p->v4};

	memcpy(l.own_mac, a->frame, sizeof(l.own_mac));
	memcpy(l.peer_mac, a->frame + sizeof(l.own_mac), sizeof(l.peer_mac));
	return l;
}

/* --- new connections --------------------------------------------------------------- */

static const struct listener_config *find_listener(const struct worker *w, const struct tuple *t,
						   uint32_t *id)
{
	struct listener_key key = {.local = t->local, .port = t->local_port};
	struct listener value;

	if (bpf_map_lookup_elem(w->engine->maps.listeners, &key, &value))
		return NULL;
	*id = value.id;
	return value.id < w->engine->config->listener_count
		       ? &w->engine->config->listeners[value.id]
		       : NULL;
}

/* A place, known to XDP, beside all others of the same port (RFC 9293, 3.9.1.1:
 * MUST-41, MUST-42). NULL, and *error: why not. */
static struct session *begin(struct worker *w, const struct tuple *t,
			     const struct link_address *link, int *error)
{
	struct session *s = sessions_allocate(w, t, link);

	*error = -ENOBUFS;
	if (!s)
		return NULL;
	*error = flow_begin(s);
	if (!*error)
		return s;
	sessions_release(s);
	return NULL;
}

/* Room for a newcomer: in a flood the half-open connections are the flood's, and
 * an honest peer's ACK is here within a round trip, long before its turn comes.
 * Whoever gives way is forgotten without a word, as its address is not proven. */
static bool make_room_half_open(struct worker *w)
{
	struct session *s;

	if (w->sessions.half_open < w->sessions.half_open_most)
		return true;
	worker_drop(w, REASON_DROP_HALF_OPEN);
	s = sessions_half_open_oldest(w);
	if (!s)
		return false;
	trace_end(w->traces, s->trace, s->conn->id, w->host.now);
	sessions_release(s);
	return true;
}

static void syn_arrives(struct worker *w, const struct arrival *a)
{
	const struct tuple *t = &a->packet.tuple;
	struct link_address link = link_of(a);
	const struct listener_config *as;
	struct session *s;
	uint32_t id;
	int error;

	as = find_listener(w, t, &id);
	if (!as || w->stopping) {
		worker_drop(w, REASON_DROP_STRAY);
		return;
	}
	if (!make_room_half_open(w))
		return;
	s = begin(w, t, &link, &error);
	if (!s) {
		worker_drop(w, REASON_DROP_NO_CONNECTION);
		return;
	}
	s->as = as;
	s->conn->listener = (uint16_t)id;
	s->marks |= MARK_HALF_OPEN;
	w->sessions.half_open++;
	s->conn->snd.iss = a->behind;
	tcp_open_passive(s->conn, &w->host);
	s->trace = trace_begin(w->traces, s->conn, w->host.now);
	deliver(s, a);
}

int demux_open(struct worker *w, const struct tuple *t, const struct link_address *link,
	       const struct listener_config *as, uint32_t *id)
{
	struct session *s;
	int error;

	s = begin(w, t, link, &error);
	if (!s)
		return error;
	s->as = as;
	tcp_open_active(s->conn, &w->host);
	s->trace = trace_begin(w->traces, s->conn, w->host.now);
	session_changed(s);
	*id = s->conn->id;
	return 0;
}

/* --- all ------------------------------------------------------------------------------ */

static void of_no_connection(struct worker *w, const struct arrival *a)
{
	struct link_address link = link_of(a);

	if (!frame_is_possible(a) || !source_is_possible(w, &a->packet.tuple)) {
		worker_drop(w, REASON_DROP_SOURCE);
		return;
	}
	if ((a->packet.segment.flags & (SYN | ACK | RST)) == SYN)
		syn_arrives(w, a);
	else
		strays_answer(w, &a->packet, &link);
}

/* A SYN may end a connection in TIME_WAIT and open the next one of the same pair
 * (RFC 9293, 3.6.1; tcp.h): the old one is given up, and the segment goes on to
 * the listener. */
static void make_way(struct worker *w, struct session *old, struct arrival *a)
{
	flow_end(old);
	a->session = NULL;
	a->behind = old->conn->snd.nxt;
	of_no_connection(w, a);
}

/* Ended, or fallen back to LISTEN (conn_relisten()), and about to be released. */
static bool is_over(const struct session *s)
{
	return s->conn->state == CLOSED || s->conn->state == LISTEN;
}

static bool is_of(const struct session *s, const struct tuple *t)
{
	return !memcmp(&s->conn->tuple, t, sizeof(*t));
}

/* Whose segment it is. A record may be older than the connection that its tuple
 * means now; one of a busy flow may name another one (include/flow_place.h); and a
 * connection that has just ended is none. */
static struct session *find(struct worker *w, const struct arrival *a)
{
	struct session *s = a->session;

	if (!s || is_over(s) || !is_of(s, &a->packet.tuple))
		s = sessions_find(w, &a->packet.tuple);
	if (s && is_over(s)) {
		flow_end(s);
		return NULL;
	}
	return s;
}

void demux(struct worker *w, struct arrival *a)
{
	struct session *s = find(w, a);

	if (!s) {
		of_no_connection(w, a);
		return;
	}
	if (s != a->session)
		flow_take(s);
	deliver(s, a);
	if (s->conn->events & EVENT_REOPEN)
		make_way(w, s, a);
}
