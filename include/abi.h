/* SPDX-License-Identifier: BSD-2-Clause */
/* What XDP and the daemon share: the values of the maps and the records of the
 * rings. Compiled into both; the sizes are asserted, so that neither side can
 * drift. Integers are in host byte order unless their type says __be.
 *
 * The maps, as pinned below --bpffs:
 *   flows      ARRAY, mmapped struct flow, by tuple: flow_place.h    see owner.h
 *   conns      ARRAY, mmapped struct conn (user/tcp/conn.h)          daemon
 *   text       ARRAY, mmapped blocks of send and receive text        daemon
 *   rings      ARRAY_OF_MAPS  worker → RINGBUF of struct record      XDP
 *   workers    ARRAY, mmapped struct worker_wake, by worker          both, atomics
 *   carrier    ARRAY, mmapped struct carrier (carrier.h), by worker  both, see there
 *   riders     DEVMAP         ways back, for copies of a frame        daemon
 *   listeners  HASH           struct listener_key → struct listener  daemon
 *   counters   PERCPU_ARRAY   enum reason → __u64                    XDP
 */
#ifndef XTCP_ABI_H
#define XTCP_ABI_H

#include <linux/types.h>

/* An IPv6 address; IPv4 ones as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
struct address {
	__be32 word[4];
};

/* One connection's two ends, as seen from here. No padding: it is hashed by words. */
struct tuple {
	struct address remote;
	struct address local;
	__be16 remote_port;
	__be16 local_port;
};

/* No wildcards: the daemon enters 0.0.0.0 and :: once per local address. Port 0
 * marks an address that has at least one listener. */
struct listener_key {
	struct address local;
	__be16 port;
	__u16 zero;
};

struct listener {
	__u32 id; /* the daemon's number for it, from 0 */
};

/* The receive half as XDP keeps it. Written only by the owner of the flow. */
struct flow_rx {
	__u32 rcv_nxt;	  /* RCV.NXT */
	__u32 snd_una;	  /* SND.UNA */
	__u32 snd_wnd;	  /* SND.WND, bytes (scaled) */
	__u32 ts_recent;  /* TS.Recent */
	__u32 ack_sent;	  /* the highest acknowledgment that XDP sent in place */
	__u32 hits;	  /* hit records written since the flow was made; wraps */
	__u32 edge_shown; /* the right edge of the window that ack_sent showed */
};

enum flow_flags {
	FLOW_TIMESTAMPS = 0x01, /* negotiated: present in every segment, both ways */
	FLOW_ECN = 0x02,	/* negotiated: a CE mark means something (RFC 3168) */
	FLOW_PARTIAL = 0x04,	/* the peer's SYN had a partial checksum, see csum.h */
};

/* The send half as XDP needs to know it. Written only by the daemon, at any
 * time; each field is one aligned word, and every mixture of old and new ones
 * is safe: snd_nxt, rcv_edge, ack_sent and tsval only advance, the rest is constant.
 * XDP repeats tsval and has no clock of its own for it: that would be ahead of the
 * worker's, whose next text the peer would then drop as old (RFC 7323, 5.3). */
struct flow_tx {
	__u32 snd_nxt;	       /* SND.NXT, published before the segment leaves */
	__u32 rcv_edge;	       /* right edge of the receive window: RCV.NXT + RCV.WND */
	__u32 ack_sent;	       /* the highest acknowledgment that the daemon sent */
	__u32 tsval;	       /* TSval of what the daemon sends now */
	__u16 full_segment;    /* text of a full-sized segment of the peer, bytes */
	__u8 rcv_window_scale; /* shift of the windows that we send */
	__u8 snd_window_scale; /* shift of the windows that the peer sends */
	__u8 flags;	       /* enum flow_flags */
	__u8 worker;	       /* whose ring its records go to */
	__u16 spare;
};

/* What XDP knows of one connection. The first cache line is all that a segment needs
 * and changes; the second says whose it is. */
struct flow {
	__u64 word; /* ownership, see owner.h; of generation 0: nobody's */
	struct flow_rx rx;
	struct flow_tx tx;
	__u32 index; /* into conns */

	struct tuple tuple;
	__u32 passed; /* flows that lie further on their way, see flow_place.h */
	__u32 spare[6];
} __attribute__((aligned(128)));

/* Records of no connection that wait in a worker's ring, see backlog.h. */
struct backlog {
	__u32 waiting; /* by weight; XDP adds, the worker subtracts, both atomically */
	__u32 spare;
	__u64 behind_until; /* CLOCK_MONOTONIC, ns; written by XDP */
};

/* Shared flags of one worker, on a cache line of its own.
 * asleep: the worker sets 1 before it blocks; XDP swaps 1 → 0 and only then
 * asks for a wake-up. The worker looks at the ring's producer position after it
 * has set it, XDP reads it after it has reserved a record, both with a full
 * barrier in between: one of them sees the other. (Not whether a record can be
 * read: one that is reserved already may be submitted without a wake-up.)
 * pool_low: set by the worker while its text pool could not take all
 * that the ring can hold; XDP then punts text instead of acknowledging it. */
struct worker_wake {
	__u32 asleep;
	__u32 pool_low;
	struct backlog backlog;
	__u32 spare[10];
};

enum record_kind {
	RECORD_PUNT, /* data: the frame, Ethernet header to the IP packet's end */
	RECORD_HIT,  /* data: the text, checksum verified; may be empty */
};

enum record_flags {
	RECORD_COUNTED = 0x01, /* punt: included in the ownership word's count */
	RECORD_ACKED = 0x02,   /* hit: XDP acknowledged up to `rx.ack_sent` in place */
	RECORD_KNOWN = 0x04,   /* index and generation are those of a connection */
};

/* What a hit did, for the daemon to repeat on its own transmission control
 * block: the segment, and the receive half as it is after it. */
struct hit {
	__u32 seq;
	__u32 ack;
	__u32 tsval;
	__u32 tsecr;
	struct flow_rx_image {
		__u32 rcv_nxt;
		__u32 snd_una;
		__u32 snd_wnd;
		__u32 ts_recent;
		__u32 ack_sent;
		__u32 hits;
		__u32 edge_shown;
	} rx;
	__u16 wnd;    /* as in the header */
	__u8 flags;   /* enum control_bits */
	__u8 options; /* OPTION_TIMESTAMPS or nothing */
};

/* Head of every ring record; `length` bytes of data follow. It has no time: the clock
 * would be a fifth of what an acknowledgment costs in XDP, so the worker looks at it,
 * once for all that it takes out of the ring together. */
struct record {
	__u32 index; /* into conns; with RECORD_KNOWN */
	__u32 generation;
	__u32 length;
	__u16 reason; /* enum reason */
	__u8 kind;    /* enum record_kind */
	__u8 flags;   /* enum record_flags */
	struct hit hit;
	__u8 data[];
};

_Static_assert(sizeof(struct tuple) == 36, "hashed by words: no padding");
_Static_assert(sizeof(struct listener_key) == 20, "a hash key has no padding");
_Static_assert(__builtin_offsetof(struct flow, tuple) == 64, "one cache line");
_Static_assert(sizeof(struct flow) == 128, "two cache lines");
_Static_assert(sizeof(struct worker_wake) == 64, "one cache line");
_Static_assert(sizeof(struct hit) == 48, "as laid out");
_Static_assert(sizeof(struct record) == 64, "one cache line");

#endif
