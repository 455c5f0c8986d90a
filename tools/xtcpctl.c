/* SPDX-License-Identifier: BSD-2-Clause */
/* xtcpctl: asks a running xtcpd over its control socket and shows the answer, to
 * people or as JSON. */
#include "xtcpctl.h"
#include "ladder.h"
#include "version.h"
#include <argp.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

enum key { KEY_CONTROL = 'c', KEY_JSON = 'j', KEY_SVG = 0x100, KEY_SERVICE = 's', KEY_PORT = 'p' };

/* Which options a command takes besides --control and --json; bits. */
enum takes { OPTION_SVG = 0x01, OPTION_SERVICE = 0x02, OPTION_PORT = 0x04 };

struct arguments {
	const char *control;
	const char *svg;
	const char *service;
	const char *local_port;
	const char *command;
	const char *object; /* ID or ADDR:PORT */
	bool json;
};

struct command {
	const char *name;
	const char *object; /* what it needs, for messages; NULL: nothing */
	unsigned options;
	int (*run)(const struct arguments *a);
};

static const char help_before[] =
	"Asks a running xtcpd.\v"
	"Commands:\n"
	"  list               connections that live, as `ss -tin` shows them\n"
	"  counters           why segments went the way they went\n"
	"  status             how xtcpd is attached, transmits and listens\n"
	"  traces             connections that `ladder` can show, also ended ones\n"
	"  ladder ID          the life of a connection, segment by segment;\n"
	"                     --svg FILE draws a picture\n"
	"  connect ADDR:PORT --service NAME[:ARG]\n"
	"                     open a connection and run a service on it;\n"
	"                     NAME[:ARG] as in xtcpd --listen\n"
	"\n"
	"Exit status: 0, 1 if it failed, 2 if the command line is wrong.";

static const struct argp_option options[] = {
	{"control", KEY_CONTROL, "PATH", 0, "xtcpd's socket (/run/xtcp/control.sock)", 0},
	{"json", KEY_JSON, NULL, 0, "print JSON", 0},
	{"svg", KEY_SVG, "FILE", 0, "ladder: write a picture", 0},
	{"service", KEY_SERVICE, "NAME[:ARG]", 0, "connect: what runs on the connection", 0},
	{"local-port", KEY_PORT, "N", 0, "connect: from this port (any that is free)", 0},
	{0},
};

/* --- commands ------------------------------------------------------------------------ */

static void print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
}

/* A GET that is shown to people by `show`. */
static int ask_and_show(const struct arguments *a, const char *path,
			void (*show)(const json_t *answer, FILE *f))
{
	json_t *answer = control_ask(a->control, path, NULL);

	if (!answer)
		return EXIT_FAILURE;
	if (a->json)
		print_json(answer);
	else
		show(answer, stdout);
	json_decref(answer);
	return EXIT_SUCCESS;
}

static int run_list(const struct arguments *a)
{
	return ask_and_show(a, "/connections", show_connections);
}

static int run_counters(const struct arguments *a)
{
	return ask_and_show(a, "/counters", show_counters);
}

static int run_status(const struct arguments *a)
{
	return ask_and_show(a, "/status", show_status);
}

static int run_traces(const struct arguments *a)
{
	return ask_and_show(a, "/traces", show_traces);
}

