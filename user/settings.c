/* SPDX-License-Identifier: BSD-2-Clause */
/* See settings.h. */
#include "settings.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const modes[] = {"auto", "native", "generic", NULL};
static const char *const transmits[] = {"auto", "packet", "xdp", NULL};
static const char *const congestions[] = {"newreno", "cubic", NULL};

#define FIELD(field, what) .name = #field, .kind = what, .offset = offsetof(struct config, field)
#define TEXT(field)                                                                                \
	FIELD(field, SETTING_TEXT), .least = 1, .most = sizeof(((struct config *)0)->field) - 1
#define NUMBER(field, from, to, unless_given)                                                      \
	FIELD(field, SETTING_NUMBER), .argument = "N", .least = from, .most = to,                  \
				      .initial = unless_given
#define FLAG(field, unless_given)                                                                  \
	FIELD(field, SETTING_FLAG), .argument = "yes|no", .initial = unless_given
#define CHOICE(field, of) FIELD(field, SETTING_CHOICE), .choices = of
#define CHOICE_BUT(field, of, unless_given) CHOICE(field, of), .initial = unless_given

const struct setting settings[SETTINGS] = {
	{TEXT(interface), .argument = "NAME", .help = "the network interface to attach to"},
	{TEXT(bpffs), .argument = "DIR", .initial_text = "/sys/fs/bpf/xtcp",
	 .help = "where maps and link are pinned"},
	{TEXT(control), .argument = "PATH", .initial_text = "/run/xtcp/control.sock",
	 .help = "Unix socket for xtcpctl"},
	{NUMBER(connections, 1, 1 << 20, 65536), .help = "most connections at a time"},
	{NUMBER(half_open, 1, 1 << 20, 4096), .help = "most connections in SYN_RECEIVED at a time"},
	{NUMBER(workers, 0, 64, 0), .help = "worker threads; 0: one per receive queue"},
	{FLAG(pin_workers, false), .help = "the nth worker stays on the nth CPU that it may use"},
	{NUMBER(text_pool_mib, 1, 1 << 16, 256),
	 .help = "MiB of text buffered in all; a hard limit"},
	{NUMBER(ring_mib, 1, 1024, 16), .power_of_two = true,
	 .help = "MiB of each worker's ring; a power of two"},
	{NUMBER(send_buffer_kib, 4, 1 << 18, 1024),
	 .help = "KiB of unacknowledged text per connection"},
	{NUMBER(receive_buffer_kib, 4, 1 << 18, 512), .help = "KiB of unread text per connection"},
	{NUMBER(traces, 0, 1 << 16, 1024),
	 .help = "connections whose segments `xtcpctl ladder` can show"},
	{NUMBER(time_wait_ms, 1, 600000, 60000), .help = "milliseconds of TIME_WAIT: 2 MSL"},
	{NUMBER(spin_us, 0, 100000, 50),
	 .help = "microseconds a worker looks for work before it sleeps"},
	{FLAG(quick_ack, true), .help = "acknowledge the first text of a connection at once"},
	{FLAG(timestamps, true), .help = "negotiate timestamps (RFC 7323)"},
	{FLAG(sack, true), .help = "negotiate selective acknowledgment (RFC 2018)"},
	{FLAG(ecn, false), .help = "negotiate explicit congestion notification (RFC 3168)"},
	/* RFC 5681, RFC 9438; RFC 9293, 3.8.2 (MAY-18). */
	{CHOICE_BUT(congestion, congestions, CONGESTED_BY_CUBIC), .argument = "NAME",
	 .help = "congestion control: newreno or cubic"},
	{FLAG(pacing, false), .help = "spread a window over its round trip"},
	/* RFC 9293, 3.8.3 and 3.8.4 (MUST-21, MUST-24, MUST-25, MUST-27, MUST-28). */
	{NUMBER(user_timeout_s, 10, 86400, 900),
	 .help = "seconds without an acknowledgment that end a connection"},
	{FLAG(keep_alive, false), .help = "ask peers that say nothing whether they are there"},
	{NUMBER(keep_alive_s, 10, 7 * 86400, 7200), .help = "seconds of silence before that"},
	/* RFC 9293, 3.9.1.9 and 3.9.2 (MUST-48, MUST-49). */
	{NUMBER(ttl, 1, 255, 64), .help = "IPv4's time to live, IPv6's hop limit"},
	{NUMBER(dscp, 0, 63, 0), .help = "differentiated services code point (RFC 2474)"},
	{CHOICE(mode, modes), .argument = "MODE", .help = "XDP mode: auto, native or generic"},
	{CHOICE(transmit, transmits), .argument = "WAY",
	 .help = "ways out: auto, packet (all by AF_PACKET) or xdp (all by AF_XDP)"},
	{FLAG(carriers, true),
	 .help = "let small segments leave on frames that have come (XDP_TX)"},
};

