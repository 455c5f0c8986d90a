/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending by AF_PACKET; see tx_packet.h. The socket is bound to protocol 0, so
 * that it never receives. */
#include "tx_packet.h"
#include "pieces.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEND_BUFFER = 16 << 20, TCP_CHECKSUM_OFFSET = 16 };

static int bind_to(int fd, int ifindex)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	const int yes = 1, size = SEND_BUFFER;

	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)))
		return -errno;
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	/* A smaller buffer works too, with more frames held back. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return 0;
}

int tx_packet_open(struct tx_packet *t, int ifindex)
{
	int error;

	memset(t, 0, sizeof(*t));
	t->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return -errno;
	error = bind_to(t->fd, ifindex);
	if (!error) {
		t->hold = malloc(TX_PACKET_MOST);
		t->queue = calloc(TX_PACKET_BATCH, sizeof(*t->queue));
		error = t->hold && t->queue ? 0 : -ENOMEM;
	}
	if (error)
		tx_packet_close(t);
	return error;
}

void tx_packet_close(struct tx_packet *t)
{
	close(t->fd);
	free(t->hold);
	free(t->queue);
	t->fd = -1;
	t->hold = NULL;
	t->queue = NULL;
}

static void describe(struct virtio_net_hdr *h, const struct frame *f, struct tx_cut cut)
{
	*h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_NONE,
		.csum_start = f->tcp,
		.csum_offset = TCP_CHECKSUM_OFFSET,
		.hdr_len = f->length,
	};
	if (!cut.size)
		return;
	h->gso_type = cut.v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	h->gso_size = cut.size;
}

static void hold(struct tx_packet *t, const struct iovec *iov, int count)
{
	t->hold_head = *(const struct virtio_net_hdr *)iov[0].iov_base;
	t->hold_length = pieces_join(t->hold, iov + 1, count - 1);
	t->held = true;
}

static int send_now(struct tx_packet *t, struct iovec *iov, int count)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};

	return sendmsg(t->fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* What the device refuses is lost, the rest goes on. */
static uint32_t send_queue(struct tx_packet *t)
{
	struct mmsghdr message[TX_PACKET_BATCH];
	struct iovec iov[TX_PACKET_BATCH];
	uint32_t done = 0;

	for (uint32_t i = 0; i < t->queued; i++) {
		iov[i] = (struct iovec){t->queue[i].bytes, t->queue[i].length};
		message[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	while (done < t->queued) {
		int sent = sendmmsg(t->fd, message + done, t->queued - done, MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN)
			break;
		done += sent > 0 ? (uint32_t)sent : 1;
	}
	return done;
}

void tx_packet_flush(struct tx_packet *t)
{
	uint32_t done = t->queued ? send_queue(t) : 0;

	t->queued -= done;
	if (done && t->queued)
		memmove(t->queue, t->queue + done, t->queued * sizeof(*t->queue));
}

static void gather(struct tx_packet *t, const struct iovec *iov, int count)
{
	struct tx_packet_small *s = &t->queue[t->queued++];

	s->length = pieces_join(s->bytes, iov, count);
	if (t->queued == TX_PACKET_BATCH)
		tx_packet_flush(t);
}

static bool is_small(const struct iovec *iov, int count)
{
	size_t length = 0;

	for (int i = 0; i < count; i++)
		length += iov[i].iov_len;
	return length <= sizeof(((struct tx_packet_small *)0)->bytes);
}

static int send_or_hold(struct tx_packet *t, struct iovec *iov, int count)
{
	int error = -EAGAIN;

	if (tx_packet_is_full(t))
		return error;
	if (t->gathers && !t->waits && is_small(iov, count)) {
		gather(t, iov, count);
		return 0;
	}
	tx_packet_flush(t);
	if (!t->waits && !t->queued)
		error = send_now(t, iov, count);
	if (error != -EAGAIN)
		return error;
	hold(t, iov, count);
	return 0;
}

int tx_packet_send(struct tx_packet *t, const struct frame *f, struct tx_cut cut,
		   const struct iovec *pieces, int count)
{
	struct iovec iov[2 + TX_PIECES_MAX];
	struct virtio_net_hdr head;

	describe(&head, f, cut);
	iov[0] = (struct iovec){&head, sizeof(head)};
	iov[1] = (struct iovec){(void *)f->bytes, f->length};
	if (count) /* a bare segment has none, not even NULL for memcpy() */
		memcpy(iov + 2, pieces, (size_t)count * sizeof(*pieces));
	return send_or_hold(t, iov, 2 + count);
}

int tx_packet_send_whole(struct tx_packet *t, const void *frame, uint32_t length)
{
	struct virtio_net_hdr head = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)frame, length}};

	return send_or_hold(t, iov, 2);
}

bool tx_packet_is_full(const struct tx_packet *t)
{
	return t->held || t->queued == TX_PACKET_BATCH;
}

bool tx_packet_is_pending(const struct tx_packet *t)
{
	return t->held || t->queued;
}

bool tx_packet_retry(struct tx_packet *t)
{
	struct iovec iov[2] = {
		{&t->hold_head, sizeof(t->hold_head)},
		{t->hold, t->hold_length},
	};

	tx_packet_flush(t);
	if (t->held && !t->waits && !t->queued && send_now(t, iov, 2) != -EAGAIN)
		t->held = false;
	return !tx_packet_is_full(t);
}
