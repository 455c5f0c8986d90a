/* SPDX-License-Identifier: BSD-2-Clause */
#include "peer_frame.h"
#include "raw_frame.h"
#include <string.h>

enum { OPTIONS_MAX = 40, TCP_FIXED = 20 };

static void add(struct peer_frame *f, const void *bytes, size_t length)
{
	memcpy(f->bytes + f->length, bytes, length);
	f->length += length;
}

static void add16(struct peer_frame *f, uint16_t value)
{
	put16(f->bytes + f->length, value);
	f->length += 2;
}

static void add32(struct peer_frame *f, uint32_t value)
{
	add16(f, (uint16_t)(value >> 16));
	add16(f, (uint16_t)value);
}

/* RFC 791, 3.1; the checksum comes last. */
static void add_ipv4(struct peer_frame *f, const struct peer_ends *ends, size_t tcp_length,
		     uint8_t ecn)
{
	size_t ip = f->length;

	add16(f, 0x4500 | ecn);
	add16(f, (uint16_t)(20 + tcp_length));
	add32(f, 0x00004000); /* do not fragment */
	add16(f, 64 << 8 | 6);
	add16(f, 0);
	add(f, ends->from, 4);
	add(f, ends->to, 4);
	put16(f->bytes + ip + 10, plain_checksum(f->bytes + ip, 20, 0));
}

/* RFC 8200, 3 */
static void add_ipv6(struct peer_frame *f, const struct peer_ends *ends, size_t tcp_length,
		     uint8_t ecn)
{
	add32(f, 6u << 28 | (uint32_t)ecn << 20);
	add16(f, (uint16_t)tcp_length);
	add16(f, 6 << 8 | 64);
	add(f, ends->from, 16);
	add(f, ends->to, 16);
}

static void add_options(struct peer_frame *f, const struct segment *s)
{
	if (s->options & OPTION_MSS) {
		add16(f, 0x0204);
		add16(f, s->mss);
	}
	if (s->options & OPTION_WINDOW_SCALE)
		add32(f, 0x01030300u | s->window_scale);
	if (s->options & OPTION_SACK_PERMITTED)
		add32(f, 0x01010402);
	if (s->options & OPTION_TIMESTAMPS) {
		add32(f, 0x0101080a);
		add32(f, s->tsval);
		add32(f, s->tsecr);
	}
	if (!(s->options & OPTION_SACK))
		return;
	add32(f, 0x01010500u | (2u + 8u * s->sack_count));
	for (int i = 0; i < s->sack_count; i++) {
		add32(f, s->sack[i].start);
		add32(f, s->sack[i].end);
	}
}

/* RFC 9293, 3.1; padded by ends of the option list. */
static bool add_tcp(struct peer_frame *f, const struct peer_ends *ends, const struct segment *s,
		    const struct peer_load *load)
{
	size_t tcp = f->length;

	add16(f, ends->from_port);
	add16(f, ends->to_port);
	add32(f, s->seq);
	add32(f, s->ack);
	add16(f, s->flags);
	add16(f, s->wnd);
	add16(f, 0);
	add16(f, s->up);
	add_options(f, s);
	if (load->raw_length)
		add(f, load->raw, load->raw_length);
	while ((f->length - tcp) % 4)
		f->bytes[f->length++] = 0;
	f->bytes[tcp + 12] = (uint8_t)((f->length - tcp) / 4 << 4);
	return f->length - tcp <= TCP_FIXED + OPTIONS_MAX;
}

static void fix_checksum(struct peer_frame *f, const struct peer_ends *ends, size_t tcp)
{
	size_t addresses = ends->v6 ? 32 : 8, length = f->length - tcp;
	uint16_t pseudo =
		plain_checksum(f->bytes + tcp - addresses, addresses, 6 + (uint32_t)length);

	put16(f->bytes + tcp + 16, plain_checksum(f->bytes + tcp, length, (uint16_t)~pseudo));
}

bool peer_frame_build(struct peer_frame *f, const struct peer_ends *ends, const struct segment *s,
		      const struct peer_load *load)
{
	struct peer_frame headers = {.length = 0};
	size_t length, tcp;

	if (!add_tcp(&headers, ends, s, load) || s->text_length > 9000)
		return false;
	length = headers.length + s->text_length;
	f->length = 0;
	add(f, ends->to_mac, 6);
	add(f, ends->from_mac, 6);
	add16(f, ends->v6 ? 0x86dd : 0x0800);
	if (ends->v6)
		add_ipv6(f, ends, length, s->ecn);
	else
		add_ipv4(f, ends, length, s->ecn);
	tcp = f->length;
	add(f, headers.bytes, headers.length);
	add(f, load->text, s->text_length);
	fix_checksum(f, ends, tcp);
	if (load->corrupt)
		f->bytes[tcp + 16] ^= 1;
	return true;
}
