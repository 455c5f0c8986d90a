/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast this link takes frames, by the ways that xtcp has of sending: AF_XDP in
 * copy mode, AF_PACKET with a virtio-net header, and super-segments by the latter.
 * One segment again and again, no TCP around it: no server that sends this way can
 * be faster. The far end is to drop it (drop.bpf.c). Prints JSON like xload's. */
#include "../cpu_time.h"
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <error.h>
#include <ifaddrs.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <xdp/xsk.h>

enum {
	HEADERS = 14 + 20 + 20,
	MSS = 1448,
	SUPER = 43 * MSS, /* as many whole segments as go into 64 KiB */
	SLOTS = 2048,
	SLOT = 2048,
	MEMORY = SLOTS * SLOT,
	BATCH = 64,
};

enum way { WAY_XDP, WAY_PACKET, WAY_GSO };

struct transmit {
	const char *interface;
	enum way way;
	uint32_t size; /* of the text in a frame */
	double duration;
	double warmup;
	uint8_t frame[HEADERS + SUPER];
	int packet;
	struct xsk_umem *umem;
	struct xsk_socket *xdp;
	struct xsk_ring_prod fill; /* wanted by the interface; nothing is received */
	struct xsk_ring_cons completion;
	struct xsk_ring_prod tx;
	uint32_t under_way;
	uint64_t sent;
};

/* A segment from an address of the benchmarks' to another. The checksums are wrong:
 * nobody reads it, and who sends computes what the device is asked for. */
static void build(struct transmit *t)
{
	struct ethhdr *eth = (void *)t->frame;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);

	memset(eth->h_dest, 2, ETH_ALEN);
	memset(eth->h_source, 6, ETH_ALEN);
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	ip->tot_len = htons((uint16_t)(HEADERS - sizeof(*eth) + t->size));
	ip->saddr = htonl(10u << 24 | 99u << 16 | 1);
	ip->daddr = htonl(10u << 24 | 100u << 16 | 1);
	tcp->source = htons(7);
	tcp->dest = htons(16384);
	tcp->doff = 5;
	tcp->ack = 1;
	memset(t->frame + HEADERS, 'x', t->size);
}

/* --- AF_PACKET ------------------------------------------------------------------ */

