# SPDX-License-Identifier: BSD-2-Clause
"""The load generator against the daemon: what it measures is what happened, and
nothing that it does not expect."""
import json

import pytest

from lab import BUILD, CLIENT, SERVER, at

SOURCE = {"v4": "10.100.0.0/14", "v6": "fd9a::/64"}


@pytest.fixture
def echo(pair):
    """The daemon's echo, with a way back to the addresses that xload takes."""
    for family, addresses in SOURCE.items():
        pair.server.ip("route", "add", addresses, "via", CLIENT[family])
    pair.echo = pair.listening("echo", 7, settings={"time_wait_ms": 1000})
    return pair


def xload(lab, family, *options, forgiven=()):
    """Runs xload; whatever it did not expect fails the test, but for the counters forgiven."""
    done = lab.client.run(BUILD / "xload", "--json", "--interface", "eth0", "--target",
                          at(SERVER[family], 7), "--duration", "0.3", "--warmup", "0", *options)
    result = json.loads(done.stdout)
    counters = result["counters"]
    assert result["unexpected"] == sum(counters[name] for name in forgiven), counters
    return result


def test_echo_every_connection_exchanges(echo, family):
    result = xload(echo, family, "-n", "16")
    assert result["open"] == result["active"] == 16
    counters = echo.echo.counters()
    assert counters["hit_text"] + counters["punt_owner"] >= result["counters"]["exchanges"]


def test_connect_opens_and_closes(echo):
    result = xload(echo, "v4", "--mode", "connect", "-n", "4", "--timestamps")
    assert result["counters"]["closed"] > 4
    under_way = result["counters"]["exchanges"] - result["counters"]["closed"]
    assert abs(under_way) <= 4, "each connection has one exchange"


def test_flood_sends_as_many_as_it_was_told(echo):
    result = xload(echo, "v4", "--mode", "flood", "--flood", "ack", "--count", "500")
    assert result["counters"]["flood_sent"] == 500
    assert echo.echo.counters()["punt_stray"] == 500


def test_flood_does_not_fill_the_ring(echo):
    """More SYNs than the daemon can answer: established connections do not wait behind them.

    The veth's own queue overflows, so a request may be lost with the ACK in it, and the
    daemon says again what the client has (seq_old)."""
    result = xload(echo, "v4", "-n", "16", "--flood", "syn", "--rate", "200000",
                   "--duration", "1.5", forgiven=["seq_old"])
    counters = echo.echo.counters()
    assert result["active"] == 16
    assert result["counters"]["exchanges"] > 1000
    assert counters["drop_ring_full"] == 0
    assert counters["punt_syn"] + counters["drop_backlog"] > 16 + 4096
