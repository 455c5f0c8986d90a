/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames from descriptions, byte by byte (RFC 9293, 3.1; RFC 791; RFC 8200). */
#include "frame.h"
#include <string.h>

static uint8_t *put8(uint8_t *p, uint8_t x)
{
	*p = x;
	return p + 1;
}

static uint8_t *put16(uint8_t *p, uint16_t x)
{
	return put8(put8(p, (uint8_t)(x >> 8)), (uint8_t)x);
}

static uint8_t *put32(uint8_t *p, uint32_t x)
{
	return put16(put16(p, (uint16_t)(x >> 16)), (uint16_t)x);
}

static uint8_t *put_bytes(uint8_t *p, const void *bytes, uint32_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

/* RFC 1071 as it stands there: pairs of bytes, an odd one padded. */
static uint32_t add_up(uint32_t sum, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint8_t text_byte(uint32_t position)
{
	return (uint8_t)((position * 2654435761u) >> 23);
}

static uint32_t extension_count(const struct frame *f)
{
	uint32_t n = 0;

	while (n < EXTENSIONS_MOST && f->extension[n])
		n++;
	return n;
}

static uint32_t extension_length(const struct frame *f, uint8_t type)
{
	if (type == 44)
		return 8;
	return type == 51 ? (f->extension_units + 2u) * 4 : (f->extension_units + 1u) * 8;
}

uint32_t frame_ip_offset(const struct frame *f)
{
	return f->vlan ? 18 : 14;
}

uint32_t frame_tcp_offset(const struct frame *f)
{
	uint32_t offset = frame_ip_offset(f) + (f->v6 ? 40 : 20u + f->ip_options);

	for (uint32_t i = 0; f->v6 && i < extension_count(f); i++)
		offset += extension_length(f, f->extension[i]);
	return offset;
}

static uint32_t tcp_header_length(const struct frame *f)
{
	return 20 + (f->timestamps ? 12 : 0) + f->tcp_options;
}

uint32_t frame_text_offset(const struct frame *f)
{
	return frame_tcp_offset(f) + tcp_header_length(f);
}

static uint8_t *put_mac(uint8_t *p, uint8_t last)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, last};

	return put_bytes(p, mac, 6);
}

static uint8_t *put_ethernet(uint8_t *p, const struct frame *f)
{
	p = put_mac(p, f->answer ? 1 : 2);
	p = put_mac(p, f->answer ? 2 : 1);
	if (f->vlan)
		p = put16(put16(p, 0x8100), f->vlan);
	return put16(p, f->v6 ? 0x86dd : 0x0800);
}

static void addresses(const struct frame *f, uint8_t source[16], uint8_t destination[16])
{
	uint8_t peer[16] = {0}, own[16] = {0};

	if (f->v6) {
		peer[0] = own[0] = 0xfd;
		peer[15] = 1;
		own[15] = f->local_host ? f->local_host : 2;
	} else {
		memcpy(peer, "\x0a\x01\x00\x01", 4);
		memcpy(own, "\x0a\x01\x00\x02", 4);
		own[3] = f->local_host ? f->local_host : 2;
	}
	memcpy(source, f->answer ? own : peer, 16);
	memcpy(destination, f->answer ? peer : own, 16);
}

void frame_fix_ipv4(const struct frame *f, uint8_t *bytes)
{
	uint8_t *ip = bytes + frame_ip_offset(f);

	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~add_up(0, ip, (ip[0] & 15u) * 4));
}

static uint8_t protocol_of(const struct frame *f)
{
	return f->protocol ? f->protocol : 6;
}

static uint8_t *put_ipv4(uint8_t *p, const struct frame *f, uint32_t tcp_length)
{
	uint8_t source[16], destination[16];

	addresses(f, source, destination);
	p = put8(p, (uint8_t)(0x45 + f->ip_options / 4));
	p = put8(p, 0);
	p = put16(p, (uint16_t)(20 + f->ip_options + tcp_length));
	p = put16(p, 0);
	p = put16(p, f->fragment ? f->fragment : 0x4000);
	p = put8(put8(p, 64), protocol_of(f));
	p = put16(p, 0);
	p = put_bytes(put_bytes(p, source, 4), destination, 4);
	memset(p, 1, f->ip_options); /* NOPs */
	return p + f->ip_options;
}

