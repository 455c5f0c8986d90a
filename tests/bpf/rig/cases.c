/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of segments: RFC 9293, 3.10.7 as far as XDP may decide it, and all
 * that can be wrong with a frame before. */
#include "cases.h"
#include "rig.h"
#include "segment.h"
#include <string.h>

static void set_syn(struct frame *f)
{
	f->flags = SYN;
	f->ack = 0;
	f->tcp_options = 8;
}

static void set_syn_ack(struct frame *f)
{
	f->flags = SYN | ACK;
}

static void set_fin(struct frame *f)
{
	f->flags = FIN | ACK;
}

static void set_rst(struct frame *f)
{
	f->flags = RST | ACK;
}

static void set_urg(struct frame *f)
{
	f->flags = URG | ACK;
	f->up = 1;
}

static void set_no_ack(struct frame *f)
{
	f->flags = PSH;
}

static void set_push(struct frame *f)
{
	f->flags = PSH | ACK;
}

static void set_ece(struct frame *f)
{
	f->flags = ECE | ACK;
}

static void set_other_options(struct frame *f)
{
	f->tcp_options = 4;
}

static void set_other_port(struct frame *f)
{
	f->local_port = 22;
}

static void set_other_address(struct frame *f)
{
	f->local_host = 9;
}

static void set_old_timestamp(struct frame *f)
{
	f->tsval = TS_RECENT - 1u;
}

static void set_timestamp_wraps(struct frame *f)
{
	f->tsval = TS_RECENT + 100u;
}

static void set_same_timestamp(struct frame *f)
{
	f->tsval = TS_RECENT;
}

static void set_ahead(struct frame *f)
{
	f->seq++;
}

static void set_behind(struct frame *f)
{
	f->seq--;
}

static void set_ack_too_high(struct frame *f)
{
	f->ack = SND_NXT + 1u;
}

static void set_ack_old(struct frame *f)
{
	f->ack = SND_UNA - 1u;
}

static void set_ack_all(struct frame *f)
{
	f->ack = SND_NXT;
}

static void set_duplicate_ack(struct frame *f)
{
	f->ack = SND_UNA;
	f->wnd = PEER_WND - 1;
}

static void set_window_update(struct frame *f)
{
	f->ack = SND_UNA;
}

static void set_zero_window(struct frame *f)
{
	f->wnd = 0;
}

static void set_wrong_checksum(struct frame *f)
{
	f->checksum = CHECKSUM_WRONG;
}

static void set_partial(struct frame *f)
{
	f->checksum = CHECKSUM_PARTIAL;
}

static void set_padding(struct frame *f)
{
	f->padding = 6;
}

static void set_udp(struct frame *f)
{
	f->protocol = 17;
}

static void set_first_fragment(struct frame *f)
{
	f->fragment = f->v6 ? 1 : 0x2000;
	f->extension[0] = 44;
}

static void set_later_fragment(struct frame *f)
{
	f->fragment = f->v6 ? 185 << 3 | 1 : 0x2000 | 185;
	f->extension[0] = 44;
}

static void set_atomic_fragment(struct frame *f)
{
	f->extension[0] = 44;
}

static void set_ip_options(struct frame *f)
{
	f->ip_options = 40;
}

static void set_extensions(struct frame *f)
{
	f->extension[0] = 60;
	f->extension[1] = 43;
	f->extension[2] = 51;
	f->extension[3] = 60;
	f->extension_units = 2;
}

static void set_long_extensions(struct frame *f)
{
	memset(f->extension, 60, 4);
	f->extension_units = 100;
}

static void set_source_route(struct frame *f)
{
	f->extension[0] = 43;
	f->segments_left = 1;
}

static void set_too_many_extensions(struct frame *f)
{
	memset(f->extension, 60, 9);
}

static void mangle_arp(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	bytes[frame_ip_offset(f) - 2] = 0x08;
	bytes[frame_ip_offset(f) - 1] = 0x06;
	*length = 60;
}

