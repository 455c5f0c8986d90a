/* SPDX-License-Identifier: BSD-2-Clause */
/* See wire_offload.h. */
#include "wire_offload.h"
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <string.h>

static uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i + 1 < length; i += 2) {
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (length & 1)
		sum += (uint32_t)bytes[length - 1] << 8;
	return (sum & 0xffff) + (sum >> 16);
}

static uint16_t sum_finish(uint32_t sum)
{
	return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

/* The field holds the sum of the pseudo-header; add what lies from `start` on. */
static bool complete_checksum(const struct virtio_net_hdr *v, uint8_t *bytes, uint32_t length)
{
	uint32_t field = v->csum_start + v->csum_offset;
	uint16_t sum;

	if (field + 2 > length)
		return false;
	sum = sum_finish(sum_bytes(0, bytes + v->csum_start, length - v->csum_start));
	if (!sum && v->csum_offset == 6) /* UDP: 0 would mean that there is none */
		sum = 0xffff;
	memcpy(bytes + field, &sum, 2);
	return true;
}

/* Writes the lengths and checksums of one TCP segment with its headers. */
static void finish_segment(uint8_t *bytes, uint32_t length, uint32_t tcp, uint16_t number)
{
	struct iphdr *ip = (void *)(bytes + ETH_HLEN);
	struct ipv6hdr *ip6 = (void *)(bytes + ETH_HLEN);
	struct tcphdr *th = (void *)(bytes + tcp);
	uint32_t sum = IPPROTO_TCP + length - tcp;

	if (ip->version == 4) {
		ip->tot_len = htons((uint16_t)(length - ETH_HLEN));
		ip->id = htons((uint16_t)(ntohs(ip->id) + number));
		ip->check = 0;
		ip->check = sum_finish(sum_bytes(0, (uint8_t *)ip, ip->ihl * 4u));
		sum = sum_bytes(sum, (uint8_t *)&ip->saddr, 8);
	} else {
		ip6->payload_len = htons((uint16_t)(length - ETH_HLEN - sizeof(*ip6)));
		sum = sum_bytes(sum, (uint8_t *)&ip6->saddr, 32);
	}
	th->check = 0;
	th->check = sum_finish(sum_bytes(sum, bytes + tcp, length - tcp));
}

/* A TCP super-segment, cut as the device would have cut it. */
static bool cut(const struct virtio_net_hdr *v, const uint8_t *bytes, uint32_t length,
		const struct taker *taker)
{
	static uint8_t piece[FRAME_MAX];
	const uint32_t tcp = v->csum_start;
	const struct tcphdr *whole = (const void *)(bytes + tcp);
	const uint32_t size = v->gso_size;
	uint32_t headers, text;
	uint16_t number = 0;

	if (tcp + sizeof(*whole) > length || !size || length > FRAME_MAX)
		return false;
	headers = tcp + whole->doff * 4u;
	if (headers > length)
		return false;
	for (uint32_t at = headers; at < length; at += text, number++) {
		struct tcphdr *th = (void *)(piece + tcp);

		text = length - at < size ? length - at : size;
		memcpy(piece, bytes, headers);
		memcpy(piece + headers, bytes + at, text);
		th->seq = htonl(ntohl(whole->seq) + at - headers);
		if (at + text < length)
			th->fin = th->psh = 0;
		if (at > headers)
			th->cwr = 0;
		finish_segment(piece, headers + text, tcp, number);
		taker->take(taker->argument, piece, headers + text);
	}
	return true;
}

bool offload_finish(const struct virtio_net_hdr *v, uint8_t *bytes, uint32_t length,
		    const struct taker *taker)
{
	switch (v->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE: break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6: return cut(v, bytes, length, taker);
	default: return false;
	}
	if (v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && !complete_checksum(v, bytes, length))
		return false;
	taker->take(taker->argument, bytes, length);
	return true;
}
