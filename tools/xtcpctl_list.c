/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections and traces for people; connections as `ss -tin` shows them. */
#include "xtcpctl.h"
#include <string.h>

enum { STATE = 12, QUEUE = 8, LEAST_ADDRESS = 22 };

/* --- members ------------------------------------------------------------------------- */

const char *member_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t member_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double member_real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

bool member_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *bytes_text(json_int_t bytes, char text[BYTES_TEXT])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	int unit = -1;

	for (; value >= 1024 && unit < 3; unit++)
		value /= 1024;
	if (unit < 0)
		snprintf(text, BYTES_TEXT, "%lld B", (long long)bytes);
	else
		snprintf(text, BYTES_TEXT, "%.*f %s", value < 100, value, units[unit]);
	return text;
}

const char *duration_text(json_int_t ms, char text[BYTES_TEXT])
{
	if (ms < 1000)
		snprintf(text, BYTES_TEXT, "%lld ms", (long long)ms);
	else if (ms < 60000)
		snprintf(text, BYTES_TEXT, "%.1f s", (double)ms / 1000);
	else if (ms < 3600000)
		snprintf(text, BYTES_TEXT, "%lldm%02llds", (long long)ms / 60000,
			 (long long)ms / 1000 % 60);
	else
		snprintf(text, BYTES_TEXT, "%lldh%02lldm", (long long)ms / 3600000,
			 (long long)ms / 60000 % 60);
	return text;
}

/* --- connections ----------------------------------------------------------------------- */

static int widest(const json_t *list, const char *key)
{
	size_t most = LEAST_ADDRESS;
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one) {
		size_t length = strlen(member_text(one, key));

		if (length > most)
			most = length;
	}
	return (int)most;
}

static void show_timers(const json_t *c, FILE *f)
{
	json_t *timers = json_object_get(c, "timers");
	char text[BYTES_TEXT];
	const char *name;
	json_t *left;

	json_object_foreach(timers, name, left) {
		fprintf(f, " timer:(%s,%s)", name, duration_text(json_integer_value(left), text));
	}
}

/* The second line: ss's names and order where ss has the same. */
static void show_inside(const json_t *c, FILE *f)
{
	json_int_t ssthresh = member_number(c, "ssthresh");

	fprintf(f, "\t%s%s%swscale:%lld,%lld rto:%.0f", member_flag(c, "timestamps") ? "ts " : "",
		member_flag(c, "sack") ? "sack " : "", member_flag(c, "ecn") ? "ecn " : "",
		(long long)member_number(c, "snd_window_scale"),
		(long long)member_number(c, "rcv_window_scale"), member_real(c, "rto_ms"));
	if (member_number(c, "backoff"))
		fprintf(f, " backoff:%lld", (long long)member_number(c, "backoff"));
	if (member_real(c, "rtt_ms") > 0)
		fprintf(f, " rtt:%.3f/%.3f", member_real(c, "rtt_ms"), member_real(c, "rttvar_ms"));
	fprintf(f, " mss:%lld cwnd:%lld", (long long)member_number(c, "mss"),
		(long long)member_number(c, "cwnd"));
	if (ssthresh && ssthresh < 1 << 30)
		fprintf(f, " ssthresh:%lld", (long long)ssthresh);
	fprintf(f, " snd_wnd:%lld rcv_wnd:%lld bytes_acked:%lld bytes_received:%lld",
		(long long)member_number(c, "snd_wnd"), (long long)member_number(c, "rcv_wnd"),
		(long long)member_number(c, "bytes_out"), (long long)member_number(c, "bytes_in"));
	if (member_number(c, "retransmits"))
		fprintf(f, " retrans:%lld", (long long)member_number(c, "retransmits"));
	fputc('\n', f);
}

static void show_account(const json_t *c, FILE *f)
{
	char text[BYTES_TEXT];

	fprintf(f, "\thits:%lld punts:%lld handed_over:%lld handed_back:%lld age:%s",
		(long long)member_number(c, "hits"), (long long)member_number(c, "punts"),
		(long long)member_number(c, "handed_over"),
		(long long)member_number(c, "handed_back"),
		duration_text(member_number(c, "age_ms"), text));
	if (member_number(c, "soft_errors"))
		fprintf(f, " icmp:%lld (%s)", (long long)member_number(c, "soft_errors"),
			member_text(c, "soft_error"));
	show_timers(c, f);
	fputc('\n', f);
}

void show_connections(const json_t *answer, FILE *f)
{
	int local = widest(answer, "local");
	int remote = widest(answer, "remote");
	size_t i;
	json_t *c;

	fprintf(f, "%-*s %*s %*s  %-*s  %-*s  %-6s  %-8s  %s\n", STATE, "State", QUEUE, "Recv-Q",
		QUEUE, "Send-Q", local, "Local Address:Port", remote, "Peer Address:Port", "Owner",
		"Service", "ID");
	json_array_foreach(answer, i, c) {
		fprintf(f, "%-*s %*lld %*lld  %-*s  %-*s  %-6s  %-8s  %lld\n", STATE,
			member_text(c, "state"), QUEUE, (long long)member_number(c, "unread"),
			QUEUE, (long long)member_number(c, "unsent"), local,
			member_text(c, "local"), remote, member_text(c, "remote"),
			member_text(c, "owner"), member_text(c, "service"),
			(long long)member_number(c, "id"));
		show_inside(c, f);
		show_account(c, f);
	}
}

/* --- traces ------------------------------------------------------------------------------ */

void show_traces(const json_t *answer, FILE *f)
{
	int local = widest(answer, "local");
	int remote = widest(answer, "remote");
	char began[BYTES_TEXT];
	char lasted[BYTES_TEXT];
	size_t i;
	json_t *t;

	fprintf(f, "%8s  %-*s  %-*s  %9s  %-12s  %10s  %10s\n", "ID", local, "Local Address:Port",
		remote, "Peer Address:Port", "Segments", "State", "Began ago", "Lasted");
	json_array_foreach(answer, i, t) {
		fprintf(f, "%8lld  %-*s  %-*s  %9lld  %-12s  %10s  %10s\n",
			(long long)member_number(t, "id"), local, member_text(t, "local"), remote,
			member_text(t, "remote"), (long long)member_number(t, "total"),
			member_text(t, "last_state"),
			duration_text(member_number(t, "age_ms"), began),
			duration_text(member_number(t, "lasted_ms"), lasted));
	}
}
