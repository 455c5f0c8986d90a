/* SPDX-License-Identifier: BSD-2-Clause */
/* The protocol's entry points (RFC 9293, 3.10). Sans-I/O: no clock, no system
 * call, no allocation, no global. A runner (the daemon, a test, a fuzzer)
 *
 *   1. calls an entry point with the time and what it needs (struct host),
 *   2. pulls segments with tcp_output() until it returns false,
 *   3. reads and clears conn.events,
 *   4. asks tcp_deadline() when it must call tcp_timeouts().
 *
 * Text is named by sequence number. Text to send stays with the runner from
 * SND.UNA on until it is acknowledged; received text is given to
 * host.store_text, in order or not, and belongs to the user from rcv.user on. */
#ifndef XTCP_TCP_H
#define XTCP_TCP_H

#include "conn.h"
#include <stddef.h>
#include <stdint.h>

#define TCP_SECOND 1000000000ull
#define TCP_NO_DEADLINE UINT64_MAX

/* How long a connection waits for its peer, ns; see struct tcp_settings. */
struct tcp_patience {
	uint64_t user_timeout;
	uint64_t keepalive_idle;
};

/* Same for all connections of a daemon; times in ns. tcp_settings_default()
 * gives the values that RFCs or deployed stacks use, except the secret. */
struct tcp_settings {
	uint8_t secret[16];	     /* key of ISNs and timestamp offsets (RFC 6528) */
	uint64_t two_msl;	     /* life of TIME_WAIT; 60 s */
	uint64_t rto_initial;	     /* 1 s (RFC 6298, 2.1) */
	uint64_t rto_min;	     /* 200 ms, as deployed stacks have it */
	uint64_t rto_max;	     /* 120 s */
	uint64_t delayed_ack;	     /* 40 ms; less than 500 ms (MUST-40) */
	uint64_t syn_timeout;	     /* give up opening: 180 s active (MUST-23), 63 s passive */
	uint64_t user_timeout;	     /* R2: give up without progress; 15 min (MUST-21, SHLD-11) */
	uint64_t keepalive_idle;     /* silence before the first probe; 0: off (MUST-24, -25) */
	uint64_t keepalive_interval; /* between probes; 75 s */
	uint64_t fin_wait_2;	     /* life of FIN_WAIT_2 once the user is gone: 60 s */
	uint32_t send_limit;	     /* bytes of snd.limit at the start */
	uint32_t receive_limit;	     /* bytes of rcv.limit at the start */
	uint16_t mss_v4;	     /* text that fits our link's MTU: MTU - 40 */
	uint16_t mss_v6;	     /* MTU - 60 */
	uint8_t window_scale;	     /* the least shift that we offer, 0 … 14 */
	uint8_t congestion;	     /* enum congestion_algorithm */
	uint8_t quick_ack;	     /* 1: the first text is acknowledged at once */
	uint8_t timestamps;	     /* 1: offer and accept (RFC 7323) */
	uint8_t sack;		     /* 1: offer and accept (RFC 2018) */
	uint8_t nagle;		     /* 1: on (RFC 9293, 3.7.4) */
	uint64_t syn_timeout_passive;
	uint8_t keepalive_probes; /* so many unanswered end the connection; 9 */
	uint8_t pacing;		  /* 1: spread a window over its round trip; 0 */
	uint8_t ecn;		  /* 1: offer and accept (RFC 3168); 0 */
	/* For passive connections whose `listener` is below that number, instead of
	 * the two above; 0: for none. */
	uint16_t listeners;
	const struct tcp_patience *of_listener;
};

/* What a call is made with. Never kept by the core. */
struct host {
	uint64_t now; /* ns; for a segment: when it arrived */
	const struct tcp_settings *settings;
	/* Stores received text at `seq` (at or after rcv.user, within rcv.edge;
	 * maybe beyond rcv.nxt, maybe stored before). Returns how many bytes, from
	 * the first on, it could keep; the rest is not acknowledged. */
	uint32_t (*store_text)(struct host *h, struct conn *c, uint32_t seq, const void *text,
			       uint32_t length);
};

void tcp_settings_default(struct tcp_settings *s);
const char *tcp_state_name(enum tcp_state state);

/* OPEN (3.10.1). `c` is zeroed but for tuple, link, generation, listener, and
 * snd.iss where an incarnation in TIME_WAIT is replaced (see below). */
void tcp_open_passive(struct conn *c, const struct host *h); /* → LISTEN */
void tcp_open_active(struct conn *c, const struct host *h);  /* → SYN_SENT */

