/* SPDX-License-Identifier: BSD-2-Clause */
/* What a sender left to its device, done in software: the checksum completed, a
 * TCP super-segment cut into segments. The virtio header that a packet socket
 * gives with each frame says what is missing. */
#ifndef XTCP_WIRE_OFFLOAD_H
#define XTCP_WIRE_OFFLOAD_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

enum { FRAME_MAX = 65536 + 128 };

/* Takes each frame as it would have been on a real wire. */
struct taker {
	void (*take)(void *argument, uint8_t *bytes, uint32_t length);
	void *argument;
};

/* False: a kind that cannot be finished here; nothing was given to `taker`. */
bool offload_finish(const struct virtio_net_hdr *v, uint8_t *bytes, uint32_t length,
		    const struct taker *taker);

#endif