static void mangle_second_tag(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_ip_offset(f) - 2] = 0x81;
	bytes[frame_ip_offset(f) - 1] = 0x00;
}

static void mangle_only_ethernet(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)bytes;
	*length = frame_ip_offset(f);
}

static void mangle_cut_ip(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)bytes;
	*length = frame_ip_offset(f) + 19;
}

static void mangle_cut_text(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)f;
	(void)bytes;
	(*length)--;
}

static void mangle_version(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_ip_offset(f)] ^= 0xf0;
}

/* A router has marked it. */
static void mangle_mark(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_ip_offset(f) + 1] |= f->v6 ? ECN_CE << 4 : ECN_CE;
	if (!f->v6)
		frame_fix_ipv4(f, bytes);
}

static void mangle_ihl(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_ip_offset(f)] = 0x44;
	frame_fix_ipv4(f, bytes);
}

static void mangle_ipv4_checksum(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_ip_offset(f) + 10] ^= 1;
}

static void mangle_short_total(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	uint8_t *ip = bytes + frame_ip_offset(f);

	(void)length;
	if (f->v6) {
		ip[4] = 0;
		ip[5] = 19;
		return;
	}
	ip[2] = 0;
	ip[3] = 20 + 19;
	frame_fix_ipv4(f, bytes);
}

static void mangle_authentication(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_ip_offset(f) + 6] = 51;
	bytes[frame_ip_offset(f) + 40 + 1] = 0;
}

static void mangle_offset_low(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_tcp_offset(f) + 12] = 4 << 4;
}

static void mangle_offset_high(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_tcp_offset(f) + 12] = 15 << 4;
}

static void mangle_last_byte(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)f;
	bytes[*length - 1] ^= 0x20;
}

static void mangle_reserved_bits(const struct frame *f, uint8_t *bytes, uint32_t *length)
{
	(void)length;
	bytes[frame_tcp_offset(f) + 12] |= 0x04;
}

