/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection under test and everything around it: its clock, its user, and
 * the peer at the other end, whose part the test speaks in segments.
 *
 *   struct peer p = peer_in(ESTABLISHED);
 *   rx(&p, "P. 1:15(14) ack 1 win 65535");	a segment arrives
 *   after(&p, 40 * MILLISECOND);		time passes, deadline by deadline
 *   tx(&p, ". 1:1(0) ack 15");			the next segment that left must be this
 *   state(&p, ESTABLISHED);
 *   leave(&p);
 *
 * Sequence numbers are relative: to the peer's ISS in what it sends, to ours in
 * what it acknowledges, the other way round for what we send. So are SACK
 * blocks; our timestamps are relative to ts.offset: milliseconds of the clock.
 * After every event all output is pulled, the invariants are checked, and the
 * conversation is noted: it is printed when something fails. */
#ifndef XTCP_TEST_PEER_H
#define XTCP_TEST_PEER_H

#include "failure.h"
#include "stream.h"
#include "tcp.h"

#define MILLISECOND 1000000ull
#define SECOND TCP_SECOND

enum { PEER_QUEUE = 128, JOURNAL_LINES = 96, JOURNAL_LINE = 120 };

struct peer {
	struct conn c;
	struct conn before;
	struct tcp_settings settings;
	uint64_t now;
	uint32_t irs;	   /* the peer's ISS */
	uint32_t iss;	   /* ours, as soon as it is known */
	uint32_t max_text; /* for tcp_output(); 0: one segment */
	uint32_t room;	   /* bytes that store_text still takes */
	uint32_t events;   /* seen and not looked at yet: enum tcp_event */
	struct host host;
	/* Instead of the queue `left`, if set: absolute numbers. */
	void (*sent)(struct peer *p, const struct segment *s);
	struct store text;		 /* received */
	struct segment left[PEER_QUEUE]; /* sent and not looked at yet */
	unsigned int first, count;
	char journal[JOURNAL_LINES][JOURNAL_LINE];
	unsigned int lines;
	bool mute; /* notes nothing: for the many runs of random tests */
};

/* How the handshake goes; what is 0 or NULL has a plain default. */
struct opening {
	const char *syn; /* the peer's SYN (or the SYN in its SYN+ACK): part after seq */
	uint32_t irs;
	uint32_t iss; /* nearly: the clock is set so that our ISS is just before it */
	void (*set)(struct tcp_settings *s);
	bool ecn; /* the SYN offers it, and `set` has us agree (RFC 3168, 6.1.1) */
};

/* With the options that everybody has. */
#define MODERN "win 65535 <mss 1460,ws 7,sackOK,ts 1000 0>"

extern bool peer_v6; /* what the connections of tests run over */

/* A connection that events have brought there; nothing is left unlooked at. */
struct peer peer_in(enum tcp_state state);
struct peer peer_opened(enum tcp_state state, const struct opening *how);
/* CLOSED; for runners with a loop of their own. */
void peer_init(struct peer *p, const struct opening *how);
struct host *peer_host(struct peer *p);

/* Events. Each ends in peer_settle(). */
void peer_rx(struct peer *p, const char *text, struct place at);
void peer_arrives(struct peer *p, const struct segment *s); /* absolute numbers */
void peer_after(struct peer *p, uint64_t ns, struct place at);
void peer_settle(struct peer *p, struct place at);
void peer_timeouts(struct peer *p, uint64_t until, struct place at); /* those due by then */
int user_send(struct peer *p, uint32_t length);
void user_receive(struct peer *p, uint32_t length);
int user_close(struct peer *p);
void user_abort(struct peer *p);
void user_forsake(struct peer *p);

/* What is looked at. */
void peer_tx(struct peer *p, const char *text, struct place at);
void peer_silence(struct peer *p, struct place at);
void peer_state(struct peer *p, enum tcp_state state, struct place at);
void peer_event(struct peer *p, uint32_t events, struct place at);
void peer_ends(struct peer *p, struct place at);
bool peer_next(struct peer *p, struct segment *s); /* relative; false: nothing left */

#define rx(p, text) peer_rx(p, text, HERE)
#define tx(p, text) peer_tx(p, text, HERE)
#define silence(p) peer_silence(p, HERE)
#define after(p, ns) peer_after(p, ns, HERE)
#define state(p, s) peer_state(p, s, HERE)
/* These, and no others, since this was last asked. */
#define events(p, set) peer_event(p, set, HERE)
/* All is over: nothing unlooked at, no deadline, nothing kept. */
#define ends(p) peer_ends(p, HERE)
/* The test has seen enough. */
#define leave(p) silence(p)

void peer_print_journal(const struct peer *p);
__attribute__((noreturn)) void peer_fail(struct peer *p, struct place at, const char *what,
					 const char *detail);
void peer_note(struct peer *p, const char *what, const char *detail);

#endif
