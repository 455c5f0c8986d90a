/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker's thread and its loop:
 *
 *	ring ─► settle ─► wheel ─► settle ─► services' descriptors ─► settle ─► transmit
 *
 * When a round found nothing to do, it looks again for config.spin_us, then says
 * in shared memory that it sleeps, looks once more, and blocks in epoll until XDP
 * rings, a message comes, a descriptor is ready or a deadline is reached. */
#include "worker.h"
#include "worker_life.h"
#include "clock.h"
#include "engine.h"
#include "flows.h"
#include "log.h"
#include "rx.h"
#include "service.h"
#include "settle.h"
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	EVENTS = 512,	  /* of descriptors, at a time */
	POLL_ROUNDS = 32, /* busy rounds between looks at descriptors */
	BATCHES = 16,	  /* of records before what they changed is settled */
	CATCH_UP = 2,	  /* times that is done before what is queued is sent (MUST-59) */
	DRAIN_ROUNDS = 64,
	RECORD_LEAST = sizeof(struct record) + BPF_RINGBUF_HDR_SZ, /* bytes in a ring */
};

/* --- messages ---------------------------------------------------------------------- */

struct message {
	struct message *next;
	void (*call)(struct worker *w, void *argument);
	void *argument;
	bool done;
};

int worker_call(struct worker *w, void (*call)(struct worker *w, void *argument), void *argument)
{
	struct message m = {.call = call, .argument = argument};
	struct message **last;
	int result = -ESHUTDOWN;

	pthread_mutex_lock(&w->lock);
	if (!w->ended) {
		for (last = &w->messages; *last; last = &(*last)->next)
			;
		__atomic_store_n(last, &m, __ATOMIC_RELEASE);
		eventfd_write(w->bell, 1);
		while (!m.done && !w->ended)
			pthread_cond_wait(&w->answered, &w->lock);
		result = m.done ? 0 : -ESHUTDOWN;
	}
	pthread_mutex_unlock(&w->lock);
	return result;
}

static struct message *take_message(struct worker *w)
{
	struct message *m;

	if (!__atomic_load_n(&w->messages, __ATOMIC_ACQUIRE))
		return NULL;
	pthread_mutex_lock(&w->lock);
	m = w->messages;
	if (m)
		w->messages = m->next;
	pthread_mutex_unlock(&w->lock);
	return m;
}

static bool answer_messages(struct worker *w)
{
	struct message *m;
	bool any = false;

	while ((m = take_message(w))) {
		worker_look(w);
		m->call(w, m->argument);
		pthread_mutex_lock(&w->lock);
		m->done = true;
		pthread_cond_broadcast(&w->answered);
		pthread_mutex_unlock(&w->lock);
		any = true;
	}
	return any;
}

/* --- one round ---------------------------------------------------------------------- */

/* What all records that fit into the ring could need: their bytes, and two partly
 * filled blocks for each connection that has any. Never more than half of what
 * receiving may have: with a pool that small, punts are the lesser evil. */
static uint32_t blocks_at_risk(const struct worker *w)
{
	uint64_t records = w->ring.size / RECORD_LEAST;
	uint64_t connections = w->sessions.live < records ? w->sessions.live : records;
	uint64_t blocks = w->ring.size / TEXT_BLOCK + 2 * connections;
	uint64_t half = w->text.blocks / 4;

	return (uint32_t)(blocks < half ? blocks : half);
}

static void watch_pool(struct worker *w)
{
	uint32_t left = text_pool_left(&w->text, TEXT_RECEIVE);
	uint32_t low = left < blocks_at_risk(w);
	uint32_t cap = w->text.blocks - w->text.blocks / 2;

	if (w->wake->pool_low != low)
		__atomic_store_n(&w->wake->pool_low, low, __ATOMIC_RELEASE);
	/* What was lent beyond the cap comes back as blocks are freed. */
	if (w->text.cap[TEXT_RECEIVE] > cap && w->text.used[TEXT_RECEIVE] <= cap)
		w->text.cap[TEXT_RECEIVE] = cap;
}

static void look_after_starved(struct worker *w)
{
	if (!w->starved || w->host.now - w->pool_looked < MILLISECOND)
		return;
	w->pool_looked = w->host.now;
	settle_starved(w);
}

static void handle_events(struct worker *w, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;
		eventfd_t rings;

		if (events[i].data.ptr == &w->bell)
			eventfd_read(w->bell, &rings);
		else if (events[i].data.ptr != &w->ring)
			watch->ready(watch, events[i].events);
	}
}

/* `timeout` in ns; NULL: for ever. */
static bool poll_descriptors(struct worker *w, const struct timespec *timeout)
{
	struct epoll_event events[EVENTS];
	int count = epoll_pwait2(w->epoll, events, EVENTS, timeout, NULL);

	worker_look(w);
	handle_events(w, events, count);
	return count > 0;
}

/* All that the ring holds, if it is not too much at a time. False: it held nothing. */
static bool empty_ring(struct worker *w)
{
	int i;

	for (i = 0; i < BATCHES && rx_drain(w); i++)
		watch_pool(w);
	return i;
}

