/* SPDX-License-Identifier: BSD-2-Clause */
/* Any segments, calls and passing of time: the invariants hold after every step.
 * Numbers are chosen around those where decisions lie (RCV.NXT, the window's edge,
 * SND.UNA, SND.NXT), for neither chance nor a fuzzer finds one of 2^32. */
#ifndef XTCP_TEST_WALK_H
#define XTCP_TEST_WALK_H

#include "choice.h"

/* One life of a connection, of at most `steps` events; fails through fail_at().
 * Returns how many there were. */
uint32_t walk_run(struct choice *c, uint32_t steps);

#endif