static void open_packet(struct transmit *t)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	const int yes = 1, size = 16 << 20;

	to.sll_ifindex = (int)if_nametoindex(t->interface);
	t->packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (t->packet < 0 || !to.sll_ifindex ||
	    setsockopt(t->packet, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)) ||
	    bind(t->packet, (struct sockaddr *)&to, sizeof(to)))
		error(1, errno, "%s: no packet socket", t->interface);
	setsockopt(t->packet, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

static void send_packets(struct transmit *t)
{
	struct virtio_net_hdr v = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = t->way == WAY_GSO ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
		.gso_size = t->way == WAY_GSO ? MSS : 0,
		.hdr_len = HEADERS,
		.csum_start = HEADERS - sizeof(struct tcphdr),
		.csum_offset = offsetof(struct tcphdr, check),
	};
	struct iovec iov[] = {{&v, sizeof(v)}, {t->frame, HEADERS + t->size}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	for (int i = 0; i < BATCH; i++) {
		if (sendmsg(t->packet, &message, 0) >= 0)
			t->sent++;
		else if (errno != ENOBUFS)
			error(1, errno, "%s: cannot send", t->interface);
	}
}

/* --- AF_XDP --------------------------------------------------------------------- */

static int try_xdp(struct transmit *t, void *slots)
{
	const struct xsk_socket_config config = {
		.tx_size = SLOTS,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};
	const struct xsk_umem_config memory = {
		.fill_size = SLOTS, .comp_size = SLOTS, .frame_size = SLOT};
	int failed = xsk_umem__create(&t->umem, slots, MEMORY, &t->fill, &t->completion, &memory);

	if (failed)
		return failed;
	failed = xsk_socket__create(&t->xdp, t->interface, 0, t->umem, NULL, &t->tx, &config);
	if (failed)
		xsk_umem__delete(t->umem);
	return failed;
}

/* The kernel lets go of a queue some time after whoever had it has ended. */
static void open_xdp(struct transmit *t)
{
	const struct timespec wait = {.tv_nsec = 50000000};
	uint8_t *slots = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int failed;

	if (slots == MAP_FAILED)
		error(1, errno, "no memory");
	for (int i = 0; i < SLOTS; i++)
		memcpy(slots + i * SLOT, t->frame, HEADERS + t->size);
	failed = try_xdp(t, slots);
	for (int i = 0; failed == -EBUSY && i < 100; i++) {
		nanosleep(&wait, NULL);
		failed = try_xdp(t, slots);
	}
	if (failed)
		error(1, -failed, "%s: no AF_XDP socket", t->interface);
}

static void collect(struct transmit *t)
{
	uint32_t at, n = xsk_ring_cons__peek(&t->completion, SLOTS, &at);

	if (n)
		xsk_ring_cons__release(&t->completion, n);
	t->under_way -= n;
	t->sent += n;
}

static void send_xdp(struct transmit *t)
{
	uint32_t at, n = SLOTS - t->under_way < BATCH ? SLOTS - t->under_way : BATCH;

	n = n && xsk_ring_prod__reserve(&t->tx, n, &at) ? n : 0;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__tx_desc(&t->tx, at + i) = (struct xdp_desc){
			.addr = (uint64_t)((at + i) % SLOTS) * SLOT, .len = HEADERS + t->size};
	if (n)
		xsk_ring_prod__submit(&t->tx, n);
	t->under_way += n;
	if (sendto(xsk_socket__fd(t->xdp), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
	    errno != EBUSY && errno != ENOBUFS)
		error(1, errno, "%s: cannot send", t->interface);
	collect(t);
}

/* --- measuring ------------------------------------------------------------------ */

/* Frames that the link took no more of. */
static uint64_t dropped(const char *interface)
{
	struct ifaddrs *all;
	uint64_t n = 0;

	if (getifaddrs(&all))
		error(1, errno, "getifaddrs");
	for (struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET &&
		    !strcmp(i->ifa_name, interface) && i->ifa_data)
			n = ((struct rtnl_link_stats *)i->ifa_data)->tx_dropped;
	freeifaddrs(all);
	return n;
}

static void send_for(struct transmit *t, double seconds)
{
	for (double end = cpu_time_clock() + seconds; cpu_time_clock() < end;) {
		if (t->way == WAY_XDP)
			send_xdp(t);
		else
			send_packets(t);
	}
}

static void measure(struct transmit *t)
{
	struct cpu_time before, after;
	uint64_t lost;
	double begin, seconds;

	send_for(t, t->warmup);
	t->sent = 0;
	lost = dropped(t->interface);
	before = cpu_time_now();
	begin = cpu_time_clock();
	send_for(t, t->duration);
	seconds = cpu_time_clock() - begin;
	after = cpu_time_now();
	lost = dropped(t->interface) - lost;
	printf("{\"mode\": \"transmit\", \"size\": %u, \"seconds\": %.6f, \"rate\": %.1f,\n",
	       t->size, seconds, (double)(t->sent - lost) / seconds);
	printf(" \"dropped\": %lu, \"unexpected\": 0,\n", (unsigned long)lost);
	printf(" \"cpu_machine\": %.3f, \"cpu_ours\": %.3f}\n", after.machine - before.machine,
	       after.ours - before.ours);
}

static enum way parse_way(struct argp_state *state, const char *arg)
{
	static const char *const name[] = {"xdp", "packet", "gso"};

	for (enum way way = WAY_XDP; way <= WAY_GSO; way++)
		if (!strcmp(arg, name[way]))
			return way;
	argp_error(state, "'%s' is none of xdp, packet, gso", arg);
	return WAY_XDP;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct transmit *t = state->input;

	switch (key) {
	case 'i': t->interface = arg; break;
	case 'y': t->way = parse_way(state, arg); break;
	case 'S':
		t->size = (uint32_t)atoi(arg);
		if (t->size > MSS)
			argp_error(state, "'%s' is not from 0 to %d", arg, MSS);
		break;
	case 'd': t->duration = atof(arg); break;
	case 'w': t->warmup = atof(arg); break;
	case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", arg); break;
	case ARGP_KEY_END:
		if (!t->interface)
			argp_error(state, "--interface is needed");
		if (t->way == WAY_GSO)
			t->size = SUPER;
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"interface", 'i', "NAME", 0, "send by this one", 0},
		{"way", 'y', "WAY", 0, "xdp (default), packet, or gso: 43 segments of 1448", 0},
		{"size", 'S', "BYTES", 0, "of text in a frame (64)", 0},
		{"duration", 'd', "SECONDS", 0, "of measuring (2)", 0},
		{"warmup", 'w', "SECONDS", 0, "before that (0.3)", 0},
		{0},
	};
	struct argp argp = {options, parse, NULL, "Sends as fast as it goes.", NULL, NULL, NULL};
	static struct transmit t = {.size = 64, .duration = 2, .warmup = 0.3};

	argp_parse(&argp, argc, argv, 0, NULL, &t);
	build(&t);
	if (t.way == WAY_XDP)
		open_xdp(&t);
	else
		open_packet(&t);
	measure(&t);
	return 0;
}
