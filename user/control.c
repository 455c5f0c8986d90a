/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket and its HTTP: who asks for what (control.h), and limits on
 * how much of it. The answers themselves are in answer_*.c. */
#include "control.h"
#include "answer.h"
#include "log.h"
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 16,
	CLIENT_SECONDS = 10, /* of silence */
	CLIENT_MEMORY = 65536,
	BODY_MAX = 16384,
};

struct control {
	const struct config *config;
	struct daemon *daemon;
	struct MHD_Daemon *http;
	int fd;
	bool made_folder;
	struct listener_config *outgoing[OUTGOING_MAX];
	uint32_t outgoing_count;
};

/* --- requests ------------------------------------------------------------------------ */

struct route {
	const char *method;
	const char *path; /* ending in '/': what follows is the answer's */
	struct answer (*answer)(const struct asked *a);
};

static const struct route routes[] = {
	{"GET", "/status", answer_status},     {"GET", "/connections", answer_connections},
	{"GET", "/counters", answer_counters}, {"GET", "/traces", answer_traces},
	{"GET", "/ladder/", answer_ladder},    {"GET", "/metrics", answer_metrics},
	{"POST", "/connect", answer_connect},
};

static const struct route *find_route(const char *path, const char **rest)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route *r = &routes[i];
		size_t length = strlen(r->path);

		*rest = path + length;
		if (r->path[length - 1] == '/' ? !strncmp(path, r->path, length)
					       : !strcmp(path, r->path))
			return r;
	}
	return NULL;
}

/* What has come of a request so far. */
struct request {
	size_t length;
	bool too_long;
	char body[BODY_MAX];
};

static struct answer answer_request(struct control *c, const char *path, const char *method,
				    const struct request *request)
{
	struct asked a = {
		.daemon = c->daemon,
		.config = c->config,
		.body = request->body,
		.body_length = request->length,
		.outgoing = c->outgoing,
		.outgoing_count = &c->outgoing_count,
	};
	const struct route *r = find_route(path, &a.rest);

	if (!r)
		return answer_error(MHD_HTTP_NOT_FOUND,
				    "no such path: %s; there are /status, /connections, /counters, "
				    "/traces, /ladder/ID, /metrics and /connect",
				    path);
	if (strcmp(method, r->method))
		return answer_error(MHD_HTTP_METHOD_NOT_ALLOWED, "%s is for %s, not for %s", path,
				    r->method, method);
	if (request->too_long)
		return answer_error(MHD_HTTP_CONTENT_TOO_LARGE, "a request has at most %d bytes",
				    BODY_MAX);
	return r->answer(&a);
}

static void take_body(struct request *request, const char *bytes, size_t *length)
{
	if (*length > sizeof(request->body) - request->length) {
		request->too_long = true;
	} else {
		memcpy(request->body + request->length, bytes, *length);
		request->length += *length;
	}
	*length = 0;
}

/* libmicrohttpd calls it once for the head, then for each piece of the body, then
 * once with none: that is when the answer is due. */
static enum MHD_Result handle(void *argument, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *bytes,
			      size_t *length, void **state)
{
	struct request *request = *state;
	enum MHD_Result result;
	struct answer a;

	(void)version;
	if (!request) {
		*state = calloc(1, sizeof(*request));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*length) {
		take_body(request, bytes, length);
		return MHD_YES;
	}
	a = answer_request(argument, path, method, request);
	if (!a.response)
		return MHD_NO;
	result = MHD_queue_response(connection, a.status, a.response);
	MHD_destroy_response(a.response);
	return result;
}

static void forget_request(void *argument, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode why)
{
	(void)argument;
	(void)connection;
	(void)why;
	free(*state);
	*state = NULL;
}

/* --- the socket ---------------------------------------------------------------------- */

static struct sockaddr_un socket_name(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return name;
}

static const char *remedy(int error)
{
	return error == EACCES || error == EPERM ? "; run as root" : "";
}

/* Only the last folder is made: a mistyped path should not grow a tree. */
static int make_folder(struct control *c)
{
	char path[sizeof(c->config->control)];
	const char *folder;
	int error;

	snprintf(path, sizeof(path), "%s", c->config->control);
	folder = dirname(path);
	if (!mkdir(folder, 0755)) {
		c->made_folder = true;
		return 0;
	}
	error = errno;
	if (error == EEXIST)
		return 0;
	log_error("--control %s: cannot make the folder %s: %s%s", c->config->control, folder,
		  strerror(error), remedy(error));
	return -error;
}

/* A socket that nobody answers on is what a killed daemon leaves behind. */
static int remove_stale(const char *path)
{
	struct sockaddr_un name = socket_name(path);
	struct stat status;
	int fd;
	int refused;

	if (lstat(path, &status))
		return 0;
	if (!S_ISSOCK(status.st_mode)) {
		log_error("--control %s: there is something else than a socket", path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	refused = connect(fd, (struct sockaddr *)&name, sizeof(name)) && errno == ECONNREFUSED;
	close(fd);
	if (!refused) {
		log_error("--control %s: another xtcpd answers there; stop it, or give this one "
			  "another --control and --bpffs",
			  path);
		return -EADDRINUSE;
	}
	unlink(path);
	return 0;
}

/* umask, not chmod: there is no moment in which others could connect. */
static int bind_socket(struct control *c)
{
	struct sockaddr_un name = socket_name(c->config->control);
	mode_t mask;
	int error;

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	mask = umask(0177);
	error = bind(c->fd, (struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
	umask(mask);
	/* More clients than are served at once wait their turn. */
	if (!error && listen(c->fd, SOMAXCONN))
		error = -errno;
	if (!error)
		return 0;
	log_error("--control %s: %s%s", c->config->control, strerror(-error), remedy(-error));
	close(c->fd);
	c->fd = -1;
	return error;
}

static void remove_folder(const struct control *c)
{
	char path[sizeof(c->config->control)];

	if (!c->made_folder)
		return;
	snprintf(path, sizeof(path), "%s", c->config->control);
	rmdir(dirname(path));
}

int control_open(const struct config *config, struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	int error;

	if (!c)
		return -ENOMEM;
	c->config = config;
	c->fd = -1;
	error = make_folder(c);
	if (!error)
		error = remove_stale(config->control);
	if (!error)
		error = bind_socket(c);
	if (error) {
		remove_folder(c);
		free(c);
		return error;
	}
	*out = c;
	return 0;
}

int control_serve(struct control *c, struct daemon *d)
{
	c->daemon = d;
	c->http = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, handle, c,
		MHD_OPTION_LISTEN_SOCKET, c->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CLIENT_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLIENT_MEMORY,
		MHD_OPTION_NOTIFY_COMPLETED, forget_request, NULL, MHD_OPTION_END);
	if (c->http)
		return 0;
	log_error("--control %s: cannot serve HTTP there", c->config->control);
	return -EIO;
}

void control_close(struct control *c)
{
	unlink(c->config->control);
	if (c->http)
		MHD_stop_daemon(c->http); /* closes the socket */
	else if (c->fd >= 0)
		close(c->fd);
	c->http = NULL;
	c->fd = -1;
	remove_folder(c);
}

void control_free(struct control *c)
{
	for (uint32_t i = 0; i < c->outgoing_count; i++)
		free(c->outgoing[i]);
	free(c);
}
