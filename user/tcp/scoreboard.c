/* SPDX-License-Identifier: BSD-2-Clause */
/* What the peer has received of our text beyond SND.UNA, by its SACK blocks
 * (RFC 2018; RFC 6675, 4). Ascending, disjoint spans, in the back part of
 * rcv.span. There is room for a few: where there is none the smallest is
 * forgotten, and its text may be sent once more than needed. */
#include "core.h"

enum { LEFT_TO_RECEIVED = 2 }; /* so many spans are always theirs */

static const struct span *at(const struct conn *c, uint8_t i)
{
	return &c->rcv.span[SPANS_BOTH - 1 - i];
}

static uint8_t room(const struct conn *c)
{
	uint8_t theirs = c->rcv.spans > LEFT_TO_RECEIVED ? c->rcv.spans : LEFT_TO_RECEIVED;

	return (uint8_t)(SPANS_BOTH - theirs);
}

static void save(struct conn *c, const struct span *list, uint8_t count)
{
	for (uint8_t i = 0; i < count; i++)
		c->rcv.span[SPANS_BOTH - 1 - i] = list[i];
	c->snd.sacks = count;
	c->snd.sacked = 0;
	for (uint8_t i = 0; i < count; i++)
		c->snd.sacked += list[i].end - list[i].start;
}

/* The highest stays: all below it is known to have left the network by it. */
static void forget_smallest(struct span *list, uint8_t *count)
{
	uint8_t smallest = 0;

	for (uint8_t i = 1; i + 1 < *count; i++)
		if (list[i].end - list[i].start < list[smallest].end - list[smallest].start)
			smallest = i;
	--*count;
	for (uint8_t i = smallest; i < *count; i++)
		list[i] = list[i + 1];
}

static void add(struct conn *c, struct span s)
{
	struct span list[SPANS_BOTH + 1];
	uint8_t count = 0, i = 0;

	while (i < c->snd.sacks && seq_before(at(c, i)->end, s.start))
		list[count++] = *at(c, i++);
	for (; i < c->snd.sacks && !seq_after(at(c, i)->start, s.end); i++) {
		s.start = seq_earlier(s.start, at(c, i)->start);
		s.end = seq_later(s.end, at(c, i)->end);
	}
	list[count++] = s;
	while (i < c->snd.sacks)
		list[count++] = *at(c, i++);
	if (count > room(c))
		forget_smallest(list, &count);
	save(c, list, count);
}

void scoreboard_forget(struct conn *c)
{
	c->snd.sacks = 0;
	c->snd.sacked = 0;
}

/* SND.UNA has advanced. */
void scoreboard_advance(struct conn *c)
{
	struct span list[SPANS_BOTH];
	uint8_t count = 0;

	if (!c->snd.sacks)
		return;
	for (uint8_t i = 0; i < c->snd.sacks; i++) {
		struct span s = *at(c, i);

		s.start = seq_later(s.start, c->snd.una);
		if (seq_before(s.start, s.end))
			list[count++] = s;
	}
	save(c, list, count);
}

/* End of the highest span; SND.UNA if there is none. */
uint32_t scoreboard_high(const struct conn *c)
{
	return c->snd.sacks ? at(c, c->snd.sacks - 1)->end : c->snd.una;
}

/* The first number from `seq` on that is not SACKed. */
uint32_t scoreboard_skip(const struct conn *c, uint32_t seq)
{
	for (uint8_t i = 0; i < c->snd.sacks; i++)
		if (seq_within(seq, at(c, i)->start, at(c, i)->end - at(c, i)->start))
			return at(c, i)->end;
	return seq;
}

/* Where the hole that `seq` lies in ends; `limit` at the latest. */
uint32_t scoreboard_hole_end(const struct conn *c, uint32_t seq, uint32_t limit)
{
	for (uint8_t i = 0; i < c->snd.sacks; i++)
		if (seq_after(at(c, i)->start, seq))
			return seq_earlier(at(c, i)->start, limit);
	return limit;
}

/* SACKed bytes within [from, to). */
uint32_t scoreboard_bytes(const struct conn *c, uint32_t from, uint32_t to)
{
	uint32_t bytes = 0;

	for (uint8_t i = 0; i < c->snd.sacks; i++) {
		uint32_t start = seq_later(at(c, i)->start, from);
		uint32_t end = seq_earlier(at(c, i)->end, to);

		if (seq_before(start, end))
			bytes += end - start;
	}
	return bytes;
}

/* RFC 2018, 8: the peer may discard what it has SACKed. It has if UNA itself
 * seems to be there. */
bool scoreboard_is_reneged(const struct conn *c)
{
	return c->snd.sacks && at(c, 0)->start == c->snd.una;
}

/* RFC 2883, 4: the first block names what arrived twice if it lies below the
 * ACK, or within the second block. */
static bool is_duplicate_report(const struct segment *s)
{
	const struct sack_block *first = &s->sack[0], *second = &s->sack[1];

	if (!seq_after(first->end, s->ack))
		return true;
	return s->sack_count > 1 && !seq_before(first->start, second->start) &&
	       !seq_after(first->end, second->end);
}

/* A part of the block that is new, below what was known, and was not sent again:
 * the network has reordered (RFC 8985, 6.2, step 3). */
static bool shows_reordering(const struct conn *c, const struct span *s, const struct news *n)
{
	uint32_t fresh = scoreboard_skip(c, s->start);

	return seq_before(fresh, s->end) && seq_before(fresh, n->high) &&
	       !seq_before(fresh, c->snd.again);
}

/* Text that was sent again is there now. */
static void note_sent_again(const struct conn *c, const struct span *s, struct news *n)
{
	uint32_t fresh = scoreboard_skip(c, s->start);

	if (seq_before(fresh, s->end) && seq_before(fresh, c->snd.again))
		n->again = seq_later(n->again, seq_earlier(s->end, c->snd.again));
}

static void take_block(struct conn *c, const struct sack_block *b, struct news *n)
{
	struct span s = {seq_later(b->start, c->snd.una), b->end};

	if (seq_after(b->end, c->snd.nxt) || !seq_before(s.start, s.end))
		return;
	note_sent_again(c, &s, n);
	if (shows_reordering(c, &s, n))
		c->flags |= CONN_REORDERED;
	add(c, s);
}

/* The blocks of an ACK; SND.UNA is SEG.ACK at least. */
void scoreboard_take(struct conn *c, const struct segment *s, struct news *n)
{
	uint8_t first = 0;

	if (!(c->options & OPTION_SACK_PERMITTED) || !(s->options & OPTION_SACK) || !s->sack_count)
		return;
	if (is_duplicate_report(s)) {
		n->twice = s->sack[0].end - s->sack[0].start;
		first = 1;
	}
	for (uint8_t i = first; i < s->sack_count; i++)
		take_block(c, &s->sack[i], n);
}
