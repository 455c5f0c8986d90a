/* SPDX-License-Identifier: BSD-2-Clause */
/* The diagram for a terminal:
 *
 *	                peer                                     xtcp
 *	                 │                                        │  LISTEN
 *	      0.000 ms   ├── SYN  seq 0 ─────────────────────────▶│  SYN_RECEIVED
 *	      0.031 ms   │◀─────────────── SYN,ACK  seq 0  ack 1 ─┤  SYN_RECEIVED
 *
 * A double line is a segment that XDP handled. The state stands out where it
 * changes. */
#include "ladder.h"
#include <string.h>

/* RAIL: the column of the peer's. */
enum { TIME_COLUMNS = 11, RAIL = TIME_COLUMNS + 3, ARROW_COLUMNS = 56 };

struct ink {
	const char *plain;
	const char *dim;
	const char *bold;
	const char *from[3];
	const char *reset; /* of a segment with RST */
};

static const struct ink no_ink = {"", "", "", {"", "", ""}, ""};
static const struct ink ansi_ink = {
	.plain = "\033[0m",
	.dim = "\033[2m",
	.bold = "\033[1m",
	.from = {"\033[36m", "\033[32m", "\033[33m"},
	.reset = "\033[31m",
};

static void repeat(FILE *f, const char *what, int times)
{
	while (times-- > 0)
		fputs(what, f);
}

static const char *ink_of(const struct ladder_step *s, const struct ink *ink)
{
	return strstr(s->flags, "RST") ? ink->reset : ink->from[s->from];
}

/* Label at the sender's end, line to the other one. */
static void print_arrow(const struct ladder_step *s, FILE *f, const struct ink *ink)
{
	const char *line = s->xdp ? "═" : "─";
	char label[LADDER_LABEL];
	int rest;

	ladder_label(s, label);
	rest = ARROW_COLUMNS - 5 - (int)strlen(label);
	fputs(ink_of(s, ink), f);
	if (s->from == FROM_PEER) {
		fprintf(f, "%s%s %s ", s->xdp ? "╞" : "├", line, label);
		repeat(f, line, rest);
		fprintf(f, "%s▶%s│", line, ink->plain);
	} else {
		fprintf(f, "%s│%s◀%s", ink->plain, ink_of(s, ink), line);
		repeat(f, line, rest);
		fprintf(f, " %s %s%s", label, line, s->xdp ? "╡" : "┤");
	}
	fputs(ink->plain, f);
}

static void print_timer(FILE *f, const struct ink *ink)
{
	fputs("│", f);
	repeat(f, " ", ARROW_COLUMNS - 11);
	fprintf(f, "%stime is up%s │", ink->from[FROM_TIMER], ink->plain);
}

static void print_step(const struct ladder_step *s, FILE *f, const struct ink *ink)
{
	char time[LADDER_TIME];

	ladder_time(s->time_us, time);
	fprintf(f, "%s%*s%s   ", ink->dim, TIME_COLUMNS, time, ink->plain);
	if (s->from == FROM_TIMER)
		print_timer(f, ink);
	else
		print_arrow(s, f, ink);
	fprintf(f, "  %s%s%s%s\n", s->changes ? ink->bold : ink->dim, s->state, ink->plain,
		s->xdp ? "  XDP" : "");
}

static void print_rails(FILE *f, const char *text, const char *rail)
{
	int rest = ARROW_COLUMNS - (int)strlen(text);

	fprintf(f, "%*s   %s", TIME_COLUMNS, "", rail);
	repeat(f, " ", rest / 2);
	fputs(text, f);
	repeat(f, " ", rest - rest / 2);
	fputs(rail, f);
}

/* Two words, each in the middle above its rail. */
static void print_above(FILE *f, const char *left, const char *right)
{
	int left_length = (int)strlen(left);
	int left_at = RAIL - left_length / 2;
	int right_at = RAIL + ARROW_COLUMNS + 1 - (int)strlen(right) / 2;
	int gap = right_at - (left_at + left_length);

	fprintf(f, "%*s%s%*s%s\n", left_at, "", left, gap > 1 ? gap : 1, "", right);
}

static void print_head(const struct ladder *l, FILE *f, const struct ink *ink)
{
	fprintf(f, "%sconnection %lld%s: %lld segment%s, %s\n\n", ink->bold, (long long)l->id,
		ink->plain, (long long)l->total, l->total == 1 ? "" : "s",
		l->live ? "still alive" : "ended");
	fputs(ink->bold, f);
	print_above(f, "peer", "xtcp");
	fputs(ink->plain, f);
	print_above(f, l->remote, l->local);
	print_rails(f, "", "│");
	fprintf(f, "  %s%s%s\n", ink->bold, l->first_state, ink->plain);
}

void ladder_print(const struct ladder *l, FILE *f, bool color)
{
	const struct ink *ink = color ? &ansi_ink : &no_ink;
	char text[64];

	print_head(l, f, ink);
	for (size_t i = 0; i < l->count; i++) {
		if (l->left_out && i == l->left_out_after) {
			snprintf(text, sizeof(text), "... %lld segments are left out ...",
				 (long long)l->left_out);
			print_rails(f, text, "┊");
			fputc('\n', f);
		}
		print_step(&l->steps[i], f, ink);
	}
	print_rails(f, "", l->live ? "┊" : "╵");
	fputc('\n', f);
}
