/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about the interface, asked of the kernel (rtnetlink, ethtool). */
#ifndef XTCP_INTERFACE_H
#define XTCP_INTERFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct interface {
	char name[IF_NAMESIZE];
	uint32_t index;
	uint32_t mtu;
	uint32_t queues; /* receive queues in use, at least 1 */
	uint8_t mac[6];
	char driver[32];
	bool up;
	bool loopback;
	bool veth;
	bool ethernet;	    /* frames begin with an Ethernet header */
	uint32_t peer;	    /* veth: index of the other end, 0 unknown */
	int32_t peer_netns; /* its namespace's ID as seen from here; -1: this one */
};

int interface_read(const char *name, struct interface *i); /* 0, -ENODEV, -errno */

/* Has the other end of a veth a native XDP program? Only then XDP_TX delivers:
 * the kernel's veth_xdp_xmit() needs the receive rings that it brings. */
bool interface_peer_has_xdp(const struct interface *i);

#endif
