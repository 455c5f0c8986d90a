/* SPDX-License-Identifier: BSD-2-Clause */
/* The way to a peer that we open a connection to: source address, next hop and
 * its link-layer address, all out of the kernel's tables, which the kernel goes
 * on maintaining (ARP and NDP are passed to it). */
#ifndef XTCP_ROUTE_H
#define XTCP_ROUTE_H

#include "abi.h"
#include "interface.h"
#include "tcp/conn.h"

struct route {
	struct address source;
	struct link_address link;
};

/* The kernel's kind of an address: RTN_LOCAL, RTN_UNICAST, RTN_BROADCAST …, or
 * -errno; -ENETUNREACH without a route. */
int route_kind(const struct address *a);

/* Resolves the way to `remote` by interface `i`, waiting for the neighbour for a
 * few seconds at most. 0, -ENETUNREACH, -EHOSTUNREACH, -EINVAL (broadcast …). */
int route_find(const struct interface *i, const struct address *remote, struct route *r);

#endif
