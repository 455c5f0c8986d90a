/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /connections. A worker is held up only as long as it takes to copy its
 * control blocks; they are turned to JSON one at a time while the answer is sent,
 * so that a table with a million connections costs no million JSON objects. */
#include "answer.h"
#include "clock.h"
#include "endpoint.h"
#include "owner.h"
#include "tcp/tcp.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* connection_view, with a copy of what it points to. */
struct copied {
	struct conn conn;
	const char *service;
	const char *soft_error;
	uint32_t unread;
	uint32_t unsent;
	uint16_t soft_errors;
	uint8_t owner;
	uint8_t worker;
};

struct copies {
	struct copied *of;
	uint32_t count;
	uint32_t room;
	uint8_t worker; /* whose are being copied */
	bool failed;	/* no memory */
	uint64_t now;

	/* While they are sent: the next one, and what is left of its text. */
	uint32_t next;
	char *text;
	size_t text_at;
	size_t text_length;
};

static bool make_room(struct copies *all)
{
	uint32_t room = all->room ? 2 * all->room : 64;
	struct copied *of;

	if (all->count < all->room)
		return true;
	of = realloc(all->of, room * sizeof(*of));
	if (!of) {
		all->failed = true;
		return false;
	}
	all->of = of;
	all->room = room;
	return true;
}

static void copy_one(const struct connection_view *v, void *argument)
{
	struct copies *all = argument;

	if (!make_room(all))
		return;
	all->of[all->count++] = (struct copied){
		.conn = *v->conn,
		.service = v->service,
		.unread = v->unread,
		.unsent = v->unsent,
		.soft_error = v->soft_error,
		.soft_errors = v->soft_errors,
		.owner = v->owner,
		.worker = all->worker,
	};
}

static void copy_worker(struct worker *w, void *argument)
{
	worker_each_connection(w, copy_one, argument);
}

/* --- one connection as JSON ------------------------------------------------------ */

static const char *owner_name(uint8_t owner)
{
	return owner == OWNER_DAEMON ? "daemon" : "xdp";
}

static const char *timer_name(enum tcp_timer timer)
{
	switch (timer) {
	case TIMER_RETRANSMIT: return "retransmit";
	case TIMER_DELAYED_ACK: return "delayed_ack";
	case TIMER_LIFE: return "life";
	default: return "other";
	}
}

static json_t *timers_of(const struct conn *c, uint64_t now)
{
	json_t *timers = json_object();

	for (int i = 0; i < TCP_TIMERS; i++) {
		uint64_t left = c->deadline[i] > now ? c->deadline[i] - now : 0;

		if (c->deadline[i])
			json_object_set_new(timers, timer_name(i),
					    json_integer((json_int_t)(left / MILLISECOND)));
	}
	return timers;
}

static double milliseconds(uint64_t ns)
{
	return (double)(ns / MICROSECOND) / 1000;
}

static json_t *identity(const struct copied *v, uint64_t now)
{
	const struct conn *c = &v->conn;
	char local[ENDPOINT_TEXT];
	char remote[ENDPOINT_TEXT];

	endpoint_print(&c->tuple.local, c->tuple.local_port, local);
	endpoint_print(&c->tuple.remote, c->tuple.remote_port, remote);
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:I, s:I, s:I}", "id",
			 (json_int_t)c->id, "state", tcp_state_name(c->state), "local", local,
			 "remote", remote, "service", v->service ? v->service : "", "owner",
			 owner_name(v->owner), "worker", v->worker, "passive", c->passive, "age_ms",
			 (json_int_t)(c->opened ? (now - c->opened) / MILLISECOND : 0), "unread",
			 (json_int_t)v->unread, "unsent", (json_int_t)v->unsent);
}

