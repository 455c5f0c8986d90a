# SPDX-License-Identifier: BSD-2-Clause
"""With Linux as the peer, whatever it speaks: its SACK, timestamps, window scale
and ECN each on and off, over links of four MTUs, IPv4 and IPv6, it opening and
xtcp opening, each congestion control. A case is eight connections at once,

    peer opens ── echo, discard, chargen, proxy ─┐  the peer's congestion
    xtcp opens ── echo, discard, chargen, proxy ─┘  controls in turn

all of whose bytes are compared by SHA-256, and what both ends say about what
they have agreed upon by what the peer was told to offer."""
import collections
import contextlib
import hashlib
import itertools
import socket
import struct
import threading

import pytest

import lab as laboratory
from lab import CLIENT, FAMILY, SERVER, at, until

KIB = 1 << 10
CONGESTION = ("cubic", "reno", "bbr")
PORTS = {"echo": 7, "discard": 9, "chargen": 19, "proxy": 80}
BACKEND = ("127.0.0.1", 8080)
HEADERS = {"v4": 40, "v6": 60}
TIMESTAMPS_ROOM = 12  # in every segment that carries them (RFC 7323, 3.2)

SETTINGS = ("tcp_sack", "tcp_timestamps", "tcp_window_scaling", "tcp_ecn")
Offer = collections.namedtuple("Offer", "sack timestamps scale ecn")
OFFERS = [Offer(*bits) for bits in itertools.product((1, 0), repeat=4)]
LINKS = [(mtu, family) for mtu in (576, 1280, 1500, 9000) for family in ("v4", "v6")
         if mtu >= 1280 or family == "v4"]


def name_of(offer):
    """sack-ecn; nothing"""
    return "-".join(n for n, on in zip(Offer._fields, offer) if on) or "nothing"


