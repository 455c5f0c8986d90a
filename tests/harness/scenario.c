/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the steps of a scenario on a stage: sends what the peer sends, compares
 * what comes with what should come, and says of the first difference where it is,
 * what was expected, what came, and what had happened until then. */
#include "scenario.h"
#include "failure.h"
#include "seq.h"
#include <string.h>

enum { JOURNAL_WIDTH = NOTATION_MAX + 32 };

#define MILLISECONDS 1000000ull

/* An `optional ->` that may still come. */
struct allowed {
	const struct pattern *pattern;
	unsigned int age; /* segments that had to come, and came, behind it */
};

struct run {
	const struct scenario *s;
	struct stage *at;
	const struct step *step;
	uint32_t irs, iss, clock; /* what numbers are relative to */
	bool has_iss, has_clock;
	uint32_t tsval;	  /* of our latest segment */
	uint32_t seen;	  /* behind the latest of our numbers */
	uint16_t window;  /* that the peer has named last */
	uint64_t started; /* ns */
	uint64_t event;	  /* ns: of the last segment or act, what `within` counts from */
	struct allowed allowed[SCENARIO_OPTIONAL_MAX];
	unsigned int allowed_count;
	struct segment peeked; /* relative */
	uint64_t peeked_at;
	bool has_peeked;
	char journal[SCENARIO_JOURNAL][JOURNAL_WIDTH];
	unsigned int lines;
};

/* --- what is said --------------------------------------------------------------------- */

static void note(struct run *r, uint64_t when, const char *what, const char *text)
{
	snprintf(r->journal[r->lines++ % SCENARIO_JOURNAL], JOURNAL_WIDTH, "%11.3f ms  %s%s%s",
		 (double)(int64_t)(when - r->started) / MILLISECONDS, what, *what ? " " : "", text);
}

static void print_journal(const struct run *r)
{
	unsigned int i = r->lines > SCENARIO_JOURNAL ? r->lines - SCENARIO_JOURNAL : 0;

	for (; i < r->lines; i++)
		fprintf(stderr, "  %s\n", r->journal[i % SCENARIO_JOURNAL]);
}

__attribute__((noreturn)) static void fail_step(const struct run *r, const char *what,
						const char *detail)
{
	print_journal(r);
	fail_at((struct place){r->s->path, (int)r->step->line}, "expected  %s\n%s:%u: %s%s%s",
		r->step->text, r->s->path, r->step->line, what, *detail ? "  " : "", detail);
}

/* --- numbers -------------------------------------------------------------------------- */

/* Our SYN is where our numbers begin, and those of the next incarnation. */
static void learn(struct run *r, const struct segment *s)
{
	if (s->flags & SYN && (!r->has_iss || s->seq != r->iss)) {
		r->iss = s->seq;
		r->has_iss = true;
		r->has_clock = false;
		r->seen = s->seq;
	}
	if (s->options & OPTION_TIMESTAMPS) {
		if (!r->has_clock)
			r->clock = s->tsval;
		r->has_clock = true;
		r->tsval = s->tsval;
	}
	if (seq_after(s->seq + segment_length(s), r->seen))
		r->seen = s->seq + segment_length(s);
}

static struct segment relative(const struct run *r, struct segment s)
{
	s.seq -= r->iss;
	if (s.flags & ACK)
		s.ack -= r->irs;
	if (s.options & OPTION_TIMESTAMPS)
		s.tsval -= r->clock;
	for (int i = 0; i < s.sack_count; i++) {
		s.sack[i].start -= r->irs;
		s.sack[i].end -= r->irs;
	}
	return s;
}

static uint32_t echo_of(const struct run *r, const struct pattern *p)
{
	if (p->low.tsecr != p->high.tsecr)
		return r->tsval;
	return p->low.flags & ACK ? p->low.tsecr + r->clock : p->low.tsecr;
}

static struct segment absolute(struct run *r, const struct pattern *p)
{
	struct segment s = p->low;

