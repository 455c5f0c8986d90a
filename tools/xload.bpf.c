/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The load generator's client: TCP connections that live in XDP on the far end of
 * a veth, so that measuring a server costs little beside it.
 *
 *   server ──► xload_client: read ─ slot ─ state ─ check ─► next request, in the same
 *        ◄──────────────── XDP_TX ─────────────────────┘    frame
 *        ◄── xload_live: run over frames that BPF_PROG_TEST_RUN sends, as a NIC would
 *            (BPF_F_TEST_XDP_LIVE_FRAMES)
 *
 * The client speaks as much of RFC 9293 as it needs against a server that is
 * right, over a link that may lose: the scan looks at each slot and sends what
 * has been outstanding for too long. What is not as expected is counted. */
#include "xload_frame.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xload_client);
} clients SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XLOAD_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XLOAD_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} round_trips SEC(".maps");

struct text_copy {
	__u8 bytes[2048];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct text_copy);
} copies SEC(".maps");

/* Of xload_live: an enum xload_job, and the slot that is next. */
__u32 job;
__u32 cursor;

struct tcp_in {
	struct xdp_md *ctx;
	struct xload_client *client;
	__u64 header_sum; /* with the pseudo-header */
	__u64 pseudo;
	__u32 id;
	__u32 seq;
	__u32 ack;
	__u32 wnd;
	__u32 flags;
	__u32 header;
	__u32 text;
	__u32 tsval;
	__u16 checksum;
	__u16 scale; /* SYN: RFC 7323, 2.2 */
};

static __always_inline void add(__u32 counter, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += n;
}

static __always_inline void note_round_trip(__u64 ns)
{
	__u32 bucket = xload_bucket(ns);
	__u64 *value = bpf_map_lookup_elem(&round_trips, &bucket);

	if (value)
		(*value)++;
}

/* --- sending ---------------------------------------------------------------- */

static __always_inline struct tcp_out out_of(const struct xload_client *c, __u32 seq, __u32 flags)
{
	return (struct tcp_out){
		.id = c->id,
		.seq = seq,
		.ack = c->rcv_nxt,
		.flags = flags,
		.ts_recent = c->ts_recent,
		.now = bpf_ktime_get_ns(),
	};
}

static __always_inline int send_empty(struct xdp_md *ctx, const struct xload_client *c, __u32 seq,
				      __u32 flags)
{
	struct tcp_out o = out_of(c, seq, flags);

	return make_empty(ctx, &o) ? XDP_TX : XDP_DROP;
}

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

static __always_inline int send_ack(struct xdp_md *ctx, const struct xload_client *c)
{
	return send_empty(ctx, c, c->snd_nxt, XLOAD_ACK);
}

static __always_inline int send_fin(struct xdp_md *ctx, struct xload_client *c)
{
	c->state = XLOAD_FIN_SENT;
	c->snd_nxt++;
	c->sent_at = bpf_ktime_get_ns();
	return send_empty(ctx, c, c->snd_nxt - 1, XLOAD_FIN | XLOAD_ACK);
}

/* --- reading ---------------------------------------------------------------- */

/* The options of a SYN: only the window scale and a timestamp matter. */
struct syn_options {
	__u8 bytes[64];
	__u32 at;
	__u32 length;
	__u32 scale;
	__u32 tsval;
};

static long read_option(__u32 turn, struct syn_options *o)
{
	const __u8 *option = o->bytes + (o->at & 31);

	if (turn >= o->length || o->at >= o->length || !option[0])
		return 1;
	if (option[0] == 1) {
		o->at++;
		return 0;
	}
	if (option[0] == 3)
		o->scale = option[2] > 14 ? 14 : option[2];
	if (option[0] == 8)
		o->tsval = (__u32)option[2] << 24 | option[3] << 16 | option[4] << 8 | option[5];
	o->at += option[1] < 2 ? 2 : option[1];
	return 0;
}

static __always_inline void read_syn(struct tcp_in *in)
{
	struct syn_options o = {.length = in->header - TCP_BYTES};
	__u32 length = o.length;

	if (length - 1 >= 32 || bpf_xdp_load_bytes(in->ctx, TCP_AT + TCP_BYTES, o.bytes, length))
		return;
	bpf_loop(32, read_option, &o, 0);
	in->scale = o.scale;
	in->tsval = o.tsval;
}

static __always_inline void read_timestamps(struct tcp_in *in, const __be32 *option)
{
	if (option[0] == bpf_htonl(0x0101080a))
		in->tsval = bpf_ntohl(option[1]);
	for (int i = 0; i < 3; i++)
		in->header_sum += option[i];
}

static __always_inline bool read_tcp(struct tcp_in *in, const __u8 *tcp, __u32 bytes)
{
	const __u8 *end = (__u8 *)(long)in->ctx->data_end;
	const __be32 *word = (const __be32 *)tcp;

	in->header = (tcp[12] >> 4) * 4;
	if (in->header < TCP_BYTES || in->header > bytes)
		return false;
	in->seq = bpf_ntohl(word[1]);
	in->ack = bpf_ntohl(word[2]);
	in->wnd = bpf_ntohl(word[3]) & 0xffff;
	in->flags = tcp[13];
	in->text = bytes - in->header;
	in->checksum = *(__u16 *)(tcp + 16);
	in->header_sum = in->pseudo;
	for (int i = 0; i < 5; i++)
		in->header_sum += word[i];
	if (in->header == TCP_BYTES + TIMESTAMP_BYTES && tcp + 32 <= end)
		read_timestamps(in, (const __be32 *)(tcp + TCP_BYTES));
	return true;
}