def noise(size, seed):
    return hashlib.shake_128(b"%d" % seed).digest(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def generated(size):
    """The first bytes of RFC 864's pattern, as our chargen says them."""
    printable = bytes(range(0x20, 0x7f))
    twice = printable * 2
    period = b"".join(twice[i:i + 72] + b"\r\n" for i in range(len(printable)))
    return (period * (size // len(period) + 1))[:size]


def read(s, size):
    text = bytearray()
    while len(text) < size:
        more = s.recv(min(1 << 17, size - len(text)))
        assert more, f"the end after {len(text)} of {size} bytes"
        text += more
    return bytes(text)


def read_to_the_end(s):
    text = bytearray()
    while more := s.recv(1 << 17):
        text += more
    return bytes(text)


class Info:
    """The kernel's view of a connection: the head of struct tcp_info."""

    def __init__(self, s):
        raw = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 20)
        options, scales = raw[5], raw[6]
        self.timestamps, self.sack = options & 1, options >> 1 & 1
        self.scale, self.ecn = options >> 2 & 1, options >> 3 & 1
        self.snd_scale, self.rcv_scale = scales & 15, scales >> 4
        self.mss = struct.unpack_from("=I", raw, 16)[0]


class Backend:
    """Behind the proxy: takes `size` bytes and answers with their digest and as
    many of its own; then waits for the end."""

    def __init__(self, world, size):
        self.size, self.answer = size, noise(size, 99)
        self.listener = world.server.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind(BACKEND)
        self.listener.listen(64)
        world.cleanup.callback(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                s = self.listener.accept()[0]
                s.settimeout(60)
                threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s, contextlib.suppress(AssertionError, OSError):
            s.sendall(digest(read(s, self.size)).encode() + self.answer)
            read_to_the_end(s)


class Connection:
    """One of the eight: a kernel socket, at the other end of which is `service`."""

    def __init__(self, s, service):
        self.socket, self.service = s, service
        self.key = (s.getpeername()[1], s.getsockname()[1])
        s.settimeout(60)

    def sending(self, data):
        """Sends while the caller reads."""
        sender = threading.Thread(target=lambda: self.socket.sendall(data), daemon=True)
        sender.start()
        return sender

    def exchange(self, size, backend):
        data = noise(size, self.key[1])
        self.sent = size if self.service != "chargen" else 0
        sender = self.sending(data[:self.sent])
        if self.service == "echo":
            assert digest(read(self.socket, size)) == digest(data)
        elif self.service == "proxy":
            got = read(self.socket, 64 + size)
            assert got[:64].decode() == digest(data)
            assert digest(got[64:]) == digest(backend.answer)
        elif self.service == "chargen":
            self.got = read(self.socket, size)
        sender.join(60)
        assert not sender.is_alive()

    def finish(self):
        self.socket.shutdown(socket.SHUT_WR)
        rest = read_to_the_end(self.socket)
        if self.service == "chargen":
            everything = self.got + rest
            assert digest(everything) == digest(generated(len(everything)))
        else:
            assert rest == b""
        self.socket.close()


def at_once(calls):
    """Calls all of them in threads; what the first of them raises."""
    failures = []

    def call(one):
        try:
            one()
        except BaseException as e:
            failures.append(e)
    threads = [threading.Thread(target=call, args=(one,), daemon=True) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "not within two minutes"
    if failures:
        raise failures[0]


class World:
    """A link with xtcpd at one end and the kernel at the other."""

    def __init__(self, world, family, mtu, size):
        self.world, self.family, self.mtu, self.size = world, family, mtu, size
        self.backend = Backend(world, size)
        more = {"proxy": {"backends": [at(*BACKEND)]}}
        self.daemon = world.daemon(*[(SERVER[family], port, service, more.get(service, {}))
                                     for service, port in PORTS.items()],
                                   settings={"time_wait_ms": 50})
        self.listener = world.client.socket(FAMILY[family], socket.SOCK_STREAM)
        self.listener.bind((CLIENT[family], 0))
        self.listener.listen(8)
        self.listener.settimeout(30)
        world.cleanup.callback(self.listener.close)

    def set(self, offer):
        self.world.client.run("sysctl", "-qw", *[f"net.ipv4.{name}={value}"
                                                 for name, value in zip(SETTINGS, offer)])

    def peer_opens(self, service, congestion):
        s = self.world.client.socket(FAMILY[self.family], socket.SOCK_STREAM)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        s.settimeout(30)
        s.connect((SERVER[self.family], PORTS[service]))
        return s

    def xtcp_opens(self, service, congestion):
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        arguments = f"proxy:{at(*BACKEND)}" if service == "proxy" else service
        self.daemon.ctl("connect", at(CLIENT[self.family], self.listener.getsockname()[1]),
                        "--service", arguments)
        return self.listener.accept()[0]

    def open(self, turn):
        """The eight, with each congestion control in each half."""
        return [Connection(opens(service, CONGESTION[(i + turn) % 3]), service)
                for opens in (self.peer_opens, self.xtcp_opens)
                for i, service in enumerate(PORTS)]

    def listed(self):
        """What xtcpd says, by its own port and the peer's."""
        return {tuple(int(c[end].rsplit(":", 1)[1]) for end in ("local", "remote")): c
                for c in self.daemon.connections()}

    def missing(self, opened):
        """Of which connections xtcpd has not received what was sent."""
        listed = self.listed()
        return [(c.service, c.sent, listed.get(c.key)) for c in opened
                if c.key not in listed or listed[c.key]["bytes_in"] != c.sent]

    def case(self, offer, turn):
        self.set(offer)
        opened = self.open(turn)
        at_once([lambda c=c: c.exchange(self.size, self.backend) for c in opened])
        with contextlib.suppress(AssertionError):
            until(lambda: not self.missing(opened), 20)
        assert not self.missing(opened)
        listed = self.listed()
        for c in opened:
            self.check_agreement(offer, Info(c.socket), listed[c.key])
        at_once([c.finish for c in opened])
        return [listed[c.key] for c in opened]

    def check_agreement(self, offer, peer, ours):
        assert ours["state"] == "ESTABLISHED"
        assert (ours["timestamps"], ours["sack"]) == (offer.timestamps, offer.sack)
        assert (peer.sack, peer.timestamps, peer.scale) == offer[:3]
        assert not peer.ecn  # off in xtcp unless asked for
        assert (ours["snd_window_scale"], ours["rcv_window_scale"]) == \
            (peer.rcv_scale, peer.snd_scale)
        assert offer.scale or not (peer.rcv_scale or peer.snd_scale)
        text = self.mtu - HEADERS[self.family] - TIMESTAMPS_ROOM * offer.timestamps
        assert (ours["mss"], peer.mss) == (text, text)


@pytest.fixture(scope="module")
def world_of(request):
    """Makes a world, or gives the last one again: one start for each link."""
    made, failed = {}, request.session.testsfailed

    def close():
        for each in made.values():
            each.world.close(request.session.testsfailed > failed)
        made.clear()

    def make(mtu, family):
        if (mtu, family) not in made:
            close()
            made[mtu, family] = World(laboratory.Lab().pair(mtu), family, mtu, 256 * KIB)
        return made[mtu, family]
    yield make
    close()


@pytest.mark.parametrize("offer", OFFERS, ids=name_of)
@pytest.mark.parametrize("mtu, family", LINKS)
def test_options(world_of, mtu, family, offer):
    world = world_of(mtu, family)
    listed = world.case(offer, OFFERS.index(offer))
    for c in listed:
        assert c["hits"] > 0, c  # the fast path has its part in whatever is agreed upon


BAD = "--loss 1 --reorder 3 --delay 1 --hold 1".split()


@pytest.mark.parametrize("offer", [OFFERS[0], Offer(1, 0, 1, 0), Offer(0, 1, 1, 1), OFFERS[-1]],
                         ids=name_of)
def test_options__on_a_bad_wire(lab, family, offer):
    relay = lab.wire(*BAD, "--seed", "7")
    world = World(lab, family, 1500, 256 * KIB)
    for turn in range(3):
        world.case(offer, turn)
    world.daemon.gone(20)
    _, said = relay.terminate()
    assert " lost=0 " not in said and " reordered=0 " not in said, said
