/* SPDX-License-Identifier: BSD-2-Clause */
/* Our folder below a BPF filesystem: made, locked against a second xtcpd, swept
 * of what a dead one left, and in the end removed. */
#ifndef XTCP_PINS_H
#define XTCP_PINS_H

#include "config.h"

enum { PIN_PATH = sizeof(((struct config *)0)->bpffs) + 32 };

/* Where the pins are, from pins_open() to pins_close(). */
struct pins {
	const char *folder;
	int lock;	  /* the folder's descriptor, which holds it */
	unsigned made_at; /* length of the first path of it that we made; 0: none but the last */
};

/* 0, or -errno after a message, and then nothing is left to close. */
int pins_open(const char *folder, struct pins *p);
void pins_path(const char *folder, const char *name, char path[PIN_PATH]);
/* Removes the pins, the folders that were made for them, and the lock. */
void pins_close(struct pins *p);

#endif