static int draw_file(const struct ladder *l, const char *path)
{
	FILE *f = fopen(path, "we");
	bool failed;

	if (!f) {
		fprintf(stderr, "xtcpctl: %s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	ladder_draw(l, f);
	failed = ferror(f);
	if (fclose(f) || failed) {
		fprintf(stderr, "xtcpctl: %s: could not be written\n", path);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static bool wants_color(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

static int show_ladder(const struct arguments *a, const json_t *answer)
{
	struct ladder l;
	int status = EXIT_SUCCESS;

	if (ladder_read(answer, &l)) {
		fprintf(stderr, "xtcpctl: xtcpd is of another version\n");
		ladder_free(&l);
		return EXIT_FAILURE;
	}
	if (a->svg)
		status = draw_file(&l, a->svg);
	else
		ladder_print(&l, stdout, wants_color());
	ladder_free(&l);
	return status;
}

static int run_ladder(const struct arguments *a)
{
	json_t *answer;
	char path[64];
	int status = EXIT_SUCCESS;

	snprintf(path, sizeof(path), "/ladder/%s", a->object);
	answer = control_ask(a->control, path, NULL);
	if (!answer)
		return EXIT_FAILURE;
	if (a->json)
		print_json(answer);
	if (a->svg || !a->json)
		status = show_ladder(a, answer);
	json_decref(answer);
	return status;
}

/* "proxy:127.0.0.1:80,unix:/a": the service's argument as its key of the API. */
static void add_argument(json_t *order, const char *service, const char *argument)
{
	json_t *backends;

	if (strcmp(service, "proxy")) {
		json_object_set_new(order, "banner", json_string(argument));
		return;
	}
	backends = json_array();
	for (;;) {
		size_t length = strcspn(argument, ",");

		json_array_append_new(backends, json_stringn(argument, length));
		if (!argument[length])
			break;
		argument += length + 1;
	}
	json_object_set_new(order, "backends", backends);
}

static json_t *make_order(const struct arguments *a)
{
	const char *colon = strchr(a->service, ':');
	size_t length = colon ? (size_t)(colon - a->service) : strlen(a->service);
	json_t *order = json_object();

	json_object_set_new(order, "address", json_string(a->object));
	json_object_set_new(order, "service", json_stringn(a->service, length));
	if (colon)
		add_argument(order, json_string_value(json_object_get(order, "service")),
			     colon + 1);
	if (a->local_port)
		json_object_set_new(order, "local_port", json_integer(atol(a->local_port)));
	return order;
}

static int run_connect(const struct arguments *a)
{
	json_t *order = make_order(a);
	json_t *answer = control_ask(a->control, "/connect", order);
	long long id;

	json_decref(order);
	if (!answer)
		return EXIT_FAILURE;
	id = member_number(answer, "id");
	if (a->json)
		print_json(answer);
	else
		printf("connection %lld to %s; `xtcpctl ladder %lld` shows what comes of it\n", id,
		       a->object, id);
	json_decref(answer);
	return EXIT_SUCCESS;
}

static const struct command commands[] = {
	{"list", NULL, 0, run_list},
	{"counters", NULL, 0, run_counters},
	{"status", NULL, 0, run_status},
	{"traces", NULL, 0, run_traces},
	{"ladder", "the ID of a connection (`xtcpctl list`, `xtcpctl traces`)", OPTION_SVG,
	 run_ladder},
	{"connect", "ADDR:PORT", OPTION_SERVICE | OPTION_PORT, run_connect},
};

/* --- the command line -------------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static unsigned options_given(const struct arguments *a)
{
	return (a->svg ? OPTION_SVG : 0) | (a->service ? OPTION_SERVICE : 0) |
	       (a->local_port ? OPTION_PORT : 0);
}

static bool is_number(const char *text, unsigned long most)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && value <= most;
}

static void check(const struct arguments *a, struct argp_state *state)
{
	const struct command *c = a->command ? find_command(a->command) : NULL;

	if (!a->command)
		argp_error(state, "no command; there are list, counters, status, traces, ladder, "
				  "connect");
	else if (!c)
		argp_error(state,
			   "unknown command '%s'; there are list, counters, status, traces, "
			   "ladder, connect",
			   a->command);
	else if (c->object && !a->object)
		argp_error(state, "%s needs %s", c->name, c->object);
	else if (!c->object && a->object)
		argp_error(state, "%s takes nothing, but '%s' follows it", c->name, a->object);
	else if (options_given(a) & ~c->options)
		argp_error(state, "%s takes no %s", c->name,
			   a->svg && !(c->options & OPTION_SVG) ? "--svg"
								: "--service and no --local-port");
	else if (c->run == run_ladder && !is_number(a->object, UINT32_MAX))
		argp_error(state,
			   "'%s' is not an ID: it is a number, see `xtcpctl list` and "
			   "`xtcpctl traces`",
			   a->object);
	else if (c->run == run_connect && !a->service)
		argp_error(state, "connect needs --service NAME[:ARG]");
	else if (a->local_port && (!is_number(a->local_port, 65535) || !atoi(a->local_port)))
		argp_error(state, "--local-port: '%s' is not a number from 1 to 65535",
			   a->local_port);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case KEY_CONTROL: a->control = argument; return 0;
	case KEY_JSON: a->json = true; return 0;
	case KEY_SVG: a->svg = argument; return 0;
	case KEY_SERVICE: a->service = argument; return 0;
	case KEY_PORT: a->local_port = argument; return 0;
	case ARGP_KEY_ARG:
		if (!a->command)
			a->command = argument;
		else if (!a->object)
			a->object = argument;
		else
			argp_error(state, "'%s' is one too many", argument);
		return 0;
	case ARGP_KEY_END: check(a, state); return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse_option, "COMMAND [ID | ADDR:PORT]", help_before, NULL, NULL, NULL};
	struct arguments a = {.control = "/run/xtcp/control.sock"};
	int status;

	argp_program_version = "xtcpctl " XTCP_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &a))
		return EXIT_USAGE;
	curl_global_init(CURL_GLOBAL_NOTHING);
	status = find_command(a.command)->run(&a);
	curl_global_cleanup();
	if (fflush(stdout)) {
		fprintf(stderr, "xtcpctl: stdout: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	return status;
}
