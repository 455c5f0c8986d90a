/* SPDX-License-Identifier: BSD-2-Clause */
/* To whom a punted segment goes: its connection, a listener's new one, or the
 * answer to strays. */
#ifndef XTCP_DEMUX_H
#define XTCP_DEMUX_H

#include "parse.h"
#include "session.h"

/* A segment that has been read and verified. */
struct arrival {
	struct packet packet;
	const uint8_t *frame;
	struct session *session; /* NULL: not known by its record */
	bool right;		 /* its checksum, or … */
	bool partial;		 /* … it was left to the link, see csum.h; by chance both */
	uint32_t behind;	 /* SND.NXT of the incarnation that made way, 0: none */
};

void demux(struct worker *w, struct arrival *a);
/* Opens a connection actively: 0 and *id, or -errno. */
int demux_open(struct worker *w, const struct tuple *t, const struct link_address *link,
	       const struct listener_config *as, uint32_t *id);

#endif
