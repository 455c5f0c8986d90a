/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading and taking back; see tx_carrier.h. */
#include "tx_carrier.h"
#include "pieces.h"

/* Of what waits, one in so many; and no more frames than a driver polls at once. */
enum { WAITING_PER_SEED = 8, SEEDS_MOST = 64 / CARRIER_RIDERS };

static struct carrier_slot *slot_at(const struct tx_carrier *t, uint32_t position)
{
	return &t->ring->slot[position % CARRIER_SLOTS];
}

bool tx_carrier_takes(const struct tx_carrier *t, uint32_t length)
{
	return t->ring && length <= CARRIER_BYTES && __atomic_load_n(t->works, __ATOMIC_RELAXED);
}

bool tx_carrier_has_room(const struct tx_carrier *t)
{
	uint32_t claimed = __atomic_load_n(&t->ring->claimed, __ATOMIC_ACQUIRE);

	return t->ring->filled - claimed < CARRIER_SLOTS;
}

uint32_t tx_carrier_load(struct tx_carrier *t, const struct iovec *pieces, int count)
{
	uint32_t position = t->ring->filled;
	struct carrier_slot *slot = slot_at(t, position);

	slot->length = pieces_join(slot->bytes, pieces, count);
	__atomic_store_n(&t->ring->filled, position + 1, __ATOMIC_RELEASE);
	return position;
}

static void set_seeds(struct tx_carrier *t, uint32_t seeds)
{
	if (t->ring->seeds != seeds)
		__atomic_store_n(&t->ring->seeds, seeds, __ATOMIC_RELAXED);
}

void tx_carrier_sow(struct tx_carrier *t)
{
	uint32_t claimed = carrier_claimed(t->ring);
	uint32_t seeds = (t->ring->filled - claimed) / WAITING_PER_SEED;

	if (!t->multiplies || carrier_waits(claimed, t->ordered))
		seeds = 0;
	set_seeds(t, seeds < SEEDS_MOST ? seeds : SEEDS_MOST);
}

void tx_carrier_keep_order(struct tx_carrier *t)
{
	t->ordered = t->ring->filled + 1;
	set_seeds(t, 0);
}

bool tx_carrier_waits(const struct tx_carrier *t, uint32_t position)
{
	return t->ring && !carrier_waits(position, carrier_claimed(t->ring)) &&
	       carrier_waits(position, t->ring->filled);
}

bool tx_carrier_is_empty(const struct tx_carrier *t)
{
	return !t->ring || !carrier_waits(carrier_claimed(t->ring), t->ring->filled);
}

uint32_t tx_carrier_carried(const struct tx_carrier *t)
{
	return t->ring ? carrier_claimed(t->ring) - t->taken_back : 0;
}

bool tx_carrier_moved(struct tx_carrier *t)
{
	uint32_t carried = tx_carrier_carried(t);
	bool moved = carried != t->seen;

	t->seen = carried;
	return moved;
}

const struct carrier_slot *tx_carrier_take(struct tx_carrier *t)
{
	uint32_t position;

	if (!t->ring)
		return NULL;
	do {
		/* Read once: XDP may claim the last one between two looks. */
		position = carrier_claimed(t->ring);
		if (!carrier_waits(position, t->ring->filled))
			return NULL;
	} while (!carrier_claim(t->ring, position));
	t->taken_back++;
	return slot_at(t, position);
}
