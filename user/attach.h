/* SPDX-License-Identifier: BSD-2-Clause */
/* The XDP program in the kernel: loaded with maps of the configured sizes, its
 * maps pinned and mapped into memory, and attached to the interface through a
 * pinned bpf_link. */
#ifndef XTCP_ATTACH_H
#define XTCP_ATTACH_H

#include "config.h"
#include "interface.h"
#include "maps.h"

struct xdp_main;

struct attachment {
	struct xdp_main *skeleton;
	struct maps maps;
	int link;	  /* descriptor, -1: not attached */
	const char *mode; /* "native", "generic" */
	uint32_t link_id;
	uint32_t program_id;
	uint32_t workers;
	uint32_t connections; /* places in all */
	uint32_t blocks;      /* of text, in all */
};

/* Each: 0, or -errno after one message that says what is wrong and what would be
 * right. attach_undo() takes back whatever was done. */
int attach_check(const struct config *config, struct interface *i);
int attach_load(struct attachment *a, const struct config *config, const struct interface *i);
int attach_make_ring(struct attachment *a, const struct config *config, uint32_t worker);
int attach_link(struct attachment *a, const struct config *config, const struct interface *i);
void attach_undo(struct attachment *a);

#endif
