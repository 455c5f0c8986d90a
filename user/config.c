/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line (argp). It names the file, and what it says itself comes after
 * what the file says, wherever --config stands: options override, listeners add. */
#include "config.h"
#include "listeners.h"
#include "service.h"
#include "settings.h"
#include "version.h"
#include <argp.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key {
	KEY_CONFIG = 'c',
	KEY_INTERFACE = 'i',
	KEY_LISTEN = 'l',
	KEY_CHECK = 0x100,
	KEY_SETTING = 0x200, /* and the setting's number */
};

enum { NAME_TEXT = 32, HELP_TEXT = 128, OPTIONS = SETTINGS + 8 };

/* The command line as it was given, kept until the file has been read. */
struct given {
	const char *file;
	const char *setting[SETTINGS];
	const char **listeners; /* room for all arguments there are */
	unsigned listener_count;
	enum config_task task;
};

static const char help_before[] =
	"Terminates TCP: established connections at the driver by XDP, the rest here.\v"
	"SERVICE is echo, discard, daytime, chargen, greet:BANNER or "
	"proxy:BACKEND[,BACKEND…]; a BACKEND is 127.0.0.1:8080, [::1]:80 or unix:/path. "
	"0.0.0.0 and [::] stand for every address of the interface's host; [::] serves IPv4 too.\n"
	"\n"
	"Every option but --config, --check and --listen is also a key of the file, with "
	"underscores (ring_mib: 16); listeners are a list there:\n"
	"\n"
	"  interface: eth0\n"
	"  listeners:\n"
	"    - address: 10.1.0.2:80\n"
	"      service: proxy\n"
	"      backends: [\"127.0.0.1:8080\", \"unix:/run/app.sock\"]\n"
	"    - address: \"[::]:99\"\n"
	"      service: greet\n"
	"      banner: Hello, Client!\n"
	"\n"
	"Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot run, 2 if the command line or "
	"the file is wrong.";

/* "ring_mib" → "ring-mib". */
static void option_name(const char *name, char option[NAME_TEXT])
{
	snprintf(option, NAME_TEXT, "%s", name);
	for (char *at = option; *at; at++)
		if (*at == '_')
			*at = '-';
}

static void option_help(const struct setting *s, char help[HELP_TEXT])
{
	char initial[64];

	setting_initial(s, initial, sizeof(initial));
	if (*initial)
		snprintf(help, HELP_TEXT, "%s (%s)", s->help, initial);
	else
		snprintf(help, HELP_TEXT, "%s", s->help);
}

