/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP segment as both sides of xtcp speak of it: the header's fields in host
 * byte order, options decoded, text referred to by length. parse.h makes one
 * from a frame, the daemon's frame builder makes a frame from one, and the
 * core knows segments only in this form (RFC 9293, 3.1 and 3.3.1). */
#ifndef XTCP_SEGMENT_H
#define XTCP_SEGMENT_H

#include <linux/types.h>
#include <stdbool.h>

/* The control bits, as they stand in the header's fourteenth byte. */
enum control_bits {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,
};

/* Which options a segment carries. OPTION_OTHER: one that is not listed here,
 * or (set by the short parser of the fast path) options that it did not read. */
enum option_bits {
	OPTION_MSS = 0x01,
	OPTION_WINDOW_SCALE = 0x02,
	OPTION_SACK_PERMITTED = 0x04,
	OPTION_TIMESTAMPS = 0x08,
	OPTION_SACK = 0x10,
	OPTION_OTHER = 0x80,
};

/* RFC 3168, 5. */
enum ecn_codepoint {
	ECN_NOT_ECT = 0,
	ECN_ECT_1 = 1,
	ECN_ECT_0 = 2,
	ECN_CE = 3, /* congestion experienced */
	ECN_MASK = 3,
};

enum { SACK_BLOCKS_MAX = 4, WINDOW_SCALE_MAX = 14, TCP_HEADER_MAX = 60 };

/* Received out of order: sequence numbers from start up to, not including, end. */
struct sack_block {
	__u32 start;
	__u32 end;
};

struct segment {
	__u32 seq;	   /* SEG.SEQ */
	__u32 ack;	   /* SEG.ACK; without meaning unless ACK is set */
	__u32 text_length; /* bytes of text */
	__u16 wnd;	   /* SEG.WND as it stands in the header, unscaled (MUST-1) */
	__u16 up;	   /* SEG.UP */
	__u8 flags;	   /* enum control_bits */
	__u8 options;	   /* enum option_bits: which of the following are meant */
	__u16 mss;	   /* bytes */
	__u8 window_scale; /* shift count, 0 … 14 (parse.h cuts larger ones) */
	__u8 sack_count;   /* 0 … SACK_BLOCKS_MAX */
	__u8 ecn;	   /* enum ecn_codepoint, of the IP header */
	__u8 reserved;
	__u32 tsval;
	__u32 tsecr;
	struct sack_block sack[SACK_BLOCKS_MAX];
};

/* SEG.LEN: the sequence numbers that the segment occupies. */
static inline __u32 segment_length(const struct segment *s)
{
	return s->text_length + !!(s->flags & SYN) + !!(s->flags & FIN);
}

#endif