static __always_inline bool is_ours(const __be32 *ip)
{
	return bpf_ntohl(ip[4]) - setup.source < setup.addresses;
}

enum { IS_OURS = -1 };

/* IS_OURS, or the verdict. */
static __always_inline int read_frame(struct tcp_in *in)
{
	__u8 *data = (__u8 *)(long)in->ctx->data;
	__u8 *end = (__u8 *)(long)in->ctx->data_end;
	const __be32 *ip = (__be32 *)(data + ETH_BYTES);
	const __u8 *tcp = data + TCP_AT;
	__u32 total;

	if (tcp + TCP_BYTES > end || *(__be16 *)(data + 12) != bpf_htons(ETH_P_IP) || !is_ours(ip))
		return XDP_PASS;
	total = bpf_ntohl(ip[0]) & 0xffff;
	add(XLOAD_malformed, 0);
	if (data[ETH_BYTES] != 0x45 || data[ETH_BYTES + 9] != IPPROTO_TCP ||
	    total < IP_BYTES + TCP_BYTES || data + ETH_BYTES + total > end) {
		add(XLOAD_malformed, 1);
		return XDP_DROP;
	}
	in->id = (bpf_ntohl(ip[4]) - setup.source) << XLOAD_PORT_BITS |
		 ((bpf_ntohs(*(__be16 *)(tcp + 2)) - XLOAD_FIRST_PORT) & 0x7fff);
	in->pseudo = (__u64)ip[3] + ip[4] + bpf_htons(IPPROTO_TCP) + bpf_htons(total - IP_BYTES);
	if (ip[3] == setup.server && *(__be16 *)tcp == (__be16)setup.server_port &&
	    read_tcp(in, tcp, total - IP_BYTES))
		return IS_OURS;
	add(XLOAD_strangers, 1);
	return XDP_DROP;
}

static __always_inline bool checksum_is_right(const struct tcp_in *in, __u64 text_sum)
{
	if (fold(in->header_sum + text_sum) == 0xffff)
		return true;
	if (in->checksum == fold(in->pseudo)) {
		add(XLOAD_partial_checksums, 1);
		return true;
	}
	add(XLOAD_bad_checksum, 1);
	return false;
}

/* --- checking a response ---------------------------------------------------- */

/* A response in one segment, in the place where a request has its text. */
static __always_inline bool whole_is_right(const struct tcp_in *in)
{
	const __u8 *text = (__u8 *)(long)in->ctx->data + text_at();
	__u32 size = setup.size;
	__u64 wrong;

	if (text + size > (__u8 *)(long)in->ctx->data_end)
		return false;
	wrong = (((__u32 *)text)[0] ^ in->client->id) | (((__u32 *)text)[1] ^ in->client->number);
	for (__u32 at = 8; at + 8 <= size && at < XLOAD_TEXT_MAX; at += 8)
		wrong |= *(__u64 *)(text + at) ^ pattern[at / 8];
	for (__u32 at = size & ~7u; at >= 8 && at < size && at < XLOAD_TEXT_MAX; at++)
		wrong |= text[at] ^ (pattern[at / 8] >> at % 8 * 8 & 0xff);
	return !wrong;
}

struct piece {
	const __u8 *bytes;
	struct request_head head;
	__u32 at; /* in the response */
	__u32 length;
	__u64 sum;
	__u32 wrong;
};

static long check_byte(__u32 i, struct piece *p)
{
	__u32 at = p->at + i;
	__u32 byte = p->bytes[i & 2047];
	__u32 right;

	if (i >= p->length)
		return 1;
	p->sum += i & 1 ? byte << 8 : byte;
	if (at < 4)
		right = p->head.id >> at * 8;
	else if (at < 8)
		right = p->head.number >> (at - 4) * 8;
	else if (at / 8 < PATTERN_WORDS)
		right = pattern[at / 8] >> at % 8 * 8;
	else
		return 1;
	p->wrong |= (right & 0xff) != byte;
	return 0;
}

/* Any piece of a response: rare, and slow. */
static __always_inline bool piece_is_right(const struct tcp_in *in, __u64 *sum)
{
	const struct xload_client *c = in->client;
	__u32 zero = 0, length = in->text;
	struct text_copy *copy = bpf_map_lookup_elem(&copies, &zero);
	struct piece p = {.head = {c->id, c->number}, .at = c->got, .length = in->text};

	if (!copy || length - 1 >= XLOAD_TEXT_MAX + 12 ||
	    bpf_xdp_load_bytes(in->ctx, TCP_AT + in->header, copy->bytes, length))
		return false;
	p.bytes = copy->bytes;
	bpf_loop(XLOAD_TEXT_MAX + 12, check_byte, &p, 0);
	*sum = p.sum;
	return !p.wrong;
}

