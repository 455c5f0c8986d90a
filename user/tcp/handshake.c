/* SPDX-License-Identifier: BSD-2-Clause */
/* What two SYNs settle: sequence numbers, windows, and the options that hold for
 * the connection's life: MSS (RFC 9293, 3.7.1), window scale and timestamps
 * (RFC 7323), SACK-permitted (RFC 2018). */
#include "congestion.h"
#include "core.h"

enum {
	MSS_DEFAULT_V4 = 536, /* MUST-15: of a peer that names none */
	MSS_DEFAULT_V6 = 1220,
	MSS_MIN = 64, /* a peer that names less wants us to waste headers */
	TIMESTAMPS_LENGTH = 12,
};

static uint8_t our_options(const struct host *h)
{
	const struct tcp_settings *settings = h->settings;

	return (uint8_t)(OPTION_MSS | OPTION_WINDOW_SCALE |
			 (settings->timestamps ? OPTION_TIMESTAMPS : 0) |
			 (settings->sack ? OPTION_SACK_PERMITTED : 0));
}

/* From our link's MTU, never more than it can bring (SHLD-6, MUST-67). */
static uint16_t our_mss(const struct conn *c, const struct host *h)
{
	return c->link.v4 ? h->settings->mss_v4 : h->settings->mss_v6;
}

/* What the settings say, or more if the limit cannot be told otherwise. */
static uint8_t window_scale_to_offer(const struct conn *c, const struct host *h)
{
	uint8_t scale = h->settings->window_scale;

	while (scale < WINDOW_SCALE_MAX && 0xffffu << scale < c->rcv.limit)
		scale++;
	return scale;
}

/* Our half: from here on we have a sequence number to send. */
void handshake_begin(struct conn *c, const struct host *h)
{
	c->ts.offset = isn_timestamp_offset(c, h);
	c->snd.iss = isn_choose(c, h);
	c->snd.una = c->snd.nxt = c->snd.iss;
	c->snd.again = c->snd.lost = c->snd.small = c->snd.iss;
	c->snd.end = c->snd.iss + 1;
	c->cc.recover = c->snd.iss;
	c->opened = h->now;
	c->options = our_options(h);
	c->rcv.window_scale = window_scale_to_offer(c, h);
	c->flags |= CONN_SEND_SYN;
	rto_begin(c, h);
}

static uint16_t peer_mss(const struct conn *c, const struct segment *s)
{
	uint16_t mss = c->link.v4 ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;

	if (s->options & OPTION_MSS)
		mss = s->mss;
	return mss < MSS_MIN ? MSS_MIN : mss;
}

/* Eff.snd.MSS (3.7.1, MUST-16): the option never counts options, so those that
 * are in every segment come off here. */
static void settle_mss(struct conn *c, const struct host *h, const struct segment *s)
{
	uint16_t ours = our_mss(c, h), theirs = peer_mss(c, s);
	uint16_t mss = ours < theirs ? ours : theirs;

	if (c->options & OPTION_TIMESTAMPS)
		mss -= TIMESTAMPS_LENGTH;
	c->snd.mss = c->rcv.mss = mss;
}

/* The peer's SYN: "RCV.NXT is set to SEG.SEQ+1, IRS is set to SEG.SEQ". Both
 * sides use what both have offered (RFC 7323, 2.2 and 3.2). A window in a SYN is
 * never scaled. */
void handshake_take_syn(struct conn *c, const struct host *h, const struct segment *s)
{
	uint32_t limit = c->rcv.limit < 0xffff ? c->rcv.limit : 0xffff;

	c->options &= s->options;
	c->rcv.irs = s->seq;
	c->rcv.nxt = c->rcv.user = c->rcv.ack_sent = s->seq + 1;
	c->rcv.edge = c->rcv.told = c->rcv.nxt + limit;
	c->snd.window_scale = c->options & OPTION_WINDOW_SCALE ? s->window_scale : 0;
	if (!(c->options & OPTION_WINDOW_SCALE))
		c->rcv.window_scale = 0;
	if (c->options & OPTION_TIMESTAMPS) {
		c->ts.recent = s->tsval;
		c->ts.recent_age = h->now;
		c->flags |= CONN_CLOCK_SET;
	}
	settle_mss(c, h, s);
	ecn_settle(c, h, s);
	c->snd.wnd = c->snd.wnd_max = s->wnd;
	c->snd.wl1 = s->seq;
	c->snd.wl2 = s->flags & ACK ? s->ack : c->snd.iss;
	congestion_begin(c, h);
}

/* The options of our SYN, or of our SYN+ACK, MSS always among them (MUST-14, SHLD-5,
 * MAY-3) and in no other segment (MUST-65): of the latter only what the peer
 * has offered, since c->options is what both want by then. */
void handshake_offer(const struct conn *c, const struct host *h, struct segment *s)
{
	s->options = c->options | OPTION_MSS;
	s->mss = our_mss(c, h);
	s->window_scale = c->rcv.window_scale;
}
