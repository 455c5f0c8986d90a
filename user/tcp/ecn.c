/* SPDX-License-Identifier: BSD-2-Clause */
/* Explicit congestion notification (RFC 3168, 6.1; RFC 9293, 3.8.2, SHLD-8). Off
 * unless asked for. Three things are apart: whether both sides speak it, what the
 * peer's marked segments make us say (ECE, until its CWR), and what its ECE makes
 * us do (less, once for each window, and CWR). */
#include "congestion.h"
#include "core.h"

enum { SETUP = ECE | CWR };

/* What the peer's SYN says (6.1.1): an ECN-setup SYN has both bits, the SYN+ACK
 * that agrees has ECE alone. Crossed SYNs do without. */
void ecn_settle(struct conn *c, const struct host *h, const struct segment *syn)
{
	uint8_t agrees = c->state == SYN_SENT ? ACK | ECE : SETUP;

	c->flags &= ~(uint32_t)CONN_ECN;
	if (h->settings->ecn && (syn->flags & (ACK | SETUP)) == agrees)
		c->flags |= CONN_ECN;
}

/* A SYN that got lost may have been taken for an attack because of these bits: it
 * goes without them when it is sent again (6.1.1.1). */
void ecn_offer(const struct conn *c, const struct host *h, struct segment *syn)
{
	if (c->state != SYN_SENT && conn_has(c, CONN_ECN))
		syn->flags |= ECE;
	if (c->state == SYN_SENT && h->settings->ecn && !conn_has(c, CONN_SYN_LOST))
		syn->flags |= SETUP;
}

bool tcp_uses_ecn(const struct conn *c)
{
	return conn_has(c, CONN_ECN);
}

/* Receiving (6.1.3): text in the window counts, bare ACKs do not (6.1.4). A mark
 * on the segment that bears CWR is a new one. */
void ecn_note_mark(struct arrival *a)
{
	struct conn *c = a->c;

	if (!conn_has(c, CONN_ECN) || !a->s.text_length)
		return;
	if (a->s.flags & CWR)
		c->flags &= ~(uint32_t)CONN_ECHO;
	if (a->s.ecn == ECN_CE)
		c->flags |= CONN_ECHO | CONN_ACK_NOW;
}

/* In every segment with an ACK. */
void ecn_fill(const struct conn *c, struct segment *s)
{
	if (conn_has(c, CONN_ECHO))
		s->flags |= ECE;
}

/* New text is marked as capable; what is sent again (6.1.5), probes of a closed
 * window (6.1.6) and bare ACKs (6.1.4) are not, nor is anything after a SYN that
 * did not offer it (6.1.1). It also says CWR, if that is due. */
void ecn_fill_new(struct conn *c, struct segment *s)
{
	if (!conn_has(c, CONN_ECN) || !s->text_length)
		return;
	if (c->passive || !conn_has(c, CONN_SYN_LOST))
		s->ecn = ECN_ECT_0;
	if (conn_has(c, CONN_CWR))
		s->flags |= CWR;
	c->flags &= ~(uint32_t)CONN_CWR;
}

/* cwnd was reduced, for whatever reason (6.1.2). */
void ecn_note_reduction(struct conn *c)
{
	if (!conn_has(c, CONN_ECN))
		return;
	c->flags |= CONN_CWR | CONN_REDUCED;
	c->snd.reduced = c->snd.nxt;
}

/* Sending (6.1.2): ECE is answered as a lost segment, but nothing is sent again,
 * and once for each window. Before the ACK is taken. True: cwnd shall not grow. */
bool ecn_take_echo(struct conn *c, const struct host *h, const struct segment *s)
{
	if (!conn_has(c, CONN_ECN))
		return false;
	if (conn_has(c, CONN_REDUCED) && !seq_before(s->ack, c->snd.reduced))
		c->flags &= ~(uint32_t)CONN_REDUCED;
	if ((s->flags & (ECE | SYN)) != ECE)
		return false;
	if (c->cc.phase != PHASE_OPEN || conn_has(c, CONN_REDUCED))
		return true;
	congestion_on_loss(c, h);
	ecn_note_reduction(c);
	c->flags &= ~(uint32_t)CONN_UNDO; /* this one was not for nothing */
	return true;
}
