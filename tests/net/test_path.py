# SPDX-License-Identifier: BSD-2-Clause
"""What the path says by ICMP (RFC 9293, 3.9.2.2; RFC 1191, 8201, 5927): behind a
router with a narrower link, and forged.

    ┌─ client ────────┐      ┌─ router ─────────────────┐      ┌─ server ────────┐
    │ eth0 10.78.0.1  │      │ west 10.78.0.254         │      │ xtcpd on eth0   │
    │      fd78::1    ├─1280─┤      fd78::254           │      │ 10.77.0.2       │
    │ offers MSS 1460 │      │ east 10.77.0.254 fd77::fe├─1500─┤ fd77::2         │
    └─────────────────┘      └──────────────────────────┘      └─────────────────┘
"""
import hashlib
import threading
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import SERVER, at, until
from peer import RawPeer

MIB = 1 << 20
ROUTER = {"west": ("10.78.0.254", "fd78::254"), "east": ("10.77.0.254", "fd77::fe")}


def behind_router(lab):
    """Fills the lab. The client's link carries 1280 bytes, and it hides that."""
    lab.client, lab.server, router = (lab.namespace(r) for r in "csr")
    lab.veth(lab.client, "eth0", router, "west", mtu=1280)
    lab.veth(router, "east", lab.server, "eth0")
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    lab.address(lab.client, "eth0", "10.78.0.1", "fd78::1")
    lab.address(lab.server, "eth0", SERVER["v4"], SERVER["v6"])
    for end, addresses in ROUTER.items():
        lab.address(router, end, *addresses)
    lab.client.ip("route", "add", "default", "via", ROUTER["west"][0], "advmss", "1460")
    lab.client.ip("-6", "route", "add", "default", "via", ROUTER["west"][1], "advmss", "1440")
    lab.server.ip("route", "add", "default", "via", ROUTER["east"][0])
    lab.server.ip("-6", "route", "add", "default", "via", ROUTER["east"][1])
    lab.router = router
    return lab


def worker_sum(daemon, key):
    return sum(w[key] for w in daemon.json("status")["workers"])


def download(lab, family, size):
    """Through the proxy, compared; the daemon, and the connection, which lives on."""
    web = lab.nginx()
    daemon = lab.listening("proxy", 80, {}, {"backends": ["127.0.0.1:8080"]})
    data = hashlib.shake_128(family.encode()).digest(size)
    (web.files / "file").write_bytes(data)
    s = lab.client.connect(SERVER[family], 80, timeout=40)
    s.sendall(b"GET /file HTTP/1.1\r\nHost: there\r\n\r\n")
    got = bytearray()
    while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + size:
        more = s.recv(1 << 16)
        assert more
        got += more
    assert got[-size:] == data
    return daemon, daemon.one_connection(), s


def test_download_through_a_narrow_link(lab, family):
    """DF is set, the router refuses what is too large and says so (MUST-54)."""
    daemon, c, s = download(behind_router(lab), family, 8 * MIB)
    assert worker_sum(daemon, "icmp_too_big") > 0
    assert c["mss"] == 1280 - {"v4": 40, "v6": 60}[family] - 12
    assert c["retransmits"] < 200
    snmp = lab.router.run("cat", "/proc/net/snmp").stdout.splitlines()
    names, values = (line.split() for line in snmp if line.startswith("Ip:"))
    assert dict(zip(names, values))["FragCreates"] == "0"  # nobody has cut anything
    s.close()


def test_download_through_a_black_hole(lab, family):
    """The same with a router that keeps silent: found by timeouts (RFC 4821)."""
    behind_router(lab)
    version = {"v4": "-4", "v6": "-6"}[family]
    lab.router.ip(version, "rule", "add", "pref", "1", "iif", "lo", "blackhole")
    daemon, c, s = download(lab, family, MIB)
    assert worker_sum(daemon, "icmp_too_big") == 0
    assert c["mss"] == 1280 - {"v4": 40, "v6": 60}[family] - 12
    s.close()


# --- forged ---------------------------------------------------------------------------------


def error(peer, seq, kind, mtu=0):
    """ICMP to the daemon, about a segment of its that began with `seq`."""
    theirs = (peer.irs + seq) & 0xffffffff
    tcp = TCP(sport=peer.port, dport=peer.own_port, seq=theirs, flags="A")
    if peer.family == "v4":
        icmp = {"big": ICMP(type=3, code=4, nexthopmtu=mtu), "host": ICMP(type=3, code=1),
                "port": ICMP(type=3, code=3), "time": ICMP(type=11, code=0),
                "quench": ICMP(type=4, code=0)}[kind]
        quoted = IP(src=peer.server, dst=peer.address, flags="DF") / tcp / Raw(b"x" * 1400)
        return peer.ip() / icmp / Raw(bytes(quoted)[:28])
    icmp = {"big": ICMPv6PacketTooBig(mtu=mtu), "host": ICMPv6DestUnreach(code=3),
            "port": ICMPv6DestUnreach(code=4), "time": ICMPv6TimeExceeded()}[kind]
    quoted = IPv6(src=peer.server, dst=peer.address) / tcp / Raw(b"x" * 1400)
    return peer.ip() / icmp / Raw(bytes(quoted)[:48])


