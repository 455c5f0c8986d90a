/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading and attaching; see attach.h. */
#include "attach.h"
#include "log.h"
#include "pins.h"
#include "text.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { KERNEL_MAJOR = 6, KERNEL_MINOR = 1, LISTENER_ENTRIES = 16384 };

/* What libbpf said last: printed only when loading fails, as one line. */
static char last_words[4096];

static int keep_words(enum libbpf_print_level level, const char *format, va_list arguments)
{
	size_t length = strlen(last_words);

	if (level != LIBBPF_WARN || length >= sizeof(last_words) - 1)
		return 0;
	vsnprintf(last_words + length, sizeof(last_words) - length, format, arguments);
	for (char *at = last_words + length; (at = strchr(at, '\n')); at++)
		*at = ';';
	return 0;
}

/* --- checks ---------------------------------------------------------------------- */

static bool has_capability(const struct __user_cap_data_struct *data, unsigned capability)
{
	return data[capability / 32].effective & 1u << capability % 32;
}

static int check_privileges(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	bool bpf;

	syscall(SYS_capget, &head, data);
	bpf = has_capability(data, CAP_SYS_ADMIN) ||
	      (has_capability(data, CAP_BPF) && has_capability(data, CAP_PERFMON));
	if (bpf && has_capability(data, CAP_NET_ADMIN) && has_capability(data, CAP_NET_RAW))
		return 0;
	log_error("missing privileges: run as root, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN "
		  "and CAP_NET_RAW");
	return -EPERM;
}

static int check_kernel(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		return 0;
	log_error("Linux %s is too old: %d.%d or newer is needed", name.release, KERNEL_MAJOR,
		  KERNEL_MINOR);
	return -ENOSYS;
}

static int check_interface(const struct config *config, struct interface *i)
{
	int error = interface_read(config->interface, i);

	if (error == -ENODEV) {
		log_error("no interface %s here; `ip link` shows those that exist",
			  config->interface);
	} else if (error) {
		log_error("%s: %s", config->interface, strerror(-error));
	} else if (!i->up) {
		log_error("%s is down; `ip link set %s up` brings it up", i->name, i->name);
		error = -ENETDOWN;
	} else if (!i->ethernet) {
		log_error("%s carries no Ethernet frames; xtcp needs them", i->name);
		error = -EOPNOTSUPP;
	}
	return error;
}

static bool sysctl_is_set(const char *interface, const char *name)
{
	char path[128], value = '0';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", interface, name);
	f = fopen(path, "r");
	if (!f)
		return true; /* cannot be said */
	value = (char)fgetc(f);
	fclose(f);
	return value != '0';
}

/* On lo our answers come in like anybody's, from an address that is the host's
 * own; the kernel throws that away unless it is told otherwise. */
static void check_loopback(const struct interface *i)
{
	static const char *const needed[] = {"route_localnet", "accept_local"};

	for (int n = 0; i->loopback && n < 2; n++)
		if (!sysctl_is_set("all", needed[n]) && !sysctl_is_set(i->name, needed[n]))
			log_warning("on %s the kernel drops what xtcp answers over IPv4; "
				    "`sysctl -w net.ipv4.conf.all.%s=1` lets it in",
				    i->name, needed[n]);
}

int attach_check(const struct config *config, struct interface *i)
{
	int error = check_kernel();

	if (!error)
		error = check_privileges();
	if (!error)
		error = check_interface(config, i);
	if (!error)
		check_loopback(i);
	return error;
}

static int say_busy(const struct interface *i, uint32_t program)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(program);

	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &length);
		close(fd);
	}
	log_error("%s has an XDP program already: \"%s\" (id %u)%s; detach it first, or use "
		  "another interface",
		  i->name, info.name[0] ? info.name : "unknown", program,
		  !strcmp(info.name, "xtcp_xdp") ? ", of another xtcpd" : "");
	return -EBUSY;
}

/* 0, or the ID of the program that is there. */
static uint32_t program_on(const struct interface *i)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)i->index, 0, &query))
		return 0;
	if (query.prog_id)
		return query.prog_id;
	return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

/* --- loading ----------------------------------------------------------------------- */

/* One for each receive queue, as long as each has text blocks for all that its
 * ring can hold; with fewer, a worker serves several queues. */
static uint32_t workers_for(const struct config *config, const struct interface *i)
{
	uint32_t most = config->text_pool_mib / (2 * config->ring_mib);

	if (config->workers)
		return config->workers;
	if (most > UINT8_MAX)
		most = UINT8_MAX;
	if (i->queues <= most)
		return i->queues;
	log_info("%s: %u receive queues, but text_pool_mib is enough for %u workers", i->name,
		 i->queues, most);
	return most;
}

