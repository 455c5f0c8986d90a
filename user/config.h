/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user asked for, checked and complete: from the command line, a YAML
 * file (libcyaml), or both. Everything else in the daemon reads struct config
 * and never asks again. */
#ifndef XTCP_CONFIG_H
#define XTCP_CONFIG_H

#include "abi.h"
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

enum { BACKENDS_MAX = 16, LISTENERS_MAX = 256, BANNER_MAX = 512 };

struct complaint;

/* Where a proxy connects to. */
struct backend {
	char text[sizeof(struct sockaddr_un)]; /* as the user wrote it */
	struct sockaddr_storage address;
	uint32_t address_length;
};

struct listener_config {
	char text[64];		/* ADDR:PORT as the user wrote it */
	struct address address; /* 0.0.0.0 (mapped) and :: mean every local address */
	__be16 port;
	const struct service *service;
	struct backend backends[BACKENDS_MAX]; /* proxy: taken in turn */
	uint32_t backend_count;
	char banner[BANNER_MAX]; /* greet: sent at once, as it is */
	uint32_t keep_alive_s;	 /* 0: as for all */
	uint32_t user_timeout_s; /* 0: as for all */
};

struct config {
	char interface[IF_NAMESIZE];
	char bpffs[256];   /* folder of our pins; /sys/fs/bpf/xtcp */
	char control[108]; /* Unix socket; /run/xtcp/control.sock */
	struct listener_config listeners[LISTENERS_MAX];
	uint32_t listener_count;

	uint32_t connections;	     /* most at a time, all workers; 65536 */
	uint32_t half_open;	     /* most in SYN_RECEIVED at a time; 4096 */
	uint32_t workers;	     /* 0: one per receive queue */
	bool pin_workers;	     /* each to a CPU; false */
	uint32_t text_pool_mib;	     /* hard limit of buffered text; 256 */
	uint32_t ring_mib;	     /* ring of each worker, a power of two; 16 */
	uint32_t send_buffer_kib;    /* per connection; 1024 */
	uint32_t receive_buffer_kib; /* per connection; 512 */
	uint32_t traces;	     /* connections whose life is kept for `ladder`; 1024 */
	uint32_t time_wait_ms;	     /* 2 MSL; 60000 */
	uint32_t spin_us;	     /* a worker looks this long before it sleeps; 50 */
	bool quick_ack;		     /* true */
	bool timestamps;	     /* true */
	bool sack;		     /* true */
	bool ecn;		     /* false */
	bool pacing;		     /* false */
	uint32_t user_timeout_s;     /* without an acknowledgment; 900 */
	bool keep_alive;	     /* false */
	uint32_t keep_alive_s;	     /* silence before a probe; 7200 */
	uint32_t ttl;		     /* of IPv4, and IPv6's hop limit; 64 */
	uint32_t dscp;		     /* 0 */
	enum xdp_mode { XDP_MODE_AUTO, XDP_MODE_NATIVE, XDP_MODE_GENERIC } mode;
	bool carriers; /* small segments leave on frames that have come; true */
	enum transmit { TRANSMIT_AUTO, TRANSMIT_PACKET, TRANSMIT_XDP } transmit;
	/* In the order of tcp/congestion.h. */
	enum congestion_choice { CONGESTED_BY_NEWRENO, CONGESTED_BY_CUBIC } congestion;
};

/* Exit codes: 1 for what goes wrong while running. */
enum { EXIT_USAGE = 2 };

/* What main() is asked to do with a configuration. */
enum config_task { CONFIG_RUN, CONFIG_CHECK };

/* Reads the command line and the file that it names. Prints --help and --version
 * and exits with 0; exits with EXIT_USAGE after one message that says what is
 * wrong, where (option, or file and line) and what would be right. */
enum config_task config_read(int argc, char **argv, struct config *config);

/* The same pieces for other callers; 0, or -EINVAL with a complaint. */
void config_default(struct config *config);
int config_load(struct config *config, const char *path, struct complaint *c);
int config_finish(const struct config *config, struct complaint *c); /* what takes all of it */

#endif
