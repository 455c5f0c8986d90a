/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames for the tests of the parser: built here byte by byte from the figures
 * of the RFCs, with nothing of parse.h, so that the two can be compared. */
#ifndef XTCP_TEST_RAW_FRAME_H
#define XTCP_TEST_RAW_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_shape {
	bool v6;
	bool vlan;
	/* IPv4 options, or IPv6 extension headers of which the first is `next`. */
	const uint8_t *extra;
	uint16_t extra_length;
	uint8_t next;
	const uint8_t *options; /* of TCP, a multiple of four */
	uint8_t options_length;
	uint8_t flags;
	uint16_t text_length;
};

struct raw_frame {
	uint8_t bytes[2048];
	size_t length;
	size_t ip;  /* where the IP header begins */
	size_t tcp; /* and TCP's */
};

enum {
	RAW_SEQ = 0x01020304,
	RAW_ACK = 0x11121314,
	RAW_WINDOW = 0x2122,
	RAW_REMOTE_PORT = 4711,
	RAW_LOCAL_PORT = 80,
};

/* With right lengths and checksums. */
void raw_build(struct raw_frame *f, const struct raw_shape *shape);
/* After a test has changed something: the IPv4 header's, and TCP's. */
void raw_fix_ip_checksum(struct raw_frame *f);
void raw_fix_tcp_checksum(struct raw_frame *f);

void put16(uint8_t *at, uint16_t value);
uint16_t get16(const uint8_t *at);
/* RFC 1071, 4.1, as it is printed there: the slow and plain way. */
uint16_t plain_checksum(const uint8_t *bytes, size_t length, uint32_t sum);

#endif
