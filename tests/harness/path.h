/* SPDX-License-Identifier: BSD-2-Clause */
/* Two cores with a path between them, in virtual time, for figures: how fast, how
 * soon, how many. (tests/link/link.c is for whether it ends well at all.) Each
 * direction has a rate, a delay, a queue, loss and reordering by positions:
 *
 *   user A ─ core ── rate, queue ── delay ──▶ core ─ user B
 *
 *   struct path *p = path_new(&(struct path_set){.rate = 100 * MEGABIT, …});
 *   p->end[A].wants = UINT64_MAX;	A writes as much as there is room for
 *   path_run(p, 30 * SECOND);
 *   path_free(p);
 *
 * Everything follows from the seed: a figure is the same each time. */
#ifndef XTCP_TEST_PATH_H
#define XTCP_TEST_PATH_H

#include "choice.h"
#include "peer.h"

#define MEGABIT 1000000ull

enum path_side { A, B };

/* The same both ways. */
struct path_set {
	uint64_t rate;	  /* bits a second; 0: no limit */
	uint64_t delay;	  /* ns, one way */
	uint64_t queue;	  /* bytes before the bottleneck; 0: no limit */
	uint32_t loss;	  /* of 1000 segments with text from A */
	uint32_t reorder; /* of 1000, the same */
	uint32_t places;  /* that one falls behind at most */
	uint32_t buffers; /* bytes, snd.limit and rcv.limit */
	uint64_t seed;
	void (*set)(struct tcp_settings *s);
};

struct path_end {
	struct conn c;
	struct tcp_settings settings;
	struct host host;
	uint64_t wants; /* bytes to write in all */
	uint64_t written;
	bool holds;	   /* does not read */
	uint32_t events;   /* all there were */
	uint64_t segments; /* sent */
	uint64_t timeouts; /* retransmission timeouts: into PHASE_LOSS */
};

struct path_flight;

struct path {
	struct path_set how;
	struct path_end end[2];
	uint64_t now;
	uint64_t busy[2]; /* until then, the bottleneck */
	struct choice choice;
	struct path_flight *flight; /* a heap, the first to arrive on top */
	uint32_t flights;
	uint64_t numbered;
	uint64_t overflows, lost, reordered; /* segments */
	/* If set: true loses this segment. */
	bool (*lose)(struct path *p, enum path_side from, const struct segment *s);
	/* If set: sees what arrives, before it does. */
	void (*sees)(struct path *p, enum path_side to, const struct segment *s);
};

struct path *path_new(const struct path_set *how); /* connected, and quiet */
void path_run(struct path *p, uint64_t ns);
/* Until B has received so many bytes, or `ns` are over: false. */
bool path_run_until_received(struct path *p, uint64_t bytes, uint64_t ns);
/* From outside: this segment arrives now. */
void path_inject(struct path *p, enum path_side to, const struct segment *s);
void path_free(struct path *p);

#endif
