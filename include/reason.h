/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a segment went the way it went: one row of `counters` each.
 *
 * Every frame that XDP sees is counted once, at the single exit, under exactly
 * one of hit_, punt_, drop_ or pass_; the rows that it uses end with
 * DROP_RING_FULL. The daemon counts in rows of its own (enum reason again) what it
 * drops after a punt. `xtcpctl counters` prints the names below. */
#ifndef XTCP_REASON_H
#define XTCP_REASON_H

/* X(NAME, "name", "what it means") */
#define XTCP_REASONS(X)                                                                            \
	X(PASS_NOT_IP, "pass_not_ip", "ARP and every other EtherType")                             \
	X(PASS_NOT_TCP, "pass_not_tcp", "IP, but not TCP")                                         \
	X(PASS_NOT_OURS, "pass_not_ours", "TCP of nobody that xtcp knows")                         \
	X(PASS_FRAGMENT, "pass_fragment", "an IP fragment that does not begin with our port")      \
	X(PASS_MALFORMED, "pass_malformed", "headers that cannot be read and are not ours")        \
	X(HIT_TEXT, "hit_text", "text in order, taken by XDP")                                     \
	X(HIT_TEXT_ACKED, "hit_text_acked", "the same, acknowledged in place by XDP_TX")           \
	X(HIT_ACK, "hit_ack", "an acknowledgment or window update, taken by XDP")                  \
	X(PUNT_SYN, "punt_syn", "SYN to a listener")                                               \
	X(PUNT_STRAY, "punt_stray", "to a listener, of no connection")                             \
	X(PUNT_OWNER, "punt_owner", "the daemon owns the flow")                                    \
	X(PUNT_BUSY, "punt_busy", "another CPU has the flow")                                      \
	X(PUNT_CONTROL, "punt_control", "SYN, FIN, RST, URG, ECE or CWR, or no ACK")               \
	X(PUNT_CONGESTION, "punt_congestion", "marked CE by a router, and ECN is in use")          \
	X(PUNT_OPTIONS, "punt_options", "options other than the negotiated timestamps")            \
	X(PUNT_PAWS, "punt_paws", "a timestamp older than TS.Recent")                              \
	X(PUNT_ORDER, "punt_order", "SEG.SEQ is not RCV.NXT")                                      \
	X(PUNT_WINDOW, "punt_window", "text beyond the receive window")                            \
	X(PUNT_ACK_RANGE, "punt_ack_range", "SEG.ACK outside SND.UNA … SND.NXT")                   \
	X(PUNT_DUPLICATE_ACK, "punt_duplicate_ack", "acknowledges and changes nothing")            \
	X(PUNT_ZERO_WINDOW, "punt_zero_window", "the peer closes its window")                      \
	X(PUNT_POOL, "punt_pool", "text while the text pool runs low")                             \
	X(DROP_IP_HEADER, "drop_ip_header", "to a listener's address; IP header or lengths wrong") \
	X(DROP_TCP_HEADER, "drop_tcp_header", "TCP header shorter or longer than its packet")      \
	X(DROP_CHECKSUM, "drop_checksum", "TCP or IPv4 header checksum wrong")                     \
	X(DROP_FRAGMENT, "drop_fragment", "a fragment to a listener")                              \
	X(DROP_BACKLOG, "drop_backlog", "of no connection, while too many of those wait")          \
	X(DROP_RING_FULL, "drop_ring_full", "no room in the worker's ring; the peer sends again")  \
	X(DROP_TOO_LARGE, "drop_too_large", "a frame larger than any ring record")                 \
	X(DROP_OPTIONS, "drop_options", "options that run past the TCP header")                    \
	X(DROP_SOURCE, "drop_source", "from an address that cannot be a peer's")                   \
	X(DROP_NO_CONNECTION, "drop_no_connection", "the connection table is full")                \
	X(DROP_HALF_OPEN, "drop_half_open", "too many in SYN_RECEIVED: the oldest, or the SYN")    \
	X(DROP_STRAY, "drop_stray", "of no connection, and no reply is due")                       \
	X(DROP_TEXT_POOL, "drop_text_pool", "no text block left; not acknowledged")                \
	X(DROP_REPLY_LIMIT, "drop_reply_limit", "a stray whose RST the rate limit withheld")

enum reason {
#define X(name, text, meaning) REASON_##name,
	XTCP_REASONS(X)
#undef X
		REASON_COUNT,
};

/* The rows are in the order pass, hit, punt, drop. */
static inline int reason_is_pass(enum reason r)
{
	return r <= REASON_PASS_MALFORMED;
}

/* What the frame said is in a ring record: the frame itself is not needed any more. */
static inline int reason_has_record(enum reason r)
{
	return r >= REASON_HIT_TEXT && r <= REASON_PUNT_POOL;
}

#endif
