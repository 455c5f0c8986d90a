/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The way of a segment at the driver:
 *
 *   parse ─ tuple? ─ flow: enter ─ judge ─ hit ── record, apply, ACK in place
 *              │              └──────┴──── punt ─ record with the whole frame
 *              └ listener? ─ punt
 *                    └ pass
 *
 * It acts and decides nothing: what a frame says is read by parse.h, whose turn
 * it is by owner.h, what may be done with a segment by fastpath.h. Every frame is
 * counted once, at the one exit, under the reason that its verdict follows from.
 * What is not ours is passed, what is in doubt goes to the daemon. */
#include <linux/bpf.h>

#include "abi.h"
#include "ack.bpf.h"
#include "csum.h"
#include "fastpath.h"
#include "owner.h"
#include "parse.h"
#include "record.bpf.h"
#include "visit.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* A global function: the verifier proves it once, by itself, and takes what it
 * leaves in *p for unknown afterwards. Otherwise everything behind would be
 * proven again for every way through the headers. */
__noinline int parse_frame(struct xdp_md *ctx, struct packet *p)
{
	if (!p)
		return REASON_PASS_NOT_IP;
	return parse_packet((void *)(long)ctx->data, (void *)(long)ctx->data_end,
			    (__u32)bpf_xdp_get_buff_len(ctx), p);
}

static __always_inline bool listener_exists(const struct tuple *t, __be16 port)
{
	struct listener_key key = {.local = t->local, .port = port};

	return bpf_map_lookup_elem(&listeners, &key);
}

/* Is a frame that could not be read to its end meant for us? */
static __always_inline bool malformed_is_ours(const struct packet *p)
{
	if (p->depth == DEPTH_ADDRESSES)
		return listener_exists(&p->tuple, 0);
	if (p->depth != DEPTH_PORTS)
		return false;
	return bpf_map_lookup_elem(&tuples, &p->tuple) ||
	       listener_exists(&p->tuple, p->tuple.local_port);
}

static __always_inline enum reason malformed(const struct packet *p, enum reason r)
{
	if (malformed_is_ours(p))
		return r;
	return r == REASON_DROP_FRAGMENT ? REASON_PASS_FRAGMENT : REASON_PASS_MALFORMED;
}

/* The whole frame, up to the end of its IP packet, in a record for `worker`. */
static __always_inline enum reason punt_begin(struct visit *v, __u32 worker, enum reason reason)
{
	struct extract x = {.length = v->packet.tcp_offset + v->packet.tcp_length};
	enum reason failed = record_begin(v, worker, &x);

	if (failed != PARSED)
		return failed;
	record_head(v, &x, bpf_ktime_get_ns());
	v->record->kind = RECORD_PUNT;
	v->record->reason = reason;
	v->record->flags = v->flow ? RECORD_KNOWN : 0;
	return PARSED;
}

static __always_inline enum reason punt_unknown(struct visit *v, enum reason reason)
{
	__u32 worker = worker_count ? v->ctx->rx_queue_index % worker_count : 0;
	enum reason failed = punt_begin(v, worker, reason);

	if (failed != PARSED)
		return failed;
	record_submit(v);
	return reason;
}

/* To a listener, or passed. */
static __always_inline enum reason of_no_connection(struct visit *v)
{
	const struct packet *p = &v->packet;

	v->flow = 0;
	v->known = (struct tuple_value){};
	if (!listener_exists(&p->tuple, p->tuple.local_port))
		return REASON_PASS_NOT_OURS;
	if ((p->segment.flags & (SYN | ACK)) == SYN)
		return punt_unknown(v, REASON_PUNT_SYN);
	return punt_unknown(v, REASON_PUNT_STRAY);
}

/* The flow is not ours: the daemon's, or another CPU's just now. */
static __always_inline enum reason punt_unowned(struct visit *v, enum reason reason)
{
	enum reason failed = punt_begin(v, visit_tx(v)->worker, reason);

	if (failed != PARSED)
		return failed;
	if (reason == REASON_PUNT_OWNER && owner_count_punt(&v->flow->word, v->known.generation))
		v->record->flags |= RECORD_COUNTED;
	record_submit(v);
	return reason;
}

/* The flow is ours, and with this segment it becomes the daemon's. */
static __always_inline enum reason punt_owned(struct visit *v, enum reason reason)
{
	enum reason failed = punt_begin(v, visit_tx(v)->worker, reason);

	if (failed != PARSED) {
		owner_leave(&v->flow->word, v->known.generation);
		return failed;
	}
	owner_give(&v->flow->word, v->known.generation);
	v->record->flags |= RECORD_COUNTED;
	record_submit(v);
	return reason;
}

static __always_inline bool checksum_is_right(const struct packet *p, __u64 text_sum)
{
	__u64 pseudo = csum_pseudo(&p->tuple, p->v4, p->tcp_length);

	if (csum_is_right(pseudo + p->header_sum + text_sum))
		return true;
	return partial_checksum_ok && csum_is_partial(p->checksum, pseudo);
}

