/* SPDX-License-Identifier: BSD-2-Clause */
/* The transmission control block of one connection (RFC 9293, 3.3.1), in the
 * RFC's names. It is the value of the `conns` map, at the connection's index:
 * no pointer, no descriptor, nothing that means something only to one process.
 * Written by the daemon alone; `bpftool map dump` prints it with these names.
 *
 * While XDP owns the flow, the receive half here lags behind struct flow_rx by
 * the hit records that are still in the ring; absorbing them (tcp_absorb) makes
 * the two equal. */
#ifndef XTCP_CONN_H
#define XTCP_CONN_H

#include "abi.h"
#include "segment.h"

/* RFC 9293, 3.3.2. CLOSED is 0: a zeroed slot is no connection. */
enum tcp_state {
	CLOSED,
	LISTEN,
	SYN_SENT,
	SYN_RECEIVED,
	ESTABLISHED,
	FIN_WAIT_1,
	FIN_WAIT_2,
	CLOSE_WAIT,
	CLOSING,
	LAST_ACK,
	TIME_WAIT,
	TCP_STATES,
};

/* What the core has to tell whoever runs it; bits of conn.events. The runner
 * reads and clears them after every entry point. */
enum tcp_event {
	EVENT_CONNECTED = 0x01,	  /* reached ESTABLISHED (or CLOSE_WAIT at once) */
	EVENT_READABLE = 0x02,	  /* tcp_unread() grew */
	EVENT_WRITABLE = 0x04,	  /* text was acknowledged: [old una, una) may go */
	EVENT_PEER_CLOSED = 0x08, /* the peer's FIN is in order: no more text comes */
	EVENT_RESET = 0x10,	  /* "connection reset" (3.10.7.4, second) */
	EVENT_REFUSED = 0x20,	  /* "connection refused": RST in SYN_SENT */
	EVENT_TIMED_OUT = 0x40,	  /* "connection aborted due to user timeout" */
	EVENT_CLOSED = 0x80,	  /* the state is CLOSED, or LISTEN again: release it */
	EVENT_REOPEN = 0x100,	  /* with CLOSED: deliver this SYN once more, see tcp.h */
};

/* The deadlines that a connection can have, in conn.deadline[]: ns of the
 * runner's clock, 0 for none. */
enum tcp_timer {
	TIMER_RETRANSMIT, /* also probes a zero window: they exclude each other */
	TIMER_DELAYED_ACK,
	TIMER_LIFE,	/* 2 MSL in TIME_WAIT, user timeout and give-up elsewhere */
	TIMER_RECOVERY, /* reordering has had its time; tail loss probe (RFC 8985) */
	TIMER_PACE,	/* when text may go again */
	TCP_TIMERS,
};

/* Sequence numbers [start, end): text received out of order and stored, or text of
 * ours that the peer has SACKed. */
struct span {
	__u32 start;
	__u32 end;
};

enum { SPANS_MAX = 8, SPANS_BOTH = 11 };

/* Where its frames go: link layer, filled from the segment that opened it or
 * from the neighbour table. */
struct link_address {
	__u8 peer_mac[6];
	__u8 own_mac[6];
	__u16 vlan_tci; /* host order, with vlan */
	__u8 vlan;	/* 1: tagged */
	__u8 v4;	/* 1: IPv4 */
};

struct conn {
	struct tuple tuple;
	struct link_address link;
	__u32 generation;
	__u32 id;	 /* for people: the ID of xtcpctl; not used again for long */
	__u8 state;	 /* enum tcp_state; written by set_state() alone */
	__u8 passive;	 /* 1: the OPEN was passive; RST in SYN_RECEIVED → LISTEN */
	__u16 events;	 /* enum tcp_event, to be read and cleared */
	__u8 options;	 /* enum option_bits in use after the handshake */
	__u8 keepalives; /* probes of an idle connection in a row, unanswered */
	__u16 listener;	 /* struct listener.id; of passive opens */
	__u32 flags;	 /* enum conn_flags, the core's own */
	__u64 opened;	 /* ns, when it left CLOSED or LISTEN */

	struct {
		__u32 una;     /* SND.UNA */
		__u32 nxt;     /* SND.NXT; never goes back: what is sent again is `again` */
		__u32 wnd;     /* SND.WND, bytes */
		__u32 wl1;     /* SND.WL1 */
		__u32 wl2;     /* SND.WL2 */
		__u32 iss;     /* ISS */
		__u32 end;     /* end of the text that the user has handed over */
		__u32 limit;   /* bytes of text that the user may have outstanding */
		__u32 wnd_max; /* the largest SND.WND seen */
		__u32 again;   /* [again, lost): found lost, and to be sent again */
		__u32 lost;    /* everything before this that is not SACKed was lost */
		__u32 sacked;  /* bytes from UNA on that have left the network */
		__u32 reduced; /* SND.NXT when cwnd last answered an ECE (ecn.c) */
		__u32 small;   /* end of the last segment sent that was not full */
		__u16 mss;     /* bytes of text in a full-sized segment of ours */
		__u8 window_scale;
		__u8 sacks; /* spans that the peer has SACKed; see rcv.span */
	} snd;

