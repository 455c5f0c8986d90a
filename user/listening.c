/* SPDX-License-Identifier: BSD-2-Clause */
/* Spelling out listeners; see listening.h. Where two listeners mean the same
 * address and port, the narrower one has it: an address before 0.0.0.0 before ::. */
#include "listening.h"
#include "log.h"
#include "route.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct listener_key key;
	struct listener value;
};

struct list {
	uint32_t count;
	struct entry entry[LISTENING_MOST];
};

/* --- are they possible? --------------------------------------------------------- */

static const char *what_is_wrong(const struct address *a, const struct interface *i)
{
	int kind;

	if (address_is_unspecified(a))
		return NULL;
	if (address_is_multicast(a))
		return "is a multicast or reserved address, to which nobody can connect";
	if (address_is_loopback(a))
		return i->loopback ? NULL : "is a loopback address, reached by lo only";
	if (address_is_link_local(a))
		return NULL; /* which interface it is of is not in the address */
	kind = route_kind(a);
	if (kind == RTN_LOCAL)
		return NULL;
	return kind == RTN_BROADCAST ? "is a broadcast address, to which nobody can connect"
				     : "is not an address of this host";
}

/* A listener's address is the user's (RFC 9293, 3.9.1.1, MUST-43), if it can be. */
int listening_check(const struct config *config, const struct interface *i)
{
	for (uint32_t n = 0; n < config->listener_count; n++) {
		const struct listener_config *l = &config->listeners[n];
		const char *wrong = what_is_wrong(&l->address, i);

		if (!wrong)
			continue;
		log_error("cannot listen on %s: it %s", l->text, wrong);
		return -EADDRNOTAVAIL;
	}
	return 0;
}

/* --- what they mean --------------------------------------------------------------- */

static bool has(const struct list *list, const struct listener_key *key)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (!memcmp(&list->entry[i].key, key, sizeof(*key)))
			return true;
	return false;
}

static void add_one(struct list *list, const struct address *a, __be16 port, uint32_t id)
{
	struct entry e = {.key = {.local = *a, .port = port}, .value = {id}};

	if (list->count == LISTENING_MOST || has(list, &e.key))
		return;
	list->entry[list->count++] = e;
}

/* The listener, and the mark that its address has one. */
static void add(struct list *list, const struct address *a, __be16 port, uint32_t id)
{
	add_one(list, a, port, id);
	add_one(list, a, 0, id);
}

static bool is_reachable(const struct local_address *l, const struct interface *i)
{
	if (l->broadcast)
		return false;
	if (address_is_loopback(&l->address))
		return i->loopback;
	return !address_is_link_local(&l->address) || l->interface == i->index;
}

static void expand(struct list *list, const struct listener_config *l, uint32_t id,
		   const struct interface *i, const struct addresses *a)
{
	bool v4_only = address_is_v4(&l->address);

	for (uint32_t n = 0; n < a->count; n++) {
		const struct local_address *local = &a->entry[n];

		if (is_reachable(local, i) && (!v4_only || address_is_v4(&local->address)))
			add(list, &local->address, l->port, id);
	}
}

enum width { ADDRESS, WILDCARD_V4, WILDCARD, WIDTHS };

static enum width width_of(const struct address *a)
{
	if (!address_is_unspecified(a))
		return ADDRESS;
	return address_is_v4(a) ? WILDCARD_V4 : WILDCARD;
}

static void spell_out(struct list *list, const struct config *config, const struct interface *i,
		      const struct addresses *a)
{
	list->count = 0;
	for (int width = ADDRESS; width < WIDTHS; width++) {
		for (uint32_t n = 0; n < config->listener_count; n++) {
			const struct listener_config *l = &config->listeners[n];

			if ((int)width_of(&l->address) != width)
				continue;
			if (width == ADDRESS)
				add(list, &l->address, l->port, n);
			else
				expand(list, l, n, i, a);
		}
	}
}

/* --- the map -------------------------------------------------------------------------- */

/* The walk goes on from the key before the one that is deleted. */
static void remove_others(int map, const struct list *list)
{
	struct listener_key key, *last = NULL, kept;

	while (!bpf_map_get_next_key(map, last, &key)) {
		if (has(list, &key)) {
			kept = key;
			last = &kept;
			continue;
		}
		if (bpf_map_delete_elem(map, &key))
			return;
	}
}

int listening_update(int map, const struct config *config, const struct interface *i,
		     const struct addresses *a)
{
	struct list *list = malloc(sizeof(*list));
	int error = 0;

	if (!list)
		return -ENOMEM;
	spell_out(list, config, i, a);
	if (list->count == LISTENING_MOST)
		log_warning("listeners: more than %d pairs of address and port, the rest is left "
			    "out",
			    LISTENING_MOST / 2);
	remove_others(map, list);
	for (uint32_t n = 0; n < list->count && !error; n++)
		error = bpf_map_update_elem(map, &list->entry[n].key, &list->entry[n].value,
					    BPF_ANY);
	if (error)
		log_error("cannot enter all listeners: %s", strerror(-error));
	free(list);
	return error;
}