def say(peer, *arguments, **more):
    peer.wire.send(Ether(src=peer.mac, dst=peer.server_mac) / error(peer, *arguments, **more))


def silent_peer(lab, family):
    """The daemon has sent it text that it does not acknowledge."""
    daemon = lab.listening("chargen", 19)
    peer = RawPeer(lab, family, 19).open()
    first = peer.receive()
    assert first.seq == 1 and len(first.text) >= 1400
    return daemon, peer


def heard(daemon, key, count=1):
    until(lambda: worker_sum(daemon, key) >= count, 5, key)


def test_too_big_about_what_is_not_under_way_is_ignored(pair, family):
    """RFC 5927, 4.1: who does not see the segments cannot slow them down."""
    daemon, peer = silent_peer(pair, family)
    with peer:
        before = daemon.one_connection()["mss"]
        for seq in (0, 100000, 1 << 31):
            say(peer, seq, "big", mtu=1280)
        heard(daemon, "icmp_ignored", 3)
        assert daemon.one_connection()["mss"] == before
        assert worker_sum(daemon, "icmp_too_big") == 0


def test_too_big_about_what_is_under_way_is_believed(pair, family):
    daemon, peer = silent_peer(pair, family)
    room = 1300 - {"v4": 40, "v6": 60}[family]
    with peer:
        say(peer, 1, "big", mtu=1300)
        again = peer.expect(".", seq=1)
        assert len(again.text) == room
        assert daemon.one_connection()["mss"] == room


def test_too_big_never_goes_below_the_minimum(pair, family):
    """RFC 8200, 5; for IPv4 552 bytes, as deployed stacks have it."""
    daemon, peer = silent_peer(pair, family)
    with peer:
        say(peer, 1, "big", mtu=68)
        heard(daemon, "icmp_too_big")
        until(lambda: daemon.one_connection()["mss"] == {"v4": 512, "v6": 1220}[family])


@pytest.mark.parametrize("kind, name", [("host", "host unreachable"), ("port", "port unreachable"),
                                        ("time", "time exceeded")])
def test_other_errors_are_soft(pair, family, kind, name):
    """MUST-56, MUST-47, RFC 5927, 6: noted and shown, and the connection goes on."""
    daemon, peer = silent_peer(pair, family)
    with peer:
        say(peer, 1, kind)
        heard(daemon, "icmp_soft")
        c = daemon.one_connection("ESTABLISHED")
        assert (c["soft_error"], c["soft_errors"]) == (name, 1)
        assert f"icmp:1 ({name})" in daemon.ctl("list").stdout


def test_source_quench_is_discarded(pair):
    """MUST-55."""
    daemon, peer = silent_peer(pair, "v4")
    with peer:
        say(peer, 1, "quench")
        say(peer, 0, "host")  # behind it: when this was heard, so was that
        heard(daemon, "icmp_ignored")
        assert "soft_error" not in daemon.one_connection()


def test_hard_error_ends_an_opening_soft_error_does_not(pair, family):
    """SHLD-26 in SYN_SENT alone; MUST-56 there too."""
    daemon = pair.listening("discard", 9)
    with RawPeer(pair, family, None) as peer:
        starting = threading.Thread(target=lambda: daemon.ctl(
            "connect", at(peer.address, peer.own_port), "--service", "discard", check=False))
        starting.start()
        peer.expect("S")
        starting.join()
        say(peer, 0, "host")
        heard(daemon, "icmp_soft")
        assert daemon.one_connection()["state"] == "SYN_SENT"
        say(peer, 0, "port")
        daemon.gone()
    until(lambda: "port unreachable" in daemon.errors(), 2)


def test_a_flood_of_errors_harms_nobody(pair, family):
    daemon, peer = silent_peer(pair, family)
    with peer:
        frame = Ether(src=peer.mac, dst=peer.server_mac) / error(peer, 1, "host")
        frame = bytes(frame)
        end = time.monotonic() + 1
        sent = 0
        while time.monotonic() < end:
            peer.wire.socket.send(frame)
            sent += 1
        pause = time.monotonic()
        c = daemon.one_connection("ESTABLISHED")
        assert time.monotonic() - pause < 2
        assert 1 <= c["soft_errors"] <= 20000, sent
