/* SPDX-License-Identifier: BSD-2-Clause */
/* The XDP program with maps of its own, attached to nothing: frames go in by
 * BPF_PROG_TEST_RUN, ring records and map contents come out. */
#ifndef XTCP_TEST_RIG_H
#define XTCP_TEST_RIG_H

#include "abi.h"
#include "carrier.h"
#include "flow_table.h"
#include "frame.h"
#include "owner.h"
#include "reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RIG_PLACES = 64, RIG_LISTENERS = 64, RIG_WORKERS = 4 };
enum { RIG_CONNECTION = 3, RIG_GENERATION = 7, RIG_WORKER = 2 };

struct rig_options {
	uint32_t ring_bytes; /* 0: 4 MiB */
	bool partial_checksum_ok;
	uint8_t hop_limit; /* 0: as it comes */
	uint8_t traffic_class;
};

struct rig {
	struct xdp_main *program;
	int fd;
	int ring_fd[RIG_WORKERS];
	struct ring_buffer *rings;
	struct flow *flows;
	struct flow_table table; /* of them */
	struct flow *flow;	 /* as rig_flow() made it; NULL before */
	bool v6;		 /* of which version it is, and frames are */
	struct worker_wake *workers;
	struct carrier *carriers;
};

struct rig_result {
	int verdict;
	uint8_t frame[FRAME_MOST];
	uint32_t length;
};

/* What rig_take() found: the last record, and how many there were. */
struct rig_record {
	uint32_t count;
	uint8_t data[FRAME_MOST];
	struct record head; /* without its data */
};

/* Fails the test that cannot have it. */
void rig_open(struct rig *r, const struct rig_options *o);
void rig_close(struct rig *r);

/* The one of a program that needs no more than one, and cmocka's fixtures of a group
 * that open it as it comes and close it. */
extern struct rig rig;
int rig_set_up(void **state);
int rig_tear_down(void **state);

/* A flow in use: {remote 40000, local 7}, of the rig's IP version, the numbers below.
 * The one before is gone. */
static const uint32_t RCV_NXT = 0xfffffe00; /* 512 before zero */
static const uint32_t SND_UNA = 0x7ffffff0;
static const uint32_t SND_NXT = 0x7ffffff0u + 5000;
static const uint32_t TS_RECENT = 0xfffffff0;
static const uint32_t TSVAL = 12345;
enum { WINDOW = 60000, PEER_WND = 500 /* as in a header */, PEER_SCALE = 7, OWN_SCALE = 4 };
enum { FULL_SEGMENT = 1448 };
void rig_flow(struct rig *r, bool timestamps, enum owner owner);
struct flow *rig_the_flow(struct rig *r);
/* XDP finds it no more; its numbers are as they were. `tuple`: that stays too. */
void rig_withdraw_flow(struct rig *r, bool tuple);
void rig_listen(struct rig *r, uint16_t port);
void rig_forget(struct rig *r); /* listeners and flows */

/* A text segment or an ACK that is a hit on the flow as rig_flow made it. */
struct frame rig_frame(const struct rig *r, uint32_t text);

void rig_run(struct rig *r, const uint8_t *frame, uint32_t length, struct rig_result *result);
void rig_run_on_queue(struct rig *r, const uint8_t *frame, uint32_t length, int ifindex, int queue);
uint64_t rig_count(struct rig *r, enum reason reason);
uint64_t rig_count_all(struct rig *r);
void rig_take(struct rig *r, struct rig_record *record);
/* The same, calling back for each record. */
void rig_each(struct rig *r, int (*call)(void *context, void *data, size_t size), void *context);
const char *rig_reason(enum reason reason);

#endif
