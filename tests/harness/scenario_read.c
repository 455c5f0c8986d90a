/* SPDX-License-Identifier: BSD-2-Clause */
/* From a script to the steps of a struct scenario: one line, one step. */
#include "failure.h"
#include "scenario.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECONDS 1000000ull

enum { GROUPS_MAX = 8 };

/* A group that is open: one of { … }, or repeat N { … }. */
struct group {
	unsigned int first;  /* its first step */
	unsigned int either; /* the STEP_EITHER of the alternative that is open */
	unsigned int times;  /* repeat; 0: one of */
};

struct reader {
	struct scenario *s;
	unsigned int line;
	struct group group[GROUPS_MAX];
	unsigned int depth;
};

__attribute__((noreturn)) static void refuse(const struct reader *r, const char *what,
					     const char *text)
{
	fail_at((struct place){r->s->path, (int)r->line}, "%s: %s", what, text);
}

/* --- words ------------------------------------------------------------------------ */

static const char *after_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(text, word, length) || (text[length] && !isspace((unsigned char)text[length])))
		return NULL;
	text += length;
	return text + strspn(text, " \t");
}

/* Where the text ends that strips its comment and the blanks around it. */
static char *strip(char *text)
{
	char *comment = strchr(text, '#'), *end;

	if (comment)
		*comment = 0;
	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text;
}

static uint64_t unit_of(const char **at)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"us", 1000},
		     {"ms", MILLISECONDS},
		     {"s", TCP_SECOND},
		     {"min", 60 * TCP_SECOND},
		     {"h", 3600 * TCP_SECOND}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(*at, units[i].name, length) || isalpha((unsigned char)(*at)[length]))
			continue;
		*at += length;
		return units[i].ns;
	}
	return 0;
}

/* 200ms, 1.5s; 0 alone needs no unit. */
static const char *take_time(const struct reader *r, const char *text, uint64_t *ns)
{
	char *end;
	double number = strtod(text, &end);
	const char *at = end;
	uint64_t unit = unit_of(&at);

	/* In 1..5s, the first number has taken a point that is not its own. */
	if (end == text || number < 0 || (!unit && number > 0))
		refuse(r, "a time should be like 200ms, 1.5s, 2min", text);
	*ns = (uint64_t)(number * (double)unit);
	return at;
}

/* 150ms..1s, and the rest of the line. */
static const char *take_times(const struct reader *r, const char *text, uint64_t *low,
			      uint64_t *high)
{
	const char *dots = strstr(text, "..");
	char first[SCENARIO_LINE_MAX];

	if (!dots)
		refuse(r, "within needs LEAST..MOST", text);
	snprintf(first, sizeof(first), "%.*s", (int)(dots - text), text);
	take_time(r, first, low);
	text = take_time(r, dots + 2, high);
	if (*high < *low)
		refuse(r, "the most is less than the least", text);
	return text + strspn(text, " \t");
}

static uint32_t number_of(const struct reader *r, const char *text)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (end == text || *end || number > UINT32_MAX)
		refuse(r, "not a number", text);
	return (uint32_t)number;
}

/* --- head -------------------------------------------------------------------------- */

static bool is_on(const struct reader *r, const char *text)
{
	if (!strcmp(text, "on"))
		return true;
	if (strcmp(text, "off"))
		refuse(r, "on or off", text);
	return false;
}

/* Those that a daemon can be configured to; see tests/net/test_scenarios.py. */
static bool set_common(const struct reader *r, const char *name, const char *value)
{
	struct tcp_settings *t = &r->s->settings;

	if (!strcmp(name, "time_wait"))
		take_time(r, value, &t->two_msl);
	else if (!strcmp(name, "timestamps"))
		t->timestamps = is_on(r, value);
	else if (!strcmp(name, "sack"))
		t->sack = is_on(r, value);
	else
		return false;
	return true;
}

