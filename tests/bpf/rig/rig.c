/* SPDX-License-Identifier: BSD-2-Clause */
/* The XDP program under BPF_PROG_TEST_RUN. */
#include "rig.h"
#include "backlog.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

static void set_sizes(struct xdp_main *p)
{
	p->rodata->flow_places = RIG_PLACES;
	for (uint32_t i = 0; i <= TUPLE_WORDS; i++)
		p->rodata->flow_key.word[i] = 0x5851f42d4c957f2dull * (2 * i + 1);
	bpf_map__set_max_entries(p->maps.flows, RIG_PLACES);
	bpf_map__set_max_entries(p->maps.conns, 1);
	bpf_map__set_max_entries(p->maps.text, 1);
	bpf_map__set_max_entries(p->maps.rings, RIG_WORKERS);
	bpf_map__set_max_entries(p->maps.workers, RIG_WORKERS);
	bpf_map__set_max_entries(p->maps.carrier, RIG_WORKERS);
	bpf_map__set_max_entries(p->maps.listeners, RIG_LISTENERS);
}

static void *map_memory(struct bpf_map *map, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static int count_call(void *context, void *data, size_t size)
{
	struct rig_record *r = context;
	struct record *record = data;

	assert_true(size >= sizeof(*record) + record->length);
	assert_true(record->length <= sizeof(r->data));
	r->count++;
	r->head = *record;
	memcpy(r->data, record->data, record->length);
	return 0;
}

/* libbpf binds the call to the ring; what is called changes from use to use. What
 * the daemon does with every record is done here. */
static int (*ring_call)(void *context, void *data, size_t size);
static void *ring_context;

static int ring_dispatch(void *context, void *data, size_t size)
{
	const struct record *r = data;
	struct worker_wake *worker = context;

	if (!(r->flags & RECORD_KNOWN))
		backlog_leave(&worker->backlog, r->length);
	return ring_call(ring_context, data, size);
}

static void make_ring(struct rig *r, uint32_t worker, uint32_t bytes)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, bytes, NULL);
	struct worker_wake *context = &r->workers[worker];

	assert_true(fd >= 0);
	r->ring_fd[worker] = fd;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(r->program->maps.rings), &worker, &fd, 0),
			 0);
	if (!r->rings)
		r->rings = ring_buffer__new(fd, ring_dispatch, context, NULL);
	else
		assert_int_equal(ring_buffer__add(r->rings, fd, ring_dispatch, context), 0);
	assert_non_null(r->rings);
}

void rig_open(struct rig *r, const struct rig_options *o)
{
	memset(r, 0, sizeof(*r));
	r->program = xdp_main__open();
	assert_non_null(r->program);
	set_sizes(r->program);
	r->program->rodata->worker_count = RIG_WORKERS;
	r->program->rodata->partial_checksum_ok = o->partial_checksum_ok;
	if (o->hop_limit)
		r->program->rodata->hop_limit = o->hop_limit;
	r->program->rodata->traffic_class = o->traffic_class;
	if (xdp_main__load(r->program))
		fail_msg("the program does not load: %s (is this root?)", strerror(errno));
	r->fd = bpf_program__fd(r->program->progs.xtcp_xdp);
	r->flows = map_memory(r->program->maps.flows, RIG_PLACES * sizeof(struct flow));
	flow_table_make(&r->table, r->flows, RIG_PLACES, &r->program->rodata->flow_key);
	r->workers = map_memory(r->program->maps.workers, RIG_WORKERS * sizeof(struct worker_wake));
	r->carriers = map_memory(r->program->maps.carrier, RIG_WORKERS * sizeof(struct carrier));
	for (uint32_t i = 0; i < RIG_WORKERS; i++)
		make_ring(r, i, o->ring_bytes ? o->ring_bytes : 4 << 20);
}

void rig_close(struct rig *r)
{
	ring_buffer__free(r->rings);
	flow_table_destroy(&r->table);
	munmap(r->flows, RIG_PLACES * sizeof(struct flow));
	munmap(r->workers, RIG_WORKERS * sizeof(struct worker_wake));
	munmap(r->carriers, RIG_WORKERS * sizeof(struct carrier));
	xdp_main__destroy(r->program);
}

struct rig rig;

int rig_set_up(void **state)
{
	(void)state;
	rig_open(&rig, &(struct rig_options){0});
	return 0;
}

