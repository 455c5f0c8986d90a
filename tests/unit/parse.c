/* SPDX-License-Identifier: BSD-2-Clause */
/* include/parse.h: what frames mean, and every way in which a length can lie. */
#include "raw_frame.h"
#include "parse.h"
#include "test.h"

/* In a buffer of exactly its size, so that a read beyond it is seen. */
static enum reason parse_bytes(const uint8_t *bytes, size_t length, size_t frame_length,
			       struct packet *p)
{
	uint8_t *copy = malloc(length ? length : 1);
	enum reason r;

	memcpy(copy, bytes, length);
	memset(p, 0, sizeof(*p));
	r = parse_packet(copy, copy + length, (uint32_t)frame_length, p);
	free(copy);
	return r;
}

static enum reason parse_frame(const struct raw_frame *f, struct packet *p)
{
	return parse_bytes(f->bytes, f->length, f->length, p);
}

static const uint8_t timestamps[] = {1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4};
static const uint8_t mss[] = {2, 4, 5, 0xb4};
static const uint8_t record_route[] = {7, 7, 4, 0, 0, 0, 0, 0};
static const uint8_t forty[40] = {1, 1, 1};

/* Extension headers, each complete: next header, length, … */
static const uint8_t hop_by_hop[] = {6, 0, 1, 4, 0, 0, 0, 0};
static const uint8_t long_destination[] = {6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t routing_done[] = {6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t routing_on[] = {6, 0, 0, 1, 0, 0, 0, 0};
static const uint8_t atomic_fragment[] = {6, 0, 0, 0, 1, 2, 3, 4};
static const uint8_t first_fragment[] = {6, 0, 0, 1, 1, 2, 3, 4};
static const uint8_t later_fragment[] = {6, 0, 0, 0xb9, 1, 2, 3, 4};
static const uint8_t authentication[] = {6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
					 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
static const uint8_t short_authentication[] = {6, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t chain[] = {43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
				44, 0, 1, 4, 0, 0, 0, 0, 6,  0, 0, 0, 0, 0, 0, 0};
static const uint8_t eight[] = {60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0,
				60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0,
				60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0,
				60, 0, 1, 4, 0, 0, 0, 0, 6,  0, 1, 4, 0, 0, 0, 0};
static const uint8_t nine[] = {60, 0, 1,  4, 0,	 0, 0,	0, 60, 0, 1, 4, 0,  0, 0,  0, 60, 0,
			       1,  4, 0,  0, 0,	 0, 60, 0, 1,  4, 0, 0, 0,  0, 60, 0, 1,  4,
			       0,  0, 0,  0, 60, 0, 1,	4, 0,  0, 0, 0, 60, 0, 1,  4, 0,  0,
			       0,  0, 60, 0, 1,	 4, 0,	0, 0,  0, 6, 0, 1,  4, 0,  0, 0,  0};
static const uint8_t runs_past[] = {6, 255, 1, 4, 0, 0, 0, 0};
static const uint8_t to_icmp[] = {58, 0, 1, 4, 0, 0, 0, 0};

#define EXTRA(bytes) .extra = bytes, .extra_length = sizeof(bytes)
#define OPTIONS(bytes) .options = bytes, .options_length = sizeof(bytes)

static const struct shape_row {
	const char *name;
	struct raw_shape shape;
	enum reason want;
} shapes[] = {
	{"v4", {.text_length = 5}, PARSED},
	{"v4, no text", {.text_length = 0}, PARSED},
	{"v4, VLAN", {.vlan = true, .text_length = 5}, PARSED},
	{"v4, IP options", {EXTRA(record_route), .text_length = 5}, PARSED},
	{"v4, all IP options", {EXTRA(forty), .text_length = 5}, PARSED},
	{"v4, IP options, VLAN", {.vlan = true, EXTRA(record_route)}, PARSED},
	{"v4, timestamps", {OPTIONS(timestamps), .text_length = 9}, PARSED},
	{"v4, MSS", {OPTIONS(mss), .flags = SYN}, PARSED},
	{"v4, all TCP options", {OPTIONS(forty), EXTRA(forty), .text_length = 1}, PARSED},
	{"v6", {.v6 = true, .text_length = 5}, PARSED},
	{"v6, VLAN", {.v6 = true, .vlan = true}, PARSED},
	{"v6, timestamps", {.v6 = true, OPTIONS(timestamps)}, PARSED},
	{"v6, hop by hop", {.v6 = true, .next = 0, EXTRA(hop_by_hop)}, PARSED},
	{"v6, destination", {.v6 = true, .next = 60, EXTRA(long_destination)}, PARSED},
	{"v6, routing, done", {.v6 = true, .next = 43, EXTRA(routing_done)}, PARSED},
	{"v6, routing, on", {.v6 = true, .next = 43, EXTRA(routing_on)}, REASON_PASS_NOT_OURS},
	{"v6, atomic fragment", {.v6 = true, .next = 44, EXTRA(atomic_fragment)}, PARSED},
	{"v6, first fragment",
	 {.v6 = true, .next = 44, EXTRA(first_fragment)},
	 REASON_DROP_FRAGMENT},
	{"v6, later fragment",
	 {.v6 = true, .next = 44, EXTRA(later_fragment)},
	 REASON_PASS_FRAGMENT},
	{"v6, authentication", {.v6 = true, .next = 51, EXTRA(authentication)}, PARSED},
	{"v6, authentication too short",
	 {.v6 = true, .next = 51, EXTRA(short_authentication)},
	 REASON_DROP_IP_HEADER},
	{"v6, a chain of them", {.v6 = true, .next = 0, EXTRA(chain), .text_length = 3}, PARSED},
	{"v6, eight", {.v6 = true, .next = 60, EXTRA(eight)}, PARSED},
	{"v6, nine", {.v6 = true, .next = 60, EXTRA(nine)}, REASON_DROP_IP_HEADER},
	{"v6, one runs past the end",
	 {.v6 = true, .next = 0, EXTRA(runs_past)},
	 REASON_DROP_IP_HEADER},
	{"v6, ICMP behind it", {.v6 = true, .next = 0, EXTRA(to_icmp)}, REASON_PASS_NOT_TCP},
};

TEST(parse__shapes)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct raw_frame f;
		struct packet p;
		enum reason r;

		raw_build(&f, &shapes[i].shape);
		r = parse_frame(&f, &p);
		if (r != shapes[i].want)
			fail_msg("%s: %d, not %d", shapes[i].name, r, shapes[i].want);
		if (r == PARSED && (p.tcp_offset != f.tcp || p.tcp_length != f.length - f.tcp ||
				    p.segment.text_length != shapes[i].shape.text_length))
			fail_msg("%s: offsets or lengths are wrong", shapes[i].name);
	}
}

TEST(parse__every_field)
{
	struct raw_frame f;
	struct packet p;

	raw_build(&f, &(struct raw_shape){.vlan = true,
					  .flags = PSH | ACK | CWR,
					  OPTIONS(timestamps),
					  .text_length = 77});
	f.bytes[f.tcp + 18] = 0x31, f.bytes[f.tcp + 19] = 0x32;
	assert_int_equal(parse_frame(&f, &p), PARSED);
	assert_int_equal(p.segment.seq, RAW_SEQ);
	assert_int_equal(p.segment.ack, RAW_ACK);
	assert_int_equal(p.segment.wnd, RAW_WINDOW);
	assert_int_equal(p.segment.up, 0x3132);
	assert_int_equal(p.segment.flags, PSH | ACK | CWR);
	assert_int_equal(p.segment.options, OPTION_TIMESTAMPS);
	assert_int_equal(p.segment.tsval, 0x102);
	assert_int_equal(p.segment.tsecr, 0x304);
	assert_int_equal(p.segment.text_length, 77);
	assert_int_equal(p.tcp_header, 32);
	assert_int_equal(p.ip_offset, 18);
	assert_int_equal(p.vlan, 1);
	assert_int_equal(p.vlan_tci, 0x602a);
	assert_int_equal(p.v4, 1);
	assert_int_equal(p.depth, DEPTH_SEGMENT);
	assert_int_equal(get16((uint8_t *)&p.tuple.remote_port), RAW_REMOTE_PORT);
	assert_int_equal(get16((uint8_t *)&p.tuple.local_port), RAW_LOCAL_PORT);
	assert_memory_equal(&p.checksum, f.bytes + f.tcp + 16, 2);
}

TEST(parse__addresses)
{
	static const uint8_t v4_remote[16] = {[10] = 0xff, 0xff, 10, 1, 0, 2};
	static const uint8_t v4_local[16] = {[10] = 0xff, 0xff, 10, 1, 0, 1};
	static const uint8_t v6_remote[16] = {0xfd, [15] = 2}, v6_local[16] = {0xfd, [15] = 1};
	struct raw_frame f;
	struct packet p;

	raw_build(&f, &(struct raw_shape){0});
	assert_int_equal(parse_frame(&f, &p), PARSED);
	assert_memory_equal(&p.tuple.remote, v4_remote, 16);
	assert_memory_equal(&p.tuple.local, v4_local, 16);
	raw_build(&f, &(struct raw_shape){.v6 = true});
	assert_int_equal(parse_frame(&f, &p), PARSED);
	assert_memory_equal(&p.tuple.remote, v6_remote, 16);
	assert_memory_equal(&p.tuple.local, v6_local, 16);
}

/* One byte of a good frame is changed; `where` counts from the IP header. */
static const struct lie_row {
	const char *name;
	bool v6, in_tcp, keep_checksum;
	uint8_t where, value;
	enum reason want;
	enum parse_depth depth;
} lies[] = {
	{"v4: version 5", 0, 0, 0, 0, 0x55, REASON_DROP_IP_HEADER, DEPTH_FRAME},
	{"v4: header of 0 words", 0, 0, 0, 0, 0x40, REASON_DROP_IP_HEADER, DEPTH_ADDRESSES},
	{"v4: header of 4 words", 0, 0, 0, 0, 0x44, REASON_DROP_IP_HEADER, DEPTH_ADDRESSES},
	{"v4: header of 15 words, longer than total", 0, 0, 0, 0, 0x4f, REASON_DROP_IP_HEADER,
	 DEPTH_ADDRESSES},
	{"v4: total length 0", 0, 0, 0, 3, 0, REASON_DROP_IP_HEADER, DEPTH_ADDRESSES},
	{"v4: total length 19", 0, 0, 0, 3, 19, REASON_DROP_IP_HEADER, DEPTH_ADDRESSES},
	{"v4: total length ends with the IP header", 0, 0, 0, 3, 20, REASON_DROP_TCP_HEADER,
	 DEPTH_ADDRESSES},
	{"v4: total length ends within TCP's", 0, 0, 0, 3, 39, REASON_DROP_TCP_HEADER,
	 DEPTH_ADDRESSES},
	{"v4: total length one beyond the frame", 0, 0, 0, 3, 46, REASON_DROP_IP_HEADER,
	 DEPTH_ADDRESSES},
	{"v4: total length far beyond", 0, 0, 0, 2, 0xff, REASON_DROP_IP_HEADER, DEPTH_ADDRESSES},
	{"v4: checksum", 0, 0, 1, 10, 0x99, REASON_DROP_CHECKSUM, DEPTH_ADDRESSES},
	{"v4: first fragment", 0, 0, 0, 6, 0x20, REASON_DROP_FRAGMENT, DEPTH_PORTS},
	{"v4: later fragment", 0, 0, 0, 7, 1, REASON_PASS_FRAGMENT, DEPTH_ADDRESSES},
	{"v4: UDP", 0, 0, 0, 9, 17, REASON_PASS_NOT_TCP, DEPTH_ADDRESSES},
	{"v4: ICMP", 0, 0, 0, 9, 1, REASON_PASS_NOT_TCP, DEPTH_ADDRESSES},
	{"v4: TCP header of 4 words", 0, 1, 0, 12, 0x40, REASON_DROP_TCP_HEADER, DEPTH_PORTS},
	{"v4: TCP header of 0 words", 0, 1, 0, 12, 0x00, REASON_DROP_TCP_HEADER, DEPTH_PORTS},
	{"v4: TCP header longer than its packet", 0, 1, 0, 12, 0x70, REASON_DROP_TCP_HEADER,
	 DEPTH_PORTS},
	{"v6: version 4", 1, 0, 0, 0, 0x40, REASON_DROP_IP_HEADER, DEPTH_FRAME},
	{"v6: payload 0", 1, 0, 0, 5, 0, REASON_DROP_TCP_HEADER, DEPTH_ADDRESSES},
	{"v6: payload ends within TCP's header", 1, 0, 0, 5, 19, REASON_DROP_TCP_HEADER,
	 DEPTH_ADDRESSES},
	{"v6: payload one beyond the frame", 1, 0, 0, 5, 26, REASON_DROP_IP_HEADER,
	 DEPTH_ADDRESSES},
	{"v6: payload far beyond", 1, 0, 0, 4, 0xff, REASON_DROP_IP_HEADER, DEPTH_ADDRESSES},
	{"v6: no next header", 1, 0, 0, 6, 59, REASON_PASS_NOT_TCP, DEPTH_ADDRESSES},
	{"v6: UDP", 1, 0, 0, 6, 17, REASON_PASS_NOT_TCP, DEPTH_ADDRESSES},
	{"v6: TCP header longer than its packet", 1, 1, 0, 12, 0x70, REASON_DROP_TCP_HEADER,
	 DEPTH_PORTS},
};

TEST(parse__one_byte_that_lies)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie_row *row = &lies[i];
		struct raw_frame f;
		struct packet p;
		enum reason r;

		raw_build(&f, &(struct raw_shape){.v6 = row->v6, .text_length = 5});
		f.bytes[(row->in_tcp ? f.tcp : f.ip) + row->where] = row->value;
		if (!row->v6 && !row->keep_checksum)
			raw_fix_ip_checksum(&f);
		r = parse_frame(&f, &p);
		if (r != row->want || p.depth != row->depth)
			fail_msg("%s: reason %d depth %d, not %d %d", row->name, r, p.depth,
				 row->want, row->depth);
	}
}

