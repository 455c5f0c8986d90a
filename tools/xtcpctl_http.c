/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP over the daemon's Unix socket, by libcurl; and what a person can do when
 * nobody answers there. */
#include "xtcpctl.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 30, CONNECT_SECONDS = 5, ANSWER_SECONDS = 60 };

struct text {
	char *bytes;
	size_t length;
	size_t room;
};

static size_t take(char *bytes, size_t size, size_t count, void *argument)
{
	struct text *t = argument;
	size_t length = size * count;

	if (t->length + length > ANSWER_MAX)
		return 0;
	if (t->length + length > t->room) {
		size_t room = 2 * (t->length + length);
		char *more = realloc(t->bytes, room);

		if (!more)
			return 0;
		t->bytes = more;
		t->room = room;
	}
	memcpy(t->bytes + t->length, bytes, length);
	t->length += length;
	return length;
}

/* What connect() itself says: libcurl keeps it to itself. */
static int connect_error(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)))
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

static void explain(const char *socket, CURLcode code)
{
	int error = connect_error(socket);

	switch (error) {
	case ENOENT:
		fprintf(stderr,
			"xtcpctl: there is no socket %s: xtcpd does not run, or has another "
			"one (--control)\n",
			socket);
		break;
	case ECONNREFUSED:
		fprintf(stderr,
			"xtcpctl: nobody answers at %s: xtcpd has died, or this is not its "
			"socket\n",
			socket);
		break;
	case EACCES:
	case EPERM:
		fprintf(stderr,
			"xtcpctl: %s: permission denied; it is for the user that xtcpd runs "
			"as (sudo)\n",
			socket);
		break;
	case EAGAIN:
		fprintf(stderr, "xtcpctl: %s: too many clients at once; try again\n", socket);
		break;
	default:
		fprintf(stderr, "xtcpctl: %s: %s\n", socket,
			error ? strerror(error) : curl_easy_strerror(code));
	}
}

static json_t *read_answer(const struct text *t, long status)
{
	json_error_t error;
	json_t *json = json_loadb(t->bytes ? t->bytes : "", t->length, 0, &error);
	const char *message = json ? member_text(json, "error") : "";

	if (status < 400 && json)
		return json;
	if (*message)
		fprintf(stderr, "xtcpctl: %s\n", message);
	else
		fprintf(stderr, "xtcpctl: xtcpd answered %ld, with something else than JSON\n",
			status);
	json_decref(json);
	return NULL;
}

static CURL *prepare(const char *socket, const char *path, struct text *answer)
{
	CURL *curl = curl_easy_init();
	char url[256];

	if (!curl)
		return NULL;
	snprintf(url, sizeof(url), "http://xtcp%s", path);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ANSWER_SECONDS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	return curl;
}

json_t *control_ask(const char *socket, const char *path, const json_t *body)
{
	struct text answer = {0};
	char *post = body ? json_dumps(body, JSON_COMPACT) : NULL;
	CURL *curl = prepare(socket, path, &answer);
	json_t *json = NULL;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (curl && post)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
	if (curl)
		code = curl_easy_perform(curl);
	if (code == CURLE_OK) {
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		json = read_answer(&answer, status);
	} else {
		explain(socket, code);
	}
	if (curl)
		curl_easy_cleanup(curl);
	free(post);
	free(answer.bytes);
	return json;
}
