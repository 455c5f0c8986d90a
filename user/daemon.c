/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine as a whole: up in one order, down in the reverse one, and a thread
 * that follows the host meanwhile. See daemon.h. */
#include "daemon.h"
#include "addresses.h"
#include "attach.h"
#include "demux.h"
#include "engine.h"
#include "frame.h"
#include "icmp.h"
#include "listening.h"
#include "log.h"
#include "pins.h"
#include "route.h"
#include "worker_life.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	PROBE_EVERY_MS = 1000,
	PORT_FIRST = 32768, /* ephemeral ports, as Linux has them */
	PORT_LAST = 60999,
	PORT_TRIES = 64,
};

struct daemon {
	const struct config *config;
	struct interface interface;
	struct attachment attachment;
	struct engine engine;
	struct worker **workers;
	struct icmp *icmp; /* NULL: not heard */
	struct pins pins;
	int events; /* of addresses */
	int bell;   /* tells the host thread to end */
	pthread_t host;
	bool host_runs;
	bool gone; /* nothing is attached any more */
	const char *transmit_why;
	struct tcp_patience *patience; /* of each listener */
};

/* --- following the host --------------------------------------------------------------- */

/* The link stays when its interface goes or somebody detaches it, but is on none. */
static bool is_attached(const struct daemon *d)
{
	struct bpf_link_info info = {0};
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(d->attachment.link, &info, &length) || info.xdp.ifindex;
}

/* An interface of the same name that comes back is another. */
static void look_after_link(struct daemon *d)
{
	if (d->gone || is_attached(d))
		return;
	d->gone = true;
	log_error("%s is gone, or our program was detached from it: nothing is served any more; "
		  "restart xtcpd when it is back",
		  d->interface.name);
}

/* Whether what XDP_TX sends arrives. A veth delivers it only to an end that has a
 * native program itself, and loses it silently otherwise. */
static void probe_transmit(struct daemon *d)
{
	struct interface now;
	bool works = false;
	const char *why;

	/* The other end may have moved into another namespace since. */
	if (d->gone || interface_read(d->interface.name, &now))
		return;
	if (strcmp(d->attachment.mode, "native"))
		why = "generic mode";
	else if (!d->interface.veth)
		why = "native mode of a driver that delivers it", works = true;
	else if (interface_peer_has_xdp(&now))
		why = "the other end of the veth has a native XDP program", works = true;
	else
		why = "the other end of the veth has no native XDP program";
	if (d->transmit_why != why)
		log_info("%s: XDP_TX %s: %s", d->interface.name, works ? "is used" : "is not used",
			 why);
	d->transmit_why = why;
	__atomic_store_n(d->attachment.maps.transmit_works, works, __ATOMIC_RELEASE);
}

static void do_nothing(struct worker *w, void *argument)
{
	(void)w;
	(void)argument;
}

/* A worker has a list for less than a round, and calls come between two. */
static void free_unused(struct daemon *d, struct addresses *a)
{
	for (uint32_t i = 0; d->workers && i < d->attachment.workers; i++)
		worker_call(d->workers[i], do_nothing, NULL);
	addresses_free(a);
}

static int renew_addresses(struct daemon *d)
{
	struct addresses *a = addresses_read(), *old = d->engine.addresses;

	if (!a) {
		log_error("cannot read the addresses of this host: %s", strerror(errno));
		return -errno;
	}
	__atomic_store_n(&d->engine.addresses, a, __ATOMIC_RELEASE);
	free_unused(d, old);
	return listening_update(d->attachment.maps.listeners, d->config, &d->interface, a);
}

/* The list is read after the messages have begun: no change falls between. */
static int follow_addresses(struct daemon *d)
{
	d->events = addresses_follow();
	if (d->events >= 0)
		return renew_addresses(d);
	log_error("cannot follow the addresses of this host: %s", strerror(-d->events));
	return d->events;
}

static void *follow_host(void *argument)
{
	struct daemon *d = argument;
	struct pollfd fds[] = {
		{.fd = d->bell, .events = POLLIN},
		{.fd = d->events, .events = POLLIN},
	};

	for (;;) {
		poll(fds, 2, PROBE_EVERY_MS);
		if (fds[0].revents)
			return NULL;
		if (fds[1].revents && addresses_have_changed(d->events))
			renew_addresses(d);
		look_after_link(d);
		probe_transmit(d);
	}
}

static int start_host(struct daemon *d)
{
	int error;

	d->bell = eventfd(0, EFD_CLOEXEC);
	error = d->bell < 0 ? -errno : -pthread_create(&d->host, NULL, follow_host, d);
	d->host_runs = !error;
	if (error)
		log_error("cannot start the thread that follows the host: %s", strerror(-error));
	return error;
}