static uint8_t *put_extension(uint8_t *p, const struct frame *f, uint8_t type, uint8_t next)
{
	uint32_t length = extension_length(f, type);

	memset(p, 0, length);
	p[0] = next;
	p[1] = type == 44 ? 0 : f->extension_units;
	if (type == 44)
		put16(p + 2, f->fragment);
	if (type == 43)
		p[3] = f->segments_left;
	return p + length;
}

static uint8_t *put_ipv6(uint8_t *p, const struct frame *f, uint32_t tcp_length)
{
	uint8_t source[16], destination[16];
	uint32_t count = extension_count(f);
	uint32_t extensions = frame_tcp_offset(f) - frame_ip_offset(f) - 40;

	addresses(f, source, destination);
	p = put32(p, 6u << 28);
	p = put16(p, (uint16_t)(extensions + tcp_length));
	p = put8(p, count ? f->extension[0] : protocol_of(f));
	p = put8(p, 64);
	p = put_bytes(put_bytes(p, source, 16), destination, 16);
	for (uint32_t i = 0; i < count; i++)
		p = put_extension(p, f, f->extension[i],
				  i + 1 < count ? f->extension[i + 1] : protocol_of(f));
	return p;
}

static uint8_t *put_tcp(uint8_t *p, const struct frame *f)
{
	uint16_t remote = f->remote_port ? f->remote_port : 40000;
	uint16_t local = f->local_port ? f->local_port : 7;

	p = put16(p, f->answer ? local : remote);
	p = put16(p, f->answer ? remote : local);
	p = put32(put32(p, f->seq), f->ack);
	p = put8(p, (uint8_t)(tcp_header_length(f) / 4 << 4));
	p = put8(p, f->flags);
	p = put16(p, f->wnd);
	p = put16(put16(p, 0), f->up);
	if (f->timestamps)
		p = put32(put32(put32(p, 0x0101080a), f->tsval), f->tsecr);
	memset(p, 1, f->tcp_options);
	p += f->tcp_options;
	for (uint32_t i = 0; i < f->text; i++)
		*p++ = text_byte(f->text_seed + i);
	return p;
}

static uint32_t pseudo_header_sum(const struct frame *f, uint32_t tcp_length)
{
	uint8_t source[16], destination[16], rest[8] = {0};
	uint32_t sum = 0;

	addresses(f, source, destination);
	sum = add_up(sum, source, f->v6 ? 16 : 4);
	sum = add_up(sum, destination, f->v6 ? 16 : 4);
	put32(rest, tcp_length);
	rest[7] = 6;
	return add_up(sum, rest, 8);
}

static void put_checksum(const struct frame *f, uint8_t *tcp, uint32_t tcp_length)
{
	uint32_t sum = pseudo_header_sum(f, tcp_length);

	if (f->checksum == CHECKSUM_PARTIAL) {
		put16(tcp + 16, (uint16_t)sum);
		return;
	}
	sum = add_up(sum, tcp, tcp_length);
	put16(tcp + 16, (uint16_t)(~sum ^ (f->checksum == CHECKSUM_WRONG ? 0x0100 : 0)));
}

uint32_t frame_build(const struct frame *f, uint8_t *bytes)
{
	uint32_t tcp_length = tcp_header_length(f) + f->text;
	uint8_t *p = put_ethernet(bytes, f);
	uint8_t *tcp;

	tcp = f->v6 ? put_ipv6(p, f, tcp_length) : put_ipv4(p, f, tcp_length);
	if (!f->v6)
		frame_fix_ipv4(f, bytes);
	p = put_tcp(tcp, f);
	put_checksum(f, tcp, tcp_length);
	memset(p, 0xee, f->padding);
	return (uint32_t)(p - bytes) + f->padding;
}
