/* SPDX-License-Identifier: BSD-2-Clause */
/* One scenario against a running xtcpd, from a raw socket: this program is the
 * peer, and also the user of the other side, for the daemon's service is `proxy`
 * and its backend is here:
 *
 *   here: peer ── frames ── veth ── xtcpd, proxy ── TCP on lo ── here: backend
 *
 * Started by tests/net/test_scenarios.py. Exit status: 0 all was as it should be;
 * 1 something was not; 75 the same, but we were so late with something that it
 * says little (the machine is busy): try again. */
#include "failure.h"
#include "scenario.h"
#include "stream.h"
#include "wire.h"
#include "../../../tools/xtcpctl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MILLISECONDS 1000000ull

enum { PATIENCE_MS = 3000, LATE_MS = 60, EXIT_TRY_AGAIN = 75 };

struct live {
	struct stage stage;
	struct wire wire;
	const char *control; /* the daemon's control socket */
	const char *own;     /* our address, as text */
	uint16_t backend_port;
	int listener, backend; /* -1: none */
	uint32_t irs, iss;     /* where both texts begin, minus 1 */
	bool has_iss;
	uint32_t sent, received; /* bytes of our user */
	uint32_t acked;		 /* what the daemon expects next */
};

static struct live live = {.listener = -1, .backend = -1};

static struct live *of(struct stage *at)
{
	return (struct live *)(void *)at;
}

/* --- segments ------------------------------------------------------------------------ */

static uint64_t now(struct stage *at)
{
	(void)at;
	return wire_now();
}

static void check_text(struct live *l, const struct heard *h)
{
	const struct segment *s = &h->segment;

	require(!s->text_length ||
			(l->has_iss &&
			 !memcmp(h->text, stream_text(STREAM_FROM_US, s->seq - l->iss - 1),
				 s->text_length)),
		"the text that came is not what was handed over");
}

static bool next(struct stage *at, uint64_t until, struct segment *s, uint64_t *when)
{
	struct live *l = of(at);
	struct heard h;

	if (!wire_hear(&l->wire, until, &h))
		return false;
	if (h.segment.flags & SYN) {
		l->iss = h.segment.seq;
		l->has_iss = true;
	}
	if (h.segment.flags & ACK)
		l->acked = h.segment.ack;
	l->wire.ends.to_port = h.from_port;
	check_text(l, &h);
	*s = h.segment;
	*when = h.when;
	return true;
}

static void arrives(struct stage *at, const struct segment *s, const struct step *step)
{
	static struct peer_frame f;
	struct live *l = of(at);
	const struct peer_load load = {
		stream_text(STREAM_FROM_PEER, s->seq - l->irs - 1 + !!(s->flags & SYN)),
		step->pattern.raw, step->pattern.raw_length, step->corrupt};

	require(peer_frame_build(&f, &l->wire.ends, s, &load), "options that do not fit");
	wire_send(&l->wire, &f);
}

/* --- our user: the backend ---------------------------------------------------------------- */

static bool is_readable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, PATIENCE_MS) > 0;
}

static const char *need_backend(struct live *l)
{
	if (l->backend >= 0)
		return NULL;
	if (!is_readable(l->listener))
		return "the proxy does not connect to us";
	l->backend = accept(l->listener, NULL, NULL);
	return l->backend < 0 ? strerror(errno) : NULL;
}

static const char *send_text(struct live *l, uint32_t length)
{
	while (length) {
		uint32_t most = length < STREAM_PIECE ? length : STREAM_PIECE;
		ssize_t n =
			send(l->backend, stream_text(STREAM_FROM_US, l->sent), most, MSG_NOSIGNAL);

		if (n < 0)
			return strerror(errno);
		l->sent += (uint32_t)n;
		length -= (uint32_t)n;
	}
	return NULL;
}

static const char *read_text(struct live *l, uint32_t length)
{
	static uint8_t text[STREAM_PIECE];

	while (length) {
		uint32_t most = length < STREAM_PIECE ? length : STREAM_PIECE;
		ssize_t n = is_readable(l->backend) ? recv(l->backend, text, most, 0) : -1;

		if (n <= 0)
			return "less text comes than should be read";
		if (memcmp(text, stream_text(STREAM_FROM_PEER, l->received), (size_t)n))
			return "the text that was delivered is not what was sent";
		l->received += (uint32_t)n;
		length -= (uint32_t)n;
	}
	return NULL;
}