static void make_options(struct argp_option options[OPTIONS])
{
	static char names[SETTINGS][NAME_TEXT];
	static char helps[SETTINGS][HELP_TEXT];
	static const struct argp_option fixed[] = {
		{"listen", KEY_LISTEN, "ADDR:PORT=SERVICE[:ARG]", 0,
		 "serve this address and port (repeatable)", 0},
		{"config", KEY_CONFIG, "FILE", 0, "read a YAML file first", 0},
		{"check", KEY_CHECK, NULL, 0, "check the configuration and exit", 0},
	};
	unsigned n = sizeof(fixed) / sizeof(fixed[0]);

	memset(options, 0, OPTIONS * sizeof(options[0]));
	memcpy(options, fixed, sizeof(fixed));
	for (unsigned i = 0; i < SETTINGS; i++) {
		option_name(settings[i].name, names[i]);
		option_help(&settings[i], helps[i]);
		options[n++] = (struct argp_option){
			.name = names[i],
			.key = i ? KEY_SETTING + (int)i : KEY_INTERFACE,
			.arg = settings[i].argument,
			.doc = helps[i],
			.group = i ? 1 : 0,
		};
	}
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct given *g = state->input;

	if (key >= KEY_SETTING && key < KEY_SETTING + SETTINGS) {
		g->setting[key - KEY_SETTING] = argument;
		return 0;
	}
	switch (key) {
	case KEY_INTERFACE: /* the first setting, with a letter of its own */
		g->setting[0] = argument;
		return 0;
	case KEY_LISTEN: g->listeners[g->listener_count++] = argument; return 0;
	case KEY_CONFIG:
		if (g->file)
			argp_error(state, "--config is there twice; one file is read");
		g->file = argument;
		return 0;
	case KEY_CHECK: g->task = CONFIG_CHECK; return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option; did you mean --listen %s or --config %s?",
			   argument, argument, argument);
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static int apply_settings(const struct given *g, struct config *config, struct complaint *c)
{
	char name[NAME_TEXT];

	for (unsigned i = 0; i < SETTINGS; i++) {
		if (!g->setting[i] || !setting_set(&settings[i], config, g->setting[i], c))
			continue;
		option_name(settings[i].name, name);
		return complain_where(c, "--%s", name);
	}
	return 0;
}

static int apply_listeners(const struct given *g, struct config *config, struct complaint *c)
{
	for (unsigned i = 0; i < g->listener_count; i++) {
		struct listener_config *l = listener_new(config, c);

		if (!l || listener_parse(l, g->listeners[i], c) || listener_keep(config, c))
			return complain_where(c, "--listen");
	}
	return 0;
}

static int apply(const struct given *g, struct config *config, struct complaint *c)
{
	if (g->file && config_load(config, g->file, c))
		return -EINVAL;
	if (apply_settings(g, config, c) || apply_listeners(g, config, c))
		return -EINVAL;
	return config_finish(config, c);
}

void config_default(struct config *config)
{
	memset(config, 0, sizeof(*config));
	settings_default(config);
}

static int check_wildcards(const struct config *config, struct complaint *c)
{
	const struct address any_v4 = {.word = {[2] = htonl(0xffff)}};
	const struct address any_v6 = {0};

	for (uint32_t i = 0; i < config->listener_count; i++)
		for (uint32_t j = 0; j < config->listener_count; j++) {
			const struct listener_config *a = &config->listeners[i];
			const struct listener_config *b = &config->listeners[j];

			if (a->port == b->port && !memcmp(&a->address, &any_v6, sizeof(any_v6)) &&
			    !memcmp(&b->address, &any_v4, sizeof(any_v4)))
				return complain(c, "%s serves IPv4 too: %s is one too many",
						a->text, b->text);
		}
	return 0;
}

int config_finish(const struct config *config, struct complaint *c)
{
	uint32_t workers = config->workers ? config->workers : 1;

	if (!*config->interface)
		return complain(c, "no interface: give --interface NAME, or 'interface:' in the "
				   "file of --config");
	if (!config->listener_count)
		return complain(c,
				"no listener: give --listen ADDR:PORT=SERVICE, or 'listeners:' in "
				"the file of --config");
	/* A worker must be able to store all that its ring can hold. */
	if (config->text_pool_mib < 2 * config->ring_mib * workers)
		return complain(c,
				"text_pool_mib: %u is too small for %u worker%s: at least "
				"twice ring_mib (%u) for each",
				config->text_pool_mib, workers, workers > 1 ? "s" : "",
				config->ring_mib);
	return check_wildcards(config, c);
}

enum config_task config_read(int argc, char **argv, struct config *config)
{
	struct argp_option options[OPTIONS];
	const struct argp argp = {options, parse_option, NULL, help_before, NULL, NULL, NULL};
	struct given given = {.task = CONFIG_RUN};
	struct complaint c;

	argp_program_version = "xtcpd " XTCP_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	make_options(options);
	given.listeners = calloc((size_t)argc + 1, sizeof(given.listeners[0]));
	if (!given.listeners || argp_parse(&argp, argc, argv, 0, NULL, &given))
		exit(EXIT_USAGE);
	config_default(config);
	if (apply(&given, config, &c)) {
		fprintf(stderr, "xtcpd: error: %s\n", c.text);
		exit(EXIT_USAGE);
	}
	free(given.listeners);
	return given.task;
}
