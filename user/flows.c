/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking flows, handing them back, and telling XDP what it needs; see owner.h
 * for the rules, whose numbers are cited here. */
#include "flows.h"
#include "owner.h"
#include "engine.h"

int flow_begin(struct session *s)
{
	struct conn *c = s->conn;
	int error = flow_table_enter(&s->worker->engine->flows, &c->tuple, s->index,
				     (uint8_t)s->worker->number, &s->flow);

	if (error)
		return error;
	c->generation = owner_generation(owner_read(&s->flow->word));
	s->consumed = 0;
	return 0;
}

void flow_end(struct session *s)
{
	if (s->flow)
		flow_table_leave(&s->worker->engine->flows, s->flow);
	s->flow = NULL;
	s->marks &= (uint16_t)~MARK_XDP;
}

void flow_take(struct session *s)
{
	if (!s->flow)
		return;
	if (owner_take(&s->flow->word, s->conn->generation))
		s->consumed = 0;
	if (!(s->marks & MARK_XDP))
		return;
	s->marks &= (uint16_t)~MARK_XDP;
	s->conn->handed_over++;
}

void flow_count_consumed(struct session *s)
{
	s->consumed++;
}

enum owner flow_owner(const struct session *s)
{
	return s->flow ? owner_of(owner_read(&s->flow->word)) : OWNER_DAEMON;
}

/* Only what has changed is written: XDP may be reading the line on another CPU.
 * Each field is one word, and may be seen without the others (abi.h). */
static void store(uint32_t *field, uint32_t value)
{
	if (*field != value)
		__atomic_store_n(field, value, __ATOMIC_RELEASE);
}

void flow_publish(struct session *s)
{
	const struct conn *c = s->conn;
	struct flow_tx *tx;

	if (!s->flow)
		return;
	tx = &s->flow->tx;
	store(&tx->snd_nxt, c->snd.nxt);
	store(&tx->rcv_edge, c->rcv.edge);
	store(&tx->ack_sent, c->rcv.ack_sent);
	store(&tx->tsval, tcp_timestamp(c, &s->worker->host));
}

/* Negotiated in the handshake, constant from then on. */
static void write_constants(struct session *s)
{
	const struct conn *c = s->conn;
	struct flow_tx *tx = &s->flow->tx;

	tx->full_segment = c->rcv.mss;
	tx->rcv_window_scale = c->rcv.window_scale;
	tx->snd_window_scale = c->snd.window_scale;
	tx->flags = (uint8_t)((c->options & OPTION_TIMESTAMPS ? FLOW_TIMESTAMPS : 0) |
			      (tcp_uses_ecn(c) ? FLOW_ECN : 0) |
			      (s->marks & MARK_PARTIAL ? FLOW_PARTIAL : 0));
}

/* Rule 1: the flow is the daemon's. rx.hits alone is XDP's account. */
static void write_receive_half(struct session *s)
{
	const struct conn *c = s->conn;
	struct flow_rx *rx = &s->flow->rx;

	rx->rcv_nxt = c->rcv.nxt;
	rx->snd_una = c->snd.una;
	rx->snd_wnd = c->snd.wnd;
	rx->ts_recent = c->ts.recent;
	rx->ack_sent = c->rcv.ack_sent;
}

/* Rule 2. The hits are compared before the swap and cannot grow before it. */
void flow_hand_back(struct session *s)
{
	struct conn *c = s->conn;

	if (!s->flow ||
	    owner_read(&s->flow->word) != owner_word(OWNER_DAEMON, c->generation, s->consumed))
		return;
	if (c->hits != s->flow->rx.hits)
		return;
	write_constants(s);
	write_receive_half(s);
	flow_publish(s);
	if (!owner_hand_back(&s->flow->word, c->generation, s->consumed))
		return;
	s->consumed = 0;
	s->marks |= MARK_XDP;
	c->handed_back++;
}
