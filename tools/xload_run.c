/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the client into XDP, lets it open its connections, measures for a while,
 * and takes everything away again.
 *
 *   load ─ attach ─ open (scans) ─ warm up ─ snapshot ─ run ─ snapshot ─ reset
 *
 * Frames that nobody's arrival pays for come from BPF_PROG_TEST_RUN with live
 * frames: 0.2 us for each, and for a call 20 us, or 24 ms if the kernel first has
 * to enter the program into its XDP dispatcher. It is in there while it is
 * attached somewhere: on the loopback of our namespace, where nothing arrives. */
#include "xload_run.h"
#include "xload.skel.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <error.h>
#include <linux/if_link.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull

enum {
	LOOPBACK = 1,
	LIVE_BATCH = 64,
	FLOOD_ROUND = 1 << 14,
	BULK_ROUND = 1 << 12,
	LOOK_EVERY = 50000, /* us, for what got lost */
	LOOK_OFTEN = 50,    /* us, for what can go on */
	FLOOD_EVERY = 1000, /* us */
	SYN_OPTION_BYTES = 8,
};

struct run {
	const struct xload_task *task;
	struct xload *bpf;
	struct xload_client *clients;
	size_t clients_size;
	uint32_t cpus;
	uint64_t *exchanges; /* of each slot, when measuring began */
	cpu_set_t cpus_allowed;
	int cpu;	   /* the last that connections were opened from */
	uint64_t flood_at; /* until when it was reckoned what is due */
	double flood_due;  /* segments */
	uint64_t flood_sent;
	uint8_t frame[XLOAD_FRAME];
	int before; /* program on our interface that we replaced, or -1 */
	bool attached;
	bool dispatched;
};

static volatile sig_atomic_t stop;

static void on_stop(int number)
{
	(void)number;
	stop = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void sleep_us(unsigned int us)
{
	struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000l};

	nanosleep(&t, NULL);
}

/* --- loading ---------------------------------------------------------------- */

