/* SPDX-License-Identifier: BSD-2-Clause */
/* What an ICMP error says, and of which segment of ours: reading RFC 792 and
 * RFC 4443 messages. Pure; icmp.c hears them, icmp_queue.c acts on them. */
#ifndef XTCP_ICMP_QUOTE_H
#define XTCP_ICMP_QUOTE_H

#include "abi.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum icmp_error {
	ICMP_ERROR_NONE,
	ICMP_ERROR_TOO_BIG, /* the packet, for the next link of its path */
	ICMP_ERROR_NETWORK,
	ICMP_ERROR_HOST,
	ICMP_ERROR_PROTOCOL,
	ICMP_ERROR_PORT,
	ICMP_ERROR_SOURCE_ROUTE,
	ICMP_ERROR_PROHIBITED,
	ICMP_ERROR_TIME,
	ICMP_ERROR_PARAMETER,
	ICMP_ERRORS,
};

struct icmp_quote {
	struct tuple tuple; /* of the segment: local is its source */
	uint32_t seq;
	uint16_t mtu; /* with TOO_BIG */
	uint8_t error;
	bool hard; /* RFC 9293, 3.9.2.2: SHLD-26 */
};

/* An IPv4 packet with ICMP in it, as a raw socket gets it: its checksum is not yet
 * verified. False: it is no error, or does not quote enough of a TCP segment. */
bool icmp_read_v4(const uint8_t *packet, size_t length, struct icmp_quote *q);
/* An ICMPv6 message without its IP header, verified by the kernel. */
bool icmp_read_v6(const uint8_t *message, size_t length, struct icmp_quote *q);
/* "host unreachable"; NULL for ICMP_ERROR_NONE. */
const char *icmp_error_name(uint8_t error);

#endif