static const char *drop_backend(struct live *l, bool reset)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		setsockopt(l->backend, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(l->backend);
	l->backend = -1;
	return NULL;
}

/* What our user is told comes to a backend as its socket's end. */
static const char *check_told(struct live *l, uint32_t event)
{
	static uint8_t text[4096];
	bool reset = event == EVENT_RESET;
	ssize_t n;

	if (event != EVENT_RESET && event != EVENT_PEER_CLOSED)
		return NULL;
	do {
		if (!is_readable(l->backend))
			return "our user was not told";
		n = recv(l->backend, text, sizeof(text), 0);
	} while (n > 0);
	if (n < 0)
		return reset && errno == ECONNRESET ? NULL : strerror(errno);
	return reset ? "the text just ends" : NULL;
}

/* --- the daemon ------------------------------------------------------------------------------ */

static void print_end(const struct live *l, char *text, size_t size)
{
	snprintf(text, size, l->wire.ends.v6 ? "[%s]:%u" : "%s:%u", l->own, l->wire.ends.from_port);
}

/* Of our connection; CLOSED where there is none. */
static enum tcp_state state_now(struct live *l)
{
	json_t *all = control_ask(l->control, "/connections", NULL), *one;
	enum tcp_state state = CLOSED;
	char end[80];
	size_t i;

	print_end(l, end, sizeof(end));
	json_array_foreach(all, i, one) {
		if (strcmp(member_text(one, "remote"), end))
			continue;
		for (int s = 0; s < TCP_STATES; s++)
			if (!strcmp(member_text(one, "state"), tcp_state_name((enum tcp_state)s)))
				state = (enum tcp_state)s;
	}
	json_decref(all);
	return state;
}

static const char *await_state(struct live *l, enum tcp_state state)
{
	uint64_t end = wire_now() + PATIENCE_MS * MILLISECONDS;
	enum tcp_state is;

	if (state == LISTEN) /* listeners are not listed */
		state = CLOSED;
	while ((is = state_now(l)) != state) {
		if (wire_now() > end)
			return tcp_state_name(is);
		usleep(5000);
	}
	return NULL;
}

/* In a process of its own: the daemon asks us for our MAC before it answers. */
static const char *open_active(struct live *l)
{
	char end[80], backend[40];
	json_t *order;

	print_end(l, end, sizeof(end));
	snprintf(backend, sizeof(backend), "127.0.0.1:%u", l->backend_port);
	l->wire.ends.to_port = 0;
	fflush(NULL);
	if (fork())
		return NULL;
	order = json_pack("{s:s, s:s, s:[s]}", "address", end, "service", "proxy", "backends",
			  backend);
	_exit(!control_ask(l->control, "/connect", order));
}

static const char *act(struct stage *at, const struct step *step)
{
	struct live *l = of(at);
	const char *wrong = NULL;

	switch (step->kind) {
	case STEP_SEND:
	case STEP_READ:
	case STEP_CLOSE:
	case STEP_ABORT:
	case STEP_FORSAKE: wrong = need_backend(l); break;
	case STEP_TOLD:
		if (step->number & (EVENT_RESET | EVENT_PEER_CLOSED))
			wrong = need_backend(l);
		break;
	default: break;
	}
	if (wrong)
		return wrong;
	switch (step->kind) {
	case STEP_OPEN_PASSIVE: return NULL;
	case STEP_OPEN_ACTIVE: return open_active(l);
	case STEP_SEND: return send_text(l, step->number);
	case STEP_READ: return read_text(l, step->number);
	case STEP_CLOSE: return shutdown(l->backend, SHUT_WR) ? strerror(errno) : NULL;
	case STEP_ABORT: return drop_backend(l, true);
	case STEP_FORSAKE: return drop_backend(l, false);
	case STEP_STATE: return await_state(l, (enum tcp_state)step->number);
	case STEP_TOLD: return check_told(l, step->number);
	case STEP_ENDS: return await_state(l, CLOSED);
	case STEP_AGAIN: l->irs += step->number; return NULL;
	default: return "no act";
	}
}