int rig_tear_down(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static struct address address_of(bool v6, uint8_t host)
{
	struct address a = {{0, 0, htonl(0xffff), htonl(0x0a010000u + host)}};

	if (v6)
		a = (struct address){{htonl(0xfd000000u), 0, 0, htonl(host)}};
	return a;
}

static void enter_flow(struct rig *r)
{
	const struct tuple t = {
		.remote = address_of(r->v6, 1),
		.local = address_of(r->v6, 2),
		.remote_port = htons(40000),
		.local_port = htons(7),
	};

	memset(r->flows, 0, RIG_PLACES * sizeof(struct flow));
	assert_int_equal(flow_table_enter(&r->table, &t, RIG_CONNECTION, RIG_WORKER, &r->flow), 0);
}

struct flow *rig_the_flow(struct rig *r)
{
	return r->flow;
}

void rig_withdraw_flow(struct rig *r, bool tuple)
{
	r->flow->word = owner_word(OWNER_XDP_IDLE, 0, 0);
	if (!tuple)
		memset(&r->flow->tuple, 0, sizeof(r->flow->tuple));
}

void rig_flow(struct rig *r, bool timestamps, enum owner owner)
{
	struct flow *f;

	enter_flow(r);
	f = rig_the_flow(r);
	f->word = owner_word(owner, RIG_GENERATION, 0);
	f->rx.rcv_nxt = RCV_NXT;
	f->rx.snd_una = SND_UNA;
	f->rx.snd_wnd = (PEER_WND - 1) << PEER_SCALE;
	f->rx.ts_recent = TS_RECENT;
	f->rx.ack_sent = f->tx.ack_sent = RCV_NXT;
	f->tx.snd_nxt = SND_NXT;
	f->tx.rcv_edge = RCV_NXT + WINDOW;
	f->tx.tsval = TSVAL;
	f->tx.full_segment = FULL_SEGMENT;
	f->tx.rcv_window_scale = OWN_SCALE;
	f->tx.snd_window_scale = PEER_SCALE;
	f->tx.flags = FLOW_ECN | FLOW_PARTIAL | (timestamps ? FLOW_TIMESTAMPS : 0);
}

static void enter_listener(struct rig *r, bool v6, uint16_t port)
{
	struct listener_key key = {.local = address_of(v6, 2), .port = htons(port)};
	struct listener value = {0};

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(r->program->maps.listeners), &key, &value, 0), 0);
}

void rig_listen(struct rig *r, uint16_t port)
{
	for (int v6 = 0; v6 < 2; v6++) {
		enter_listener(r, v6, port);
		enter_listener(r, v6, 0);
	}
}

static void empty_hash(struct bpf_map *map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		bpf_map_delete_elem(bpf_map__fd(map), key);
}

void rig_forget(struct rig *r)
{
	empty_hash(r->program->maps.listeners);
	memset(r->flows, 0, RIG_PLACES * sizeof(struct flow));
	memset(r->workers, 0, RIG_WORKERS * sizeof(struct worker_wake));
	r->program->bss->transmit_works = 0;
}

struct frame rig_frame(const struct rig *r, uint32_t text)
{
	const struct flow *flow = r->flow;

	return (struct frame){
		.v6 = r->v6,
		.seq = flow->rx.rcv_nxt,
		.ack = SND_UNA + 1000,
		.flags = ACK,
		.wnd = PEER_WND,
		.timestamps = flow->tx.flags & FLOW_TIMESTAMPS,
		.tsval = TS_RECENT + 5u,
		.tsecr = 77,
		.text = text,
		.text_seed = text,
	};
}

void rig_run(struct rig *r, const uint8_t *frame, uint32_t length, struct rig_result *result)
{
	struct xdp_md context = {.data_end = length, .ingress_ifindex = 1};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = length,
		    .data_out = result->frame, .data_size_out = sizeof(result->frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context));

	if (bpf_prog_test_run_opts(r->fd, &o))
		fail_msg("BPF_PROG_TEST_RUN with %u bytes: %s", length, strerror(errno));
	result->verdict = (int)o.retval;
	result->length = o.data_size_out;
}

void rig_run_on_queue(struct rig *r, const uint8_t *frame, uint32_t length, int ifindex, int queue)
{
	struct xdp_md context = {
		.data_end = length,
		.ingress_ifindex = (uint32_t)ifindex,
		.rx_queue_index = (uint32_t)queue,
	};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = length,
		    .ctx_in = &context, .ctx_size_in = sizeof(context));

	if (bpf_prog_test_run_opts(r->fd, &o))
		fail_msg("BPF_PROG_TEST_RUN on queue %d: %s", queue, strerror(errno));
}

uint64_t rig_count(struct rig *r, enum reason reason)
{
	uint64_t value[256], sum = 0;
	uint32_t key = reason;
	int cpus = libbpf_num_possible_cpus();

	assert_in_range(cpus, 1, 256);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(r->program->maps.counters), &key, value),
			 0);
	for (int i = 0; i < cpus; i++)
		sum += value[i];
	return sum;
}

uint64_t rig_count_all(struct rig *r)
{
	uint64_t sum = 0;

	for (uint32_t reason = 0; reason < REASON_COUNT; reason++)
		sum += rig_count(r, reason);
	return sum;
}

void rig_each(struct rig *r, int (*call)(void *context, void *data, size_t size), void *context)
{
	ring_call = call;
	ring_context = context;
	assert_true(ring_buffer__consume(r->rings) >= 0);
}

void rig_take(struct rig *r, struct rig_record *record)
{
	memset(&record->head, 0, sizeof(record->head));
	record->count = 0;
	rig_each(r, count_call, record);
}

const char *rig_reason(enum reason reason)
{
	static const char *const names[] = {
#define X(name, text, meaning) [REASON_##name] = text,
		XTCP_REASONS(X)
#undef X
	};

	return reason < REASON_COUNT ? names[reason] : "?";
}
