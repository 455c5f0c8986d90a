/* SPDX-License-Identifier: BSD-2-Clause */
/* Text received out of order (SHLD-31), as spans of sequence numbers: ascending,
 * disjoint, all beyond RCV.NXT, at most SPANS_MAX. The text itself is with the
 * runner. What would need one span more is not stored, and so not acknowledged. */
#include "core.h"
#include <string.h>

/* Spans from `first` up to, not including, `*last` touch [start, end). */
static uint8_t touching(const struct conn *c, uint32_t start, uint32_t end, uint8_t *last)
{
	const struct span *span = c->rcv.span;
	uint8_t first = 0;

	while (first < c->rcv.spans && seq_before(span[first].end, start))
		first++;
	*last = first;
	while (*last < c->rcv.spans && !seq_after(span[*last].start, end))
		++*last;
	return first;
}

bool reassembly_has_room(const struct conn *c, uint32_t start, uint32_t end)
{
	uint8_t last, first = touching(c, start, end, &last);

	return last > first ||
	       (c->rcv.spans < SPANS_MAX && c->rcv.spans + c->snd.sacks < SPANS_BOTH);
}

bool reassembly_has_all(const struct conn *c, uint32_t start, uint32_t end)
{
	for (uint8_t i = 0; i < c->rcv.spans; i++)
		if (!seq_before(start, c->rcv.span[i].start) && !seq_after(end, c->rcv.span[i].end))
			return true;
	return false;
}

static void replace(struct conn *c, uint8_t first, uint8_t last, struct span with)
{
	struct span *span = c->rcv.span;

	memmove(span + first + 1, span + last, (c->rcv.spans - last) * sizeof(*span));
	span[first] = with;
	c->rcv.spans = (uint8_t)(c->rcv.spans + 1 - (last - first));
}

/* The spans in the order of their latest segment, newest first: a byte of each
 * of the first three (RFC 2018, 4). */
static void note_newest(struct conn *c, uint32_t seq)
{
	uint32_t *newest = c->rcv.newest;

	if (c->rcv.spans && newest[0] == seq)
		return;
	newest[2] = newest[1];
	newest[1] = newest[0];
	newest[0] = seq;
}

void reassembly_add(struct conn *c, uint32_t start, uint32_t end)
{
	uint8_t last, first = touching(c, start, end, &last);
	struct span merged = {start, end};

	assert(seq_before(start, end) && seq_after(start, c->rcv.nxt));
	if (last > first) {
		merged.start = seq_earlier(start, c->rcv.span[first].start);
		merged.end = seq_later(end, c->rcv.span[last - 1].end);
	}
	replace(c, first, last, merged);
	note_newest(c, start);
}

/* RCV.NXT has moved: what it has reached is in order now. */
void reassembly_merge(struct conn *c)
{
	uint8_t reached = 0;

	while (reached < c->rcv.spans && !seq_after(c->rcv.span[reached].start, c->rcv.nxt)) {
		c->rcv.nxt = seq_later(c->rcv.nxt, c->rcv.span[reached].end);
		reached++;
	}
	c->rcv.spans -= reached;
	memmove(c->rcv.span, c->rcv.span + reached, c->rcv.spans * sizeof(c->rcv.span[0]));
}

static int span_of(const struct conn *c, uint32_t seq)
{
	for (uint8_t i = 0; i < c->rcv.spans; i++)
		if (seq_within(seq, c->rcv.span[i].start,
			       c->rcv.span[i].end - c->rcv.span[i].start))
			return i;
	return -1;
}

/* Text arrived that was there before: the next ACK says so (RFC 2883). */
void reassembly_note_twice(struct conn *c, uint32_t start, uint32_t end)
{
	if (!(c->options & OPTION_SACK_PERMITTED) || !seq_before(start, end))
		return;
	c->rcv.twice.start = start;
	c->rcv.twice.end = end;
	c->flags |= CONN_ACK_NOW;
}

/* SACK blocks (RFC 2018, 4): the span of the latest segment first, then those
 * reported before, then as many of the others as fit. */
uint8_t reassembly_report(const struct conn *c, struct sack_block *block, uint8_t room)
{
	const struct span *twice = &c->rcv.twice;
	uint32_t reported = 0;
	uint8_t count = 0;

	if (twice->start != twice->end)
		block[count++] = (struct sack_block){twice->start, twice->end};
	for (int i = 0; i < 3 + c->rcv.spans && count < room; i++) {
		int which = i < 3 ? span_of(c, c->rcv.newest[i]) : i - 3;

		if (which < 0 || reported >> which & 1)
			continue;
		reported |= 1u << which;
		block[count].start = c->rcv.span[which].start;
		block[count++].end = c->rcv.span[which].end;
	}
	return count;
}
