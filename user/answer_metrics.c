/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /metrics: the same numbers as /counters and /status in the text format of
 * Prometheus, version 0.0.4. */
#include "answer.h"
#include "version.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void segments(FILE *f, struct daemon *d)
{
	uint64_t counters[REASON_COUNT] = {0};

	daemon_counters(d, counters);
	head(f, "xtcp_segments_total", "counter", "Frames seen, by what became of them.");
	for (int r = 0; r < REASON_COUNT; r++)
		fprintf(f, "xtcp_segments_total{reason=\"%s\"} %llu\n", reason_name(r),
			(unsigned long long)counters[r]);
}

/* One gauge or counter of every worker. */
struct series {
	const char *name;
	const char *type;
	const char *help;
	size_t offset; /* into struct worker_status */
	bool wide;     /* 64 bits */
};

#define NARROW(field, name, type, help)                                                            \
	{                                                                                          \
		name, type, help, offsetof(struct worker_status, field), false                     \
	}
#define WIDE(field, name, type, help)                                                              \
	{                                                                                          \
		name, type, help, offsetof(struct worker_status, field), true                      \
	}

static const struct series all_series[] = {
	NARROW(connections, "xtcp_connections", "gauge", "Connections that live."),
	NARROW(half_open, "xtcp_half_open", "gauge", "Connections in SYN_RECEIVED."),
	WIDE(text_used, "xtcp_text_used_bytes", "gauge", "Text pool in use."),
	WIDE(text_total, "xtcp_text_bytes", "gauge", "Text pool in all."),
	WIDE(wakeups, "xtcp_wakeups_total", "counter", "Times a worker slept and was woken."),
	WIDE(rounds, "xtcp_rounds_total", "counter", "Rounds of a worker's loop."),
	WIDE(records, "xtcp_records_total", "counter", "Ring records consumed."),
	WIDE(sent_carried, "xtcp_sent_carried_total", "counter",
	     "Segments sent on frames that XDP had consumed."),
	WIDE(sent_xdp, "xtcp_sent_xdp_total", "counter", "Segments sent by AF_XDP."),
	WIDE(sent_packet, "xtcp_sent_packet_total", "counter", "Frames sent by AF_PACKET."),
	WIDE(icmp_too_big, "xtcp_icmp_too_big_total", "counter", "ICMP: packet too big."),
	WIDE(icmp_soft, "xtcp_icmp_soft_total", "counter", "ICMP errors noted as soft ones."),
	WIDE(icmp_hard, "xtcp_icmp_hard_total", "counter", "ICMP errors that ended an opening."),
	WIDE(icmp_ignored, "xtcp_icmp_ignored_total", "counter", "ICMP errors not believed."),
};

static unsigned long long value_of(const struct series *s, const struct worker_status *status)
{
	const char *field = (const char *)status + s->offset;

	return s->wide ? *(const uint64_t *)field : *(const uint32_t *)field;
}

static void take_status(struct worker *w, void *argument)
{
	worker_status(w, argument);
}

static void workers(FILE *f, struct daemon *d)
{
	uint32_t count = daemon_worker_count(d);
	struct worker_status *status = calloc(count ? count : 1, sizeof(*status));

	if (!status)
		return;
	for (uint32_t i = 0; i < count; i++)
		worker_call(daemon_worker(d, i), take_status, &status[i]);
	for (size_t n = 0; n < sizeof(all_series) / sizeof(all_series[0]); n++) {
		const struct series *s = &all_series[n];

		head(f, s->name, s->type, s->help);
		for (uint32_t i = 0; i < count; i++)
			fprintf(f, "%s{worker=\"%u\"} %llu\n", s->name, i, value_of(s, &status[i]));
	}
	free(status);
}

static void about(FILE *f, struct daemon *d)
{
	struct daemon_status s = {0};

	daemon_status(d, &s);
	head(f, "xtcp_info", "gauge", "What runs, and how it is attached.");
	fprintf(f, "xtcp_info{version=\"%s\",interface=\"%s\",driver=\"%s\",mode=\"%s\"} 1\n",
		XTCP_VERSION, s.interface, s.driver, s.mode);
}

struct answer answer_metrics(const struct asked *a)
{
	char *text = NULL;
	size_t length = 0;
	FILE *f = open_memstream(&text, &length);

	if (!f)
		return (struct answer){MHD_HTTP_INTERNAL_SERVER_ERROR, NULL};
	about(f, a->daemon);
	segments(f, a->daemon);
	workers(f, a->daemon);
	fclose(f);
	return answer_text(text, length, "text/plain; version=0.0.4");
}
