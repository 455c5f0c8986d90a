/* SPDX-License-Identifier: BSD-2-Clause */
/* A bounded record of connections' lives, for `xtcpctl ladder`. Each traced
 * connection has the first TRACE_HEAD and the last TRACE_TAIL of its segments;
 * a trace outlives its connection until another one needs the place, the oldest
 * ended one first. One per worker, used on its thread only. */
#ifndef XTCP_TRACE_H
#define XTCP_TRACE_H

#include "segment.h"
#include "tcp/conn.h"
#include <stdbool.h>
#include <stdint.h>

enum { TRACE_HEAD = 32, TRACE_TAIL = 32 };

enum trace_flags {
	TRACE_OUT = 0x01,    /* ours; else the peer's */
	TRACE_BY_XDP = 0x02, /* a hit, or an ACK in place */
};

struct trace_entry {
	uint64_t time; /* ns */
	uint32_t seq;  /* absolute */
	uint32_t ack;  /* absolute; without meaning unless ACK */
	uint32_t text_length;
	uint16_t wnd;
	uint8_t flags; /* enum control_bits */
	uint8_t state; /* enum tcp_state after it */
	uint8_t how;   /* enum trace_flags */
};

enum trace_known { TRACE_IRS_KNOWN = 0x01, TRACE_ISS_KNOWN = 0x02 };

struct trace {
	uint32_t id;  /* of the connection; unique until 2^32 connections later */
	uint32_t irs; /* for relative numbers, taken from the first SYN of each side */
	uint32_t iss;
	struct tuple tuple;
	uint64_t began;
	uint64_t ended;	     /* 0: lives */
	uint64_t total;	     /* segments seen; more than kept: the middle is left out */
	uint8_t known;	     /* enum trace_known: which of irs and iss mean something */
	uint8_t first_state; /* LISTEN or CLOSED: the state before the first segment */
	uint8_t last_state;  /* after the last one; CLOSED once it has ended */
	struct trace_entry head[TRACE_HEAD];
	struct trace_entry tail[TRACE_TAIL]; /* a ring: entry n of the life at n % TRACE_TAIL */
};

struct traces;

struct traces *traces_create(uint32_t most); /* NULL: no memory. most may be 0 */
void traces_destroy(struct traces *t);
/* A place for the trace of a new connection, -1 if there is none at all. When
 * every place is taken by a connection that lives, the oldest loses its own. */
int trace_begin(struct traces *t, const struct conn *c, uint64_t now);
/* Nothing happens when `place` is -1 or was given to another connection since. */
void trace_segment(struct traces *t, int place, uint32_t id, const struct trace_entry *e);
void trace_end(struct traces *t, int place, uint32_t id, uint64_t now);
const struct trace *trace_find(const struct traces *t, uint32_t id);
void traces_each(const struct traces *t, void (*visit)(const struct trace *trace, void *argument),
		 void *argument);

/* Segment `n` of the life, from 0; it is kept unless trace_left_out() and
 * n - TRACE_HEAD < trace_left_out(). */
const struct trace_entry *trace_entry_at(const struct trace *trace, uint64_t n);
uint64_t trace_left_out(const struct trace *trace);

#endif
