/* SPDX-License-Identifier: BSD-2-Clause */
/* The diagram as a picture: one self-contained SVG without scripts, fonts or
 * references. A segment is a diagonal arrow with its label along it; on the right
 * stands a band for as long as our state lasts, from the moment of the segment
 * that brought it about. */
#include "ladder.h"
#include <string.h>

enum {
	WIDTH = 1040,
	TOP = 172,   /* of the lifelines */
	LEFT = 150,  /* the peer's */
	RIGHT = 730, /* ours */
	STEP = 40,   /* from one segment to the next */
	SLANT = 20,  /* how far an arrow falls on its way */
	PAUSE = 18,  /* more, where a long time passes */
	GAP = 64,    /* for what is left out */
	BAND = 760,  /* left edge of the bands */
	BAND_WIDTH = 230,
	BOTTOM = 84,
};

/* A pause of at least this many times the usual one is shown by more room. */
static const double long_pause_us = 100e3;

struct pen {
	FILE *f;
	double y;	   /* of the next step */
	double before_us;  /* time of the step before */
	const char *state; /* that lasts */
	double state_from; /* y where it began */
};

static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': fputs("&amp;", f); break;
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '"': fputs("&quot;", f); break;
		default: fputc((unsigned char)*text < ' ' ? '?' : *text, f);
		}
}

static void put_text(FILE *f, double x, double y, const char *class, const char *text)
{
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	put_escaped(f, text);
	fputs("</text>\n", f);
}

/* --- colours of states: opening, open, closing, over -------------------------------- */

static const char *state_class(const char *state)
{
	static const struct {
		const char *state;
		const char *class;
	} classes[] = {
		{"CLOSED", "over"},	     {"LISTEN", "over"},      {"SYN_SENT", "opening"},
		{"SYN_RECEIVED", "opening"}, {"ESTABLISHED", "open"}, {"TIME_WAIT", "waiting"},
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!strcmp(classes[i].state, state))
			return classes[i].class;
	return "closing";
}

static void put_style(FILE *f)
{
	fputs("<style>\n"
	      "text{font-family:Inter,'Segoe UI','Helvetica Neue','DejaVu Sans',sans-serif;"
	      "fill:#1f2933}\n"
	      ".title{font-size:22px;font-weight:600}\n"
	      ".subtitle{font-size:13px;fill:#616e7c}\n"
	      ".head{font-size:15px;font-weight:600;text-anchor:middle;fill:#fff}\n"
	      ".address{font-size:12px;text-anchor:middle;fill:#52606d;"
	      "font-family:'DejaVu Sans Mono','Consolas',monospace}\n"
	      ".time{font-size:11px;text-anchor:end;fill:#7b8794;"
	      "font-family:'DejaVu Sans Mono','Consolas',monospace}\n"
	      ".label{font-size:12px;text-anchor:middle;"
	      "font-family:'DejaVu Sans Mono','Consolas',monospace}\n"
	      ".note{font-size:12px;text-anchor:middle;fill:#7b8794;font-style:italic}\n"
	      ".legend{font-size:12px;fill:#52606d}\n"
	      ".state{font-size:13px;font-weight:600;text-anchor:middle}\n"
	      ".rail{stroke:#9aa5b1;stroke-width:2}\n"
	      ".peer{stroke:#2680c2;fill:#2680c2}.xtcp{stroke:#0f8a6d;fill:#0f8a6d}\n"
	      ".reset{stroke:#d64545;fill:#d64545}\n"
	      ".timer{stroke:#8d5bc1;fill:#8d5bc1}\n"
	      ".line{stroke-width:1.8;fill:none}.line.xdp{stroke-width:4}\n"
	      ".badge{font-size:10px;font-weight:700;fill:#fff;text-anchor:middle}\n"
	      ".opening{fill:#fcefc7;stroke:#e3b341}.open{fill:#d3f2e3;stroke:#4fb286}\n"
	      ".closing{fill:#fde0d0;stroke:#e98b57}.waiting{fill:#e9ddf8;stroke:#a987d6}\n"
	      ".over{fill:#eef1f4;stroke:#b8c2cc}\n"
	      "</style>\n",
	      f);
}

/* --- parts -------------------------------------------------------------------------- */

