/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tx.c: whatever the ways out do, take little, take nothing, complete late, the
 * segments of a connection leave in their order, all of them, and by the way that was
 * asked for. AF_XDP and the calls that send by AF_PACKET are models here; XDP's part in
 * carrier frames is played.
 * Links: user/tx.c user/tx_carrier.c user/tx_packet.c user/text.c user/frame.c user/log.c */
#include "choice.h"
#include "engine.h"
#include "test.h"
#include "tx.h"
#include <errno.h>
#include <sys/socket.h>

enum { CONNECTIONS = 5, STEPS = 4000, SEEDS = 20, POOL = 64, HEADERS = 14 + 20 + 20 };

static struct choice choice;
static struct worker worker;
static struct engine engine;
static struct session session[CONNECTIONS];
static struct conn conn[CONNECTIONS];
static uint32_t arrived[CONNECTIONS];
static struct carrier carrier;
static uint32_t xdp_tx_works = 1;
static uint8_t pool[POOL * TEXT_BLOCK];
/* What the ways out do: take all, some of it, nothing. */
static enum { WILLING, RELUCTANT, STUCK } mood;
static uint32_t refused; /* so many frames from now on, by the device */
static uint64_t by_xdp, by_packet, by_carrier, calls; /* that took something */

/* The text from `seq` on; it repeats itself after 64 KiB. */
static const uint8_t *text_from(uint32_t seq)
{
	static uint8_t text[2 * 65536];

	for (uint32_t i = 0; i < sizeof(text) && !text[sizeof(text) - 2]; i++)
		text[i] = (uint8_t)(i ^ i >> 8);
	return text + seq % 65536;
}

/* A frame has left: it must be the next of its connection. */
static void arrive(const uint8_t *frame, uint32_t length)
{
	uint32_t number = (uint32_t)frame[14 + 20 + 3] - 1, seq;

	assert_true(number < CONNECTIONS);
	memcpy(&seq, frame + 14 + 20 + 4, 4);
	seq = __builtin_bswap32(seq);
	assert_int_equal(seq, arrived[number]);
	assert_memory_equal(frame + HEADERS, text_from(seq), length - HEADERS);
	arrived[number] += length - HEADERS;
}

/* --- AF_XDP: frames that the device takes, and completes later -------------------------- */

struct tx_xdp {
	uint8_t frame[TX_XDP_FRAMES][TX_XDP_FRAME];
	uint32_t length[TX_XDP_FRAMES];
	uint32_t filled, taken, completed, queued;
};

static struct tx_xdp device;

int tx_xdp_open(struct tx_xdp **t, const char *interface, uint32_t queue)
{
	(void)interface;
	(void)queue;
	*t = &device;
	return 0;
}

void tx_xdp_close(struct tx_xdp *t)
{
	(void)t;
}

static uint32_t some_of(uint32_t most)
{
	switch (mood) {
	case WILLING: return most;
	case RELUCTANT: return choose(&choice, most + 1);
	default: return 0;
	}
}

void tx_xdp_flush(struct tx_xdp *t)
{
	uint32_t more = some_of(t->filled - t->taken);

	while (more--) {
		arrive(t->frame[t->taken % TX_XDP_FRAMES], t->length[t->taken % TX_XDP_FRAMES]);
		t->taken++;
	}
	t->completed += some_of(t->taken - t->completed);
	t->queued = 0;
}

bool tx_xdp_had_room(const struct tx_xdp *t, uint32_t count)
{
	return t->filled - t->completed + count <= TX_XDP_FRAMES;
}

bool tx_xdp_has_room(struct tx_xdp *t, uint32_t count)
{
	if (!tx_xdp_had_room(t, count))
		tx_xdp_flush(t);
	return tx_xdp_had_room(t, count);
}

void tx_xdp_send(struct tx_xdp *t, const struct iovec *pieces, int count)
{
	uint32_t at = t->filled % TX_XDP_FRAMES;

	assert_true(tx_xdp_had_room(t, 1));
	t->length[at] = 0;
	for (int i = 0; i < count; i++) {
		assert_true(t->length[at] + pieces[i].iov_len <= TX_XDP_FRAME);
		memcpy(t->frame[at] + t->length[at], pieces[i].iov_base, pieces[i].iov_len);
		t->length[at] += (uint32_t)pieces[i].iov_len;
	}
	t->filled++;
	t->queued++;
	by_xdp++;
}

bool tx_xdp_is_pending(const struct tx_xdp *t)
{
	return t->filled != t->taken;
}

uint32_t tx_xdp_queued(const struct tx_xdp *t)
{
	return t->queued;
}