const struct test_case cases[] = {
	/* not ours */
	{"ARP", FLOW | LISTENER, REASON_PASS_NOT_IP, 0, NULL, mangle_arp},
	{"two VLAN tags", FLOW | LISTENER, REASON_PASS_NOT_IP, 9, NULL, mangle_second_tag},
	{"UDP to a listener's address", LISTENER, REASON_PASS_NOT_TCP, 10, set_udp, NULL},
	{"nobody's TCP", 0, REASON_PASS_NOT_OURS, 10, NULL, NULL},
	{"another port of a listener's address", LISTENER, REASON_PASS_NOT_OURS, 10, set_other_port,
	 NULL},
	{"the port of a listener, another address", LISTENER, REASON_PASS_NOT_OURS, 10,
	 set_other_address, NULL},
	{"a flow that has just gone, no listener", FLOW | GONE, REASON_PASS_NOT_OURS, 10, NULL,
	 NULL},
	{"source-routed, not yet at its destination", FLOW | LISTENER | ONLY_V6,
	 REASON_PASS_NOT_OURS, 10, set_source_route, NULL},

	/* fragments */
	{"first fragment to a listener", LISTENER, REASON_DROP_FRAGMENT, 100, set_first_fragment,
	 NULL},
	{"first fragment to a connection", FLOW, REASON_DROP_FRAGMENT, 100, set_first_fragment,
	 NULL},
	{"first fragment to nobody", 0, REASON_PASS_FRAGMENT, 100, set_first_fragment, NULL},
	{"later fragment", FLOW | LISTENER, REASON_PASS_FRAGMENT, 100, set_later_fragment, NULL},
	{"the whole in one fragment", FLOW | ONLY_V6, REASON_HIT_TEXT, 100, set_atomic_fragment,
	 NULL},

	/* malformed */
	{"nothing behind the Ethernet header", FLOW | LISTENER, REASON_PASS_MALFORMED, 9, NULL,
	 mangle_only_ethernet},
	{"IP header cut short", FLOW | LISTENER, REASON_PASS_MALFORMED, 9, NULL, mangle_cut_ip},
	{"wrong IP version", FLOW | LISTENER, REASON_PASS_MALFORMED, 9, NULL, mangle_version},
	{"IHL below five", LISTENER | ONLY_V4, REASON_DROP_IP_HEADER, 9, NULL, mangle_ihl},
	{"IHL below five, nobody's", ONLY_V4, REASON_PASS_MALFORMED, 9, NULL, mangle_ihl},
	{"longer than its frame", LISTENER, REASON_DROP_IP_HEADER, 9, NULL, mangle_cut_text},
	{"longer than its frame, nobody's", 0, REASON_PASS_MALFORMED, 9, NULL, mangle_cut_text},
	{"IPv4 checksum wrong", LISTENER | ONLY_V4, REASON_DROP_CHECKSUM, 9, NULL,
	 mangle_ipv4_checksum},
	{"IPv4 checksum wrong, options", LISTENER | ONLY_V4, REASON_DROP_CHECKSUM, 9,
	 set_ip_options, mangle_ipv4_checksum},
	{"IPv4 checksum wrong, nobody's", ONLY_V4, REASON_PASS_MALFORMED, 9, NULL,
	 mangle_ipv4_checksum},
	{"nine extension headers", LISTENER | ONLY_V6, REASON_DROP_IP_HEADER, 9,
	 set_too_many_extensions, NULL},
	{"authentication header too short", LISTENER | ONLY_V6, REASON_DROP_IP_HEADER, 9, NULL,
	 mangle_authentication},
	{"no room for a TCP header", LISTENER, REASON_DROP_TCP_HEADER, 9, NULL, mangle_short_total},
	{"no room for a TCP header, nobody's", 0, REASON_PASS_MALFORMED, 9, NULL,
	 mangle_short_total},
	{"data offset below five", FLOW, REASON_DROP_TCP_HEADER, 9, NULL, mangle_offset_low},
	{"data offset below five, nobody's", 0, REASON_PASS_MALFORMED, 9, NULL, mangle_offset_low},
	{"data offset behind the end", LISTENER | PLAIN, REASON_DROP_TCP_HEADER, 9, NULL,
	 mangle_offset_high},

	/* to a listener */
	{"SYN", LISTENER, REASON_PUNT_SYN, 0, set_syn, NULL},
	{"SYN with text", LISTENER, REASON_PUNT_SYN, 500, set_syn, NULL},
	{"SYN+ACK out of nowhere", LISTENER, REASON_PUNT_STRAY, 0, set_syn_ack, NULL},
	{"text of no connection", LISTENER, REASON_PUNT_STRAY, 1448, NULL, NULL},
	{"a flow that has just gone", FLOW | GONE | LISTENER, REASON_PUNT_STRAY, 10, NULL, NULL},
	{"the SYN of the next connection", FLOW | GONE | LISTENER, REASON_PUNT_SYN, 0, set_syn,
	 NULL},

	/* hits */
	{"one byte", FLOW, REASON_HIT_TEXT, 1, NULL, NULL},
	{"three bytes, no timestamps", FLOW | PLAIN, REASON_HIT_TEXT, 3, NULL, NULL},
	{"text with PSH", FLOW, REASON_HIT_TEXT, 77, set_push, NULL},
	{"text across sequence number 0", FLOW, REASON_HIT_TEXT, 600, NULL, NULL},
	{"a full segment", FLOW, REASON_HIT_TEXT, 1448, NULL, NULL},
	{"text that acknowledges nothing", FLOW, REASON_HIT_TEXT, 10, set_duplicate_ack, NULL},
	{"text, timestamp wraps", FLOW, REASON_HIT_TEXT, 10, set_timestamp_wraps, NULL},
	{"text, timestamp as before", FLOW, REASON_HIT_TEXT, 10, set_same_timestamp, NULL},
	{"text, IPv4 options", FLOW | ONLY_V4, REASON_HIT_TEXT, 100, set_ip_options, NULL},
	{"text, extension headers", FLOW | ONLY_V6, REASON_HIT_TEXT, 100, set_extensions, NULL},
	{"text behind 3232 bytes of extension headers", FLOW | ONLY_V6, REASON_HIT_TEXT, 100,
	 set_long_extensions, NULL},
	{"text, padded frame", FLOW | PLAIN, REASON_HIT_TEXT, 1, set_padding, NULL},
	{"text, reserved header bits", FLOW, REASON_DROP_CHECKSUM, 5, NULL, mangle_reserved_bits},
	{"text, partial checksum", FLOW | BELIEVE, REASON_HIT_TEXT, 1448, set_partial, NULL},
	{"text, right checksum where partial ones come", FLOW | BELIEVE, REASON_HIT_TEXT, 1448,
	 NULL, NULL},
	{"acknowledgment", FLOW, REASON_HIT_ACK, 0, NULL, NULL},
	{"acknowledgment, no timestamps", FLOW | PLAIN, REASON_HIT_ACK, 0, NULL, NULL},
	{"acknowledgment, padded frame", FLOW | PLAIN, REASON_HIT_ACK, 0, set_padding, NULL},
	{"acknowledgment of everything", FLOW, REASON_HIT_ACK, 0, set_ack_all, NULL},
	{"acknowledgment while the pool is low", FLOW | LOW, REASON_HIT_ACK, 0, NULL, NULL},
	{"acknowledgment, partial checksum", FLOW | BELIEVE, REASON_HIT_ACK, 0, set_partial, NULL},
	{"window update", FLOW, REASON_HIT_ACK, 0, set_window_update, NULL},
	{"two full segments, nothing is sent", FLOW, REASON_HIT_TEXT, 2896, NULL, NULL},
	{"two full segments", FLOW | TRANSMIT, REASON_HIT_TEXT_ACKED, 2896, NULL, NULL},
	{"two full segments, no timestamps", FLOW | TRANSMIT | PLAIN, REASON_HIT_TEXT_ACKED, 2896,
	 NULL, NULL},
	{"two full segments, partial checksum", FLOW | TRANSMIT | BELIEVE, REASON_HIT_TEXT_ACKED,
	 2896, set_partial, NULL},
	{"less than two full segments", FLOW | TRANSMIT, REASON_HIT_TEXT, 2895, NULL, NULL},
	{"two full segments, IPv4 options", FLOW | TRANSMIT | ONLY_V4, REASON_HIT_TEXT, 2896,
	 set_ip_options, NULL},
	{"two full segments, extension header", FLOW | TRANSMIT | ONLY_V6, REASON_HIT_TEXT, 2896,
	 set_atomic_fragment, NULL},
	{"text up to the window's edge", FLOW | TRANSMIT, REASON_HIT_TEXT_ACKED, WINDOW, NULL,
	 NULL},

	/* not verified: dropped */
	{"text, checksum wrong", FLOW, REASON_DROP_CHECKSUM, 1448, set_wrong_checksum, NULL},
	{"text, a bit flipped", FLOW, REASON_DROP_CHECKSUM, 1447, NULL, mangle_last_byte},
	{"text, a bit flipped, in 513 bytes", FLOW, REASON_DROP_CHECKSUM, 513, NULL,
	 mangle_last_byte},
	{"text, a bit flipped, large", FLOW, REASON_DROP_CHECKSUM, 30001, NULL, mangle_last_byte},
	{"acknowledgment, checksum wrong", FLOW, REASON_DROP_CHECKSUM, 0, set_wrong_checksum, NULL},
	{"partial checksum from a wire", FLOW, REASON_DROP_CHECKSUM, 1448, set_partial, NULL},
	{"partial checksum of a peer that makes whole ones", FLOW | BELIEVE | FULL_SYN,
	 REASON_DROP_CHECKSUM, 1448, set_partial, NULL},
	{"checksum wrong where partial ones come", FLOW | BELIEVE, REASON_DROP_CHECKSUM, 1448,
	 set_wrong_checksum, NULL},

	/* punts of a flow that XDP had */
	{"SYN in a connection", FLOW, REASON_PUNT_CONTROL, 0, set_syn, NULL},
	{"FIN", FLOW, REASON_PUNT_CONTROL, 10, set_fin, NULL},
	{"RST", FLOW, REASON_PUNT_CONTROL, 0, set_rst, NULL},
	{"URG", FLOW, REASON_PUNT_CONTROL, 10, set_urg, NULL},
	{"ECE", FLOW, REASON_PUNT_CONTROL, 10, set_ece, NULL},
	{"no ACK", FLOW, REASON_PUNT_CONTROL, 10, set_no_ack, NULL},
	{"marked CE", FLOW, REASON_PUNT_CONGESTION, 10, NULL, mangle_mark},
	{"other options", FLOW, REASON_PUNT_OPTIONS, 10, set_other_options, NULL},
	{"other options, no timestamps", FLOW | PLAIN, REASON_PUNT_OPTIONS, 10, set_other_options,
	 NULL},
	{"old timestamp", FLOW, REASON_PUNT_PAWS, 10, set_old_timestamp, NULL},
	{"ahead", FLOW, REASON_PUNT_ORDER, 1448, set_ahead, NULL},
	{"behind", FLOW, REASON_PUNT_ORDER, 1448, set_behind, NULL},
	{"ahead, no text", FLOW, REASON_PUNT_ORDER, 0, set_ahead, NULL},
	{"beyond the window", FLOW, REASON_PUNT_WINDOW, WINDOW + 1, NULL, NULL},
	{"acknowledges what was not sent", FLOW, REASON_PUNT_ACK_RANGE, 10, set_ack_too_high, NULL},
	{"acknowledges what is long acknowledged", FLOW, REASON_PUNT_ACK_RANGE, 10, set_ack_old,
	 NULL},
	{"duplicate ACK", FLOW, REASON_PUNT_DUPLICATE_ACK, 0, set_duplicate_ack, NULL},
	{"zero window", FLOW, REASON_PUNT_ZERO_WINDOW, 10, set_zero_window, NULL},
	{"text while the pool is low", FLOW | LOW, REASON_PUNT_POOL, 10, NULL, NULL},
	{"the daemon has the flow", FLOW | DAEMONS, REASON_PUNT_OWNER, 1448, NULL, NULL},
	{"another CPU has the flow", FLOW | BUSY, REASON_PUNT_BUSY, 1448, NULL, NULL},
	{"a punt with a wrong checksum", FLOW | DAEMONS, REASON_PUNT_OWNER, 100, set_wrong_checksum,
	 NULL},
	{"a punt without its padding", FLOW | DAEMONS | PLAIN, REASON_PUNT_OWNER, 0, set_padding,
	 NULL},

	/* no room */
	{"text, ring full", FLOW | FULL_RING, REASON_DROP_RING_FULL, 100, NULL, NULL},
	{"acknowledgment, ring full", FLOW | FULL_RING, REASON_DROP_RING_FULL, 0, NULL, NULL},
	{"FIN, ring full", FLOW | FULL_RING, REASON_DROP_RING_FULL, 0, set_fin, NULL},
	{"the daemon's flow, ring full", FLOW | DAEMONS | FULL_RING, REASON_DROP_RING_FULL, 0, NULL,
	 NULL},
	{"SYN, too many wait", LISTENER | CROWDED, REASON_DROP_BACKLOG, 0, set_syn, NULL},
	{"stray, too many wait", LISTENER | CROWDED, REASON_DROP_BACKLOG, 10, NULL, NULL},
	{"text, too many strangers wait", FLOW | LISTENER | CROWDED, REASON_HIT_TEXT, 100, NULL,
	 NULL},
	{"the daemon's flow, too many strangers wait", FLOW | DAEMONS | CROWDED, REASON_PUNT_OWNER,
	 0, NULL, NULL},
	{"SYN, ring full", LISTENER | FULL_RING, REASON_DROP_RING_FULL, 0, set_syn, NULL},
};

const uint32_t case_count = sizeof(cases) / sizeof(cases[0]);
