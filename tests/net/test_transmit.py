# SPDX-License-Identifier: BSD-2-Clause
"""`transmit: xdp`: bulk by AF_XDP too, a frame for each segment. Every byte arrives, and
nothing goes by AF_PACKET but what has no place in a frame of AF_XDP. On a plain veth
nothing arrives out of order, which it would if a segment were lost or overtaken. (With
an XDP program at the client's end that cannot be asked: what a driver hands over from
there takes more memory, and the client's kernel throws some of it away, whichever way
it came.)"""
import itertools
import selectors
import time

import pytest

from lab import BUILD, SERVER, until
from test_carriers import answering, carried  # noqa: F401 (a fixture)

MIB = 1 << 20
CLIENT_PROGRAM = BUILD / "tests/net/client"
CHARACTERS = bytes(range(32, 127))
LINES = b"".join((CHARACTERS * 2)[i:i + 72] + b"\r\n" for i in range(len(CHARACTERS)))


class Stream:
    """What one connection to chargen brings, compared as it comes (RFC 864)."""

    def __init__(self, lab, family, buffer=None):
        self.socket = lab.client.connect(SERVER[family], 19, timeout=30)
        self.received = 0
        self.expected = LINES * (MIB // len(LINES) + 2)

    def read(self, most=MIB):
        got = self.socket.recv(most)
        at = self.received % len(LINES)
        assert got and got == self.expected[at:at + len(got)], f"after {self.received} bytes"
        self.received += len(got)


def sent(daemon, way):
    return sum(worker["sent_" + way] for worker in daemon.json("status")["workers"])


def listening(lab, service, port, carriers, **more):
    """Pinned: frames of a worker that changes its CPU may overtake each other behind it."""
    daemon = lab.listening(service, port, {"transmit": "xdp", "carriers": carriers,
                                           "pin_workers": "yes"}, **more)
    if carriers == "yes":
        until(lambda: daemon.json("status")["xdp_transmit"])
    return daemon


def read_all(lab, family, connections, size):
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        stream = Stream(lab, family)
        selector.register(stream.socket, selectors.EVENT_READ, stream)
    while selector.get_map():
        for key, _ in selector.select(10):
            key.data.read()
            if key.data.received >= size:
                selector.unregister(key.data.socket)
                key.data.socket.close()


@pytest.mark.parametrize("connections", [1, 6])
def test_bulk(pair, family, connections):
    daemon, size = listening(pair, "chargen", 19, "no"), 24 * MIB // connections
    read_all(pair, family, connections, size)
    daemon.gone()
    assert sent(daemon, "packet") == 0
    assert sent(daemon, "xdp") > connections * size / 1448
    assert pair.client.counter("TCPOFOQueue") == 0
    assert "bulk by AF_XDP copy\n" in daemon.ctl("status").stdout


@pytest.mark.parametrize("connections", [1, 6])
def test_bulk_beside_carriers(answering, family, connections):  # noqa: F811
    daemon = listening(answering, "chargen", 19, "yes")
    read_all(answering, family, connections, 24 * MIB // connections)
    daemon.gone()
    assert sent(daemon, "packet") == 0


def test_a_slow_reader(pair, family):
    """Its window closes and opens; beside it others are served."""
    daemon = listening(pair, "chargen", 19, "no")
    slow, fast = Stream(pair, family), Stream(pair, family)
    for _ in range(40):
        slow.read(20000)
        fast.read()
        time.sleep(0.02)
    time.sleep(1)  # everything waits for it
    while slow.received < 12 * MIB:
        slow.read(100000)
    for stream in (slow, fast):
        stream.socket.close()
    daemon.gone()
    assert sent(daemon, "packet") == 0
    assert pair.client.counter("TCPOFOQueue") == 0


def test_both_ways_at_once(pair, family):
    """Acknowledgments, small segments and bulk of many connections."""
    daemon = listening(pair, "echo", 7, "no", asan=False)
    pair.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, 32, 4 * MIB, timeout=120)
    daemon.gone()
    assert sent(daemon, "packet") == 0
    assert pair.client.counter("TCPOFOQueue") == 0


def test_both_ways_at_once_beside_carriers(answering, family):  # noqa: F811
    daemon = listening(answering, "echo", 7, "yes", asan=False)
    answering.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, 32, 4 * MIB, timeout=120)
    daemon.gone()
    assert sent(daemon, "packet") == 0
    assert carried(daemon) > 0


def test_what_does_not_fit_goes_by_af_packet(lab, family):
    """Segments of 2948 bytes beside small ones of the same connection."""
    lab.pair(mtu=3000)
    daemon = lab.daemon(*[(SERVER[f], port, service) for f, (port, service) in itertools.product(
        ("v4", "v6"), ((7, "echo"), (19, "chargen")))],
        settings={"transmit": "xdp", "pin_workers": "yes"})
    stream = Stream(lab, family)
    while stream.received < 8 * MIB:
        stream.read()
    stream.socket.close()
    assert lab.client.counter("TCPOFOQueue") == 0
    lab.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, 4, 2 * MIB, timeout=60)
    daemon.gone()
    assert sent(daemon, "packet") > 100
    assert sent(daemon, "xdp") > 0


def test_small_segments_by_af_packet(pair, family):
    """Gathered, and sent by one call; bulk does not overtake them."""
    daemon = pair.listening("echo", 7, {"transmit": "packet", "carriers": "no",
                                        "pin_workers": "yes"})
    for connections, size in ((200, 500), (8, MIB)):
        pair.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, connections, size, timeout=60)
        daemon.gone()
    assert sent(daemon, "packet") > 400
    assert sent(daemon, "xdp") + carried(daemon) == 0
    assert pair.client.counter("TCPOFOQueue") == 0


def test_without_af_xdp_it_does_not_start(pair):
    """A second worker, and the veth has one queue."""
    with pytest.raises(AssertionError, match="no AF_XDP socket on queue 1"):
        pair.listening("echo", 7, {"transmit": "xdp", "workers": 2})
