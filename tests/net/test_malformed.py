# SPDX-License-Identifier: BSD-2-Clause
"""Segments that no stack should send: counted by reason, never answered with
more than came, and the daemon lives on."""
import random
import socket
import struct

import pytest
from scapy.layers.inet import TCP, IPOption
from scapy.layers.inet6 import (IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from lab import SERVER, until
from peer import RawPeer

PORT = 7


def still_serves(lab, daemon, family="v4"):
    s = lab.client.connect(SERVER[family], PORT)
    s.sendall(b"alive")
    assert s.recv(100) == b"alive"
    s.close()
    assert daemon.alive()


def syn(peer, **fields):
    """A SYN that would be answered, but for `fields` of IP and TCP."""
    frame = peer.frame("S", 0)
    ip, tcp = frame.payload, frame[TCP]
    for name, value in fields.items():
        layer, name = name.split("_", 1)
        setattr(tcp if layer == "tcp" else ip, name, value)
    return frame


def count(lab, daemon, peer, frame, reason, answered=False):
    """Sends the frame; it is counted under this reason, and not answered."""
    before = daemon.counters()
    peer.wire.send(frame)
    until(lambda: daemon.counters()[reason] > before[reason], 3,
          f"{reason}: {changes(before, daemon.counters())}")
    if not answered:
        peer.silence(0.15)
        assert daemon.connections() == []


def changes(before, after):
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize("fields, reason", [
    ({"tcp_chksum": 0x1234}, "drop_checksum"),
    ({"tcp_dataofs": 4}, "drop_tcp_header"),
    ({"tcp_dataofs": 15}, "drop_tcp_header"),
])
def test_tcp_header(pair, family, fields, reason):
    """RFC 9293, 3.1: MUST-3, the checksum, among others."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, family, PORT) as peer:
        count(pair, daemon, peer, syn(peer, **fields), reason)
    still_serves(pair, daemon, family)


@pytest.mark.parametrize("fields, reason", [
    ({"ip_chksum": 0x1234}, "drop_checksum"),
    ({"ip_ihl": 4}, "drop_ip_header"),
    ({"ip_ihl": 15}, "drop_ip_header"),
    ({"ip_len": 19}, "drop_ip_header"),
    ({"ip_len": 2000}, "drop_ip_header"),
    ({"ip_flags": "MF"}, "drop_fragment"),
    ({"ip_src": "127.0.0.1"}, "drop_source"),
    ({"ip_src": "255.255.255.255"}, "drop_source"),
    ({"ip_src": "224.0.0.5"}, "drop_source"),
    ({"ip_src": "0.0.0.0"}, "drop_source"),
    ({"ip_src": "10.77.0.2"}, "drop_source"),
])
def test_ipv4_header(pair, fields, reason):
    """RFC 9293, 3.9.2.3: MUST-63, SYNs from where nobody can be, among others."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, "v4", PORT) as peer:
        count(pair, daemon, peer, syn(peer, **fields), reason)
    still_serves(pair, daemon)


def test_ipv4_later_fragment_passes_and_goes_nowhere(pair):
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, "v4", PORT) as peer:
        before = daemon.counters()
        peer.wire.send(syn(peer, ip_frag=100))
        peer.silence(0.2)
        counted = changes(before, daemon.counters())
        assert counted.get("pass_fragment", 0) + counted.get("drop_fragment", 0) >= 1, counted
    still_serves(pair, daemon)


def test_ipv6_length(pair):
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, "v6", PORT) as peer:
        count(pair, daemon, peer, syn(peer, ip_plen=2000), "drop_ip_header")
        count(pair, daemon, peer, syn(peer, ip_src="ff02::1"), "drop_source")
        count(pair, daemon, peer, syn(peer, ip_src="::"), "drop_source")
    still_serves(pair, daemon, "v6")


def test_ipv6_fragment(pair):
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, "v6", PORT) as peer:
        frame = peer.frame("S", 0)
        frame = Ether(src=frame.src, dst=frame.dst) / peer.ip() / \
            IPv6ExtHdrFragment(m=1, id=7) / frame[TCP]
        count(pair, daemon, peer, frame, "drop_fragment")
    still_serves(pair, daemon, "v6")


