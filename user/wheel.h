/* SPDX-License-Identifier: BSD-2-Clause */
/* A hierarchical timing wheel: at most one deadline per index (of a connection,
 * though the wheel does not know that), armed and cancelled in constant time.
 * A deadline never fires early, and at most one tick (about a millisecond) after
 * the first wheel_advance() that could see it. */
#ifndef XTCP_WHEEL_H
#define XTCP_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WHEEL_TICK_SHIFT = 20, /* a tick is 2^20 ns */
	WHEEL_BITS = 6,
	WHEEL_SLOTS = 1 << WHEEL_BITS,
	WHEEL_LEVELS = 5, /* 2^30 ticks: 13 days; later ones are looked at again then */
};

#define WHEEL_NEVER UINT64_MAX

struct wheel_link {
	uint32_t next;
	uint32_t previous;
	uint64_t tick;
	uint16_t slot; /* level * WHEEL_SLOTS + place, or WHEEL_OFF */
};

struct wheel {
	uint64_t now; /* ticks that are over */
	uint32_t armed;
	uint64_t occupied[WHEEL_LEVELS]; /* bit per slot */
	uint32_t first[WHEEL_LEVELS * WHEEL_SLOTS];
	struct wheel_link *link;
};

int wheel_make(struct wheel *w, uint32_t indices, uint64_t now); /* 0, -ENOMEM */
void wheel_destroy(struct wheel *w);
void wheel_arm(struct wheel *w, uint32_t index, uint64_t deadline);
void wheel_cancel(struct wheel *w, uint32_t index);
/* The deadline as armed, rounded up to a tick; WHEEL_NEVER if it is not. */
uint64_t wheel_armed(const struct wheel *w, uint32_t index);
/* Takes every deadline up to `now` off and calls fire for it, which may arm and
 * cancel at will. */
void wheel_advance(struct wheel *w, uint64_t now, void (*fire)(void *argument, uint32_t index),
		   void *argument);
/* No deadline fires before this; WHEEL_NEVER if none is armed. */
uint64_t wheel_next(const struct wheel *w);

#endif
