/* SPDX-License-Identifier: BSD-2-Clause */
#include "notation.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char flag_letters[] = "FSRP.UEW"; /* bit 0 … bit 7 */

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " \t");
}

static bool take(const char **at, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*at, word, length))
		return false;
	*at += length;
	return true;
}

/* A number of a pattern; any one if low is 0 and high is UINT32_MAX. */
struct range {
	__u32 low, high;
};

static bool take_number(const char **at, __u32 *number)
{
	char *end;

	*number = (__u32)strtoll(*at, &end, 10);
	if (end == *at)
		return false;
	*at = end;
	return true;
}

static bool take_range(const char **at, struct range *r)
{
	*r = (struct range){0, UINT32_MAX};
	if (take(at, ".."))
		return true;
	if (!take_number(at, &r->low))
		return false;
	r->high = r->low;
	return !take(at, "..") || take_number(at, &r->high);
}

static bool is_one(const struct range *r)
{
	return r->low == r->high;
}

static bool take_flags(const char **at, struct pattern *p)
{
	skip_blanks(at);
	if (take(at, "-"))
		return true;
	for (; **at && **at != ' '; (*at)++) {
		const char *letter = strchr(flag_letters, **at);

		if (!letter)
			return false;
		p->low.flags |= 1u << (letter - flag_letters);
	}
	p->high.flags = p->low.flags;
	return p->low.flags != 0;
}

static bool take_length(const char **at, const struct range *seq, struct range *length)
{
	struct range end;

	*length = (struct range){0, UINT32_MAX};
	if (take(at, "..") && **at != '(')
		return true;
	if ((*at)[-1] == '.')
		return take(at, "(") && take_range(at, length) && take(at, ")");
	if (!take_range(at, &end) || !take(at, "(") || !take_range(at, length) || !take(at, ")"))
		return false;
	return !is_one(seq) || !is_one(&end) || !is_one(length) ||
	       end.low == seq->low + length->low;
}

static bool take_place(const char **at, struct pattern *p)
{
	struct range seq, length = {0, UINT32_MAX};

	skip_blanks(at);
	if (!take_range(at, &seq))
		return false;
	if (take(at, ":") ? !take_length(at, &seq, &length) : is_one(&seq))
		return false;
	p->low.seq = seq.low;
	p->high.seq = seq.high;
	p->low.text_length = length.low;
	p->high.text_length = length.high;
	return true;
}

static bool take_sack(const char **at, struct pattern *p)
{
	struct segment *low = &p->low, *high = &p->high;

	for (; low->sack_count < SACK_BLOCKS_MAX; low->sack_count++) {
		struct range start, end;

		skip_blanks(at);
		if (**at != '-' && **at != '.' && !(**at >= '0' && **at <= '9'))
			break;
		if (!take_range(at, &start) || !take(at, ":") || !take_range(at, &end))
			return false;
		low->sack[low->sack_count] = (struct sack_block){start.low, end.low};
		high->sack[low->sack_count] = (struct sack_block){start.high, end.high};
	}
	high->sack_count = low->sack_count;
	return low->sack_count > 0;
}

/* The field of both ends; 16 bits are enough for it. */
#define TAKE_FIELD(at, p, field)                                                                   \
	({                                                                                         \
		struct range range_;                                                               \
		bool taken_ = take_range(at, &range_);                                             \
                                                                                                   \
		(p)->low.field = (__typeof__((p)->low.field))range_.low;                           \
		(p)->high.field = (__typeof__((p)->low.field))range_.high;                         \
		taken_;                                                                            \
	})

static bool take_raw(const char **at, struct pattern *p)
{
	unsigned int byte;

	while (sscanf(*at, "%2x", &byte) == 1 && p->raw_length < NOTATION_RAW_MAX) {
		p->raw[p->raw_length++] = (__u8)byte;
		*at += 2;
	}
	return p->raw_length > 0;
}

