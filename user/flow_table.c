/* SPDX-License-Identifier: BSD-2-Clause */
/* See flow_table.h, and include/flow_place.h for what readers may see meanwhile. */
#include "flow_table.h"
#include "owner.h"
#include <errno.h>
#include <string.h>

void flow_table_make(struct flow_table *t, struct flow *flows, uint32_t places,
		     const volatile struct flow_key *key)
{
	*t = (struct flow_table){.flows = flows, .places = places, .key = key};
	pthread_mutex_init(&t->lock, NULL);
}

void flow_table_destroy(struct flow_table *t)
{
	pthread_mutex_destroy(&t->lock);
}

static struct flow *place_of(const struct flow_table *t, uint64_t hash, uint32_t turn)
{
	return &t->flows[flow_place(hash, turn, t->places)];
}

static uint32_t generation_at(const struct flow *f)
{
	return owner_generation(__atomic_load_n(&f->word, __ATOMIC_ACQUIRE));
}

static bool read_flow(const struct flow *f, const struct tuple *tuple, struct flow_found *found)
{
	found->generation = generation_at(f);
	if (!found->generation || !flow_is_of(f, tuple))
		return false;
	found->index = f->index;
	found->worker = f->tx.worker;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return generation_at(f) == found->generation;
}

bool flow_table_find(const struct flow_table *t, const struct tuple *tuple,
		     struct flow_found *found)
{
	uint64_t hash = flow_hash(tuple, t->key);

	for (uint32_t turn = 0; turn < FLOW_PROBES; turn++) {
		const struct flow *f = place_of(t, hash, turn);

		if (read_flow(f, tuple, found))
			return true;
		if (!__atomic_load_n(&f->passed, __ATOMIC_RELAXED))
			return false;
	}
	return false;
}

/* FLOW_PROBES: there is none. */
static uint32_t first_free(const struct flow_table *t, uint64_t hash)
{
	uint32_t turn = 0;

	while (turn < FLOW_PROBES && generation_at(place_of(t, hash, turn)))
		turn++;
	return turn;
}

static void count_passed(struct flow_table *t, uint64_t hash, uint32_t turns, uint32_t change)
{
	for (uint32_t turn = 0; turn < turns; turn++) {
		uint32_t *passed = &place_of(t, hash, turn)->passed;

		__atomic_store_n(passed, *passed + change, __ATOMIC_RELEASE);
	}
}

static void fill(struct flow_table *t, struct flow *f, const struct tuple *tuple, uint32_t index,
		 uint8_t worker)
{
	f->tuple = *tuple;
	f->index = index;
	memset(&f->rx, 0, sizeof(f->rx));
	memset(&f->tx, 0, sizeof(f->tx));
	f->tx.worker = worker;
	t->generation = (t->generation + 1) & GENERATION_MASK;
	if (!t->generation)
		t->generation = 1;
	__atomic_store_n(&f->word, owner_word(OWNER_DAEMON, t->generation, 0), __ATOMIC_RELEASE);
}

static int enter(struct flow_table *t, const struct tuple *tuple, uint32_t index, uint8_t worker,
		 struct flow **flow)
{
	uint64_t hash = flow_hash(tuple, t->key);
	struct flow_found found;
	uint32_t turn;

	if (flow_table_find(t, tuple, &found))
		return -EADDRINUSE;
	turn = first_free(t, hash);
	if (turn == FLOW_PROBES)
		return -ENOBUFS;
	count_passed(t, hash, turn, 1);
	*flow = place_of(t, hash, turn);
	fill(t, *flow, tuple, index, worker);
	return 0;
}

int flow_table_enter(struct flow_table *t, const struct tuple *tuple, uint32_t index,
		     uint8_t worker, struct flow **flow)
{
	int error;

	pthread_mutex_lock(&t->lock);
	error = enter(t, tuple, index, worker, flow);
	pthread_mutex_unlock(&t->lock);
	return error;
}

/* Whatever the word is, it becomes nobody's. XDP may be in the flow, which is short
 * (owner.h, rule 4), or be counting a punt: hence the loop. */
static void give_up(struct flow *f)
{
	uint64_t seen;

	do
		seen = owner_read(&f->word);
	while (owner_of(seen) == OWNER_XDP_BUSY ||
	       !owner_swap(&f->word, seen, owner_word(OWNER_DAEMON, 0, 0)));
}

/* How far on its way the flow lies. A way may come by one place twice. */
static uint32_t turn_of(const struct flow_table *t, const struct flow *f, uint64_t hash)
{
	uint32_t turn = 0;

	while (place_of(t, hash, turn) != f)
		turn++;
	return turn;
}

void flow_table_leave(struct flow_table *t, struct flow *flow)
{
	uint64_t hash = flow_hash(&flow->tuple, t->key);

	pthread_mutex_lock(&t->lock);
	give_up(flow);
	count_passed(t, hash, turn_of(t, flow, hash), UINT32_MAX);
	pthread_mutex_unlock(&t->lock);
}
