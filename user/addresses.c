/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's addresses by rtnetlink; see addresses.h. */
#include "addresses.h"
#include "netlink.h"
#include "parse.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESSES_MOST = 4096, DUMP_TRIES = 100 };

bool address_is_v4(const struct address *a)
{
	const struct address mapped = address_from_v4(a->word[3]);

	return !memcmp(a, &mapped, sizeof(mapped));
}

bool address_is_unspecified(const struct address *a)
{
	const struct address none = {0};

	return address_is_v4(a) ? !a->word[3] : !memcmp(a, &none, sizeof(none));
}

static uint8_t first_byte(const struct address *a)
{
	return ((const uint8_t *)&a->word[address_is_v4(a) ? 3 : 0])[0];
}

/* 224.0.0.0/4 and 240.0.0.0/4 with 255.255.255.255; ff00::/8. */
bool address_is_multicast(const struct address *a)
{
	return first_byte(a) >= (address_is_v4(a) ? 224 : 255);
}

bool address_is_loopback(const struct address *a)
{
	const struct address one = {{0, 0, 0, from_be32(1)}};

	return address_is_v4(a) ? first_byte(a) == 127 : !memcmp(a, &one, sizeof(one));
}

bool address_is_link_local(const struct address *a)
{
	const uint8_t *byte = (const uint8_t *)a;

	return !address_is_v4(a) && byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80;
}

static void append(struct addresses *a, const struct nlattr *attribute, uint32_t interface,
		   bool broadcast)
{
	struct local_address *e = &a->entry[a->count];
	uint16_t length = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	if (a->count == ADDRESSES_MOST || (length != 4 && length != 16))
		return;
	if (length == 4)
		e->address = address_from_v4(mnl_attr_get_u32(attribute));
	else
		memcpy(&e->address, mnl_attr_get_payload(attribute), sizeof(e->address));
	e->interface = interface;
	e->broadcast = broadcast;
	a->count++;
}

/* IFA_LOCAL is ours and IFA_ADDRESS the other end's on a point-to-point link;
 * IPv6 often has the latter alone, and then it is ours. */
static int read_address(const struct nlmsghdr *n, void *argument)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a[IFA_MAX + 1];
	struct addresses *list = argument;

	netlink_attributes(n, sizeof(*m), a, IFA_MAX);
	append(list, a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], m->ifa_index, false);
	if (m->ifa_family == AF_INET)
		append(list, a[IFA_BROADCAST], m->ifa_index, true);
	return MNL_CB_OK;
}

static int dump(struct addresses *a)
{
	struct netlink_request r;

	a->count = 0;
	netlink_begin(&r, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	return netlink_ask(&r, read_address, a);
}

/* A list that changes while it is read ends in EINTR, and is read again. */
struct addresses *addresses_read(void)
{
	struct addresses *a = calloc(1, sizeof(*a) + ADDRESSES_MOST * sizeof(a->entry[0]));
	struct addresses *fitting;
	int error = -EINTR;

	if (!a)
		return NULL;
	for (int tries = 0; tries < DUMP_TRIES && error == -EINTR; tries++)
		error = dump(a);
	if (error) {
		free(a);
		errno = -error;
		return NULL;
	}
	fitting = realloc(a, sizeof(*a) + a->count * sizeof(a->entry[0]));
	return fitting ? fitting : a;
}

void addresses_free(struct addresses *a)
{
	free(a);
}

const struct local_address *addresses_find(const struct addresses *a, const struct address *x)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (!memcmp(&a->entry[i].address, x, sizeof(*x)))
			return &a->entry[i];
	return NULL;
}

int addresses_follow(void)
{
	struct sockaddr_nl to = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (!bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	close(fd);
	return -errno;
}

/* What exactly happened is not of interest, since the list is read anew; that
 * some of it was lost (ENOBUFS) is one more reason to. */
bool addresses_have_changed(int fd)
{
	char message[8192];
	bool changed = false;
	ssize_t length;

	while ((length = recv(fd, message, sizeof(message), 0)) > 0 || errno == ENOBUFS) {
		changed = true;
		if (length < 0)
			errno = 0;
	}
	return changed;
}
