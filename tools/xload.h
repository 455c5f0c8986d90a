/* SPDX-License-Identifier: BSD-2-Clause */
/* What the client in XDP and its user part share: see xload.bpf.c.
 *
 * A connection has a slot in the map `clients`, and an id, which is its local
 * address and port: the lowest XLOAD_PORT_BITS bits count ports from
 * XLOAD_FIRST_PORT on, the rest counts addresses from setup.source on. The slot
 * is the id's lowest bits; the other bits tell a slot's connections apart. A flood
 * comes from XLOAD_FLOOD_ADDRESSES addresses, XLOAD_FLOOD_APART further on. */
#ifndef XLOAD_H
#define XLOAD_H

#include <linux/types.h>

enum {
	XLOAD_PORT_BITS = 15,
	XLOAD_FIRST_PORT = 16384,
	XLOAD_TEXT_MIN = 8,
	XLOAD_TEXT_MAX = 1448,
	XLOAD_WINDOW_SCALE = 7,
	XLOAD_V6_MORE = 20, /* bytes of IPv6's header beyond IPv4's */
	XLOAD_FLOOD_ADDRESSES = 1 << 15,
	XLOAD_FLOOD_APART = 1 << 18,
	XLOAD_FRAME = 14 + 40 + 32 + XLOAD_TEXT_MAX + 1,
};

enum xload_mode {
	XLOAD_ECHO,    /* a request outstanding on each connection */
	XLOAD_CONNECT, /* open, one exchange, close; then the next */
	XLOAD_SEND,    /* as fast as windows allow */
	XLOAD_RECEIVE, /* acknowledge every second segment */
	XLOAD_IDLE,    /* open, and stay */
	XLOAD_FLOOD,
};

/* What xload_live does with the frames that it is run over. */
enum xload_job {
	XLOAD_SCAN,  /* open what is free, send again what is unanswered for too long */
	XLOAD_BULK,  /* a segment of text from each connection whose window is open */
	XLOAD_SPOOF, /* a segment from anywhere, of a connection that there is not */
	XLOAD_RESET, /* leave nothing behind at the server */
};

enum xload_state { XLOAD_FREE, XLOAD_SYN_SENT, XLOAD_OPEN, XLOAD_FIN_SENT };

enum xload_tcp_flag {
	XLOAD_FIN = 1,
	XLOAD_SYN = 2,
	XLOAD_RST = 4,
	XLOAD_PSH = 8,
	XLOAD_ACK = 16,
};

/* Set before the programs are loaded. */
struct xload_setup {
	__be32 server[4];  /* IPv4: the last word */
	__be32 network[3]; /* IPv6: what our addresses begin with */
	__be32 server_port;
	__u32 v6;
	__u32 address_sum; /* of `server` and `network`, for the checksum */
	__u32 source;	   /* the last word of the first local address, host order */
	__u32 addresses;   /* so many of them are ours */
	__u32 slots;	   /* connections */
	__u32 slot_mask;   /* of an id */
	__u32 mode;
	__u32 size;	  /* bytes of a request and of its response */
	__u32 timestamps; /* 1: RFC 7323 */
	__u32 flood_flags;
	__u32 ifindex; /* of our end of the link */
	__u64 retry;   /* ns after which something unanswered is sent again */
	__u8 server_mac[6];
	__u8 mac[6];
	__u32 pattern_sum; /* of a request's text but its first eight bytes, for the checksum */
};

struct xload_client {
	__u32 id;
	__u32 state;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 rcv_nxt;
	__u32 got;    /* bytes of the response so far; RECEIVE: segments */
	__u32 number; /* of the request, in its first bytes */
	__u32 ts_recent;
	__u32 snd_wnd;
	__u32 snd_scale;
	__u64 sent_at; /* 0: what is outstanding could not be sent */
	__u64 exchanges;
	__u32 snd_max; /* SEND: snd_nxt before going back */
	__u32 spare;
};

/* X(name, what it counts). The second group should stay zero. */
#define XLOAD_COUNTERS(X)                                                                          \
	X(exchanges, "responses complete and right")                                               \
	X(opened, "connections opened")                                                            \
	X(closed, "connections closed by both sides")                                              \
	X(segments_sent, "segments of text sent in bulk")                                          \
	X(text_received, "bytes of text received in order")                                        \
	X(text_segments, "segments with text received in order")                                   \
	X(pure_acks, "segments without text")                                                      \
	X(partial_checksums, "checksums left to a device that there is not")                       \
	X(window_closed, "bulk segments that had to wait for the window")                          \
	X(split, "responses in more than one segment")                                             \
	X(unsent, "requests that did not fit in the frame at hand: sent by the scan")              \
	X(syn_resent, "SYNs sent again")                                                           \
	X(left_over, "connections of before that the server still had, reset")                     \
	X(flood_sent, "segments of a flood sent")                                                  \
	X(flood_answers, "answers to them")                                                        \
	X(resent, "requests, FINs or bulk text sent again")                                        \
	X(first_unexpected, "")                                                                    \
	X(bad_checksum, "segments with a wrong checksum")                                          \
	X(bad_bytes, "responses that are not the request")                                         \
	X(too_long, "responses longer than the request")                                           \
	X(seq_old, "segments with text that had been received")                                    \
	X(seq_ahead, "segments behind a gap")                                                      \
	X(resets, "connections reset by the server")                                               \
	X(fins, "connections closed by the server")                                                \
	X(strangers, "segments to our addresses that no connection expects")                       \
	X(malformed, "frames that could not be read")

enum xload_counter {
#define XLOAD_COUNTER(name, text) XLOAD_##name,
	XLOAD_COUNTERS(XLOAD_COUNTER)
#undef XLOAD_COUNTER
		XLOAD_COUNTER_COUNT
};

/* Round trip times: 2^4 buckets for each power of two of ns. */
enum { XLOAD_SUB_BITS = 4, XLOAD_BUCKETS = 40 << XLOAD_SUB_BITS };

static inline __u32 xload_bucket(__u64 ns)
{
	__u32 power = 0;
	__u64 rest = ns >> XLOAD_SUB_BITS;
	__u32 bucket;

	for (__u32 step = 32; step; step >>= 1) {
		if (rest >> step) {
			power += step;
			rest >>= step;
		}
	}
	if (ns >> XLOAD_SUB_BITS)
		power++;
	if (!power)
		return (__u32)ns;
	bucket = (power << XLOAD_SUB_BITS) | (__u32)((ns >> (power - 1)) & 15);
	return bucket < XLOAD_BUCKETS ? bucket : XLOAD_BUCKETS - 1;
}

/* The smallest time that falls into a bucket. */
static inline __u64 xload_bucket_floor(__u32 bucket)
{
	__u32 power = bucket >> XLOAD_SUB_BITS;
	__u64 low = bucket & 15;

	return power ? (16 + low) << (power - 1) : low;
}

#endif
