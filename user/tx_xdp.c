/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending by AF_XDP; see tx_xdp.h. */
#include "tx_xdp.h"
#include "pieces.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

enum {
	MEMORY = TX_XDP_FRAME * TX_XDP_FRAMES,
	KICK = 32, /* frames that a call of copy mode sends */
};

struct tx_xdp {
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill; /* the interface wants one; nothing is received */
	struct xsk_ring_cons completion;
	struct xsk_ring_prod tx;
	uint8_t *memory;
	uint32_t queued;
	uint32_t free_count;
	uint64_t free[TX_XDP_FRAMES];
};

static int open_umem(struct tx_xdp *t)
{
	const struct xsk_umem_config config = {
		.fill_size = TX_XDP_FRAMES,
		.comp_size = TX_XDP_FRAMES,
		.frame_size = TX_XDP_FRAME,
	};

	return xsk_umem__create(&t->umem, t->memory, MEMORY, &t->fill, &t->completion, &config);
}

static int open_socket(struct tx_xdp *t, const char *interface, uint32_t queue)
{
	const struct xsk_socket_config config = {
		.tx_size = TX_XDP_FRAMES,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};

	return xsk_socket__create(&t->socket, interface, queue, t->umem, NULL, &t->tx, &config);
}

static int open_all(struct tx_xdp *t, const char *interface, uint32_t queue)
{
	int error;

	t->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (t->memory == MAP_FAILED) {
		t->memory = NULL;
		return -errno;
	}
	error = open_umem(t);
	return error ? error : open_socket(t, interface, queue);
}

int tx_xdp_open(struct tx_xdp **out, const char *interface, uint32_t queue)
{
	struct tx_xdp *t = calloc(1, sizeof(*t));
	int error;

	if (!t)
		return -ENOMEM;
	error = open_all(t, interface, queue);
	if (error) {
		tx_xdp_close(t);
		return error;
	}
	for (uint32_t i = 0; i < TX_XDP_FRAMES; i++)
		t->free[t->free_count++] = (uint64_t)i * TX_XDP_FRAME;
	*out = t;
	return 0;
}

void tx_xdp_close(struct tx_xdp *t)
{
	if (t->socket)
		xsk_socket__delete(t->socket);
	if (t->umem)
		xsk_umem__delete(t->umem);
	if (t->memory)
		munmap(t->memory, MEMORY);
	free(t);
}

static void take_back(struct tx_xdp *t)
{
	uint32_t at;
	uint32_t count = xsk_ring_cons__peek(&t->completion, TX_XDP_FRAMES, &at);

	for (uint32_t i = 0; i < count; i++)
		t->free[t->free_count++] = *xsk_ring_cons__comp_addr(&t->completion, at + i);
	if (count)
		xsk_ring_cons__release(&t->completion, count);
}

/* Every frame has a place in the ring: both have the same number. */
bool tx_xdp_has_room(struct tx_xdp *t, uint32_t count)
{
	if (t->free_count < count)
		tx_xdp_flush(t);
	return tx_xdp_had_room(t, count);
}

bool tx_xdp_had_room(const struct tx_xdp *t, uint32_t count)
{
	return t->free_count >= count;
}

void tx_xdp_send(struct tx_xdp *t, const struct iovec *pieces, int count)
{
	struct xdp_desc *desc;
	uint64_t address = t->free[--t->free_count];
	uint32_t at;

	if (!xsk_ring_prod__reserve(&t->tx, 1, &at)) {
		t->free[t->free_count++] = address;
		return;
	}
	desc = xsk_ring_prod__tx_desc(&t->tx, at);
	desc->addr = address;
	desc->len = pieces_join(t->memory + address, pieces, count);
	desc->options = 0;
	xsk_ring_prod__submit(&t->tx, 1);
	t->queued++;
}

static uint32_t pending(const struct tx_xdp *t)
{
	return *t->tx.producer - __atomic_load_n(t->tx.consumer, __ATOMIC_ACQUIRE);
}

bool tx_xdp_is_pending(const struct tx_xdp *t)
{
	return pending(t);
}

uint32_t tx_xdp_queued(const struct tx_xdp *t)
{
	return t->queued;
}

/* EAGAIN means that there is more to send, or that as much is under way as the socket
 * may have: kernels before 6.16 do not show how far they came, so no more calls than
 * would send all, twice over. ENOBUFS: the device has no room. The next round goes on. */
void tx_xdp_flush(struct tx_xdp *t)
{
	uint32_t kicks = 2 * (pending(t) / KICK + 1);

	while (kicks-- && tx_xdp_is_pending(t))
		if (sendto(xsk_socket__fd(t->socket), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
		    errno != EAGAIN && errno != EBUSY)
			break;
	t->queued = 0;
	take_back(t);
}
