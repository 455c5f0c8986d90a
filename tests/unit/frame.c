/* SPDX-License-Identifier: BSD-2-Clause */
/* user/frame.c against include/parse.h: what is built is read back the same, with
 * a right checksum, whatever the text's pieces.
 * Links: user/frame.c */
#include "frame.h"
#include "csum.h"
#include "parse.h"
#include "test.h"

enum { TEXT_MOST = 3000 };

static const struct tuple v4 = {
	.remote = {{0, 0, 0xffff0000, 0x0100010a}},
	.local = {{0, 0, 0xffff0000, 0x0200010a}},
	.remote_port = 0x6712,
	.local_port = 0x0700,
};
static const struct tuple v6 = {
	.remote = {{0x000000fd, 0, 0, 0x01000000}},
	.local = {{0x000000fd, 0, 0, 0x02000000}},
	.remote_port = 0x6712,
	.local_port = 0x0700,
};

/* As the other side sees it: remote and local change places. */
static void turn(struct tuple *t)
{
	struct tuple was = *t;

	t->remote = was.local;
	t->local = was.remote;
	t->remote_port = was.local_port;
	t->local_port = was.remote_port;
}

struct built {
	uint8_t bytes[FRAME_HEADERS_MAX + TEXT_MOST];
	uint32_t length;
};

static void build(struct built *b, const struct frame_ends *ends, const struct segment *s,
		  uint32_t cut)
{
	static uint8_t text[TEXT_MOST];
	struct iovec pieces[2];
	struct frame f;

	for (int i = 0; i < TEXT_MOST; i++)
		text[i] = (uint8_t)(i * 31 + 7);
	pieces[0] = (struct iovec){text, cut};
	pieces[1] = (struct iovec){text + cut, s->text_length - cut};
	frame_build(&f, ends, s);
	frame_checksum(&f, pieces, 2);
	memcpy(b->bytes, f.bytes, f.length);
	memcpy(b->bytes + f.length, text, s->text_length);
	b->length = f.length + s->text_length;
}

static void check(const struct frame_ends *ends, const struct segment *s, uint32_t cut)
{
	struct packet p = {0};
	struct built b;
	struct tuple t;

	build(&b, ends, s, cut);
	assert_int_equal(parse_packet(b.bytes, b.bytes + b.length, b.length, &p), PARSED);
	assert_true(parse_options(b.bytes + p.tcp_offset + 20, p.tcp_header - 20u, &p.segment));
	assert_true(csum_is_right(csum_add_bytes(csum_pseudo(&p.tuple, p.v4, p.tcp_length),
						 b.bytes + p.tcp_offset, p.tcp_length)));
	t = p.tuple;
	turn(&t);
	assert_memory_equal(&t, ends->tuple, sizeof(t));
	assert_int_equal(p.vlan, ends->link->vlan);
	assert_int_equal(p.vlan_tci, ends->link->vlan_tci);
	assert_int_equal(p.segment.seq, s->seq);
	assert_int_equal(p.segment.ack, s->ack);
	assert_int_equal(p.segment.wnd, s->wnd);
	assert_int_equal(p.segment.flags, s->flags);
	assert_int_equal(p.segment.options, s->options);
	assert_int_equal(p.segment.text_length, s->text_length);
	assert_int_equal(p.segment.mss, s->mss);
	assert_int_equal(p.segment.window_scale, s->window_scale);
	assert_int_equal(p.segment.tsval, s->tsval);
	assert_int_equal(p.segment.tsecr, s->tsecr);
	assert_int_equal(p.segment.sack_count, s->sack_count);
	assert_memory_equal(p.segment.sack, s->sack, sizeof(s->sack));
	assert_memory_equal(b.bytes, ends->link->peer_mac, 6);
	assert_memory_equal(b.bytes + 6, ends->link->own_mac, 6);
}

static void check_both(const struct segment *s, uint32_t cut)
{
	struct link_address link = {{2, 1, 2, 3, 4, 5}, {2, 9, 8, 7, 6, 5}, 0, 0, 1};
	struct frame_ends ends = {&v4, &link, 4711, true};

	check(&ends, s, cut);
	link.vlan = 1;
	link.vlan_tci = 0x2123;
	check(&ends, s, cut);
	link.v4 = 0;
	ends.tuple = &v6;
	check(&ends, s, cut);
}

