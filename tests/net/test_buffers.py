# SPDX-License-Identifier: BSD-2-Clause
"""Text buffers follow their use: a long path is filled, who rests holds nothing,
and who takes what there is leaves something for others."""
import socket
import threading
import time

from lab import SERVER, until

KIB, MIB = 1 << 10, 1 << 20
LONG = ("--delay", "50")  # each way


def text_used(daemon):
    return sum(w["text_used"] for w in daemon.json("status")["workers"])


def read(s, size):
    got = bytearray()
    while len(got) < size:
        more = s.recv(size - len(got))
        assert more, f"the end after {len(got)} of {size} bytes"
        got += more
    return bytes(got)


def test_upload_over_a_long_path_opens_the_window(lab, family):
    """64 KiB in 100 ms would be 0.65 MB/s at most."""
    lab.wire(*LONG)
    daemon = lab.listening("discard", 9, {"receive_buffer_kib": 4096}, asan=False)
    with lab.client.connect(SERVER[family], 9) as s:
        assert daemon.one_connection("ESTABLISHED")["rcv_wnd"] <= 64 * KIB
        stop = threading.Event()

        def upload():
            while not stop.is_set():
                s.sendall(b"x" * 65536)
        sender = threading.Thread(target=upload)
        sender.start()
        until(lambda: daemon.one_connection()["rcv_wnd"] > MIB, 15, "a window of 1 MiB")
        stop.set()
        sender.join()
    daemon.gone(20)


def test_download_over_a_long_path_fills_the_window(lab, family):
    lab.wire(*LONG)
    lab.client.run("sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 16777216")
    daemon = lab.listening("chargen", 19, {"send_buffer_kib": 4096}, asan=False)
    with lab.client.connect(SERVER[family], 19) as s:
        assert daemon.one_connection("ESTABLISHED")["unsent"] <= 128 * KIB
        stop = threading.Event()

        def download():
            while not stop.is_set():
                s.recv(1 << 18)
        reader = threading.Thread(target=download)
        reader.start()
        until(lambda: daemon.one_connection()["unsent"] > MIB, 15, "1 MiB under way")
        stop.set()
        reader.join()


def test_who_rests_holds_no_block(pair):
    daemon = pair.daemon((SERVER["v4"], 7, "echo"))
    idle = [pair.client.connect(SERVER["v4"], 7) for _ in range(50)]
    for s in idle:
        s.sendall(b"x" * 30000)
    for s in idle:
        assert read(s, 30000) == b"x" * 30000
    until(lambda: text_used(daemon) == 0, 5, "no block in use")
    assert len(daemon.connections()) == 50
    for s in idle:
        s.close()
    daemon.gone()


def test_the_greedy_leave_something_for_others(pair):
    """Uploads to a backend that reads nothing fill what they may of a tiny pool;
    the others are served meanwhile, and no text is lost."""
    backend = pair.server.socket(socket.AF_INET, socket.SOCK_STREAM)
    backend.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    backend.bind(("127.0.0.1", 8080))
    backend.listen(64)
    daemon = pair.daemon((SERVER["v4"], 80, "proxy", {"backends": ["127.0.0.1:8080"]}),
                         (SERVER["v4"], 7, "echo"),
                         settings={"text_pool_mib": 2, "ring_mib": 1})
    greedy = [pair.client.connect(SERVER["v4"], 80) for _ in range(8)]
    for s in greedy:
        s.setblocking(False)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for s in greedy:
            try:
                s.send(b"y" * 65536)
            except BlockingIOError:
                pass
        time.sleep(0.01)
    assert text_used(daemon) > 256 * KIB
    for _ in range(10):
        with pair.client.connect(SERVER["v4"], 7) as s:
            s.sendall(b"x" * 20000)
            assert read(s, 20000) == b"x" * 20000
    for s in greedy:
        s.close()
    backend.close()
