/* SPDX-License-Identifier: BSD-2-Clause */
/* One row of the table of segments: what it is, what is known when it arrives,
 * and the reason it must be counted under. */
#ifndef XTCP_TEST_CASES_H
#define XTCP_TEST_CASES_H

#include "frame.h"
#include "reason.h"

enum setup {
	FLOW = 0x01,	 /* the connection is known; XDP has it, idle */
	LISTENER = 0x02, /* on our port */
	PLAIN = 0x04,	 /* without timestamps */
	DAEMONS = 0x08,	 /* the daemon has the flow */
	BUSY = 0x10,	 /* another CPU has the flow */
	GONE = 0x20,	 /* the flow, just now */
	LOW = 0x40,	 /* the text pool runs low */
	TRANSMIT = 0x80, /* XDP_TX arrives */
	BELIEVE = 0x100, /* partial checksums are accepted */
	ONLY_V4 = 0x200,
	ONLY_V6 = 0x400,
	FULL_RING = 0x800,
	CROWDED = 0x2000,  /* as many of no connection wait as may */
	FULL_SYN = 0x1000, /* the peer's SYN had its whole checksum */
};

struct test_case {
	const char *name;
	unsigned int setup; /* enum setup */
	enum reason reason;
	uint32_t text;
	void (*change)(struct frame *f);
	void (*mangle)(const struct frame *f, uint8_t *bytes, uint32_t *length);
};

extern const struct test_case cases[];
extern const uint32_t case_count;

#endif
