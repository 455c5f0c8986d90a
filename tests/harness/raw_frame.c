/* SPDX-License-Identifier: BSD-2-Clause */
#include "raw_frame.h"
#include <string.h>

void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

uint16_t plain_checksum(const uint8_t *bytes, size_t length, uint32_t sum)
{
	for (; length > 1; bytes += 2, length -= 2)
		sum += get16(bytes);
	if (length)
		sum += (uint32_t)bytes[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool is_v6(const struct raw_frame *f)
{
	return f->bytes[f->ip] >> 4 == 6;
}

void raw_fix_ip_checksum(struct raw_frame *f)
{
	uint8_t *ip = f->bytes + f->ip;

	put16(ip + 10, 0);
	put16(ip + 10, plain_checksum(ip, f->tcp - f->ip, 0));
}

void raw_fix_tcp_checksum(struct raw_frame *f)
{
	uint8_t *tcp = f->bytes + f->tcp;
	const uint8_t *addresses = f->bytes + f->ip + (is_v6(f) ? 8 : 12);
	size_t length = f->length - f->tcp;
	uint16_t pseudo = plain_checksum(addresses, is_v6(f) ? 32 : 8, 6 + (uint32_t)length);

	put16(tcp + 16, 0);
	put16(tcp + 16, plain_checksum(tcp, length, (uint16_t)~pseudo));
}

static void add(struct raw_frame *f, const void *bytes, size_t length)
{
	memcpy(f->bytes + f->length, bytes, length);
	f->length += length;
}

static void add_ethernet(struct raw_frame *f, const struct raw_shape *shape)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	static const uint8_t tag[4] = {0x81, 0x00, 0x60, 0x2a}; /* priority 3, VLAN 42 */
	static const uint8_t v4[2] = {0x08, 0x00}, v6[2] = {0x86, 0xdd};

	add(f, macs, sizeof(macs));
	if (shape->vlan)
		add(f, tag, sizeof(tag));
	add(f, shape->v6 ? v6 : v4, 2);
	f->ip = f->length;
}

static void add_ipv4(struct raw_frame *f, const struct raw_shape *shape, size_t payload)
{
	uint8_t ip[20] = {0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, 6};
	static const uint8_t addresses[8] = {10, 1, 0, 2, 10, 1, 0, 1};

	ip[0] = (uint8_t)(0x40 | (20 + shape->extra_length) / 4);
	put16(ip + 2, (uint16_t)(20 + shape->extra_length + payload));
	memcpy(ip + 12, addresses, 8);
	add(f, ip, sizeof(ip));
}

static void add_ipv6(struct raw_frame *f, const struct raw_shape *shape, size_t payload)
{
	uint8_t ip[40] = {0x60, 0, 0, 0, 0, 0, 6, 64, 0xfd};

	put16(ip + 4, (uint16_t)(shape->extra_length + payload));
	if (shape->extra_length)
		ip[6] = shape->next;
	ip[23] = 2;
	ip[24] = 0xfd;
	ip[39] = 1;
	add(f, ip, sizeof(ip));
}

static void add_tcp(struct raw_frame *f, const struct raw_shape *shape)
{
	uint8_t tcp[20] = {0};

	put16(tcp, RAW_REMOTE_PORT);
	put16(tcp + 2, RAW_LOCAL_PORT);
	put32(tcp + 4, RAW_SEQ);
	put32(tcp + 8, RAW_ACK);
	tcp[12] = (uint8_t)((20 + shape->options_length) / 4 << 4);
	tcp[13] = shape->flags ? shape->flags : 0x10;
	put16(tcp + 14, RAW_WINDOW);
	add(f, tcp, sizeof(tcp));
	if (shape->options_length)
		add(f, shape->options, shape->options_length);
	for (uint16_t i = 0; i < shape->text_length; i++)
		f->bytes[f->length++] = (uint8_t)(i * 7 + 1);
}

void raw_build(struct raw_frame *f, const struct raw_shape *shape)
{
	size_t payload = 20u + shape->options_length + shape->text_length;

	memset(f, 0, sizeof(*f));
	add_ethernet(f, shape);
	if (shape->v6)
		add_ipv6(f, shape, payload);
	else
		add_ipv4(f, shape, payload);
	if (shape->extra_length)
		add(f, shape->extra, shape->extra_length);
	f->tcp = f->length;
	add_tcp(f, shape);
	if (!shape->v6)
		raw_fix_ip_checksum(f);
	raw_fix_tcp_checksum(f);
}
