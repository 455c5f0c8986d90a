/* SPDX-License-Identifier: BSD-2-Clause */
/* The choice between the ways out; see tx.h. */
#include "tx.h"
#include "engine.h"
#include "log.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* An IP packet has at most 65535 bytes, of which headers take up to 120. */
enum { SUPER_SEGMENT = 65535 - 120, ETHERNET = 14 + 4, PATH_MTU_LEAST = 552 };

/* Frames of AF_XDP that there must be for one segment more: what waits for a carrier
 * may have to leave before it. */
enum { ROOM_FOR_BULK = CARRIER_SLOTS + 1 };

/* Frames of bulk that are sent by one call: what was just copied is still in the
 * cache when the kernel copies it again. */
enum { XDP_BATCH = 32 };

/* Segments taken back at a time: each that leaves may bring frames for those behind
 * it, so few at first, and more if they do not. */
enum { TAKE_BACK_FIRST = 2, TAKE_BACK_MOST = 64 };

enum { DRAIN_TRIES = 50 }; /* a millisecond apart, while the device has no room */

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
	t->carrier = (struct tx_carrier){
		.ring = w->engine->config->carriers ? &w->engine->maps.carrier[w->number] : NULL,
		.works = w->engine->maps.transmit_works,
		.multiplies = w->engine->maps.multiplies,
		.take_back = TAKE_BACK_FIRST,
	};
	if (w->engine->config->transmit == TRANSMIT_PACKET)
		return 0;
	error = tx_xdp_open(&t->xdp, i->name, w->number);
	t->all_by_xdp = !error && w->engine->config->transmit == TRANSMIT_XDP;
	if (!error || w->engine->config->transmit == TRANSMIT_AUTO) {
		if (error)
			log_info("%s: no AF_XDP to send by on queue %u (%s), its worker sends by "
				 "AF_PACKET",
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

static void flush_xdp(struct tx *t)
{
	if (t->xdp && tx_xdp_is_pending(t->xdp))
		tx_xdp_flush(t->xdp);
}

static bool is_pending(const struct tx *t)
{
	return tx_packet_is_pending(&t->packet) || (t->xdp && tx_xdp_is_pending(t->xdp));
}

/* What is queued leaves, by either way. */
static void flush(struct tx *t)
{
	flush_xdp(t);
	tx_packet_flush(&t->packet);
}

/* Where AF_XDP is to carry all, its frames are not overtaken by those that it cannot. */
static void keep_behind_xdp(struct tx *t)
{
	flush_xdp(t);
	t->packet.waits = t->all_by_xdp && tx_xdp_is_pending(t->xdp);
}

/* Is there a way out for what was built already? */
static bool has_way(struct tx *t)
{
	if (!tx_packet_is_full(&t->packet))
		return true;
	keep_behind_xdp(t);
	return tx_packet_retry(&t->packet);
}

bool tx_is_ready(struct tx *t)
{
	return has_way(t) && (!t->all_by_xdp || tx_xdp_has_room(t->xdp, ROOM_FOR_BULK));
}

bool tx_is_carrying(const struct tx *t)
{
	return !tx_carrier_is_empty(&t->carrier);
}

bool tx_is_waiting(const struct tx *t)
{
	return is_pending(t) || (t->all_by_xdp && !tx_xdp_had_room(t->xdp, ROOM_FOR_BULK));
}

/* Does a segment of so much text go by AF_XDP whatever its headers are, bulk or not? */
static bool is_for_xdp(const struct tx *t, uint32_t text)
{
	return t->all_by_xdp && text + FRAME_HEADERS_MAX <= TX_XDP_FRAME;
}

/* Whole segments, at least one: on lo that alone may be a whole IP packet. */
uint32_t tx_text_most(const struct tx *t, const struct conn *c)
{
	uint32_t mss = c->snd.mss;

	if (!mss)
		return SUPER_SEGMENT;
	if (mss >= SUPER_SEGMENT || is_for_xdp(t, mss))
		return mss;
	return SUPER_SEGMENT - SUPER_SEGMENT % mss;
}

static void note_packet(struct tx *t, int error)
{
	if (error)
		t->lost++;
	else
		t->sent_packet++;
}

/* --- what found no carrier -------------------------------------------------------- */

static void send_taken(struct tx *t, const struct carrier_slot *slot)
{
	struct iovec whole = {(void *)slot->bytes, slot->length};

	if (t->xdp && tx_xdp_has_room(t->xdp, 1)) {
		tx_xdp_send(t->xdp, &whole, 1);
		t->sent_xdp++;
		return;
	}
	keep_behind_xdp(t);
	t->packet.gathers = false; /* each may bring frames for those behind it */
	note_packet(t, tx_packet_send_whole(&t->packet, slot->bytes, slot->length));
}

static void take(struct tx *t, uint32_t most)
{
	const struct carrier_slot *slot;

	while (most-- && (t->all_by_xdp || has_way(t)) && (slot = tx_carrier_take(&t->carrier)))
		send_taken(t, slot);
}

/* Where AF_XDP is to carry all, and takes no more now, those behind would overtake what
 * waits there. */
static void take_back(struct tx *t, uint32_t most)
{
	take(t, most);
	flush(t);
	if (t->all_by_xdp && tx_xdp_is_pending(t->xdp))
		take(t, CARRIER_SLOTS);
}

/* While frames come and go, what waits leaves with them; but the oldest may be
 * longer than they can grow, and all others wait behind it. */
static void look_after_carriers(struct tx *t, bool quiet)
{
	struct tx_carrier *c = &t->carrier;
	bool moved;

	t->carried = tx_carried(t);
	if (tx_carrier_is_empty(c)) {
		c->take_back = TAKE_BACK_FIRST;
		return;
	}
	moved = tx_carrier_moved(c);
	if (moved)
		c->take_back = TAKE_BACK_FIRST;
	if (moved && !quiet)
		return;
	tx_carrier_sow(c);
	take_back(t, c->take_back);
	c->take_back *= 2;
	if (c->take_back > TAKE_BACK_MOST)
		c->take_back = TAKE_BACK_MOST;
}

/* --- one frame --------------------------------------------------------------------- */

/* whole[0] are the headers, the rest is text, or nothing. */
struct outgoing {
	struct frame head;
	struct iovec whole[1 + TX_PIECES_MAX];
	int count;
	uint32_t length;
};

static void build(struct outgoing *o, const struct frame_ends *ends, const struct segment *seg)
{
	frame_build(&o->head, ends, seg);
	o->whole[0] = (struct iovec){o->head.bytes, o->head.length};
	o->length = o->head.length + seg->text_length;
}

static void complete_checksum(struct outgoing *o)
{
	frame_checksum(&o->head, o->whole + 1, o->count - 1);
}

static void send_packet(struct tx *t, const struct outgoing *o, struct tx_cut cut)
{
	keep_behind_xdp(t);
	t->packet.gathers = !t->xdp && !tx_carrier_takes(&t->carrier, 0);
	note_packet(t, tx_packet_send(&t->packet, &o->head, cut, o->whole + 1, o->count - 1));
}

/* Frames of one connection must not overtake each other: what waits of it leaves
 * before one that goes another way. */
static void let_leave(struct tx *t, const struct session *s)
{
	while (s && tx_carrier_waits(&t->carrier, s->carried) && has_way(t))
		take_back(t, TAKE_BACK_MOST);
}

/* What has been lost goes the way that needs nobody: XDP_TX may have ceased to arrive. */
static bool may_ride(const struct tx *t, const struct session *s, const struct outgoing *o)
{
	return o->length <= t->mtu + ETHERNET && !(s && s->conn->rtt.backoff) &&
	       tx_carrier_takes(&t->carrier, o->length);
}

static bool carry(struct tx *t, struct session *s, struct outgoing *o)
{
	uint32_t position;

	if (!may_ride(t, s, o))
		return false;
	while (!tx_carrier_has_room(&t->carrier)) {
		if (!has_way(t))
			return false;
		take_back(t, TAKE_BACK_FIRST);
	}
	flush(t); /* may have one of the same connection */
	if (is_pending(t))
		return false;
	complete_checksum(o);
	if (s && tx_carrier_waits(&t->carrier, s->carried))
		tx_carrier_keep_order(&t->carrier);
	position = tx_carrier_load(&t->carrier, o->whole, o->count);
	if (s)
		s->carried = position;
	return true;
}

static bool fits_xdp(struct tx *t, const struct outgoing *o)
{
	return t->xdp && o->length <= TX_XDP_FRAME && o->length <= t->mtu + ETHERNET &&
	       tx_xdp_has_room(t->xdp, 1);
}

/* Without a carrier. `s`: whose it is; NULL: nobody's. */
static void send_one(struct tx *t, struct session *s, struct outgoing *o)
{
	const struct tx_cut none = {0};

	let_leave(t, s);
	if (!fits_xdp(t, o)) {
		send_packet(t, o, none);
		return;
	}
	complete_checksum(o);
	tx_xdp_send(t->xdp, o->whole, o->count);
	t->sent_xdp++;
}

static void send_small(struct tx *t, struct session *s, struct outgoing *o)
{
	if (!carry(t, s, o))
		send_one(t, s, o);
}

/* More follow, and frames that come would seldom be as long. */
static void send_full(struct tx *t, struct session *s, struct outgoing *o)
{
	send_one(t, s, o);
	if (tx_xdp_queued(t->xdp) >= XDP_BATCH)
		flush_xdp(t);
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
	const struct tx_cut cut = {c->snd.mss, c->link.v4};
	static __thread struct log_limit limit;
	struct outgoing o;

	o.count = 1;
	if (seg->text_length)
		o.count += text_pieces(&w->text, &s->send, seg->seq, seg->text_length, o.whole + 1,
				       TX_PIECES_MAX);
	if (seg->text_length && o.count == 1) {
		if (log_may(&limit))
			log_error("connection %u: text to send at %u is missing", c->id, seg->seq);
		return;
	}
	build(&o, &ends, seg);
	t->ip_id++;
	if (seg->text_length && seg->text_length == c->snd.mss && is_for_xdp(t, c->snd.mss)) {
		send_full(t, s, &o);
		return;
	}
	if (seg->text_length <= c->snd.mss) {
		send_small(t, s, &o);
		return;
	}
	t->ip_id += (uint16_t)(seg->text_length / c->snd.mss);
	let_leave(t, s);
	send_packet(t, &o, cut);
}

void tx_bare(struct worker *w, const struct tuple *tuple, const struct link_address *link,
	     const struct segment *seg)
{
	struct frame_ends ends = {tuple, link, w->tx.ip_id++, false};
	struct outgoing o;

	o.count = 1;
	build(&o, &ends, seg);
	send_small(&w->tx, NULL, &o);
}

void tx_drain(struct tx *t)
{
	for (int i = 0; i < DRAIN_TRIES && (tx_is_carrying(t) || tx_is_waiting(t)); i++) {
		take_back(t, CARRIER_SLOTS);
		if (tx_is_waiting(t))
			usleep(1000);
	}
}

void tx_flush(struct tx *t, bool quiet)
{
	flush(t);
	if (t->all_by_xdp)
		tx_xdp_has_room(t->xdp, ROOM_FOR_BULK);
	look_after_carriers(t, quiet);
}

uint64_t tx_carried(const struct tx *t)
{
	return t->carried + (uint32_t)(tx_carrier_carried(&t->carrier) - (uint32_t)t->carried);
}

const char *tx_name_small(const struct tx *t)
{
	if (tx_carrier_takes(&t->carrier, 0))
		return t->xdp ? "carrier frames, else AF_XDP copy"
			      : "carrier frames, else AF_PACKET";
	return t->xdp ? "AF_XDP copy" : "AF_PACKET";
}

const char *tx_name_bulk(const struct tx *t)
{
	if (!t->all_by_xdp)
		return "AF_PACKET GSO";
	return t->mtu + ETHERNET <= TX_XDP_FRAME ? "AF_XDP copy"
						 : "AF_XDP copy, longer segments AF_PACKET GSO";
}
