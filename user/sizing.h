/* SPDX-License-Identifier: BSD-2-Clause */
/* How much text a connection may have waiting, by what it uses: buffers begin
 * small, grow with what its service takes and its window carries in a round trip,
 * and shrink when it rests. config.h has the most; settle.c asks, and shares what
 * the pool has left. */
#ifndef XTCP_SIZING_H
#define XTCP_SIZING_H

#include <stdint.h>

struct session;

enum {
	SIZING_RECEIVE_FIRST = 64 << 10, /* bytes; what a SYN can offer */
	SIZING_SEND_LEAST = 128 << 10,	 /* two super-segments of the way out */
};

struct sizing {
	uint32_t receive; /* bytes that may wait for the service; 0: not asked yet */
	uint32_t user;	  /* rcv.user when the present interval began */
	uint32_t since;	  /* us of the clock, cut to 32 bits, when it did */
};

/* Where they begin; at most `most`. */
uint32_t sizing_receive_first(uint32_t most);
uint32_t sizing_send_first(uint32_t most);
/* Bytes for conn.rcv.limit and conn.snd.limit now; at most `most`. */
uint32_t sizing_receive(struct session *s, uint32_t most);
uint32_t sizing_send(const struct session *s, uint32_t most);

#endif