/* Until the ring is empty, if that can be had: only then does XDP get flows back,
 * since a flow of which another punt is under way stays ours. What is to be sent
 * waits meanwhile, and peers with it. */
static bool receive(struct worker *w)
{
	bool busy = false;

	for (int i = 0; i < CATCH_UP && empty_ring(w); i++) {
		settle_changed(w);
		busy = true;
	}
	return busy;
}

static bool round_of(struct worker *w)
{
	static const struct timespec at_once;
	bool busy = answer_messages(w);

	w->rounds++;
	busy |= icmp_queue_work(w);
	busy |= receive(w);
	watch_pool(w);
	busy |= settle_changed(w);
	if (!busy)
		worker_look(w);
	wheel_advance(&w->wheel, w->host.now, settle_deadline, w);
	look_after_starved(w);
	busy |= settle_changed(w);
	if (w->watches && (!busy || !(w->rounds % POLL_ROUNDS))) {
		busy |= poll_descriptors(w, &at_once);
		busy |= settle_changed(w);
	}
	tx_flush(&w->tx, ring_is_empty(&w->ring));
	/* What waits for a way out is no work that could be done now. */
	return (busy || tx_is_carrying(&w->tx)) && !tx_is_waiting(&w->tx);
}

/* --- sleeping ------------------------------------------------------------------------ */

static bool has_work(const struct worker *w)
{
	return !ring_is_empty(&w->ring) || w->sessions.changed_first != SESSIONS_NONE ||
	       __atomic_load_n(&w->messages, __ATOMIC_ACQUIRE) || !icmp_queue_is_empty(&w->icmp);
}

/* Time until the next deadline; NULL if there is none. What is held back by a
 * full way out is tried again soon. */
static const struct timespec *until_deadline(struct worker *w, struct timespec *t)
{
	uint64_t next = wheel_next(&w->wheel);
	uint64_t now = clock_now();
	uint64_t wait = next > now ? next - now : 0;

	if (w->starved || tx_is_waiting(&w->tx) || w->stalled_since)
		wait = wait < MILLISECOND ? wait : MILLISECOND;
	else if (next == WHEEL_NEVER)
		return NULL;
	t->tv_sec = (time_t)(wait / 1000000000);
	t->tv_nsec = (long)(wait % 1000000000);
	return t;
}

/* The order is what makes it safe: say that we sleep, then look; XDP reserves,
 * then looks whether we sleep (struct worker_wake). */
static void fall_asleep(struct worker *w)
{
	struct timespec t;

	__atomic_store_n(&w->wake->asleep, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!has_work(w) || w->stalled_since || tx_is_waiting(&w->tx)) {
		w->wakeups++;
		poll_descriptors(w, until_deadline(w, &t));
	}
	__atomic_store_n(&w->wake->asleep, 0, __ATOMIC_SEQ_CST);
}

/* Who else wants this CPU gets it between two looks: it may be what we wait for, a
 * client, a backend or ksoftirqd. */
static bool spin(struct worker *w, uint64_t *idle_since)
{
	uint64_t now = w->host.now; /* as it was in the round before */

	if (!*idle_since)
		*idle_since = now;
	if (now - *idle_since >= (uint64_t)w->engine->config->spin_us * MICROSECOND)
		return false;
	sched_yield();
	return true;
}

static void loop(struct worker *w)
{
	uint64_t idle_since = 0;

	while (!w->stopping) {
		if (round_of(w)) {
			idle_since = 0;
			continue;
		}
		if (spin(w, &idle_since))
			continue;
		fall_asleep(w);
		idle_since = 0;
	}
}

/* --- life ------------------------------------------------------------------------------ */

static void abort_all(struct worker *w)
{
	worker_look(w);
	for (uint32_t i = 0; i < w->sessions.high; i++)
		if (w->sessions.place[i].marks & MARK_LIVE)
			session_abort(&w->sessions.place[i]);
	for (int i = 0; i < DRAIN_ROUNDS && settle_changed(w); i++)
		tx_flush(&w->tx, true);
	tx_drain(&w->tx);
}

/* The nth worker to the nth CPU that the process may use, and again from the first.
 * Who spins is never woken, so the scheduler leaves it where it is, be it far from
 * the CPU that takes its queue's frames: then each line that both touch, of record,
 * flow and carrier, goes to and fro between them. */
