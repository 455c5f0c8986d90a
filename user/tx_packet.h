/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_PACKET as a way out: any device has it. With PACKET_VNET_HDR a frame may be
 * larger than the MTU, cut by the device or by the kernel (GSO), and the device
 * completes its checksum. */
#ifndef XTCP_TX_PACKET_H
#define XTCP_TX_PACKET_H

#include "frame.h"
#include <linux/virtio_net.h>
#include <stdbool.h>

enum { TX_PIECES_MAX = 20, TX_PACKET_MOST = 65536 + 128 };

struct tx_packet {
	int fd;
	bool held;  /* `hold` has a frame that found no room, or must wait */
	bool waits; /* set by who sends: another way has to be empty first */
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
/* Tries again what is held. True: nothing is held now. */
bool tx_packet_retry(struct tx_packet *t);

#endif
