/* SPDX-License-Identifier: BSD-2-Clause */
/* The scenario language: a whole conversation with one connection as a text of
 * lines, run by scenario_run() on a stage: the core in virtual time, or a daemon
 * on a wire. tests/scenarios/README.md is its description.
 *
 *   # A closed window is probed.
 *   clause: RFC 9293, 3.8.6.1, MUST-36
 *   level: MUST
 *   open passive
 *   <- S 0:0(0) win 65535 <mss 1000>		what the peer sends
 *   -> S. 0:0(0) ack 1				what must come from us, next and now
 *   <- . 1:1(0) ack 1 win 0
 *   send 100					what our user does
 *   silence for 150ms
 *   within 190ms..1s -> . 1:2(1) ack 1
 *
 * Sequence numbers are relative to the two initial ones, our timestamps to that
 * of our first segment. */
#ifndef XTCP_TEST_SCENARIO_H
#define XTCP_TEST_SCENARIO_H

#include "notation.h"
#include "tcp.h"
#include <stdint.h>

enum {
	SCENARIO_STEPS_MAX = 2048,
	SCENARIO_LINE_MAX = 200, /* more is cut off in messages */
	SCENARIO_TEXT_MAX = 1 << 16,
	SCENARIO_OPTIONAL_MAX = 16,
	SCENARIO_JOURNAL = 80,
};

enum step_kind {
	STEP_OPEN_PASSIVE,
	STEP_OPEN_ACTIVE,
	STEP_ARRIVES,  /* <- */
	STEP_LEAVES,   /* -> */
	STEP_OPTIONAL, /* optional -> */
	STEP_SILENCE,
	STEP_ADVANCE,
	STEP_SEND,
	STEP_READ,
	STEP_CLOSE,
	STEP_ABORT,
	STEP_FORSAKE,
	STEP_STATE,
	STEP_TOLD,
	STEP_ENDS,
	STEP_AGAIN,    /* the peer's next incarnation */
	STEP_PATH_MTU, /* `number`: what fits; pattern.low.seq: what did not */
	STEP_ONE_OF,   /* up to `end`: alternatives, each behind a STEP_EITHER */
	STEP_EITHER,   /* up to `end`: the steps of one alternative */
};

struct step {
	enum step_kind kind;
	unsigned int line;
	unsigned int end;	      /* index behind the last step of this group */
	uint64_t low, high;	      /* ns */
	uint32_t number;	      /* bytes, state, event */
	char text[SCENARIO_LINE_MAX]; /* the line, for messages */
	struct pattern pattern;
	bool corrupt; /* <- with a wrong checksum */
};

struct scenario {
	const char *path;
	char clause[SCENARIO_LINE_MAX];
	char level[8];
	struct tcp_settings settings;
	uint32_t irs, iss; /* 0: any */
	bool virtual_only;
	bool own_settings; /* some that a daemon's configuration does not know */
	unsigned int count;
	struct step step[SCENARIO_STEPS_MAX];
};

/* Where a scenario is run. Numbers of segments are absolute here. */
struct stage {
	uint64_t (*now)(struct stage *at);
	/* The next segment that we send, at the latest at `until`. False: there was
	 * none, and now it is then. */
	bool (*next)(struct stage *at, uint64_t until, struct segment *s, uint64_t *when);
	/* What belongs to it beside its fields is in `step`. */
	void (*arrives)(struct stage *at, const struct segment *s, const struct step *step);
	/* A step of our user, or a question; NULL, or what is wrong. */
	const char *(*act)(struct stage *at, const struct step *step);
	uint64_t patience; /* ns that a bare -> may take, and more than `within` says */
	bool live;	   /* real time: no upper bounds, lower ones nearly */
	const struct scenario *scenario;
};

/* Fails at the line (failure.h) if it is not in the language. */
void scenario_read(struct scenario *s, const char *path);
/* Fails at the line that is not as it should be. */
void scenario_run(const struct scenario *s, struct stage *at);

#endif