	s.seq += r->irs;
	if (s.flags & ACK)
		s.ack = p->low.ack == p->high.ack ? s.ack + r->iss : r->seen;
	if (p->named & NAMED_WINDOW)
		r->window = s.wnd;
	s.wnd = r->window;
	if (s.options & OPTION_TIMESTAMPS)
		s.tsecr = echo_of(r, p);
	for (int i = 0; i < s.sack_count; i++) {
		s.sack[i].start += r->iss;
		s.sack[i].end += r->iss;
	}
	return s;
}

/* --- what we send ---------------------------------------------------------------------- */

/* The next segment of ours, by `until`, without taking it. */
static bool peek(struct run *r, uint64_t until)
{
	struct segment s;
	char text[NOTATION_MAX];

	if (r->has_peeked)
		return true;
	if (!r->at->next(r->at, until, &s, &r->peeked_at))
		return false;
	learn(r, &s);
	r->peeked = relative(r, s);
	r->has_peeked = true;
	note(r, r->peeked_at, "->", notation_print(text, &r->peeked));
	return true;
}

static bool is_allowed(struct run *r)
{
	for (unsigned int i = 0; i < r->allowed_count; i++) {
		if (!notation_matches(r->allowed[i].pattern, &r->peeked))
			continue;
		r->allowed[i] = r->allowed[--r->allowed_count];
		return true;
	}
	return false;
}

/* All that comes until then must be optional. */
static void expect_silence(struct run *r, uint64_t until)
{
	char text[NOTATION_MAX];

	while (peek(r, until)) {
		if (!is_allowed(r))
			fail_step(r, "but there came", notation_print(text, &r->peeked));
		r->has_peeked = false;
		r->event = r->peeked_at;
	}
}

static void forget_old_options(struct run *r)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < r->allowed_count; i++)
		if (!r->allowed[i].age++)
			r->allowed[kept++] = r->allowed[i];
	r->allowed_count = kept;
}

static uint64_t latest(const struct run *r, const struct step *step)
{
	if (step->high)
		return r->event + step->high + r->at->patience;
	return r->at->now(r->at) + r->at->patience;
}

/* A clock of ours that is later than the one which was measured by says less. */
static bool is_too_early(const struct run *r, const struct step *step)
{
	uint64_t least = step->low;

	if (r->at->live)
		least -= least / 8 + (least > 20 * MILLISECONDS ? 2 * MILLISECONDS : least / 10);
	return r->peeked_at - r->event < least;
}

static void take_peeked(struct run *r)
{
	r->has_peeked = false;
	r->event = r->peeked_at;
	forget_old_options(r);
}

static void leaves(struct run *r, const struct step *step)
{
	char text[NOTATION_MAX];
	uint64_t until = latest(r, step);

	while (peek(r, until)) {
		if (notation_matches(&step->pattern, &r->peeked)) {
			if (is_too_early(r, step))
				fail_step(r, "but it came too early", "");
			take_peeked(r);
			return;
		}
		if (!is_allowed(r))
			fail_step(r, "but there came", notation_print(text, &r->peeked));
		r->has_peeked = false;
	}
	fail_step(r, "but nothing came", "");
}

static void allow(struct run *r, const struct step *step)
{
	if (r->allowed_count == SCENARIO_OPTIONAL_MAX)
		fail_step(r, "too many optional segments", "");
	r->allowed[r->allowed_count++] = (struct allowed){&step->pattern, 0};
}

/* --- one of ---------------------------------------------------------------------------- */

static bool begins_with_segment(const struct scenario *s, unsigned int either)
{
	return s->step[either].end > either + 1 && s->step[either + 1].kind == STEP_LEAVES;
}

static uint64_t latest_of_all(const struct run *r, const struct step *one_of)
{
	unsigned int i = (unsigned int)(one_of - r->s->step) + 1;
	uint64_t until = r->at->now(r->at);

	for (; i < one_of->end; i = r->s->step[i].end) {
		uint64_t t = begins_with_segment(r->s, i) ? latest(r, &r->s->step[i + 1]) : 0;

		if (t > until)
			until = t;
	}
	return until;
}

