/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A connection of the load generator from its SYN to its end: what it makes of what
 * arrives, and what it sends. */
#ifndef XLOAD_CONNECTION_BPF_H
#define XLOAD_CONNECTION_BPF_H

#include "xload_bulk.bpf.h"
#include "xload_response.bpf.h"

/* The request that ends at snd_nxt. */
static __always_inline int send_request(struct xdp_md *ctx, struct xload_client *c, bool in_place)
{
	struct request_head h = {.id = c->id, .number = c->number};
	struct tcp_out o = out_of(c, c->snd_nxt - setup.size, XLOAD_ACK | XLOAD_PSH);

	c->sent_at = o.now;
	if (make_request(ctx, &o, &h, in_place))
		return XDP_TX;
	c->sent_at = 0;
	add(XLOAD_unsent, 1);
	return XDP_DROP;
}

static __always_inline int send_next_request(struct xdp_md *ctx, struct xload_client *c,
					     bool in_place)
{
	c->number++;
	c->got = 0;
	c->snd_nxt += setup.size;
	return send_request(ctx, c, in_place);
}

static __always_inline int send_fin(struct xdp_md *ctx, struct xload_client *c)
{
	c->state = XLOAD_FIN_SENT;
	c->snd_nxt++;
	c->sent_at = bpf_ktime_get_ns();
	return send_empty(ctx, c, c->snd_nxt - 1, XLOAD_FIN | XLOAD_ACK);
}

/* --- segments of an open connection ------------------------------------------- */

/* A fold over the window, as the sender of bulk needs it (RFC 9293, 3.10.7.4). */
static __always_inline void take_ack(const struct tcp_in *in)
{
	struct xload_client *c = in->client;
	__u32 most = setup.mode == XLOAD_SEND ? c->snd_max : c->snd_nxt;

	if (in->ack - c->snd_una > most - c->snd_una)
		return;
	if (in->ack != c->snd_una && setup.mode == XLOAD_SEND)
		c->sent_at = bpf_ktime_get_ns();
	if ((int)(c->snd_nxt - in->ack) < 0)
		c->snd_nxt = in->ack;
	c->snd_una = in->ack;
	c->snd_wnd = in->wnd << c->snd_scale;
	if (in->tsval)
		c->ts_recent = in->tsval;
}

static __always_inline int out_of_order(const struct tcp_in *in)
{
	add((int)(in->seq - in->client->rcv_nxt) < 0 ? XLOAD_seq_old : XLOAD_seq_ahead, 1);
	return send_ack(in->ctx, in->client);
}

static __always_inline int response_complete(const struct tcp_in *in, bool whole)
{
	struct xload_client *c = in->client;

	c->exchanges++;
	add(XLOAD_exchanges, 1);
	if (c->sent_at)
		note_round_trip(bpf_ktime_get_ns() - c->sent_at);
	if (setup.mode == XLOAD_CONNECT)
		return send_fin(in->ctx, c);
	return send_next_request(in->ctx, c, whole);
}

static __always_inline int response_arrives(const struct tcp_in *in)
{
	struct xload_client *c = in->client;
	bool whole = !c->got && in->text == setup.size && in->header == header_bytes();

	if (c->got + in->text > setup.size) {
		add(XLOAD_too_long, 1);
		return XDP_DROP;
	}
	if (!response_is_right(in, whole))
		return XDP_DROP;
	c->rcv_nxt += in->text;
	c->got += in->text;
	if (c->got == setup.size)
		return response_complete(in, whole);
	add(XLOAD_split, 1);
	return send_ack(in->ctx, c);
}

static __always_inline int text_arrives(const struct tcp_in *in)
{
	if (in->seq != in->client->rcv_nxt)
		return out_of_order(in);
	if (setup.mode == XLOAD_ECHO || setup.mode == XLOAD_CONNECT)
		return response_arrives(in);
	return bulk_arrives(in);
}

/* In answer to ours, or before it. */
static __always_inline int fin_arrives(const struct tcp_in *in)
{
	struct xload_client *c = in->client;

	if (in->seq + in->text != c->rcv_nxt)
		return out_of_order(in);
	c->rcv_nxt++;
	if (c->state == XLOAD_FIN_SENT && in->ack == c->snd_nxt) {
		add(XLOAD_closed, 1);
		c->state = XLOAD_FREE;
		return send_ack(in->ctx, c);
	}
	add(XLOAD_fins, 1);
	c->state = XLOAD_FREE;
	return send_empty(in->ctx, c, c->snd_nxt, XLOAD_RST | XLOAD_ACK);
}

