# SPDX-License-Identifier: BSD-2-Clause
"""The impairment stage itself: what it does to frames, and that the seed decides."""
import hashlib
import re
import threading

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from lab import BUILD, CLIENT, SERVER, Lab, run
from peer import Wire

ETHERTYPE = 0x88b5  # for local experiments


def statistics(line):
    """The closing line as two dicts: from client to server, and back."""
    halves = re.findall(r"(\S+)>(\S+)((?: \w+=\d+)+)", line)
    return [{key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}
            for _, _, text in halves]


def numbered(lab, count):
    """Sends numbered frames from the client; returns those that arrive, in order."""
    sender, receiver = Wire(lab.client), Wire(lab.server)
    for number in range(count):
        sender.send(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=ETHERTYPE) /
                    number.to_bytes(50, "big"))
    arrived = [int.from_bytes(bytes(f.payload)[:50], "big") for f in receiver.frames(0.7)
               if f.type == ETHERTYPE]
    sender.close()
    receiver.close()
    return arrived


def fate(options, count=400):
    world = Lab()
    try:
        relay = world.wire(*options, quiet=True)
        arrived = numbered(world, count)
        status, last = relay.terminate()
        assert status == 0
        return arrived, statistics(last)[0]
    finally:
        world.close()


def test_perfect_wire_passes_everything_in_order():
    arrived, counted = fate([])
    assert arrived == list(range(400))
    assert counted["lost"] == counted["duplicated"] == counted["reordered"] == 0


@pytest.mark.parametrize("kind", ["loss", "duplicate"])
def test_seed_decides_the_fate_of_each_frame(kind):
    first, counted = fate([f"--{kind}", "10", "--seed", "7"])
    again, _ = fate([f"--{kind}", "10", "--seed", "7"])
    other, _ = fate([f"--{kind}", "10", "--seed", "8"])
    assert first == again
    assert first != other
    changed = counted["lost"] + counted["duplicated"]
    assert 15 <= changed <= 80
    assert abs(len(first) - 400) == changed


def test_reorder_changes_the_order_and_loses_nothing():
    arrived, counted = fate(["--reorder", "10", "--hold", "5"])
    assert sorted(arrived) == list(range(400))
    assert arrived != sorted(arrived)
    assert counted["reordered"] > 10


def test_each_direction_has_a_value_of_its_own():
    arrived, counted = fate(["--loss", "0,100"])
    assert arrived == list(range(400)) and counted["lost"] == 0


def test_full_queue_is_counted():
    arrived, counted = fate(["--delay", "100", "--queue", "50"])
    assert len(arrived) < 400
    assert counted["overflowed"] >= 400 - len(arrived) > 0


def transfer(lab, data, family="v4"):
    """Kernel TCP to kernel TCP; what arrived."""
    listener = lab.server.socket(*{"v4": (2, 1), "v6": (10, 1)}[family])
    listener.bind((SERVER[family], 9000))
    listener.listen()
    arrived = bytearray()

    def read():
        s = listener.accept()[0]
        while more := s.recv(1 << 16):
            arrived.extend(more)
        s.close()
    reader = threading.Thread(target=read)
    reader.start()
    s = lab.client.connect(SERVER[family], 9000)
    s.settimeout(60)
    s.sendall(data)
    s.close()
    reader.join(60)
    assert not reader.is_alive()
    listener.close()
    return bytes(arrived)


def test_checksums_are_whole_and_super_segments_are_cut(lab, family):
    """The sender's kernel leaves both to the device; what comes out has none left."""
    lab.wire()
    capture = Wire(lab.server)
    data = bytes(range(256)) * 2000
    assert transfer(lab, data, family) == data
    checked = 0
    for frame in capture.frames(20):
        layer = IP if family == "v4" else IPv6
        if TCP not in frame or frame[layer].src != CLIENT[family]:
            continue
        assert len(frame) <= 1514
        claimed = frame[TCP].chksum
        del frame[TCP].chksum
        assert Ether(bytes(frame))[TCP].chksum == claimed
        checked += 1
        if checked == 200:
            break
    capture.close()
    assert checked == 200


def test_kernel_tcp_survives_all_of_it(lab, family):
    relay = lab.wire(*"--loss 1 --duplicate 1 --reorder 1 --corrupt 1 --delay 1 --jitter 1"
                     .split())
    data = hashlib.sha256(b"seed").digest() * 60000
    assert hashlib.sha256(transfer(lab, data, family)).digest() == hashlib.sha256(data).digest()
    _, last = relay.terminate()
    there, back = statistics(last)
    for kind in ("lost", "duplicated", "reordered", "corrupted"):
        assert there[kind] > 0, last
    assert back["seen"] > 0


@pytest.mark.parametrize("arguments, message", [
    (["a"], "two interfaces are expected"),
    (["a", "b", "c"], "one interface too many"),
    (["--loss", "101", "a", "b"], "from 0 to 100"),
    (["--loss", "x", "a", "b"], "from 0 to 100"),
    (["--seed", "-1", "a", "b"], "from 0 to"),
    (["nowhere0", "nowhere1"], "no such interface"),
])
def test_bad_arguments_are_answered(arguments, message):
    done = run(BUILD / "wire", *arguments, check=False)
    assert done.returncode != 0
    assert message in done.stderr
