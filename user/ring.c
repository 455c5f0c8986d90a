/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a BPF ring buffer; see ring.h. */
#include "ring.h"
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

int ring_open(struct ring *r, int fd, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	__u8 *shared;

	r->consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r->consumer == MAP_FAILED)
		return -errno;
	shared = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (shared == MAP_FAILED) {
		int error = -errno;

		munmap(r->consumer, page);
		return error;
	}
	r->producer = (const unsigned long *)shared;
	r->data = shared + page;
	r->mask = size - 1;
	r->size = size;
	r->fd = fd;
	r->position = r->end = *r->consumer;
	return 0;
}

void ring_close(struct ring *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap(r->consumer, page);
	munmap((void *)r->producer, page + 2 * r->size);
	close(r->fd);
}

static unsigned long whole(__u32 length)
{
	return (length + BPF_RINGBUF_HDR_SZ + 7ul) & ~7ul;
}

bool ring_look(struct ring *r)
{
	r->end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	return r->position != r->end;
}

const struct record *ring_next(struct ring *r)
{
	while (r->position < r->end) {
		const __u8 *header = r->data + (r->position & r->mask);
		__u32 length = __atomic_load_n((const __u32 *)header, __ATOMIC_ACQUIRE);

		if (length & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		r->position += whole(length & ~BPF_RINGBUF_DISCARD_BIT);
		if (!(length & BPF_RINGBUF_DISCARD_BIT))
			return (const struct record *)(header + BPF_RINGBUF_HDR_SZ);
	}
	return NULL;
}

const struct record *ring_peek(const struct ring *r)
{
	const __u8 *header = r->data + (r->position & r->mask);

	if (r->position == __atomic_load_n(r->producer, __ATOMIC_ACQUIRE))
		return NULL;
	if (__atomic_load_n((const __u32 *)header, __ATOMIC_ACQUIRE) &
	    (BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))
		return NULL;
	return (const struct record *)(header + BPF_RINGBUF_HDR_SZ);
}

void ring_undo(struct ring *r, const struct record *record)
{
	const __u8 *header = (const __u8 *)record - BPF_RINGBUF_HDR_SZ;

	r->position -= whole(*(const __u32 *)header);
}

void ring_give_back(struct ring *r)
{
	if (*r->consumer != r->position)
		__atomic_store_n(r->consumer, r->position, __ATOMIC_RELEASE);
}

bool ring_is_empty(const struct ring *r)
{
	return r->position == __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
}
