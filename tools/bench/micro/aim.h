/* SPDX-License-Identifier: BSD-2-Clause */
/* What aim.bpf.c and its user share: which addresses stand for which flow. */
#ifndef XTCP_BENCH_AIM_H
#define XTCP_BENCH_AIM_H

#include <linux/types.h>

/* Flow i is that of port AIM_PORT + i % AIM_PORTS at host i / AIM_PORTS of a network
 * of 16 million: as with real clients, a few connections each. Host byte order. */
enum { AIM_PORTS = 16, AIM_PORT = 40000, AIM_NETWORK = 0x0a000000, AIM_HOST = 0x00800000 };

static inline __u32 aim_host(__u32 flow)
{
	return AIM_NETWORK + AIM_HOST + flow / AIM_PORTS;
}

static inline __u16 aim_port(__u32 flow)
{
	return (__u16)(AIM_PORT + flow % AIM_PORTS);
}

#endif