static bool set_times(const struct reader *r, const char *name, const char *value)
{
	struct tcp_settings *t = &r->s->settings;
	const struct {
		const char *name;
		uint64_t *ns;
	} times[] = {
		{"user_timeout", &t->user_timeout},
		{"syn_timeout", &t->syn_timeout},
		{"fin_wait_2", &t->fin_wait_2},
		{"delayed_ack", &t->delayed_ack},
		{"rto_initial", &t->rto_initial},
		{"rto_max", &t->rto_max},
		{"rto_min", &t->rto_min},
		{"keepalive_idle", &t->keepalive_idle},
		{"keepalive_interval", &t->keepalive_interval},
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (strcmp(name, times[i].name))
			continue;
		take_time(r, value, times[i].ns);
		return true;
	}
	return false;
}

static bool set_own(const struct reader *r, const char *name, const char *value)
{
	struct tcp_settings *t = &r->s->settings;

	r->s->own_settings = true;
	if (!strcmp(name, "nagle"))
		t->nagle = is_on(r, value);
	else if (!strcmp(name, "send"))
		t->send_limit = number_of(r, value);
	else if (!strcmp(name, "receive"))
		t->receive_limit = number_of(r, value);
	else if (!strcmp(name, "window_scale"))
		t->window_scale = (uint8_t)number_of(r, value);
	else if (!strcmp(name, "keepalive_probes"))
		t->keepalive_probes = (uint8_t)number_of(r, value);
	else if (!strcmp(name, "ecn"))
		t->ecn = is_on(r, value);
	else if (!strcmp(name, "pacing"))
		t->pacing = is_on(r, value);
	else
		return set_times(r, name, value);
	return true;
}

/* time_wait 1500ms, sack off, … */
static void take_settings(const struct reader *r, char *text)
{
	char *rest, *one = strtok_r(text, ",", &rest), *value;

	for (; one; one = strtok_r(NULL, ",", &rest)) {
		one = strip(one);
		value = strchr(one, ' ');
		if (!value)
			refuse(r, "a setting needs a value", one);
		*value++ = 0;
		if (!set_common(r, one, value) && !set_own(r, one, value))
			refuse(r, "no such setting", one);
	}
}

static bool take_head(const struct reader *r, char *text)
{
	struct scenario *s = r->s;
	char *colon = strchr(text, ':'), *value;

	if (!colon || colon != text + strspn(text, "abcdefghijklmnopqrstuvwxyz"))
		return false;
	*colon = 0;
	value = strip(colon + 1);
	if (!strcmp(text, "clause"))
		snprintf(s->clause, sizeof(s->clause), "%s", value);
	else if (!strcmp(text, "level"))
		snprintf(s->level, sizeof(s->level), "%s", value);
	else if (!strcmp(text, "run") && !strcmp(value, "virtual only"))
		s->virtual_only = true;
	else if (!strcmp(text, "settings"))
		take_settings(r, value);
	else if (!strcmp(text, "irs"))
		s->irs = number_of(r, value);
	else if (!strcmp(text, "iss"))
		s->iss = number_of(r, value);
	else
		refuse(r, "clause, level, run: virtual only, settings, irs, iss; not", text);
	return true;
}

/* --- steps -------------------------------------------------------------------------- */

static struct step *add(struct reader *r, enum step_kind kind, const char *text)
{
	struct step *step = &r->s->step[r->s->count];

	if (r->s->count == SCENARIO_STEPS_MAX)
		refuse(r, "too many steps", text);
	r->s->count++;
	*step = (struct step){.kind = kind, .line = r->line};
	snprintf(step->text, sizeof(step->text), "%s", text);
	return step;
}

static void take_pattern(const struct reader *r, struct step *step, const char *text)
{
	if (!notation_parse_pattern(text, &step->pattern))
		refuse(r, "not in the notation", text);
	if (!!(step->pattern.low.flags & ACK) < !!(step->pattern.named & NAMED_ACK))
		refuse(r, "ack without ACK", text);
}

