/* SPDX-License-Identifier: BSD-2-Clause */
/* What the load generator found, for people or as JSON: rates, round trip times,
 * processor time, every counter. */
#include "xload_run.h"
#include <inttypes.h>

struct figures {
	double seconds;
	uint64_t counter[XLOAD_COUNTER_COUNT];
	uint64_t round_trip[XLOAD_BUCKETS];
	uint64_t samples;
	uint64_t unexpected;
};

static const char *const counter_name[] = {
#define XLOAD_COUNTER(name, text) [XLOAD_##name] = #name,
	XLOAD_COUNTERS(XLOAD_COUNTER)
#undef XLOAD_COUNTER
};

static const char *const counter_text[] = {
#define XLOAD_COUNTER(name, text) [XLOAD_##name] = text,
	XLOAD_COUNTERS(XLOAD_COUNTER)
#undef XLOAD_COUNTER
};

static const double quantile[] = {0, 0.5, 0.9, 0.99, 0.999, 1};
static const char *const quantile_name[] = {"min", "p50", "p90", "p99", "p999", "max"};

enum { QUANTILES = sizeof(quantile) / sizeof(quantile[0]) };

const char *xload_mode_name(enum xload_mode mode)
{
	static const char *const name[] = {
		[XLOAD_ECHO] = "echo",	     [XLOAD_CONNECT] = "connect", [XLOAD_SEND] = "send",
		[XLOAD_RECEIVE] = "receive", [XLOAD_IDLE] = "idle",	  [XLOAD_FLOOD] = "flood",
	};

	return name[mode];
}

/* Counters that should stay zero count from the start, opening included. */
static void figures_from(const struct xload_result *r, struct figures *f)
{
	*f = (struct figures){.seconds = (double)(r->end.at - r->begin.at) / 1e9};
	for (uint32_t i = 0; i < XLOAD_COUNTER_COUNT; i++) {
		f->counter[i] = r->end.counter[i];
		if (i < XLOAD_first_unexpected)
			f->counter[i] -= r->begin.counter[i];
		else
			f->unexpected += f->counter[i];
	}
	for (uint32_t i = 0; i < XLOAD_BUCKETS; i++) {
		f->round_trip[i] = r->end.round_trip[i] - r->begin.round_trip[i];
		f->samples += f->round_trip[i];
	}
}

static uint64_t round_trip_at(const struct figures *f, double share)
{
	uint64_t rank = (uint64_t)(share * (double)(f->samples - 1)), seen = 0;

	for (uint32_t i = 0; i < XLOAD_BUCKETS; i++) {
		seen += f->round_trip[i];
		if (seen > rank)
			return xload_bucket_floor(i);
	}
	return 0;
}

/* What the mode is about, per second. */
static double rate_of(const struct xload_task *t, const struct figures *f)
{
	static const enum xload_counter counted[] = {
		[XLOAD_ECHO] = XLOAD_exchanges,	    [XLOAD_CONNECT] = XLOAD_closed,
		[XLOAD_SEND] = XLOAD_segments_sent, [XLOAD_RECEIVE] = XLOAD_text_received,
		[XLOAD_IDLE] = XLOAD_exchanges,	    [XLOAD_FLOOD] = XLOAD_flood_sent,
	};

	return f->seconds > 0 ? (double)f->counter[counted[t->setup.mode]] / f->seconds : 0;
}

static void report_json(FILE *out, const struct xload_task *t, const struct xload_result *r,
			const struct figures *f)
{
	fprintf(out, "{\"mode\": \"%s\", \"connections\": %u, \"size\": %u,\n",
		xload_mode_name(t->setup.mode), t->setup.slots, t->setup.size);
	fprintf(out, " \"open\": %u, \"active\": %u, \"opened_after\": %.6f,\n", r->open, r->active,
		(double)r->opened_after / 1e9);
	fprintf(out, " \"seconds\": %.6f, \"rate\": %.1f, \"unexpected\": %" PRIu64 ",\n",
		f->seconds, rate_of(t, f), f->unexpected);
	fprintf(out, " \"cpu_machine\": %.3f, \"cpu_ours\": %.3f,\n \"round_trip\": {",
		r->end.cpu.machine - r->begin.cpu.machine, r->end.cpu.ours - r->begin.cpu.ours);
	for (uint32_t i = 0; i < QUANTILES && f->samples; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", quantile_name[i],
			round_trip_at(f, quantile[i]));
	fprintf(out, "},\n \"counters\": {");
	for (uint32_t i = 0; i < XLOAD_COUNTER_COUNT; i++)
		if (i != XLOAD_first_unexpected)
			fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", counter_name[i],
				f->counter[i]);
	fprintf(out, "}}\n");
}

static void report_text(FILE *out, const struct xload_task *t, const struct xload_result *r,
			const struct figures *f)
{
	fprintf(out, "%s: %.0f/s over %.2f s; %u of %u connections open, %u active\n",
		xload_mode_name(t->setup.mode), rate_of(t, f), f->seconds, r->open, t->setup.slots,
		r->active);
	fprintf(out, "CPU: %.2f s of the machine, %.2f s of ours\n",
		r->end.cpu.machine - r->begin.cpu.machine, r->end.cpu.ours - r->begin.cpu.ours);
	if (f->samples)
		fprintf(out, "round trip, us:");
	for (uint32_t i = 0; i < QUANTILES && f->samples; i++)
		fprintf(out, " %s %.1f", quantile_name[i],
			(double)round_trip_at(f, quantile[i]) / 1e3);
	fprintf(out, f->samples ? "\n" : "");
	for (uint32_t i = 0; i < XLOAD_COUNTER_COUNT; i++)
		if (f->counter[i])
			fprintf(out, "%12" PRIu64 "  %s%s\n", f->counter[i], counter_text[i],
				i > XLOAD_first_unexpected ? "  <-- unexpected" : "");
}

void xload_report(FILE *out, const struct xload_task *t, const struct xload_result *r)
{
	struct figures f;

	figures_from(r, &f);
	if (t->json)
		report_json(out, t, r, &f);
	else
		report_text(out, t, r, &f);
}
