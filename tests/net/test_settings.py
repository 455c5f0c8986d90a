# SPDX-License-Identifier: BSD-2-Clause
"""What the configuration says of packets and of silent peers, on the wire, and of
workers."""
import os
import pathlib
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from lab import until
from peer import RawPeer


@pytest.mark.parametrize("transmit", ["packet", "xdp"])
def test_ttl_and_dscp(pair, family, transmit):
    """MUST-48, MUST-49, SHLD-22, both ways out of the daemon."""
    daemon = pair.listening("echo", 7, {"ttl": 7, "dscp": 46, "transmit": transmit})
    with RawPeer(pair, family, 7) as peer:
        peer.open()
        peer.send("P.", 1, 1, b"x" * 1400)
        peer.send("P.", 1401, 1, b"y")
        seen = [f for f in peer.wire.frames(1) if TCP in f and f[TCP].sport == 7]
        assert len(seen) >= 2
        for frame in seen:
            if family == "v4":
                assert (frame[IP].ttl, frame[IP].tos) == (7, 46 << 2), frame.summary()
            else:
                assert (frame[IPv6].hlim, frame[IPv6].tc) == (7, 46 << 2), frame.summary()
        peer.send("R", 1402)
    daemon.gone()


@pytest.mark.parametrize("all_of_them, this_one", [
    ({"keep_alive": "yes", "keep_alive_s": 10}, {}), ({}, {"keep_alive_s": 10})])
def test_keep_alive(pair, family, all_of_them, this_one):
    """MUST-24, MUST-26, MUST-27: a probe after the interval that was asked for, for all
    listeners or for one; its answer keeps the connection."""
    daemon = pair.listening("discard", 9, all_of_them, this_one)
    with RawPeer(pair, family, 9) as peer:
        peer.open()
        began = time.monotonic()
        peer.expect(".", seq=0, ack=1, text=b"", timeout=13)
        assert 9.5 < time.monotonic() - began < 13
        peer.send(".", 1, 1)
        daemon.one_connection("ESTABLISHED")
        peer.send("R", 1)
    daemon.gone()


def test_user_timeout(pair, family):
    """MUST-20, MUST-21: a connection whose peer does not acknowledge ends."""
    daemon = pair.listening("echo", 7, {"user_timeout_s": 10})
    with RawPeer(pair, family, 7) as peer:
        peer.open()
        peer.send("P.", 1, 1, b"never acknowledged")
        began = time.monotonic()
        until(lambda: not daemon.connections(), 16)
        assert 9 < time.monotonic() - began < 15


def workers_cpus(daemon):
    """The CPUs that each worker may use, by the worker's name."""
    tasks = pathlib.Path(f"/proc/{daemon.pid}/task").iterdir()
    names = {int(t.name): (t / "comm").read_text().strip() for t in tasks}
    return {name: os.sched_getaffinity(tid) for tid, name in names.items()
            if name.startswith("worker")}


def test_workers_are_pinned(pair):
    """The third has the first CPU again where there are but two."""
    cpus = sorted(os.sched_getaffinity(0))
    daemon = pair.listening("echo", 7, {"workers": 3, "pin_workers": "yes", "text_pool_mib": 96})
    wanted = {f"worker {n}": {cpus[n % len(cpus)]} for n in range(3)}
    until(lambda: workers_cpus(daemon) == wanted, what=wanted)


def test_workers_run_anywhere(pair):
    daemon = pair.listening("echo", 7, {"workers": 2})
    allowed = os.sched_getaffinity(0)
    until(lambda: workers_cpus(daemon) == {"worker 0": allowed, "worker 1": allowed})
