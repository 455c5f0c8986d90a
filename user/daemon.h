/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine as a whole, between the kernel and the services: the program that
 * is attached, the maps, the workers, and a thread that follows the host
 * (addresses come and go, the other end of a veth gets an XDP program).
 *
 * main() starts and stops it; the control thread asks it. All calls may come
 * from any one thread that is not a worker's. */
#ifndef XTCP_DAEMON_H
#define XTCP_DAEMON_H

#include "config.h"
#include "reason.h"
#include "worker.h"

struct daemon;

/* Checks, loads, attaches, pins, starts the workers. 0, or -errno after one
 * message that says what is wrong; then nothing is attached and nothing left.
 * `config` must live as long as the daemon. */
int daemon_start(const struct config *config, struct daemon **d);

/* Resets what lives, ends the workers, detaches and unpins everything. */
void daemon_stop(struct daemon *d);

uint32_t daemon_worker_count(const struct daemon *d);
struct worker *daemon_worker(struct daemon *d, uint32_t number); /* from 0 */

/* Per enum reason: what XDP counted, over all CPUs, plus what the workers
 * dropped after a punt. */
void daemon_counters(struct daemon *d, uint64_t counters[REASON_COUNT]);

/* Opens a connection (RFC 9293, 3.10.1) to remote:port from an address that the
 * route gives and `local_port` (0: any that is free), and runs as->service on it;
 * `as` is what session_listener() returns and outlives the connection (its
 * address and port mean nothing). Waits for the neighbour, not for the
 * handshake. 0 and *id (conn.id), or -errno: -ENETUNREACH no route by our
 * interface, -EHOSTUNREACH no neighbour, -EADDRINUSE the port pair is taken,
 * -ENOBUFS the table is full. */
int daemon_connect(struct daemon *d, const struct address *remote, __be16 port, __be16 local_port,
		   const struct listener_config *as, uint32_t *id);

/* For `xtcpctl status`. Strings live as long as the daemon, or are constants. */
struct daemon_status {
	const char *interface;
	uint32_t ifindex;
	uint32_t mtu;
	uint8_t mac[6];
	const char *driver; /* "veth", "virtio_net", "loopback", … */
	const char *mode;   /* "native", "generic" */
	uint32_t link_id;   /* of the pinned bpf_link */
	uint32_t program_id;
	const char *bpffs;
	bool xdp_transmit;	      /* is XDP_TX delivered? */
	const char *xdp_transmit_why; /* "the peer of the veth has an XDP program", … */
	bool partial_checksum;	      /* CHECKSUM_PARTIAL is accepted */
	uint32_t workers;
	uint32_t connections_max;
	uint32_t half_open_max;
	uint64_t text_pool; /* bytes */
	uint64_t ring;	    /* bytes, of each worker */
};
void daemon_status(struct daemon *d, struct daemon_status *status);

#endif
