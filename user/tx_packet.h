/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_PACKET as a way out: any device has it. With PACKET_VNET_HDR a frame may be
 * larger than the MTU, cut by the device or by the kernel (GSO), and the device
 * completes its checksum. Small frames can be gathered, to leave by one call. */
#ifndef XTCP_TX_PACKET_H
#define XTCP_TX_PACKET_H

#include "frame.h"
#include <linux/virtio_net.h>
#include <stdbool.h>

enum { TX_PIECES_MAX = 20, TX_PACKET_MOST = 65536 + 128 };

/* Frames that one call sends, if they are no longer than that. */
enum { TX_PACKET_BATCH = 32, TX_PACKET_SMALL = 2048 };

/* A small frame behind what is said of it, as both are sent. */
struct tx_packet_small {
	uint8_t bytes[sizeof(struct virtio_net_hdr) + TX_PACKET_SMALL];
	uint32_t length;
};

struct tx_packet {
	int fd;
	bool gathers; /* small frames wait until they are flushed; set by who sends */
	bool held;    /* `hold` has a frame that found no room, or must wait */
	bool waits;   /* set by who sends: another way has to be empty first */
	uint32_t queued;
	struct tx_packet_small *queue;
	struct virtio_net_hdr hold_head;
	uint32_t hold_length;
	uint8_t *hold;
};

/* What a device must know to cut a frame. */
struct tx_cut {
	uint16_t size; /* text per segment; 0: do not cut */
	bool v4;
};

int tx_packet_open(struct tx_packet *t, int ifindex); /* 0, -errno */
void tx_packet_close(struct tx_packet *t);
/* Headers and `count` pieces of text. 0 (also if it is held), or -errno: lost. */
int tx_packet_send(struct tx_packet *t, const struct frame *f, struct tx_cut cut,
		   const struct iovec *pieces, int count);
/* A whole frame, checksums and all; the same. */
int tx_packet_send_whole(struct tx_packet *t, const void *frame, uint32_t length);
/* Is there no room for another frame, as far as is known? */
bool tx_packet_is_full(const struct tx_packet *t);
/* Tries again. True: there is room now. */
bool tx_packet_retry(struct tx_packet *t);
/* Does something wait to be flushed, or flushed again? */
bool tx_packet_is_pending(const struct tx_packet *t);
/* What was gathered leaves, as far as the device takes it. */
void tx_packet_flush(struct tx_packet *t);

#endif
