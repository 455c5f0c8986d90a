/* SPDX-License-Identifier: BSD-2-Clause */
/* Two connections with a link of constant delay between them, in virtual time, as cheap
 * as can be, since it is measured together with the core:
 *
 *   near ─ tcp_output ── out queue ── a turn later ── tcp_segment_arrives ─ far
 *
 * Text is a length only: nobody stores a byte of it. */
#ifndef XTCP_BENCH_PAIR_H
#define XTCP_BENCH_PAIR_H

#include "tcp.h"
#include <stdint.h>

enum { PAIR_QUEUE = 1024 };

struct pair_queue {
	struct segment segment[PAIR_QUEUE];
	uint32_t count;
};

struct pair_end {
	struct conn c;
	struct pair_queue out;
};

struct pair {
	struct pair_end near, far;
	struct tcp_settings settings;
	struct host host;
	uint64_t segments; /* that left or arrived, at either end */
	uint32_t lose;	   /* of the near end's segments with text each so manieth; 0: none */
	uint32_t until_lost;
};

enum { PAIR_TURN = 1000000 /* ns: the link's delay */ };

/* The near end opens, actively, and the far end passively. */
void pair_open(struct pair *p);
/* Time passes: what is due happens, what was sent arrives, what follows is sent. */
void pair_turn(struct pair *p);
/* Turns until both are established, or both closed. */
void pair_connect(struct pair *p);
/* What the connection has to say now, counted and forgotten, in segments of its MSS. */
void pair_speak(struct pair *p, struct conn *c);
/* Prints what is wrong with the measurement and ends the process, unless `fine`. */
void pair_expect(bool fine, const char *what);

#endif
