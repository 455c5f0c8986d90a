/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames for the tests of the XDP program, from a description. Written apart
 * from the headers in include/, checksum included, so that a mistake in those
 * cannot hide itself. */
#ifndef XTCP_TEST_FRAME_H
#define XTCP_TEST_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum { FRAME_MOST = 70000, EXTENSIONS_MOST = 10 };

enum checksum { CHECKSUM_RIGHT, CHECKSUM_WRONG, CHECKSUM_PARTIAL };

/* The peer is 10.1.0.1 or fd00::1, port 40000; we are 10.1.0.2 or fd00::2. */
struct frame {
	bool v6;
	uint16_t vlan;	      /* tag control information, 0: no tag */
	uint16_t remote_port; /* 0: 40000 */
	uint16_t local_port;  /* 0: 7 */
	uint8_t local_host;   /* last byte of our address, 0: 2 */
	uint8_t protocol;     /* 0: TCP */
	uint16_t fragment;    /* IPv4: flags and offset; IPv6: with a fragment header */
	uint8_t extension[EXTENSIONS_MOST]; /* IPv6: header types, up to the first 0 */
	uint8_t extension_units;	    /* their length field */
	uint8_t segments_left;		    /* of a routing header */
	uint8_t ip_options;		    /* IPv4: bytes, multiple of 4 */
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t wnd, up;
	bool timestamps;
	uint32_t tsval, tsecr;
	uint8_t tcp_options; /* bytes of options that are nothing but NOPs */
	uint32_t text;	     /* bytes */
	uint32_t text_seed;  /* byte i is text_byte(text_seed + i) */
	enum checksum checksum;
	uint32_t padding; /* bytes behind the IP packet */
	bool answer;	  /* from us to the peer */
};

uint8_t text_byte(uint32_t position);
/* Returns the length. */
uint32_t frame_build(const struct frame *f, uint8_t *bytes);
/* Where things are in what frame_build made. */
uint32_t frame_ip_offset(const struct frame *f);
uint32_t frame_tcp_offset(const struct frame *f);
uint32_t frame_text_offset(const struct frame *f);
/* Makes the IPv4 header checksum right again after a change. */
void frame_fix_ipv4(const struct frame *f, uint8_t *bytes);

#endif
