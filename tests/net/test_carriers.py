# SPDX-License-Identifier: BSD-2-Clause
"""Small segments that leave on frames which XDP has consumed (include/carrier.h):
where XDP_TX arrives, and nowhere else; and every byte is the one that was sent."""
import pytest

from lab import BUILD, SERVER, until
from test_bench import echo, xload  # noqa: F401 (a fixture)

CLIENT_PROGRAM = BUILD / "tests/net/client"


def carried(daemon):
    return sum(worker["sent_carried"] for worker in daemon.json("status")["workers"])


@pytest.fixture
def answering(pair):
    """The client's end of the veth has a program, so that it gets what XDP_TX sends. In
    a bpffs of its own, since iproute2 leaves folders there."""
    attach = f"mount -t bpf bpf /sys/fs/bpf && " \
             f"ip link set eth0 xdp obj {BUILD / 'bench/xdp_pass.bpf.o'} sec xdp"
    pair.client.run("unshare", "--mount", "sh", "-c", attach)
    return pair


@pytest.mark.parametrize("size", [64, 1000])
def test_requests_and_responses_ride(echo, family, size):  # noqa: F811
    """The daemon looks once a second whether XDP_TX arrives: the generator's program."""
    xload(echo, family, "-n", "64", "--size", str(size), "--duration", "2.5")
    assert carried(echo.echo) > 1000


def test_none_where_they_are_not_wanted(answering, family):
    daemon = answering.listening("echo", 7, {"carriers": "no"})
    until(lambda: daemon.json("status")["xdp_transmit"])
    answering.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, 8, 1 << 20, timeout=60)
    daemon.gone()
    assert carried(daemon) == 0


def test_none_where_they_would_be_lost(pair, family):
    daemon = pair.listening("echo", 7)
    pair.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, 8, 1 << 20, timeout=60)
    daemon.gone()
    assert carried(daemon) == 0


@pytest.mark.parametrize("connections", [1, 64])
def test_a_kernel_client_gets_its_bytes(answering, family, connections):
    """Bulk and small segments of the same connections, one way after the other."""
    daemon = answering.listening("echo", 7, asan=connections == 1)
    until(lambda: daemon.json("status")["xdp_transmit"])
    answering.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, connections, 16 << 20,
                         timeout=120)
    daemon.gone()
    assert carried(daemon) > 0 or connections == 1, "one alone may have no small segments"


def test_an_acknowledgment_of_xdp_is_not_newer_than_the_text(answering, family):
    """Both have a timestamp. Text that is older than the last ACK, the peer drops (PAWS)."""
    daemon = answering.listening("echo", 7, {"carriers": "no"}, asan=False)
    until(lambda: daemon.json("status")["xdp_transmit"])
    answering.client.run(CLIENT_PROGRAM, "echo", SERVER[family], 7, 8, 8 << 20, timeout=60)
    daemon.gone()
    in_place = daemon.counters()["hit_text_acked"]
    assert in_place > 1000
    # On a busy machine a tail probe may overtake what it repeats: a few. It was every fifth.
    assert answering.client.counter("PAWSEstab") < in_place / 100


def test_resets_leave_when_the_daemon_stops(answering, family):
    """More than are taken back at a time, and no frame comes any more to ride on."""
    daemon = answering.listening("echo", 7)
    until(lambda: daemon.json("status")["xdp_transmit"])
    clients = [answering.client.connect(SERVER[family], 7) for _ in range(200)]
    until(lambda: len(daemon.connections()) == len(clients))
    daemon.stop()
    for client in clients:
        with client, pytest.raises(ConnectionResetError):
            client.settimeout(5)
            client.recv(1)
