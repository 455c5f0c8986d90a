/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses of this host, as a list that is never changed once made: when
 * the host's change, a new one is made and takes the old one's place, and
 * workers go on reading whichever they have until their round ends. */
#ifndef XTCP_ADDRESSES_H
#define XTCP_ADDRESSES_H

#include "abi.h"
#include "interface.h"
#include <stdbool.h>
#include <stdint.h>

struct local_address {
	struct address address;
	uint32_t interface; /* index */
	bool broadcast;	    /* of its subnet: neither a listener's nor a peer's */
};

struct addresses {
	uint32_t count;
	struct local_address entry[];
};

struct addresses *addresses_read(void); /* NULL: errno says why */
void addresses_free(struct addresses *a);
/* The entry of that address, NULL if it is none of the host's. */
const struct local_address *addresses_find(const struct addresses *a, const struct address *x);
/* A socket that becomes readable when addresses have changed; -errno. */
int addresses_follow(void);
/* Reads what the socket has; true if it was about addresses. */
bool addresses_have_changed(int fd);

bool address_is_v4(const struct address *a);
bool address_is_unspecified(const struct address *a);
bool address_is_multicast(const struct address *a); /* or the limited broadcast */
bool address_is_loopback(const struct address *a);
bool address_is_link_local(const struct address *a); /* fe80::/10 only */

#endif