static void stop_host(struct daemon *d)
{
	if (!d->host_runs)
		return;
	eventfd_write(d->bell, 1);
	pthread_join(d->host, NULL);
}

/* --- up and down ----------------------------------------------------------------------- */

static uint8_t scale_for(uint64_t window)
{
	uint8_t scale = 0;

	while (scale < WINDOW_SCALE_MAX && window >> scale > UINT16_MAX)
		scale++;
	return scale;
}

static int make_patience(struct daemon *d, struct tcp_settings *s)
{
	const struct config *config = d->config;

	d->patience = calloc(config->listener_count + 1, sizeof(*d->patience));
	if (!d->patience)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->listener_count; i++) {
		const struct listener_config *l = &config->listeners[i];

		d->patience[i] = (struct tcp_patience){s->user_timeout, s->keepalive_idle};
		if (l->user_timeout_s)
			d->patience[i].user_timeout = l->user_timeout_s * TCP_SECOND;
		if (l->keep_alive_s)
			d->patience[i].keepalive_idle = l->keep_alive_s * TCP_SECOND;
	}
	s->of_listener = d->patience;
	s->listeners = (uint16_t)config->listener_count;
	return 0;
}

static int make_settings(const struct daemon *d, struct tcp_settings *s)
{
	const struct config *config = d->config;
	uint32_t mtu = d->interface.mtu < UINT16_MAX ? d->interface.mtu : UINT16_MAX;

	tcp_settings_default(s);
	if (getrandom(s->secret, sizeof(s->secret), 0) != sizeof(s->secret))
		return -errno;
	s->two_msl = config->time_wait_ms * 1000000ull;
	/* Where buffers begin; sizing.c has them grow. */
	s->send_limit = sizing_send_first(config->send_buffer_kib * 1024);
	s->receive_limit = sizing_receive_first(config->receive_buffer_kib * 1024);
	s->window_scale = scale_for(config->receive_buffer_kib * 1024ull);
	s->mss_v4 = (uint16_t)(mtu - 40);
	s->mss_v6 = (uint16_t)(mtu - 60);
	s->quick_ack = config->quick_ack;
	s->timestamps = config->timestamps;
	s->sack = config->sack;
	s->ecn = config->ecn;
	s->congestion = (uint8_t)config->congestion;
	s->pacing = config->pacing;
	s->user_timeout = config->user_timeout_s * TCP_SECOND;
	s->keepalive_idle = config->keep_alive ? config->keep_alive_s * TCP_SECOND : 0;
	return 0;
}

static void make_engine(struct daemon *d)
{
	d->engine.config = d->config;
	d->engine.interface = &d->interface;
	d->engine.maps = d->attachment.maps;
	flow_table_make(&d->engine.flows, d->engine.maps.flows,
			FLOW_PLACES_PER_CONNECTION * d->attachment.connections,
			d->engine.maps.flow_key);
	d->engine.workers = d->attachment.workers;
	d->engine.partial_checksum_ok = d->interface.veth || d->interface.loopback;
}

static int make_worker(struct daemon *d, uint32_t number, const struct tcp_settings *settings)
{
	int fd = attach_make_ring(&d->attachment, d->config, number);
	int error;

	if (fd < 0)
		return fd;
	d->workers[number] = worker_make(&d->engine, number, settings, fd);
	error = d->workers[number] ? worker_start(d->workers[number]) : -ENOMEM;
	if (error)
		log_error("cannot start worker %u: %s", number, strerror(-error));
	return error;
}

static int make_workers(struct daemon *d)
{
	struct tcp_settings settings;
	int error = make_settings(d, &settings);

	if (!error)
		error = make_patience(d, &settings);

	frame_set_ip((uint8_t)d->config->ttl, (uint8_t)(d->config->dscp << 2));
	d->workers = calloc(d->attachment.workers, sizeof(struct worker *));
	if (!d->workers)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->attachment.workers && !error; i++)
		error = make_worker(d, i, &settings);
	return error;
}

static int bring_up(struct daemon *d)
{
	int error;

	error = attach_check(d->config, &d->interface);
	if (!error)
		error = listening_check(d->config, &d->interface);
	if (error)
		return error;
	error = pins_open(d->config->bpffs, &d->pins);
	if (error)
		return error;
	error = attach_load(&d->attachment, d->config, &d->interface);
	if (error)
		return error;
	make_engine(d);
	error = follow_addresses(d);
	if (!error)
		error = make_workers(d);
	if (error)
		return error;
	d->icmp = icmp_start(&d->engine, d->workers);
	d->engine.hears_icmp = d->icmp;
	if (!error)
		error = attach_link(&d->attachment, d->config, &d->interface);
	if (error)
		return error;
	probe_transmit(d);
	return start_host(d);
}

