/* SPDX-License-Identifier: BSD-2-Clause */
/* The `listeners` map: which addresses and ports are ours. XDP looks up exactly
 * what a segment says, so wildcards are spelled out here, once for every address
 * of the host, and again whenever those change. */
#ifndef XTCP_LISTENING_H
#define XTCP_LISTENING_H

#include "addresses.h"
#include "config.h"
#include "interface.h"

enum { LISTENING_MOST = 16384 };

/* Could all listeners of the configuration be reached? 0, or -EADDRNOTAVAIL
 * after a message about the first that could not. */
int listening_check(const struct config *config, const struct interface *i);
/* Makes the map say what the configuration means with these addresses. 0, -errno. */
int listening_update(int map, const struct config *config, const struct interface *i,
		     const struct addresses *a);

#endif
