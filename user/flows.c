/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking flows, handing them back, and telling XDP what it needs; see owner.h
 * for the rules, whose numbers are cited here. */
#include "flows.h"
#include "owner.h"
#include "engine.h"
#include <string.h>

/* Whatever the word is, it becomes the daemon's with this generation. XDP may be
 * counting a punt at this moment, hence the loop. */
static void word_renew(struct flow *f, uint32_t generation)
{
	uint64_t seen;

	do
		seen = owner_read(&f->word);
	while (owner_of(seen) == OWNER_XDP_BUSY ||
	       !owner_swap(&f->word, seen, owner_word(OWNER_DAEMON, generation, 0)));
}

void flow_begin(struct session *s)
{
	struct conn *c = s->conn;

	/* The slot is in no map entry, and who found it in one before does not get
	 * past the generation: XDP uses neither line now. */
	word_renew(s->flow, c->generation);
	memset(&s->flow->rx, 0, sizeof(s->flow->rx));
	memset(&s->flow->tx, 0, sizeof(s->flow->tx));
	s->flow->tx.worker = (uint8_t)s->worker->number;
	s->consumed = 0;
	s->marks &= (uint16_t)~MARK_XDP;
}

void flow_end(struct session *s)
{
	word_renew(s->flow, s->conn->generation + 1);
	s->marks &= (uint16_t)~MARK_XDP;
}

void flow_take(struct session *s)
{
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
	return owner_of(owner_read(&s->flow->word));
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
	struct flow_tx *tx = &s->flow->tx;

	store(&tx->snd_nxt, c->snd.nxt);
	store(&tx->rcv_edge, c->rcv.edge);
	store(&tx->ack_sent, c->rcv.ack_sent);
}

/* Negotiated in the handshake, constant from then on. */
static void write_constants(struct session *s)
{
	const struct conn *c = s->conn;
	struct flow_tx *tx = &s->flow->tx;

	tx->ts_offset = c->ts.offset;
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

	if (owner_read(&s->flow->word) != owner_word(OWNER_DAEMON, c->generation, s->consumed))
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
