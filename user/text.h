/* SPDX-License-Identifier: BSD-2-Clause */
/* Where text waits: what was written and is not acknowledged, what has arrived
 * and is not read. Blocks of 4 KiB of the `text` map, of which each worker has a
 * slice of its own and the metadata in its memory.
 *
 * A chain holds text by sequence number: every block begins at a multiple of its
 * size, so that where a byte lies follows from its number alone, in order or
 * not, and a hole costs no block. A connection without text has no block. */
#ifndef XTCP_TEXT_H
#define XTCP_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum { TEXT_BLOCK = 4096 };

#define TEXT_NONE UINT32_MAX

/* Blocks in ascending order; `cursor` is where the last walk ended. */
struct text_chain {
	uint32_t first;
	uint32_t last;
	uint32_t cursor;
};

struct text_block {
	uint32_t next;
	uint32_t seq;	     /* of its first byte; a multiple of TEXT_BLOCK */
	const uint8_t *lent; /* its text lies there instead; or NULL */
};

/* The two uses have a cap each, so that a peer that does not read cannot keep
 * others from sending, nor the other way round. */
enum text_use { TEXT_SEND, TEXT_RECEIVE, TEXT_USES };

struct text_pool {
	uint8_t *bytes; /* the slice */
	struct text_block *block;
	uint32_t blocks;
	uint32_t free_first;
	uint32_t used[TEXT_USES];
	uint32_t cap[TEXT_USES]; /* blocks */
};

int text_pool_make(struct text_pool *p, uint8_t *bytes, uint32_t blocks); /* 0, -ENOMEM */
void text_pool_destroy(struct text_pool *p);

/* Blocks that `use` may still take. */
uint32_t text_pool_left(const struct text_pool *p, enum text_use use);
/* So little that those who wait for more are not told: not for a block. */
bool text_pool_is_low(const struct text_pool *p, enum text_use use);
/* Blocks that nobody has, whatever the caps say. */
uint32_t text_pool_free(const struct text_pool *p);

/* Bytes that text_write() could put behind what is there, at `seq`. */
uint32_t text_room(const struct text_pool *p, enum text_use use, const struct text_chain *c,
		   uint32_t seq);

void text_chain_make(struct text_chain *c);
/* Puts `length` bytes at `seq`, over what may be there already. Returns how many
 * of them, from the first on, found a block. */
uint32_t text_write(struct text_pool *p, enum text_use use, struct text_chain *c, uint32_t seq,
		    const struct iovec *text);
/* The same for text that stays as it is until it is released: a block that it fills
 * refers to it, and nothing is copied. What fills none at the end is left over, to be
 * lent together with what follows, unless there is nothing else. */
uint32_t text_lend(struct text_pool *p, enum text_use use, struct text_chain *c, uint32_t seq,
		   const struct iovec *text);
/* The text from `seq` on, at most up to the end of its block; NULL if there is
 * no such block. */
const uint8_t *text_at(struct text_pool *p, struct text_chain *c, uint32_t seq, uint32_t *length);
/* `length` bytes from `seq` on, as at most `most` pieces. Returns their number,
 * 0 if they are not all there. */
int text_pieces(struct text_pool *p, struct text_chain *c, uint32_t seq, uint32_t length,
		struct iovec *pieces, int most);
/* Gives back every block that ends at or before `seq`. */
void text_release(struct text_pool *p, enum text_use use, struct text_chain *c, uint32_t seq);
void text_release_all(struct text_pool *p, enum text_use use, struct text_chain *c);

#endif
