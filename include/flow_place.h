/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a flow lies: `flows` is a hash table, with the tuple in the flow itself, so
 * that finding a flow and having it in the cache is one thing. (A hash map of the
 * kernel's takes a bucket, a chain of elements, and then the flow: with a million
 * connections each a miss of the caches.)
 *
 * A tuple's way leads over up to FLOW_PROBES places, which its hash gives in turn. The
 * flow lies at the first that was free when it was entered. Each place counts the flows
 * that lie further on (`passed`): a search ends where that is zero.
 *
 *	enter   passed + 1 on the way to the free place; tuple, index, both halves;
 *	        then the word, with a generation that no flow had before
 *	leave   the word: generation 0, nobody's; then passed - 1 on the same way
 *
 * Written by the daemon only, under a lock of its own (user/flow_table.c). XDP reads
 * without one: what it finds is a guess, until it has entered the flow, or counted its
 * punt there, by compare-and-swap with the generation that it read (owner.h). That
 * succeeds only if the place has been the same flow's all the time, and the tuple that
 * is looked at again after it is then that flow's. (One that is entered stays until XDP
 * leaves it. One whose punt was counted may go at once: then the record names a
 * connection that is no more.) A flow that is not found, since it just comes or goes,
 * is one of no connection: the daemon knows better.
 *
 * The hash is multilinear (Lemire and Kaser, "Strongly universal string hashing is
 * fast", 2014) under a secret key, so that nobody can choose tuples of one way; each
 * turn mixes it anew, as splitmix64 does. There are twice as many places as connections,
 * so that a tuple finds no place once in 2^32 times with all connections in use. */
#ifndef XTCP_FLOW_PLACE_H
#define XTCP_FLOW_PLACE_H

#include "abi.h"
#include <stdbool.h>

enum { FLOW_PROBES = 32, FLOW_PLACES_PER_CONNECTION = 2, TUPLE_WORDS = sizeof(struct tuple) / 4 };

#define FLOW_NOWHERE 0xffffffffu

/* Random. One word for each of the tuple's, and one more. (Volatile where it is read, since
 * it is a constant of the program that is set after it was compiled.) */
struct flow_key {
	__u64 word[TUPLE_WORDS + 1];
};

/* A tuple read by words, although its ports are half ones. */
struct tuple_words {
	__u32 word[TUPLE_WORDS];
} __attribute__((may_alias));

static inline __u64 flow_hash(const struct tuple *t, const volatile struct flow_key *key)
{
	const struct tuple_words *w = (const struct tuple_words *)t;
	__u64 hash = key->word[TUPLE_WORDS];

	for (int i = 0; i < TUPLE_WORDS; i++)
		hash += w->word[i] * key->word[i];
	return hash;
}

/* The turn-th place of the way, from 0; of `places`. */
static inline __u32 flow_place(__u64 hash, __u32 turn, __u32 places)
{
	__u64 mixed = hash + turn * 0x9e3779b97f4a7c15ull;

	mixed = (mixed ^ mixed >> 32) * 0xbf58476d1ce4e5b9ull;
	return (mixed >> 32) * places >> 32;
}

/* Exact. */
static inline bool flow_is_of(const struct flow *f, const struct tuple *t)
{
	const struct tuple_words *a = (const struct tuple_words *)&f->tuple;
	const struct tuple_words *b = (const struct tuple_words *)t;
	__u32 differ = 0;

	for (int i = 0; i < TUPLE_WORDS; i++)
		differ |= a->word[i] ^ b->word[i];
	return !differ;
}

#endif
