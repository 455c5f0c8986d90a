/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /status and GET /counters: how the daemon is attached, what it serves, how
 * its workers do, and why segments went the way they went. */
#include "answer.h"
#include "service.h"
#include "version.h"
#include <stdio.h>
#include <unistd.h>

static json_t *mac_text(const uint8_t mac[6])
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			    mac[5]);
}

static json_t *device_of(const struct daemon_status *s)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:o, s:s}", "version", XTCP_VERSION,
			 "interface", s->interface, "ifindex", (int)s->ifindex, "driver", s->driver,
			 "pid", (int)getpid(), "mtu", (int)s->mtu, "mac", mac_text(s->mac), "mode",
			 s->mode);
}

static json_t *xdp_of(const struct daemon_status *s)
{
	return json_pack("{s:i, s:i, s:s, s:b, s:s, s:b}", "link_id", (int)s->link_id, "program_id",
			 (int)s->program_id, "bpffs", s->bpffs, "xdp_transmit", s->xdp_transmit,
			 "xdp_transmit_why", s->xdp_transmit_why, "partial_checksum",
			 s->partial_checksum);
}

static json_t *limits_of(const struct daemon_status *s)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "connections_max", (json_int_t)s->connections_max,
			 "half_open_max", (json_int_t)s->half_open_max, "text_pool",
			 (json_int_t)s->text_pool, "ring", (json_int_t)s->ring);
}

static json_t *listener_of(const struct listener_config *l)
{
	json_t *json = json_pack("{s:s, s:s}", "address", l->text, "service", l->service->name);
	json_t *backends;

	if (json && *l->banner)
		json_object_set_new(json, "banner", json_string(l->banner));
	if (!json || !l->backend_count)
		return json;
	backends = json_array();
	for (uint32_t i = 0; i < l->backend_count; i++)
		json_array_append_new(backends, json_string(l->backends[i].text));
	json_object_set_new(json, "backends", backends);
	return json;
}

static json_t *listeners_of(const struct config *config)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < config->listener_count; i++)
		json_array_append_new(list, listener_of(&config->listeners[i]));
	return list;
}

static void take_status(struct worker *w, void *argument)
{
	worker_status(w, argument);
}

static json_t *worker_of(struct worker *w, uint32_t number)
{
	struct worker_status s = {0};
	json_t *json;

	if (worker_call(w, take_status, &s))
		return NULL;
	json = json_pack("{s:I, s:I, s:I, s:I, s:I}", "worker", (json_int_t)number, "connections",
			 (json_int_t)s.connections, "half_open", (json_int_t)s.half_open,
			 "text_used", (json_int_t)s.text_used, "text_total",
			 (json_int_t)s.text_total);
	if (json)
		json_object_update_new(
			json,
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "wakeups",
				  (json_int_t)s.wakeups, "rounds", (json_int_t)s.rounds, "records",
				  (json_int_t)s.records, "sent_carried", (json_int_t)s.sent_carried,
				  "sent_xdp", (json_int_t)s.sent_xdp, "sent_packet",
				  (json_int_t)s.sent_packet, "transmit_small", s.transmit_small,
				  "transmit_bulk", s.transmit_bulk));
	if (json)
		json_object_update_new(json, json_pack("{s:I, s:I, s:I, s:I}", "icmp_too_big",
						       (json_int_t)s.icmp_too_big, "icmp_soft",
						       (json_int_t)s.icmp_soft, "icmp_hard",
						       (json_int_t)s.icmp_hard, "icmp_ignored",
						       (json_int_t)s.icmp_ignored));
	return json;
}

static json_t *workers_of(struct daemon *d)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < daemon_worker_count(d); i++)
		json_array_append_new(list, worker_of(daemon_worker(d, i), i));
	return list;
}

struct answer answer_status(const struct asked *a)
{
	struct daemon_status s = {0};
	json_t *json;

	daemon_status(a->daemon, &s);
	json = device_of(&s);
	json_object_update_new(json, xdp_of(&s));
	json_object_update_new(json, limits_of(&s));
	json_object_set_new(json, "listeners", listeners_of(a->config));
	json_object_set_new(json, "workers", workers_of(a->daemon));
	return answer_json(MHD_HTTP_OK, json);
}

struct answer answer_counters(const struct asked *a)
{
	uint64_t counters[REASON_COUNT] = {0};
	json_t *json = json_object();

	daemon_counters(a->daemon, counters);
	for (int r = 0; r < REASON_COUNT; r++)
		json_object_set_new(json, reason_name(r), json_integer((json_int_t)counters[r]));
	return answer_json(MHD_HTTP_OK, json);
}