	struct {
		__u32 nxt;	   /* RCV.NXT */
		__u32 edge;	   /* RCV.NXT + RCV.WND: what we accept; never moves left */
		__u32 told;	   /* the part of it that an ACK of ours has advertised */
		__u32 irs;	   /* IRS */
		__u32 user;	   /* text before this was received by the user */
		__u32 limit;	   /* bytes of text that may wait for the user */
		__u32 ack_sent;	   /* Last.ACK.sent */
		__u32 fin;	   /* with CONN_FIN_EARLY: where the FIN stands */
		__u32 newest[3];   /* a byte of the spans last reported (RFC 2018, 4) */
		struct span twice; /* received once more: the next D-SACK block */
		__u16 mss;	   /* text of a full-sized segment of the peer, bytes */
		__u8 window_scale;
		__u8 spans; /* how many of span[] are in use, ascending */
		/* One room for both directions: received spans from the front on,
		 * at most SPANS_MAX; SACKed ones from the back on, snd.sacks. */
		struct span span[SPANS_BOTH];
	} rcv;

	struct {
		__u32 recent;	  /* TS.Recent */
		__u32 offset;	  /* TSval = ms of the clock + this */
		__u64 recent_age; /* ns, when TS.Recent was set */
	} ts;

	struct {
		__u32 srtt;	   /* ns; 0: no sample yet */
		__u32 rttvar;	   /* ns */
		__u64 rto;	   /* ns, before back-off */
		__u64 timed_at;	   /* ns, send time of the segment being timed; 0: none */
		__u32 timed_seq;   /* what acknowledges it */
		__u8 backoff;	   /* times the timer has expired in a row */
		__u8 probes;	   /* zero-window probes in a row */
		__u16 retransmits; /* in all; saturates */
	} rtt;

	struct {
		__u32 cwnd;	  /* bytes */
		__u32 ssthresh;	  /* bytes */
		__u32 recover;	  /* SND.NXT when the phase, or the probe, began */
		__u32 acked;	  /* bytes acknowledged since cwnd last grew */
		__u8 algorithm;	  /* index into the table of congestion.c */
		__u8 phase;	  /* enum congestion_phase */
		__u16 duplicates; /* duplicate ACKs in a row */
		__u32 sent_at;	  /* ms | 1, when text was last sent; 0: never */
		__u32 old_cwnd;	  /* before the last reduction, to undo it */
		__u32 old_ssthresh;
		__u32 delivered; /* PRR: bytes, since recovery began */
		__u32 out;	 /* PRR: bytes sent since then */
		__u32 flight;	 /* PRR: RecoverFS; in flight when it began */
		__u32 state[6];	 /* the algorithm's own */
	} cc;

	struct {
		__u32 suspect; /* lost, unless it arrives before TIMER_RECOVERY */
		__u32 sent_at; /* µs: when the text at SND.UNA was sent again */
		__u32 min_rtt; /* ns */
		__u32 latest;  /* ns, of the last ACK; 0: it gave no measurement */
		__u32 undo;    /* bytes sent again that no D-SACK has named */
		__u32 jump;    /* snd.again goes on from here … */
		__u32 jump_to; /* … at this one; equal: it does not jump */
	} rack;

	/* An answer that the state does not imply (RST, challenge ACK …). */
	struct {
		__u8 flags;  /* control bits; 0: none */
		__u8 budget; /* challenge ACKs sent since `since` */
		__u16 since; /* seconds of the clock; wraps */
		__u32 seq;
	} answer;

	__u64 deadline[TCP_TIMERS];

	/* Account of the flow's owner changes, for people and for hand-back. */
	__u32 hits;	   /* hit records absorbed; equals flow_rx.hits when even */
	__u32 punts;	   /* punted segments of this connection processed */
	__u32 handed_over; /* times the daemon came to own the flow */
	__u32 handed_back; /* times XDP got it back */
	__u64 bytes_in;	   /* text received in order */
	__u64 bytes_out;   /* text acknowledged by the peer */
};

_Static_assert(sizeof(struct conn) <= 512, "memory per idle connection is a promise");

#endif
