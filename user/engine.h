/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a worker, for the files that work on its thread: rx, demux,
 * settle, tx, sessions. Others know struct worker by name only (worker.h). */
#ifndef XTCP_ENGINE_H
#define XTCP_ENGINE_H

#include "config.h"
#include "addresses.h"
#include "clock.h"
#include "flow_table.h"
#include "icmp_queue.h"
#include "interface.h"
#include "maps.h"
#include "ring.h"
#include "seq.h"
#include "sessions.h"
#include "strays.h"
#include "tcp/tcp.h"
#include "text.h"
#include "trace.h"
#include "tx.h"
#include "wheel.h"
#include "worker.h"

struct message;

/* What every worker is made from; the daemon's, constant while they run but for
 * `addresses`, which the host thread replaces. */
struct engine {
	const struct config *config;
	const struct interface *interface;
	struct maps maps;
	struct flow_table flows;
	uint32_t workers;
	bool partial_checksum_ok;
	bool hears_icmp;	     /* set before a segment is sent */
	struct addresses *addresses; /* atomic; see addresses.h */
};

/* Text of the hit at hand that its service could take where it lies (rx.c). */
struct offer {
	const void *text;
	uint32_t seq;
	uint32_t length; /* 0: there is none */
	bool possible;
};

struct worker {
	struct engine *engine;
	uint32_t number;
	uint32_t starved; /* sessions with MARK_STARVED, about */

	struct host host;    /* what the core is called with */
	bool looked;	     /* at the clock, and has settled nobody since */
	uint32_t since_look; /* records read and connections settled since then */
	struct tcp_settings settings;
	struct ring ring;
	struct offer offer;
	struct worker_wake *wake;
	struct text_pool text;
	struct wheel wheel;
	struct tx tx;
	struct traces *traces;
	struct sessions sessions;
	struct strays strays;
	struct icmp_queue icmp;

	uint64_t drops[REASON_COUNT];
	uint64_t wakeups;
	uint64_t rounds;
	uint64_t records;
	uint64_t stalled_since; /* no block for an acknowledged text; 0: not stalled */
	uint64_t pool_looked;	/* when starved sessions were last looked after */
	uint64_t hogs_looked;	/* when one was looked for who could be reset for them */

	int epoll;
	int bell; /* eventfd: there is a message */
	uint32_t watches;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of messages and `ended` */
	pthread_cond_t answered;
	struct message *messages;
	bool ended;
	bool stopping;
};

static inline struct worker *worker_of(struct host *h)
{
	return (struct worker *)((char *)h - offsetof(struct worker, host));
}

/* A look at the clock costs as much as taking a small segment. So there is one in a
 * round, and one more for each CLOCK_EVERY things that are done: some microseconds. */
enum { CLOCK_EVERY = 8 };

static inline void worker_look(struct worker *w)
{
	w->host.now = clock_now();
	w->looked = true;
	w->since_look = 0;
}

static inline void worker_did(struct worker *w, uint32_t things)
{
	w->since_look += things;
	if (w->since_look >= CLOCK_EVERY)
		worker_look(w);
}

static inline void worker_drop(struct worker *w, enum reason r)
{
	w->drops[r]++;
}

#endif
