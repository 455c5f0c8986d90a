/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a frame: nothing beyond them is read, and what is called a segment
 * lies within them. The first byte says how much of the frame lies in front, as
 * drivers leave it. */
#include "failure.h"
#include "parse.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(const struct packet *p, uint32_t frame_length)
{
	const struct segment *s = &p->segment;

	require(p->depth == DEPTH_SEGMENT, "parsed, but not everything is known");
	require(p->tcp_offset + p->tcp_length <= frame_length, "the segment ends in the frame");
	require(p->tcp_header >= 20 && p->tcp_header <= 60, "the TCP header's length");
	require(p->tcp_header + s->text_length == p->tcp_length, "header and text are all");
	require(!p->fragment, "a fragment is no segment");
	require(!(s->options & ~(OPTION_TIMESTAMPS | OPTION_OTHER)), "the short parser's options");
}

static void check_options(const uint8_t *frame, const struct packet *p)
{
	struct segment s = p->segment;

	if (parse_options(frame + p->tcp_offset + 20, p->tcp_header - 20u, &s))
		require(s.sack_count <= SACK_BLOCKS_MAX && s.window_scale <= WINDOW_SCALE_MAX,
			"options in their ranges");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet p = {0};
	uint32_t length, front;
	uint8_t *frame;

	if (!size)
		return 0;
	length = (uint32_t)size - 1;
	front = data[0] && data[0] < length ? data[0] : length;
	frame = malloc(front ? front : 1);
	memcpy(frame, data + 1, front);
	if (parse_packet(frame, frame + front, length, &p) == PARSED) {
		check(&p, length);
		if (p.tcp_offset + p.tcp_header <= front)
			check_options(frame, &p);
	}
	free(frame);
	return 0;
}
