/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The way of a segment at the driver:
 *
 *   parse ─ tuple? ─ flow: enter ─ judge ─ hit ── record, apply, ACK in place ─┐
 *              │              └──────┴──── punt ─ record with the whole frame ─┤
 *              └ listener? ─ punt                                              ▼
 *                    └ pass                      carry a segment of the worker's
 *
 * It acts and decides nothing: what a frame says is read by parse.h, whose turn
 * it is by owner.h, what may be done with a segment by fastpath.h, whether one of
 * no connection may wait by backlog.h. Every frame is counted once, at the one
 * exit, under the reason that its verdict follows from. What is not ours is passed,
 * what is in doubt goes to the daemon. */
#include <linux/bpf.h>

#include "abi.h"
#include "ack.bpf.h"
#include "backlog.h"
#include "carry.bpf.h"
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
__noinline int parse_frame(struct xdp_md *ctx, struct packet *p, __u32 frame_length)
{
	if (!p)
		return REASON_PASS_NOT_IP;
	return parse_packet((void *)(long)ctx->data, (void *)(long)ctx->data_end, frame_length, p);
}

/* Few frames have more pieces than the first; only one that seems to be cut short
 * is worth the question. */
static __always_inline enum reason parse(struct visit *v)
{
	__u32 first_piece = v->ctx->data_end - v->ctx->data;
	enum reason r = parse_frame(v->ctx, &v->packet, first_piece);
	__u32 whole;

	if (r != REASON_DROP_IP_HEADER)
		return r;
	whole = bpf_xdp_get_buff_len(v->ctx);
	if (whole == first_piece)
		return r;
	v->packet = (struct packet){};
	return parse_frame(v->ctx, &v->packet, whole);
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
	return flow_find(&p->tuple) != FLOW_NOWHERE ||
	       listener_exists(&p->tuple, p->tuple.local_port);
}

static __always_inline enum reason malformed(const struct packet *p, enum reason r)
{
	if (malformed_is_ours(p))
		return r;
	return r == REASON_DROP_FRAGMENT ? REASON_PASS_FRAGMENT : REASON_PASS_MALFORMED;
}

/* --- deciding: a reason, and whose the flow is -------------------------------- */

static __always_inline enum reason decide_no_flow(struct visit *v)
{
	const struct packet *p = &v->packet;

	v->standing = STANDING_NO_FLOW;
	if (!listener_exists(&p->tuple, p->tuple.local_port))
		return REASON_PASS_NOT_OURS;
	return (p->segment.flags & (SYN | ACK)) == SYN ? REASON_PUNT_SYN : REASON_PUNT_STRAY;
}

static __always_inline bool pool_is_low(const struct flow_tx *tx)
{
	__u32 worker = tx->worker;
	const struct worker_wake *w = bpf_map_lookup_elem(&workers, &worker);

	return w && w->pool_low;
}

static __always_inline enum reason decide_ours(struct visit *v)
{
	enum reason r = judge(&v->packet.segment, visit_rx(v), visit_tx(v));

	if (r == REASON_HIT_TEXT && pool_is_low(visit_tx(v)))
		return REASON_PUNT_POOL;
	return r;
}

/* Enters the flow, or counts a punt of it. A flow that is handed back while we look is
 * entered: were the segment punted without being counted, the next one would be out of
 * order, and the flow the daemon's again. Under load most hand-backs would end like
 * that. */
static __always_inline enum standing approach(struct visit *v)
{
	if (owner_of(owner_read(&v->flow->word)) == OWNER_DAEMON &&
	    owner_count_punt(&v->flow->word, v->generation))
		return STANDING_DAEMON;
	return owner_enter(&v->flow->word, v->generation) ? STANDING_OURS : STANDING_BUSY;
}

/* There is no record of the segment: as if it had not come. */
static __always_inline void flow_leave(struct visit *v)
{
	if (v->standing == STANDING_OURS)
		owner_leave(&v->flow->word, v->generation);
	if (v->standing == STANDING_DAEMON)
		owner_uncount_punt(&v->flow->word, v->generation);
}

/* Index and worker are read and then the tuple compared once the flow is entered, as
 * flow_place.h wants it. Where it is not, none of them is certain, and the daemon looks
 * at the tuple. */
static __always_inline enum reason decide_flow(struct visit *v)
{
	v->generation = owner_generation(owner_read(&v->flow->word));
	if (!v->generation)
		return decide_no_flow(v);
	v->standing = approach(v);
	v->index = v->flow->index;
	v->worker = visit_tx(v)->worker;
	if (v->standing == STANDING_BUSY)
		return REASON_PUNT_BUSY;
	if (!flow_is_of(v->flow, &v->packet.tuple)) {
		flow_leave(v);
		return decide_no_flow(v);
	}
	return v->standing == STANDING_OURS ? decide_ours(v) : REASON_PUNT_OWNER;
}

static __always_inline enum reason decide(struct visit *v)
{
	__u32 place = flow_find(&v->packet.tuple);

	if (place == FLOW_NOWHERE)
		return decide_no_flow(v);
	v->flow = bpf_map_lookup_elem(&flows, &place);
	return v->flow ? decide_flow(v) : decide_no_flow(v);
}

/* --- punting ------------------------------------------------------------------ */

