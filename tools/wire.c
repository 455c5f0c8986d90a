/* SPDX-License-Identifier: BSD-2-Clause */
/* An imperfect wire: relays frames between two interfaces and loses, repeats,
 * reorders, delays and corrupts some on the way, by a seed.
 *
 *   interface A ── AF_PACKET ─► arrive: checksum completed, segmented
 *                               impair: five draws for each frame
 *                               queue: by due time, bounded ─► AF_PACKET ── interface B
 *
 * and the same from B to A. Each direction has its own generator and draws five
 * numbers for each frame, so that the fate of the nth frame depends on the seed
 * and n alone. A checksum that the sender left to the device is completed
 * before anything else, so that corruption can be noticed at the other end.
 * Limits: a VLAN tag that the device took off stays off; super-segments other
 * than TCP's are refused (and counted). */
#include "wire_offload.h"
#include <argp.h>
#include <errno.h>
#include <error.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, SOCKET_BUFFER = 16 << 20 };

#define MILLISECOND 1000000ull
#define SECOND 1000000000ull
#define NEVER UINT64_MAX

/* What happens to frames, and how often: shares of 1, times in ns. */
struct impairment {
	double loss;
	double duplicate;
	double reorder;
	double corrupt;
	uint64_t delay;
	uint64_t jitter;
	uint64_t hold;	    /* how much later than its turn a reordered frame leaves */
	double bits_per_ns; /* 0: no limit */
};

struct statistics {
	uint64_t seen;
	uint64_t passed;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupted;
	uint64_t overflowed; /* our queue was full */
	uint64_t refused;    /* by the interface, or a kind that we cannot cut */
};

struct frame {
	uint64_t due;
	uint64_t order;
	uint32_t length;
	uint8_t bytes[];
};

/* A binary heap: the earliest frame first, in order of arrival where due at once. */
struct queue {
	struct frame **frame;
	uint32_t count;
	uint32_t most;
	uint64_t order;
};

struct direction {
	struct impairment impairment;
	struct statistics statistics;
	struct queue queue;
	uint64_t random;
	uint64_t last_due;  /* of the last frame that kept its turn */
	uint64_t link_free; /* when the last one is on the wire, with a rate */
	int in;
	int out;
};

