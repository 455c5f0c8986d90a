# SPDX-License-Identifier: BSD-2-Clause
"""What is measured: every row of the table, and what the project wants of it."""

import os

import servers as s
import world as w
from measures import (Apart, AtRestCpu, Load, Memory, Send, byte_bits, flood_cost, rate,
                      request_cost, round_trip, segment_bits, sent_bits)

FLOOD_RATE, FLOOD_TOO_MUCH = 50000, 200000
AT_REST, AT_REST_QUICK = 1000000, 50000
AT_REST_CPU = 100000


class Row:
    """`wanted` of the ratio ours/peer, or of ours itself if `absolute`. `limit` names
    a row of the group "limits", of which ours is a share. The rows of that group have
    no side of ours."""

    def __init__(self, group, name, peer, ours, wanted=None, unit="/s", lower=False,
                 absolute=False, limit=None, once=False):
        self.group, self.name, self.peer, self.ours, self.wanted = group, name, peer, ours, wanted
        self.unit, self.lower, self.absolute = unit, lower, absolute
        self.limit, self.once = limit, once

    def sides(self):
        return [side for side in (self.peer, self.ours) if side]

    def links(self):
        return [link for side in self.sides() for link in side.links]


def at(port, address=w.SERVER):
    return ("[%s]:%d" if ":" in address else "%s:%d") % (address, port)


def xload(label, link, *arguments, target=at(s.ECHO), figure=rate):
    return Load(label, link, "xload", ["--target", target, *arguments], figure)


def both(*arguments, ours="xtcp", target=at(s.ECHO), figure=rate):
    return (xload("kernel", "kernel", *arguments, target=target, figure=figure),
            xload("xtcp", ours, *arguments, target=target, figure=figure))


def small_rows():
    group, many = "request and response", ["-n", 16384, "--batch", 2048]
    target6 = at(s.ECHO, w.SERVER6)
    rows = [
        Row(group, "64B-128", *both(), wanted=5),
        Row(group, "64B-128-no-carriers", *both(ours="xtcp_carriers=no"), wanted=2.5),
        Row(group, "64B-128-v6", xload("kernel", "kernel6", target=target6),
            xload("xtcp", "xtcp6", target=target6)),
        Row(group, "64B-1", *both("-n", 1), wanted=2),
        Row(group, "64B-16", *both("-n", 16), wanted=4),
        Row(group, "64B-1024", *both("-n", 1024), wanted=4),
        Row(group, "64B-16384", *both(*many), wanted=3),
        Row(group, "1KiB-128", *both("--size", 1024), wanted=3),
        Row(group, "connect", *both("--mode", "connect"), wanted=2),
    ]
    for row in rows[:4]:
        row.limit = "limit-reflect-64B"
    return rows


def proxy_rows():
    def row(peer, port):
        return Row("proxy to a Unix socket", "proxy-" + peer, xload(peer, peer, target=at(port)),
                   xload("xtcp", "xtcp", target=at(s.PROXY)), wanted=2)
    return [row("nginx", s.NGINX), row("haproxy", s.HAPROXY)]


def round_trip_rows():
    def row(name, spin, wanted):
        return Row("round trip, one connection", name,
                   *both("-n", 1, ours="xtcp_spin-us=%d" % spin, figure=round_trip),
                   wanted=wanted, unit="us", lower=True)
    return [row("rtt-spinning", 100000, 0.35), row("rtt-asleep", 0, 1.1)]


def bulk_rows():
    group, send = "bulk, segments of 1448 bytes", ["--mode", "send", "--size", 1448, "-n", 4]
    drain = ["--target", at(s.CHARGEN)]
    pool = "xtcpbulk_text-pool-mib=512"
    ours = Load("xtcp", pool, "bench/drain", drain, byte_bits)
    copy = Load("xtcp, AF_XDP copy", pool + "_transmit=xdp_carriers=no", "bench/drain", drain,
                byte_bits)
    return [
        Row(group, "bulk-receive", *both(*send, target=at(s.DISCARD), figure=segment_bits),
            wanted=1.5, unit="bit/s"),
        Row(group, "bulk-send", Load("kernel", "plain", "bench/drain", drain, byte_bits), ours,
            wanted=0.9, unit="bit/s", limit="limit-gso"),
        Row(group, "bulk-send-copy", copy, ours, wanted=10, unit="bit/s"),
    ]