static __always_inline __u32 punt_worker(const struct visit *v)
{
	if (v->standing != STANDING_NO_FLOW)
		return v->worker;
	return worker_count ? v->ctx->rx_queue_index % worker_count : 0;
}

static __always_inline bool may_wait(__u32 worker)
{
	struct worker_wake *w = bpf_map_lookup_elem(&workers, &worker);

	return w && backlog_admits(&w->backlog, bpf_ktime_get_ns());
}

/* After the record is reserved and before it is submitted: what is given to the
 * daemon must come with the record that says so. */
static __always_inline __u8 punt_flags(struct visit *v)
{
	switch (v->standing) {
	case STANDING_OURS:
		owner_give(&v->flow->word, v->generation);
		return RECORD_KNOWN | RECORD_COUNTED;
	case STANDING_DAEMON: return RECORD_KNOWN | RECORD_COUNTED;
	case STANDING_BUSY: return RECORD_KNOWN;
	default: break;
	}
	backlog_enter(&v->wake->backlog, v->record->length);
	return 0;
}

/* The whole frame, up to the end of its IP packet, in a record. */
static __always_inline enum reason punt(struct visit *v, enum reason reason)
{
	struct extract x = {.length = v->packet.tcp_offset + v->packet.tcp_length};
	__u32 worker = punt_worker(v);
	enum reason failed;

	if (v->standing == STANDING_NO_FLOW && !may_wait(worker))
		return REASON_DROP_BACKLOG;
	failed = record_begin(v, worker, &x);
	if (failed != PARSED) {
		flow_leave(v);
		return failed;
	}
	record_head(v, &x, RECORD_PUNT, reason);
	v->record->flags = punt_flags(v);
	record_submit(v);
	return reason;
}

/* --- hitting ------------------------------------------------------------------ */

static __always_inline bool checksum_is_right(const struct visit *v, __u64 text_sum)
{
	const struct packet *p = &v->packet;
	__u64 pseudo = csum_pseudo(&p->tuple, p->v4, p->tcp_length);

	if (csum_is_right(pseudo + p->header_sum + text_sum))
		return true;
	return partial_checksum_ok && visit_tx(v)->flags & FLOW_PARTIAL &&
	       csum_is_partial(p->checksum, pseudo);
}

/* The text in a record, every byte of the segment verified; nothing is changed. */
static __always_inline enum reason hit_begin(struct visit *v, enum reason reason)
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
	if (!checksum_is_right(v, x.sum)) {
		bpf_ringbuf_discard(v->record, BPF_RB_NO_WAKEUP);
		return REASON_DROP_CHECKSUM;
	}
	record_head(v, &x, RECORD_HIT, reason);
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
static __always_inline void hit_end(struct visit *v)
{
	hit_describe(&v->packet.segment, visit_rx(v), &v->record->hit);
	owner_leave(&v->flow->word, v->generation);
	record_submit_after_leave(v);
}

/* A hit whose frame becomes its acknowledgment. */
static __always_inline enum reason hit_and_answer(struct visit *v)
{
	struct ack_header answer;

	note_ack(visit_rx(v), visit_tx(v));
	ack_make(v, &answer);
	v->record->reason = REASON_HIT_TEXT_ACKED;
	v->record->flags |= RECORD_ACKED;
	hit_end(v);
	return ack_write(v, &answer) ? REASON_HIT_TEXT_ACKED : REASON_HIT_TEXT;
}

static __always_inline enum reason hit(struct visit *v, enum reason reason)
{
	enum reason failed = hit_begin(v, reason);

	if (failed != PARSED) {
		flow_leave(v);
		return failed;
	}
	v->record->flags = RECORD_KNOWN;
	apply(&v->packet.segment, visit_rx(v), visit_tx(v));
	if (answer_now(v))
		return hit_and_answer(v);
	hit_end(v);
	return reason;
}

/* --- the frame ---------------------------------------------------------------- */

static __always_inline enum reason segment_arrives(struct visit *v)
{
	enum reason r = decide(v);

	if (r == REASON_HIT_TEXT || r == REASON_HIT_ACK)
		return hit(v, r);
	return reason_is_pass(r) ? r : punt(v, r);
}

static __always_inline enum reason frame_arrives(struct visit *v)
{
	enum reason r = parse(v);

	if (r == PARSED)
		return segment_arrives(v);
	return reason_is_pass(r) ? r : malformed(&v->packet, r);
}

static __always_inline int verdict(const struct visit *v, enum reason r)
{
	if (reason_is_pass(r))
		return XDP_PASS;
	if (r == REASON_HIT_TEXT_ACKED)
		return XDP_TX;
	return reason_has_record(r) ? carry(v) : XDP_DROP;
}

static __always_inline void count(__u32 reason)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &reason);

	if (counter)
		(*counter)++;
}

static __always_inline int visit(struct xdp_md *ctx)
{
	struct visit v = {.ctx = ctx};
	enum reason r = frame_arrives(&v);

	count(r);
	return verdict(&v, r);
}

SEC("xdp.frags")
int xtcp_xdp(struct xdp_md *ctx)
{
	return visit(ctx);
}

SEC("xdp.frags/devmap")
int xtcp_ride(struct xdp_md *ctx)
{
	return copy_leaves(ctx);
}
