/* SPDX-License-Identifier: BSD-2-Clause */
/* The consumer's side of a BPF ring buffer, where XDP's records arrive. Not
 * libbpf's: a record is to be given back only after its effect is in the maps,
 * records are taken in batches, and the worker needs the producer's position to
 * fall asleep safely (struct worker_wake). Layout: kernel/bpf/ringbuf.c; the
 * consumer page, the producer page, then the data twice in a row. */
#ifndef XTCP_RING_H
#define XTCP_RING_H

#include "abi.h"
#include <stdbool.h>
#include <stddef.h>

struct ring {
	unsigned long *consumer; /* shared: given back up to here */
	const unsigned long *producer;
	const __u8 *data;
	unsigned long position; /* ours: read up to here */
	unsigned long end;	/* and to be read up to here */
	unsigned long mask;
	size_t size;
	int fd;
};

int ring_open(struct ring *r, int fd, size_t size); /* 0, -errno; owns fd if 0 */
void ring_close(struct ring *r);

/* Looks how far the ring goes now. False: there is nothing. */
bool ring_look(struct ring *r);
/* The next record that was there at that look and that XDP has finished, or NULL. It
 * stays valid until ring_give_back(). */
const struct record *ring_next(struct ring *r);
/* The one that ring_next() would return, if it follows at once; or NULL. */
const struct record *ring_peek(const struct ring *r);
/* The record that ring_next() returned has not been dealt with: see it again. */
void ring_undo(struct ring *r, const struct record *record);
/* All that was read is dealt with. */
void ring_give_back(struct ring *r);
/* Nothing is there, not even a record that is being written. */
bool ring_is_empty(const struct ring *r);

#endif
