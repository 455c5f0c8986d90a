/* SPDX-License-Identifier: BSD-2-Clause */
/* The choice between the ways out; see tx.h. */
#include "tx.h"
#include "engine.h"
#include "log.h"
#include <errno.h>
#include <string.h>

/* An IP packet has at most 65535 bytes, of which headers take up to 120. */
enum { SUPER_SEGMENT = 65535 - 120, ETHERNET = 14 + 4, PATH_MTU_LEAST = 552 };

int tx_make(struct worker *w)
{
	struct tx *t = &w->tx;
	const struct interface *i = w->engine->interface;
	int error = tx_packet_open(&t->packet, (int)i->index);

	if (error) {
		log_error("%s: no packet socket to send by: %s", i->name, strerror(-error));
		return error;
	}
	t->mtu = i->mtu;
	if (w->engine->config->transmit == TRANSMIT_PACKET)
		return 0;
	error = tx_xdp_open(&t->xdp, i->name, w->number);
	if (!error || w->engine->config->transmit == TRANSMIT_AUTO) {
		if (error)
			log_info("%s: no AF_XDP to send by on queue %u (%s), AF_PACKET carries all",
				 i->name, w->number, strerror(-error));
		return 0;
	}
	log_error("%s: no AF_XDP socket on queue %u: %s", i->name, w->number, strerror(-error));
	tx_packet_close(&t->packet);
	return error;
}

void tx_destroy(struct tx *t)
{
	if (t->xdp)
		tx_xdp_close(t->xdp);
	tx_packet_close(&t->packet);
}

bool tx_is_ready(struct tx *t)
{
	return !t->packet.held || tx_packet_retry(&t->packet);
}

bool tx_is_waiting(const struct tx *t)
{
	return t->packet.held || (t->xdp && tx_xdp_is_pending(t->xdp));
}

/* Whole segments, at least one: on lo that alone may be a whole IP packet. */
uint32_t tx_text_most(const struct conn *c)
{
	uint32_t mss = c->snd.mss;

	if (!mss)
		return SUPER_SEGMENT;
	return mss < SUPER_SEGMENT ? SUPER_SEGMENT - SUPER_SEGMENT % mss : mss;
}

/* Frames of one connection must not overtake each other: what waits in AF_XDP's
 * ring leaves before a frame that goes at once. */
static void send_packet(struct tx *t, struct frame *f, struct tx_cut cut,
			const struct iovec *pieces, int count)
{
	if (t->xdp && tx_xdp_is_pending(t->xdp))
		tx_xdp_flush(t->xdp);
	if (tx_packet_send(&t->packet, f, cut, pieces, count))
		t->lost++;
	else
		t->sent_packet++;
}

static void send_small(struct tx *t, struct frame *f, const struct iovec *pieces, int count)
{
	struct tx_cut none = {0};
	uint32_t length = f->length;

	for (int i = 0; i < count; i++)
		length += (uint32_t)pieces[i].iov_len;
	if (!t->xdp || length > TX_XDP_FRAME || length > t->mtu + ETHERNET ||
	    !tx_xdp_has_room(t->xdp)) {
		send_packet(t, f, none, pieces, count);
		return;
	}
	frame_checksum(f, pieces, count);
	tx_xdp_send(t->xdp, f, pieces, count);
	t->sent_xdp++;
}

/* Only with an ear for the answer, and not for packets that a path should take
 * anyway: below that the core does not go (tcp/path_mtu.c). */
static bool finds_path_mtu(const struct worker *w, const struct conn *c)
{
	return w->engine->hears_icmp && c->snd.mss > PATH_MTU_LEAST - 40;
}

void tx_text(struct worker *w, struct session *s, const struct segment *seg)
{
	struct tx *t = &w->tx;
	const struct conn *c = s->conn;
	struct frame_ends ends = {&c->tuple, &c->link, t->ip_id, finds_path_mtu(w, c)};
	struct iovec pieces[TX_PIECES_MAX];
	struct tx_cut cut = {c->snd.mss, c->link.v4};
	static __thread struct log_limit limit;
	struct frame f;
	int count = 0;

	if (seg->text_length)
		count = text_pieces(&w->text, &s->send, seg->seq, seg->text_length, pieces,
				    TX_PIECES_MAX);
	if (seg->text_length && !count) {
		if (log_may(&limit))
			log_error("connection %u: text to send at %u is missing", c->id, seg->seq);
		return;
	}
	frame_build(&f, &ends, seg);
	t->ip_id++;
	if (seg->text_length <= c->snd.mss) {
		send_small(t, &f, pieces, count);
		return;
	}
	t->ip_id += (uint16_t)(seg->text_length / c->snd.mss);
	send_packet(t, &f, cut, pieces, count);
}

void tx_bare(struct worker *w, const struct tuple *tuple, const struct link_address *link,
	     const struct segment *seg)
{
	struct frame_ends ends = {tuple, link, w->tx.ip_id++, false};
	struct frame f;

	frame_build(&f, &ends, seg);
	send_small(&w->tx, &f, NULL, 0);
}

void tx_flush(struct tx *t)
{
	if (t->xdp && tx_xdp_is_pending(t->xdp))
		tx_xdp_flush(t->xdp);
}

const char *tx_name_small(const struct tx *t)
{
	return t->xdp ? "AF_XDP copy" : "AF_PACKET";
}

const char *tx_name_bulk(const struct tx *t)
{
	(void)t;
	return "AF_PACKET GSO";
}
