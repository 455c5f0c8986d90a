/* SPDX-License-Identifier: BSD-2-Clause */
/* The same life twice: once through the core alone, once through the fast path
 * and the core, with the daemon ever late and interrupting. Whatever happens,
 * both must end with the same bytes, SND.UNA, RCV.NXT and state. Driven by a
 * seed or by a fuzzer's bytes. */
#ifndef XTCP_TEST_TWINS_H
#define XTCP_TEST_TWINS_H

#include "choice.h"
#include "xdp_model.h"

struct twins {
	struct choice *choice;
	struct peer alone;
	struct xdp_model fast;
	uint32_t top; /* highest sequence number of the peer's text, plus one */
	uint32_t fin; /* where the peer's FIN stands, with fin_sent */
	bool fin_sent;
	/* A segment met another CPU's: the next may overtake it, as on any path. An
	 * ACK that came with old text can be news for the one life and not for the
	 * other then, until the peer's next. */
	bool raced;
	uint32_t ts_clock; /* the peer's */
	bool calm;	   /* a trace in which little goes wrong: mostly hits */
	uint16_t window;   /* the peer's, as in the header */
	uint64_t end;	   /* the life is over by then */
};

/* Runs one life of at most `steps` events; fails through fail_at(). `talk`:
 * notes the conversation. */
void twins_run(struct twins *t, struct choice *choice, uint32_t steps, bool talk);

#endif
