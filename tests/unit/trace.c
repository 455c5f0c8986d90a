/* SPDX-License-Identifier: BSD-2-Clause */
/* The bounded record of connections' lives.
 *
 * Links: user/trace.c */
#include "trace.h"
#include "test.h"

static int begin(struct traces *t, uint32_t id, bool passive)
{
	struct conn c = {.id = id, .passive = passive};

	return trace_begin(t, &c, id * 1000);
}

static void segment(struct traces *t, int place, uint32_t id, struct trace_entry e)
{
	trace_segment(t, place, id, &e);
}

TEST(trace__origin_is_the_first_syn_of_each_side)
{
	struct traces *t = traces_create(2);
	int place = begin(t, 7, true);
	const struct trace *trace;

	segment(t, place, 7,
		(struct trace_entry){.seq = 1000, .flags = SYN, .state = SYN_RECEIVED});
	segment(t, place, 7,
		(struct trace_entry){
			.seq = 5000, .ack = 1001, .flags = SYN | ACK, .how = TRACE_OUT});
	segment(t, place, 7, (struct trace_entry){.seq = 9999, .flags = SYN});
	trace = trace_find(t, 7);
	assert_int_equal(trace->irs, 1000);
	assert_int_equal(trace->iss, 5000);
	assert_int_equal(trace->known, TRACE_IRS_KNOWN | TRACE_ISS_KNOWN);
	assert_int_equal(trace->first_state, LISTEN);
	assert_int_equal(trace->total, 3);
	traces_destroy(t);
}

TEST(trace__the_middle_of_a_long_life_is_left_out)
{
	struct traces *t = traces_create(1);
	int place = begin(t, 1, false);
	const struct trace *trace = trace_find(t, 1);

	for (uint32_t n = 0; n < TRACE_HEAD + TRACE_TAIL; n++)
		segment(t, place, 1, (struct trace_entry){.seq = n});
	assert_int_equal(trace_left_out(trace), 0);
	for (uint32_t n = 0; n < TRACE_HEAD + TRACE_TAIL; n++)
		assert_int_equal(trace_entry_at(trace, n)->seq, n);
	for (uint32_t n = TRACE_HEAD + TRACE_TAIL; n < 1000; n++)
		segment(t, place, 1, (struct trace_entry){.seq = n});
	assert_int_equal(trace->total, 1000);
	assert_int_equal(trace_left_out(trace), 1000 - TRACE_HEAD - TRACE_TAIL);
	for (uint32_t n = 0; n < TRACE_HEAD; n++)
		assert_int_equal(trace_entry_at(trace, n)->seq, n);
	for (uint32_t n = 1000 - TRACE_TAIL; n < 1000; n++)
		assert_int_equal(trace_entry_at(trace, n)->seq, n);
	traces_destroy(t);
}

TEST(trace__the_one_that_ended_first_gives_way_first)
{
	struct traces *t = traces_create(3);
	int place[5];

	for (uint32_t id = 1; id <= 3; id++)
		place[id] = begin(t, id, true);
	trace_end(t, place[2], 2, 10);
	trace_end(t, place[1], 1, 20);
	place[4] = begin(t, 4, true);
	assert_null(trace_find(t, 2));
	assert_non_null(trace_find(t, 1));
	begin(t, 5, true);
	assert_null(trace_find(t, 1));
	assert_non_null(trace_find(t, 3));
	traces_destroy(t);
}

TEST(trace__then_the_one_that_has_lived_longest)
{
	struct traces *t = traces_create(2);
	int first = begin(t, 1, true);

	begin(t, 2, true);
	assert_int_equal(begin(t, 3, true), first);
	assert_null(trace_find(t, 1));
	/* The one that lost its place does not write into it any more. */
	segment(t, first, 1, (struct trace_entry){.seq = 1});
	trace_end(t, first, 1, 5);
	assert_int_equal(trace_find(t, 3)->total, 0);
	assert_int_equal(trace_find(t, 3)->ended, 0);
	traces_destroy(t);
}

TEST(trace__none_at_all)
{
	struct traces *t = traces_create(0);

	assert_int_equal(begin(t, 1, true), -1);
	segment(t, -1, 1, (struct trace_entry){0});
	trace_end(t, -1, 1, 1);
	assert_null(trace_find(t, 1));
	traces_destroy(t);
}

static void count(const struct trace *trace, void *argument)
{
	(void)trace;
	++*(int *)argument;
}

TEST(trace__each_of_them_once)
{
	struct traces *t = traces_create(8);
	int n = 0;

	for (uint32_t id = 1; id <= 20; id++) {
		int place = begin(t, id, true);

		if (id % 3)
			trace_end(t, place, id, id);
		trace_end(t, place, id, id); /* twice is once */
	}
	traces_each(t, count, &n);
	assert_int_equal(n, 8);
	traces_destroy(t);
}
