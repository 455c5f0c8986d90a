/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The load generator's client: TCP connections that live in XDP on the far end of
 * a veth, so that measuring a server costs little beside it.
 *
 *   server ──► xload_client: read ─ slot ─ state ─ check ─► next request, in the same
 *        ◄──────────────── XDP_TX ─────────────────────┘    frame
 *        ◄── xload_live: run over frames that BPF_PROG_TEST_RUN sends, as a NIC would
 *            (BPF_F_TEST_XDP_LIVE_FRAMES)
 *
 *   xload_frame  makes frames             xload_read      reads what arrives
 *   xload_clients connections, counters   xload_response  checks it
 *   xload_connection, xload_bulk, xload_flood: what is sent, and when
 *
 * The client speaks as much of RFC 9293 as it needs against a server that is
 * right, over a link that may lose: the scan looks at each slot and sends what
 * has been outstanding for too long. What is not as expected is counted. */
#include "xload_connection.bpf.h"
#include "xload_flood.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* Of xload_live: an enum xload_job, and the slot that is next. */
__u32 job;
__u32 cursor;

SEC("xdp")
int xload_client(struct xdp_md *ctx)
{
	struct tcp_in in = {.ctx = ctx};
	int verdict = read_frame(&in);
	__u32 slot = in.id & setup.slot_mask;

	if (verdict != IS_OURS)
		return verdict;
	in.client = bpf_map_lookup_elem(&clients, &slot);
	if (in.client)
		return client_arrives(&in);
	add(XLOAD_strangers, 1);
	return XDP_DROP;
}

/* Opens what is free, sends again what has been outstanding for too long. */
static __always_inline int scan(struct xdp_md *ctx, struct xload_client *c, __u32 slot)
{
	if (c->state == XLOAD_FREE)
		return open_client(ctx, c, slot);
	if (c->sent_at && bpf_ktime_get_ns() - c->sent_at < setup.retry)
		return XDP_DROP;
	return send_again(ctx, c);
}

/* Leaves nothing behind at the server. */
static __always_inline int reset(struct xdp_md *ctx, struct xload_client *c)
{
	if (c->state == XLOAD_FREE)
		return XDP_DROP;
	c->state = XLOAD_FREE;
	return send_empty(ctx, c, c->snd_nxt, XLOAD_RST | XLOAD_ACK);
}

static __always_inline int next_client(struct xdp_md *ctx)
{
	__u32 slot = cursor++;
	struct xload_client *c = bpf_map_lookup_elem(&clients, &slot);

	if (cursor >= setup.slots)
		cursor = 0;
	if (!c)
		return XDP_DROP;
	switch (job) {
	case XLOAD_SCAN: return scan(ctx, c, slot);
	case XLOAD_BULK: return send_bulk(ctx, c);
	default: return reset(ctx, c);
	}
}

/* Elsewhere it does nothing: it is attached where nothing arrives. */
SEC("xdp")
int xload_live(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex != setup.ifindex)
		return XDP_PASS;
	return job == XLOAD_SPOOF ? flood(ctx) : next_client(ctx);
}