static void *field_of(const struct setting *s, struct config *config)
{
	return (char *)config + s->offset;
}

static int set_text(const struct setting *s, void *field, const char *text, struct complaint *c)
{
	size_t length = strlen(text);

	if (length < s->least)
		return complain(c, "needs a value");
	if (length > s->most)
		return complain(c, "'%s' is longer than %u bytes", text, s->most);
	memcpy(field, text, length + 1);
	return 0;
}

static int set_number(const struct setting *s, uint32_t *field, const char *text,
		      struct complaint *c)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end)
		return complain(c, "'%s' is not a number; it must be one from %u to %u", text,
				s->least, s->most);
	if (value < s->least || value > s->most)
		return complain(c, "%s is out of range: from %u to %u", text, s->least, s->most);
	if (s->power_of_two && value & (value - 1))
		return complain(c, "%llu is not a power of two", value);
	*field = (uint32_t)value;
	return 0;
}

static int set_flag(bool *field, const char *text, struct complaint *c)
{
	static const char *const words[2][4] = {{"no", "false", "off", "0"},
						{"yes", "true", "on", "1"}};

	for (unsigned value = 0; value < 2; value++)
		for (unsigned i = 0; i < 4; i++)
			if (!strcasecmp(text, words[value][i])) {
				*field = value;
				return 0;
			}
	return complain(c, "'%s' is neither yes nor no", text);
}

static int set_choice(const struct setting *s, void *field, const char *text, struct complaint *c)
{
	char all[64] = "";

	for (uint32_t i = 0; s->choices[i]; i++) {
		if (!strcmp(text, s->choices[i])) {
			memcpy(field, &i, sizeof(enum xdp_mode));
			return 0;
		}
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 s->choices[i]);
	}
	return complain(c, "'%s' is not one of %s", text, all);
}

int setting_set(const struct setting *s, struct config *config, const char *text,
		struct complaint *c)
{
	void *field = field_of(s, config);

	switch (s->kind) {
	case SETTING_TEXT: return set_text(s, field, text, c);
	case SETTING_NUMBER: return set_number(s, field, text, c);
	case SETTING_FLAG: return set_flag(field, text, c);
	case SETTING_CHOICE: return set_choice(s, field, text, c);
	}
	return complain(c, "no such kind of setting");
}

int setting_number(const char *name, uint32_t *value, const char *text, struct complaint *c)
{
	for (unsigned i = 0; i < SETTINGS; i++)
		if (settings[i].kind == SETTING_NUMBER && !strcmp(settings[i].name, name))
			return set_number(&settings[i], value, text, c);
	return complain(c, "there is no number '%s'", name);
}

void settings_default(struct config *config)
{
	struct complaint c;
	char text[256];

	for (unsigned i = 0; i < SETTINGS; i++) {
		setting_initial(&settings[i], text, sizeof(text));
		if (*text)
			setting_set(&settings[i], config, text, &c);
	}
}

void setting_initial(const struct setting *s, char *text, size_t size)
{
	switch (s->kind) {
	case SETTING_TEXT:
		snprintf(text, size, "%s", s->initial_text ? s->initial_text : "");
		break;
	case SETTING_NUMBER: snprintf(text, size, "%u", s->initial); break;
	case SETTING_FLAG: snprintf(text, size, "%s", s->initial ? "yes" : "no"); break;
	case SETTING_CHOICE: snprintf(text, size, "%s", s->choices[s->initial]); break;
	}
}