/* Is the segment, text and checksum, what it should be? */
static __always_inline bool response_is_right(const struct tcp_in *in, bool whole)
{
	const struct xload_client *c = in->client;
	struct request_head h = {.id = c->id, .number = c->number};
	__u64 sum = 0;

	if (whole && whole_is_right(in))
		return checksum_is_right(in, setup.pattern_sum + head_sum(&h));
	if (!whole && piece_is_right(in, &sum))
		return checksum_is_right(in, sum);
	add(XLOAD_bad_bytes, 1);
	return false;
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

static __always_inline int bulk_arrives(const struct tcp_in *in)
{
	struct xload_client *c = in->client;

	c->rcv_nxt += in->text;
	add(XLOAD_text_received, in->text);
	add(XLOAD_text_segments, 1);
	c->exchanges++;
	return ++c->got & 1 ? XDP_DROP : send_ack(in->ctx, c);
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

static __always_inline int synack_arrives(struct tcp_in *in)
{
	struct xload_client *c = in->client;
	int verdict;

	if ((in->flags & (XLOAD_SYN | XLOAD_ACK)) != (XLOAD_SYN | XLOAD_ACK) ||
	    in->ack != c->snd_nxt) {
		add(XLOAD_strangers, 1);
		return XDP_DROP;
	}
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

/* --- programs that send by themselves ------------------------------------------- */

static __always_inline struct xload_client *next_client(__u32 *slot)
{
	*slot = cursor++;
	if (cursor >= setup.slots)
		cursor = 0;
	return bpf_map_lookup_elem(&clients, slot);
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

/* Opens what is free, sends again what has been outstanding for too long. */
static __always_inline int scan(struct xdp_md *ctx)
{
	__u32 slot;
	struct xload_client *c = next_client(&slot);

	if (!c)
		return XDP_DROP;
	if (c->state == XLOAD_FREE)
		return open_client(ctx, c, slot);
	if (c->sent_at && bpf_ktime_get_ns() - c->sent_at < setup.retry)
		return XDP_DROP;
	return send_again(ctx, c);
}

/* Leaves nothing behind at the server. */
static __always_inline int reset(struct xdp_md *ctx)
{
	__u32 slot;
	struct xload_client *c = next_client(&slot);

	if (!c || c->state == XLOAD_FREE)
		return XDP_DROP;
	c->state = XLOAD_FREE;
	return send_empty(ctx, c, c->snd_nxt, XLOAD_RST | XLOAD_ACK);
}

/* A window that stays closed, or a lost segment: begin again at snd_una. */
static __always_inline int bulk_waits(struct xload_client *c)
{
	__u64 now = bpf_ktime_get_ns();

	add(XLOAD_window_closed, 1);
	if (c->snd_nxt == c->snd_una || now - c->sent_at < setup.retry)
		return XDP_DROP;
	add(XLOAD_resent, 1);
	c->snd_nxt = c->snd_una;
	c->sent_at = now;
	return XDP_DROP;
}

/* One segment of the next connection's text, in a frame that nobody has written
 * any text into since it was made. */
static __always_inline int bulk(struct xdp_md *ctx)
{
	__u32 slot, size = setup.size;
	struct xload_client *c = next_client(&slot);
	struct tcp_out o;

	if (!c || c->state != XLOAD_OPEN)
		return XDP_DROP;
	if (c->snd_nxt + size - c->snd_una > c->snd_wnd)
		return bulk_waits(c);
	o = out_of(c, c->snd_nxt, XLOAD_ACK);
	c->snd_nxt += size;
	if ((int)(c->snd_nxt - c->snd_max) > 0)
		c->snd_max = c->snd_nxt;
	add(XLOAD_segments_sent, 1);
	if (!frame_resize(ctx, text_at() + size))
		return XDP_DROP;
	return write_segment(ctx, &o, size, setup.pattern_sum) ? XDP_TX : XDP_DROP;
}

/* A segment from anywhere, of a connection that there is not. */
static __always_inline int flood(struct xdp_md *ctx)
{
	struct tcp_out o = {
		.id = bpf_get_prandom_u32() % (setup.addresses << XLOAD_PORT_BITS),
		.seq = bpf_get_prandom_u32(),
		.flags = setup.flood_flags,
		.now = 1000000,
	};

	if (!(o.flags & XLOAD_SYN))
		o.ack = bpf_get_prandom_u32();
	add(XLOAD_segments_sent, 1);
	if (o.flags & XLOAD_SYN)
		return make_syn(ctx, &o) ? XDP_TX : XDP_DROP;
	return make_empty(ctx, &o) ? XDP_TX : XDP_DROP;
}

/* Elsewhere it does nothing: it is attached where nothing arrives. */
SEC("xdp")
int xload_live(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex != setup.ifindex)
		return XDP_PASS;
	switch (job) {
	case XLOAD_SCAN: return scan(ctx);
	case XLOAD_BULK: return bulk(ctx);
	case XLOAD_SPOOF: return flood(ctx);
	default: return reset(ctx);
	}
}
