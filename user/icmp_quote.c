/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading ICMP errors; see icmp_quote.h. Of the quoted packet 8 bytes of TCP are
 * sure to be there (RFC 792): the ports and the sequence number. */
#include "icmp_quote.h"
#include "csum.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stddef.h>
#include <string.h>

enum { ICMP_HEADER = 8, TCP_QUOTED = 8, IPV4_HEADER = 20, IPV6_HEADER = 40 };

/* What a code means; codes beyond the table are as unspecific as code 0. */
struct meaning {
	uint8_t error;
	bool hard;
};

/* RFC 792, 1122 (3.2.2.1) and 1812 (5.2.7.1). */
static const struct meaning unreachable_v4[] = {
	[ICMP_NET_UNREACH] = {ICMP_ERROR_NETWORK, false},
	[ICMP_HOST_UNREACH] = {ICMP_ERROR_HOST, false},
	[ICMP_PROT_UNREACH] = {ICMP_ERROR_PROTOCOL, true},
	[ICMP_PORT_UNREACH] = {ICMP_ERROR_PORT, true},
	[ICMP_FRAG_NEEDED] = {ICMP_ERROR_TOO_BIG, false},
	[ICMP_SR_FAILED] = {ICMP_ERROR_SOURCE_ROUTE, false},
	[ICMP_NET_UNKNOWN] = {ICMP_ERROR_NETWORK, false},
	[ICMP_HOST_UNKNOWN] = {ICMP_ERROR_HOST, false},
	[ICMP_HOST_ISOLATED] = {ICMP_ERROR_HOST, false},
	[ICMP_NET_ANO] = {ICMP_ERROR_PROHIBITED, false},
	[ICMP_HOST_ANO] = {ICMP_ERROR_PROHIBITED, false},
	[ICMP_NET_UNR_TOS] = {ICMP_ERROR_NETWORK, false},
	[ICMP_HOST_UNR_TOS] = {ICMP_ERROR_HOST, false},
	[ICMP_PKT_FILTERED] = {ICMP_ERROR_PROHIBITED, false},
	[ICMP_PREC_VIOLATION] = {ICMP_ERROR_PROHIBITED, false},
	[ICMP_PREC_CUTOFF] = {ICMP_ERROR_PROHIBITED, false},
};

/* RFC 4443, 3.1. */
static const struct meaning unreachable_v6[] = {
	[ICMPV6_NOROUTE] = {ICMP_ERROR_NETWORK, false},
	[ICMPV6_ADM_PROHIBITED] = {ICMP_ERROR_PROHIBITED, true},
	[ICMPV6_NOT_NEIGHBOUR] = {ICMP_ERROR_NETWORK, false},
	[ICMPV6_ADDR_UNREACH] = {ICMP_ERROR_HOST, false},
	[ICMPV6_PORT_UNREACH] = {ICMP_ERROR_PORT, true},
	[ICMPV6_POLICY_FAIL] = {ICMP_ERROR_PROHIBITED, false},
	[ICMPV6_REJECT_ROUTE] = {ICMP_ERROR_PROHIBITED, false},
};

static const char *const names[ICMP_ERRORS] = {
	[ICMP_ERROR_TOO_BIG] = "packet too big",
	[ICMP_ERROR_NETWORK] = "network unreachable",
	[ICMP_ERROR_HOST] = "host unreachable",
	[ICMP_ERROR_PROTOCOL] = "protocol unreachable",
	[ICMP_ERROR_PORT] = "port unreachable",
	[ICMP_ERROR_SOURCE_ROUTE] = "source route failed",
	[ICMP_ERROR_PROHIBITED] = "prohibited",
	[ICMP_ERROR_TIME] = "time exceeded",
	[ICMP_ERROR_PARAMETER] = "parameter problem",
};

const char *icmp_error_name(uint8_t error)
{
	return error < ICMP_ERRORS ? names[error] : NULL;
}

static uint16_t read16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static uint32_t read32(const uint8_t *b)
{
	return (uint32_t)read16(b) << 16 | read16(b + 2);
}

static void mean(struct icmp_quote *q, const struct meaning *table, size_t size, uint8_t code)
{
	const struct meaning *m = &table[code < size ? code : 0];

	q->error = m->error;
	q->hard = m->hard;
}

static void read_ports(struct icmp_quote *q, const uint8_t *tcp)
{
	memcpy(&q->tuple.local_port, tcp, 2);
	memcpy(&q->tuple.remote_port, tcp + 2, 2);
	q->seq = read32(tcp + 4);
}