/* The words of the text, and their sum without the first. */
static uint32_t fill_pattern(struct xload *bpf, uint32_t size)
{
	uint64_t words[sizeof(bpf->rodata->pattern) / 8] = {0}, sum = 0;
	uint8_t bytes[sizeof(words)] = {0};

	for (uint32_t i = 0; i < sizeof(words) / 8; i++) {
		words[i] = (i + 1) * 0x9e3779b97f4a7c15ull;
		((uint64_t *)(uintptr_t)bpf->rodata->pattern)[i] = words[i];
	}
	memcpy(bytes, words, size);
	for (uint32_t i = 8; i < size; i += 2)
		sum += bytes[i] | bytes[i + 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

static int map_clients(struct run *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p;

	r->clients_size = r->task->setup.slots * sizeof(struct xload_client);
	r->clients_size = (r->clients_size + page - 1) & ~(page - 1);
	p = mmap(NULL, r->clients_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 bpf_map__fd(r->bpf->maps.clients), 0);
	if (p == MAP_FAILED)
		return -errno;
	r->clients = p;
	r->exchanges = calloc(r->task->setup.slots, sizeof(*r->exchanges));
	return r->exchanges ? 0 : -ENOMEM;
}

static int load(struct run *r)
{
	struct xload_setup setup = r->task->setup;
	int failed;

	r->bpf = xload__open();
	if (!r->bpf)
		return -errno;
	setup.pattern_sum = fill_pattern(r->bpf, setup.size);
	memcpy((void *)(uintptr_t)&r->bpf->rodata->setup, &setup, sizeof(setup));
	failed = bpf_map__set_max_entries(r->bpf->maps.clients, setup.slots);
	if (!failed)
		failed = xload__load(r->bpf);
	return failed ? failed : map_clients(r);
}

static int program_there(uint32_t ifindex)
{
	uint32_t id = 0;

	if (bpf_xdp_query_id((int)ifindex, XDP_FLAGS_DRV_MODE, &id) || !id)
		return -1;
	return bpf_prog_get_fd_by_id(id);
}

static int attach(struct run *r)
{
	const struct xload_task *t = r->task;
	int failed;

	r->dispatched = !bpf_xdp_attach(LOOPBACK, bpf_program__fd(r->bpf->progs.xload_live),
					XDP_FLAGS_SKB_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	r->before = t->replace ? program_there(t->setup.ifindex) : -1;
	failed = bpf_xdp_attach((int)t->setup.ifindex, bpf_program__fd(r->bpf->progs.xload_client),
				XDP_FLAGS_DRV_MODE | (t->replace ? 0 : XDP_FLAGS_UPDATE_IF_NOEXIST),
				NULL);
	r->attached = !failed;
	return failed;
}

static void unload(struct run *r)
{
	if (r->attached) /* -1: nothing */
		bpf_xdp_attach((int)r->task->setup.ifindex, r->before, XDP_FLAGS_DRV_MODE, NULL);
	if (r->before >= 0)
		close(r->before);
	if (r->dispatched)
		bpf_xdp_detach(LOOPBACK, XDP_FLAGS_SKB_MODE, NULL);
	if (r->clients)
		munmap(r->clients, r->clients_size);
	free(r->exchanges);
	xload__destroy(r->bpf);
}

/* --- frames of our own -------------------------------------------------------- */

static uint32_t text_at(const struct run *r)
{
	const struct xload_setup *s = &r->task->setup;

	return 34 + (s->v6 ? XLOAD_V6_MORE : 0) + (s->timestamps ? 32 : 20);
}

/* Does a job with `repeat` frames, one byte longer than what it sends at most:
 * the kernel takes the length of a frame that comes round again from whoever had
 * it before, unless the program changes it. */
static int live_frames(struct run *r, enum xload_job job, uint64_t repeat)
{
	struct xdp_md ctx = {.ingress_ifindex = r->task->setup.ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, o);
	int failed;

	ctx.data_end = text_at(r) + r->task->setup.size + 1;
	if (ctx.data_end < text_at(r) + SYN_OPTION_BYTES + 1)
		ctx.data_end = text_at(r) + SYN_OPTION_BYTES + 1;
	o.data_in = r->frame;
	o.data_size_in = ctx.data_end;
	o.ctx_in = &ctx;
	o.ctx_size_in = sizeof(ctx);
	o.repeat = (int)repeat;
	o.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	o.batch_size = LIVE_BATCH;
	r->bpf->bss->job = job;
	failed = bpf_prog_test_run_opts(bpf_program__fd(r->bpf->progs.xload_live), &o);
	return failed == -EINTR ? 0 : failed;
}

/* The text of bulk lies in the frames from the start. */
static void fill_frame(struct run *r)
{
	uint32_t at = text_at(r);

	memset(r->frame, 0, sizeof(r->frame));
	memcpy(r->frame + at, (const void *)(uintptr_t)r->bpf->rodata->pattern,
	       r->task->setup.size);
	memset(r->frame + at, 0, 8);
}

/* --- opening ------------------------------------------------------------------ */

/* A connection that is to exchange has to have done so once: a server may be slow
 * to accept what its kernel has opened. */
static bool is_open(const struct run *r, const struct xload_client *c)
{
	return c->state == XLOAD_OPEN && (r->task->setup.mode != XLOAD_ECHO || c->exchanges);
}

static uint32_t count_open(const struct run *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->task->setup.slots; i++)
		n += is_open(r, &r->clients[i]);
	return n;
}

static bool waits_too_long(const struct run *r, const struct xload_client *c, uint64_t now)
{
	bool asks = r->task->setup.mode == XLOAD_ECHO || r->task->setup.mode == XLOAD_CONNECT;

	if (c->state == XLOAD_FREE)
		return true;
	if (c->state == XLOAD_OPEN && !asks)
		return false;
	return !c->sent_at || now > c->sent_at + r->task->setup.retry;
}

static int rescue(struct run *r)
{
	uint64_t now = now_ns();
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->task->setup.slots && !n; i++)
		n = waits_too_long(r, &r->clients[i], now);
	return n ? live_frames(r, XLOAD_SCAN, r->task->setup.slots) : 0;
}

/* A veth hands what was sent on a CPU to the receive queue of that number, and the
 * answer comes back on the CPU that sent it: so a connection stays where it began. */
static void next_cpu(struct run *r)
{
	cpu_set_t one;

	do
		r->cpu = (r->cpu + 1) % CPU_SETSIZE;
	while (!CPU_ISSET(r->cpu, &r->cpus_allowed));
	CPU_ZERO(&one);
	CPU_SET(r->cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* As many from each CPU, if they are to be spread. */
static uint32_t batch_of(struct run *r)
{
	const struct xload_task *t = r->task;
	uint32_t each;

	if (!t->spread)
		return t->batch;
	sched_getaffinity(0, sizeof(r->cpus_allowed), &r->cpus_allowed);
	each = (t->setup.slots - 1) / (uint32_t)CPU_COUNT(&r->cpus_allowed) + 1;
	return each < t->batch ? each : t->batch;
}

/* Until most of a batch have had their SYN answered, but not for long: no more
 * at once than a server may hold half open. */
static void await_answers(const struct run *r, uint32_t first, uint32_t count)
{
	for (int tries = 0; tries < 1000 && !stop; tries++) {
		uint32_t waiting = 0;

		for (uint32_t i = first; i < first + count; i++)
			waiting += r->clients[i].state == XLOAD_SYN_SENT;
		if (waiting <= count / 8)
			return;
		sleep_us(200);
	}
}

static int send_first(struct run *r)
{
	const struct xload_task *t = r->task;
	uint32_t batch = batch_of(r);
	int failed = 0;

	for (uint32_t n = 0; n < t->setup.slots && !failed && !stop; n += batch) {
		uint32_t left = t->setup.slots - n;

		if (t->spread)
			next_cpu(r);
		left = left < batch ? left : batch;
		failed = live_frames(r, XLOAD_SCAN, left);
		await_answers(r, n, left);
	}
	if (t->spread)
		sched_setaffinity(0, sizeof(r->cpus_allowed), &r->cpus_allowed);
	return failed;
}

static int open_all(struct run *r, struct xload_result *result)
{
	const struct xload_task *t = r->task;
	uint64_t begin = now_ns(), limit = begin + (uint64_t)(t->opening * 1e9);
	int failed = send_first(r);

	while (!failed && !stop && now_ns() < limit && count_open(r) < t->setup.slots &&
	       t->setup.mode != XLOAD_CONNECT) {
		sleep_us(5000);
		failed = rescue(r);
	}
	result->open = count_open(r);
	result->opened_after = now_ns() - begin;
	if (t->setup.mode == XLOAD_IDLE)
		fprintf(stderr, "%u of %u connections open after %.2f s\n", result->open,
			t->setup.slots, (double)result->opened_after / 1e9);
	return failed;
}

/* --- measuring ---------------------------------------------------------------- */

static void read_percpu(const struct run *r, const struct bpf_map *map, uint32_t n, uint64_t *sums)
{
	uint64_t *values = calloc(r->cpus, sizeof(*values));

	for (uint32_t i = 0; values && i < n; i++) {
		sums[i] = 0;
		if (bpf_map_lookup_elem(bpf_map__fd(map), &i, values))
			continue;
		for (uint32_t cpu = 0; cpu < r->cpus; cpu++)
			sums[i] += values[cpu];
	}
	free(values);
}

static void take_snapshot(const struct run *r, struct xload_snapshot *s)
{
	read_percpu(r, r->bpf->maps.counters, XLOAD_COUNTER_COUNT, s->counter);
	read_percpu(r, r->bpf->maps.round_trips, XLOAD_BUCKETS, s->round_trip);
	s->cpu = cpu_time_now();
	s->at = now_ns();
}

/* Segments that the windows allow now. */
static uint64_t bulk_allowed(const struct run *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->task->setup.slots; i++) {
		const struct xload_client *c = &r->clients[i];
		uint32_t under_way = c->snd_nxt - c->snd_una;

		if (c->state == XLOAD_OPEN && under_way < c->snd_wnd)
			n += (c->snd_wnd - under_way) / r->task->setup.size;
	}
	return n;
}

static bool bulk_is_stuck(const struct run *r)
{
	uint64_t now = now_ns();

	for (uint32_t i = 0; i < r->task->setup.slots; i++) {
		const struct xload_client *c = &r->clients[i];

		if (c->state == XLOAD_OPEN && c->snd_nxt != c->snd_una &&
		    now > c->sent_at + r->task->setup.retry)
			return true;
	}
	return false;
}

/* Waits while windows are closed, so that whoever is to open them has the CPU. */
static int send_bulk(struct run *r, uint64_t until)
{
	int failed = 0;

	while (now_ns() < until && !stop && !failed) {
		uint64_t n = bulk_allowed(r);

		if (!n && bulk_is_stuck(r))
			n = r->task->setup.slots;
		if (n)
			failed = live_frames(r, XLOAD_BULK, n < BULK_ROUND ? n : BULK_ROUND);
		else
			sleep_us(LOOK_OFTEN);
	}
	return failed;
}

/* Sends what is due of the flood. */
static int flood_some(struct run *r)
{
	const struct xload_task *t = r->task;
	uint64_t n = FLOOD_ROUND, now = now_ns();

	if (t->rate) {
		r->flood_due += (double)t->rate * (double)(now - r->flood_at) / 1e9;
		n = r->flood_due < FLOOD_ROUND ? (uint64_t)r->flood_due : FLOOD_ROUND;
		r->flood_due -= (double)n;
	}
	r->flood_at = now;
	if (t->count && n > t->count - r->flood_sent)
		n = t->count - r->flood_sent;
	r->flood_sent += n;
	return n ? live_frames(r, XLOAD_SPOOF, n) : 0;
}

static int flood(struct run *r, uint64_t until)
{
	const struct xload_task *t = r->task;
	int failed = 0;

	while (now_ns() < until && !stop && !failed && (!t->count || r->flood_sent < t->count)) {
		failed = flood_some(r);
		if (t->rate)
			sleep_us(FLOOD_EVERY);
	}
	return failed;
}

/* Sends again what got lost; what is due of a flood more often than that. */
static int keep_looking(struct run *r, uint64_t until, unsigned int every)
{
	uint64_t look_at = now_ns() + every * 1000ull;
	int failed = 0;

	for (uint64_t now = now_ns(); now < until && !stop && !failed; now = now_ns()) {
		uint64_t wake_at = look_at < until ? look_at : until;

		if (r->task->floods && wake_at > now + FLOOD_EVERY * 1000)
			wake_at = now + FLOOD_EVERY * 1000;
		if (wake_at > now)
			sleep_us((unsigned int)((wake_at - now) / 1000) + 1);
		if (r->task->floods)
			failed = flood_some(r);
		if (failed || now_ns() < look_at)
			continue;
		failed = rescue(r);
		look_at = now_ns() + every * 1000ull;
	}
	return failed;
}

static int work(struct run *r, double seconds)
{
	uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);

	r->flood_at = now_ns();
	switch (r->task->setup.mode) {
	case XLOAD_FLOOD: return flood(r, until);
	case XLOAD_SEND: return send_bulk(r, until);
	case XLOAD_CONNECT: return keep_looking(r, until, LOOK_OFTEN);
	default: return keep_looking(r, until, LOOK_EVERY);
	}
}

static int measure(struct run *r, struct xload_result *result)
{
	int failed = work(r, r->task->warmup);

	for (uint32_t i = 0; i < r->task->setup.slots; i++)
		r->exchanges[i] = r->clients[i].exchanges;
	take_snapshot(r, &result->begin);
	if (!failed)
		failed = work(r, r->task->duration);
	take_snapshot(r, &result->end);
	for (uint32_t i = 0; i < r->task->setup.slots; i++)
		result->active += r->clients[i].exchanges != r->exchanges[i];
	return failed;
}

static int run_loaded(struct run *r, struct xload_result *result)
{
	bool opens = r->task->setup.mode != XLOAD_FLOOD;
	int failed = opens ? open_all(r, result) : 0;

	fill_frame(r);
	if (!failed && !stop)
		failed = measure(r, result);
	if (opens) {
		r->bpf->bss->cursor = 0;
		live_frames(r, XLOAD_RESET, r->task->setup.slots);
	}
	return failed;
}

static int complain(const struct xload_task *t, const char *what, int failed)
{
	error(0, -failed, "%s: %s", t->interface, what);
	if (failed == -EBUSY || failed == -EEXIST)
		error(0, 0, "another XDP program is on it: ip link set dev %s xdp off",
		      t->interface);
	return failed;
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_stop};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

int xload_run(const struct xload_task *task, struct xload_result *result)
{
	struct run r = {.before = -1, .task = task, .cpus = (uint32_t)libbpf_num_possible_cpus()};
	int failed = load(&r);

	catch_signals();
	if (failed) {
		complain(task, "cannot load the client", failed);
		goto out;
	}
	failed = attach(&r);
	if (failed) {
		complain(task, "cannot attach the client in driver mode", failed);
		goto out;
	}
	failed = run_loaded(&r, result);
	if (failed)
		complain(task, "cannot send (is the link up, with an XDP program at its far end?)",
			 failed);
out:
	unload(&r);
	return failed;
}
