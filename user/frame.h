/* SPDX-License-Identifier: BSD-2-Clause */
/* From a segment to the bytes of a frame: the inverse of include/parse.h, and
 * the other of the two places where bytes are swapped. Ethernet, an optional
 * VLAN tag, IPv4 (RFC 791) or IPv6 (RFC 8200), TCP with options (RFC 9293, 3.1
 * and 3.2; RFC 7323, 2.2 and 3.2; RFC 2018, 2 and 3). */
#ifndef XTCP_FRAME_H
#define XTCP_FRAME_H

#include "segment.h"
#include "tcp/conn.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Ethernet, tag, IPv6, TCP with all options. */
enum { FRAME_HEADERS_MAX = 14 + 4 + 40 + TCP_HEADER_MAX };

/* Between whom a frame goes. */
struct frame_ends {
	const struct tuple *tuple;
	const struct link_address *link;
	uint16_t ip_id;	    /* IPv4 only */
	bool dont_fragment; /* IPv4 only: routers shall answer by ICMP (RFC 1191) */
};

/* Where the parts of a built header begin, bytes from the frame's start. */
struct frame {
	uint8_t bytes[FRAME_HEADERS_MAX];
	uint16_t ip;
	uint16_t tcp;
	uint16_t length; /* of all headers */
};

/* Headers of `s`, for a text of s->text_length bytes. The TCP checksum is that
 * of the pseudo-header alone: what a device needs that computes the rest. */
void frame_build(struct frame *f, const struct frame_ends *ends, const struct segment *s);
/* Of all frames from then on; not while others build some. Else 64 and 0. */
void frame_set_ip(uint8_t hop_limit, uint8_t traffic_class);
/* Completes the TCP checksum over headers and the text that lies in `pieces`. */
void frame_checksum(struct frame *f, const struct iovec *pieces, int count);

#endif
