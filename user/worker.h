/* SPDX-License-Identifier: BSD-2-Clause */
/* One worker: a thread with a ring, connections, a wheel and transmit sockets of
 * its own. Other threads reach it by message only. */
#ifndef XTCP_WORKER_H
#define XTCP_WORKER_H

#include "reason.h"
#include "tcp/conn.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct worker;
struct daemon;

/* Runs call(worker, argument) on the worker's thread, between two rounds of its
 * loop, and waits for it. From any other thread. 0, or -ESHUTDOWN. */
int worker_call(struct worker *w, void (*call)(struct worker *w, void *argument), void *argument);

/* The following are for use inside of such a call. */

/* Every connection of this worker, in index order. `owner`: enum owner. */
struct connection_view {
	uint32_t index;		 /* into conns; the ID of `xtcpctl` is conn->id */
	const struct conn *conn; /* valid during the call only */
	const char *service;	 /* name */
	uint8_t owner;		 /* enum owner */
	uint32_t unread;	 /* bytes waiting for the service */
	uint32_t unsent;	 /* bytes written and not acknowledged */
	const char *soft_error;	 /* the last ICMP error that concerned it, or NULL */
	uint16_t soft_errors;	 /* how many there were */
};
void worker_each_connection(struct worker *w,
			    void (*visit)(const struct connection_view *v, void *argument),
			    void *argument);

/* Opening a connection: daemon_connect() in daemon.h, which finds the way there
 * before it bothers the worker. */

/* The traces of its connections, living and ended (trace.h). */
struct traces;
const struct traces *worker_traces(const struct worker *w);

/* What this worker dropped after a punt, per enum reason. */
const uint64_t *worker_counters(const struct worker *w);

/* For `xtcpctl status`. */
struct worker_status {
	uint32_t connections;
	uint32_t half_open;
	uint64_t text_used;	    /* bytes of blocks */
	uint64_t text_total;	    /* bytes */
	uint64_t wakeups;	    /* times it slept and was woken */
	uint64_t rounds;	    /* of its loop */
	uint64_t records;	    /* ring records consumed */
	uint64_t sent_carried;	    /* segments on carrier frames */
	uint64_t sent_xdp;	    /* segments by AF_XDP, small ones and bulk */
	uint64_t sent_packet;	    /* segments, or GSO super-segments, by AF_PACKET */
	uint64_t icmp_too_big;	    /* ICMP errors: packet too big */
	uint64_t icmp_soft;	    /* others, noted */
	uint64_t icmp_hard;	    /* that ended an opening */
	uint64_t icmp_ignored;	    /* that quote nothing under way */
	const char *transmit_small; /* "AF_XDP copy", "AF_XDP zero copy", "AF_PACKET" */
	const char *transmit_bulk;  /* "AF_PACKET GSO", "AF_XDP copy", … */
};
void worker_status(const struct worker *w, struct worker_status *status);

#endif
