/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /traces and GET /ladder/ID: lives of connections, with relative sequence
 * numbers. A trace is copied on its worker's thread, and described here. */
#include "answer.h"
#include "clock.h"
#include "endpoint.h"
#include "tcp/tcp.h"
#include "trace.h"
#include <stdlib.h>
#include <string.h>

/* --- all of them, in short -------------------------------------------------------- */

/* A trace without its segments. */
struct brief {
	uint32_t id;
	struct tuple tuple;
	uint64_t began;
	uint64_t ended;
	uint64_t total;
	uint8_t first_state;
	uint8_t last_state;
};

struct briefs {
	struct brief *of;
	size_t count;
	size_t room;
};

static struct brief brief_of(const struct trace *t)
{
	return (struct brief){
		.id = t->id,
		.tuple = t->tuple,
		.began = t->began,
		.ended = t->ended,
		.total = t->total,
		.first_state = t->first_state,
		.last_state = t->total || t->ended ? t->last_state : t->first_state,
	};
}

static json_t *summary(const struct brief *b, uint64_t now)
{
	uint64_t end = b->ended ? b->ended : now;
	char local[ENDPOINT_TEXT];
	char remote[ENDPOINT_TEXT];

	endpoint_print(&b->tuple.local, b->tuple.local_port, local);
	endpoint_print(&b->tuple.remote, b->tuple.remote_port, remote);
	return json_pack("{s:I, s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:I}", "id", (json_int_t)b->id,
			 "local", local, "remote", remote, "live", !b->ended, "first_state",
			 tcp_state_name(b->first_state), "last_state",
			 tcp_state_name(b->last_state), "total", (json_int_t)b->total, "age_ms",
			 (json_int_t)((now - b->began) / MILLISECOND), "lasted_ms",
			 (json_int_t)((end - b->began) / MILLISECOND));
}

static void copy_one(const struct trace *t, void *argument)
{
	struct briefs *all = argument;

	if (all->count < all->room)
		all->of[all->count++] = brief_of(t);
}

static void copy_worker(struct worker *w, void *argument)
{
	if (worker_traces(w))
		traces_each(worker_traces(w), copy_one, argument);
}

struct answer answer_traces(const struct asked *a)
{
	uint32_t workers = daemon_worker_count(a->daemon);
	struct briefs all = {.room = ((size_t)a->config->traces + 1) * workers};
	json_t *list = json_array();
	uint64_t now;

	all.of = calloc(all.room, sizeof(all.of[0]));
	for (uint32_t i = 0; all.of && i < workers; i++)
		worker_call(daemon_worker(a->daemon, i), copy_worker, &all);
	now = clock_now();
	for (size_t i = 0; i < all.count; i++)
		json_array_append_new(list, summary(&all.of[i], now));
	free(all.of);
	return answer_json(MHD_HTTP_OK, list);
}

/* --- one of them ------------------------------------------------------------------ */

struct wanted {
	uint32_t id;
	bool found;
	struct trace trace;
};

static void find_in_worker(struct worker *w, void *argument)
{
	struct wanted *wanted = argument;
	const struct trace *t = worker_traces(w) ? trace_find(worker_traces(w), wanted->id) : NULL;

	if (!t)
		return;
	wanted->trace = *t;
	wanted->found = true;
}

/* "SYN,ACK" */
static json_t *flags_of(uint8_t flags)
{
	static const char names[8][4] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	static const uint8_t order[8] = {1, 0, 2, 3, 4, 5, 6, 7};
	char text[40] = "";

	for (int i = 0; i < 8; i++) {
		if (!(flags & 1 << order[i]))
			continue;
		if (*text)
			strcat(text, ",");
		strcat(text, names[order[i]]);
	}
	return json_string(text);
}

/* Relative to what the sender of `seq` began with; absolute while unknown. */
static json_int_t relative(const struct trace *t, uint32_t seq, bool ours)
{
	uint8_t known = ours ? TRACE_ISS_KNOWN : TRACE_IRS_KNOWN;

	if (!(t->known & known))
		return seq;
	return (uint32_t)(seq - (ours ? t->iss : t->irs));
}

/* A segment was stamped when it arrived, which is before its connection began. */
static json_int_t since_beginning(const struct trace *t, uint64_t time)
{
	uint64_t origin = t->began;

	if (t->total && t->head[0].time < origin)
		origin = t->head[0].time;
	return (int64_t)(time - origin) / MICROSECOND;
}

static json_t *segment_json(const struct trace *t, uint64_t n)
{
	const struct trace_entry *e = trace_entry_at(t, n);
	bool out = e->how & TRACE_OUT;
	json_t *json =
		json_pack("{s:I, s:I, s:s, s:o, s:I, s:I, s:i, s:s, s:b}", "n", (json_int_t)n,
			  "time_us", since_beginning(t, e->time), "from", out ? "xtcp" : "peer",
			  "flags", flags_of(e->flags), "seq", relative(t, e->seq, out), "length",
			  (json_int_t)e->text_length, "window", e->wnd, "state",
			  tcp_state_name(e->state), "xdp", !!(e->how & TRACE_BY_XDP));

	if (json && e->flags & ACK)
		json_object_set_new(json, "ack", json_integer(relative(t, e->ack, !out)));
	return json;
}

/* CLOSED without a segment: 2 MSL are over, or the user timeout is. */
static bool timer_ended(const struct trace *t)
{
	return t->ended && (!t->total || trace_entry_at(t, t->total - 1)->state != CLOSED);
}

static json_t *timer_json(const struct trace *t)
{
	return json_pack("{s:I, s:I, s:s, s:s, s:s}", "n", (json_int_t)t->total, "time_us",
			 since_beginning(t, t->ended), "from", "timer", "flags", "", "state",
			 tcp_state_name(CLOSED));
}

static json_t *ladder_json(const struct trace *t)
{
	uint64_t left_out = trace_left_out(t);
	const struct brief brief = brief_of(t);
	json_t *json = summary(&brief, clock_now());
	json_t *list = json_array();

	for (uint64_t n = 0; n < t->total; n++) {
		if (n == TRACE_HEAD)
			n += left_out;
		json_array_append_new(list, segment_json(t, n));
	}
	if (timer_ended(t))
		json_array_append_new(list, timer_json(t));
	json_object_set_new(json, "left_out", json_integer((json_int_t)left_out));
	json_object_set_new(json, "left_out_after", json_integer(TRACE_HEAD));
	json_object_set_new(json, "segments", list);
	return json;
}

struct answer answer_ladder(const struct asked *a)
{
	struct wanted *wanted;
	char *end;
	unsigned long id = strtoul(a->rest, &end, 10);
	struct answer answer;

	if (*a->rest < '0' || *a->rest > '9' || *end || id > UINT32_MAX)
		return answer_error(MHD_HTTP_BAD_REQUEST,
				    "'%s' is not the ID of a connection; it is a number", a->rest);
	wanted = calloc(1, sizeof(*wanted));
	if (!wanted)
		return answer_error(MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory");
	wanted->id = (uint32_t)id;
	for (uint32_t i = 0; i < daemon_worker_count(a->daemon) && !wanted->found; i++)
		worker_call(daemon_worker(a->daemon, i), find_in_worker, wanted);
	if (wanted->found)
		answer = answer_json(MHD_HTTP_OK, ladder_json(&wanted->trace));
	else
		answer = answer_error(
			MHD_HTTP_NOT_FOUND,
			"no trace of connection %lu: there is none, or newer ones have "
			"taken its place (the last %u are kept)",
			id, a->config->traces);
	free(wanted);
	return answer;
}
