/* SPDX-License-Identifier: BSD-2-Clause */
/* The timing wheel; see wheel.h. Level n has slots of 64^n ticks. A deadline
 * lies in the lowest level whose present turn reaches it; when the wheel comes
 * to a slot of a higher level, what lies there is dealt out anew. */
#include "wheel.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum { WHEEL_OFF = UINT16_MAX };

int wheel_make(struct wheel *w, uint32_t indices, uint64_t now)
{
	memset(w, 0, sizeof(*w));
	w->now = now >> WHEEL_TICK_SHIFT;
	w->link = malloc(indices * sizeof(*w->link));
	if (!w->link)
		return -ENOMEM;
	for (uint32_t i = 0; i < indices; i++)
		w->link[i].slot = WHEEL_OFF;
	for (int i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++)
		w->first[i] = NONE;
	return 0;
}

void wheel_destroy(struct wheel *w)
{
	free(w->link);
	w->link = NULL;
}

/* The level at which `tick` and the present differ first, from the top. */
static unsigned level_of(const struct wheel *w, uint64_t tick)
{
	uint64_t differ = tick ^ w->now;
	unsigned level = 0;

	while (level < WHEEL_LEVELS - 1 && differ >> (WHEEL_BITS * (level + 1)))
		level++;
	return level;
}

static void put(struct wheel *w, uint32_t index)
{
	struct wheel_link *l = &w->link[index];
	unsigned level = level_of(w, l->tick);
	unsigned place = l->tick >> (WHEEL_BITS * level) & (WHEEL_SLOTS - 1);
	unsigned slot = level * WHEEL_SLOTS + place;

	l->slot = (uint16_t)slot;
	l->previous = NONE;
	l->next = w->first[slot];
	if (l->next != NONE)
		w->link[l->next].previous = index;
	w->first[slot] = index;
	w->occupied[level] |= 1ull << place;
}

static void take(struct wheel *w, uint32_t index)
{
	struct wheel_link *l = &w->link[index];
	unsigned slot = l->slot;

	if (l->previous == NONE)
		w->first[slot] = l->next;
	else
		w->link[l->previous].next = l->next;
	if (l->next != NONE)
		w->link[l->next].previous = l->previous;
	if (w->first[slot] == NONE)
		w->occupied[slot / WHEEL_SLOTS] &= ~(1ull << slot % WHEEL_SLOTS);
	l->slot = WHEEL_OFF;
}

void wheel_arm(struct wheel *w, uint32_t index, uint64_t deadline)
{
	struct wheel_link *l = &w->link[index];
	uint64_t tick = (deadline + (1ull << WHEEL_TICK_SHIFT) - 1) >> WHEEL_TICK_SHIFT;

	if (l->slot == WHEEL_OFF)
		w->armed++;
	else
		take(w, index);
	/* What is due already fires at the next tick: this one is over. */
	l->tick = tick > w->now ? tick : w->now + 1;
	put(w, index);
}

void wheel_cancel(struct wheel *w, uint32_t index)
{
	if (w->link[index].slot == WHEEL_OFF)
		return;
	take(w, index);
	w->armed--;
}

uint64_t wheel_armed(const struct wheel *w, uint32_t index)
{
	const struct wheel_link *l = &w->link[index];

	return l->slot == WHEEL_OFF ? WHEEL_NEVER : l->tick << WHEEL_TICK_SHIFT;
}

/* Deals out anew what lies in the slots that the present has just entered. */
static void cascade(struct wheel *w)
{
	for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
		unsigned place = w->now >> (WHEEL_BITS * level) & (WHEEL_SLOTS - 1);
		unsigned slot = level * WHEEL_SLOTS + place;
		uint32_t index = w->first[slot];

		if (w->now & ((1ull << (WHEEL_BITS * level)) - 1))
			return;
		w->first[slot] = NONE;
		w->occupied[level] &= ~(1ull << place);
		while (index != NONE) {
			uint32_t next = w->link[index].next;

			put(w, index);
			index = next;
		}
	}
}

static void fire_slot(struct wheel *w, void (*fire)(void *argument, uint32_t index), void *argument)
{
	uint32_t *first = &w->first[w->now & (WHEEL_SLOTS - 1)];

	/* What fire() arms lies at a later tick, never in this slot's turn. */
	while (*first != NONE) {
		uint32_t index = *first;

		take(w, index);
		w->armed--;
		fire(argument, index);
	}
}

/* The next tick after the present at which there is something to do. */
static uint64_t next_tick(const struct wheel *w)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned shift = WHEEL_BITS * level;
		uint64_t place = w->now >> shift & (WHEEL_SLOTS - 1);
		uint64_t after = place == WHEEL_SLOTS - 1 ? 0 : ~0ull << (place + 1);
		uint64_t ahead = w->occupied[level] & after;

		if (ahead) {
			uint64_t turn = w->now >> shift & ~(uint64_t)(WHEEL_SLOTS - 1);

			return (turn | (uint64_t)__builtin_ctzll(ahead)) << shift;
		}
	}
	/* Beyond the last level's turn: it lies behind the present in there. */
	return ((w->now >> (WHEEL_BITS * WHEEL_LEVELS)) + 1) << (WHEEL_BITS * WHEEL_LEVELS);
}

void wheel_advance(struct wheel *w, uint64_t now, void (*fire)(void *argument, uint32_t index),
		   void *argument)
{
	uint64_t until = now >> WHEEL_TICK_SHIFT;

	while (w->now < until) {
		uint64_t tick = w->armed ? next_tick(w) : until;

		if (tick > until) {
			w->now = until;
			return;
		}
		w->now = tick;
		cascade(w);
		fire_slot(w, fire, argument);
	}
}

uint64_t wheel_next(const struct wheel *w)
{
	return w->armed ? next_tick(w) << WHEEL_TICK_SHIFT : WHEEL_NEVER;
}