/* What the peer sends must be known, but for what follows from what it has seen. */
static void check_arriving(const struct reader *r, const struct step *step)
{
	const struct segment *low = &step->pattern.low, *high = &step->pattern.high;

	if (low->seq != high->seq || low->text_length != high->text_length ||
	    low->wnd != high->wnd || step->pattern.absent)
		refuse(r, "what is sent must be named", step->text);
	if (low->flags & ACK && !(step->pattern.named & NAMED_ACK))
		refuse(r, "ACK without ack", step->text);
	if (low->text_length > 9000)
		refuse(r, "longer than any frame", step->text);
}

static bool take_segment(struct reader *r, const char *line)
{
	const char *text = line, *rest;
	struct step *step;
	uint64_t low = 0, high = 0;
	bool optional = false;

	if ((rest = after_word(text, "corrupt")))
		text = rest;
	if ((rest = after_word(text, "<-"))) {
		step = add(r, STEP_ARRIVES, line);
		step->corrupt = text != line;
		take_pattern(r, step, rest);
		check_arriving(r, step);
		return true;
	}
	if ((rest = after_word(text, "optional"))) {
		optional = true;
		text = rest;
	}
	if ((rest = after_word(text, "within")))
		text = take_times(r, rest, &low, &high);
	rest = after_word(text, "->");
	if (!rest)
		return false;
	step = add(r, optional ? STEP_OPTIONAL : STEP_LEAVES, line);
	step->low = low;
	step->high = high;
	take_pattern(r, step, rest);
	return true;
}

static bool take_group(struct reader *r, const char *line)
{
	struct group *g = &r->group[r->depth];
	bool one_of = !strcmp(line, "one of {");
	const char *times = after_word(line, "repeat");

	if (!one_of && !times)
		return false;
	if (r->depth == GROUPS_MAX)
		refuse(r, "too deep", line);
	r->depth++;
	*g = (struct group){.first = r->s->count};
	if (times) {
		g->times = (unsigned int)strtoul(times, NULL, 10);
		if (!g->times || line[strlen(line) - 1] != '{')
			refuse(r, "repeat N {", line);
		return true;
	}
	add(r, STEP_ONE_OF, line);
	g->either = r->s->count;
	add(r, STEP_EITHER, line);
	return true;
}

static void copy_repeated(struct reader *r, const struct group *g)
{
	unsigned int length = r->s->count - g->first;

	for (unsigned int i = 0; i < (g->times - 1) * length; i++) {
		struct step *step = add(r, STEP_ENDS, "");
		const struct step *from = step - length;

		*step = *from;
		if (step->end)
			step->end += length;
	}
}

static bool take_end_of_group(struct reader *r, const char *line)
{
	bool or = !strcmp(line, "or");
	struct group *g;

	if (! or &&strcmp(line, "}"))
		return false;
	if (!r->depth)
		refuse(r, "there is no group", line);
	g = &r->group[r->depth - 1];
	if (or &&g->times)
		refuse(r, "or in a repeat", line);
	if (g->times)
		copy_repeated(r, g);
	else
		r->s->step[g->either].end = r->s->count;
	if (or) {
		g->either = r->s->count;
		add(r, STEP_EITHER, line);
		return true;
	}
	if (!g->times)
		r->s->step[g->first].end = r->s->count;
	r->depth--;
	return true;
}

static uint32_t state_of(const struct reader *r, const char *name)
{
	for (uint32_t i = 0; i < TCP_STATES; i++)
		if (!strcmp(tcp_state_name((enum tcp_state)i), name))
			return i;
	refuse(r, "no such state", name);
}

static uint32_t event_of(const struct reader *r, const char *name)
{
	static const char *const names[] = {"connected", "readable", "writable",  "peer closed",
					    "reset",	 "refused",  "timed out", "closed"};

	for (uint32_t i = 0; i < 8; i++)
		if (!strcmp(names[i], name))
			return 1u << i;
	refuse(r, "nobody is told", name);
}

