/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker's beginning and end: what daemon.c does with it. */
#ifndef XTCP_WORKER_LIFE_H
#define XTCP_WORKER_LIFE_H

#include "worker.h"

struct engine;
struct tcp_settings;

/* Owns `ring_fd`, whatever happens. NULL: no memory. */
struct worker *worker_make(struct engine *e, uint32_t number, const struct tcp_settings *settings,
			   int ring_fd);
int worker_start(struct worker *w); /* 0, -errno */
/* Resets its connections and ends its thread. */
void worker_stop(struct worker *w);
void worker_destroy(struct worker *w);

#endif
