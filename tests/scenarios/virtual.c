/* SPDX-License-Identifier: BSD-2-Clause */
/* The scenarios against the core, in virtual time, over IPv4 and over IPv6: every
 * segment goes through a frame, both ways, so that options are those of the wire.
 *
 *   virtual              all of tests/scenarios
 *   virtual FILE …       these
 * Links: user/frame.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame.h"
#include "parse.h"
#include "peer.h"
#include "peer_frame.h"
#include "scenario.h"
#include <glob.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 1024, TEXT_MOST = 9000 };

struct virtual
{
	struct stage stage;
	struct peer p;
	bool listens;
	struct segment sent[QUEUE];
	uint64_t when[QUEUE];
	unsigned int first, count;
};

static struct virtual *of_stage(struct stage *at)
{
	return (struct virtual *)(void *)at;
}

static struct virtual *of_peer(struct peer *p)
{
	return (struct virtual *)(void *)((char *)p - offsetof(struct virtual, p));
}

/* --- frames -------------------------------------------------------------------------- */

/* What is read of a frame; false: it is not one that the core would see. */
static bool read_frame(uint8_t *bytes, size_t length, struct segment *s)
{
	struct packet packet = {0};

	if (parse_packet(bytes, bytes + length, (__u32)length, &packet) != PARSED)
		return false;
	if (!csum_is_right(csum_add_bytes(csum_pseudo(&packet.tuple, packet.v4, packet.tcp_length),
					  bytes + packet.tcp_offset, packet.tcp_length)))
		return false;
	if (!parse_options(bytes + packet.tcp_offset + 20, packet.tcp_header - 20u,
			   &packet.segment))
		return false;
	*s = packet.segment;
	return true;
}

/* Ours, as the peer reads it. */
static struct segment over_the_wire(struct peer *p, const struct segment *s)
{
	static uint8_t bytes[FRAME_HEADERS_MAX + (1 << 16)];
	const struct frame_ends ends = {&p->c.tuple, &p->c.link, 1, false};
	struct iovec text = {(void *)(uintptr_t)stream_text(STREAM_FROM_US, 0), s->text_length};
	struct segment read;
	struct frame f;

	frame_build(&f, &ends, s);
	frame_checksum(&f, &text, 1);
	memcpy(bytes, f.bytes, f.length);
	memcpy(bytes + f.length, text.iov_base, s->text_length);
	require(read_frame(bytes, f.length + s->text_length, &read), "a frame that is none");
	return read;
}

static void was_sent(struct peer *p, const struct segment *s)
{
	struct virtual *v = of_peer(p);
	unsigned int last = (v->first + v->count) % QUEUE;

	require(v->count++ < QUEUE, "the core sends and sends");
	v->sent[last] = over_the_wire(p, s);
	v->when[last] = p->now;
}

static void set_ends(struct peer_ends *ends, const struct conn *c)
{
	unsigned int skip = c->link.v4 ? 12 : 0;

	*ends = (struct peer_ends){.v6 = !c->link.v4};
	memcpy(ends->from, (const uint8_t *)&c->tuple.remote + skip, 16 - skip);
	memcpy(ends->to, (const uint8_t *)&c->tuple.local + skip, 16 - skip);
	ends->from_port = from_be16(c->tuple.remote_port);
	ends->to_port = from_be16(c->tuple.local_port);
}

/* --- the stage ------------------------------------------------------------------------- */

static uint64_t now(struct stage *at)
{
	return of_stage(at)->p.now;
}

static bool next(struct stage *at, uint64_t until, struct segment *s, uint64_t *when)
{
	struct virtual *v = of_stage(at);

	while (!v->count) {
		uint64_t deadline = tcp_deadline(&v->p.c);

		if (deadline > until) {
			if (until > v->p.now)
				v->p.now = until;
			return false;
		}
		peer_timeouts(&v->p, deadline > v->p.now ? deadline : v->p.now, HERE);
	}
	*s = v->sent[v->first];
	*when = v->when[v->first];
	v->first = (v->first + 1) % QUEUE;
	v->count--;
	return true;
}

/* A connection of the same ends, in place of one that is over. */
static void open_passive(struct virtual *v, uint32_t behind)
{
	struct peer *p = &v->p;
	struct conn c = {.tuple = p->c.tuple, .link = p->c.link, .generation = p->c.generation};

	c.snd.iss = behind;
	p->c = p->before = c;
	p->events = 0;
	memset(&p->text, 0, sizeof(p->text));
	tcp_open_passive(&p->c, peer_host(p));
}

/* As the daemon does it: what has ended makes way for a new one. */
static void give_to_core(struct virtual *v, const struct segment *s)
{
	struct peer *p = &v->p;
	bool over = p->events & EVENT_CLOSED;

	if (v->listens && over && (s->flags & (SYN | ACK | RST)) == SYN)
		open_passive(v, 0);
	else if (over)
		p->c.state = CLOSED;
	peer_arrives(p, s);
	if (p->c.events & EVENT_REOPEN && v->listens) {
		open_passive(v, p->c.snd.nxt);
		peer_arrives(p, s);
	}
	peer_settle(p, HERE);
}

