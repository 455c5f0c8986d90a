/* SPDX-License-Identifier: BSD-2-Clause */
#include "notation.h"
#include <stdarg.h>
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

static bool take_number(const char **at, __u32 *number)
{
	char *end;

	*number = (__u32)strtoll(*at, &end, 10);
	if (end == *at)
		return false;
	*at = end;
	return true;
}

static bool take_flags(const char **at, struct segment *s)
{
	skip_blanks(at);
	if (take(at, "-"))
		return true;
	for (; **at && **at != ' '; (*at)++) {
		const char *letter = strchr(flag_letters, **at);

		if (!letter)
			return false;
		s->flags |= 1u << (letter - flag_letters);
	}
	return s->flags != 0;
}

static bool take_range(const char **at, struct segment *s)
{
	__u32 end;

	skip_blanks(at);
	return take_number(at, &s->seq) && take(at, ":") && take_number(at, &end) &&
	       take(at, "(") && take_number(at, &s->text_length) && take(at, ")") &&
	       end == s->seq + s->text_length;
}

static bool take_sack(const char **at, struct segment *s)
{
	s->options |= OPTION_SACK;
	while (s->sack_count < SACK_BLOCKS_MAX) {
		struct sack_block *b = &s->sack[s->sack_count];

		skip_blanks(at);
		if (!take_number(at, &b->start))
			return s->sack_count > 0;
		if (!take(at, ":") || !take_number(at, &b->end))
			return false;
		s->sack_count++;
	}
	return true;
}

static bool take_option(const char **at, struct segment *s)
{
	__u32 number;

	skip_blanks(at);
	if (take(at, "mss ")) {
		s->options |= OPTION_MSS;
		return take_number(at, &number) && (s->mss = (__u16)number, true);
	}
	if (take(at, "ws ")) {
		s->options |= OPTION_WINDOW_SCALE;
		return take_number(at, &number) && (s->window_scale = (__u8)number, true);
	}
	if (take(at, "sackOK")) {
		s->options |= OPTION_SACK_PERMITTED;
		return true;
	}
	if (take(at, "ts ")) {
		s->options |= OPTION_TIMESTAMPS;
		return take_number(at, &s->tsval) && take_number(at, &s->tsecr);
	}
	if (take(at, "other")) {
		s->options |= OPTION_OTHER;
		return true;
	}
	return take(at, "sack") && take_sack(at, s);
}

static bool take_options(const char **at, struct segment *s)
{
	do {
		if (!take_option(at, s))
			return false;
		skip_blanks(at);
	} while (take(at, ","));
	return take(at, ">");
}

static bool take_part(const char **at, struct segment *s, unsigned int *named)
{
	__u32 number;

	if (take(at, "ack ")) {
		*named |= NAMED_ACK;
		return take_number(at, &s->ack);
	}
	if (take(at, "win ")) {
		*named |= NAMED_WINDOW;
		return take_number(at, &number) && (s->wnd = (__u16)number, true);
	}
	if (take(at, "urg ")) {
		*named |= NAMED_URGENT;
		return take_number(at, &number) && (s->up = (__u16)number, true);
	}
	return take(at, "<") && take_options(at, s);
}

bool notation_parse(const char *text, struct segment *s, unsigned int *named)
{
	*s = (struct segment){0};
	*named = 0;
	if (!take_flags(&text, s) || !take_range(&text, s))
		return false;
	for (skip_blanks(&text); *text; skip_blanks(&text)) {
		if (!take_part(&text, s, named))
			return false;
	}
	return true;
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
	put_options(&w, s);
	return buffer;
}