TEST(parse__other_ethertypes_pass)
{
	static const uint16_t types[] = {0x0806, 0x88cc, 0x8847, 0, 0xffff, 46};
	struct raw_frame f;
	struct packet p;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		raw_build(&f, &(struct raw_shape){0});
		put16(f.bytes + 12, types[i]);
		assert_int_equal(parse_frame(&f, &p), REASON_PASS_NOT_IP);
	}
	raw_build(&f, &(struct raw_shape){.vlan = true});
	put16(f.bytes + 16, 0x8100); /* a second tag is not looked behind */
	assert_int_equal(parse_frame(&f, &p), REASON_PASS_NOT_IP);
	raw_build(&f, &(struct raw_shape){.vlan = true});
	put16(f.bytes + 12, 0x88a8);
	assert_int_equal(parse_frame(&f, &p), PARSED);
}

/* Ethernet pads short frames; padding is no text. */
TEST(parse__padding_is_not_text)
{
	struct raw_frame f;
	struct packet p;

	for (int v6 = 0; v6 < 2; v6++) {
		raw_build(&f, &(struct raw_shape){.v6 = v6, .text_length = 1});
		f.length += 20;
		assert_int_equal(parse_frame(&f, &p), PARSED);
		assert_int_equal(p.segment.text_length, 1);
	}
}