TEST(frame__syn_with_all_options) /* MUST-2: with a right checksum */
{
	const struct segment s = {
		.seq = 0xfffffff0,
		.ack = 0x01020304,
		.wnd = 65535,
		.flags = SYN | ACK,
		.options = OPTION_MSS | OPTION_WINDOW_SCALE | OPTION_SACK_PERMITTED |
			   OPTION_TIMESTAMPS,
		.mss = 1460,
		.window_scale = 7,
		.tsval = 0xdeadbeef,
		.tsecr = 0x12345678,
	};

	check_both(&s, 0);
}

TEST(frame__sack_blocks_with_timestamps)
{
	struct segment s = {
		.seq = 1,
		.ack = 2,
		.wnd = 3,
		.flags = ACK,
		.options = OPTION_SACK | OPTION_TIMESTAMPS,
		.tsval = 1,
		.sack = {{10, 20}, {0xffffff00, 5}, {40, 50}},
	};

	for (s.sack_count = 1; s.sack_count <= 3; s.sack_count++) {
		struct segment cut = s;

		for (int i = s.sack_count; i < SACK_BLOCKS_MAX; i++)
			cut.sack[i] = (struct sack_block){0, 0};
		check_both(&cut, 0);
	}
}

TEST(frame__text_in_pieces_of_any_length)
{
	struct segment s = {.seq = 77, .ack = 88, .wnd = 99, .flags = ACK | PSH};

	for (s.text_length = 0; s.text_length < 40; s.text_length++)
		for (uint32_t cut = 0; cut <= s.text_length; cut++)
			check_both(&s, cut);
	s.text_length = TEXT_MOST - 1;
	for (uint32_t cut = 1400; cut < 1500; cut++)
		check_both(&s, cut);
}

/* MUST-69: no set of options leaves a byte of the header that is not one. */
TEST(frame__options_fill_whole_words)
{
	const struct link_address link = {.v4 = 1};
	const struct frame_ends ends = {.tuple = &v4, .link = &link};
	struct segment s = {.flags = ACK, .sack_count = 1};
	struct frame f;

	for (unsigned int set = 0; set < 32; set++) {
		s.options = (uint8_t)set;
		frame_build(&f, &ends, &s);
		assert_int_equal((f.length - f.tcp) % 4, 0);
		assert_int_equal(f.bytes[f.tcp + 12] >> 4, (f.length - f.tcp) / 4);
		for (int i = f.tcp + 20; i < f.length && f.bytes[i] != KIND_END;)
			i += f.bytes[i] == KIND_NOP ? 1 : f.bytes[i + 1];
		assert_true(parse_options(f.bytes + f.tcp + 20, f.length - f.tcp - 20u, &s));
		assert_int_equal(s.options, set);
	}
}

/* MUST-48, MUST-49, SHLD-22. */
TEST(frame__hop_limit_and_traffic_class)
{
	struct link_address link = {.v4 = 1};
	struct frame_ends ends = {.tuple = &v4, .link = &link};
	const struct segment s = {.flags = ACK};
	struct frame f;

	frame_set_ip(3, 46 << 2);
	check_both(&s, 0);
	frame_build(&f, &ends, &s);
	assert_int_equal(f.bytes[f.ip + 1], 46 << 2);
	assert_int_equal(f.bytes[f.ip + 8], 3);
	link.v4 = 0;
	ends.tuple = &v6;
	frame_build(&f, &ends, &s);
	assert_int_equal(f.bytes[f.ip] << 4 | f.bytes[f.ip + 1] >> 4, 0x600 | 46 << 2);
	assert_int_equal(f.bytes[f.ip + 7], 3);
	frame_set_ip(64, 0);
	frame_build(&f, &ends, &s);
	assert_int_equal(f.bytes[f.ip + 7], 64);
}

/* What a device gets to complete: the pseudo-header's sum, and no more. */
TEST(frame__unfinished_checksum_is_the_pseudo_headers)
{
	const struct segment s = {.seq = 1, .ack = 2, .flags = ACK, .text_length = 50000};
	const struct link_address link = {.v4 = 1};
	const struct frame_ends ends = {&v4, &link, 1, false};
	struct frame f;
	uint16_t field;

	frame_build(&f, &ends, &s);
	memcpy(&field, f.bytes + f.tcp + 16, 2);
	assert_true(csum_is_partial(field, csum_pseudo(&v4, true, 20 + 50000)));
}