static double step_height(const struct ladder_step *s, double before_us)
{
	return STEP + (s->time_us - before_us > long_pause_us ? PAUSE : 0);
}

static double whole_height(const struct ladder *l)
{
	double height = TOP + STEP + BOTTOM;
	double before_us = 0;

	for (size_t i = 0; i < l->count; i++) {
		height += step_height(&l->steps[i], before_us);
		before_us = l->steps[i].time_us;
	}
	return height + (l->left_out ? GAP : 0);
}

static void put_head(FILE *f, double x, const char *name, const char *class, const char *address)
{
	fprintf(f,
		"<rect x=\"%.1f\" y=\"96\" width=\"120\" height=\"30\" rx=\"15\" class=\"%s\"/>\n",
		x - 60, class);
	put_text(f, x, 116, "head", name);
	put_text(f, x, 146, "address", address);
}

static void put_title(const struct ladder *l, FILE *f)
{
	char text[160];

	snprintf(text, sizeof(text), "Connection %lld", (long long)l->id);
	put_text(f, 32, 44, "title", text);
	snprintf(text, sizeof(text),
		 "%lld segment%s, %s; sequence numbers are relative to each "
		 "side's first",
		 (long long)l->total, l->total == 1 ? "" : "s", l->live ? "still alive" : "ended");
	put_text(f, 32, 66, "subtitle", text);
}

static void put_rails(FILE *f, double bottom)
{
	for (int i = 0; i < 2; i++)
		fprintf(f, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%.1f\" class=\"rail\"/>\n",
			i ? RIGHT : LEFT, TOP - 16, i ? RIGHT : LEFT, bottom);
}

/* The band of the state that ends at y. */
static void put_band(struct pen *p, double y)
{
	double height = y - p->state_from - 3;
	const char *class = state_class(p->state);

	if (height < 14)
		height = 14;
	fprintf(p->f,
		"<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"6\" class=\"%s\"/>\n",
		BAND, p->state_from, BAND_WIDTH, height, class);
	put_text(p->f, BAND + BAND_WIDTH / 2.0, p->state_from + height / 2 + 4.6, "state",
		 p->state);
}

static void change_state(struct pen *p, const char *state, double y)
{
	put_band(p, y);
	p->state = state;
	p->state_from = y;
}

static void put_point(FILE *f, double x, double y, double angle, const char *class)
{
	fprintf(f,
		"<path d=\"M0 0L-11 -4.6L-11 4.6Z\" transform=\"translate(%.1f %.1f) "
		"rotate(%.2f)\" "
		"class=\"%s\" stroke=\"none\"/>\n",
		x, y, angle, class);
}

static void put_badge(FILE *f, double x, double y)
{
	fprintf(f,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"34\" height=\"16\" rx=\"8\" "
		"fill=\"#e07a00\"/>\n",
		x - 17, y - 8);
	put_text(f, x, y + 3.8, "badge", "XDP");
}

/* Its first word, the flags, stands out. */
static void put_label(FILE *f, double y, const char *label)
{
	char flags[LADDER_LABEL];
	size_t length = strcspn(label, " ");

	snprintf(flags, sizeof(flags), "%.*s", (int)length, label);
	fprintf(f, "<text y=\"%.1f\" class=\"label\"><tspan font-weight=\"700\">", y);
	put_escaped(f, flags);
	fputs("</tspan>", f);
	put_escaped(f, label + length);
	fputs("</text>", f);
}

static void put_arrow(struct pen *p, const struct ladder_step *s)
{
	bool out = s->from == FROM_XTCP;
	double x1 = out ? RIGHT : LEFT;
	double x2 = out ? LEFT : RIGHT;
	double tilt =
		SLANT * 57.296 / (RIGHT - LEFT); /* degrees: so small an angle is its tangent */
	const char *class = strstr(s->flags, "RST") ? "reset" : out ? "xtcp" : "peer";
	double back = 9 * (out ? -1 : 1); /* the line ends inside of its point */
	char label[LADDER_LABEL];

	fprintf(p->f,
		"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s line%s\"/>\n", x1,
		p->y, x2 - back, p->y + SLANT - 0.3, class, s->xdp ? " xdp" : "");
	put_point(p->f, x2, p->y + SLANT, out ? 180 - tilt : tilt, class);
	ladder_label(s, label);
	fprintf(p->f, "<g transform=\"translate(%.1f %.1f) rotate(%.2f)\">", (x1 + x2) / 2,
		p->y + SLANT / 2.0, out ? -tilt : tilt);
	put_label(p->f, s->xdp ? -6.5 : -5.5, label);
	fputs("</g>\n", p->f);
	if (s->xdp)
		put_badge(p->f, RIGHT, out ? p->y : p->y + SLANT);
}