static int pin(const struct worker *w)
{
	cpu_set_t allowed, one;
	uint32_t left;
	int cpu = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	left = w->number % (uint32_t)CPU_COUNT(&allowed);
	do
		cpu++;
	while (!CPU_ISSET(cpu, &allowed) || left--);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

/* By its name `top -H`, `perf` and `taskset` find it. */
static void be_known(const struct worker *w)
{
	char name[16];

	snprintf(name, sizeof(name), "worker %u", w->number);
	pthread_setname_np(pthread_self(), name);
}

static void *work(void *argument)
{
	struct worker *w = argument;
	int error = w->engine->config->pin_workers ? pin(w) : 0;

	if (error)
		log_warning("worker %u is not pinned: %s", w->number, strerror(-error));
	be_known(w);
	loop(w);
	abort_all(w);
	pthread_mutex_lock(&w->lock);
	w->ended = true;
	pthread_cond_broadcast(&w->answered);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int watch_own(struct worker *w, int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int make_descriptors(struct worker *w)
{
	int error;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll < 0 || w->bell < 0)
		return -errno;
	error = watch_own(w, w->bell, &w->bell);
	return error ? error : watch_own(w, w->ring.fd, &w->ring);
}

/* This worker's share of what all have together. */
static uint32_t share(uint32_t total, const struct worker *w)
{
	uint32_t each = total / w->engine->workers;

	return each ? each : 1;
}

static int make_parts(struct worker *w)
{
	const struct config *config = w->engine->config;
	uint32_t blocks = config->text_pool_mib * (uint32_t)((1 << 20) / TEXT_BLOCK);
	uint32_t mine = share(blocks, w);
	int error;

	w->sessions.count = share(config->connections, w);
	w->sessions.base = w->number * w->sessions.count;
	w->sessions.half_open_most = share(config->half_open, w);
	error = sessions_make(w);
	if (!error)
		error = text_pool_make(&w->text,
				       w->engine->maps.text + (size_t)w->number * mine * TEXT_BLOCK,
				       mine);
	if (!error)
		error = wheel_make(&w->wheel, w->sessions.count, clock_now());
	w->traces = traces_create(config->traces ? share(config->traces, w) : 0);
	return error ? error : w->traces ? 0 : -ENOMEM;
}

struct worker *worker_make(struct engine *e, uint32_t number, const struct tcp_settings *settings,
			   int ring_fd)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w) {
		close(ring_fd);
		return NULL;
	}
	w->engine = e;
	w->number = number;
	w->settings = *settings;
	w->host.settings = &w->settings;
	w->host.store_text = rx_store_text;
	w->wake = &e->maps.wakes[number];
	w->epoll = w->bell = w->tx.packet.fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->answered, NULL);
	icmp_queue_make(&w->icmp);
	if (ring_open(&w->ring, ring_fd, (size_t)e->config->ring_mib << 20)) {
		close(ring_fd);
		free(w);
		return NULL;
	}
	return w;
}

int worker_start(struct worker *w)
{
	int error = make_parts(w);

	if (!error)
		error = make_descriptors(w);
	if (!error)
		error = tx_make(w);
	if (!error)
		error = -pthread_create(&w->thread, NULL, work, w);
	w->started = !error;
	return error;
}

static void stop_yourself(struct worker *w, void *argument)
{
	(void)argument;
	w->stopping = true;
}

void worker_stop(struct worker *w)
{
	if (!w->started)
		return;
	worker_call(w, stop_yourself, NULL);
	pthread_join(w->thread, NULL);
	w->started = false;
}

void worker_destroy(struct worker *w)
{
	if (w->tx.packet.fd >= 0)
		tx_destroy(&w->tx);
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->bell >= 0)
		close(w->bell);
	if (w->traces)
		traces_destroy(w->traces);
	wheel_destroy(&w->wheel);
	text_pool_destroy(&w->text);
	sessions_destroy(w);
	ring_close(&w->ring);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->answered);
	icmp_queue_destroy(&w->icmp);
	free(w);
}

/* --- what control asks ------------------------------------------------------------------- */

void worker_each_connection(struct worker *w,
			    void (*visit)(const struct connection_view *v, void *argument),
			    void *argument)
{
	for (uint32_t i = 0; i < w->sessions.high; i++) {
		const struct session *s = &w->sessions.place[i];
		struct connection_view v = {
			.index = s->index,
			.conn = s->conn,
		};

		if (!(s->marks & MARK_LIVE))
			continue;
		v.service = s->as->service->name;
		v.owner = (uint8_t)flow_owner(s);
		v.unread = session_unread(s);
		v.unsent = (uint32_t)session_unsent(s);
		v.soft_error = icmp_error_name(s->soft_error);
		v.soft_errors = s->soft_errors;
		visit(&v, argument);
	}
}

const struct traces *worker_traces(const struct worker *w)
{
	return w->traces;
}

const uint64_t *worker_counters(const struct worker *w)
{
	return w->drops;
}

void worker_status(const struct worker *w, struct worker_status *status)
{
	*status = (struct worker_status){
		.connections = w->sessions.live,
		.half_open = w->sessions.half_open,
		.text_used = (uint64_t)(w->text.used[TEXT_SEND] + w->text.used[TEXT_RECEIVE]) *
			     TEXT_BLOCK,
		.text_total = (uint64_t)w->text.blocks * TEXT_BLOCK,
		.wakeups = w->wakeups,
		.rounds = w->rounds,
		.records = w->records,
		.sent_carried = tx_carried(&w->tx),
		.sent_xdp = w->tx.sent_xdp,
		.sent_packet = w->tx.sent_packet,
		.icmp_too_big = w->icmp.too_big,
		.icmp_soft = w->icmp.soft,
		.icmp_hard = w->icmp.hard,
		.icmp_ignored = w->icmp.ignored,
		.transmit_small = tx_name_small(&w->tx),
		.transmit_bulk = tx_name_bulk(&w->tx),
	};
}
