/* SPDX-License-Identifier: BSD-2-Clause */
#include "xdp_model.h"
#include "fastpath.h"
#include <string.h>

/* --- XDP ------------------------------------------------------------------------ */

/* What the short parser of the driver makes of the options. */
static struct segment as_xdp_reads_it(const struct segment *s)
{
	struct segment fast = *s;

	if (s->options & ~OPTION_TIMESTAMPS)
		fast.options = OPTION_OTHER;
	return fast;
}

static struct model_record *reserve(struct xdp_model *m, enum record_kind kind)
{
	struct model_record *r = &m->ring[m->produced % MODEL_RING];

	if (m->produced - m->consumed == MODEL_RING)
		fail_at(HERE, "the test does not drain the ring");
	m->produced++;
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	return r;
}

static void punt(struct xdp_model *m, const struct segment *s, bool counted)
{
	struct model_record *r = reserve(m, RECORD_PUNT);

	r->segment = *s;
	r->flags = counted ? RECORD_COUNTED : 0;
	m->punts++;
}

/* The acknowledgment in place must not promise more than the daemon published. */
static void check_ack_in_place(const struct xdp_model *m)
{
	const struct flow_rx *rx = &m->flow.rx;
	const struct flow_tx *tx = &m->flow.tx;
	uint32_t window = (uint32_t)window_field(rx, tx) << tx->rcv_window_scale;

	require(!seq_after(rx->rcv_nxt + window, m->p.c.rcv.edge),
		"an ACK in place promises more than the window");
}

static void hit(struct xdp_model *m, const struct segment *s)
{
	struct model_record *r = reserve(m, RECORD_HIT);

	apply(s, &m->flow.rx, &m->flow.tx);
	if (s->text_length && m->transmits && ack_is_due(&m->flow.rx, &m->flow.tx)) {
		note_ack(&m->flow.rx, &m->flow.tx);
		check_ack_in_place(m);
		r->flags |= RECORD_ACKED;
		m->acks_in_place++;
	}
	hit_describe(s, &m->flow.rx, &r->hit);
	r->text_length = s->text_length;
	m->hits++;
}

void model_arrives(struct xdp_model *m, const struct segment *s, bool busy)
{
	__u32 generation = m->p.c.generation;
	struct segment fast = as_xdp_reads_it(s);
	enum reason r;

	if (owner_of(m->flow.word) == OWNER_DAEMON) {
		punt(m, s, owner_count_punt(&m->flow.word, generation));
		return;
	}
	if (busy || !owner_enter(&m->flow.word, generation)) {
		punt(m, s, false);
		return;
	}
	r = judge(&fast, &m->flow.rx, &m->flow.tx);
	if (r == REASON_HIT_TEXT || r == REASON_HIT_ACK) {
		hit(m, &fast);
		owner_leave(&m->flow.word, generation);
		return;
	}
	owner_give(&m->flow.word, generation);
	punt(m, s, true);
}

/* --- the daemon ------------------------------------------------------------------- */

static void publish(struct xdp_model *m)
{
	const struct conn *c = &m->p.c;
	struct flow_tx *tx = &m->flow.tx;

	tx->snd_nxt = c->snd.nxt;
	tx->rcv_edge = c->rcv.edge;
	tx->ack_sent = c->rcv.ack_sent;
	tx->tsval = tcp_timestamp(c, peer_host(&m->p));
}

static void write_constants(struct xdp_model *m)
{
	const struct conn *c = &m->p.c;
	struct flow_tx *tx = &m->flow.tx;

	tx->full_segment = c->rcv.mss;
	tx->rcv_window_scale = c->rcv.window_scale;
	tx->snd_window_scale = c->snd.window_scale;
	tx->flags = (__u8)((c->options & OPTION_TIMESTAMPS ? FLOW_TIMESTAMPS : 0) |
			   (tcp_uses_ecn(c) ? FLOW_ECN : 0));
}

static void write_receive_half(struct xdp_model *m)
{
	const struct conn *c = &m->p.c;
	struct flow_rx *rx = &m->flow.rx;

	rx->rcv_nxt = c->rcv.nxt;
	rx->snd_una = c->snd.una;
	rx->snd_wnd = c->snd.wnd;
	rx->ts_recent = c->ts.recent;
	rx->ack_sent = c->rcv.ack_sent;
}

enum owner model_owner(const struct xdp_model *m)
{
	return owner_of(owner_read(&m->flow.word));
}

uint32_t model_ack_sent(const struct xdp_model *m)
{
	/* The flow's numbers mean something once XDP has owned it. */
	return m->hits ? seq_later(m->flow.rx.ack_sent, m->p.c.rcv.ack_sent) : m->p.c.rcv.ack_sent;
}

void model_begin(struct xdp_model *m)
{
	memset(&m->flow, 0, sizeof(m->flow));
	m->flow.word = owner_word(OWNER_DAEMON, m->p.c.generation, 0);
	m->produced = m->consumed = m->punts_consumed = 0;
	m->hits = m->punts = m->acks_in_place = 0;
	publish(m);
}

void model_take(struct xdp_model *m)
{
	if (owner_take(&m->flow.word, m->p.c.generation))
		m->punts_consumed = 0;
}

void model_hand_back(struct xdp_model *m)
{
	struct conn *c = &m->p.c;

	if (owner_read(&m->flow.word) != owner_word(OWNER_DAEMON, c->generation, m->punts_consumed))
		return;
	if (c->hits != m->flow.rx.hits || !tcp_is_plain(c))
		return;
	write_constants(m);
	write_receive_half(m);
	publish(m);
	require(owner_hand_back(&m->flow.word, c->generation, m->punts_consumed),
		"the flow is not handed back, though nobody else touches it");
	m->punts_consumed = 0;
}

void model_settle(struct xdp_model *m)
{
	if (model_owner(m) != OWNER_DAEMON && !tcp_is_plain(&m->p.c))
		model_take(m);
	publish(m);
}

static void absorb(struct xdp_model *m, const struct model_record *r)
{
	struct peer *p = &m->p;
	uint32_t offset = r->hit.seq - p->irs - 1;

	tcp_absorb(&p->c, peer_host(p), &r->hit, stream_text(STREAM_FROM_PEER, offset),
		   r->text_length, r->flags & RECORD_ACKED);
	if (!p->mute)
		peer_note(p, "=", "a hit is absorbed");
}

bool model_consume(struct xdp_model *m)
{
	const struct model_record *r = &m->ring[m->consumed % MODEL_RING];

	if (m->consumed == m->produced)
		return false;
	m->consumed++;
	if (r->kind == RECORD_HIT) {
		absorb(m, r);
	} else {
		model_take(m);
		m->punts_consumed += !!(r->flags & RECORD_COUNTED);
		peer_arrives(&m->p, &r->segment);
	}
	peer_settle(&m->p, HERE);
	model_settle(m);
	return true;
}

void model_drain(struct xdp_model *m)
{
	while (model_consume(m))
		;
}

void model_timeouts(struct xdp_model *m, uint64_t now)
{
	peer_timeouts(&m->p, now, HERE);
	model_settle(m);
}