/* The first segment decides; without one that fits, the first alternative that
 * does not begin with a segment. */
static unsigned int choose_alternative(struct run *r, const struct step *one_of)
{
	unsigned int i = (unsigned int)(one_of - r->s->step) + 1, other = 0;
	bool came = peek(r, latest_of_all(r, one_of));
	char text[NOTATION_MAX];

	for (; i < one_of->end; i = r->s->step[i].end) {
		const struct step *first = &r->s->step[i + 1];

		if (!begins_with_segment(r->s, i))
			other = other ? other : i;
		else if (came && notation_matches(&first->pattern, &r->peeked) &&
			 !is_too_early(r, first))
			return i;
	}
	if (other)
		return other;
	fail_step(r, came ? "but there came" : "but nothing came",
		  came ? notation_print(text, &r->peeked) : "");
}

/* --- all steps ---------------------------------------------------------------------------- */

static void arrives(struct run *r, const struct step *step)
{
	char text[NOTATION_MAX];
	struct segment s = absolute(r, &step->pattern), shown = s;
	uint64_t now;

	expect_silence(r, r->at->now(r->at));
	shown.seq -= r->irs;
	shown.ack -= shown.flags & ACK ? r->iss : 0;
	for (int i = 0; i < shown.sack_count; i++) {
		shown.sack[i].start -= r->iss;
		shown.sack[i].end -= r->iss;
	}
	now = r->at->now(r->at);
	note(r, now, "<-", notation_print(text, &shown));
	r->event = now;
	r->at->arrives(r->at, &s, step);
}

static void act(struct run *r, const struct step *step)
{
	uint64_t now = r->at->now(r->at);
	const char *wrong;

	note(r, now, "", step->text);
	if (step->kind != STEP_STATE && step->kind != STEP_TOLD && step->kind != STEP_ENDS)
		r->event = now;
	if (step->kind == STEP_AGAIN)
		r->irs += step->number;
	wrong = r->at->act(r->at, step);
	if (wrong)
		fail_step(r, "but", wrong);
}

/* What comes meanwhile is not looked at. */
static void pass_time(struct run *r, uint64_t ns)
{
	uint64_t until = r->at->now(r->at) + ns;

	while (r->has_peeked || peek(r, until))
		r->has_peeked = false;
}

static void run_steps(struct run *r, unsigned int from, unsigned int to);

static void one_of(struct run *r, const struct step *step)
{
	unsigned int chosen = choose_alternative(r, step);

	run_steps(r, chosen + 1, r->s->step[chosen].end);
}

static void run_step(struct run *r, const struct step *step)
{
	switch (step->kind) {
	case STEP_ARRIVES: arrives(r, step); break;
	case STEP_LEAVES: leaves(r, step); break;
	case STEP_OPTIONAL: allow(r, step); break;
	case STEP_SILENCE: expect_silence(r, r->at->now(r->at) + step->high); break;
	case STEP_ADVANCE: pass_time(r, step->high); break;
	case STEP_ONE_OF: one_of(r, step); break;
	default: act(r, step);
	}
}

static void run_steps(struct run *r, unsigned int from, unsigned int to)
{
	while (from < to) {
		const struct step *step = &r->s->step[from];

		r->step = step;
		run_step(r, step);
		from = step->kind == STEP_ONE_OF ? step->end : from + 1;
	}
}

/* Nothing may be left over at the end. */
void scenario_run(const struct scenario *s, struct stage *at)
{
	static struct run only; /* what fails does not come back to free anything */
	struct run *r = &only;
	struct step end = {.kind = STEP_SILENCE, .text = "the end, and nothing more"};

	*r = (struct run){.s = s, .at = at};
	r->irs = s->irs ? s->irs : 100000;
	r->window = 65535;
	r->started = r->event = at->now(at);
	end.line = s->count ? s->step[s->count - 1].line : 0;
	run_steps(r, 0, s->count);
	r->step = &end;
	expect_silence(r, at->now(at) + (at->live ? 20 * MILLISECONDS : 0));
}
