/* SPDX-License-Identifier: BSD-2-Clause */
/* The scenario language itself: what it refuses, and that it notices everything
 * which is not as a script says. On a stage that says what it is told to say. */
#include "scenario.h"
#include "test.h"
#include <unistd.h>

#define HEAD "clause: RFC 0\nlevel: MUST\n"

#define MS 1000000ull

/* Something that comes: at that many milliseconds. */
struct line {
	unsigned int ms;
	const char *text;
};

struct puppet {
	struct stage stage;
	const struct line *line; /* the next; text NULL: none */
	uint64_t now;
	unsigned int arrived, acts;
};

static struct puppet *of(struct stage *at)
{
	return (struct puppet *)(void *)at;
}

static uint64_t now(struct stage *at)
{
	return of(at)->now;
}

static bool next(struct stage *at, uint64_t until, struct segment *s, uint64_t *when)
{
	struct puppet *p = of(at);
	unsigned int named;

	if (!p->line->text || p->line->ms * MS > until) {
		p->now = p->now > until ? p->now : until;
		return false;
	}
	*when = p->line->ms * MS;
	p->now = p->now > *when ? p->now : *when;
	assert_true(notation_parse(p->line->text, s, &named));
	s->seq += 5000; /* our ISS */
	if (s->flags & ACK)
		s->ack += 100000; /* the peer's */
	p->line++;
	return true;
}

static void arrives(struct stage *at, const struct segment *s, const struct step *step)
{
	(void)s;
	(void)step;
	of(at)->arrived++;
}

static const char *act(struct stage *at, const struct step *step)
{
	of(at)->acts++;
	return step->kind == STEP_STATE ? "CLOSED" : NULL;
}

/* --- to fail without failing -------------------------------------------------------- */

static jmp_buf way_back;
static int failed_line;

static void note_failure(const char *file, int line)
{
	(void)file;
	failed_line = line;
	longjmp(way_back, 1);
}

static struct scenario scenario;

/* The line at which it fails; 0: it does not. */
static int outcome(const char *script, const struct line *lines)
{
	char path[] = "/tmp/scenario-XXXXXX";
	int fd = mkstemp(path);
	size_t length = strlen(script);
	struct puppet p = {.stage = {.now = now, .next = next, .arrives = arrives, .act = act},
			   .line = lines};

	assert_true(fd >= 0 && write(fd, script, length) == (ssize_t)length);
	close(fd);
	failed_line = 0;
	harness_failed = note_failure;
	if (!setjmp(way_back)) {
		scenario_read(&scenario, path);
		if (lines)
			scenario_run(&scenario, &p.stage);
	}
	harness_failed = _fail;
	unlink(path);
	return failed_line;
}

static const struct line nothing[] = {{0, NULL}};

static const struct line two[] = {{0, "S 0:0(0) win 9"}, {50, ". 1:1(0) ack 1 win 9"}, {0, NULL}};

