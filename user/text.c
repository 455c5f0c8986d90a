/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of text and chains of them; see text.h. Sequence numbers wrap, and 2^32
 * is a multiple of the block size, so blocks stay aligned around the circle. */
#include "text.h"
#include "seq.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOW_SHARE = 64 };

static uint32_t block_start(uint32_t seq)
{
	return seq & ~(uint32_t)(TEXT_BLOCK - 1);
}

int text_pool_make(struct text_pool *p, uint8_t *bytes, uint32_t blocks)
{
	memset(p, 0, sizeof(*p));
	p->block = malloc(blocks * sizeof(*p->block));
	if (!p->block)
		return -ENOMEM;
	for (uint32_t i = 0; i < blocks; i++)
		p->block[i].next = i + 1 < blocks ? i + 1 : TEXT_NONE;
	p->bytes = bytes;
	p->blocks = blocks;
	p->free_first = blocks ? 0 : TEXT_NONE;
	p->cap[TEXT_SEND] = blocks / 2;
	p->cap[TEXT_RECEIVE] = blocks - blocks / 2;
	return 0;
}

void text_pool_destroy(struct text_pool *p)
{
	free(p->block);
	p->block = NULL;
}

uint32_t text_pool_free(const struct text_pool *p)
{
	return p->blocks - p->used[TEXT_SEND] - p->used[TEXT_RECEIVE];
}

uint32_t text_pool_left(const struct text_pool *p, enum text_use use)
{
	uint32_t left = p->used[use] < p->cap[use] ? p->cap[use] - p->used[use] : 0;
	uint32_t free_blocks = text_pool_free(p);

	return left < free_blocks ? left : free_blocks;
}

bool text_pool_is_low(const struct text_pool *p, enum text_use use)
{
	return text_pool_left(p, use) < p->cap[use] / LOW_SHARE + 1;
}

void text_chain_make(struct text_chain *c)
{
	c->first = c->last = c->cursor = TEXT_NONE;
}