def test_ipv4_options_do_not_let_a_segment_slip_past(pair):
    """MUST-50: they are ignored."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, "v4", PORT) as peer:
        frame = peer.frame("S", 0)
        frame = Ether(src=frame.src, dst=frame.dst) / \
            peer.ip(options=[IPOption(b"\x94\x04\x00\x00")]) / frame[TCP]
        count(pair, daemon, peer, frame, "punt_syn", answered=True)
        peer.expect("S.", seq=0, ack=1)
        peer.send("R", 1)
    daemon.gone()


def test_ipv6_extension_headers_do_not_let_a_segment_slip_past(pair):
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, "v6", PORT) as peer:
        frame = peer.frame("S", 0)
        frame = Ether(src=frame.src, dst=frame.dst) / peer.ip() / IPv6ExtHdrHopByHop() / \
            IPv6ExtHdrDestOpt() / frame[TCP]
        count(pair, daemon, peer, frame, "punt_syn", answered=True)
        peer.expect("S.", seq=0, ack=1)
        peer.send("R", 1)
    daemon.gone()


def test_vlan_tag_is_answered_with_the_same(pair, family):
    daemon = pair.listening("echo", PORT)

    def tagged(frame):
        return Ether(src=frame.src, dst=frame.dst) / Dot1Q(vlan=42) / frame.payload
    with RawPeer(pair, family, PORT) as peer:
        peer.wire.send(tagged(peer.frame("S", 0, options=[("MSS", 1460)])))
        assert peer.expect("S.", seq=0, ack=1).vlan == 42
        peer.wire.send(tagged(peer.frame(".", 1, 1)))
        daemon.one_connection("ESTABLISHED")
        peer.wire.send(tagged(peer.frame("P.", 1, 1, b"tagged")))
        assert peer.expect(".", seq=1, ack=7, text=b"tagged").vlan == 42
        peer.wire.send(tagged(peer.frame("R", 7)))
        daemon.gone()


@pytest.mark.parametrize("field, mac", [
    ("src", "01:00:5e:00:00:09"),
    ("dst", "01:00:5e:00:00:02"),
    ("dst", "ff:ff:ff:ff:ff:ff"),
])
def test_ethernet_groups_are_no_peers(pair, family, field, mac):
    """RFC 9293, 3.9.2.3: MUST-57, in its Ethernet form."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, family, PORT) as peer:
        frame = peer.frame("S", 0)
        setattr(frame, field, mac)
        count(pair, daemon, peer, frame, "drop_source")
    still_serves(pair, daemon, family)


@pytest.mark.parametrize("family, group", [
    ("v4", "224.0.0.1"), ("v4", "10.77.0.255"), ("v4", "255.255.255.255"),
    ("v6", "ff02::1"), ("v6", "ff0e::7"),
])
def test_syn_to_a_group_of_hosts_is_not_answered(pair, family, group):
    """RFC 9293, 3.9.2.3: MUST-57, with a listener on every address."""
    daemon = pair.daemon(("::", PORT, "echo"))
    with RawPeer(pair, family, PORT) as peer:
        peer.wire.send(syn(peer, ip_dst=group))
        for frame in peer.wire.frames(0.3):
            assert TCP not in frame or frame[TCP].sport != PORT, frame.summary()
    assert daemon.connections() == []
    still_serves(pair, daemon, family)


@pytest.mark.parametrize("fields", [
    {"ip_src": "::ffff:10.77.0.9"},
    {"ip_src": "::ffff:10.77.0.9", "ip_dst": "::ffff:10.77.0.2"},
])
def test_ipv6_between_mapped_addresses(pair, fields):
    """Not a way to be taken for IPv4."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, "v6", PORT) as peer:
        count(pair, daemon, peer, syn(peer, **fields), "drop_source")
    still_serves(pair, daemon, "v4")


@pytest.mark.parametrize("options", [
    b"\x02\x00\x05\xb4",          # length 0
    b"\x02\x01\x05\xb4",          # length 1
    b"\x02\x28\x05\xb4",          # past the header
    b"\x01\x01\x01\x08",          # a kind without its length
    b"\xfd\x04\x00\x00",          # unknown: skipped
    b"\x03\x03\xff\x00",          # window scale 255
    b"\x02\x04\x00\x00",          # MSS 0
    b"\x02\x04\x00\x01",          # MSS 1
])
def test_tcp_options(pair, family, options):
    """Answered or dropped and counted, never more than one segment."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, family, PORT) as peer:
        raw = bytearray(bytes(peer.frame("S", 0))[-20:])
        raw[12] = (5 + len(options) // 4) << 4
        raw[16:18] = b"\0\0"
        segment = bytes(raw) + options
        ip = peer.ip(**({"proto": 6} if family == "v4" else {"nh": 6}))
        frame = Ether(src=peer.mac, dst=peer.server_mac) / ip / Raw(
            with_checksum(peer, family, segment))
        before = daemon.counters()
        peer.wire.send(frame)
        answer = peer.receive(0.4)
        assert answer or changes(before, daemon.counters()).get("drop_options"), options
        if answer:
            assert answer.flags == 0x12 and not answer.text
            peer.send("R", 1)
    daemon.gone()
    still_serves(pair, daemon, family)


def with_checksum(peer, family, segment):
    from socket import AF_INET, AF_INET6, inet_pton
    kind = AF_INET if family == "v4" else AF_INET6
    pseudo = inet_pton(kind, peer.address) + inet_pton(kind, peer.server) + \
        struct.pack("!II", len(segment), 6)
    data = pseudo + segment
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return segment[:16] + struct.pack("!H", ~total & 0xffff) + segment[18:]


@pytest.mark.parametrize("flags", ["", "F", "SF", "SR", "FPU", "SFRPU.", "U", "P"])
def test_strange_flags_are_never_amplified(pair, family, flags):
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, family, PORT) as peer:
        peer.send(flags, 0, 5)
        first = peer.receive(0.3)
        if first:
            assert not first.text
            peer.silence(0.3)
    until(lambda: all(c["state"] != "ESTABLISHED" for c in daemon.connections()), 2)
    assert daemon.alive()


