/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_XDP as a way out, one frame for each segment: they are written into memory that
 * is shared with the kernel, and one call sends several. Only for sending;
 * no program redirects to this socket. Copy mode: the kernel's copy into an skb
 * works with every driver and takes no receive queue away from XDP. */
#ifndef XTCP_TX_XDP_H
#define XTCP_TX_XDP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum { TX_XDP_FRAME = 2048, TX_XDP_FRAMES = 2048 };

struct tx_xdp;

int tx_xdp_open(struct tx_xdp **t, const char *interface, uint32_t queue); /* 0, -errno */
void tx_xdp_close(struct tx_xdp *t);
/* Are there frames for `count` more segments? Looks for those that have left, if not. */
bool tx_xdp_has_room(struct tx_xdp *t, uint32_t count);
/* The same without looking. */
bool tx_xdp_had_room(const struct tx_xdp *t, uint32_t count);
/* Queues a whole frame, at most TX_XDP_FRAME bytes; there is room. */
void tx_xdp_send(struct tx_xdp *t, const struct iovec *pieces, int count);
/* Is there one that the kernel has not taken? */
bool tx_xdp_is_pending(const struct tx_xdp *t);
/* Frames queued since it was last flushed. */
uint32_t tx_xdp_queued(const struct tx_xdp *t);
/* What is queued leaves, as far as the kernel takes it. */
void tx_xdp_flush(struct tx_xdp *t);

#endif