struct wire {
	const char *name[2];
	struct direction direction[2]; /* 0: from name[0] to name[1] */
	uint64_t seed;
	uint32_t queue;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* SplitMix64: small, and good enough for coins. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static bool random_happens(uint64_t draw, double share)
{
	return (double)(draw >> 11) * 0x1p-53 < share;
}

/* --- the queue ------------------------------------------------------------ */

static bool frame_before(const struct frame *a, const struct frame *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static bool queue_put(struct queue *q, const uint8_t *bytes, uint32_t length, uint64_t due)
{
	struct frame *f = q->count < q->most ? malloc(sizeof(*f) + length) : NULL;
	uint32_t i;

	if (!f)
		return false;
	*f = (struct frame){.due = due, .order = q->order++, .length = length};
	memcpy(f->bytes, bytes, length);
	for (i = q->count++; i && frame_before(f, q->frame[(i - 1) / 2]); i = (i - 1) / 2)
		q->frame[i] = q->frame[(i - 1) / 2];
	q->frame[i] = f;
	return true;
}

/* Takes the first out; the caller frees it. */
static struct frame *queue_take(struct queue *q)
{
	struct frame *first = q->frame[0];
	struct frame *last = q->frame[--q->count];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < q->count) {
		if (child + 1 < q->count && frame_before(q->frame[child + 1], q->frame[child]))
			child++;
		if (!frame_before(q->frame[child], last))
			break;
		q->frame[i] = q->frame[child];
		i = child;
	}
	q->frame[i] = last;
	return first;
}

static uint64_t queue_due(const struct queue *q)
{
	return q->count ? q->frame[0]->due : NEVER;
}

/* --- what happens to a frame ------------------------------------------------ */

static bool is_ip(const uint8_t *bytes)
{
	const struct ethhdr *eth = (const void *)bytes;

	return eth->h_proto == htons(ETH_P_IP) || eth->h_proto == htons(ETH_P_IPV6);
}

/* One bit: what any Internet checksum notices. Behind the Ethernet header, and
 * not in ARP, which has no checksum that could tell. */
static void corrupt(struct direction *d, uint8_t *bytes, uint32_t length, uint64_t draw)
{
	uint32_t bits;

	if (length <= ETH_HLEN || !is_ip(bytes))
		return;
	bits = (length - ETH_HLEN) * 8;
	draw %= bits;
	bytes[ETH_HLEN + draw / 8] ^= (uint8_t)(1 << draw % 8);
	d->statistics.corrupted++;
}

/* When a frame that keeps its turn leaves: never before the one ahead of it. */
static uint64_t turn(struct direction *d, uint32_t length, uint64_t now, uint64_t draw)
{
	const struct impairment *im = &d->impairment;
	uint64_t due = now + im->delay;

	if (im->jitter)
		due += draw % (im->jitter + 1);
	if (due < d->last_due)
		due = d->last_due;
	if (im->bits_per_ns > 0) {
		if (due < d->link_free)
			due = d->link_free;
		d->link_free = due + (uint64_t)(length * 8 / im->bits_per_ns);
	}
	d->last_due = due;
	return due;
}

static void enqueue(struct direction *d, const uint8_t *bytes, uint32_t length, uint64_t due)
{
	if (!queue_put(&d->queue, bytes, length, due))
		d->statistics.overflowed++;
}

static void impair(struct direction *d, uint8_t *bytes, uint32_t length, uint64_t now)
{
	enum { LOSS, DUPLICATE, REORDER, CORRUPT, TIME, DRAWS };
	const struct impairment *im = &d->impairment;
	uint64_t draw[DRAWS], due;

	for (int i = 0; i < DRAWS; i++)
		draw[i] = random_next(&d->random);
	d->statistics.seen++;
	if (random_happens(draw[LOSS], im->loss)) {
		d->statistics.lost++;
		return;
	}
	if (random_happens(draw[CORRUPT], im->corrupt))
		corrupt(d, bytes, length, draw[TIME]);
	due = turn(d, length, now, draw[TIME]);
	if (random_happens(draw[REORDER], im->reorder)) {
		d->statistics.reordered++;
		due += im->hold;
	}
	enqueue(d, bytes, length, due);
	if (random_happens(draw[DUPLICATE], im->duplicate)) {
		d->statistics.duplicated++;
		enqueue(d, bytes, length, due);
	}
}

/* --- in and out ----------------------------------------------------------------- */

static void arrive(void *argument, uint8_t *bytes, uint32_t length)
{
	impair(argument, bytes, length, now_ns());
}

static bool receive_one(struct direction *d)
{
	static uint8_t bytes[FRAME_MAX];
	struct virtio_net_hdr v;
	struct iovec iov[] = {{&v, sizeof(v)}, {bytes, sizeof(bytes)}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n = recvmsg(d->in, &message, MSG_DONTWAIT);

	if (n < (ssize_t)(sizeof(v) + ETH_HLEN))
		return n >= 0;
	if (!offload_finish(&v, bytes, (uint32_t)n - sizeof(v), &(struct taker){arrive, d}))
		d->statistics.refused++;
	return true;
}

static void receive(struct direction *d)
{
	for (int i = 0; i < BATCH; i++)
		if (!receive_one(d))
			return;
}

/* False: the interface takes no more at the moment. */
static bool transmit(struct direction *d, const struct frame *f)
{
	struct virtio_net_hdr v = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct iovec iov[] = {{&v, sizeof(v)}, {(void *)f->bytes, f->length}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	if (sendmsg(d->out, &message, MSG_DONTWAIT) >= 0)
		d->statistics.passed++;
	else if (errno == EAGAIN || errno == ENOBUFS)
		return false;
	else
		d->statistics.refused++;
	return true;
}

/* Returns when to look again. */
static uint64_t forward(struct direction *d, uint64_t now)
{
	while (queue_due(&d->queue) <= now) {
		if (!transmit(d, d->queue.frame[0]))
			return now + MILLISECOND / 10;
		free(queue_take(&d->queue));
	}
	return queue_due(&d->queue);
}

static void relay(struct wire *w)
{
	struct pollfd ready[2] = {{.fd = w->direction[0].in, .events = POLLIN},
				  {.fd = w->direction[1].in, .events = POLLIN}};
	sigset_t none;

	sigemptyset(&none);
	while (!stop) {
		uint64_t now = now_ns(), next = NEVER;

		for (int i = 0; i < 2; i++) {
			uint64_t due = forward(&w->direction[i], now);

			next = due < next ? due : next;
		}
		now = now_ns();
		next = next < now ? now : next;
		next = next > now + SECOND ? now + SECOND : next;
		if (ppoll(ready, 2,
			  &(struct timespec){.tv_sec = (time_t)((next - now) / SECOND),
					     .tv_nsec = (long)((next - now) % SECOND)},
			  &none) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (ready[i].revents)
				receive(&w->direction[i]);
	}
}

static void print_statistics(const struct wire *w)
{
	for (int i = 0; i < 2; i++) {
		const struct statistics *s = &w->direction[i].statistics;

		printf("%s>%s seen=%" PRIu64 " passed=%" PRIu64 " lost=%" PRIu64
		       " duplicated=%" PRIu64 " reordered=%" PRIu64 " corrupted=%" PRIu64
		       " overflowed=%" PRIu64 " refused=%" PRIu64 "%s",
		       w->name[i], w->name[!i], s->seen, s->passed, s->lost, s->duplicated,
		       s->reordered, s->corrupted, s->overflowed, s->refused, i ? "\n" : " ");
	}
}

/* --- begin -------------------------------------------------------------------- */

static void set_option(int fd, int level, int option, int value, const char *name)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		error(1, errno, "%s: cannot set up the packet socket (option %d)", name, option);
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		error(1, errno, "cannot open a packet socket%s",
		      errno == EPERM ? " (it takes root, or CAP_NET_RAW)" : "");
	address.sll_ifindex = promiscuous.mr_ifindex = (int)if_nametoindex(name);
	if (!address.sll_ifindex)
		error(1, 0, "%s: there is no such interface here", name);
	set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1, name);
	set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, name);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER, name);
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER, name);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)))
		error(1, errno, "%s: cannot be made promiscuous", name);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		error(1, errno, "%s: cannot bind to it", name);
	return fd;
}

