/* SPDX-License-Identifier: BSD-2-Clause */
/* The one text form of a segment, read and written here and nowhere else:
 *
 *   FLAGS SEQ:END(LENGTH) [ack N] [win N] [urg N] [ecn CODEPOINT] [<OPTION,…>]
 *
 *   S 0:0(0) win 65535 <mss 1460,ws 7,sackOK,ts 1 0>
 *   P. 1:15(14) ack 1 win 502
 *    . 15:15(0) ack 29 win 501 <sack 43:57 71:85>
 *   - 9:9(0) win 0
 *
 * CODEPOINT of the IP header: not, ect0, ect1 or ce; `not` if it is not named.
 * FLAGS: F S R P U E(CE) (C)W and . for ACK; - for none. END is SEQ + LENGTH,
 * the text alone. OPTION: mss N · ws N · sackOK · ts VALUE ECHO · sack A:B … ·
 * other. Numbers are 32 bits wide and may be negative: an old segment of a
 * connection that begins at 0 is at -100.
 *
 * A pattern says less than a segment: what it does not name is not looked at, a
 * number may be .. (any) or A..B (from A to B), and the whole SEQ:END(LENGTH) may
 * be .. or SEQ:.. as well. Two more options are for patterns alone: `no OPTION`,
 * which must not be there, and `raw HEX`, bytes to be sent as they are:
 *
 *   S. 0:0(0) ack 1 win 1..65535 <mss 1440..1460,no ts>
 *    . 1:.. ack 15
 *   S 0:0(0) win 9 <raw fe04abcd>						*/
#ifndef XTCP_TEST_NOTATION_H
#define XTCP_TEST_NOTATION_H

#include "segment.h"
#include <stddef.h>

enum { NOTATION_MAX = 256, NOTATION_RAW_MAX = 40 };

/* Which of the optional parts the text has. Options that it names are in
 * segment.options. */
enum notation_named {
	NAMED_ACK = 0x01,
	NAMED_WINDOW = 0x02,
	NAMED_URGENT = 0x04,
	NAMED_ECN = 0x08,
};

struct pattern {
	struct segment low, high; /* every number from the one to the other */
	unsigned int named;
	__u8 absent; /* enum option_bits that must not be there */
	__u8 raw_length;
	__u8 raw[NOTATION_RAW_MAX];
};

/* False: not in this notation. */
bool notation_parse(const char *text, struct segment *s, unsigned int *named);
bool notation_parse_pattern(const char *text, struct pattern *p);

/* Is it one of those? PSH is advice: looked at only if the pattern has it. */
bool notation_matches(const struct pattern *p, const struct segment *s);

/* All that the segment has, into buffer[NOTATION_MAX], which is returned. */
const char *notation_print(char *buffer, const struct segment *s);

#endif