/* --- beginning and end ------------------------------------------------------------- */

/* The daemon shall not go on with what we leave behind. */
static void leave(void)
{
	struct segment reset = {.flags = RST, .seq = live.acked};
	static const struct step none;

	if (live.backend >= 0)
		drop_backend(&live, true);
	if (live.has_iss && live.wire.ends.to_port)
		arrives(&live.stage, &reset, &none);
}

static void failed_again(const char *file, int line)
{
	(void)file;
	(void)line;
	_exit(1);
}

static void failed(const char *file, int line)
{
	(void)file;
	(void)line;
	harness_failed = failed_again; /* while leaving */
	if (live.wire.late > LATE_MS * MILLISECONDS) {
		fprintf(stderr, "(but we were late by %.0f ms)\n",
			(double)live.wire.late / MILLISECONDS);
		exit(EXIT_TRY_AGAIN);
	}
	exit(1);
}

static void read_mac(uint8_t mac[6], const char *text)
{
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
}

static void read_address(uint8_t address[16], const char *text)
{
	bool v6 = strchr(text, ':');

	require(inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1, "not an address: %s", text);
	live.wire.ends.v6 = v6;
}

/* In the server's namespace: there the proxy finds it. */
static void open_backend(const char *namespace)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(any);
	int back = open("/proc/self/ns/net", O_RDONLY), there = open(namespace, O_RDONLY);

	any.sin_port = htons(live.backend_port);
	require(back >= 0 && there >= 0 && !setns(there, CLONE_NEWNET), "%s: %s", namespace,
		strerror(errno));
	live.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(live.listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	require(!bind(live.listener, (struct sockaddr *)&any, length) && !listen(live.listener, 8),
		"port %u: %s", live.backend_port, strerror(errno));
	require(!setns(back, CLONE_NEWNET), "setns: %s", strerror(errno));
	close(back);
	close(there);
}

static bool opens(const struct scenario *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (s->step[i].kind == STEP_OPEN_PASSIVE || s->step[i].kind == STEP_OPEN_ACTIVE)
			return true;
	return false;
}

enum argument {
	PROGRAM,
	SCRIPT,
	INTERFACE,
	OWN_ADDRESS,
	OWN_MAC,
	OWN_PORT,
	SERVER_ADDRESS,
	SERVER_MAC,
	SERVER_PORT, /* that of the listener; the one after it has none */
	NAMESPACE,   /* the server's */
	BACKEND_PORT,
	CONTROL,
	ARGUMENTS,
};

static void set_up(char **argv, const struct scenario *s)
{
	struct peer_ends *ends = &live.wire.ends;

	live.own = argv[OWN_ADDRESS];
	live.control = argv[CONTROL];
	live.backend_port = (uint16_t)atoi(argv[BACKEND_PORT]);
	live.irs = s->irs ? s->irs : 100000;
	read_address(ends->from, argv[OWN_ADDRESS]);
	read_address(ends->to, argv[SERVER_ADDRESS]);
	read_mac(ends->from_mac, argv[OWN_MAC]);
	read_mac(ends->to_mac, argv[SERVER_MAC]);
	ends->from_port = (uint16_t)atoi(argv[OWN_PORT]);
	ends->to_port = (uint16_t)(atoi(argv[SERVER_PORT]) + !opens(s));
	open_backend(argv[NAMESPACE]);
	require(wire_open(&live.wire, argv[INTERFACE]), "%s: %s", argv[INTERFACE], strerror(errno));
	live.stage = (struct stage){.now = now,
				    .next = next,
				    .arrives = arrives,
				    .act = act,
				    .patience = PATIENCE_MS * MILLISECONDS,
				    .live = true};
}

int main(int argc, char **argv)
{
	static struct scenario scenario;

	harness_failed = failed;
	if (argc != ARGUMENTS) {
		fprintf(stderr, "%s: see tests/net/test_scenarios.py\n", argv[0]);
		return 2;
	}
	scenario_read(&scenario, argv[SCRIPT]);
	require(!scenario.virtual_only, "%s: virtual only", argv[SCRIPT]);
	set_up(argv, &scenario);
	atexit(leave);
	scenario_run(&scenario, &live.stage);
	return 0;
}
