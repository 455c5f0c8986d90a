/* SPDX-License-Identifier: BSD-2-Clause */
#include "invariants.h"
#include "seq.h"

/* The diagram of RFC 9293, 3.3.2, a bit for each state that one edge leads to.
 * Edges to CLOSED (reset, abort, user timeout) exist from everywhere. */
static const __u16 edges[TCP_STATES] = {
	[CLOSED] = 1 << LISTEN | 1 << SYN_SENT | 1 << SYN_RECEIVED,
	[LISTEN] = 1 << SYN_RECEIVED | 1 << SYN_SENT,
	[SYN_SENT] = 1 << SYN_RECEIVED | 1 << ESTABLISHED,
	[SYN_RECEIVED] = 1 << ESTABLISHED | 1 << FIN_WAIT_1 | 1 << CLOSE_WAIT | 1 << LISTEN,
	[ESTABLISHED] = 1 << FIN_WAIT_1 | 1 << CLOSE_WAIT,
	[FIN_WAIT_1] = 1 << FIN_WAIT_2 | 1 << CLOSING | 1 << TIME_WAIT,
	[FIN_WAIT_2] = 1 << TIME_WAIT,
	[CLOSE_WAIT] = 1 << LAST_ACK,
	[CLOSING] = 1 << TIME_WAIT,
	[LAST_ACK] = 0,
	[TIME_WAIT] = 1 << SYN_RECEIVED | 1 << LISTEN,
};

/* One segment can move a connection along several edges: an ACK of our SYN that
 * carries the peer's FIN, for one. */
static __u32 reachable(__u32 states)
{
	for (int round = 0; round < TCP_STATES; round++) {
		for (int s = 0; s < TCP_STATES; s++) {
			if (states & 1u << s)
				states |= edges[s];
		}
	}
	return states;
}

static bool has_peer(const struct conn *c)
{
	return c->state != CLOSED && c->state != LISTEN;
}

static const char *send_half_broken(const struct conn *c)
{
	/* Everything lies within a window of 2^30 bytes and a FIN behind SND.UNA. */
	__u32 nxt = c->snd.nxt - c->snd.una;
	__u32 end = c->snd.end - c->snd.una;

	if (c->state == SYN_SENT || c->state == SYN_RECEIVED) {
		/* The SYN is a sequence number before the text. */
		if (c->snd.una - c->snd.iss > 1)
			return "SND.UNA is ISS, or ISS + 1, before the connection is established";
	}
	/* Behind the end of the text there is only the FIN. (Once that is
	 * acknowledged, una is end + 1 and `end` wraps to -1.) */
	if (nxt && (__s32)(nxt - end) > 1)
		return "SND.NXT <= end of the text + FIN";
	if ((__s32)end < -1)
		return "SND.UNA <= end of the text + FIN";
	return NULL;
}

static const char *spans_broken(const struct conn *c)
{
	__u32 from = c->rcv.nxt;

	if (c->rcv.spans > SPANS_MAX)
		return "no more spans than there is room for";
	for (int i = 0; i < c->rcv.spans; i++) {
		const struct span *s = &c->rcv.span[i];

		if (!seq_after(s->start, from))
			return "spans ascend beyond RCV.NXT, with gaps between them";
		if (!seq_after(s->end, s->start))
			return "a span is not empty";
		if (seq_after(s->end, c->rcv.edge))
			return "no span beyond the right edge of the window";
		from = s->end;
	}
	return NULL;
}

static const char *receive_half_broken(const struct conn *c)
{
	if (c->state == SYN_SENT)
		return c->rcv.spans ? "nothing received in SYN_SENT" : NULL;
	if (seq_after(c->rcv.nxt, c->rcv.edge + 1))
		return "RCV.NXT <= right edge of the window + FIN";
	if (seq_after(c->rcv.user, c->rcv.nxt))
		return "the user has not read beyond RCV.NXT";
	if (seq_after(c->rcv.ack_sent, c->rcv.nxt))
		return "nothing acknowledged that was not received";
	if (tcp_unread(c) > c->rcv.nxt - c->rcv.user)
		return "no more unread than received";
	return spans_broken(c);
}

static bool waits_for_peer(const struct conn *c)
{
	switch (c->state) {
	case SYN_SENT:
	case SYN_RECEIVED:
	case FIN_WAIT_1:
	case CLOSING:
	case LAST_ACK:
	case TIME_WAIT: return true;
	default: return false;
	}
}

static const char *deadlines_broken(const struct conn *c, bool quiet)
{
	bool none = tcp_deadline(c) == TCP_NO_DEADLINE;

	if (!has_peer(c))
		return none ? NULL : "no deadline in CLOSED and LISTEN";
	if (!quiet || !none)
		return NULL;
	if (waits_for_peer(c))
		return "a deadline in every state that waits for the peer";
	if (c->snd.una != c->snd.nxt)
		return "a deadline while something is unacknowledged";
	if (seq_before(c->snd.una, c->snd.end))
		return "a deadline while there is text to send";
	return NULL;
}

const char *invariant_broken(const struct conn *c, bool quiet)
{
	const char *broken = NULL;

	if (c->state >= TCP_STATES)
		return "the state is one of eleven";
	if (has_peer(c))
		broken = send_half_broken(c);
	if (!broken && has_peer(c))
		broken = receive_half_broken(c);
	return broken ? broken : deadlines_broken(c, quiet);
}

const char *invariant_broken_by_step(const struct conn *before, const struct conn *after)
{
	if (after->state && !(reachable(1u << before->state) & 1u << after->state))
		return "states change along the edges of the diagram";
	if (!has_peer(before) || !has_peer(after) || before->snd.iss != after->snd.iss)
		return NULL;
	if (seq_before(after->snd.una, before->snd.una))
		return "SND.UNA never goes back";
	if (seq_before(after->snd.nxt, before->snd.nxt))
		return "SND.NXT never goes back";
	if (before->state == SYN_SENT)
		return NULL;
	if (seq_before(after->rcv.nxt, before->rcv.nxt))
		return "RCV.NXT never goes back";
	if (seq_before(after->rcv.edge, before->rcv.edge))
		return "the right edge of the window never goes back (RFC 9293, SHLD-14)";
	if (seq_before(after->rcv.ack_sent, before->rcv.ack_sent))
		return "Last.ACK.sent never goes back";
	return NULL;
}