uint32_t text_room(const struct text_pool *p, enum text_use use, const struct text_chain *c,
		   uint32_t seq)
{
	uint64_t room = (uint64_t)text_pool_left(p, use) * TEXT_BLOCK;
	uint32_t offset = seq % TEXT_BLOCK;

	if (c->last != TEXT_NONE && p->block[c->last].seq == block_start(seq))
		room += TEXT_BLOCK - offset;
	else if (room)
		room -= offset;
	return room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

/* The last block that begins at or before `start`, TEXT_NONE if all are behind. */
static uint32_t find_before(const struct text_pool *p, struct text_chain *c, uint32_t start)
{
	uint32_t i = c->first;

	if (i == TEXT_NONE || seq_before(start, p->block[i].seq))
		return TEXT_NONE;
	if (!seq_after(p->block[c->last].seq, start)) {
		c->cursor = c->last;
		return c->last;
	}
	if (c->cursor != TEXT_NONE && !seq_after(p->block[c->cursor].seq, start))
		i = c->cursor;
	while (p->block[i].next != TEXT_NONE && !seq_after(p->block[p->block[i].next].seq, start))
		i = p->block[i].next;
	c->cursor = i;
	return i;
}

static uint32_t take_block(struct text_pool *p, enum text_use use)
{
	uint32_t i = p->free_first;

	if (i == TEXT_NONE || !text_pool_left(p, use))
		return TEXT_NONE;
	p->free_first = p->block[i].next;
	p->used[use]++;
	return i;
}

static void give_block(struct text_pool *p, enum text_use use, uint32_t i)
{
	p->block[i].next = p->free_first;
	p->free_first = i;
	p->used[use]--;
}

static void insert_after(struct text_pool *p, struct text_chain *c, uint32_t before, uint32_t i)
{
	uint32_t *link = before == TEXT_NONE ? &c->first : &p->block[before].next;

	p->block[i].next = *link;
	*link = i;
	if (p->block[i].next == TEXT_NONE)
		c->last = i;
	c->cursor = i;
}

/* The block that holds `seq`, made if need be. */
static uint32_t block_for(struct text_pool *p, enum text_use use, struct text_chain *c,
			  uint32_t seq)
{
	uint32_t start = block_start(seq);
	uint32_t before = find_before(p, c, start);
	uint32_t i;

	if (before != TEXT_NONE && p->block[before].seq == start)
		return before;
	i = take_block(p, use);
	if (i == TEXT_NONE)
		return TEXT_NONE;
	p->block[i].seq = start;
	p->block[i].lent = NULL;
	insert_after(p, c, before, i);
	return i;
}

uint32_t text_write(struct text_pool *p, enum text_use use, struct text_chain *c, uint32_t seq,
		    const struct iovec *text)
{
	const uint8_t *bytes = text->iov_base;
	uint32_t length = (uint32_t)text->iov_len;
	uint32_t done = 0;

	while (done < length) {
		uint32_t i = block_for(p, use, c, seq + done);
		uint32_t offset = (seq + done) % TEXT_BLOCK;
		uint32_t part = TEXT_BLOCK - offset;

		if (i == TEXT_NONE)
			return done;
		assert(!p->block[i].lent);
		if (part > length - done)
			part = length - done;
		memcpy(p->bytes + (size_t)i * TEXT_BLOCK + offset, bytes + done, part);
		done += part;
	}
	return done;
}

/* Whole blocks of it. */
static uint32_t lend_blocks(struct text_pool *p, enum text_use use, struct text_chain *c,
			    uint32_t seq, const struct iovec *text)
{
	const uint8_t *bytes = text->iov_base;
	uint32_t done = 0;

	while (text->iov_len - done >= TEXT_BLOCK) {
		uint32_t i = block_for(p, use, c, seq + done);

		if (i == TEXT_NONE)
			break;
		p->block[i].lent = bytes + done;
		done += TEXT_BLOCK;
	}
	return done;
}

uint32_t text_lend(struct text_pool *p, enum text_use use, struct text_chain *c, uint32_t seq,
		   const struct iovec *text)
{
	uint32_t length = (uint32_t)text->iov_len;
	uint32_t head = -seq % TEXT_BLOCK;
	struct iovec part = *text;
	uint32_t done = 0;

	if (head || length < TEXT_BLOCK) {
		part.iov_len = head && head < length ? head : length;
		done = text_write(p, use, c, seq, &part);
		if (done < head)
			return done;
	}
	part = (struct iovec){(uint8_t *)text->iov_base + done, length - done};
	return done + lend_blocks(p, use, c, seq + done, &part);
}

/* Where the text of a block begins. */
static const uint8_t *bytes_of(const struct text_pool *p, uint32_t i)
{
	return p->block[i].lent ? p->block[i].lent : p->bytes + (size_t)i * TEXT_BLOCK;
}

const uint8_t *text_at(struct text_pool *p, struct text_chain *c, uint32_t seq, uint32_t *length)
{
	uint32_t i = find_before(p, c, block_start(seq));
	uint32_t offset = seq % TEXT_BLOCK;

	if (i == TEXT_NONE || p->block[i].seq != block_start(seq))
		return NULL;
	*length = TEXT_BLOCK - offset;
	return bytes_of(p, i) + offset;
}

int text_pieces(struct text_pool *p, struct text_chain *c, uint32_t seq, uint32_t length,
		struct iovec *pieces, int most)
{
	int n = 0;

	while (length) {
		uint32_t part;
		const uint8_t *bytes = text_at(p, c, seq, &part);

		if (!bytes || n == most)
			return 0;
		if (part > length)
			part = length;
		pieces[n++] = (struct iovec){(void *)bytes, part};
		seq += part;
		length -= part;
	}
	return n;
}

static void drop_first(struct text_pool *p, enum text_use use, struct text_chain *c)
{
	uint32_t i = c->first;

	c->first = p->block[i].next;
	if (c->first == TEXT_NONE)
		c->last = TEXT_NONE;
	if (c->cursor == i)
		c->cursor = c->first;
	give_block(p, use, i);
}

void text_release(struct text_pool *p, enum text_use use, struct text_chain *c, uint32_t seq)
{
	while (c->first != TEXT_NONE && !seq_after(p->block[c->first].seq + TEXT_BLOCK, seq))
		drop_first(p, use, c);
}

void text_release_all(struct text_pool *p, enum text_use use, struct text_chain *c)
{
	while (c->first != TEXT_NONE)
		drop_first(p, use, c);
}
