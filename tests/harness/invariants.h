/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds of every connection between two events, whatever came before. */
#ifndef XTCP_TEST_INVARIANTS_H
#define XTCP_TEST_INVARIANTS_H

#include "tcp.h"

/* NULL, or the sentence that is not true of `c`. `quiet`: all output has been
 * pulled. */
const char *invariant_broken(const struct conn *c, bool quiet);

/* The same of two moments of one connection, one event apart. */
const char *invariant_broken_by_step(const struct conn *before, const struct conn *after);

#endif
