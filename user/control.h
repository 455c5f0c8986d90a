/* SPDX-License-Identifier: BSD-2-Clause */
/* The control API: HTTP and JSON on a Unix socket, for xtcpctl and for whatever
 * gathers metrics. A thread of its own, which touches connections only through
 * worker_call().
 *
 *	GET  /status       how it is attached, transmits and listens
 *	GET  /connections  what lives
 *	GET  /counters     one object, reason → count
 *	GET  /traces       connections whose segments are kept
 *	GET  /ladder/ID    the segments of one
 *	GET  /metrics      for Prometheus
 *	POST /connect      {"address", "service", "local_port", "backends", "banner"} → {"id"}
 *
 * An error is {"error": "…"} with a status of 400 and above. */
#ifndef XTCP_CONTROL_H
#define XTCP_CONTROL_H

#include "config.h"

struct control;
struct daemon;

/* Binds the socket, before anything is attached, and refuses to if another
 * daemon answers there. 0, or -errno after a message. */
int control_open(const struct config *config, struct control **c);
/* Begins to answer. 0, or -errno after a message. */
int control_serve(struct control *c, struct daemon *d);
/* Stops answering and removes the socket; `d` may be stopped after it. */
void control_close(struct control *c);
/* After the daemon has been stopped: its connections pointed in here. */
void control_free(struct control *c);

#endif
