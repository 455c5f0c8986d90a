/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers that do not follow from the state: RST, and the challenge ACK of
 * RFC 5961 (MAY-12) with its budget. The budget is the connection's own, so that nobody
 * learns from it about another connection (RFC 5961, 7). */
#include "core.h"

enum { CHALLENGES = 10, CHALLENGE_SECONDS = 5 };

/* <SEQ=seq><CTL=RST>. It overrides an ACK: it ends what that would go on with. */
void answer_reset(struct conn *c, uint32_t seq)
{
	c->answer.flags = RST;
	c->answer.seq = seq;
}

static bool budget_allows(struct conn *c, const struct host *h)
{
	uint16_t second = (uint16_t)(h->now / TCP_SECOND);

	if ((uint16_t)(second - c->answer.since) >= CHALLENGE_SECONDS) {
		c->answer.since = second;
		c->answer.budget = 0;
	}
	if (c->answer.budget >= CHALLENGES)
		return false;
	c->answer.budget++;
	return true;
}

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, ten times in five seconds (SHLD of
 * RFC 5961, 7). */
void answer_challenge(struct conn *c, const struct host *h)
{
	if (c->answer.flags & RST || !budget_allows(c, h))
		return;
	c->answer.flags = ACK;
	c->answer.seq = c->snd.nxt;
}

/* 3.10.7.1: a segment of no connection. An RST is never answered (3.5.2: it
 * could loop); the rest gets one that its sender will accept. */
bool tcp_answer_stray(const struct segment *s, struct segment *answer)
{
	*answer = (struct segment){0};
	if (s->flags & RST)
		return false;
	if (s->flags & ACK) {
		answer->seq = s->ack;
		answer->flags = RST;
		return true;
	}
	answer->ack = s->seq + segment_length(s);
	answer->flags = RST | ACK;
	return true;
}