TEST(scenario__what_is_refused)
{
	static const char *const bad[] = {
		"open passive\n",		    /* no clause */
		"clause: RFC 0\nopen passive\n",    /* no level */
		"clause: RFC 0\nlevel: PERHAPS\n",  /* no such level */
		HEAD "colour: red\n",		    /* no such head */
		HEAD "settings: nagle off\n",	    /* no daemon can that */
		HEAD "settings: nagle\n",	    /* no value */
		HEAD "settings: taste good\n",	    /* no such setting */
		HEAD "iss: 5\n",		    /* not live */
		HEAD "dance\n",			    /* no such step */
		HEAD "state SLEEPING\n",	    /* no such state */
		HEAD "told a story\n",		    /* no such event */
		HEAD "send much\n",		    /* no number */
		HEAD "silence for 5\n",		    /* no unit */
		HEAD "silence for 5 ms and more\n", /* too much */
		HEAD "close at once\n",		    /* too much */
		HEAD "within 5ms -> S 0:0(0)\n",    /* one time */
		HEAD "within 9ms..5ms -> S 0:0(0)\n",
		HEAD "-> S 0:1(0)\n",		/* not the notation */
		HEAD "<- S 0:..\n",		/* the peer must know what it sends */
		HEAD "<- . 1:1(0)\n",		/* ACK without ack */
		HEAD "<- S 0:0(0) <no ts>\n",	/* nothing to send */
		HEAD "-> S 0:0(0) ack 1\n",	/* ack without ACK */
		HEAD "one of {\n-> S 0:0(0)\n", /* not closed */
		HEAD "}\n",
		HEAD "or\n",
		HEAD "repeat 3 {\nor\n}\n",
		HEAD "repeat 0 {\n}\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!outcome(bad[i], NULL))
			fail_msg("was taken: %s", bad[i]);
}

struct trial {
	const char *script;
	const struct line *lines;
	int line; /* where it fails, the head is two; 0: it does not */
};

TEST(scenario__what_is_noticed)
{
	static const struct trial trials[] = {
		{HEAD "open active\n-> S 0:0(0)\nwithin 40ms..60ms -> . 1:1(0) ack 1\n", two, 0},
		{HEAD "-> S 0:0(0)\nwithin 60ms..90ms -> . 1:1(0) ack 1\n", two, 4},
		{HEAD "-> S 0:0(0)\nwithin 10ms..40ms -> . 1:1(0) ack 1\n", two, 4},
		{HEAD "-> S 0:0(0)\n-> . 1:1(0) ack 1\n", two, 4},
		{HEAD "-> S 0:0(0) win 8\n", two, 3},
		{HEAD "-> R 0:0(0)\n", two, 3},
		{HEAD "-> S 0:0(0)\n", nothing, 3},
		{HEAD "-> S 0:0(0)\nsilence for 40ms\nadvance 20ms\n", two, 0},
		{HEAD "-> S 0:0(0)\nsilence for 60ms\n", two, 4},
		{HEAD "-> S 0:0(0)\noptional -> . 1:1(0) ack 1\nsilence for 60ms\n", two, 0},
		{HEAD "-> S 0:0(0)\noptional -> . 1:1(0) ack 2\nsilence for 60ms\n", two, 5},
		{HEAD "optional -> S 0:0(0)\nwithin 0..60ms -> . 1:1(0) ack 1\n", two, 0},
		{HEAD "silence for 9ms\n", nothing, 0},
		{HEAD "close\n", two, 3},			    /* left over at the end */
		{HEAD "advance 0\n<- S 0:0(0)\n", two, 0},	    /* dropped */
		{HEAD "<- S 0:0(0)\n", two, 3},			    /* not looked at */
		{HEAD "advance 90ms\nstate ESTABLISHED\n", two, 4}, /* the act says no */
		{HEAD "one of {\n-> R 0:0(0)\nor\n-> S 0:0(0)\n"
		      "within 0..60ms -> . 1:1(0) ack 1\n}\n",
		 two, 0},
		{HEAD "one of {\n-> R 0:0(0)\nor\n-> S 0:0(0) win 8\n}\n", two, 3},
		{HEAD "one of {\n-> R 0:0(0)\nor\nsilence for 9ms\n}\n", nothing, 0},
		{HEAD "one of {\n-> R 0:0(0)\nor\nsilence for 9ms\n}\n", two, 6},
		{HEAD "one of {\n-> R 0:0(0)\nor\n-> F 0:0(0)\n}\n", nothing, 3},
		{HEAD "repeat 2 {\nrepeat 2 {\none of {\n-> R 0:0(0)\nor\n}\n}\n}\n", nothing, 0},
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		int line = outcome(trials[i].script, trials[i].lines);

		if (line != trials[i].line)
			fail_msg("fails at %d, not at %d: %s", line, trials[i].line,
				 trials[i].script);
	}
}

/* … the steps of a repeat, groups in it as well, as often as it says. */
TEST(scenario__repeat)
{
	assert_int_equal(
		outcome(HEAD "repeat 3 {\nclose\none of {\n-> S 0:0(0)\nor\nabort\n}\n}\n", NULL),
		0);
	assert_int_equal(scenario.count, 3 * 6);
	for (unsigned int i = 0; i < 18; i += 6) {
		assert_int_equal(scenario.step[i].kind, STEP_CLOSE);
		assert_int_equal(scenario.step[i + 1].kind, STEP_ONE_OF);
		assert_int_equal(scenario.step[i + 1].end, i + 6);
		assert_int_equal(scenario.step[i + 2].end, i + 4);
		assert_int_equal(scenario.step[i + 4].end, i + 6);
	}
}