int daemon_start(const struct config *config, struct daemon **out)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int error;

	if (!d)
		return -ENOMEM;
	d->config = config;
	d->pins.lock = d->events = d->bell = d->attachment.link = -1;
	d->transmit_why = "";
	error = bring_up(d);
	if (error) {
		daemon_stop(d);
		return error;
	}
	*out = d;
	return 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Workers first: their resets must still find the interface as it was. */
void daemon_stop(struct daemon *d)
{
	stop_host(d);
	if (d->icmp)
		icmp_stop(d->icmp);
	for (uint32_t i = 0; d->workers && i < d->attachment.workers; i++)
		if (d->workers[i])
			worker_stop(d->workers[i]);
	for (uint32_t i = 0; d->workers && i < d->attachment.workers; i++)
		if (d->workers[i])
			worker_destroy(d->workers[i]);
	free(d->workers);
	free(d->patience);
	flow_table_destroy(&d->engine.flows);
	attach_undo(&d->attachment);
	pins_close(&d->pins);
	close_if_open(d->events);
	close_if_open(d->bell);
	addresses_free(d->engine.addresses);
	free(d);
}

/* --- what main and control ask ------------------------------------------------------------ */

uint32_t daemon_worker_count(const struct daemon *d)
{
	return d->attachment.workers;
}

struct worker *daemon_worker(struct daemon *d, uint32_t number)
{
	return d->workers[number];
}

void daemon_counters(struct daemon *d, uint64_t counters[REASON_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *each = calloc((size_t)cpus, sizeof(*each));

	memset(counters, 0, REASON_COUNT * sizeof(*counters));
	for (uint32_t reason = 0; each && reason < REASON_COUNT; reason++) {
		if (bpf_map_lookup_elem(d->attachment.maps.counters, &reason, each))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			counters[reason] += each[cpu];
	}
	free(each);
	for (uint32_t i = 0; i < d->attachment.workers; i++)
		for (uint32_t reason = 0; reason < REASON_COUNT; reason++)
			counters[reason] += worker_counters(d->workers[i])[reason];
}

void daemon_status(struct daemon *d, struct daemon_status *status)
{
	const struct attachment *a = &d->attachment;

	*status = (struct daemon_status){
		.interface = d->interface.name,
		.ifindex = d->interface.index,
		.mtu = d->interface.mtu,
		.driver = d->interface.driver,
		.mode = a->mode,
		.link_id = a->link_id,
		.program_id = a->program_id,
		.bpffs = d->config->bpffs,
		.xdp_transmit = *a->maps.transmit_works,
		.xdp_transmit_why = d->transmit_why,
		.partial_checksum = d->engine.partial_checksum_ok,
		.workers = a->workers,
		.connections_max = a->connections,
		.half_open_max = d->config->half_open,
		.text_pool = (uint64_t)a->blocks * TEXT_BLOCK,
		.ring = (uint64_t)d->config->ring_mib << 20,
	};
	memcpy(status->mac, d->interface.mac, sizeof(status->mac));
}

struct opening {
	struct tuple tuple;
	struct link_address link;
	const struct listener_config *as;
	uint32_t id;
	int error;
};

static void open_in_worker(struct worker *w, void *argument)
{
	struct opening *o = argument;

	o->error = demux_open(w, &o->tuple, &o->link, o->as, &o->id);
}

static int open_at(struct daemon *d, struct opening *o, __be16 port)
{
	struct worker *w = d->workers[be16toh(port) % d->attachment.workers];
	int error;

	o->tuple.local_port = port;
	error = worker_call(w, open_in_worker, o);
	return error ? error : o->error;
}

static __be16 any_port(void)
{
	uint32_t random = 0;

	getrandom(&random, sizeof(random), 0);
	return htobe16((uint16_t)(PORT_FIRST + random % (PORT_LAST - PORT_FIRST + 1)));
}

int daemon_connect(struct daemon *d, const struct address *remote, __be16 port, __be16 local_port,
		   const struct listener_config *as, uint32_t *id)
{
	struct opening o = {.as = as};
	struct route route;
	int error = route_find(&d->interface, remote, &route);

	if (error)
		return error;
	o.link = route.link;
	o.tuple = (struct tuple){
		.remote = *remote,
		.local = route.source,
		.remote_port = port,
	};
	error = local_port ? open_at(d, &o, local_port) : -EADDRINUSE;
	for (int i = 0; !local_port && error == -EADDRINUSE && i < PORT_TRIES; i++)
		error = open_at(d, &o, any_port());
	*id = o.id;
	return error;
}
