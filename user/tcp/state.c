/* SPDX-License-Identifier: BSD-2-Clause */
/* The state: its only writer, which knows the diagram of RFC 9293, 3.3.2
 * (figure 5), and what entering a state means for deadlines. */
#include "congestion.h"
#include "core.h"

#define TO(state) (1u << (state))

/* From each state the states that the diagram, or the text of 3.10, leads to.
 * ABORT, user timeout and RST add CLOSED everywhere. */
static const uint16_t edges[TCP_STATES] = {
	[CLOSED] = TO(LISTEN) | TO(SYN_SENT),
	[LISTEN] = TO(SYN_RECEIVED) | TO(CLOSED),
	[SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
	[SYN_RECEIVED] = TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(LISTEN) | TO(CLOSED),
	[ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
	[FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(CLOSED),
	[FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
	[CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
	[CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
	[LAST_ACK] = TO(CLOSED),
	[TIME_WAIT] = TO(CLOSED),
};

static const char *const names[TCP_STATES] = {
	[CLOSED] = "CLOSED",	       [LISTEN] = "LISTEN",
	[SYN_SENT] = "SYN_SENT",       [SYN_RECEIVED] = "SYN_RECEIVED",
	[ESTABLISHED] = "ESTABLISHED", [FIN_WAIT_1] = "FIN_WAIT_1",
	[FIN_WAIT_2] = "FIN_WAIT_2",   [CLOSE_WAIT] = "CLOSE_WAIT",
	[CLOSING] = "CLOSING",	       [LAST_ACK] = "LAST_ACK",
	[TIME_WAIT] = "TIME_WAIT",
};

const char *tcp_state_name(enum tcp_state state)
{
	return (unsigned int)state < TCP_STATES ? names[state] : "unknown";
}

/* A segment with FIN and the ACK of ours passes through FIN_WAIT_2 on its way
 * from FIN_WAIT_1 to TIME_WAIT, as the fifth and the eighth step say. */
void set_state(struct conn *c, enum tcp_state to)
{
	assert(c->state < TCP_STATES && edges[c->state] & TO(to));
	c->state = (uint8_t)to;
}

static void stop_all(struct conn *c)
{
	for (int i = 0; i < TCP_TIMERS; i++)
		c->deadline[i] = 0;
	if (!(c->answer.flags & RST))
		c->answer.flags = 0;
	c->flags &=
		~(uint32_t)(CONN_ACK_NOW | CONN_SEND_SYN | CONN_PROBE | CONN_AGAIN_NOW | CONN_IDLE);
}

/* "Delete the TCB, enter the CLOSED state, and return." What was received in
 * order can still be read; c->answer can still be pulled. */
void conn_end(struct conn *c, uint16_t events)
{
	set_state(c, CLOSED);
	stop_all(c);
	c->events |= EVENT_CLOSED | events;
}

/* 3.10.7.4, second and fourth: an opening that was passive is as if it had never
 * been. Its slot is the runner's to release. */
void conn_relisten(struct conn *c)
{
	set_state(c, LISTEN);
	stop_all(c);
	c->events |= EVENT_CLOSED;
}

/* "Start the time-wait timer, turn off the other timers." 2 MSL: MUST-13. */
void conn_enter_time_wait(struct conn *c, const struct host *h)
{
	set_state(c, TIME_WAIT);
	for (int i = 0; i < TCP_TIMERS; i++)
		c->deadline[i] = 0;
	c->flags &= ~(uint32_t)CONN_IDLE;
	c->deadline[TIMER_LIFE] = h->now + h->settings->two_msl;
}

/* The handshake is complete; a CLOSE that had to wait for it (3.10.4) takes
 * effect. The SYN's life was bounded by another deadline than the text's. */
void conn_establish(struct conn *c, const struct host *h)
{
	set_state(c, ESTABLISHED);
	c->events |= EVENT_CONNECTED;
	c->deadline[TIMER_LIFE] = 0;
	/* RFC 6298, 5.7: a first RTO without any sample, after a loss, is 3 s. */
	if (conn_has(c, CONN_SYN_LOST) && !c->rtt.srtt && c->rtt.rto < 3 * TCP_SECOND)
		c->rtt.rto = 3 * TCP_SECOND;
	c->rtt.backoff = 0;
	c->cc.cwnd = congestion_initial_window(c);
	window_advance(c);
	if (conn_has(c, CONN_CLOSE))
		set_state(c, FIN_WAIT_1);
	conn_watch_life(c, h);
}

bool conn_is_synchronized(const struct conn *c)
{
	return c->state >= ESTABLISHED;
}

/* In FIN_WAIT_2 whom nobody reads any more has a bounded life anyway. */
static bool life_depends_on_progress(const struct conn *c)
{
	return c->state >= ESTABLISHED && c->state != TIME_WAIT &&
	       !(c->state == FIN_WAIT_2 && conn_has(c, CONN_FORSAKEN));
}

static struct tcp_patience patience_of(const struct conn *c, const struct host *h)
{
	const struct tcp_settings *s = h->settings;

	if (c->passive && c->listener < s->listeners)
		return s->of_listener[c->listener];
	return (struct tcp_patience){s->user_timeout, s->keepalive_idle};
}

/* 3.8.4, MAY-5: only where a peer that is gone would be noticed in no other way. */
static bool keepalive_applies(const struct conn *c, const struct tcp_patience *p)
{
	return p->keepalive_idle &&
	       (c->state == ESTABLISHED || c->state == FIN_WAIT_2 || c->state == CLOSE_WAIT);
}

/* There was progress: the user timeout (3.8.3) begins anew while something of
 * ours is unacknowledged, the wait for a keep-alive (MUST-26) while nothing is.
 * Other lives end when they end. */
void conn_watch_life(struct conn *c, const struct host *h)
{
	bool waiting = conn_flight(c) || c->deadline[TIMER_RETRANSMIT];
	struct tcp_patience p = patience_of(c, h);

	if (!life_depends_on_progress(c))
		return;
	c->flags &= ~(uint32_t)CONN_IDLE;
	c->deadline[TIMER_LIFE] = waiting ? h->now + p.user_timeout : 0;
	if (waiting || !keepalive_applies(c, &p))
		return;
	c->flags |= CONN_IDLE;
	c->deadline[TIMER_LIFE] = h->now + p.keepalive_idle;
}

/* Any segment shows that the peer is there. */
void conn_note_heard(struct conn *c, const struct host *h)
{
	c->keepalives = 0;
	if (conn_has(c, CONN_IDLE))
		conn_watch_life(c, h);
}