/* --- AF_PACKET: instead of libc's ------------------------------------------------------- */

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	static uint8_t frame[TX_PACKET_MOST];
	uint32_t length = 0;

	(void)fd;
	(void)flags;
	if (mood == STUCK || (mood == RELUCTANT && chance(&choice, 70))) {
		errno = EAGAIN;
		return -1;
	}
	for (size_t i = 1; i < m->msg_iovlen; i++) {
		memcpy(frame + length, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
		length += (uint32_t)m->msg_iov[i].iov_len;
	}
	/* Where AF_XDP carries all, only what has no place in its frames comes here. */
	if (worker.tx.all_by_xdp)
		assert_true(length > TX_XDP_FRAME);
	by_packet++;
	calls++;
	arrive(frame, length);
	return length;
}

/* As many as it takes; the call fails if that is none. Small frames lie in one piece. */
int sendmmsg(int fd, struct mmsghdr *m, unsigned int count, int flags)
{
	uint32_t taken = refused ? 0 : some_of(count);

	(void)fd;
	(void)flags;
	for (uint32_t i = 0; i < taken; i++) {
		const struct iovec *iov = m[i].msg_hdr.msg_iov;

		assert_int_equal(m[i].msg_hdr.msg_iovlen, 1);
		arrive((uint8_t *)iov->iov_base + sizeof(struct virtio_net_hdr),
		       (uint32_t)(iov->iov_len - sizeof(struct virtio_net_hdr)));
	}
	by_packet += taken;
	calls += taken > 0;
	if (taken)
		return (int)taken;
	errno = refused ? ENOBUFS : EAGAIN;
	refused -= refused > 0;
	return -1;
}

/* --- the rest of the world ---------------------------------------------------------------- */

static void frames_come(uint32_t count)
{
	while (count-- && carrier_waits(carrier.claimed, carrier.filled)) {
		const struct carrier_slot *slot = &carrier.slot[carrier.claimed % CARRIER_SLOTS];

		arrive(slot->bytes, slot->length);
		assert_true(carrier_claim(&carrier, carrier.claimed));
		by_carrier++;
	}
}

static void begin(uint64_t seed, uint32_t mtu, bool carriers)
{
	choice = choice_from_seed(seed);
	memset(&device, 0, sizeof(device));
	memset(&carrier, 0, sizeof(carrier));
	memset(&worker, 0, sizeof(worker));
	by_xdp = by_packet = by_carrier = calls = 0;
	mood = WILLING;
	worker.engine = &engine;
	worker.tx = (struct tx){
		.carrier = {.ring = carriers ? &carrier : NULL, .works = &xdp_tx_works},
		.packet = {.fd = -1,
			   .hold = malloc(TX_PACKET_MOST),
			   .queue = calloc(TX_PACKET_BATCH, sizeof(struct tx_packet_small))},
		.xdp = &device,
		.mtu = mtu,
	};
	assert_int_equal(text_pool_make(&worker.text, pool, POOL), 0);
	for (int i = 0; i < CONNECTIONS; i++) {
		conn[i] = (struct conn){.snd.mss = (uint16_t)(mtu - 52), .link.v4 = 1};
		conn[i].tuple.remote_port = __builtin_bswap16((uint16_t)(i + 1));
		session[i] = (struct session){.worker = &worker, .conn = &conn[i]};
		text_chain_make(&session[i].send);
		conn[i].snd.nxt = arrived[i] = choose(&choice, UINT32_MAX);
	}
}

static void end(void)
{
	free(worker.tx.packet.hold);
	free(worker.tx.packet.queue);
	text_pool_destroy(&worker.text);
}

/* One, less than a segment, one segment, or as much as goes at a time. */
static uint32_t some_length(const struct conn *c)
{
	uint32_t most = tx_text_most(&worker.tx, c), mss = c->snd.mss;

	switch (choose(&choice, 4)) {
	case 0: return 1;
	case 1: return choose_between(&choice, 1, mss - 1);
	case 2: return mss;
	default: return most;
	}
}

static void send_text(uint32_t number, uint32_t length)
{
	struct conn *c = &conn[number];
	struct session *s = &session[number];
	struct segment seg = {.seq = c->snd.nxt, .flags = ACK, .wnd = 1, .text_length = length};
	struct iovec all = {(void *)text_from(seg.seq), length};

	assert_int_equal(text_write(&worker.text, TEXT_SEND, &s->send, seg.seq, &all),
			 seg.text_length);
	tx_text(&worker, s, &seg);
	text_release_all(&worker.text, TEXT_SEND, &s->send); /* what is held was copied */
	c->snd.nxt += seg.text_length;
}

static void send_one(uint32_t number)
{
	if (tx_is_ready(&worker.tx))
		send_text(number, some_length(&conn[number]));
}

static void step(void)
{
	if (chance(&choice, 80))
		send_one(choose(&choice, CONNECTIONS));
	else if (chance(&choice, 50))
		frames_come(choose(&choice, 20));
	else
		tx_flush(&worker.tx, chance(&choice, 50));
}