static void put_timer(struct pen *p)
{
	double y = p->y + SLANT;

	fprintf(p->f, "<circle cx=\"%d\" cy=\"%.1f\" r=\"6\" class=\"timer\"/>\n", RIGHT, y);
	fprintf(p->f,
		"<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" class=\"timer line\" "
		"stroke-dasharray=\"3 4\"/>\n",
		RIGHT - 92, y, RIGHT - 10, y);
	put_text(p->f, RIGHT - 140, y + 4, "note", "time is up");
}

static void put_gap(struct pen *p, const struct ladder *l)
{
	char text[64];

	for (int i = 0; i < 2; i++) {
		int x = i ? RIGHT : LEFT;

		fprintf(p->f,
			"<rect x=\"%d\" y=\"%.1f\" width=\"8\" height=\"%d\" fill=\"#fff\"/>\n",
			x - 4, p->y + 2, GAP - 22);
		fprintf(p->f,
			"<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" class=\"rail\" "
			"stroke-dasharray=\"2 6\"/>\n",
			x, p->y + 4, x, p->y + GAP - 20);
	}
	snprintf(text, sizeof(text), "… %lld segments are left out …", (long long)l->left_out);
	put_text(p->f, (LEFT + RIGHT) / 2.0, p->y + GAP / 2.0 - 4, "note", text);
	p->y += GAP;
}

static void put_step(struct pen *p, const struct ladder_step *s)
{
	double arrives = s->from == FROM_XTCP ? p->y : p->y + SLANT;
	char time[LADDER_TIME];

	p->y += step_height(s, p->before_us) - STEP;
	arrives += step_height(s, p->before_us) - STEP;
	p->before_us = s->time_us;
	ladder_time(s->time_us, time);
	put_text(p->f, LEFT - 22, (s->from == FROM_TIMER ? arrives : p->y) + 4, "time", time);
	if (s->from == FROM_TIMER)
		put_timer(p);
	else
		put_arrow(p, s);
	if (s->changes)
		change_state(p, s->state, arrives);
	p->y += STEP;
}

static void put_legend(FILE *f, double y)
{
	fprintf(f, "<line x1=\"150\" y1=\"%.1f\" x2=\"190\" y2=\"%.1f\" class=\"peer line\"/>\n", y,
		y);
	put_text(f, 198, y + 4, "legend", "from the peer");
	fprintf(f, "<line x1=\"310\" y1=\"%.1f\" x2=\"350\" y2=\"%.1f\" class=\"xtcp line\"/>\n", y,
		y);
	put_text(f, 358, y + 4, "legend", "from xtcp");
	put_badge(f, 462, y);
	put_text(f, 486, y + 4, "legend", "handled by XDP, without the daemon");
}

void ladder_draw(const struct ladder *l, FILE *f)
{
	double height = whole_height(l);
	double bottom = height - BOTTOM + 10;
	struct pen p = {
		.f = f, .y = TOP + STEP / 2.0, .state = l->first_state, .state_from = TOP - 16};

	fprintf(f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		"viewBox=\"0 0 %d %.0f\">\n",
		WIDTH, height, WIDTH, height);
	put_style(f);
	fprintf(f, "<rect width=\"%d\" height=\"%.0f\" fill=\"#fff\"/>\n", WIDTH, height);
	put_title(l, f);
	put_rails(f, bottom);
	put_head(f, LEFT, "peer", "peer", l->remote);
	put_head(f, RIGHT, "xtcp", "xtcp", l->local);
	for (size_t i = 0; i < l->count; i++) {
		if (l->left_out && i == l->left_out_after)
			put_gap(&p, l);
		put_step(&p, &l->steps[i]);
	}
	put_band(&p, bottom);
	put_legend(f, height - 34);
	fputs("</svg>\n", f);
}
