/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection's life as the classic two-column diagram: the peer on the left,
 * xtcp with its state on the right, time going down. Made from what the daemon
 * answers to GET /ladder/ID (user/answer_traces.c). */
#ifndef XTCP_LADDER_H
#define XTCP_LADDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum ladder_from { FROM_PEER, FROM_XTCP, FROM_TIMER /* the state changed without a segment */ };

struct ladder_step {
	enum ladder_from from;
	double time_us;	   /* since the first one */
	const char *flags; /* "SYN,ACK" */
	int64_t seq;	   /* relative */
	int64_t ack;	   /* relative; -1: none */
	int64_t length;
	const char *state; /* ours after it */
	bool changes;	   /* the state is another one than before */
	bool xdp;	   /* handled by XDP alone */
};

/* Strings belong to the JSON value. */
struct ladder {
	int64_t id;
	const char *local;
	const char *remote;
	const char *first_state;
	bool live;
	int64_t total;	       /* segments seen */
	int64_t left_out;      /* of the middle */
	size_t left_out_after; /* steps */
	size_t count;
	struct ladder_step *steps;
};

/* 0, or -1: not what a daemon of this version answers. */
int ladder_read(const json_t *json, struct ladder *l);
void ladder_free(struct ladder *l);

/* "PSH,ACK  seq 1  ack 1  len 14" */
enum { LADDER_LABEL = 96 };
void ladder_label(const struct ladder_step *s, char label[LADDER_LABEL]);
/* "0.123 ms", "4.567 s" */
enum { LADDER_TIME = 24 };
void ladder_time(double time_us, char text[LADDER_TIME]);

/* At most 92 columns; `color`: with ANSI escapes. */
void ladder_print(const struct ladder *l, FILE *f, bool color);
/* One self-contained picture. */
void ladder_draw(const struct ladder *l, FILE *f);

#endif