static void arrives(struct stage *at, const struct segment *s, const struct step *step)
{
	static struct peer_frame f;
	struct virtual *v = of_stage(at);
	const uint8_t *text =
		stream_text(STREAM_FROM_PEER, s->seq - v->p.irs - 1 + !!(s->flags & SYN));
	const struct peer_load load = {text, step->pattern.raw, step->pattern.raw_length,
				       step->corrupt};
	struct peer_ends ends;
	struct segment read;

	set_ends(&ends, &v->p.c);
	require(peer_frame_build(&f, &ends, s, &load), "more options than a header takes");
	if (read_frame(f.bytes, f.length, &read))
		give_to_core(v, &read);
}

static const char *check_state(const struct peer *p, enum tcp_state state)
{
	return p->c.state == state ? NULL : tcp_state_name((enum tcp_state)p->c.state);
}

static const char *check_told(struct peer *p, uint32_t event)
{
	if (!(p->events & event))
		return "our user was not told";
	p->events &= ~event;
	return NULL;
}

static const char *check_ends(const struct peer *p)
{
	if (p->c.state != CLOSED && p->c.state != LISTEN)
		return "the connection lives";
	return tcp_deadline(&p->c) == TCP_NO_DEADLINE ? NULL : "there is a deadline left";
}

static const char *open_active(struct virtual *v)
{
	tcp_open_active(&v->p.c, peer_host(&v->p));
	peer_settle(&v->p, HERE);
	return NULL;
}

static const char *send_text(struct peer *p, uint32_t length)
{
	return user_send(p, length) ? "the core refuses" : NULL;
}

static const char *read_text(struct peer *p, uint32_t length)
{
	if (length > tcp_unread(&p->c))
		return "there is less to read";
	user_receive(p, length);
	return NULL;
}

static const char *path_mtu(struct peer *p, const struct step *step)
{
	tcp_path_mtu(&p->c, peer_host(p), p->iss + step->pattern.low.seq, (uint16_t)step->number);
	peer_settle(p, HERE);
	return NULL;
}

static const char *act(struct stage *at, const struct step *step)
{
	struct virtual *v = of_stage(at);
	struct peer *p = &v->p;

	switch (step->kind) {
	case STEP_OPEN_PASSIVE:
		v->listens = true;
		open_passive(v, 0);
		return NULL;
	case STEP_OPEN_ACTIVE: return open_active(v);
	case STEP_SEND: return send_text(p, step->number);
	case STEP_READ: return read_text(p, step->number);
	case STEP_CLOSE: return user_close(p) ? "the core refuses" : NULL;
	case STEP_ABORT: user_abort(p); return NULL;
	case STEP_FORSAKE: user_forsake(p); return NULL;
	case STEP_STATE: return check_state(p, (enum tcp_state)step->number);
	case STEP_TOLD: return check_told(p, step->number);
	case STEP_ENDS: return check_ends(p);
	case STEP_PATH_MTU: return path_mtu(p, step);
	case STEP_AGAIN: p->irs += step->number; return NULL;
	default: return "no act";
	}
}

/* --- the tests --------------------------------------------------------------------------- */

static struct scenario scenario;
static struct virtual virtual;

/* Our ISS is a clock and a hash: at the right time it is the one that is wanted. */
static void wait_for_iss(struct peer *p, uint32_t iss)
{
	struct conn probe = p->c;

	if (!iss)
		return;
	tcp_open_active(&probe, peer_host(p));
	p->now += (uint64_t)(iss - probe.snd.iss) * 4000;
}

static void run(void **path)
{
	struct opening how = {0};

	scenario_read(&scenario, *path);
	virtual = (struct virtual){
		.stage = {.now = now, .next = next, .arrives = arrives, .act = act}};
	how.irs = scenario.irs;
	peer_init(&virtual.p, &how);
	memcpy(scenario.settings.secret, virtual.p.settings.secret, 16);
	virtual.p.settings = scenario.settings;
	virtual.p.mute = true;
	virtual.p.sent = was_sent;
	wait_for_iss(&virtual.p, scenario.iss);
	scenario_run(&scenario, &virtual.stage);
}

static int run_all(char **paths, size_t count, bool v6)
{
	struct CMUnitTest *tests = calloc(count, sizeof(*tests));
	int failed;

	peer_v6 = v6;
	for (size_t i = 0; i < count; i++) {
		const char *name = strrchr(paths[i], '/');

		tests[i].name = name ? name + 1 : paths[i];
		tests[i].test_func = run;
		tests[i].initial_state = paths[i];
	}
	failed = _cmocka_run_group_tests(v6 ? "scenarios over IPv6" : "scenarios over IPv4", tests,
					 count, NULL, NULL);
	free(tests);
	return failed;
}

int main(int argc, char **argv)
{
	glob_t found = {0};
	int failed;

	harness_failed = _fail;
	if (argc > 1)
		return !!run_all(argv + 1, (size_t)argc - 1, false) |
		       !!run_all(argv + 1, (size_t)argc - 1, true);
	if (glob("tests/scenarios/*.tcp", 0, NULL, &found) || !found.gl_pathc) {
		fprintf(stderr, "no tests/scenarios/*.tcp here\n");
		return 1;
	}
	failed = run_all(found.gl_pathv, found.gl_pathc, false) +
		 run_all(found.gl_pathv, found.gl_pathc, true);
	globfree(&found);
	return !!failed;
}
