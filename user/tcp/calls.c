/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user can ask for (RFC 9293, 3.10.1 to 3.10.5): OPEN, SEND, RECEIVE,
 * CLOSE, ABORT; and the defaults of the settings. */
#include "congestion.h"
#include "core.h"
#include <errno.h>
#include <string.h>

void tcp_settings_default(struct tcp_settings *s)
{
	*s = (struct tcp_settings){
		.two_msl = 60 * TCP_SECOND,
		.rto_initial = TCP_SECOND,
		.rto_min = TCP_SECOND / 5,
		.rto_max = 120 * TCP_SECOND,
		.delayed_ack = TCP_SECOND / 25,
		.syn_timeout = 180 * TCP_SECOND,
		.syn_timeout_passive = 63 * TCP_SECOND,
		.user_timeout = 900 * TCP_SECOND,
		.fin_wait_2 = 60 * TCP_SECOND,
		.keepalive_interval = 75 * TCP_SECOND,
		.keepalive_probes = 9,
		.send_limit = 1024 * 1024,
		.receive_limit = 512 * 1024,
		.mss_v4 = 1460,
		.mss_v6 = 1440,
		.window_scale = 7,
		.congestion = CONGESTION_CUBIC,
		.timestamps = 1,
		.sack = 1,
		.nagle = 1,
	};
}

static void set_limits(struct conn *c, const struct host *h)
{
	c->snd.limit = h->settings->send_limit;
	c->rcv.limit = h->settings->receive_limit;
}

void tcp_open_passive(struct conn *c, const struct host *h)
{
	set_limits(c, h);
	c->passive = 1;
	set_state(c, LISTEN);
}

void tcp_open_active(struct conn *c, const struct host *h)
{
	set_limits(c, h);
	handshake_begin(c, h);
	set_state(c, SYN_SENT);
	c->deadline[TIMER_LIFE] = h->now + h->settings->syn_timeout;
}

/* Text of ours that was handed over and is not acknowledged. */
static uint32_t unacknowledged(const struct conn *c)
{
	uint32_t first = c->snd.una + conn_syn_is_first(c);

	return seq_after(c->snd.end, first) ? c->snd.end - first : 0;
}

static bool state_can_send(const struct conn *c)
{
	return c->state == SYN_SENT || c->state == SYN_RECEIVED || c->state == ESTABLISHED ||
	       c->state == CLOSE_WAIT;
}

uint32_t tcp_send_room(const struct conn *c)
{
	uint32_t used = unacknowledged(c);

	if (!state_can_send(c) || conn_has(c, CONN_CLOSE) || used >= c->snd.limit)
		return 0;
	return c->snd.limit - used;
}

/* 3.10.2. Before ESTABLISHED the text is queued. */
int tcp_send(struct conn *c, const struct host *h, uint32_t length)
{
	(void)h;
	if (c->state == CLOSED || c->state == LISTEN)
		return -ENOTCONN;
	if (!state_can_send(c) || conn_has(c, CONN_CLOSE))
		return -EPIPE;
	if (length > tcp_send_room(c))
		return -ENOBUFS;
	c->snd.end += length;
	return 0;
}

uint32_t tcp_text_end(const struct conn *c)
{
	return c->rcv.nxt - conn_has(c, CONN_FIN_RECEIVED);
}

uint32_t tcp_unread(const struct conn *c)
{
	return tcp_text_end(c) - c->rcv.user;
}

bool tcp_peer_is_done(const struct conn *c)
{
	return conn_has(c, CONN_FIN_RECEIVED);
}

/* 3.10.3. */
void tcp_receive(struct conn *c, const struct host *h, uint32_t length)
{
	(void)h;
	assert(length <= tcp_unread(c));
	c->rcv.user += length;
	if (!conn_is_synchronized(c))
		return;
	window_advance(c);
	if (window_update_is_due(c))
		c->flags |= CONN_ACK_NOW;
}

/* 3.10.4. In SYN_RECEIVED a CLOSE behind queued text waits for ESTABLISHED; in
 * CLOSE_WAIT the state changes when the FIN is sent (output.c). */
int tcp_close(struct conn *c, const struct host *h)
{
	(void)h;
	if (conn_has(c, CONN_CLOSE))
		return -ENOTCONN;
	switch (c->state) {
	case LISTEN:
	case SYN_SENT: conn_end(c, 0); return 0;
	case SYN_RECEIVED:
		c->flags |= CONN_CLOSE;
		if (c->snd.end == c->snd.iss + 1 && !conn_has(c, CONN_SEND_SYN))
			set_state(c, FIN_WAIT_1);
		return 0;
	case ESTABLISHED: set_state(c, FIN_WAIT_1); /* fall through */
	case CLOSE_WAIT: c->flags |= CONN_CLOSE; return 0;
	default: return -ENOTCONN;
	}
}

/* 3.10.5: <SEQ=SND.NXT><CTL=RST> where the peer still counts on us. */
void tcp_abort(struct conn *c, const struct host *h)
{
	(void)h;
	switch (c->state) {
	case CLOSED: return;
	case SYN_RECEIVED:
	case ESTABLISHED:
	case FIN_WAIT_1:
	case FIN_WAIT_2:
	case CLOSE_WAIT: answer_reset(c, c->snd.nxt); break;
	default: break;
	}
	conn_end(c, 0);
}

/* Text that nobody will read is lost, and an RST says so (RFC 9293, 3.6.1; RFC
 * 1122, 4.2.2.13); later text finds CONN_FORSAKEN in segment_text.c. */
void tcp_forsake(struct conn *c, const struct host *h)
{
	bool ended = c->state == CLOSED || c->state == CLOSING || c->state == TIME_WAIT;

	if (ended || !conn_is_synchronized(c))
		return;
	c->flags |= CONN_FORSAKEN;
	if (tcp_unread(c)) {
		answer_reset(c, c->snd.nxt);
		conn_end(c, 0);
	} else if (c->state == FIN_WAIT_2) {
		c->flags &= ~(uint32_t)CONN_IDLE;
		c->deadline[TIMER_LIFE] = h->now + h->settings->fin_wait_2;
	}
}