/* SEND (3.10.2): the user has put `length` more bytes behind snd.end. Returns 0,
 * -ENOTCONN (no connection yet or any more), -EPIPE (closed by us already) or
 * -ENOBUFS (more than tcp_send_room()). */
int tcp_send(struct conn *c, const struct host *h, uint32_t length);

/* RECEIVE (3.10.3): the user has taken `length` (≤ tcp_unread()) bytes from
 * rcv.user on; opens the window. */
void tcp_receive(struct conn *c, const struct host *h, uint32_t length);

/* CLOSE (3.10.4): no more text from us; what is queued is sent first, then FIN.
 * 0, or -ENOTCONN if it was closed before (the RFC's "connection closing"). */
int tcp_close(struct conn *c, const struct host *h);

/* ABORT (3.10.5): RST where the state has a peer that must know. → CLOSED. */
void tcp_abort(struct conn *c, const struct host *h);

/* The user will neither read nor write any more (after tcp_close): text that
 * arrives now finds nobody and resets the connection (RFC 9293, 3.6.1: MAY-1,
 * SHLD-3), and FIN_WAIT_2 is bounded by settings.fin_wait_2. */
void tcp_forsake(struct conn *c, const struct host *h);

/* SEGMENT ARRIVES (3.10.7). `text`: s->text_length bytes. Checksum verified.
 *
 * In TIME_WAIT a SYN with a newer timestamp or a higher sequence number may begin
 * the next incarnation (RFC 9293, 3.6.1; RFC 6191). The answer is EVENT_CLOSED
 * with EVENT_REOPEN: release this connection and treat the same SYN as one of no
 * connection, giving it to the port's listener if there is one. Put snd.nxt of
 * the old connection into snd.iss of the new one before tcp_open_passive(): the
 * new sequence numbers then begin behind the old ones (MUST-8 alone does not
 * see to that if the old connection was fast). */
void tcp_segment_arrives(struct conn *c, struct host *h, const struct segment *s, const void *text);

/* The same for a segment of no connection (3.10.7.1, CLOSED): the RST that it
 * must be answered with, or false. */
bool tcp_answer_stray(const struct segment *s, struct segment *answer);

/* An ICMP error says that a packet of ours was too large: it began with sequence
 * number `seq`, and `mss` bytes of text would have fitted the path's MTU behind 40
 * (IPv4) or 60 (IPv6) bytes of headers (RFC 1191, 8201). It is believed only if
 * that text is under way (RFC 5927, 7.2); then it is sent again, in smaller
 * segments, without harm to cwnd. Other ICMP errors are no business of the core:
 * none of them may end a connection (RFC 5927, 6.1). */
void tcp_path_mtu(struct conn *c, const struct host *h, uint32_t seq, uint16_t mss);

/* A hit of the fast path: what XDP did, repeated here. `text`: hit's text,
 * `length` bytes. `acked`: XDP acknowledged in place. XDP has promised these
 * bytes to the peer: the runner must have made sure that they can be stored. */
void tcp_absorb(struct conn *c, struct host *h, const struct hit *hit, const void *text,
		uint32_t length, bool acked);

/* May XDP own this flow now? ESTABLISHED, nothing out of order, nothing to
 * recover, nothing to answer, no FIN sent. */
bool tcp_is_plain(const struct conn *c);

/* Is ECN in use? Then a CE mark on a segment means something (RFC 3168). */
bool tcp_uses_ecn(const struct conn *c);

/* TSval of a segment sent now (RFC 7323). */
uint32_t tcp_timestamp(const struct conn *c, const struct host *h);

/* TIMEOUTS (3.10.8): handles every deadline that h->now has reached. */
void tcp_timeouts(struct conn *c, struct host *h);

/* The earliest deadline, ns, or TCP_NO_DEADLINE. */
uint64_t tcp_deadline(const struct conn *c);

/* The next segment to send now (3.8), or false. Its text is s->text_length
 * bytes from s->seq on, at most `max_text` (≥ snd.mss; more where the way out
 * cuts it into segments of snd.mss bytes). Counts as sent. */
bool tcp_output(struct conn *c, const struct host *h, uint32_t max_text, struct segment *s);

/* STATUS (3.10.6) is the structure itself, and: */
uint32_t tcp_send_room(const struct conn *c); /* bytes that tcp_send would take */
uint32_t tcp_unread(const struct conn *c);    /* bytes in order for the user */
bool tcp_peer_is_done(const struct conn *c);  /* FIN received: rcv.nxt is the end */
uint32_t tcp_text_end(const struct conn *c);  /* seq behind the last text received in order */

#endif
