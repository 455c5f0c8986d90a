/* SPDX-License-Identifier: BSD-2-Clause */
/* From the ring to the connections.
 *
 *	ring ─┬─ hit ──────────────────────► tcp_absorb ─ offer ───┬─► settle.c
 *	      └─ punt ─ parse ─ checksum ─ demux ─ tcp_segment_arrives ─┘
 *
 * A hit's text is acknowledged or will be: it must find a block. Should there be
 * none, the ring stays as it is until there is one (rx_stall). A punt's text is
 * not acknowledged before it is stored. */
#include "rx.h"
#include "backlog.h"
#include "clock.h"
#include "csum.h"
#include "demux.h"
#include "engine.h"
#include "flows.h"
#include "log.h"
#include "parse.h"
#include "settle.h"
#include <assert.h>

/* Of records, before others get their turn and what they changed is settled;
 * and how many may be given back at once. */
enum { BATCH = 256, GIVE_BACK = 32 };

enum { LINE = 64 }; /* of the cache; about */

/* How long acknowledged text waits for a block before its connection is given
 * up. Everybody's records wait with it, so it cannot be for ever. */
#define STALL_MOST (2000ull * MILLISECOND)

/* Text out of order gets half of the pool at most. Otherwise it could fill it
 * while what would complete it finds no block, for everybody and for ever. */
static bool may_wait(const struct worker *w, const struct conn *c, uint32_t seq)
{
	return !seq_after(seq, c->rcv.nxt) ||
	       w->text.used[TEXT_RECEIVE] < w->text.cap[TEXT_RECEIVE] / 2;
}

/* That a text of this length may take at worst. */
static uint32_t blocks_for(uint32_t length)
{
	return length / TEXT_BLOCK + 2;
}

/* Is it the next that a service which takes text in place is to read? Then it is
 * offered once the core is done with the segment; what is not taken is stored then.
 * The service may write as much meanwhile, so there are blocks for both. */
static bool may_offer(const struct worker *w, const struct session *s, uint32_t seq,
		      uint32_t length)
{
	const struct conn *c = s->conn;

	return w->offer.possible && s->as->service->take && seq == c->rcv.nxt &&
	       seq == c->rcv.user && session_serves(s) &&
	       text_pool_free(&w->text) >= 2 * blocks_for(length);
}

uint32_t rx_store_text(struct host *h, struct conn *c, uint32_t seq, const void *text,
		       uint32_t length)
{
	struct worker *w = worker_of(h);
	struct sessions *t = &w->sessions;
	struct session *s = &t->place[c - w->engine->maps.conns - t->base];
	struct iovec iov = {(void *)text, length};
	uint32_t stored = 0;

	if (may_offer(w, s, seq, length)) {
		w->offer = (struct offer){.text = text, .seq = seq, .length = length};
		return length;
	}
	if (may_wait(w, c, seq))
		stored = text_write(&w->text, TEXT_RECEIVE, &s->receive, seq, &iov);
	if (stored < length)
		worker_drop(w, REASON_DROP_TEXT_POOL);
	return stored;
}

/* --- hits ------------------------------------------------------------------------ */

static void trace_hit(struct session *s, const struct record *r)
{
	const struct hit *h = &r->hit;
	struct segment in = {
		.seq = h->seq,
		.ack = h->ack,
		.text_length = r->length,
		.wnd = h->wnd,
		.flags = h->flags,
	};
	struct segment out = {.flags = ACK, .seq = s->conn->snd.nxt, .ack = h->rx.ack_sent};
	uint32_t window = (h->rx.edge_shown - h->rx.ack_sent) >> (s->conn->rcv.window_scale & 15);

	if (s->trace < 0)
		return;
	session_trace(s, &in, TRACE_BY_XDP);
	out.wnd = window > 0xffff ? 0xffff : (uint16_t)window;
	if (r->flags & RECORD_ACKED)
		session_trace(s, &out, TRACE_OUT | TRACE_BY_XDP);
}

static bool has_blocks(struct worker *w, uint32_t length)
{
	return !length || text_pool_left(&w->text, TEXT_RECEIVE) >= blocks_for(length);
}

/* XDP may have promised more than the receive half of the pool holds; then it
 * may take from the other. */
static bool make_blocks(struct worker *w, uint32_t length)
{
	uint32_t needed = blocks_for(length);

	if (has_blocks(w, length))
		return true;
	if (text_pool_free(&w->text) < needed)
		return false;
	w->text.cap[TEXT_RECEIVE] = w->text.used[TEXT_RECEIVE] + needed;
	return true;
}