/* Cut anywhere, a frame is never taken for a whole one. */
TEST(parse__cut_at_every_byte)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct raw_frame f;
		struct packet p;

		raw_build(&f, &shapes[i].shape);
		for (size_t n = 0; n < f.length; n++) {
			enum reason r = parse_bytes(f.bytes, n, n, &p);

			if (r == PARSED)
				fail_msg("%s: parsed with %zu of %zu bytes", shapes[i].name, n,
					 f.length);
			if (n < f.ip && r != REASON_PASS_NOT_IP)
				fail_msg("%s: cut in Ethernet at %zu: %d", shapes[i].name, n, r);
		}
	}
}

/* The driver may keep the rest of a frame elsewhere: what lies in front must
 * hold the headers, and nothing beyond it is read. */
TEST(parse__text_in_another_buffer)
{
	struct raw_frame f;
	struct packet p;

	for (int v6 = 0; v6 < 2; v6++) {
		raw_build(&f,
			  &(struct raw_shape){.v6 = v6, OPTIONS(timestamps), .text_length = 1000});
		for (size_t n = 0; n < f.length; n++) {
			enum reason r = parse_bytes(f.bytes, n, f.length, &p);

			if (n < f.tcp + 20)
				assert_int_not_equal(r, PARSED);
			else
				assert_int_equal(r, PARSED);
			if (n >= f.tcp + 32)
				assert_int_equal(p.segment.options, OPTION_TIMESTAMPS);
			else if (r == PARSED) /* unread options are doubt */
				assert_int_equal(p.segment.options, OPTION_OTHER);
		}
	}
}

/* The short parser of options knows two layouts; the rest it calls other. */
TEST(parse__short_options)
{
	static const uint8_t swapped[] = {8, 10, 0, 0, 1, 2, 0, 0, 3, 4, 1, 1};
	struct raw_frame f;
	struct packet p;

	raw_build(&f, &(struct raw_shape){0});
	parse_frame(&f, &p);
	assert_int_equal(p.segment.options, 0);
	raw_build(&f, &(struct raw_shape){OPTIONS(mss)});
	parse_frame(&f, &p);
	assert_int_equal(p.segment.options, OPTION_OTHER);
	raw_build(&f, &(struct raw_shape){OPTIONS(swapped)});
	parse_frame(&f, &p);
	assert_int_equal(p.segment.options, OPTION_OTHER);
}
