/* SPDX-License-Identifier: BSD-2-Clause */
/* See tables.h. */
#include "tables.h"
#include "aim.h"
#include "aim.skel.h"
#include "owner.h"
#include "reason.h"
#include "xdp_main.skel.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum { CPUS_MOST = 256 };

void must(bool fine, const char *what)
{
	if (fine)
		return;
	perror(what);
	exit(1);
}

static void *map_memory(int fd, size_t bytes, off_t offset, int protection)
{
	void *p = mmap(NULL, bytes, protection, MAP_SHARED, fd, offset);

	must(p != MAP_FAILED, "mmap");
	return p;
}

static void load_program(struct tables *t)
{
	t->program = xdp_main__open();
	must(t->program, "the XDP program");
	t->program->rodata->flow_places = t->places;
	must(getrandom(&t->program->rodata->flow_key, sizeof(struct flow_key), 0) ==
		     sizeof(struct flow_key),
	     "getrandom");
	bpf_map__set_max_entries(t->program->maps.flows, t->places);
	bpf_map__set_max_entries(t->program->maps.listeners, 16384);
	must(!xdp_main__load(t->program), "the XDP program does not load");
	t->program->bss->transmit_works = 1;
	t->flows = map_memory(bpf_map__fd(t->program->maps.flows), t->places * sizeof(struct flow),
			      0, PROT_READ | PROT_WRITE);
	flow_table_make(&t->table, t->flows, t->places, &t->program->rodata->flow_key);
	t->carrier = map_memory(bpf_map__fd(t->program->maps.carrier), sizeof(*t->carrier), 0,
				PROT_READ | PROT_WRITE);
}

static void load_aim(struct tables *t)
{
	t->aim = aim__open();
	must(t->aim, "aim");
	t->aim->rodata->flow_places = t->places;
	t->aim->rodata->flow_key = t->program->rodata->flow_key;
	must(!bpf_map__reuse_fd(t->aim->maps.flows, bpf_map__fd(t->program->maps.flows)), "flows");
	must(!aim__load(t->aim), "aim does not load");
}

static void make_ring(struct tables *t)
{
	uint32_t worker = 0, page = (uint32_t)sysconf(_SC_PAGESIZE);

	t->ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, t->ring_bytes, NULL);
	must(t->ring >= 0, "a ring");
	must(!bpf_map_update_elem(bpf_map__fd(t->program->maps.rings), &worker, &t->ring, 0),
	     "rings");
	t->consumed = map_memory(t->ring, page, 0, PROT_READ | PROT_WRITE);
	t->produced = map_memory(t->ring, page, page, PROT_READ);
}

static struct address address_of(const struct tables *t, uint32_t host)
{
	struct address v4 = {{0, 0, htonl(0xffff), htonl(host)}};
	struct address v6 = {{htonl(0xfd000000u), 0, 0, htonl(host)}};

	return t->v6 ? v6 : v4;
}

static struct address own_address(const struct tables *t)
{
	return address_of(t, t->v6 ? 2 : 0x0a010002);
}

static void listen_here(struct tables *t)
{
	struct listener_key key = {.local = own_address(t), .port = htons(FLOW_PORT)};
	struct listener value = {0};
	int fd = bpf_map__fd(t->program->maps.listeners);

	must(!bpf_map_update_elem(fd, &key, &value, 0), "listeners");
	key.port = 0;
	must(!bpf_map_update_elem(fd, &key, &value, 0), "listeners");
}

void tables_open(struct tables *t, uint32_t room, uint32_t ring_bytes, bool v6)
{
	*t = (struct tables){
		.places = FLOW_PLACES_PER_CONNECTION * room, .ring_bytes = ring_bytes, .v6 = v6};
	load_program(t);
	load_aim(t);
	make_ring(t);
	listen_here(t);
}

static struct flow flow_of_all(void)
{
	return (struct flow){
		.word = owner_word(OWNER_XDP_IDLE, FLOW_GENERATION, 0),
		.rx = {.rcv_nxt = FLOW_RCV_NXT,
		       .snd_una = FLOW_SND_UNA,
		       .ts_recent = FLOW_TS_RECENT,
		       .ack_sent = FLOW_RCV_NXT},
		.tx = {.snd_nxt = FLOW_SND_UNA + FLOW_IN_FLIGHT,
		       .rcv_edge = FLOW_RCV_NXT + FLOW_WINDOW,
		       .ack_sent = FLOW_RCV_NXT,
		       .full_segment = FLOW_FULL_SEGMENT,
		       .rcv_window_scale = 7,
		       .snd_window_scale = 7,
		       .flags = FLOW_TIMESTAMPS},
	};
}

static struct tuple tuple_of(const struct tables *t, uint32_t flow)
{
	return (struct tuple){
		.remote = address_of(t, aim_host(flow)),
		.local = own_address(t),
		.remote_port = htons(aim_port(flow)),
		.local_port = htons(FLOW_PORT),
	};
}

static void enter(struct tables *t, uint32_t number, const struct flow *all)
{
	struct tuple tuple = tuple_of(t, number);
	struct flow *flow;

	must(!flow_table_enter(&t->table, &tuple, number, 0, &flow), "a place for a flow");
	flow->rx = all->rx;
	flow->tx = all->tx;
	flow->word = all->word;
}

void tables_fill(struct tables *t, uint32_t flows)
{
	struct flow all = flow_of_all();

	while (t->filled < flows)
		enter(t, t->filled++, &all);
	t->aim->bss->flow_count = flows;
	t->aim->bss->tuple_of_all = tuple_of(t, 0);
	t->aim->bss->word_before = all.word;
	t->aim->bss->rx_before = all.rx;
}

void tables_aim_at(struct tables *t, int program)
{
	uint32_t key = 0;

	must(!bpf_map_update_elem(bpf_map__fd(t->aim->maps.target), &key, &program, 0), "target");
}

void tables_forget_records(struct tables *t)
{
	__atomic_store_n(t->consumed, *t->produced, __ATOMIC_RELEASE);
}

void tables_load_carrier(struct tables *t, const uint8_t *frame, uint32_t length, uint32_t count)
{
	struct carrier *c = t->carrier;

	for (uint32_t i = 0; i < count; i++) {
		struct carrier_slot *slot = &c->slot[(c->filled + i) % CARRIER_SLOTS];

		slot->length = length;
		memcpy(slot->bytes, frame, length);
	}
	__atomic_store_n(&c->filled, c->filled + count, __ATOMIC_RELEASE);
}

uint64_t tables_counted(const struct tables *t, uint32_t reason)
{
	uint64_t value[CPUS_MOST], sum = 0;
	int cpus = libbpf_num_possible_cpus();

	must(cpus > 0 && cpus <= CPUS_MOST, "number of CPUs");
	must(!bpf_map_lookup_elem(bpf_map__fd(t->program->maps.counters), &reason, value),
	     "counters");
	for (int i = 0; i < cpus; i++)
		sum += value[i];
	return sum;
}

void tables_close(struct tables *t)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap(t->consumed, page);
	munmap((void *)t->produced, page);
	munmap(t->carrier, sizeof(*t->carrier));
	flow_table_destroy(&t->table);
	munmap(t->flows, t->places * sizeof(struct flow));
	close(t->ring);
	aim__destroy(t->aim);
	xdp_main__destroy(t->program);
}
