/* SPDX-License-Identifier: BSD-2-Clause */
/* The services that are built in; everybody else knows them by name only. */
#ifndef XTCP_SERVICES_H
#define XTCP_SERVICES_H

#include "service.h"

extern const struct service service_echo;    /* RFC 862 */
extern const struct service service_discard; /* RFC 863 */
extern const struct service service_chargen; /* RFC 864 */
extern const struct service service_daytime; /* RFC 867 */
extern const struct service service_greet;
extern const struct service service_proxy;

/* Throws away what the peer has sent so far. */
static inline void session_discard(struct session *s)
{
	size_t length;

	while (session_peek(s, &length))
		session_consume(s, length);
}

#endif