static const struct {
	const char *word;
	enum step_kind kind;
} words[] = {
	{"open passive", STEP_OPEN_PASSIVE},
	{"open active", STEP_OPEN_ACTIVE},
	{"silence for", STEP_SILENCE},
	{"advance", STEP_ADVANCE},
	{"send", STEP_SEND},
	{"read", STEP_READ},
	{"close", STEP_CLOSE},
	{"abort", STEP_ABORT},
	{"forsake", STEP_FORSAKE},
	{"state", STEP_STATE},
	{"told", STEP_TOLD},
	{"peer starts again at", STEP_AGAIN},
	{"path takes", STEP_PATH_MTU},
	{"ends", STEP_ENDS},
};

/* path takes MSS at SEQ: a router says so of the segment that began there. */
static void take_path_mtu(const struct reader *r, struct step *step, const char *rest)
{
	int mss, seq;

	if (sscanf(rest, "%d at %d", &mss, &seq) != 2)
		refuse(r, "path takes MSS at SEQ", rest);
	r->s->own_settings = true; /* no router on the wire: virtual only */
	step->number = (uint32_t)mss;
	step->pattern.low.seq = (uint32_t)seq;
}

static void take_argument(const struct reader *r, struct step *step, const char *rest)
{
	switch (step->kind) {
	case STEP_SILENCE:
	case STEP_ADVANCE: rest = take_time(r, rest, &step->high); break;
	case STEP_SEND:
	case STEP_READ:
	case STEP_AGAIN: step->number = number_of(r, rest); return;
	case STEP_PATH_MTU: take_path_mtu(r, step, rest); return;
	case STEP_STATE: step->number = state_of(r, rest); return;
	case STEP_TOLD: step->number = event_of(r, rest); return;
	default: break;
	}
	if (*rest)
		refuse(r, "too much", rest);
}

static bool take_word(struct reader *r, const char *line)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *rest = after_word(line, words[i].word);

		if (!rest)
			continue;
		take_argument(r, add(r, words[i].kind, line), rest);
		return true;
	}
	return false;
}

static void take_line(struct reader *r, char *line)
{
	line = strip(line);
	if (!*line)
		return;
	if (!r->s->count && take_head(r, line))
		return;
	if (!take_segment(r, line) && !take_group(r, line) && !take_end_of_group(r, line) &&
	    !take_word(r, line))
		refuse(r, "not a step", line);
}

static void check_head(const struct reader *r)
{
	const struct scenario *s = r->s;

	if (!*s->clause)
		refuse(r, "clause: RFC …", "is missing");
	if (strcmp(s->level, "MUST") && strcmp(s->level, "SHOULD") && strcmp(s->level, "MAY"))
		refuse(r, "level: should be MUST, SHOULD or MAY, not", s->level);
	if ((s->own_settings || s->iss) && !s->virtual_only)
		refuse(r, "these settings need run: virtual only", "(iss, or what no daemon has)");
	if (r->depth)
		refuse(r, "not closed", "{");
}

/* All of it, closed again before anything can fail. */
static void read_file(const struct reader *r, char *text, size_t size)
{
	FILE *file = fopen(r->s->path, "r");
	size_t length;

	if (!file)
		refuse(r, "cannot be opened", r->s->path);
	length = fread(text, 1, size - 1, file);
	fclose(file);
	text[length] = 0;
	if (length == size - 1)
		refuse(r, "too long", r->s->path);
}

void scenario_read(struct scenario *s, const char *path)
{
	static char text[SCENARIO_TEXT_MAX];
	struct reader r = {.s = s};
	char *rest = text, *line;

	*s = (struct scenario){.path = path};
	tcp_settings_default(&s->settings);
	s->settings.send_limit = s->settings.receive_limit = 65535;
	read_file(&r, text, sizeof(text));
	while ((line = strsep(&rest, "\n"))) {
		r.line++;
		take_line(&r, line);
	}
	check_head(&r);
}
