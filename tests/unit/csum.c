/* SPDX-License-Identifier: BSD-2-Clause */
/* include/csum.h against the examples of RFC 1071 and against its plain loop. */
#include "choice.h"
#include "csum.h"
#include "raw_frame.h"
#include "parse.h"
#include "test.h"

static uint16_t folded(const uint8_t *bytes, uint32_t length)
{
	return csum_swap16(csum_fold(csum_add_bytes(0, bytes, length)));
}

TEST(csum__rfc_1071_section_3)
{
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	assert_int_equal(folded(example, sizeof(example)), 0xddf2);
	/* "after an interval": the same in two groups */
	assert_int_equal(csum_swap16(csum_fold(
				 csum_add_bytes(csum_add_bytes(0, example, 4), example + 4, 4))),
			 0xddf2);
}

TEST(csum__a_known_ipv4_header)
{
	static const uint8_t header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40,
					 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
					 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

	assert_true(csum_is_right(csum_add_bytes(0, header, sizeof(header))));
}

TEST(csum__every_length_agrees_with_the_plain_loop)
{
	struct choice c = choice_from_seed(3);
	uint8_t bytes[1500];

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = round == 0 ? 0xff : (uint8_t)choose(&c, 256);
		for (uint32_t n = 0; n <= sizeof(bytes); n++)
			assert_int_equal((uint16_t)~folded(bytes, n), plain_checksum(bytes, n, 0));
	}
}

/* 64 bits of sum never overflow, nor does the fold lose a carry. */
TEST(csum__fold_carries)
{
	struct choice c = choice_from_seed(4);

	assert_int_equal(csum_fold(0), 0);
	assert_int_equal(csum_fold(0xffff), 0xffff);
	assert_int_equal(csum_fold(0x10000), 1);
	assert_int_equal(csum_fold(0xffffffffffffffffull), 0xffff);
	for (int i = 0; i < 200000; i++) {
		uint64_t sum = choice_mix(&c.state) >> choose(&c, 64);

		assert_int_equal(csum_fold(sum) % 0xffff, sum % 0xffff);
		assert_int_equal(!csum_fold(sum), !sum);
	}
}

static void parse_built(const struct raw_shape *shape, struct raw_frame *f, struct packet *p)
{
	raw_build(f, shape);
	memset(p, 0, sizeof(*p));
	assert_int_equal(parse_packet(f->bytes, f->bytes + f->length, (uint32_t)f->length, p),
			 PARSED);
}

static bool checks(const struct raw_frame *f, const struct packet *p)
{
	uint64_t sum = csum_pseudo(&p->tuple, p->v4, p->tcp_length);

	return csum_is_right(csum_add_bytes(sum, f->bytes + p->tcp_offset, p->tcp_length));
}

TEST(csum__of_segments_v4_and_v6_of_every_length)
{
	struct raw_frame f;
	struct packet p;

	for (uint16_t n = 0; n < 1400; n++) {
		parse_built(&(struct raw_shape){.text_length = n, .v6 = n & 1}, &f, &p);
		assert_true(checks(&f, &p));
		parse_built(&(struct raw_shape){.text_length = n, .v6 = !(n & 1)}, &f, &p);
		assert_true(checks(&f, &p));
	}
}

/* RFC 1071 detects every change of up to 15 neighbouring bits. */
TEST(csum__any_wrong_bit_shows)
{
	struct raw_frame f;
	struct packet p;

	parse_built(&(struct raw_shape){.text_length = 33}, &f, &p);
	for (size_t bit = f.tcp * 8; bit < f.length * 8; bit++) {
		f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(checks(&f, &p));
		f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* What a sender leaves in the field when its device is to do the rest. */
TEST(csum__partial_is_recognised)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct raw_frame f;
		struct packet p;
		uint64_t pseudo;

		parse_built(&(struct raw_shape){.text_length = 100, .v6 = v6}, &f, &p);
		pseudo = csum_pseudo(&p.tuple, p.v4, p.tcp_length);
		assert_false(csum_is_partial(p.checksum, pseudo));
		assert_true(csum_is_partial(csum_fold(pseudo), pseudo));
		/* as Linux computes it: the folded sum, not complemented */
		assert_int_equal(csum_swap16(csum_fold(pseudo)),
				 (uint16_t)~plain_checksum(f.bytes + f.ip + (v6 ? 8 : 12),
							   v6 ? 32 : 8, 6 + p.tcp_length));
	}
}
