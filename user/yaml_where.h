/* SPDX-License-Identifier: BSD-2-Clause */
/* Where in a YAML text something stands. libcyaml fills structures but keeps no
 * lines; for a message, libyaml's own document is walked once more. */
#ifndef XTCP_YAML_WHERE_H
#define XTCP_YAML_WHERE_H

#include "complaint.h"
#include <stddef.h>

struct yaml_text {
	const char *bytes;
	size_t length;
};

/* Is it YAML at all? 0, or -EINVAL and the line. */
int yaml_check(const struct yaml_text *yaml, unsigned *line, struct complaint *c);

/* The line, from 1, of "interface" or "listeners[2].backends[0]"; of the last one
 * if a key stands there twice; of its nearest ancestor if it is not there. */
unsigned yaml_where(const struct yaml_text *yaml, const char *path);

#endif