def queue_rows():
    """Two workers may be wanted to do more only where CPUs are left for them. What a
    request costs is to be read beside two servers that share nothing but the machine:
    what their cost rises by is not of the workers' making. Of 128 connections each of
    two has half, whose frames come in smaller batches; `each`: it has as many as one."""
    def workers(count, connections, figure):
        link = "xtcp2q_workers=%d%s" % (count, "_pin-workers=yes" if count > 1 else "")
        return xload("%d worker%s" % (count, "s" if count > 1 else ""), link,
                     "--spread", "-n", connections, figure=figure)

    def cost(name, peer, ours, wanted=None):
        return Row("two queues", name, peer, ours, wanted=wanted, unit="s/M", lower=True)

    links = ["xtcp@%d" % (os.cpu_count() - n) for n in (1, 2)]
    one_worker, two_workers = workers(1, 128, request_cost), workers(2, 128, request_cost)
    one_server = xload("1 server", links[0], "-n", 128, figure=request_cost)
    two_servers = Apart("2 servers", links, ["--target", at(s.ECHO), "-n", 64], request_cost)
    return [
        Row("two queues", "queues-2", workers(1, 128, rate), workers(2, 128, rate),
            wanted=1.7 if os.cpu_count() > 2 else None),
        cost("queues-2-cost", one_worker, two_workers, wanted=1.05),
        cost("queues-2-each-cost", one_worker, workers(2, 256, request_cost), wanted=1.05),
        cost("apart-2-cost", one_server, two_servers),
        cost("queues-2-apart-cost", two_servers, two_workers, wanted=1.05),
    ]


def flood_rows():
    """What a small load still gets beside a flood, and what the flood costs alone."""
    rows = []
    group = "floods of %d segments/s" % FLOOD_RATE
    for name, kind, peer in (("syn-cookies", "syn", "cookies"), ("syn-synproxy", "syn", "synproxy"),
                             ("ack", "ack", "kernel"), ("rst", "rst", "kernel")):
        flood = ["--flood", kind, "--rate", FLOOD_RATE]
        beside = ["-n", 16, *flood]
        alone = ["--mode", "flood", *flood]
        rows.append(Row(group, "beside-" + name, xload(peer, peer, *beside),
                        xload("xtcp", "xtcp", *beside)))
        rows.append(Row(group, "cost-" + name, xload(peer, peer, *alone, figure=flood_cost),
                        xload("xtcp", "xtcp", *alone, figure=flood_cost), unit="s/M", lower=True))
    too_much = ["-n", 16, "--flood", "syn", "--rate", FLOOD_TOO_MUCH]
    rows.append(Row("a flood of %d segments/s" % FLOOD_TOO_MUCH, "beside-syn-too-much",
                    xload("cookies", "cookies", *too_much), xload("xtcp", "xtcp", *too_much)))
    return rows


def at_rest_rows(quick):
    count = AT_REST_QUICK if quick else AT_REST
    idle = AT_REST_QUICK if quick else AT_REST_CPU
    beside = min(count, AT_REST_CPU)
    room = 1 << (count - 1).bit_length()

    def xtcp(n):
        """The pool bounds what is buffered at a time: at rest that is nothing."""
        return "xtcp_connections=%d_half-open=%d_text-pool-mib=128" % (n, min(n, 65536))

    return [
        Row("connections at rest", "memory-idle",
            Memory("kernel", "epolls_%d" % beside, at(s.ECHO), beside),
            Memory("xtcp", xtcp(room), at(s.ECHO), count), unit="B", lower=True, absolute=True,
            wanted=None if quick else 1024, once=True),  # few do not pay for the buffers of all
        Row("connections at rest", "cpu-idle",
            AtRestCpu("kernel", "epolls_%d" % idle, at(s.ECHO), idle),
            AtRestCpu("xtcp", xtcp(1 << (idle - 1).bit_length()), at(s.ECHO), idle), wanted=1,
            unit="%", lower=True, absolute=True, once=True),
    ]


def limit_rows():
    def sent(name, label, link, unit, *arguments):
        return Row("limits of the link, no server", name,
                   Send(label, link, arguments, sent_bits if unit == "bit/s" else rate), None,
                   unit=unit)
    return [
        Row("limits of the link, no server", "limit-reflect-64B",
            xload("XDP_TX", "reflect"), None),
        sent("limit-xdp-64B", "AF_XDP copy", "drop", "/s", "--way", "xdp", "--size", 64),
        sent("limit-packet-64B", "AF_PACKET", "drop", "/s", "--way", "packet", "--size", 64),
        sent("limit-xdp-1448B", "AF_XDP copy", "drop", "bit/s", "--way", "xdp", "--size", 1448),
        sent("limit-packet-1448B", "AF_PACKET", "drop", "bit/s", "--way", "packet", "--size", 1448),
        sent("limit-gso", "AF_PACKET GSO", "dropbehind", "bit/s", "--way", "gso"),
    ]


def all_rows(quick=False):
    return (limit_rows() + small_rows() + proxy_rows() + round_trip_rows() + bulk_rows() +
            queue_rows() + flood_rows() + at_rest_rows(quick))
