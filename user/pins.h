/* SPDX-License-Identifier: BSD-2-Clause */
/* Our folder below a BPF filesystem: made, locked against a second xtcpd, swept
 * of what a dead one left, and in the end removed. */
#ifndef XTCP_PINS_H
#define XTCP_PINS_H

#include "config.h"

enum { PIN_PATH = sizeof(((struct config *)0)->bpffs) + 32 };

/* A descriptor that holds the lock, or -errno after a message. */
int pins_open(const char *folder);
void pins_path(const char *folder, const char *name, char path[PIN_PATH]);
/* Removes every pin of ours; returns how many there were. */
int pins_sweep(const char *folder);
/* The same, the folder too, and the lock. */
void pins_close(const char *folder, int lock);

#endif
