/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* One run of the program: the frame and what has been found out about it. The
 * functions of the other files take it, so that each has one argument. */
#ifndef XTCP_VISIT_BPF_H
#define XTCP_VISIT_BPF_H

#include "carrier.h"
#include "maps.bpf.h"
#include "parse.h"

/* Set by the daemon before it loads. */
const volatile __u32 worker_count = 1;
const volatile __u32 partial_checksum_ok = 0; /* 1: a veth or loopback, see csum.h */
const volatile __u8 hop_limit = 64;	      /* MUST-49 of RFC 9293 */
const volatile __u8 traffic_class = 0;	      /* MUST-48: Diffserv and ECN fields */

/* Written by the daemon while the program runs. 1: what XDP_TX sends arrives. */
__u32 transmit_works = 0;

/* Whose the flow is, for the duration of the visit. */
enum standing {
	STANDING_NO_FLOW,
	STANDING_DAEMON,
	STANDING_BUSY, /* another CPU has it */
	STANDING_OURS, /* entered: to be left, or given to the daemon */
};

struct visit {
	struct xdp_md *ctx;
	struct packet packet;
	enum standing standing;
	struct flow *flow;	  /* unless STANDING_NO_FLOW, and then: … */
	__u32 index;		  /* … its connection's */
	__u32 generation;	  /* … and theirs */
	struct worker_wake *wake; /* of the worker that gets the record */
	__u32 worker;		  /* the same */
	struct carrier *carrier;  /* of the same */
	__u32 filled;		  /* of the carrier, before the record was submitted */
	struct record *record;
};

static __always_inline struct flow_rx *visit_rx(const struct visit *v)
{
	return &v->flow->rx;
}

static __always_inline const struct flow_tx *visit_tx(const struct visit *v)
{
	return &v->flow->tx;
}

#endif
