/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses with ports as people write them: 10.1.0.2:80, [fd00::2]:80, and for
 * backends unix:/run/app.sock. Names are not resolved: a daemon must not hang on
 * a resolver. */
#ifndef XTCP_ENDPOINT_H
#define XTCP_ENDPOINT_H

#include "abi.h"
#include "complaint.h"
#include "config.h"

enum { ENDPOINT_TEXT = 64 };

/* 0, or -EINVAL with a complaint that quotes `text`. */
int endpoint_parse(const char *text, struct address *address, __be16 *port, struct complaint *c);
int backend_parse(const char *text, struct backend *backend, struct complaint *c);

void endpoint_print(const struct address *address, __be16 port, char text[ENDPOINT_TEXT]);

#endif
