/* SPDX-License-Identifier: BSD-2-Clause */
/* Initial sequence numbers (RFC 9293, 3.4.1; RFC 6528) and the offsets of the
 * timestamps' clock (RFC 7323, 5.4): a keyed hash of the addresses, so that who
 * does not see a connection cannot guess its numbers. The hash is SipHash-2-4,
 * under the daemon's secret. */
#include "core.h"
#include <string.h>

struct sip {
	uint64_t v[4];
};

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t *v)
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static uint64_t little_endian(const uint8_t *bytes, size_t length)
{
	uint64_t word = 0;

	for (size_t i = 0; i < length; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

static void sip_absorb(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	sip_round(s->v);
	sip_round(s->v);
	s->v[0] ^= word;
}

static uint64_t siphash(const uint8_t secret[16], const void *message, size_t length)
{
	uint64_t k0 = little_endian(secret, 8), k1 = little_endian(secret + 8, 8);
	struct sip s = {{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			 k1 ^ 0x7465646279746573}};
	const uint8_t *bytes = message;
	size_t left = length;

	for (; left >= 8; left -= 8, bytes += 8)
		sip_absorb(&s, little_endian(bytes, 8));
	sip_absorb(&s, little_endian(bytes, left) | (uint64_t)length << 56);
	s.v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s.v);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

/* ISN = M + F(tuple, secret), M a clock of 4 µs (MUST-8), F pseudorandom (SHLD-1)
 * and nothing without the secret, which never leaves the daemon (MUST-9). Where this
 * connection replaces one in TIME_WAIT, its numbers come behind the old one's
 * and a whole unscaled window besides (RFC 9293, 3.6.1). */
uint32_t isn_choose(const struct conn *c, const struct host *h)
{
	uint64_t hash = siphash(h->settings->secret, &c->tuple, sizeof(c->tuple));
	uint32_t isn = (uint32_t)(h->now / 4000) + (uint32_t)hash;
	uint32_t behind = c->snd.iss + 0x10000;

	return c->snd.iss && seq_before(isn, behind) ? behind : isn;
}

/* One for each pair of addresses, whatever the ports: a peer that compares the
 * timestamps of successive connections (RFC 6191) sees them grow. */
uint32_t isn_timestamp_offset(const struct conn *c, const struct host *h)
{
	struct address pair[2] = {c->tuple.local, c->tuple.remote};

	return (uint32_t)(siphash(h->settings->secret, pair, sizeof(pair)) >> 32);
}