/* Without it the tables would work, and who knows the hash could fill one way. */
static int make_flow_key(struct xdp_main *s)
{
	size_t size = sizeof(s->rodata->flow_key);

	if (getrandom(&s->rodata->flow_key, size, 0) == (ssize_t)size)
		return 0;
	log_error("no random bytes for the table of flows: %s", strerror(errno));
	return -EIO;
}

static void set_sizes(struct attachment *a, const struct config *config, const struct interface *i)
{
	struct xdp_main *s = a->skeleton;

	a->workers = workers_for(config, i);
	a->connections = config->connections / a->workers * a->workers;
	if (!a->connections)
		a->connections = a->workers;
	a->blocks = config->text_pool_mib * (uint32_t)((1 << 20) / TEXT_BLOCK);
	s->rodata->flow_places = FLOW_PLACES_PER_CONNECTION * a->connections;
	bpf_map__set_max_entries(s->maps.flows, s->rodata->flow_places);
	bpf_map__set_max_entries(s->maps.conns, a->connections);
	bpf_map__set_max_entries(s->maps.text, a->blocks);
	bpf_map__set_max_entries(s->maps.rings, a->workers);
	bpf_map__set_max_entries(s->maps.workers, a->workers);
	bpf_map__set_max_entries(s->maps.carrier, a->workers);
	bpf_map__set_max_entries(s->maps.listeners, LISTENER_ENTRIES);
	s->rodata->worker_count = a->workers;
	s->rodata->partial_checksum_ok = i->veth || i->loopback;
	s->rodata->hop_limit = (uint8_t)config->ttl;
	s->rodata->traffic_class = (uint8_t)(config->dscp << 2);
}

static int say_load_error(int error)
{
	if (error == -EPERM || error == -EACCES)
		log_error("the kernel does not let us load the XDP program: %s (%s)",
			  strerror(-error), last_words);
	else if (error == -ENOMEM || error == -E2BIG)
		log_error("the maps do not fit into memory: lower connections or text_pool_mib");
	else
		log_error("cannot load the XDP program: %s (%s)", strerror(-error), last_words);
	return error;
}

static int pin_maps(const struct attachment *a, const struct config *config)
{
	struct bpf_map *map;
	char path[PIN_PATH];

	bpf_object__for_each_map(map, a->skeleton->obj)
	{
		int error;

		/* .rodata and .bss are the program's own. */
		if (strchr(bpf_map__name(map), '.'))
			continue;
		pins_path(config->bpffs, bpf_map__name(map), path);
		error = bpf_map__pin(map, path);
		if (!error)
			continue;
		log_error("cannot pin %s: %s", path, strerror(-error));
		return error;
	}
	return 0;
}

static void *map_array(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t value = (bpf_map__value_size(map) + 7u) & ~(size_t)7;
	size_t size = (value * bpf_map__max_entries(map) + page - 1) & ~(page - 1);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory != MAP_FAILED)
		return memory;
	log_error("cannot map %s into memory: %s", bpf_map__name(map), strerror(errno));
	return NULL;
}

static void unmap_array(const struct bpf_map *map, void *memory)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t value = (bpf_map__value_size(map) + 7u) & ~(size_t)7;
	size_t size = (value * bpf_map__max_entries(map) + page - 1) & ~(page - 1);

	if (memory)
		munmap(memory, size);
}

static int map_arrays(struct attachment *a)
{
	struct xdp_main *s = a->skeleton;
	struct maps *m = &a->maps;

	m->flows = map_array(s->maps.flows);
	m->flow_key = &s->rodata->flow_key;
	m->conns = map_array(s->maps.conns);
	m->text = map_array(s->maps.text);
	m->wakes = map_array(s->maps.workers);
	m->carrier = map_array(s->maps.carrier);
	m->transmit_works = &s->bss->transmit_works;
	m->rings = bpf_map__fd(s->maps.rings);
	m->listeners = bpf_map__fd(s->maps.listeners);
	m->counters = bpf_map__fd(s->maps.counters);
	return m->flows && m->conns && m->text && m->wakes && m->carrier ? 0 : -ENOMEM;
}

/* Copies of frames leave by the interface itself. Only a veth is known to take them
 * wherever it takes XDP_TX; without them segments leave one at a time. */