/* The text in a record, every byte of the segment verified; nothing is changed. */
static __always_inline enum reason hit_begin(struct visit *v)
{
	const struct packet *p = &v->packet;
	struct extract x = {
		.offset = p->tcp_offset + p->tcp_header,
		.length = p->segment.text_length,
		.add_up = true,
	};
	enum reason failed = record_begin(v, visit_tx(v)->worker, &x);

	if (failed != PARSED)
		return failed;
	if (!checksum_is_right(p, x.sum)) {
		bpf_ringbuf_discard(v->record, BPF_RB_NO_WAKEUP);
		return REASON_DROP_CHECKSUM;
	}
	record_head(v, &x, bpf_ktime_get_ns());
	return PARSED;
}

/* The frame is cut before the acknowledgment is noted, since cutting can fail. */
static __always_inline bool answer_now(struct visit *v)
{
	return v->packet.segment.text_length && transmit_works &&
	       ack_is_due(visit_rx(v), visit_tx(v)) && ack_is_simple(&v->packet) && ack_cut(v);
}

/* Leaves the flow before it submits: the order of records is that of their
 * reservation, and another CPU need not wait. */
static __always_inline void hit_end(struct visit *v, enum reason reason)
{
	struct record *r = v->record;

	r->kind = RECORD_HIT;
	r->reason = reason;
	r->flags = RECORD_KNOWN;
	if (reason == REASON_HIT_TEXT_ACKED)
		r->flags |= RECORD_ACKED;
	hit_describe(&v->packet.segment, visit_rx(v), &r->hit);
	owner_leave(&v->flow->word, v->known.generation);
	record_submit(v);
}

static __always_inline enum reason hit(struct visit *v, enum reason reason)
{
	enum reason failed = hit_begin(v);
	struct ack_header answer;

	if (failed != PARSED) {
		owner_leave(&v->flow->word, v->known.generation);
		return failed;
	}
	apply(&v->packet.segment, visit_rx(v), visit_tx(v));
	if (!answer_now(v)) {
		hit_end(v, reason);
		return reason;
	}
	note_ack(visit_rx(v));
	ack_make(v, v->record->arrival, &answer);
	hit_end(v, REASON_HIT_TEXT_ACKED);
	return ack_write(v, &answer) ? REASON_HIT_TEXT_ACKED : REASON_HIT_TEXT;
}

static __always_inline bool pool_is_low(const struct flow_tx *tx)
{
	__u32 worker = tx->worker;
	const struct worker_wake *w = bpf_map_lookup_elem(&workers, &worker);

	return w && w->pool_low;
}

static __always_inline enum reason judge_owned(struct visit *v)
{
	enum reason r = judge(&v->packet.segment, visit_rx(v), visit_tx(v));

	if (r == REASON_HIT_TEXT && pool_is_low(visit_tx(v)))
		return REASON_PUNT_POOL;
	return r;
}

static __always_inline enum reason of_connection(struct visit *v)
{
	__u64 word = owner_read(&v->flow->word);
	enum reason r;

	if (owner_generation(word) != v->known.generation)
		return of_no_connection(v);
	if (owner_of(word) == OWNER_DAEMON)
		return punt_unowned(v, REASON_PUNT_OWNER);
	if (!owner_enter(&v->flow->word, v->known.generation))
		return punt_unowned(v, REASON_PUNT_BUSY);
	r = judge_owned(v);
	if (r != REASON_HIT_TEXT && r != REASON_HIT_ACK)
		return punt_owned(v, r);
	return hit(v, r);
}

static __always_inline enum reason segment_arrives(struct visit *v)
{
	const struct tuple_value *known = bpf_map_lookup_elem(&tuples, &v->packet.tuple);

	if (!known)
		return of_no_connection(v);
	v->known = *known;
	v->flow = bpf_map_lookup_elem(&flows, &v->known.index);
	return v->flow ? of_connection(v) : of_no_connection(v);
}

static __always_inline enum reason frame_arrives(struct xdp_md *ctx)
{
	struct visit v = {.ctx = ctx};
	enum reason r = parse_frame(ctx, &v.packet);

	if (r == PARSED)
		return segment_arrives(&v);
	return reason_is_pass(r) ? r : malformed(&v.packet, r);
}

static __always_inline int verdict(enum reason r)
{
	if (reason_is_pass(r))
		return XDP_PASS;
	return r == REASON_HIT_TEXT_ACKED ? XDP_TX : XDP_DROP;
}

SEC("xdp.frags")
int xtcp_xdp(struct xdp_md *ctx)
{
	__u32 r = frame_arrives(ctx);
	__u64 *counter = bpf_map_lookup_elem(&counters, &r);

	if (counter)
		(*counter)++;
	return verdict(r);
}
