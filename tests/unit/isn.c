/* SPDX-License-Identifier: BSD-2-Clause */
/* Initial sequence numbers and timestamp offsets: the hash against the published
 * vectors of SipHash-2-4 (key 00 … 0f, message 00 01 02 …), and the properties
 * that RFC 9293, 3.4.1 and RFC 6528 ask for. */
#include "core.h"
#include "test.h"

static void count_up(void *bytes, size_t length)
{
	uint8_t *b = bytes;

	for (size_t i = 0; i < length; i++)
		b[i] = (uint8_t)i;
}

/* SHLD-1: the pseudorandom part. vectors_sip64[36] is 314dffbe0815a3b4: a tuple is
 * 36 bytes. */
TEST(isn__siphash_vector_of_36_bytes)
{
	struct tcp_settings settings = {0};
	struct host h = {.settings = &settings};
	struct conn c = {0};

	count_up(settings.secret, 16);
	count_up(&c.tuple, sizeof(c.tuple));
	assert_int_equal(isn_choose(&c, &h), 0x0815a3b4);
}

/* vectors_sip64[32] is 7127512f72f27cce: two addresses are 32 bytes. */
TEST(isn__siphash_vector_of_32_bytes)
{
	struct tcp_settings settings = {0};
	struct host h = {.settings = &settings};
	struct conn c = {0};

	count_up(settings.secret, 16);
	count_up(&c.tuple.local, 16);
	count_up(&c.tuple.remote, 16);
	for (int i = 0; i < 16; i++)
		((uint8_t *)&c.tuple.remote)[i] += 16;
	assert_int_equal(isn_timestamp_offset(&c, &h), 0x7127512f);
}

/* MUST-8: a clock of 4 us ticks, so that it wraps in 4.77 hours. */
TEST(isn__the_clock_ticks_every_4_us)
{
	struct tcp_settings settings = {.secret = "another secret!"};
	struct host h = {.settings = &settings};
	struct conn c = {0};
	uint32_t first = isn_choose(&c, &h);

	h.now = 4000;
	assert_int_equal(isn_choose(&c, &h), first + 1);
	h.now = 4000ull << 32;
	assert_int_equal(isn_choose(&c, &h), first);
}

/* MUST-9: who does not know each bit of the secret computes something else. */
TEST(isn__every_part_of_the_tuple_and_the_secret_count)
{
	struct tcp_settings settings = {.secret = "another secret!"};
	struct host h = {.settings = &settings};
	struct conn c = {0};
	uint32_t plain = isn_choose(&c, &h);

	for (size_t i = 0; i < sizeof(c.tuple); i++) {
		((uint8_t *)&c.tuple)[i] ^= 1;
		assert_int_not_equal(isn_choose(&c, &h), plain);
		((uint8_t *)&c.tuple)[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof(settings.secret); i++) {
		settings.secret[i] ^= 1;
		assert_int_not_equal(isn_choose(&c, &h), plain);
		settings.secret[i] ^= 1;
	}
}

/* 3.6.1: the incarnation that replaces one in TIME_WAIT begins behind it. */
TEST(isn__a_successor_begins_behind)
{
	struct tcp_settings settings = {.secret = "another secret!"};
	struct host h = {.settings = &settings};
	struct conn c = {0};
	uint32_t plain = isn_choose(&c, &h);

	c.snd.iss = plain + 1000000; /* a fast connection has overtaken the clock */
	assert_true(seq_after(isn_choose(&c, &h), c.snd.iss));
	c.snd.iss = plain - 1000000;
	assert_int_equal(isn_choose(&c, &h), plain);
}
