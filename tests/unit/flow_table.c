/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of flows (include/flow_place.h) as the daemon writes and reads it.
 *
 * Links: user/flow_table.c */
#include "flow_table.h"
#include "owner.h"
#include "test.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 512, PLACES = FLOW_PLACES_PER_CONNECTION * CONNECTIONS, ROUNDS = 200000 };

static struct flow *flows;
static struct flow_table table;
static struct flow_key key;
static uint64_t state = 1;

static uint32_t any(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 32);
}

static int make_places(uint32_t places)
{
	flows = aligned_alloc(_Alignof(struct flow), places * sizeof(*flows));
	if (!flows)
		return -1;
	memset(flows, 0, places * sizeof(*flows));
	for (int i = 0; i <= TUPLE_WORDS; i++)
		key.word[i] = (uint64_t)any() << 32 | any();
	flow_table_make(&table, flows, places, &key);
	return 0;
}

static void set_up(void)
{
	assert_int_equal(make_places(PLACES), 0);
}

static void tear_down(void)
{
	flow_table_destroy(&table);
	free(flows);
}

static struct tuple tuple_of(uint32_t number)
{
	return (struct tuple){
		.remote = {{0, 0, 0xffff0000, number / 7}},
		.local = {{0, 0, 0xffff0000, 1}},
		.remote_port = (__be16)(number % 7),
		.local_port = 80,
	};
}

static struct flow *enter(uint32_t number)
{
	struct tuple t = tuple_of(number);
	struct flow *f;

	assert_int_equal(flow_table_enter(&table, &t, number, 3, &f), 0);
	return f;
}

static bool is_found(uint32_t number, struct flow_found *found)
{
	struct tuple t = tuple_of(number);

	return flow_table_find(&table, &t, found);
}

TEST(flow_table__finds_what_was_entered_and_nothing_else)
{
	struct flow_found found;
	struct flow *f;

	set_up();
	f = enter(5);
	assert_int_equal(owner_of(f->word), OWNER_DAEMON);
	assert_int_equal(owner_punted(f->word), 0);
	assert_true(is_found(5, &found));
	assert_int_equal(found.index, 5);
	assert_int_equal(found.worker, 3);
	assert_int_equal(found.generation, owner_generation(f->word));
	assert_false(is_found(6, &found));
	flow_table_leave(&table, f);
	assert_false(is_found(5, &found));
	tear_down();
}

TEST(flow_table__one_tuple_has_one_flow)
{
	struct tuple t = tuple_of(1);
	struct flow *f, *other = NULL;

	set_up();
	f = enter(1);
	assert_int_equal(flow_table_enter(&table, &t, 2, 0, &other), -EADDRINUSE);
	assert_null(other);
	flow_table_leave(&table, f);
	assert_int_equal(flow_table_enter(&table, &t, 2, 0, &other), 0);
	tear_down();
}

TEST(flow_table__a_place_that_is_used_again_has_both_halves_empty_and_another_generation)
{
	uint32_t generation;
	struct flow *f;

	set_up();
	f = enter(1);
	generation = owner_generation(f->word);
	memset(&f->rx, 0xff, sizeof(f->rx));
	memset(&f->tx, 0xff, sizeof(f->tx));
	flow_table_leave(&table, f);
	assert_int_equal(owner_generation(f->word), 0);
	assert_ptr_equal(enter(1), f);
	assert_int_equal(f->rx.hits | f->rx.rcv_nxt | f->tx.snd_nxt | f->tx.flags, 0);
	assert_int_not_equal(owner_generation(f->word), generation);
	tear_down();
}

TEST(flow_table__generations_begin_again_and_leave_out_nobodys)
{
	set_up();
	table.generation = GENERATION_MASK - 1;
	assert_int_equal(owner_generation(enter(1)->word), GENERATION_MASK);
	assert_int_equal(owner_generation(enter(2)->word), 1);
	tear_down();
}

TEST(flow_table__a_full_table_is_an_error)
{
	struct flow_found found;
	struct flow *f;
	struct tuple t;
	uint32_t number = 0;

	assert_int_equal(make_places(2), 0);
	for (uint32_t entered = 0; entered < 2; number++) {
		t = tuple_of(number);
		if (!flow_table_enter(&table, &t, number, 0, &f))
			entered++;
	}
	t = tuple_of(number);
	f = NULL;
	assert_int_equal(flow_table_enter(&table, &t, number, 0, &f), -ENOBUFS);
	assert_null(f);
	assert_false(is_found(number, &found));
	tear_down();
}

/* A model of it: which of three times as many tuples as connections are in. */
struct model {
	struct flow *flow[3 * CONNECTIONS];
	uint32_t count;
};

static void check_all(const struct model *m)
{
	struct flow_found found;

	for (uint32_t i = 0; i < 3 * CONNECTIONS; i++) {
		assert_int_equal(is_found(i, &found), !!m->flow[i]);
		if (!m->flow[i])
			continue;
		assert_int_equal(found.index, i);
		assert_int_equal(found.generation, owner_generation(m->flow[i]->word));
	}
}

static void change(struct model *m, uint32_t number)
{
	if (m->flow[number]) {
		flow_table_leave(&table, m->flow[number]);
		m->flow[number] = NULL;
		m->count--;
	} else if (m->count < CONNECTIONS) {
		m->flow[number] = enter(number);
		m->count++;
	}
}

TEST(flow_table__comings_and_goings_lose_nobody)
{
	static struct model m;

	set_up();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		change(&m, any() % (3 * CONNECTIONS));
		if (i % 1000 == 0)
			check_all(&m);
	}
	check_all(&m);
	for (uint32_t i = 0; i < 3 * CONNECTIONS; i++)
		if (m.flow[i])
			change(&m, i);
	for (uint32_t i = 0; i < PLACES; i++) {
		assert_int_equal(flows[i].passed, 0);
		assert_int_equal(owner_generation(flows[i].word), 0);
	}
	tear_down();
}

/* One thread enters and leaves, so that places change hands all the time; the other
 * finds: whom it finds is whom it asked for, and who stays is always found. */
enum { STAYS = 100000, COMES = 64 };

static bool ends;

static void *come_and_go(void *unused)
{
	struct flow *f[COMES];

	while (!__atomic_load_n(&ends, __ATOMIC_RELAXED)) {
		for (uint32_t i = 0; i < COMES; i++)
			f[i] = enter(i);
		for (uint32_t i = 0; i < COMES; i++)
			flow_table_leave(&table, f[i]);
	}
	return unused;
}

TEST(flow_table__whom_a_search_finds_is_whom_it_asked_for)
{
	struct flow_found found;
	pthread_t thread;
	uint32_t there = 0;

	assert_int_equal(make_places(2 * COMES), 0);
	for (uint32_t i = 0; i < COMES / 2; i++)
		enter(STAYS + i);
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, NULL), 0);
	for (uint32_t i = 0; i < ROUNDS || !there; i++) {
		uint32_t number = i % COMES;

		if (is_found(number, &found)) {
			assert_int_equal(found.index, number);
			there++;
		}
		assert_true(is_found(STAYS + i % (COMES / 2), &found));
		assert_int_equal(found.index, STAYS + i % (COMES / 2));
	}
	__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	tear_down();
}
