/* SPDX-License-Identifier: BSD-2-Clause */
/* user/icmp_quote.c: what is read of ICMP errors, and what is not believed to be
 * one.
 * Links: user/icmp_quote.c */
#include "icmp_quote.h"
#include "csum.h"
#include "test.h"

enum { OUTER = 20, ICMP = 8, INNER_V4 = 20, INNER_V6 = 40, TCP = 8 };
enum { V4_LENGTH = OUTER + ICMP + INNER_V4 + TCP, V6_LENGTH = ICMP + INNER_V6 + TCP };

static const uint8_t tcp[TCP] = {0x00, 0x50, 0x12, 0x67, 0xde, 0xad, 0xbe, 0xef};

static void seal(uint8_t packet[V4_LENGTH])
{
	uint8_t *icmp = packet + OUTER;
	uint16_t sum;

	icmp[2] = icmp[3] = 0;
	sum = (uint16_t)~csum_fold(csum_add_bytes(0, icmp, V4_LENGTH - OUTER));
	memcpy(icmp + 2, &sum, 2);
}

/* A router's answer to a segment from 10.77.0.2:80 to 10.77.0.1:4711. */
static void make_v4(uint8_t packet[V4_LENGTH], uint8_t type, uint8_t code, uint16_t mtu)
{
	static const uint8_t inner[INNER_V4] = {0x45, 0, 0x05, 0xdc, 0, 1, 0x40, 0,  64, 6,
						0,    0, 10,   77,   0, 2, 10,	 77, 0,	 1};

	memset(packet, 0, V4_LENGTH);
	packet[0] = 0x45;
	packet[9] = 1;
	packet[OUTER] = type;
	packet[OUTER + 1] = code;
	packet[OUTER + 6] = (uint8_t)(mtu >> 8);
	packet[OUTER + 7] = (uint8_t)mtu;
	memcpy(packet + OUTER + ICMP, inner, INNER_V4);
	memcpy(packet + OUTER + ICMP + INNER_V4, tcp, TCP);
	seal(packet);
}

static void make_v6(uint8_t m[V6_LENGTH], uint8_t type, uint8_t code, uint32_t mtu)
{
	memset(m, 0, V6_LENGTH);
	m[0] = type;
	m[1] = code;
	m[4] = (uint8_t)(mtu >> 24);
	m[5] = (uint8_t)(mtu >> 16);
	m[6] = (uint8_t)(mtu >> 8);
	m[7] = (uint8_t)mtu;
	m[ICMP] = 0x60;
	m[ICMP + 6] = 6;
	m[ICMP + 8] = m[ICMP + 24] = 0xfd;
	m[ICMP + 23] = 2;
	m[ICMP + 39] = 1;
	memcpy(m + ICMP + INNER_V6, tcp, TCP);
}

static void ports_and_sequence(const struct icmp_quote *q)
{
	assert_memory_equal(&q->tuple.local_port, "\x00\x50", 2);
	assert_memory_equal(&q->tuple.remote_port, "\x12\x67", 2);
	assert_int_equal(q->seq, 0xdeadbeef);
}