/* The text is acknowledged, or will be: what the service does not take is stored. */
static void offer(struct worker *w, struct session *s, const struct offer *o)
{
	uint32_t taken = (uint32_t)s->as->service->take(s, o->text, o->length);
	struct iovec rest = {(uint8_t *)o->text + taken, o->length - taken};
	uint32_t stored = 0;

	if (rest.iov_len)
		stored = text_write(&w->text, TEXT_RECEIVE, &s->receive, o->seq + taken, &rest);
	assert(taken + stored == o->length);
	if (!taken)
		return;
	tcp_receive(s->conn, &w->host, taken);
	if (s->receive.first != TEXT_NONE) /* text that had come out of order, and twice */
		session_release_read(s);
}

static void absorb(struct worker *w, struct session *s, const struct record *r)
{
	w->offer = (struct offer){.possible = true};
	tcp_absorb(s->conn, &w->host, &r->hit, r->data, r->length, r->flags & RECORD_ACKED);
	w->offer.possible = false;
	if (w->offer.length)
		offer(w, s, &w->offer);
}

static bool hit(struct worker *w, const struct record *r)
{
	struct session *s = sessions_known(w, r->index, r->generation);

	if (!s)
		return true;
	if (!make_blocks(w, r->length)) {
		if (!w->stalled_since)
			w->stalled_since = clock_now();
		if (clock_now() - w->stalled_since < STALL_MOST)
			return false;
		/* Its blocks come back when it is settled: the next one waits anew. */
		w->stalled_since = 0;
		session_abort(s);
		return true;
	}
	w->stalled_since = 0;
	absorb(w, s, r);
	trace_hit(s, r);
	session_changed(s);
	return true;
}

/* --- punts ----------------------------------------------------------------------- */

static bool checksum_is_right(const struct worker *w, struct arrival *a)
{
	const struct packet *p = &a->packet;
	uint64_t pseudo = csum_pseudo(&p->tuple, p->v4, p->tcp_length);

	a->partial = w->engine->partial_checksum_ok && csum_is_partial(p->checksum, pseudo);
	a->right = csum_is_right(csum_add_bytes(pseudo, a->frame + p->tcp_offset, p->tcp_length));
	return a->right || a->partial;
}

/* PARSED, or why it is dropped: for one, a wrong checksum (MUST-3). */
static enum reason read_punt(struct worker *w, const struct record *r, struct arrival *a)
{
	struct packet *p = &a->packet;
	void *frame = (void *)r->data;
	enum reason reason = parse_packet(frame, (uint8_t *)frame + r->length, r->length, p);
	const uint8_t *options;

	if (reason != PARSED)
		return reason;
	options = r->data + p->tcp_offset + sizeof(struct tcphdr);
	if (!parse_options(options, p->tcp_header - (uint32_t)sizeof(struct tcphdr), &p->segment))
		return REASON_DROP_OPTIONS;
	return checksum_is_right(w, a) ? PARSED : REASON_DROP_CHECKSUM;
}

static void punt(struct worker *w, const struct record *r)
{
	struct arrival a = {.packet = {.depth = DEPTH_FRAME}, .frame = r->data};
	enum reason reason;

	if (r->flags & RECORD_KNOWN)
		a.session = sessions_known(w, r->index, r->generation);
	else
		backlog_leave(&w->wake->backlog, r->length);
	if (a.session) {
		flow_take(a.session);
		if (r->flags & RECORD_COUNTED)
			flow_count_consumed(a.session);
		/* Whatever becomes of the segment: XDP may want the flow back. */
		session_changed(a.session);
	}
	reason = read_punt(w, r, &a);
	if (reason == PARSED)
		demux(w, &a);
	else
		worker_drop(w, reason);
}

/* --- the ring --------------------------------------------------------------------- */

static bool deal_with(struct worker *w, const struct record *r)
{
	if (r->kind == RECORD_HIT)
		return hit(w, r);
	punt(w, r);
	return true;
}

static void prefetch_lines(const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += LINE)
		__builtin_prefetch((const char *)from + at);
}

/* What the next record is about comes from memory while this one is dealt with. */
static void prefetch_next(const struct worker *w)
{
	const struct record *r = ring_peek(&w->ring);
	const struct sessions *t = &w->sessions;

	if (!r || !(r->flags & RECORD_KNOWN) || r->index - t->base >= t->high)
		return;
	prefetch_lines(&t->place[r->index - t->base], sizeof(struct session));
	prefetch_lines(&w->engine->maps.conns[r->index], sizeof(struct conn));
}

bool rx_drain(struct worker *w)
{
	const struct record *r;
	uint32_t done = 0;

	if (!ring_look(&w->ring))
		return false;
	worker_look(w); /* after it: no record of these came later than now */
	while (done < BATCH && (r = ring_next(&w->ring))) {
		prefetch_next(w);
		if (!deal_with(w, r)) {
			ring_undo(&w->ring, r);
			break;
		}
		if (!(++done % GIVE_BACK))
			ring_give_back(&w->ring);
	}
	ring_give_back(&w->ring);
	w->records += done;
	worker_did(w, done);
	return done;
}
