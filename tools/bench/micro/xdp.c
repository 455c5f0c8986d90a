/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the XDP program takes for one segment, by kind of segment and number of
 * flows, each run with another flow, chosen uniformly at random.
 *
 *   tables.c (program, maps, flows)      rig/frame.c (one frame for each kind)
 *         └───────────► rounds: `nothing`, then the program ◄───┘
 *
 * A round is one BPF_PROG_TEST_RUN of thousands of runs; what comes out is the median
 * of all rounds' ns less the median with `nothing` in the program's place. A run that
 * did not end in the verdict's expected reason spoils the measurement, and is told.
 *
 * Prints lines of words: kind, flows, median, least and most ns, ns of measuring. With
 * --verifier instead: program, instructions that the verifier went through, bytes of
 * machine code. */
#include "tables.h"
#include "aim.skel.h"
#include "rig/frame.h"
#include "reason.h"
#include "segment.h"
#include "xdp_main.skel.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UPS = 8, ROUNDS_MOST = 1000, FLOWS_MOST = 8, RECORD_SLACK = 1024 };

struct kind {
	const char *name;
	uint32_t text;
	enum reason reason;
	void (*change)(struct frame *f);
	bool carries; /* each frame leaves as another, of the same length */
};

static void set_udp(struct frame *f)
{
	f->protocol = 17;
}

static void set_other_port(struct frame *f)
{
	f->local_port = 22;
}

static void set_ahead(struct frame *f)
{
	f->seq++;
}

static const struct kind kinds[] = {
	{"pass", 64, REASON_PASS_NOT_TCP, set_udp, false},
	{"miss", 64, REASON_PASS_NOT_OURS, set_other_port, false},
	{"ack", 0, REASON_HIT_ACK, NULL, false},
	{"text-1", 1, REASON_HIT_TEXT, NULL, false},
	{"text-64", 64, REASON_HIT_TEXT, NULL, false},
	{"carrying-64", 64, REASON_HIT_TEXT, NULL, true},
	{"text-512", 512, REASON_HIT_TEXT, NULL, false},
	{"text-1448", 1448, REASON_HIT_TEXT, NULL, false},
	{"punt", 64, REASON_PUNT_ORDER, set_ahead, false},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct options {
	uint32_t flows[FLOWS_MOST];
	uint32_t flow_counts;
	const char *only; /* NULL: every kind */
	uint32_t rounds;
	uint32_t ring_mib;
	int cpu; /* -1: wherever */
	bool v6;
	bool verifier;
};

struct shot {
	uint8_t bytes[FRAME_MOST];
	uint32_t length;
	uint32_t repeat;
	const struct kind *kind;
};

/* --- the frame -------------------------------------------------------------------- */

/* One's complement: to add this is to take x away. */
static uint64_t less(uint16_t x)
{
	return (uint16_t)~x;
}

static uint16_t word_at(const uint8_t *bytes)
{
	uint16_t x;

	memcpy(&x, bytes, sizeof(x));
	return x;
}

/* The sums without what aim.bpf.c puts in. */
static void give_sums(struct tables *t, const struct frame *f, const uint8_t *bytes)
{
	const uint8_t *tcp = bytes + frame_tcp_offset(f);
	const uint8_t *ip = bytes + frame_ip_offset(f);
	const uint8_t *host = ip + (f->v6 ? 20 : 12);
	uint64_t address = less(word_at(host)) + less(word_at(host + 2));

	t->aim->bss->tcp_sum = less(word_at(tcp + 16)) + address + less(word_at(tcp));
	t->aim->bss->ip_sum = less(word_at(ip + 10)) + address;
}

static void load(struct tables *t, const struct kind *k, struct shot *s)
{
	struct frame f = {
		.v6 = t->v6,
		.seq = FLOW_RCV_NXT,
		.ack = FLOW_SND_UNA + FLOW_IN_FLIGHT / 2,
		.flags = ACK,
		.wnd = 500,
		.timestamps = true,
		.tsval = FLOW_TS_RECENT + 1,
		.text = k->text,
	};

	if (k->change)
		k->change(&f);
	s->kind = k;
	s->length = frame_build(&f, s->bytes);
	s->repeat = k->carries ? CARRIER_SLOTS : t->ring_bytes / (k->text + RECORD_SLACK);
	give_sums(t, &f, s->bytes);
}

/* --- rounds ----------------------------------------------------------------------- */

/* ns a run. */
static uint32_t fire(struct tables *t, const struct shot *s, int program)
{
	bool real = program == bpf_program__fd(t->program->progs.xtcp_xdp);
	LIBBPF_OPTS(bpf_test_run_opts, o);

	o.data_in = s->bytes;
	o.data_size_in = s->length;
	o.repeat = (int)s->repeat;
	tables_aim_at(t, program);
	t->aim->bss->changes_flow = real && !reason_is_pass(s->kind->reason);
	must(!bpf_prog_test_run_opts(bpf_program__fd(t->aim->progs.run), &o), "BPF_PROG_TEST_RUN");
	tables_forget_records(t);
	return o.duration;
}

/* All runs must have been of that kind. */
static void expect_all(const struct shot *s, const char *what, uint64_t counted)
{
	if (counted == s->repeat)
		return;
	fprintf(stderr, "%s: only %llu of %u runs %s\n", s->kind->name, (unsigned long long)counted,
		s->repeat, what);
	exit(1);
}

static uint32_t fire_for_real(struct tables *t, const struct shot *s)
{
	uint64_t before = tables_counted(t, s->kind->reason);
	uint32_t claimed = t->carrier->claimed, ns;

	if (s->kind->carries)
		tables_load_carrier(t, s->bytes, s->length, s->repeat);
	ns = fire(t, s, bpf_program__fd(t->program->progs.xtcp_xdp));
	expect_all(s, "were that", tables_counted(t, s->kind->reason) - before);
	if (s->kind->carries)
		expect_all(s, "carried a segment", t->carrier->claimed - claimed);
	return ns;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void measure(struct tables *t, const struct shot *s, uint32_t rounds)
{
	static uint32_t real[ROUNDS_MOST], nothing[ROUNDS_MOST];
	uint32_t base;

	for (int i = 0; i < WARM_UPS; i++)
		fire_for_real(t, s);
	for (uint32_t i = 0; i < rounds; i++) {
		nothing[i] = fire(t, s, bpf_program__fd(t->aim->progs.nothing));
		real[i] = fire_for_real(t, s);
	}
	qsort(nothing, rounds, sizeof(nothing[0]), by_size);
	qsort(real, rounds, sizeof(real[0]), by_size);
	base = nothing[rounds / 2];
	printf("%s %u %d %d %d %u\n", s->kind->name, t->aim->bss->flow_count,
	       (int)(real[rounds / 2] - base), (int)(real[0] - base),
	       (int)(real[rounds - 1] - base), base);
	fflush(stdout);
}

static void measure_all(struct tables *t, const struct options *o)
{
	static struct shot s;

	for (uint32_t i = 0; i < o->flow_counts; i++) {
		tables_fill(t, o->flows[i]);
		for (size_t k = 0; k < KINDS; k++) {
			if (o->only && strcmp(o->only, kinds[k].name))
				continue;
			load(t, &kinds[k], &s);
			measure(t, &s, o->rounds);
		}
	}
}

static void print_verifier(const struct tables *t)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, t->program->obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t length = sizeof(info);

		must(!bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length),
		     "bpf_prog_info");
		printf("%s %u %u\n", bpf_program__name(program), info.verified_insns,
		       info.jited_prog_len);
	}
}

