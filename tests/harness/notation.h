/* SPDX-License-Identifier: BSD-2-Clause */
/* The one text form of a segment, read and written here and nowhere else:
 *
 *   FLAGS SEQ:END(LENGTH) [ack N] [win N] [urg N] [<OPTION,…>]
 *
 *   S 0:0(0) win 65535 <mss 1460,ws 7,sackOK,ts 1 0>
 *   P. 1:15(14) ack 1 win 502
 *    . 15:15(0) ack 29 win 501 <sack 43:57 71:85>
 *   - 9:9(0) win 0
 *
 * FLAGS: F S R P U E(CE) (C)W and . for ACK; - for none. END is SEQ + LENGTH,
 * the text alone. OPTION: mss N · ws N · sackOK · ts VALUE ECHO · sack A:B … ·
 * other. Numbers are 32 bits wide and may be negative: an old segment of a
 * connection that begins at 0 is at -100. */
#ifndef XTCP_TEST_NOTATION_H
#define XTCP_TEST_NOTATION_H

#include "segment.h"
#include <stddef.h>

enum { NOTATION_MAX = 256 };

/* Which of the optional parts the text has. Options that it names are in
 * segment.options. */
enum notation_named {
	NAMED_ACK = 0x01,
	NAMED_WINDOW = 0x02,
	NAMED_URGENT = 0x04,
};

/* False: not in this notation. */
bool notation_parse(const char *text, struct segment *s, unsigned int *named);

/* All that the segment has, into buffer[NOTATION_MAX], which is returned. */
const char *notation_print(char *buffer, const struct segment *s);

#endif
