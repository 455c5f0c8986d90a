/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows from an event, whatever it was: a segment, a deadline, a call of
 * a service. Every event ends here. */
#ifndef XTCP_SETTLE_H
#define XTCP_SETTLE_H

#include "session.h"

/* Settles what is on the worker's list now; what changes meanwhile is settled in
 * the next round. False: there was nothing. */
bool settle_changed(struct worker *w);
/* A deadline of the session at `place` may have come (for wheel_advance). */
void settle_deadline(void *worker, uint32_t place);
/* Tells services that waited for blocks of the text pool. */
void settle_starved(struct worker *w);

#endif
