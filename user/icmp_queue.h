/* SPDX-License-Identifier: BSD-2-Clause */
/* From the thread that hears ICMP errors to the worker whose connection they are
 * about: a short queue, and what the worker does with them. Nobody waits: what
 * finds no room is lost, as any ICMP message may be. */
#ifndef XTCP_ICMP_QUEUE_H
#define XTCP_ICMP_QUEUE_H

#include "icmp_quote.h"
#include <pthread.h>

enum { ICMP_QUEUE = 64 };

struct worker;

struct icmp_news {
	uint32_t index; /* of the connection, as in struct tuple_value */
	uint32_t generation;
	uint32_t seq;
	uint16_t mtu;
	uint8_t error; /* enum icmp_error */
	bool hard;
};

struct icmp_queue {
	pthread_mutex_t lock;
	uint32_t count;
	struct icmp_news news[ICMP_QUEUE];

	/* The worker's account. */
	uint64_t too_big; /* that lowered nothing included */
	uint64_t soft;
	uint64_t hard;	  /* that ended an opening */
	uint64_t ignored; /* of no connection, or quoting nothing that is under way */
};

void icmp_queue_make(struct icmp_queue *q);
void icmp_queue_destroy(struct icmp_queue *q);

/* From the thread that hears: false if it is full. */
bool icmp_queue_put(struct icmp_queue *q, const struct icmp_news *n);
bool icmp_queue_is_empty(const struct icmp_queue *q);

/* On the worker's thread: does what there is to do. False: nothing. */
bool icmp_queue_work(struct worker *w);

#endif
