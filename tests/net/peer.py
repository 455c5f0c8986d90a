# SPDX-License-Identifier: BSD-2-Clause
"""A peer made of raw frames, and a look at the wire.

The raw peer has an address and a MAC that its kernel does not own, so that no
kernel answers for it; it answers ARP and neighbour solicitations itself. Its
numbers are relative, as in every drawing of a connection: its own SYN is 0, and
so is the daemon's."""
import select
import socket
import struct
import time

from scapy.config import conf

conf.verb = 0
from scapy.layers.inet import IP, TCP  # noqa: E402
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,  # noqa: E402
                                IPv6)
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: E402

from lab import FAMILY, RAW, SERVER, run  # noqa: E402

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
MAC = "02:78:74:63:70:09"
FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, ".": 0x10, "U": 0x20}


def flag_bits(text):
    """"S." is SYN and ACK; P is left out of comparisons."""
    return sum(FLAGS[letter] for letter in text)


class Wire:
    """Frames of one interface, as they pass it."""

    def __init__(self, namespace, interface="eth0"):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setblocking(False)

    def receive_frame(self):
        """The next frame, with the VLAN tag that the kernel has put aside."""
        data, extra, _, _ = self.socket.recvmsg(70000, 256)
        for level, kind, content in extra:
            if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                continue
            status, *_, tag, _ = struct.unpack("IIIHHHH", content[:20])
            if status & TP_STATUS_VLAN_VALID:
                data = data[:12] + struct.pack("!HH", 0x8100, tag) + data[12:]
        return Ether(data)

    def frames(self, timeout):
        """Each frame that comes within `timeout` seconds."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return
            yield self.receive_frame()

    def send(self, frame):
        self.socket.send(bytes(frame))

    def close(self):
        self.socket.close()


class Segment:
    """A TCP segment in relative numbers."""

    def __init__(self, frame, ours, theirs):
        tcp = frame[TCP]
        ip = tcp.underlayer
        self.vlan = frame[Dot1Q].vlan if Dot1Q in frame else None
        length = (ip.len - ip.ihl * 4 if isinstance(ip, IP) else ip.plen) - tcp.dataofs * 4
        self.flags = int(tcp.flags) & 0x3f
        self.seq = (tcp.seq - theirs) & 0xffffffff
        self.ack = (tcp.ack - ours) & 0xffffffff if self.flags & FLAGS["."] else None
        self.text = bytes(tcp.payload)[:length]
        self.window = tcp.window
        self.options = dict((name, value) for name, value in tcp.options)
        self.absolute_seq, self.absolute_ack = tcp.seq, tcp.ack

    def __repr__(self):
        flags = "".join(letter for letter, bit in FLAGS.items() if self.flags & bit)
        return f"{flags} seq {self.seq} ack {self.ack} len {len(self.text)}"

    def __eq__(self, other):
        return repr(self) == repr(other)


class RawPeer:
    """One end of one connection, without a kernel behind it. port None: the
    daemon opens, and its SYN says which."""

    def __init__(self, lab, family, port, own_port=40000, iss=0x10000000, timestamps=False):
        self.wire = Wire(lab.client)
        self.family, self.port, self.own_port = family, port, own_port
        self.address, self.server = RAW[family], SERVER[family]
        links = lab.server.run("ip", "-o", "link", "show", "dev", "eth0").stdout
        self.server_mac = links.split("link/ether ")[1].split()[0]
        self.iss, self.irs = iss, None
        self.timestamps, self.ts_recent = timestamps, 0
        self.seen = []
        self.mac = MAC

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.wire.close()

    # --- frames ---------------------------------------------------------------

    def ip(self, **more):
        if self.family == "v4":
            return IP(src=self.address, dst=self.server, **more)
        return IPv6(src=self.address, dst=self.server, **more)

    def frame(self, flags, seq, ack=None, text=b"", window=60000, options=(), **more):
        options = list(options)
        if self.timestamps:
            options.append(("Timestamp", (int(time.monotonic() * 1000) & 0xffffffff,
                                          self.ts_recent)))
        tcp = TCP(sport=self.own_port, dport=self.port, flags=flag_bits(flags),
                  seq=(self.iss + seq) & 0xffffffff, window=window, options=options,
                  ack=0 if ack is None else ((self.irs or 0) + ack) & 0xffffffff, **more)
        return Ether(src=self.mac, dst=self.server_mac) / self.ip() / tcp / text

    def send(self, *arguments, **more):
        self.wire.send(self.frame(*arguments, **more))

    def answer_for_us(self, frame):
        """ARP and neighbour discovery for our address."""
        if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == self.address:
            self.wire.send(Ether(src=self.mac, dst=frame.src) /
                           ARP(op=2, hwsrc=self.mac, psrc=self.address,
                               hwdst=frame[ARP].hwsrc, pdst=frame[ARP].psrc))
        elif ICMPv6ND_NS in frame and frame[ICMPv6ND_NS].tgt == self.address:
            self.wire.send(Ether(src=self.mac, dst=frame.src) /
                           IPv6(src=self.address, dst=frame[IPv6].src, hlim=255) /
                           ICMPv6ND_NA(tgt=self.address, R=0, S=1, O=1) /
                           ICMPv6NDOptDstLLAddr(lladdr=self.mac))

    def is_for_us(self, frame):
        layer = IP if self.family == "v4" else IPv6
        return (layer in frame and TCP in frame and frame[layer].dst == self.address and
                frame[layer].src == self.server and frame[TCP].dport == self.own_port and
                self.port in (None, frame[TCP].sport))

    def receive(self, timeout=3):
        """The next segment for us, or None."""
        for frame in self.wire.frames(timeout):
            if not self.is_for_us(frame):
                self.answer_for_us(frame)
                continue
            if frame[TCP].flags & FLAGS["S"]:
                self.port, self.irs = frame[TCP].sport, frame[TCP].seq
            segment = Segment(frame, self.iss, self.irs or 0)
            if "Timestamp" in segment.options:
                self.ts_recent = segment.options["Timestamp"][0]
            self.seen.append(segment)
            return segment
        return None

    def expect(self, flags, seq=None, ack=None, text=None, timeout=3, skip_acks=False):
        """The next segment is this one (PSH does not matter). One that was seen
        before may come again: on a busy machine we answer late."""
        def fits(s):
            return (s.flags & ~FLAGS["P"] == flag_bits(flags) and seq in (None, s.seq) and
                    ack in (None, s.ack) and text in (None, s.text))
        while True:
            s = self.receive(timeout)
            assert s, f"nothing within {timeout} s; {flags} was expected after {self.seen}"
            if fits(s):
                return s
            skipped = skip_acks and s.flags == FLAGS["."] and not s.text
            assert skipped or s in self.seen[:-1], \
                (f"{flags} seq {seq} ack {ack} was expected", s, self.seen)

    def silence(self, seconds):
        """Nothing comes for us meanwhile."""
        s = self.receive(seconds)
        assert s is None, (s, self.seen)

    # --- connections ------------------------------------------------------------

    def open(self, options=(("MSS", 1460),)):
        """The three-way handshake, from us."""
        self.send("S", 0, options=options)
        self.expect("S.", seq=0, ack=1)
        self.send(".", 1, 1)
        return self


def relative_trace(wire, client, server, port, seconds=1.0):
    """All segments of the one connection to server:port that passed `wire`, as
    (from_client, Segment), with the numbers relative to the two SYNs."""
    frames = [f for f in wire.frames(seconds) if TCP in f and port in (f[TCP].sport, f[TCP].dport)]
    starts = {}
    for f in frames:
        if f[TCP].flags & FLAGS["S"]:
            starts.setdefault(f[TCP].dport == port, f[TCP].seq)
    return [(f[TCP].dport == port,
             Segment(f, starts.get(f[TCP].dport != port, 0), starts.get(f[TCP].dport == port, 0)))
            for f in frames]


__all__ = ["FAMILY", "RAW", "SERVER", "RawPeer", "Segment", "Wire", "flag_bits",
           "relative_trace", "run"]