def test_short_frames(pair, family):
    """Every prefix of a good segment to the listener."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, family, PORT) as peer:
        whole = bytes(peer.frame("P.", 1, 1, b"text"))
        for length in range(14, len(whole)):
            peer.wire.send(whole[:length])
        peer.silence(0.3)
    still_serves(pair, daemon, family)


def test_noise(pair, family):
    """Ten thousand seeded mutations of segments, with a connection beside them."""
    daemon = pair.listening("echo", PORT)
    s = pair.client.connect(SERVER[family], PORT)
    dice = random.Random(9293)
    with RawPeer(pair, family, PORT) as peer:
        peer.open(options=[("MSS", 1460), ("WScale", 7), ("SAckOK", b""), ("Timestamp", (1, 0))])
        seeds = [bytes(peer.frame(flags, seq, ack, text)) for flags, seq, ack, text in
                 (("S", 0, None, b""), (".", 1, 1, b""), ("P.", 1, 1, b"abc"),
                  ("F.", 4, 1, b""), ("R", 9, 1, b""))]
        for number in range(10000):
            frame = bytearray(dice.choice(seeds))
            for _ in range(dice.randint(1, 4)):
                frame[dice.randrange(14, len(frame))] = dice.randrange(256)
            peer.wire.send(bytes(frame[:dice.randint(34, len(frame))] if number % 7 == 0
                                 else frame))
            if number % 500 == 0:
                s.sendall(b"still")
                assert s.recv(100) == b"still"
    s.close()
    still_serves(pair, daemon, family)


def test_syn_flood_leaves_the_others_alone(pair, family):
    """More half-open connections than are allowed: counted, others live, and can come."""
    daemon = pair.listening("echo", PORT, {"half_open": 64})
    s = pair.client.connect(SERVER[family], PORT)
    with RawPeer(pair, family, PORT) as peer:
        for port in range(1000, 1400):
            peer.own_port = port
            peer.send("S", 0)
        until(lambda: daemon.counters()["drop_half_open"] > 0, 3)
        newcomer = pair.client.connect(SERVER[family], PORT)
        newcomer.sendall(b"let in")
        assert newcomer.recv(100) == b"let in"
        newcomer.close()
    s.sendall(b"undisturbed")
    assert s.recv(100) == b"undisturbed"
    s.close()
    half = [c for c in daemon.connections() if c["state"] == "SYN_RECEIVED"]
    assert len(half) <= 64


# --- partial checksums, by chance (include/csum.h) ---------------------------------


def folded(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total


def partial_checksum(peer, frame):
    """What a virtual link would have in the place of the checksum: the pseudo-header's sum."""
    kind = socket.AF_INET if peer.family == "v4" else socket.AF_INET6
    ends = socket.inet_pton(kind, peer.address) + socket.inet_pton(kind, peer.server)
    return folded(ends + struct.pack("!HH", 6, len(bytes(frame[TCP]))))


def two_bytes_for(peer, frame):
    """Bytes that two zeros in it have to become, so that the right checksum is also that."""
    right = TCP(bytes(frame[TCP])).chksum
    return folded(struct.pack("!HH", 0xffff - partial_checksum(peer, frame), right))


def test_a_right_checksum_may_look_partial(pair, family):
    """Of a peer that computes them: one in 65536 is what a partial one would be."""
    pair.listening("echo", PORT)
    with RawPeer(pair, family, PORT) as peer:
        peer.open()
        spare = two_bytes_for(peer, peer.frame("FP.", 1, 1, b"text" + bytes(2)))
        frame = peer.frame("FP.", 1, 1, b"text" + struct.pack("!H", spare))
        assert TCP(bytes(frame[TCP])).chksum == partial_checksum(peer, frame)
        peer.wire.send(frame)
        s = peer.receive()
        assert s and s.ack == 8, peer.seen


def test_a_partial_syn_may_look_right(pair, family):
    """Of a peer that leaves them to the link: its other segments are believed as well."""
    daemon = pair.listening("echo", PORT)
    with RawPeer(pair, family, PORT) as peer:
        peer.iss += two_bytes_for(peer, peer.frame("S", 0))
        frame = peer.frame("S", 0)
        assert TCP(bytes(frame[TCP])).chksum == partial_checksum(peer, frame)
        peer.wire.send(frame)
        peer.expect("S.", seq=0, ack=1)
        frame = peer.frame(".", 1, 1)
        frame[TCP].chksum = partial_checksum(peer, frame)
        peer.wire.send(frame)
        daemon.one_connection("ESTABLISHED")
