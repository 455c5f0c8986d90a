# SPDX-License-Identifier: BSD-2-Clause
"""ECN (RFC 3168) with Linux as the peer, and with one that marks by hand."""
import hashlib
import socket

import pytest
from scapy.layers.inet import IP, TCP

from lab import CLIENT, SERVER, at, until
from peer import RawPeer

MIB = 1 << 20
ECE, CWR, CE = 0x40, 0x80, 3
OPTION_ECN = 8  # TCPI_OPT_ECN


def agreed(s):
    return bool(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 20)[5] & OPTION_ECN)


def read(s, size):
    got = bytearray()
    while len(got) < size:
        more = s.recv(size - len(got))
        assert more, f"the end after {len(got)} of {size} bytes"
        got += more
    return bytes(got)


def ecn(namespace, value):
    namespace.run("sysctl", "-qw", f"net.ipv4.tcp_ecn={value}")


@pytest.mark.parametrize("ours, theirs", [("yes", 1), ("yes", 0), ("no", 1)])
def test_who_offers_and_who_agrees(pair, family, ours, theirs):
    """Linux opens: 1 offers, 0 does not."""
    daemon = pair.listening("echo", 7, {"ecn": ours})
    ecn(pair.client, theirs)
    both = ours == "yes" and theirs == 1
    data = hashlib.shake_128(b"ecn").digest(MIB)
    with pair.client.connect(SERVER[family], 7) as s:
        assert agreed(s) == both
        assert daemon.one_connection()["ecn"] == both
        for i in range(0, MIB, 1 << 15):
            s.sendall(data[i:i + (1 << 15)])
            assert read(s, 1 << 15) == data[i:i + (1 << 15)]
        assert daemon.one_connection()["hits"] > 0, "XDP has a share of it all the same"


@pytest.mark.parametrize("theirs, both", [(1, True), (2, True), (0, False)])
def test_we_offer(pair, family, theirs, both):
    """Linux agrees unless it is told not to."""
    daemon = pair.listening("discard", 9, {"ecn": "yes"})
    ecn(pair.client, theirs)
    listener = pair.client.socket({"v4": socket.AF_INET, "v6": socket.AF_INET6}[family],
                                  socket.SOCK_STREAM)
    with listener:
        listener.bind((CLIENT[family], 9999))
        listener.listen()
        daemon.ctl("connect", at(CLIENT[family], 9999), "--service", "chargen")
        listener.settimeout(10)
        s = listener.accept()[0]
        with s:
            assert agreed(s) == both
            assert daemon.one_connection("ESTABLISHED")["ecn"] == both
            s.settimeout(10)
            assert len(read(s, 100000)) == 100000


def say(peer, seq, ack, text=b"", flags=0, mark=0):
    frame = peer.frame(".", seq, ack, text)
    frame[TCP].flags = int(frame[TCP].flags) | flags
    if IP in frame:
        frame[IP].tos = mark
    else:
        frame.payload.tc = mark
    peer.wire.send(frame)


def bits(peer):
    """ECE and CWR of what comes next; Segment leaves them out."""
    for frame in peer.wire.frames(3):
        if not peer.is_for_us(frame):
            peer.answer_for_us(frame)
        elif not frame[TCP].flags & 2:
            return int(frame[TCP].flags) & (ECE | CWR)
    raise AssertionError("nothing came")


def test_a_mark_is_echoed_until_it_is_answered(pair, family):
    """And the flow, which XDP had, is its own again afterwards."""
    daemon = pair.listening("discard", 9, {"ecn": "yes", "quick_ack": "no"})
    with RawPeer(pair, family, 9) as peer:
        frame = peer.frame("S", 0, options=[("MSS", 1460)])
        frame[TCP].flags = 2 | ECE | CWR
        peer.wire.send(frame)
        peer.expect("S.", seq=0, ack=1)
        say(peer, 1, 1)
        until(lambda: daemon.one_connection("ESTABLISHED")["owner"] == "xdp")
        say(peer, 1, 1, b"x" * 100, mark=2)
        assert bits(peer) == 0
        until(lambda: daemon.one_connection()["owner"] == "xdp")
        with daemon.counted() as change:
            say(peer, 101, 1, b"x" * 100, mark=CE)
            assert bits(peer) == ECE
        assert change["punt_congestion"] == 1
        assert daemon.one_connection()["owner"] == "daemon"
        say(peer, 201, 1, b"x" * 100, mark=2)
        assert bits(peer) == ECE
        say(peer, 301, 1, b"x" * 100, flags=CWR, mark=2)
        assert bits(peer) == 0
        until(lambda: daemon.one_connection()["owner"] == "xdp")