static struct address v4_address(const uint8_t *bytes)
{
	static const uint8_t mapped[4] = {0, 0, 0xff, 0xff};
	struct address a = {0};

	memcpy(&a.word[2], mapped, 4);
	memcpy(&a.word[3], bytes, 4);
	return a;
}

/* --- IPv4 ------------------------------------------------------------------------- */

/* Routers older than RFC 1191 name no MTU: then it is the next lower one of those
 * that exist (RFC 1191, 5 and 7.1). */
static uint16_t plateau_below(uint16_t length)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 552};

	for (size_t i = 0; i < sizeof(plateaus) / sizeof(*plateaus); i++)
		if (plateaus[i] < length)
			return plateaus[i];
	return 68;
}

/* Source quench (MUST-55) and whatever is no error is not read at all. */
static bool mean_v4(struct icmp_quote *q, const uint8_t *icmp, const uint8_t *quoted)
{
	switch (icmp[0]) {
	case ICMP_DEST_UNREACH:
		mean(q, unreachable_v4, sizeof(unreachable_v4) / sizeof(*unreachable_v4), icmp[1]);
		q->mtu = read16(icmp + 6);
		if (!q->mtu)
			q->mtu = plateau_below(read16(quoted + offsetof(struct iphdr, tot_len)));
		return true;
	case ICMP_TIME_EXCEEDED: q->error = ICMP_ERROR_TIME; return true;
	case ICMP_PARAMETERPROB: q->error = ICMP_ERROR_PARAMETER; return true;
	default: return false;
	}
}

/* We send no options and no fragments. */
static bool is_ours_v4(const uint8_t *ip, size_t length)
{
	return length >= IPV4_HEADER + TCP_QUOTED && ip[0] == (4 << 4 | IPV4_HEADER / 4) &&
	       !(read16(ip + offsetof(struct iphdr, frag_off)) & 0x1fff) &&
	       ip[offsetof(struct iphdr, protocol)] == IPPROTO_TCP;
}

bool icmp_read_v4(const uint8_t *packet, size_t length, struct icmp_quote *q)
{
	size_t header = length ? (packet[0] & 0xfu) * 4u : 0;
	const uint8_t *icmp = packet + header, *quoted = icmp + ICMP_HEADER;

	memset(q, 0, sizeof(*q));
	if (header < IPV4_HEADER || length < header + ICMP_HEADER)
		return false;
	if (!csum_is_right(csum_add_bytes(0, icmp, (uint32_t)(length - header))))
		return false;
	if (!is_ours_v4(quoted, length - header - ICMP_HEADER) || !mean_v4(q, icmp, quoted))
		return false;
	q->tuple.local = v4_address(quoted + offsetof(struct iphdr, saddr));
	q->tuple.remote = v4_address(quoted + offsetof(struct iphdr, daddr));
	read_ports(q, quoted + IPV4_HEADER);
	return true;
}

/* --- IPv6 ------------------------------------------------------------------------- */

static bool mean_v6(struct icmp_quote *q, const uint8_t *icmp)
{
	uint32_t mtu = read32(icmp + 4);

	switch (icmp[0]) {
	case ICMPV6_DEST_UNREACH:
		mean(q, unreachable_v6, sizeof(unreachable_v6) / sizeof(*unreachable_v6), icmp[1]);
		return true;
	case ICMPV6_PKT_TOOBIG:
		q->error = ICMP_ERROR_TOO_BIG;
		q->mtu = mtu < UINT16_MAX ? (uint16_t)mtu : UINT16_MAX;
		return true;
	case ICMPV6_TIME_EXCEED: q->error = ICMP_ERROR_TIME; return true;
	case ICMPV6_PARAMPROB: q->error = ICMP_ERROR_PARAMETER; return true;
	default: return false;
	}
}

bool icmp_read_v6(const uint8_t *message, size_t length, struct icmp_quote *q)
{
	const uint8_t *quoted = message + ICMP_HEADER;

	memset(q, 0, sizeof(*q));
	if (length < ICMP_HEADER + IPV6_HEADER + TCP_QUOTED || quoted[0] >> 4 != 6)
		return false;
	if (quoted[offsetof(struct ipv6hdr, nexthdr)] != IPPROTO_TCP || !mean_v6(q, message))
		return false;
	memcpy(&q->tuple.local, quoted + offsetof(struct ipv6hdr, saddr), sizeof(struct address));
	memcpy(&q->tuple.remote, quoted + offsetof(struct ipv6hdr, daddr), sizeof(struct address));
	read_ports(q, quoted + IPV6_HEADER);
	return true;
}