TEST(icmp__v4_fragmentation_needed)
{
	uint8_t packet[V4_LENGTH];
	struct icmp_quote q;

	make_v4(packet, 3, 4, 1280);
	assert_true(icmp_read_v4(packet, V4_LENGTH, &q));
	assert_int_equal(q.error, ICMP_ERROR_TOO_BIG);
	assert_int_equal(q.mtu, 1280);
	assert_memory_equal(&q.tuple.local, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x4d\0\2", 16);
	assert_memory_equal(&q.tuple.remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x4d\0\1", 16);
	ports_and_sequence(&q);
}

TEST(icmp__v4_without_mtu_is_the_next_plateau) /* RFC 1191, 5 */
{
	uint8_t packet[V4_LENGTH];
	struct icmp_quote q;

	make_v4(packet, 3, 4, 0);
	assert_true(icmp_read_v4(packet, V4_LENGTH, &q));
	assert_int_equal(q.mtu, 1492);
}

TEST(icmp__v4_hard_and_soft) /* RFC 9293, 3.9.2.2: MUST-56, SHLD-25, SHLD-26 */
{
	static const struct {
		uint8_t type, code, error;
		bool hard;
	} rows[] = {
		{3, 0, ICMP_ERROR_NETWORK, false},	{3, 1, ICMP_ERROR_HOST, false},
		{3, 2, ICMP_ERROR_PROTOCOL, true},	{3, 3, ICMP_ERROR_PORT, true},
		{3, 5, ICMP_ERROR_SOURCE_ROUTE, false}, {3, 13, ICMP_ERROR_PROHIBITED, false},
		{3, 200, ICMP_ERROR_NETWORK, false},	{11, 0, ICMP_ERROR_TIME, false},
		{12, 0, ICMP_ERROR_PARAMETER, false},
	};
	uint8_t packet[V4_LENGTH];
	struct icmp_quote q;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		make_v4(packet, rows[i].type, rows[i].code, 0);
		assert_true(icmp_read_v4(packet, V4_LENGTH, &q));
		assert_int_equal(q.error, rows[i].error);
		assert_int_equal(q.hard, rows[i].hard);
		assert_non_null(icmp_error_name(q.error));
	}
	assert_null(icmp_error_name(ICMP_ERROR_NONE));
	assert_null(icmp_error_name(ICMP_ERRORS));
}

TEST(icmp__source_quench_is_discarded) /* MUST-55 */
{
	uint8_t packet[V4_LENGTH];
	struct icmp_quote q;

	make_v4(packet, 4, 0, 0);
	assert_false(icmp_read_v4(packet, V4_LENGTH, &q));
}

TEST(icmp__v4_that_is_not_of_a_segment_of_ours)
{
	static const struct {
		uint8_t offset, value;
	} wrong[] = {
		{0, 0x44},		/* shorter than an IP header */
		{OUTER + ICMP, 0x46},	/* options that we never send */
		{OUTER + ICMP + 9, 17}, /* UDP */
		{OUTER + ICMP + 7, 1},	/* a later fragment */
		{OUTER, 0},		/* an echo */
	};
	uint8_t packet[V4_LENGTH];
	struct icmp_quote q;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		make_v4(packet, 3, 1, 0);
		packet[wrong[i].offset] = wrong[i].value;
		seal(packet);
		assert_false(icmp_read_v4(packet, V4_LENGTH, &q));
	}
	make_v4(packet, 3, 1, 0);
	packet[V4_LENGTH - 1] ^= 1; /* the checksum does not fit any more */
	assert_false(icmp_read_v4(packet, V4_LENGTH, &q));
}

TEST(icmp__v6_packet_too_big)
{
	uint8_t m[V6_LENGTH];
	struct icmp_quote q;

	make_v6(m, 2, 0, 1400);
	assert_true(icmp_read_v6(m, V6_LENGTH, &q));
	assert_int_equal(q.error, ICMP_ERROR_TOO_BIG);
	assert_int_equal(q.mtu, 1400);
	assert_memory_equal(&q.tuple.local, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	assert_memory_equal(&q.tuple.remote, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	ports_and_sequence(&q);
	make_v6(m, 2, 0, 1 << 20);
	assert_true(icmp_read_v6(m, V6_LENGTH, &q));
	assert_int_equal(q.mtu, UINT16_MAX);
}

TEST(icmp__v6_hard_and_soft)
{
	static const bool hard[] = {false, true, false, false, true, false, false, false};
	uint8_t m[V6_LENGTH];
	struct icmp_quote q;

	for (uint8_t code = 0; code < sizeof(hard); code++) {
		make_v6(m, 1, code, 0);
		assert_true(icmp_read_v6(m, V6_LENGTH, &q));
		assert_int_equal(q.hard, hard[code]);
	}
	make_v6(m, 3, 0, 0);
	assert_true(icmp_read_v6(m, V6_LENGTH, &q));
	assert_int_equal(q.error, ICMP_ERROR_TIME);
	make_v6(m, 128, 0, 0);
	assert_false(icmp_read_v6(m, V6_LENGTH, &q));
	make_v6(m, 3, 0, 0);
	m[ICMP + 6] = 17;
	assert_false(icmp_read_v6(m, V6_LENGTH, &q));
}

/* Whatever is cut off: nothing beyond the end is touched (ASan looks). */
TEST(icmp__every_length)
{
	uint8_t packet[V4_LENGTH], m[V6_LENGTH];
	struct icmp_quote q;

	make_v4(packet, 3, 4, 1280);
	make_v6(m, 2, 0, 1280);
	for (size_t length = 0; length < V6_LENGTH; length++) {
		uint8_t *part = malloc(length ? length : 1);

		memcpy(part, packet, length < V4_LENGTH ? length : V4_LENGTH);
		if (length < V4_LENGTH)
			assert_false(icmp_read_v4(part, length, &q));
		memcpy(part, m, length);
		assert_int_equal(icmp_read_v6(part, length, &q), length >= V6_LENGTH);
		free(part);
	}
}
