/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread that hears ICMP errors (RFC 792, RFC 4443); see icmp.h.
 *
 *	raw socket ─► icmp_quote ─► flow_table ─► the worker's icmp_queue
 *
 * A flood costs this thread a few thousand messages a second, and what is more
 * is lost in the sockets' buffers. */
#include "icmp.h"
#include "engine.h"
#include "icmp_queue.h"
#include "log.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 64,	  /* messages of each socket, then … */
	REST_MS = 10,	  /* … the others have time */
	BUFFER = 1 << 18, /* of a socket */
	MESSAGE = 2048,	  /* more is not quoted (RFC 4443, 2.4: 1280) */
};

struct icmp {
	struct engine *engine;
	struct worker **workers;
	int bell;
	int v4;
	int v6;
	pthread_t thread;
};

/* --- sockets -------------------------------------------------------------------------- */

static int filter_v4(int fd)
{
	const struct icmp_filter f = {
		~(1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED | 1u << ICMP_PARAMETERPROB)};

	return setsockopt(fd, SOL_RAW, ICMP_FILTER, &f, sizeof(f));
}

static int filter_v6(int fd)
{
	static const uint8_t types[] = {ICMPV6_DEST_UNREACH, ICMPV6_PKT_TOOBIG, ICMPV6_TIME_EXCEED,
					ICMPV6_PARAMPROB};
	struct icmp6_filter f;

	memset(&f, 0xff, sizeof(f));
	for (size_t i = 0; i < sizeof(types); i++)
		f.data[types[i] >> 5] &= ~(1u << (types[i] & 31));
	return setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &f, sizeof(f));
}

/* -1 if it cannot be had: no IPv6 in this kernel, perhaps. */
static int open_socket(const struct interface *i, int family, int protocol)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	const int size = BUFFER;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, i->name, (socklen_t)strlen(i->name)) &&
	    !(family == AF_INET ? filter_v4(fd) : filter_v6(fd)))
		return fd;
	close(fd);
	return -1;
}

/* --- messages ------------------------------------------------------------------------- */

static void pass_on(struct icmp *i, const struct icmp_quote *q)
{
	struct icmp_news n = {.seq = q->seq, .mtu = q->mtu, .error = q->error, .hard = q->hard};
	struct flow_found found;
	struct worker *w;

	if (!flow_table_find(&i->engine->flows, &q->tuple, &found))
		return;
	n.index = found.index;
	n.generation = found.generation;
	w = i->workers[found.worker];
	if (icmp_queue_put(&w->icmp, &n))
		eventfd_write(w->bell, 1);
}

/* False: there may be more than a batch. */
static bool hear(struct icmp *i, int fd)
{
	uint8_t bytes[MESSAGE];
	struct icmp_quote q;

	for (int n = 0; n < BATCH; n++) {
		ssize_t length = recv(fd, bytes, sizeof(bytes), 0);

		if (length < 0)
			return true;
		if (fd == i->v4 ? icmp_read_v4(bytes, (size_t)length, &q)
				: icmp_read_v6(bytes, (size_t)length, &q))
			pass_on(i, &q);
	}
	return false;
}

static void *listen_on(void *argument)
{
	struct icmp *i = argument;
	struct pollfd fds[] = {
		{.fd = i->bell, .events = POLLIN},
		{.fd = i->v4, .events = POLLIN},
		{.fd = i->v6, .events = POLLIN}, /* poll() skips what is -1 */
	};

	for (;;) {
		bool all = true;

		poll(fds, 3, -1);
		if (fds[1].revents)
			all &= hear(i, i->v4);
		if (fds[2].revents)
			all &= hear(i, i->v6);
		if (fds[0].revents || (!all && poll(fds, 1, REST_MS) > 0))
			return NULL;
	}
}

/* --- life ------------------------------------------------------------------------------ */

static void close_all(struct icmp *i)
{
	if (i->bell >= 0)
		close(i->bell);
	if (i->v4 >= 0)
		close(i->v4);
	if (i->v6 >= 0)
		close(i->v6);
	free(i);
}

struct icmp *icmp_start(struct engine *e, struct worker **workers)
{
	struct icmp *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->engine = e;
	i->workers = workers;
	i->bell = eventfd(0, EFD_CLOEXEC);
	i->v4 = open_socket(e->interface, AF_INET, IPPROTO_ICMP);
	i->v6 = open_socket(e->interface, AF_INET6, IPPROTO_ICMPV6);
	if (i->bell >= 0 && i->v4 >= 0 && !pthread_create(&i->thread, NULL, listen_on, i))
		return i;
	log_warning("%s: ICMP errors are not heard: %s", e->interface->name, strerror(errno));
	close_all(i);
	return NULL;
}

void icmp_stop(struct icmp *i)
{
	eventfd_write(i->bell, 1);
	pthread_join(i->thread, NULL);
	close_all(i);
}
