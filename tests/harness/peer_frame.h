/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of a peer: from a segment to the bytes that bring it, over IPv4 or IPv6,
 * with options of any kind. Built by itself from the figures of the RFCs, so that
 * it shares no mistake with what it tests (user/frame.c, include/parse.h). */
#ifndef XTCP_TEST_PEER_FRAME_H
#define XTCP_TEST_PEER_FRAME_H

#include "segment.h"
#include <stddef.h>
#include <stdint.h>

enum { PEER_FRAME_MAX = 14 + 40 + 60 + 9000 };

/* Where it goes from and to; addresses as they stand in the header, 4 or 16 bytes. */
struct peer_ends {
	bool v6;
	uint8_t from_mac[6], to_mac[6];
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
};

struct peer_frame {
	uint8_t bytes[PEER_FRAME_MAX];
	size_t length;
};

/* What belongs to a segment beside its fields. */
struct peer_load {
	const uint8_t *text; /* s->text_length bytes */
	const uint8_t *raw;  /* options behind those that the segment names */
	size_t raw_length;
	bool corrupt; /* with a wrong checksum */
};

/* False: the options do not fit. */
bool peer_frame_build(struct peer_frame *f, const struct peer_ends *ends, const struct segment *s,
		      const struct peer_load *load);

#endif