static json_t *sending(const struct conn *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:I, s:I}", "snd_una",
			 (json_int_t)c->snd.una, "snd_nxt", (json_int_t)c->snd.nxt, "snd_wnd",
			 (json_int_t)c->snd.wnd, "iss", (json_int_t)c->snd.iss, "rcv_nxt",
			 (json_int_t)c->rcv.nxt, "rcv_wnd", (json_int_t)(c->rcv.edge - c->rcv.nxt),
			 "irs", (json_int_t)c->rcv.irs, "mss", (json_int_t)c->snd.mss,
			 "snd_window_scale", c->snd.window_scale, "rcv_window_scale",
			 c->rcv.window_scale, "bytes_in", (json_int_t)c->bytes_in, "bytes_out",
			 (json_int_t)c->bytes_out);
}

static json_t *measures(const struct conn *c)
{
	return json_pack("{s:f, s:f, s:f, s:i, s:I, s:I, s:I, s:b, s:b, s:b}", "rto_ms",
			 milliseconds(c->rtt.rto), "rtt_ms", milliseconds(c->rtt.srtt), "rttvar_ms",
			 milliseconds(c->rtt.rttvar), "backoff", c->rtt.backoff, "cwnd",
			 (json_int_t)c->cc.cwnd, "ssthresh", (json_int_t)c->cc.ssthresh,
			 "retransmits", (json_int_t)c->rtt.retransmits, "timestamps",
			 !!(c->options & OPTION_TIMESTAMPS), "sack",
			 !!(c->options & OPTION_SACK_PERMITTED), "ecn", tcp_uses_ecn(c));
}

static json_t *account(const struct conn *c)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "hits", (json_int_t)c->hits, "punts",
			 (json_int_t)c->punts, "handed_over", (json_int_t)c->handed_over,
			 "handed_back", (json_int_t)c->handed_back);
}

static json_t *connection_json(const struct copied *v, uint64_t now)
{
	json_t *json = identity(v, now);

	json_object_update_new(json, sending(&v->conn));
	json_object_update_new(json, measures(&v->conn));
	json_object_update_new(json, account(&v->conn));
	json_object_set_new(json, "timers", timers_of(&v->conn, now));
	if (v->soft_error)
		json_object_update_new(json, json_pack("{s:s, s:i}", "soft_error", v->soft_error,
						       "soft_errors", v->soft_errors));
	return json;
}

/* --- sending -------------------------------------------------------------------- */

/* The text of the next element of the array, with what stands before it. */
static bool make_text(struct copies *all)
{
	json_t *json = NULL;
	char *object = NULL;
	int length;

	free(all->text);
	all->text = NULL;
	if (all->next < all->count) {
		json = connection_json(&all->of[all->next], all->now);
		object = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));
		json_decref(json);
		if (!object)
			return false;
	}
	length = asprintf(&all->text, "%s%s%s", !all->next ? "[\n" : "", object ? object : "]\n",
			  object ? all->next + 1 < all->count ? ",\n" : "\n" : "");
	free(object);
	if (length < 0)
		all->text = NULL;
	all->text_at = 0;
	all->text_length = length < 0 ? 0 : (size_t)length;
	all->next++;
	return all->text;
}

static ssize_t send_some(void *argument, uint64_t position, char *into, size_t room)
{
	struct copies *all = argument;
	size_t length;

	(void)position;
	if (all->text_at == all->text_length) {
		if (all->next > all->count)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (!make_text(all))
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	length = all->text_length - all->text_at;
	if (length > room)
		length = room;
	memcpy(into, all->text + all->text_at, length);
	all->text_at += length;
	return (ssize_t)length;
}

static void free_copies(void *argument)
{
	struct copies *all = argument;

	free(all->of);
	free(all->text);
	free(all);
}

struct answer answer_connections(const struct asked *a)
{
	struct answer answer = {MHD_HTTP_OK, NULL};
	struct copies *all = calloc(1, sizeof(*all));

	if (!all)
		return answer;
	for (uint32_t i = 0; i < daemon_worker_count(a->daemon); i++) {
		all->worker = (uint8_t)i;
		worker_call(daemon_worker(a->daemon, i), copy_worker, all);
	}
	all->now = clock_now();
	if (!all->failed)
		answer.response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768,
								    send_some, all, free_copies);
	if (!answer.response)
		free_copies(all);
	else
		MHD_add_response_header(answer.response, MHD_HTTP_HEADER_CONTENT_TYPE,
					"application/json");
	return answer;
}
