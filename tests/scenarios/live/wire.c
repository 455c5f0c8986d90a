/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"
#include "failure.h"
#include "parse.h"
#include "raw_frame.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

enum { ARP_LENGTH = 42, NS_LENGTH = 14 + 40 + 24 };

uint64_t wire_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

bool wire_open(struct wire *w, const char *interface)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = from_be16(ETH_P_ALL)};
	const int yes = 1, room = 8 << 20;

	at.sll_ifindex = (int)if_nametoindex(interface);
	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || !at.sll_ifindex)
		return false;
	setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(w->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes));
	setsockopt(w->fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof(yes));
	return !bind(w->fd, (struct sockaddr *)&at, sizeof(at));
}

static void send_bytes(struct wire *w, const void *bytes, size_t length)
{
	if (send(w->fd, bytes, length, 0) != (ssize_t)length)
		fail_at(HERE, "send: %s", strerror(errno));
}

void wire_send(struct wire *w, const struct peer_frame *f)
{
	send_bytes(w, f->bytes, f->length);
}

/* --- our neighbour asks ------------------------------------------------------------- */

/* RFC 826: the request turned round. */
static void answer_arp(struct wire *w, const uint8_t *asked)
{
	uint8_t reply[ARP_LENGTH];

	if (get16(asked + 20) != 1 || memcmp(asked + 38, w->ends.from, 4))
		return;
	memcpy(reply, asked + 6, 6);
	memcpy(reply + 6, w->ends.from_mac, 6);
	memcpy(reply + 12, asked + 12, 8);
	put16(reply + 20, 2);
	memcpy(reply + 22, w->ends.from_mac, 6);
	memcpy(reply + 28, w->ends.from, 4);
	memcpy(reply + 32, asked + 22, 10);
	send_bytes(w, reply, sizeof(reply));
}

/* RFC 4861, 4.4, with the target's link-layer address. */
static void answer_solicitation(struct wire *w, const uint8_t *asked)
{
	uint8_t reply[14 + 40 + 32] = {0};
	uint8_t *ip = reply + 14, *icmp = ip + 40;

	if (memcmp(asked + 14 + 40 + 8, w->ends.from, 16))
		return;
	memcpy(reply, asked + 6, 6);
	memcpy(reply + 6, w->ends.from_mac, 6);
	put16(reply + 12, 0x86dd);
	ip[0] = 0x60;
	put16(ip + 4, 32);
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, w->ends.from, 16);
	memcpy(ip + 24, asked + 14 + 8, 16);
	icmp[0] = 136;
	icmp[4] = 0x60; /* solicited, override */
	memcpy(icmp + 8, w->ends.from, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, w->ends.from_mac, 6);
	put16(icmp + 2, plain_checksum(icmp, 32, (uint16_t)~plain_checksum(ip + 8, 32, 58 + 32)));
	send_bytes(w, reply, sizeof(reply));
}

static void answer_neighbour(struct wire *w, size_t length)
{
	const uint8_t *f = w->frame;
	uint16_t type = get16(f + 12);

	if (!w->ends.v6 && type == 0x0806 && length >= ARP_LENGTH)
		answer_arp(w, f);
	else if (w->ends.v6 && type == 0x86dd && length >= NS_LENGTH && f[14 + 6] == 58 &&
		 f[14 + 40] == 135)
		answer_solicitation(w, f);
}

/* --- segments ------------------------------------------------------------------------- */

static bool is_for_us(const struct wire *w, const struct packet *p)
{
	unsigned int skip = p->v4 ? 12 : 0;

	return p->v4 == !w->ends.v6 &&
	       !memcmp((const uint8_t *)&p->tuple.local + skip, w->ends.from, 16 - skip) &&
	       !memcmp((const uint8_t *)&p->tuple.remote + skip, w->ends.to, 16 - skip) &&
	       from_be16(p->tuple.local_port) == w->ends.from_port &&
	       (!w->ends.to_port || from_be16(p->tuple.remote_port) == w->ends.to_port);
}

/* On a veth the checksum may be left to a device that will never come. */
static bool checksum_is_right(const struct wire *w, const struct packet *p)
{
	return csum_is_right(csum_add_bytes(csum_pseudo(&p->tuple, p->v4, p->tcp_length),
					    w->frame + p->tcp_offset, p->tcp_length));
}

static bool read_segment(struct wire *w, size_t length, bool partial, struct heard *h)
{
	struct packet p = {0};

	if (length < 14 + 20 + 20 ||
	    parse_packet(w->frame, w->frame + length, (__u32)length, &p) != PARSED ||
	    !is_for_us(w, &p))
		return false;
	require(partial || checksum_is_right(w, &p), "a wrong checksum came");
	require(parse_options(w->frame + p.tcp_offset + 20, p.tcp_header - 20u, &p.segment),
		"options came that cannot be read");
	h->segment = p.segment;
	h->text = w->frame + p.tcp_offset + p.tcp_header;
	h->from_port = from_be16(p.tuple.remote_port);
	return true;
}

static uint64_t when_of(struct msghdr *m, bool *partial)
{
	uint64_t when = wire_now();

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct tpacket_auxdata aux;
		struct timespec t;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&t, CMSG_DATA(c), sizeof(t));
			when = (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
		}
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			*partial = aux.tp_status & TP_STATUS_CSUMNOTREADY;
		}
	}
	return when;
}

/* One frame that is there. False: there is none. */
static bool take_frame(struct wire *w, struct heard *h, bool *heard)
{
	struct sockaddr_ll from;
	uint8_t control[256];
	struct iovec into = {w->frame, sizeof(w->frame)};
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_iov = &into,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(w->fd, &m, 0);
	bool partial = false;

	*heard = false;
	if (length < 0)
		return false;
	if (from.sll_pkttype == PACKET_OUTGOING)
		return true;
	h->when = when_of(&m, &partial);
	*heard = read_segment(w, (size_t)length, partial, h);
	if (!*heard && length >= ARP_LENGTH)
		answer_neighbour(w, (size_t)length);
	return true;
}

static void note_late(struct wire *w, uint64_t since)
{
	uint64_t now = wire_now();

	if (now > since && now - since > w->late)
		w->late = now - since;
}

bool wire_hear(struct wire *w, uint64_t until, struct heard *h)
{
	bool heard;

	for (;;) {
		struct pollfd wait = {.fd = w->fd, .events = POLLIN};
		uint64_t now;

		while (take_frame(w, h, &heard)) {
			if (!heard)
				continue;
			note_late(w, h->when);
			return true;
		}
		now = wire_now();
		if (now >= until)
			return false;
		if (!poll(&wait, 1, (int)((until - now) / 1000000) + 1))
			note_late(w, until);
	}
}
