/* SPDX-License-Identifier: BSD-2-Clause */
/* One question to the kernel over rtnetlink and its answers, by libmnl. */
#ifndef XTCP_NETLINK_H
#define XTCP_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLINK_REQUEST = 1024 };

struct netlink_request {
	_Alignas(struct nlmsghdr) char bytes[NETLINK_REQUEST];
	struct nlmsghdr *head;
};

/* A message of `type` with a family header of `size` zeroed bytes, returned. */
void *netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, size_t size);
/* Sends it and calls `answer` for each message that comes back. 0, or -errno:
 * the kernel's own, or one of the conversation. */
int netlink_ask(struct netlink_request *r, mnl_cb_t answer, void *argument);

/* Attributes behind a family header of `size` bytes, by type; absent ones NULL. */
void netlink_attributes(const struct nlmsghdr *n, size_t size, const struct nlattr **table,
			uint16_t most);
void netlink_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t most);

#endif
