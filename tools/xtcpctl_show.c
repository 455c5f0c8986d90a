/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters and status for people. */
#include "xtcpctl.h"
#include "reason.h"
#include <string.h>

/* --- counters ---------------------------------------------------------------------------- */

struct row {
	const char *name;
	const char *meaning;
};

static const struct row rows[REASON_COUNT] = {
#define X(reason, text, what) [REASON_##reason] = {text, what},
	XTCP_REASONS(X)
#undef X
};

static json_int_t sum_of(const json_t *counters, const char *kind)
{
	json_int_t sum = 0;

	for (int r = 0; r < REASON_COUNT; r++)
		if (!strncmp(rows[r].name, kind, strlen(kind)))
			sum += member_number(counters, rows[r].name);
	return sum;
}

static void show_kind(const json_t *counters, const char *kind, const char *title, FILE *f)
{
	fprintf(f, "%-22s %14lld  %s\n", kind, (long long)sum_of(counters, kind), title);
	for (int r = 0; r < REASON_COUNT; r++)
		if (!strncmp(rows[r].name, kind, strlen(kind)))
			fprintf(f, "  %-20s %14lld  %s\n", rows[r].name,
				(long long)member_number(counters, rows[r].name), rows[r].meaning);
}

void show_counters(const json_t *answer, FILE *f)
{
	json_int_t hits = sum_of(answer, "hit_");
	json_int_t punts = sum_of(answer, "punt_");

	show_kind(answer, "hit_", "handled by XDP, without the daemon", f);
	show_kind(answer, "punt_", "handed to the daemon", f);
	show_kind(answer, "drop_", "dropped, by XDP or by the daemon after a punt", f);
	show_kind(answer, "pass_", "not ours, passed to the kernel", f);
	if (hits + punts)
		fprintf(f, "\nof our segments, XDP handled %.2f %% alone\n",
			100 * (double)hits / (double)(hits + punts));
}

/* --- status -------------------------------------------------------------------------------- */

static void show_attachment(const json_t *s, FILE *f)
{
	fprintf(f, "xtcpd %s, process %lld\n", member_text(s, "version"),
		(long long)member_number(s, "pid"));
	fprintf(f, "interface   %s (%s, index %lld, mtu %lld, %s)\n", member_text(s, "interface"),
		member_text(s, "driver"), (long long)member_number(s, "ifindex"),
		(long long)member_number(s, "mtu"), member_text(s, "mac"));
	fprintf(f, "XDP         %s mode, program %lld, link %lld, pinned below %s\n",
		member_text(s, "mode"), (long long)member_number(s, "program_id"),
		(long long)member_number(s, "link_id"), member_text(s, "bpffs"));
	fprintf(f, "XDP_TX      %s: %s\n", member_flag(s, "xdp_transmit") ? "used" : "not used",
		member_text(s, "xdp_transmit_why"));
	fprintf(f, "checksums   of the peer: %s\n",
		member_flag(s, "partial_checksum")
			? "complete, or partial (offload of the other end)"
			: "complete");
}

static void show_limits(const json_t *s, FILE *f)
{
	char pool[BYTES_TEXT];
	char ring[BYTES_TEXT];

	fprintf(f, "limits      %lld connections, %lld half open, %s of text, ring of %s\n",
		(long long)member_number(s, "connections_max"),
		(long long)member_number(s, "half_open_max"),
		bytes_text(member_number(s, "text_pool"), pool),
		bytes_text(member_number(s, "ring"), ring));
}

static void show_listeners(const json_t *s, FILE *f)
{
	size_t i;
	size_t j;
	json_t *l;
	json_t *backend;

	json_array_foreach(json_object_get(s, "listeners"), i, l) {
		fprintf(f, "listener    %s %s", member_text(l, "address"),
			member_text(l, "service"));
		json_array_foreach(json_object_get(l, "backends"), j, backend) {
			fprintf(f, "%s%s", j ? ", " : " to ", json_string_value(backend));
		}
		fputc('\n', f);
	}
}

static void show_worker(const json_t *w, FILE *f)
{
	char used[BYTES_TEXT];
	char total[BYTES_TEXT];

	fprintf(f, "worker %-4lld %lld connections (%lld half open), text %s of %s\n",
		(long long)member_number(w, "worker"), (long long)member_number(w, "connections"),
		(long long)member_number(w, "half_open"),
		bytes_text(member_number(w, "text_used"), used),
		bytes_text(member_number(w, "text_total"), total));
	fprintf(f, "            sends small segments by %s; bulk by %s\n",
		member_text(w, "transmit_small"), member_text(w, "transmit_bulk"));
	fprintf(f, "            sent: %lld on carrier frames, %lld by AF_XDP, %lld by AF_PACKET\n",
		(long long)member_number(w, "sent_carried"),
		(long long)member_number(w, "sent_xdp"),
		(long long)member_number(w, "sent_packet"));
	fprintf(f, "            %lld records in %lld rounds, woken %lld times\n",
		(long long)member_number(w, "records"), (long long)member_number(w, "rounds"),
		(long long)member_number(w, "wakeups"));
	fprintf(f, "            ICMP: %lld too big, %lld soft, %lld hard, %lld ignored\n",
		(long long)member_number(w, "icmp_too_big"),
		(long long)member_number(w, "icmp_soft"), (long long)member_number(w, "icmp_hard"),
		(long long)member_number(w, "icmp_ignored"));
}

void show_status(const json_t *answer, FILE *f)
{
	size_t i;
	json_t *w;

	show_attachment(answer, f);
	show_limits(answer, f);
	show_listeners(answer, f);
	json_array_foreach(json_object_get(answer, "workers"), i, w) {
		show_worker(w, f);
	}
}
