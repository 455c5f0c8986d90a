# SPDX-License-Identifier: BSD-2-Clause
"""Bytes through the services, from one to a gigabyte, compared; and the proxy's
manners: half close, reset, back-pressure, backends of both kinds."""
import hashlib
import socket
import struct
import threading
import time

import pytest

from lab import BUILD, SERVER, at, until

MIB = 1 << 20
RESET = struct.pack("ii", 1, 0)  # SO_LINGER 0: close() resets


def noise(size, seed=0):
    """Bytes that no compression and no repetition could fake."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def digest_of(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def proxy(lab, backend="127.0.0.1:8080", asan=True, **settings):
    return lab.listening("proxy", 80, settings, {"backends": [backend]}, asan=asan)


def fetch(lab, family, name, target, *more, timeout=60):
    lab.client.run("curl", "-sS", "-g", "--fail", "--max-time", timeout, "-o", target, *more,
                   f"http://{at(SERVER[family], 80)}/{name}", timeout=timeout + 10)


class Backend:
    """What the proxy connects to: one thread, one connection at a time."""

    def __init__(self, lab, serve, family=socket.AF_INET, address=("127.0.0.1", 8080)):
        self.listener = lab.server.socket(family, socket.SOCK_STREAM)
        self.listener.bind(address)
        self.listener.listen(64)
        self.listener.settimeout(30)
        self.serve, self.said = serve, []
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        try:
            s = self.listener.accept()[0]
            s.settimeout(30)
            with s:
                self.said.append(self.serve(s))
        except OSError as e:
            self.said.append(e)

    def result(self):
        self.thread.join(40)
        self.listener.close()
        assert self.said, "the backend has not ended"
        return self.said[0]


def read_all(s):
    text = bytearray()
    while more := s.recv(1 << 16):
        text.extend(more)
    return bytes(text)


# --- nginx ------------------------------------------------------------------------------


def test_proxy__curl_from_one_byte_to_ten_megabytes(pair, family):
    web = pair.nginx()
    daemon = proxy(pair)
    for size in (0, 1, 2, 1447, 1448, 1449, 65535, 65536, MIB, 10 * MIB + 7):
        (web.files / "file").write_bytes(noise(size))
        fetch(pair, family, "file", pair.tmp / "got")
        assert digest_of(pair.tmp / "got") == digest_of(web.files / "file"), size
    until(lambda: not [c for c in daemon.connections() if c["state"] != "TIME_WAIT"], 5)


def test_proxy__curl_of_a_hundred_megabytes(pair, family):
    web = pair.nginx()
    daemon = proxy(pair, asan=False)
    (web.files / "file").write_bytes(noise(100 * MIB))
    fetch(pair, family, "file", pair.tmp / "got")
    assert digest_of(pair.tmp / "got") == digest_of(web.files / "file")
    assert daemon.alive()


def test_proxy__many_at_once(pair, family):
    web = pair.nginx()
    proxy(pair)
    (web.files / "file").write_bytes(noise(MIB))
    script = f"for i in $(seq 60); do curl -sS -g --fail -o {pair.tmp}/got$i " \
             f"'http://{at(SERVER[family], 80)}/file' & done; wait"
    pair.client.run("bash", "-c", script, timeout=90)
    for number in range(1, 61):
        assert digest_of(pair.tmp / f"got{number}") == digest_of(web.files / "file"), number


def test_proxy__unix_socket(pair):
    path = f"unix:{pair.tmp}/web.sock"
    web = pair.nginx(listen=path)
    proxy(pair, backend=path)
    (web.files / "file").write_bytes(noise(3 * MIB))
    fetch(pair, "v4", "file", pair.tmp / "got")
    assert digest_of(pair.tmp / "got") == digest_of(web.files / "file")


def test_proxy__upload(pair, family):
    data = noise(20 * MIB)
    backend = Backend(pair, lambda s: digest(read_all(s)))
    proxy(pair)
    s = pair.client.connect(SERVER[family], 80, timeout=40)
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    assert s.recv(10) == b""
    assert backend.result() == digest(data)


# --- the proxy's manners ---------------------------------------------------------------------


def test_proxy__half_close_from_the_client(pair, family):
    """The backend sees the end, answers afterwards, and that still arrives."""
    def serve(s):
        question = read_all(s)
        time.sleep(0.3)
        s.sendall(noise(MIB, 1))
        return question
    backend = Backend(pair, serve)
    proxy(pair)
    s = pair.client.connect(SERVER[family], 80)
    s.sendall(b"question")
    s.shutdown(socket.SHUT_WR)
    assert read_all(s) == noise(MIB, 1)
    assert backend.result() == b"question"


def test_proxy__half_close_from_the_backend(pair, family):
    """The client sees the end and still sends."""
    def serve(s):
        s.sendall(b"greeting")
        s.shutdown(socket.SHUT_WR)
        return digest(read_all(s))
    backend = Backend(pair, serve)
    daemon = proxy(pair)
    s = pair.client.connect(SERVER[family], 80)
    assert read_all(s) == b"greeting"
    until(lambda: daemon.one_connection("FIN_WAIT_2"), 5)
    s.sendall(noise(MIB, 2))
    s.close()
    assert backend.result() == digest(noise(MIB, 2))


def test_proxy__backend_that_reads_after_both_have_closed(pair, family):
    """What was acknowledged outlives the connection, and the deadlines that it had."""
    text, sent, path = noise(210_000, 3), threading.Event(), str(pair.tmp / "late.sock")

    def serve(s):
        sent.wait(10)
        s.shutdown(socket.SHUT_WR)
        time.sleep(2)
        return read_all(s) == text
    backend = Backend(pair, serve, socket.AF_UNIX, path)
    daemon = proxy(pair, f"unix:{path}")
    s = pair.client.connect(SERVER[family], 80)
    s.sendall(text)  # a Unix socket takes 170 KB of it, the smallest window the rest
    s.shutdown(socket.SHUT_WR)
    until(lambda: daemon.one_connection("CLOSE_WAIT"))
    sent.set()
    assert s.recv(10) == b""
    assert daemon.one_connection("CLOSED")["unread"]
    assert backend.result() is True
    daemon.gone()


def test_proxy__reset_by_the_backend(pair, family):
    def serve(s):
        s.recv(100)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    Backend(pair, serve)
    proxy(pair)
    s = pair.client.connect(SERVER[family], 80)
    s.sendall(b"anything")
    with pytest.raises(ConnectionResetError):
        while s.recv(100):
            pass


def test_proxy__reset_by_the_client(pair, family):
    def serve(s):
        try:
            while s.recv(100):
                pass
        except ConnectionResetError:
            return "reset"
        return "closed"
    backend = Backend(pair, serve)
    daemon = proxy(pair)
    s = pair.client.connect(SERVER[family], 80)
    s.sendall(b"anything")
    time.sleep(0.2)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.close()
    assert backend.result() == "reset"
    daemon.gone()


def test_proxy__no_backend(pair, family):
    """Nobody listens there: the client is reset, the log says why."""
    daemon = proxy(pair, backend="127.0.0.1:8099")
    with pytest.raises(ConnectionResetError):
        s = pair.client.connect(SERVER[family], 80)
        s.sendall(b"anything")
        while s.recv(100):
            pass
    until(lambda: "127.0.0.1:8099" in daemon.errors(), 3)
    daemon.gone()


def push(s, most):
    """Sends until nothing goes for half a second; how much went."""
    s.settimeout(0.5)
    sent = 0
    try:
        while sent < most:
            sent += s.send(bytes(1 << 16))
    except TimeoutError:
        pass
    return sent


def test_proxy__backend_that_does_not_read_closes_the_clients_window(pair, family):
    go = threading.Event()

    def serve(s):
        go.wait(30)
        return len(read_all(s))
    backend = Backend(pair, serve)
    daemon = proxy(pair)
    s = pair.client.connect(SERVER[family], 80)
    before = daemon.resident()
    sent = push(s, 200 * MIB)
    assert sent < 60 * MIB
    assert daemon.resident() - before < 40 * MIB
    go.set()
    s.settimeout(30)
    s.sendall(bytes(MIB))
    s.shutdown(socket.SHUT_WR)
    assert s.recv(10) == b""
    assert backend.result() == sent + MIB


def test_proxy__client_that_does_not_read_stops_the_backend(pair, family):
    stalled = threading.Event()

    def serve(s):
        s.recv(100)
        sent = push(s, 200 * MIB)
        stalled.set()
        s.settimeout(30)
        s.sendall(b"end")
        return sent
    backend = Backend(pair, serve)
    daemon = proxy(pair)
    s = pair.client.connect(SERVER[family], 80, timeout=30)
    s.sendall(b"go")
    assert stalled.wait(30)
    got = 0
    while more := s.recv(1 << 20):
        got += len(more)
    sent = backend.result()
    assert sent < 60 * MIB and got == sent + 3
    assert daemon.alive()


# --- volume ---------------------------------------------------------------------------------------


def volume(lab, mode, family, port, connections, size, timeout=240):
    return lab.client.run(BUILD / "tests/net/client", mode, SERVER[family], port, connections,
                          size, timeout=timeout).stdout


def test_echo__64_clients_and_a_gibibyte(pair, family):
    """MUST-41, MUST-42: one port, many connections, each undisturbed."""
    daemon = pair.listening("echo", 7, {"text_pool_mib": 256}, asan=False)
    print(volume(pair, "echo", family, 7, 64, 1024 * MIB // 64))
    daemon.gone()


def test_echo__sha256_of_a_long_stream(pair, family):
    daemon = pair.listening("echo", 7)
    data = noise(8 * MIB, 3)
    s = pair.client.connect(SERVER[family], 7, timeout=40)
    sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
    sender.start()
    back = read_all(s)
    sender.join()
    assert digest(back) == digest(data)
    s.close()
    daemon.gone()


def test_echo__more_connections_than_text_fits(pair):
    """A pool that is far too small: windows close, nothing is lost."""
    daemon = pair.listening("echo", 7, {"text_pool_mib": 8, "ring_mib": 1}, asan=False)
    volume(pair, "echo", "v4", 7, 200, MIB)
    daemon.gone()


def test_chargen__who_does_not_read_starves_nobody(pair):
    """A pool full of text that nobody fetches: the others are served, and those
    who hold most of it are reset when it runs out."""
    daemon = pair.daemon((SERVER["v4"], 19, "chargen"), (SERVER["v4"], 7, "echo"),
                         settings={"text_pool_mib": 8, "ring_mib": 1})
    idle = [pair.client.connect(SERVER["v4"], 19) for _ in range(150)]

    def is_served():
        with pair.client.connect(SERVER["v4"], 7, timeout=2) as s:
            s.sendall(b"x" * 20000)
            try:
                return len(s.recv(20000, socket.MSG_WAITALL)) == 20000
            except socket.timeout:
                return False

    until(is_served, 40, "a newcomer is served")
    for s in idle:
        s.close()
    daemon.gone()


@pytest.mark.parametrize("settings", [{"transmit": "packet"}, {"mode": "generic"}])
def test_echo__other_ways(pair, family, settings):
    daemon = pair.listening("echo", 7, settings)
    volume(pair, "echo", family, 7, 8, MIB)
    daemon.gone()


def test_echo__small_mtu(lab, family):
    lab.pair(mtu=1280)
    lab.listening("echo", 7)
    volume(lab, "echo", family, 7, 4, MIB)


def test_echo__large_mtu(lab, family):
    """Whatever a frame of 3498 bytes may still be for XDP on a veth."""
    lab.pair(mtu=3000)
    lab.listening("echo", 7)
    volume(lab, "echo", family, 7, 4, 4 * MIB)


def test_echo__connections_come_and_go(pair, family):
    """More, one after the other, than there are places at a time."""
    daemon = pair.listening("echo", 7, {"connections": 64}, asan=True)
    for _ in range(20):
        volume(pair, "echo", family, 7, 32, 1000)
        daemon.gone()
    assert daemon.counters()["drop_no_connection"] == 0


def test_table_full__newcomers_wait_and_others_are_served(pair):
    daemon = pair.listening("echo", 7, {"connections": 16})
    some = [pair.client.connect(SERVER["v4"], 7) for _ in range(16)]
    with pytest.raises(TimeoutError):
        pair.client.connect(SERVER["v4"], 7, timeout=0.8)
    assert daemon.counters()["drop_no_connection"] > 0
    some[3].sendall(b"still here")
    assert some[3].recv(100) == b"still here"
    some[0].close()
    until(lambda: len(daemon.connections()) == 15, 5)
    s = pair.client.connect(SERVER["v4"], 7, timeout=5)
    s.sendall(b"me too")
    assert s.recv(100) == b"me too"
    for s in some[1:]:
        s.close()


# --- a bad wire -------------------------------------------------------------------------------------

BAD = "--loss 1 --duplicate 1 --reorder 1 --corrupt 1 --delay 1 --jitter 1".split()


def check_corruption_was_noticed(daemon):
    counted = daemon.counters()
    assert counted["drop_checksum"] > 0, counted


def test_bad_wire__echo_of_64_clients(lab, family):
    lab.wire(*BAD, "--seed", "1")
    daemon = lab.listening("echo", 7)
    print(volume(lab, "echo", family, 7, 64, 256 << 10))
    daemon.gone(20)
    check_corruption_was_noticed(daemon)


def test_bad_wire__curl_of_twenty_megabytes(lab, family):
    lab.wire(*BAD, "--seed", "2")
    web = lab.nginx()
    daemon = proxy(lab)
    (web.files / "file").write_bytes(noise(20 * MIB))
    fetch(lab, family, "file", lab.tmp / "got", timeout=120)
    assert digest_of(lab.tmp / "got") == digest_of(web.files / "file")
    assert daemon.alive()


def test_bad_wire__upload(lab, family):
    lab.wire(*BAD, "--seed", "3")
    data = noise(5 * MIB, 4)
    backend = Backend(lab, lambda s: digest(read_all(s)))
    daemon = proxy(lab)
    s = lab.client.connect(SERVER[family], 80, timeout=90)
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    assert s.recv(10) == b""
    s.close()
    assert backend.result() == digest(data)
    check_corruption_was_noticed(daemon)


def test_bad_wire__five_per_cent(lab):
    lab.wire(*"--loss 5 --duplicate 5 --reorder 5 --corrupt 5".split(), "--seed", "4")
    daemon = lab.listening("echo", 7)
    volume(lab, "echo", "v4", 7, 16, 64 << 10)
    daemon.gone(30)


def test_slow_wire__with_delay(lab):
    lab.wire("--delay", "10", "--rate", "100")
    daemon = lab.listening("echo", 7)
    volume(lab, "echo", "v4", 7, 4, 2 * MIB)
    daemon.gone()
