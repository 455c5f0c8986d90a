# SPDX-License-Identifier: BSD-2-Clause
"""The figures that the README and docs claim, measured. Daemon and client run
with priority over whatever else the machine does: an acknowledgment that comes
late for want of a CPU is a retransmission, and those are the daemon's."""
import json
import os
import pathlib

import pytest

from lab import BUILD, SERVER, Process, until

GIB, MIB = 1 << 30, 1 << 20
CLIENT_PROGRAM = BUILD / "tests/net/client"


@pytest.fixture(autouse=True)
def priority():
    before = os.nice(0)
    os.nice(-15)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, before)


def share_of_hits(change, *hits):
    """Every punt counts against it, whatever it carried."""
    taken = sum(change[name] for name in hits)
    punts = sum(count for name, count in change.items() if name.startswith("punt_"))
    print(f"{taken / (taken + punts):.2%} of {taken + punts}:",
          {name: count for name, count in change.items() if count})
    return taken / (taken + punts), taken


def best_of_three(measure):
    """Whatever else the machine does can only lower the share."""
    best = 0
    for _ in range(3):
        best = max(best, measure())
        if best >= 0.98:
            return
    raise AssertionError(f"{best:.2%} at most")


def test_a_gibibyte_into_discard_is_taken_by_xdp(pair, family):
    daemon = pair.listening("discard", 9, {"text_pool_mib": 256}, asan=False)

    def measure():
        with daemon.counted() as change:
            pair.client.run(CLIENT_PROGRAM, "discard", SERVER[family], 9, 1, GIB, timeout=120)
            daemon.gone()
        share, hits = share_of_hits(change, "hit_text", "hit_text_acked")
        assert hits > 100000
        return share
    best_of_three(measure)


def test_acks_of_chargen_are_taken_by_xdp(pair, family):
    daemon = pair.listening("chargen", 19, {"text_pool_mib": 256}, asan=False)

    def measure():
        with daemon.counted() as change:
            pair.client.run(CLIENT_PROGRAM, "chargen", SERVER[family], 19, 1, GIB, timeout=120)
            daemon.gone()
        share, hits = share_of_hits(change, "hit_ack")
        assert hits > 1000
        return share
    best_of_three(measure)


def test_acks_of_a_download_through_proxy_are_taken_by_xdp(pair, family):
    web = pair.nginx()
    with open(web.files / "file", "wb") as f:
        f.truncate(512 * MIB)
    daemon = pair.listening("proxy", 80, {"text_pool_mib": 256},
                            {"backends": ["127.0.0.1:8080"]}, asan=False)
    host = SERVER[family] if family == "v4" else f"[{SERVER[family]}]"

    def measure():
        with daemon.counted() as change:
            pair.client.run("curl", "-sS", "-g", "--fail", "-o", "/dev/null",
                            f"http://{host}/file", timeout=120)
            until(lambda: all(c["state"] == "TIME_WAIT" for c in daemon.connections()), 5)
        share, hits = share_of_hits(change, "hit_ack")
        assert hits > 1000
        return share
    best_of_three(measure)


IDLE_EACH = 1000  # a process has only so many descriptors


def idle(lab, number):
    return Process(lab.client.enter(CLIENT_PROGRAM, "idle", SERVER["v4"], 9, IDLE_EACH, 0),
                   lab.tmp / f"idle-{number}.log")


def test_idle_connection_costs_less_than_a_kibibyte(pair):
    """What the maps sized by `connections` hold for each (bytes_memlock, as the kernel
    counts them), and what the process grew by, over 20 000 idle connections."""
    number = 20000
    places = 1 << 15
    daemon = pair.listening("discard", 9, {"connections": places, "half_open": 4096,
                                           "text_pool_mib": 64}, asan=False)
    first = idle(pair, 1)  # what is allocated once is not counted
    until(lambda: len(daemon.connections()) == IDLE_EACH, 5)
    before = daemon.resident()
    clients = [idle(pair, n) for n in range(number // IDLE_EACH)]
    until(lambda: len(daemon.connections()) == number + IDLE_EACH, 20)
    grown = (daemon.resident() - before) / number
    maps = 0
    for name in ("flows", "conns"):
        shown = json.loads(pair.client.run("bpftool", "-j", "map", "show", "pinned",
                                           pathlib.Path(daemon.bpffs) / name).stdout)
        maps += shown["bytes_memlock"] / places
    print(f"maps {maps:.0f} bytes, process {grown:.0f} bytes for each idle connection")
    assert maps + grown <= 1024
    for each in [first, *clients]:
        each.kill()