/* By name, and the bit; `arguments` follow in what is not `no OPTION`. */
static __u8 take_option_name(const char **at)
{
	static const struct {
		const char *name;
		__u8 bit;
	} options[] = {
		{"mss", OPTION_MSS},	   {"ws", OPTION_WINDOW_SCALE},
		{"ts", OPTION_TIMESTAMPS}, {"sackOK", OPTION_SACK_PERMITTED},
		{"sack", OPTION_SACK},	   {"other", OPTION_OTHER},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (take(at, options[i].name))
			return options[i].bit;
	return 0;
}

static bool take_arguments(const char **at, struct pattern *p, __u8 option)
{
	skip_blanks(at);
	switch (option) {
	case OPTION_MSS: return TAKE_FIELD(at, p, mss);
	case OPTION_WINDOW_SCALE: return TAKE_FIELD(at, p, window_scale);
	case OPTION_SACK: return take_sack(at, p);
	case OPTION_TIMESTAMPS:
		return TAKE_FIELD(at, p, tsval) && take(at, " ") && TAKE_FIELD(at, p, tsecr);
	default: return true;
	}
}

static bool take_option(const char **at, struct pattern *p)
{
	bool absent;
	__u8 option;

	skip_blanks(at);
	if (take(at, "raw "))
		return take_raw(at, p);
	absent = take(at, "no ");
	option = take_option_name(at);
	if (absent)
		p->absent |= option;
	else
		p->low.options |= option;
	p->high.options = p->low.options;
	return option && (absent || take_arguments(at, p, option));
}

static bool take_options(const char **at, struct pattern *p)
{
	do {
		if (!take_option(at, p))
			return false;
		skip_blanks(at);
	} while (take(at, ","));
	return take(at, ">");
}

static const char *const codepoints[] = {
	[ECN_NOT_ECT] = "not",
	[ECN_ECT_1] = "ect1",
	[ECN_ECT_0] = "ect0",
	[ECN_CE] = "ce",
};

static bool take_codepoint(const char **at, struct pattern *p)
{
	for (__u8 ecn = ECN_NOT_ECT; ecn <= ECN_CE; ecn++) {
		if (!take(at, codepoints[ecn]))
			continue;
		p->low.ecn = p->high.ecn = ecn;
		return true;
	}
	return false;
}

static bool take_part(const char **at, struct pattern *p)
{
	if (take(at, "ack ")) {
		p->named |= NAMED_ACK;
		return TAKE_FIELD(at, p, ack);
	}
	if (take(at, "win ")) {
		p->named |= NAMED_WINDOW;
		return TAKE_FIELD(at, p, wnd);
	}
	if (take(at, "urg ")) {
		p->named |= NAMED_URGENT;
		return TAKE_FIELD(at, p, up);
	}
	if (take(at, "ecn ")) {
		p->named |= NAMED_ECN;
		return take_codepoint(at, p);
	}
	return take(at, "<") && take_options(at, p);
}

bool notation_parse_pattern(const char *text, struct pattern *p)
{
	*p = (struct pattern){0};
	if (!take_flags(&text, p) || !take_place(&text, p))
		return false;
	for (skip_blanks(&text); *text; skip_blanks(&text)) {
		if (!take_part(&text, p))
			return false;
	}
	return true;
}

bool notation_parse(const char *text, struct segment *s, unsigned int *named)
{
	struct pattern p;

	if (!notation_parse_pattern(text, &p) || p.absent || p.raw_length ||
	    memcmp(&p.low, &p.high, sizeof(p.low)))
		return false;
	*s = p.low;
	*named = p.named;
	return true;
}

/* Also where the range goes round the end of all numbers. */
static bool is_in(__u32 low, __u32 number, __u32 high)
{
	return number - low <= high - low;
}

#define IN(p, s, field) is_in((p)->low.field, (s)->field, (p)->high.field)

static bool sack_matches(const struct pattern *p, const struct segment *s)
{
	if (p->low.sack_count != s->sack_count)
		return false;
	for (int i = 0; i < s->sack_count; i++)
		if (!IN(p, s, sack[i].start) || !IN(p, s, sack[i].end))
			return false;
	return true;
}

static bool options_match(const struct pattern *p, const struct segment *s)
{
	__u8 named = p->low.options;

	if (named & ~s->options || p->absent & s->options)
		return false;
	if (named & OPTION_MSS && !IN(p, s, mss))
		return false;
	if (named & OPTION_WINDOW_SCALE && !IN(p, s, window_scale))
		return false;
	if (named & OPTION_TIMESTAMPS && (!IN(p, s, tsval) || !IN(p, s, tsecr)))
		return false;
	return !(named & OPTION_SACK) || sack_matches(p, s);
}

bool notation_matches(const struct pattern *p, const struct segment *s)
{
	__u8 compared = p->low.flags & PSH ? 0xff : (__u8)~PSH;

	return p->low.flags == (s->flags & compared) && IN(p, s, seq) && IN(p, s, text_length) &&
	       (!(p->named & NAMED_ACK) || IN(p, s, ack)) &&
	       (!(p->named & NAMED_WINDOW) || IN(p, s, wnd)) &&
	       (!(p->named & NAMED_URGENT) || IN(p, s, up)) &&
	       (!(p->named & NAMED_ECN) || IN(p, s, ecn)) && options_match(p, s);
}

struct writer {
	char *buffer;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(w->buffer + w->used, NOTATION_MAX - w->used, format, arguments);
	va_end(arguments);
	w->used += (size_t)n;
	if (w->used > NOTATION_MAX - 1)
		w->used = NOTATION_MAX - 1;
}

static void put_flags(struct writer *w, __u8 flags)
{
	if (!flags)
		put(w, "-");
	for (int bit = 0; bit < 8; bit++) {
		if (flags & ~ACK & 1u << bit)
			put(w, "%c", flag_letters[bit]);
	}
	if (flags & ACK)
		put(w, ".");
}

/* Opens the list before the first option, separates it from the one before. */
static void put_separator(struct writer *w, bool *first)
{
	put(w, "%s", *first ? " <" : ",");
	*first = false;
}

static void put_sack(struct writer *w, const struct segment *s)
{
	put(w, "sack");
	for (int i = 0; i < s->sack_count; i++)
		put(w, " %d:%d", (__s32)s->sack[i].start, (__s32)s->sack[i].end);
}

static void put_option(struct writer *w, const struct segment *s, __u8 option)
{
	if (option == OPTION_MSS)
		put(w, "mss %u", s->mss);
	else if (option == OPTION_WINDOW_SCALE)
		put(w, "ws %u", s->window_scale);
	else if (option == OPTION_SACK_PERMITTED)
		put(w, "sackOK");
	else if (option == OPTION_TIMESTAMPS)
		put(w, "ts %d %d", (__s32)s->tsval, (__s32)s->tsecr);
	else if (option == OPTION_SACK)
		put_sack(w, s);
	else
		put(w, "other");
}

static void put_options(struct writer *w, const struct segment *s)
{
	static const __u8 order[] = {OPTION_MSS,	OPTION_WINDOW_SCALE, OPTION_SACK_PERMITTED,
				     OPTION_TIMESTAMPS, OPTION_SACK,	     OPTION_OTHER};
	bool first = true;

	for (size_t i = 0; i < sizeof(order); i++) {
		if (!(s->options & order[i]))
			continue;
		put_separator(w, &first);
		put_option(w, s, order[i]);
	}
	if (!first)
		put(w, ">");
}

const char *notation_print(char *buffer, const struct segment *s)
{
	struct writer w = {.buffer = buffer};

	put_flags(&w, s->flags);
	put(&w, " %d:%d(%u)", (__s32)s->seq, (__s32)(s->seq + s->text_length), s->text_length);
	if (s->flags & ACK)
		put(&w, " ack %d", (__s32)s->ack);
	put(&w, " win %u", s->wnd);
	if (s->flags & URG)
		put(&w, " urg %u", s->up);
	if (s->ecn)
		put(&w, " ecn %s", codepoints[s->ecn & ECN_MASK]);
	put_options(&w, s);
	return buffer;
}