/* --- what is wanted --------------------------------------------------------------- */

static int usage(void)
{
	fputs("usage: xdp [--flows N,N,…] [--only KIND] [--rounds N] [--ring-mib N] [--cpu N] "
	      "[--v6]\n"
	      "       xdp --verifier\n"
	      "  --flows     established flows, ascending (1,10000,1000000)\n"
	      "  --ring-mib  a power of two (16, as the daemon's)\n"
	      "kinds:",
	      stderr);
	for (size_t k = 0; k < KINDS; k++)
		fprintf(stderr, " %s", kinds[k].name);
	fputc('\n', stderr);
	return 2;
}

static bool read_flows(struct options *o, char *list)
{
	uint32_t last = 0;

	o->flow_counts = 0;
	for (char *at; (at = strsep(&list, ","));) {
		uint32_t n = (uint32_t)strtoul(at, NULL, 10);

		if (n <= last || o->flow_counts == FLOWS_MOST)
			return false;
		o->flows[o->flow_counts++] = last = n;
	}
	return o->flow_counts;
}

static bool is_kind(const char *name)
{
	for (size_t k = 0; k < KINDS; k++)
		if (!strcmp(name, kinds[k].name))
			return true;
	return false;
}

static bool read_options(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"flows", 1, NULL, 'f'},    {"only", 1, NULL, 'o'}, {"rounds", 1, NULL, 'r'},
		{"ring-mib", 1, NULL, 'm'}, {"cpu", 1, NULL, 'c'},  {"v6", 0, NULL, '6'},
		{"verifier", 0, NULL, 'v'}, {NULL, 0, NULL, 0},
	};

	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 'f':
			if (!read_flows(o, optarg))
				return false;
			break;
		case 'o': o->only = optarg; break;
		case 'r': o->rounds = (uint32_t)atoi(optarg); break;
		case 'm': o->ring_mib = (uint32_t)atoi(optarg); break;
		case 'c': o->cpu = atoi(optarg); break;
		case '6': o->v6 = true; break;
		case 'v': o->verifier = true; break;
		default: return false;
		}
	}
	if (o->only && !is_kind(o->only))
		return false;
	return optind == argc && o->rounds && o->rounds <= ROUNDS_MOST && o->ring_mib;
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "that CPU");
}

int main(int argc, char **argv)
{
	struct options o = {{1, 10000, 1000000}, 3, NULL, 25, 16, -1, false, false};
	struct tables t;

	if (!read_options(&o, argc, argv))
		return usage();
	stay_on(o.cpu);
	tables_open(&t, o.flows[o.flow_counts - 1], o.ring_mib << 20, o.v6);
	if (o.verifier)
		print_verifier(&t);
	else
		measure_all(&t, &o);
	tables_close(&t);
	return 0;
}