static __always_inline int open_arrives(const struct tcp_in *in)
{
	struct xload_client *c = in->client;

	if (in->flags & XLOAD_SYN)
		return send_ack(in->ctx, c);
	take_ack(in);
	if (in->flags & XLOAD_FIN && (!in->text || in->seq != c->rcv_nxt))
		return fin_arrives(in);
	if (in->text)
		return text_arrives(in);
	add(XLOAD_pure_acks, 1);
	return XDP_DROP;
}

/* --- opening ------------------------------------------------------------------ */

/* The server still has a connection from before, of the same tuple: the answer
 * makes it forget that one (RFC 9293, 3.10.7.3, first), and the SYN comes again. */
static __always_inline int left_over(const struct tcp_in *in)
{
	if (!(in->flags & XLOAD_ACK)) {
		add(XLOAD_strangers, 1);
		return XDP_DROP;
	}
	add(XLOAD_left_over, 1);
	return send_empty(in->ctx, in->client, in->ack, XLOAD_RST);
}

static __always_inline int synack_arrives(struct tcp_in *in)
{
	struct xload_client *c = in->client;
	int verdict;

	if ((in->flags & (XLOAD_SYN | XLOAD_ACK)) != (XLOAD_SYN | XLOAD_ACK) ||
	    in->ack != c->snd_nxt)
		return left_over(in);
	read_syn(in);
	c->rcv_nxt = in->seq + 1;
	c->snd_una = in->ack;
	c->snd_max = in->ack;
	c->snd_wnd = in->wnd;
	c->snd_scale = in->scale;
	c->ts_recent = in->tsval;
	c->state = XLOAD_OPEN;
	add(XLOAD_opened, 1);
	if (setup.mode != XLOAD_ECHO && setup.mode != XLOAD_CONNECT)
		return send_ack(in->ctx, c);
	verdict = send_next_request(in->ctx, c, false);
	return verdict == XDP_TX ? verdict : send_empty(in->ctx, c, in->ack, XLOAD_ACK);
}

static __always_inline int client_arrives(struct tcp_in *in)
{
	struct xload_client *c = in->client;

	if (c->id != in->id || c->state == XLOAD_FREE) {
		add(XLOAD_strangers, 1);
		return XDP_DROP;
	}
	if (in->flags & XLOAD_RST) {
		add(XLOAD_resets, 1);
		c->state = XLOAD_FREE;
		return XDP_DROP;
	}
	return c->state == XLOAD_SYN_SENT ? synack_arrives(in) : open_arrives(in);
}

static __always_inline int send_syn(struct xdp_md *ctx, struct xload_client *c)
{
	struct tcp_out o = out_of(c, c->snd_nxt - 1, XLOAD_SYN);

	o.ack = 0;
	o.ts_recent = 0;
	c->sent_at = o.now;
	return make_syn(ctx, &o) ? XDP_TX : XDP_DROP;
}

/* Another connection of the slot: the next of its ids, so that a tuple comes back
 * only after all others. */
static __always_inline int open_client(struct xdp_md *ctx, struct xload_client *c, __u32 slot)
{
	__u32 step = setup.slot_mask + 1;
	__u32 ids = setup.addresses << XLOAD_PORT_BITS;

	c->id = c->snd_nxt && c->id + step < ids ? c->id + step : slot;
	c->snd_una = bpf_get_prandom_u32();
	c->snd_nxt = c->snd_una + 1;
	c->rcv_nxt = 0;
	c->ts_recent = 0;
	c->got = 0;
	c->state = XLOAD_SYN_SENT;
	return send_syn(ctx, c);
}

static __always_inline int send_again(struct xdp_md *ctx, struct xload_client *c)
{
	if (c->state == XLOAD_SYN_SENT) {
		add(XLOAD_syn_resent, 1);
		return send_syn(ctx, c);
	}
	if (c->state == XLOAD_OPEN && setup.mode != XLOAD_ECHO && setup.mode != XLOAD_CONNECT)
		return XDP_DROP;
	if (c->sent_at)
		add(XLOAD_resent, 1);
	if (c->state == XLOAD_OPEN)
		return send_request(ctx, c, false);
	c->sent_at = bpf_ktime_get_ns();
	return send_empty(ctx, c, c->snd_nxt - 1, XLOAD_FIN | XLOAD_ACK);
}

#endif
