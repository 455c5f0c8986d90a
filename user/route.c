/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes and neighbours by rtnetlink; see route.h. */
#include "route.h"
#include "addresses.h"
#include "netlink.h"
#include "parse.h"
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* As long as the kernel itself tries, about: three requests, a second apart. */
enum { NEIGHBOUR_TRIES = 150, NEIGHBOUR_WAIT_MS = 20 };

struct hop {
	struct address gateway; /* unspecified: the destination is on the link */
	struct address source;
	uint32_t interface;
	int kind;
};

static uint8_t family_of(const struct address *a)
{
	return address_is_v4(a) ? AF_INET : AF_INET6;
}

static void put_address(struct nlmsghdr *n, uint16_t type, const struct address *a)
{
	if (address_is_v4(a))
		mnl_attr_put_u32(n, type, a->word[3]);
	else
		mnl_attr_put(n, type, sizeof(*a), a);
}

static void get_address(const struct nlattr *attribute, struct address *a)
{
	if (attribute && mnl_attr_get_payload_len(attribute) == 4)
		*a = address_from_v4(mnl_attr_get_u32(attribute));
	else if (attribute && mnl_attr_get_payload_len(attribute) == sizeof(*a))
		memcpy(a, mnl_attr_get_payload(attribute), sizeof(*a));
}

/* An IPv4 route by an IPv6 gateway (RTA_VIA: family, then address). */
static void get_via(const struct nlattr *attribute, struct address *a)
{
	const struct rtvia *via;

	if (!attribute)
		return;
	via = mnl_attr_get_payload(attribute);
	if (via->rtvia_family == AF_INET6 &&
	    mnl_attr_get_payload_len(attribute) >= sizeof(*via) + sizeof(*a))
		memcpy(a, via->rtvia_addr, sizeof(*a));
}

static int read_route(const struct nlmsghdr *n, void *argument)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a[RTA_MAX + 1];
	struct hop *h = argument;

	netlink_attributes(n, sizeof(*m), a, RTA_MAX);
	h->kind = m->rtm_type;
	h->interface = a[RTA_OIF] ? mnl_attr_get_u32(a[RTA_OIF]) : 0;
	get_address(a[RTA_GATEWAY], &h->gateway);
	get_via(a[RTA_VIA], &h->gateway);
	get_address(a[RTA_PREFSRC], &h->source);
	return MNL_CB_OK;
}

static int ask_route(const struct address *a, uint32_t interface, struct hop *h)
{
	struct netlink_request r;
	struct rtmsg *m = netlink_begin(&r, RTM_GETROUTE, 0, sizeof(*m));

	memset(h, 0, sizeof(*h));
	m->rtm_family = family_of(a);
	m->rtm_dst_len = address_is_v4(a) ? 32 : 128;
	put_address(r.head, RTA_DST, a);
	if (interface)
		mnl_attr_put_u32(r.head, RTA_OIF, interface);
	return netlink_ask(&r, read_route, h);
}

int route_kind(const struct address *a)
{
	struct hop h;
	int error = ask_route(a, 0, &h);

	return error ? error : h.kind;
}

struct neighbour {
	uint8_t mac[6];
	bool valid;
};

static int read_neighbour(const struct nlmsghdr *n, void *argument)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a[NDA_MAX + 1];
	struct neighbour *neighbour = argument;

	netlink_attributes(n, sizeof(*m), a, NDA_MAX);
	if (!a[NDA_LLADDR] || mnl_attr_get_payload_len(a[NDA_LLADDR]) != sizeof(neighbour->mac))
		return MNL_CB_OK;
	memcpy(neighbour->mac, mnl_attr_get_payload(a[NDA_LLADDR]), sizeof(neighbour->mac));
	neighbour->valid = !(m->ndm_state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NONE));
	return MNL_CB_OK;
}

static void ask_neighbour(const struct interface *i, const struct address *hop, struct neighbour *n)
{
	struct netlink_request r;
	struct ndmsg *m = netlink_begin(&r, RTM_GETNEIGH, 0, sizeof(*m));

	memset(n, 0, sizeof(*n));
	m->ndm_family = family_of(hop);
	m->ndm_ifindex = (int)i->index;
	put_address(r.head, NDA_DST, hop);
	netlink_ask(&r, read_neighbour, n);
}

static int ignore(const struct nlmsghdr *n, void *argument)
{
	(void)n;
	(void)argument;
	return MNL_CB_OK;
}

/* As if the kernel had a packet for it: it begins to resolve. */
static int use_neighbour(const struct interface *i, const struct address *hop)
{
	struct netlink_request r;
	struct ndmsg *m = netlink_begin(&r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK,
					sizeof(*m));

	m->ndm_family = family_of(hop);
	m->ndm_ifindex = (int)i->index;
	m->ndm_flags = NTF_USE;
	put_address(r.head, NDA_DST, hop);
	return netlink_ask(&r, ignore, NULL);
}

static int resolve(const struct interface *i, const struct address *hop, uint8_t mac[6])
{
	const struct timespec wait = {.tv_nsec = NEIGHBOUR_WAIT_MS * 1000000};
	struct neighbour n;

	ask_neighbour(i, hop, &n);
	for (int tries = 0; !n.valid && tries < NEIGHBOUR_TRIES; tries++) {
		if (!(tries % 50) && use_neighbour(i, hop))
			return -EHOSTUNREACH;
		nanosleep(&wait, NULL);
		ask_neighbour(i, hop, &n);
	}
	if (!n.valid)
		return -EHOSTUNREACH;
	memcpy(mac, n.mac, sizeof(n.mac));
	return 0;
}

/* The source address that the kernel would take (RFC 9293, 3.9.1.1, MUST-44; it stays
 * the connection's: MUST-45), unless nobody could be there (3.9.2.3, MUST-46). */
int route_find(const struct interface *i, const struct address *remote, struct route *r)
{
	struct hop h;
	bool on_link;

	memset(r, 0, sizeof(*r));
	if (ask_route(remote, i->loopback ? 0 : i->index, &h) || h.interface != i->index)
		return -ENETUNREACH;
	if (h.kind != RTN_UNICAST && !(h.kind == RTN_LOCAL && i->loopback))
		return -EINVAL;
	if (address_is_unspecified(&h.source) || family_of(&h.source) != family_of(remote))
		return -ENETUNREACH;
	r->source = h.source;
	r->link.v4 = address_is_v4(remote);
	memcpy(r->link.own_mac, i->mac, sizeof(i->mac));
	if (i->loopback)
		return 0;
	on_link = address_is_unspecified(&h.gateway);
	return resolve(i, on_link ? remote : &h.gateway, r->link.peer_mac);
}