static void fill_riders(struct attachment *a, const struct interface *i)
{
	struct bpf_devmap_val way = {
		.ifindex = i->index,
		.bpf_prog.fd = bpf_program__fd(a->skeleton->progs.xtcp_ride),
	};
	int error = 0;

	a->maps.multiplies = i->veth;
	for (uint32_t n = 0; n < CARRIER_RIDERS && i->veth && !error; n++)
		error = bpf_map_update_elem(bpf_map__fd(a->skeleton->maps.riders), &n, &way,
					    BPF_ANY);
	if (!error)
		return;
	a->maps.multiplies = false;
	log_info("%s: carrier frames are not multiplied: %s", i->name, strerror(-error));
}

int attach_load(struct attachment *a, const struct config *config, const struct interface *i)
{
	int error;

	a->link = -1;
	last_words[0] = 0;
	libbpf_set_print(keep_words);
	if (program_on(i))
		return say_busy(i, program_on(i));
	a->skeleton = xdp_main__open();
	if (!a->skeleton)
		return say_load_error(-errno);
	set_sizes(a, config, i);
	error = make_flow_key(a->skeleton);
	if (error)
		return error;
	error = xdp_main__load(a->skeleton);
	if (error)
		return say_load_error(error);
	error = pin_maps(a, config);
	if (error)
		return error;
	fill_riders(a, i);
	return map_arrays(a);
}

/* A descriptor of the ring of that worker, or -errno. */
int attach_make_ring(struct attachment *a, const struct config *config, uint32_t worker)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, config->ring_mib << 20, NULL);
	int error;

	if (fd < 0) {
		log_error("cannot make a ring of %u MiB: %s", config->ring_mib, strerror(errno));
		return -errno;
	}
	error = bpf_map_update_elem(a->maps.rings, &worker, &fd, BPF_ANY);
	if (!error)
		return fd;
	log_error("cannot enter the ring of worker %u: %s", worker, strerror(-error));
	close(fd);
	return error;
}

/* --- attaching ------------------------------------------------------------------------ */

static int link_in(struct attachment *a, const struct interface *i, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);

	a->link = bpf_link_create(bpf_program__fd(a->skeleton->progs.xtcp_xdp), (int)i->index,
				  BPF_XDP, &options);
	return a->link < 0 ? -errno : 0;
}

static bool is_busy(int error)
{
	return error == -EBUSY || error == -EEXIST;
}

/* Native first; generic where the driver cannot, unless native was asked for. */
static int link_by_mode(struct attachment *a, const struct config *config,
			const struct interface *i)
{
	int error = -EOPNOTSUPP;

	a->mode = "native";
	if (config->mode != XDP_MODE_GENERIC)
		error = link_in(a, i, XDP_FLAGS_DRV_MODE);
	if (!error || is_busy(error))
		return error;
	if (config->mode == XDP_MODE_NATIVE) {
		log_error("%s (driver %s) does not take the program in native mode: %s; --mode "
			  "generic works with every driver",
			  i->name, i->driver, strerror(-error));
		return error;
	}
	if (config->mode == XDP_MODE_AUTO)
		log_info("%s (driver %s) has no native XDP (%s), using generic mode", i->name,
			 i->driver, strerror(-error));
	a->mode = "generic";
	error = link_in(a, i, XDP_FLAGS_SKB_MODE);
	if (error && !is_busy(error))
		log_error("cannot attach to %s: %s", i->name, strerror(-error));
	return error;
}

static void read_ids(struct attachment *a)
{
	struct bpf_link_info info = {0};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(a->link, &info, &length))
		return;
	a->link_id = info.id;
	a->program_id = info.prog_id;
}

int attach_link(struct attachment *a, const struct config *config, const struct interface *i)
{
	char path[PIN_PATH];
	int error = link_by_mode(a, config, i);

	if (is_busy(error))
		return say_busy(i, program_on(i));
	if (error)
		return error;
	read_ids(a);
	pins_path(config->bpffs, "link", path);
	error = bpf_obj_pin(a->link, path);
	if (error)
		log_error("cannot pin %s: %s", path, strerror(-error));
	return error;
}

void attach_undo(struct attachment *a)
{
	struct xdp_main *s = a->skeleton;

	if (a->link >= 0) {
		bpf_link_detach(a->link);
		close(a->link);
	}
	if (!s)
		return;
	unmap_array(s->maps.flows, a->maps.flows);
	unmap_array(s->maps.conns, a->maps.conns);
	unmap_array(s->maps.text, a->maps.text);
	unmap_array(s->maps.workers, a->maps.wakes);
	unmap_array(s->maps.carrier, a->maps.carrier);
	xdp_main__destroy(s);
}
