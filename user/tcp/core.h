/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the core share, and nobody else includes. Who calls whom:
 *
 *   calls.c   segment_arrives.c   absorb.c   timeouts.c     change the TCB,
 *        └──────┬──────┘             │           │          by the help of
 *   segment_ack.c  segment_text.c ───┘           │
 *        │              └ reassembly.c           │
 *        └ scoreboard.c recovery.c rack.c rto.c congestion*.c
 *        └ ecn.c
 *   output.c                                                turns it into segments.
 */
#ifndef XTCP_CORE_H
#define XTCP_CORE_H

#include "seq.h"
#include "tcp.h"
#include <assert.h>

enum conn_flags {
	CONN_CLOSE = 0x0001,	    /* the user has closed: FIN follows the text */
	CONN_FIN_SENT = 0x0002,	    /* at snd.end */
	CONN_FIN_RECEIVED = 0x0004, /* in order: at rcv.nxt - 1 */
	CONN_FIN_EARLY = 0x0008,    /* seen at rcv.fin, behind text that is missing */
	CONN_FORSAKEN = 0x0010,	    /* the user neither reads nor writes any more */
	CONN_ACK_NOW = 0x0020,	    /* an acknowledgment is due */
	CONN_SEND_SYN = 0x0040,	    /* SYN or SYN+ACK is due */
	CONN_PROBE = 0x0080,	    /* send, though the window does not allow it */
	CONN_AGAIN_NOW = 0x0100,    /* the next retransmission need not wait for cwnd */
	CONN_SYN_LOST = 0x0200,	    /* our SYN was sent more than once */
	CONN_CLOCK_SET = 0x0400,    /* ts.recent is valid */
	CONN_AGAIN_FIRST = 0x0800,  /* what was sent again at snd.una was lost again */
	CONN_SUSPECT = 0x1000,	    /* rack.suspect is meant */
	CONN_REORDERED = 0x2000,    /* this network has reordered segments */
	CONN_UNDO = 0x4000,	    /* cc.old_cwnd can be given back */
	CONN_UNDO_BY_TIME = 0x8000, /* nothing was acknowledged since it was taken */
	CONN_TAIL_PROBE = 0x10000,  /* a tail loss probe is due */
	CONN_PROBE_OUT = 0x20000,   /* … is under way, up to cc.recover */
	CONN_PROBE_AGAIN = 0x40000, /* … and was nothing new */
	CONN_IDLE = 0x80000,	    /* TIMER_LIFE waits to send a keep-alive */
	CONN_KEEPALIVE = 0x100000,  /* … which is due */
	CONN_CWND_FULL = 0x200000,  /* there was more to send than cwnd allowed */
	CONN_ECN = 0x400000,	    /* both sides speak ECN */
	CONN_ECHO = 0x800000,	    /* every ACK of ours bears ECE, until the peer's CWR */
	CONN_CWR = 0x1000000,	    /* the next new text shall say that cwnd was reduced */
	CONN_REDUCED = 0x2000000,   /* … for a mark, up to snd.reduced: not once more */
};

/* A segment on its way through 3.10.7. `s` is a copy: it is trimmed. */
struct arrival {
	struct conn *c;
	struct host *h;
	struct segment s;
	const uint8_t *text;
	uint32_t seq;	 /* SEG.SEQ as it came */
	uint32_t length; /* SEG.LEN as it came */
};

/* What was so before an ACK was taken, and what is new in it. */
struct news {
	uint32_t una;	 /* SND.UNA before */
	uint32_t sacked; /* snd.sacked before */
	uint32_t high;	 /* end of the highest SACKed span before */
	uint32_t twice;	 /* bytes that a D-SACK block says arrived twice */
	uint32_t again;	 /* end of text newly SACKed that was sent again; or una */
	bool first_time; /* the text at SND.UNA was not sent again before */
	bool duplicate;	 /* RFC 5681, 2 */
};

/* state.c */
void set_state(struct conn *c, enum tcp_state to);
void conn_end(struct conn *c, uint16_t events); /* → CLOSED */
void conn_relisten(struct conn *c);		/* SYN_RECEIVED → LISTEN */
void conn_enter_time_wait(struct conn *c, const struct host *h);
void conn_establish(struct conn *c, const struct host *h);
void conn_watch_life(struct conn *c, const struct host *h);
void conn_note_heard(struct conn *c, const struct host *h);
bool conn_is_synchronized(const struct conn *c);

/* isn.c */
uint32_t isn_choose(const struct conn *c, const struct host *h);
uint32_t isn_timestamp_offset(const struct conn *c, const struct host *h);

/* handshake.c: the options of SYNs */
void handshake_begin(struct conn *c, const struct host *h);
void handshake_take_syn(struct conn *c, const struct host *h, const struct segment *s);
void handshake_offer(const struct conn *c, const struct host *h, struct segment *s);

/* segment_ack.c: 3.10.7.4, fifth */
bool segment_check_ack(struct arrival *a);
void ack_take(struct arrival *a);
void ack_update_window(struct arrival *a);
bool ack_take_fin(struct arrival *a);