static void wire_open(struct wire *w)
{
	int fd[2] = {open_interface(w->name[0]), open_interface(w->name[1])};

	for (int i = 0; i < 2; i++) {
		struct direction *d = &w->direction[i];

		d->in = fd[i];
		d->out = fd[!i];
		d->random = w->seed * 2 + (uint64_t)i;
		d->queue.most = w->queue;
		d->queue.frame = calloc(w->queue, sizeof(*d->queue.frame));
		if (!d->queue.frame)
			error(1, 0, "no memory for a queue of %u frames", w->queue);
	}
}

static void wire_close(struct wire *w)
{
	for (int i = 0; i < 2; i++) {
		while (w->direction[i].queue.count)
			free(queue_take(&w->direction[i].queue));
		free(w->direction[i].queue.frame);
		close(w->direction[i].in);
	}
}

enum { KEY_HOLD = 256, KEY_QUEUE };

static const struct argp_option options[] = {
	{"seed", 's', "N", 0, "of the generators (1)", 0},
	{"loss", 'l', "PERCENT", 0, "frames that vanish", 0},
	{"duplicate", 'd', "PERCENT", 0, "frames that come twice", 0},
	{"reorder", 'r', "PERCENT", 0, "frames that leave later than their turn", 0},
	{"hold", KEY_HOLD, "MS", 0, "how much later that is (2)", 0},
	{"corrupt", 'c', "PERCENT", 0, "IP packets of which one bit is flipped", 0},
	{"delay", 'D', "MS", 0, "of every frame", 0},
	{"jitter", 'j', "MS", 0, "at most so much more, the order kept", 0},
	{"rate", 'R', "MBIT", 0, "of the wire; 0: no limit (0)", 0},
	{"queue", KEY_QUEUE, "FRAMES", 0, "most that wait in each direction (10000)", 0},
	{0},
};