/* Once the ways are free, all leave, and nobody waits for anything. */
static void leave_all(void)
{
	mood = WILLING;
	for (int i = 0; i < 3; i++) {
		assert_true(tx_is_ready(&worker.tx));
		tx_flush(&worker.tx, true);
		tx_drain(&worker.tx);
	}
	assert_false(tx_is_waiting(&worker.tx));
	assert_false(tx_is_carrying(&worker.tx));
	assert_int_equal(worker.tx.lost, 0);
	for (int i = 0; i < CONNECTIONS; i++)
		assert_int_equal(arrived[i], conn[i].snd.nxt);
}

static void run(uint64_t seed, uint32_t mtu, bool all_by_xdp, bool carriers)
{
	begin(seed, mtu, carriers);
	worker.tx.all_by_xdp = all_by_xdp;
	for (int i = 0; i < STEPS; i++) {
		/* Where there is a choice of ways, AF_XDP that is not emptied may be
		 * overtaken; so there it is. */
		mood = all_by_xdp ? i / 400 % 3 : WILLING;
		step();
	}
	leave_all();
	assert_true(by_xdp > 0);
	assert_true(!carriers || by_carrier > 0);
	assert_int_equal(by_packet > 0, !all_by_xdp || mtu + 18 > TX_XDP_FRAME);
	end();
}

static void run_seeds(uint32_t mtu, bool all_by_xdp)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed, mtu, all_by_xdp, seed % 2);
}

TEST(transmit__by_each_way_in_order)
{
	run_seeds(1500, false);
}

TEST(transmit__all_by_xdp_in_order)
{
	run_seeds(1500, true);
}

TEST(transmit__longer_than_the_frames_of_xdp)
{
	run_seeds(3000, true);
}

/* A device that takes nothing: no more is pulled than there is room for, and what waits
 * for a carrier, and may have to leave before, would still find some. */
TEST(transmit__xdp_is_full)
{
	begin(1, 1500, true);
	worker.tx.all_by_xdp = true;
	mood = STUCK;
	for (int i = 0; i < 4 * TX_XDP_FRAMES; i++)
		send_one((uint32_t)i % CONNECTIONS);
	assert_false(tx_is_ready(&worker.tx));
	assert_true(tx_is_waiting(&worker.tx));
	assert_true(tx_xdp_had_room(&device, CARRIER_SLOTS));
	mood = RELUCTANT; /* all has left, and little was completed */
	while (tx_xdp_is_pending(&device))
		tx_xdp_flush(&device);
	device.completed = 0;
	mood = STUCK;
	assert_false(tx_is_ready(&worker.tx));
	assert_true(tx_is_waiting(&worker.tx));
	leave_all();
	assert_true(tx_is_ready(&worker.tx));
	end();
}

/* Small segments are gathered, and leave by fewer calls; longer ones not before them. */
TEST(transmit__gathered_for_af_packet)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, seed % 2 ? 1500 : 3000, false);
		worker.tx.xdp = NULL;
		for (int i = 0; i < STEPS; i++) {
			mood = i / 400 % 3;
			step();
		}
		leave_all();
		assert_int_equal(by_xdp, 0);
		assert_true(calls < by_packet);
		end();
	}
}

/* Whether XDP_TX arrives may change at any time. */
TEST(transmit__gathered_or_carried)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, 1500, true);
		worker.tx.xdp = NULL;
		for (int i = 0; i < STEPS; i++) {
			if (chance(&choice, 5))
				xdp_tx_works = !xdp_tx_works;
			step();
		}
		xdp_tx_works = 1;
		leave_all();
		assert_true(by_carrier > 0);
		assert_true(calls < by_packet);
		end();
	}
}

/* They are lost, as on any link, and nobody else is. */
TEST(transmit__refused_by_the_device)
{
	begin(1, 1500, false);
	worker.tx.xdp = NULL;
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		send_text(i, 100);
	assert_int_equal(calls, 0);
	refused = 2;
	tx_flush(&worker.tx, true);
	assert_int_equal(refused, 0);
	assert_int_equal(by_packet, CONNECTIONS - 2);
	assert_false(tx_is_waiting(&worker.tx));
	for (uint32_t i = 2; i < CONNECTIONS; i++)
		assert_int_equal(arrived[i], conn[i].snd.nxt);
	end();
}

TEST(transmit__names)
{
	begin(1, 1500, false);
	assert_string_equal(tx_name_bulk(&worker.tx), "AF_PACKET GSO");
	worker.tx.all_by_xdp = true;
	assert_string_equal(tx_name_bulk(&worker.tx), "AF_XDP copy");
	worker.tx.mtu = 9000;
	assert_string_equal(tx_name_bulk(&worker.tx), "AF_XDP copy, longer segments AF_PACKET GSO");
	end();
}