/* segment_text.c: 3.10.7.4, first (the window's part), seventh and eighth */
bool segment_is_in_window(const struct conn *c, const struct segment *s);
void segment_trim(struct arrival *a);
void segment_note_twice(struct arrival *a);
void segment_take_text(struct arrival *a);
void segment_take_fin(struct arrival *a);
void segment_note_timestamp(struct arrival *a);

/* window.c: the receive window */
uint32_t window_free(const struct conn *c);
void window_advance(struct conn *c);
bool window_update_is_due(const struct conn *c);
uint16_t window_to_advertise(struct conn *c);

/* reassembly.c */
void reassembly_note_twice(struct conn *c, uint32_t start, uint32_t end);
bool reassembly_has_all(const struct conn *c, uint32_t start, uint32_t end);
bool reassembly_has_room(const struct conn *c, uint32_t start, uint32_t end);
void reassembly_add(struct conn *c, uint32_t start, uint32_t end);
void reassembly_merge(struct conn *c);
uint8_t reassembly_report(const struct conn *c, struct sack_block *block, uint8_t room);

/* rto.c */
void rto_begin(struct conn *c, const struct host *h);
void rto_sample(struct conn *c, const struct host *h, uint64_t rtt);
void rto_take_ack(struct conn *c, const struct host *h, const struct segment *s);
uint64_t rto_backed_off(const struct conn *c, const struct host *h);
void rto_arm(struct conn *c, const struct host *h);
void rto_rearm_or_stop(struct conn *c, const struct host *h);
uint32_t timestamp_at(const struct conn *c, const struct host *h, uint32_t microseconds);

/* recovery.c: which of the text in flight was lost */
uint32_t recovery_pipe(const struct conn *c);
struct news recovery_before(const struct conn *c);
void recovery_take_ack(struct conn *c, const struct host *h, const struct segment *s,
		       const struct news *n);
void recovery_suspect_timeout(struct conn *c, const struct host *h);
void recovery_note_sent(struct conn *c, uint32_t length);
void recovery_note_sent_again(struct conn *c, const struct host *h, uint32_t seq, uint32_t length);
void recovery_timeout(struct conn *c, const struct host *h);
void recovery_segment_size(struct conn *c);
void recovery_forget(struct conn *c);
void recovery_window_opened(struct conn *c);
bool recovery_is_idle(const struct conn *c);

/* rack.c: the same with SACK, and the tail loss probe */
void rack_move_again(struct conn *c, uint32_t to);
bool rack_find_loss(struct conn *c, const struct host *h, const struct news *n);
bool rack_find_older_loss(struct conn *c, const struct host *h);
bool rack_suspect_is_lost(struct conn *c, const struct host *h);
void tail_probe_watch(struct conn *c, const struct host *h);
void tail_probe_timeout(struct conn *c, const struct host *h);
void tail_probe_note_sent(struct conn *c, const struct host *h, bool again);
void tail_probe_take_ack(struct conn *c, const struct host *h, const struct segment *s,
			 const struct news *n);

/* scoreboard.c: what the peer has SACKed */
void scoreboard_take(struct conn *c, const struct segment *s, struct news *n);
void scoreboard_advance(struct conn *c);
void scoreboard_forget(struct conn *c);
bool scoreboard_is_reneged(const struct conn *c);
uint32_t scoreboard_high(const struct conn *c);
uint32_t scoreboard_skip(const struct conn *c, uint32_t seq);
uint32_t scoreboard_hole_end(const struct conn *c, uint32_t seq, uint32_t limit);
uint32_t scoreboard_bytes(const struct conn *c, uint32_t from, uint32_t to);

/* ecn.c */
void ecn_settle(struct conn *c, const struct host *h, const struct segment *syn);
void ecn_offer(const struct conn *c, const struct host *h, struct segment *syn);
void ecn_note_mark(struct arrival *a);
bool ecn_take_echo(struct conn *c, const struct host *h, const struct segment *s);
void ecn_note_reduction(struct conn *c);
void ecn_fill(const struct conn *c, struct segment *s);
void ecn_fill_new(struct conn *c, struct segment *s);

/* path_mtu.c */
void path_mtu_suspect(struct conn *c, uint32_t times);

/* answers.c */
void answer_reset(struct conn *c, uint32_t seq);
void answer_challenge(struct conn *c, const struct host *h);

static inline uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Sent and not acknowledged: sequence numbers, the SYN's and the FIN's too. */
static inline uint32_t conn_flight(const struct conn *c)
{
	return c->snd.nxt - c->snd.una;
}

static inline bool conn_has(const struct conn *c, enum conn_flags flag)
{
	return c->flags & flag;
}

/* Is our SYN not acknowledged? After 4 GiB of text SND.UNA comes to ISS again. */
static inline bool conn_syn_is_first(const struct conn *c)
{
	return c->snd.una == c->snd.iss && !c->bytes_out;
}

/* Is it on its way? */
static inline bool conn_syn_is_out(const struct conn *c)
{
	return conn_syn_is_first(c) && c->snd.nxt != c->snd.iss;
}

#endif
