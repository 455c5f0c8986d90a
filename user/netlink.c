/* SPDX-License-Identifier: BSD-2-Clause */
/* Conversations with rtnetlink; see netlink.h. */
#include "netlink.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

void *netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, size_t size)
{
	memset(r, 0, sizeof(*r));
	r->head = mnl_nlmsg_put_header(r->bytes);
	r->head->nlmsg_type = type;
	r->head->nlmsg_flags = NLM_F_REQUEST | flags;
	r->head->nlmsg_seq = 1;
	return mnl_nlmsg_put_extra_header(r->head, size);
}

static int converse(struct mnl_socket *s, struct netlink_request *r, mnl_cb_t answer,
		    void *argument)
{
	unsigned port = mnl_socket_get_portid(s);
	static __thread char buffer[1 << 15];
	bool last = !(r->head->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK));

	if (mnl_socket_sendto(s, r->head, r->head->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(s, buffer, sizeof(buffer));
		int result;

		if (length < 0)
			return -errno;
		result = mnl_cb_run(buffer, (size_t)length, r->head->nlmsg_seq, port, answer,
				    argument);
		if (result < 0)
			return -errno;
		if (result == MNL_CB_STOP || last)
			return 0;
	}
}

int netlink_ask(struct netlink_request *r, mnl_cb_t answer, void *argument)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int error;

	if (!s)
		return -errno;
	error = mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) ? -errno
							  : converse(s, r, answer, argument);
	mnl_socket_close(s);
	return error;
}

struct table {
	const struct nlattr **attribute;
	uint16_t most;
};

static int note(const struct nlattr *a, void *argument)
{
	struct table *t = argument;

	if (mnl_attr_get_type(a) <= t->most)
		t->attribute[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

void netlink_attributes(const struct nlmsghdr *n, size_t size, const struct nlattr **table,
			uint16_t most)
{
	struct table t = {table, most};

	memset(table, 0, (most + 1u) * sizeof(*table));
	mnl_attr_parse(n, (unsigned)size, note, &t);
}

void netlink_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t most)
{
	struct table t = {table, most};

	memset(table, 0, (most + 1u) * sizeof(*table));
	mnl_attr_parse_nested(nest, note, &t);
}