/* "1" for both directions, or "1,2": from A to B, from B to A. */
static void parse_pair(struct argp_state *state, const char *text, double most, double value[2])
{
	char *end;

	value[0] = value[1] = strtod(text, &end);
	if (end != text && *end == ',') {
		text = end + 1;
		value[1] = strtod(text, &end);
	}
	if (end == text || *end || !(value[0] >= 0 && value[0] <= most) ||
	    !(value[1] >= 0 && value[1] <= most))
		argp_error(state, "'%s': a number from 0 to %g is expected, or two with a comma",
			   text, most);
}

static uint64_t parse_number(struct argp_state *state, const char *text, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n > most)
		argp_error(state, "'%s': a number from 0 to %" PRIu64 " is expected", text, most);
	return n;
}

static void set_share(struct argp_state *state, const char *text, size_t member)
{
	struct wire *w = state->input;
	double value[2];

	parse_pair(state, text, 100, value);
	for (int i = 0; i < 2; i++)
		*(double *)((char *)&w->direction[i].impairment + member) = value[i] / 100;
}

static void set_time(struct argp_state *state, const char *text, size_t member)
{
	struct wire *w = state->input;
	double value[2];

	parse_pair(state, text, 60000, value);
	for (int i = 0; i < 2; i++)
		*(uint64_t *)((char *)&w->direction[i].impairment + member) =
			(uint64_t)(value[i] * (double)MILLISECOND);
}

static void set_rate(struct argp_state *state, const char *text)
{
	struct wire *w = state->input;
	double value[2];

	parse_pair(state, text, 1e6, value);
	for (int i = 0; i < 2; i++)
		w->direction[i].impairment.bits_per_ns = value[i] / 1000;
}

static error_t parse_argument(struct argp_state *state, const char *text)
{
	struct wire *w = state->input;

	if (state->arg_num > 1)
		argp_error(state, "'%s' is one interface too many", text);
	w->name[state->arg_num] = text;
	return 0;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct wire *w = state->input;

	switch (key) {
	case 's': w->seed = parse_number(state, text, UINT64_MAX / 2); break;
	case 'l': set_share(state, text, offsetof(struct impairment, loss)); break;
	case 'd': set_share(state, text, offsetof(struct impairment, duplicate)); break;
	case 'r': set_share(state, text, offsetof(struct impairment, reorder)); break;
	case 'c': set_share(state, text, offsetof(struct impairment, corrupt)); break;
	case 'D': set_time(state, text, offsetof(struct impairment, delay)); break;
	case 'j': set_time(state, text, offsetof(struct impairment, jitter)); break;
	case KEY_HOLD: set_time(state, text, offsetof(struct impairment, hold)); break;
	case 'R': set_rate(state, text); break;
	case KEY_QUEUE: w->queue = (uint32_t)parse_number(state, text, 10000000); break;
	case ARGP_KEY_ARG: return parse_argument(state, text);
	case ARGP_KEY_END:
		if (state->arg_num != 2)
			argp_error(state, "two interfaces are expected");
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void handle_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGINT);
	sigprocmask(SIG_BLOCK, &both, NULL); /* let in by ppoll only */
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "A B",
		.doc = "Relays frames between the interfaces A and B and does to them what "
		       "long wires do. A value for each direction: --loss 1,0.5 (A to B, B to A). "
		       "Ends on SIGTERM with one line of what happened.",
	};
	static struct wire w = {.seed = 1, .queue = 10000};

	for (int i = 0; i < 2; i++)
		w.direction[i].impairment.hold = 2 * MILLISECOND;
	argp_parse(&argp, argc, argv, 0, NULL, &w);
	handle_signals();
	wire_open(&w);
	printf("ready: %s and %s, seed %" PRIu64 "\n", w.name[0], w.name[1], w.seed);
	fflush(stdout);
	relay(&w);
	print_statistics(&w);
	wire_close(&w);
	return 0;
}
