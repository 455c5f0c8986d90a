# SPDX-License-Identifier: BSD-2-Clause
"""xtcpd and the host around it: what is not ours goes on, loopback, several
daemons, start and end, and everything that a user can get wrong."""
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from lab import BUILD, CLIENT, FAMILY, SERVER, at, run, until, yaml


# --- what is not ours ---------------------------------------------------------------------


def test_ping_goes_on(pair, family):
    daemon = pair.listening("echo", 7)
    pair.client.run("ping", "-c", "3", "-i", "0.1", "-W", "2", SERVER[family])
    assert daemon.counters()["pass_not_tcp"] >= 3


def test_large_ping_in_fragments_goes_on(pair, family):
    pair.listening("echo", 7)
    pair.client.run("ping", "-c", "2", "-i", "0.1", "-W", "2", "-s", "5000", SERVER[family])


def serve_once(namespace, address, port, data):
    listener = namespace.socket(FAMILY["v6" if ":" in address else "v4"], socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen()
    return listener


def test_kernel_tcp_on_another_port_goes_on(pair, family):
    daemon = pair.listening("echo", 7)
    listener = serve_once(pair.server, SERVER[family], 2222, b"")
    s = pair.client.connect(SERVER[family], 2222)
    there = listener.accept()[0]
    there.settimeout(10)
    s.sendall(b"as if nothing were there")
    assert there.recv(100) == b"as if nothing were there"
    for _ in range(32):
        there.sendall(bytes(1 << 15))
        got = 0
        while got < 1 << 15:
            got += len(s.recv(1 << 15))
    for each in (s, there, listener):
        each.close()
    assert daemon.counters()["pass_not_ours"] > 10


def test_kernel_tcp_from_the_host_goes_on(pair, family):
    """A connection that the host opens, and a port where nobody listens."""
    pair.listening("echo", 7)
    listener = serve_once(pair.client, CLIENT[family], 3333, b"")
    s = pair.server.connect(CLIENT[family], 3333)
    there = listener.accept()[0]
    there.sendall(b"hello")
    assert s.recv(100) == b"hello"
    for each in (s, there, listener):
        each.close()
    with pytest.raises(ConnectionRefusedError):
        pair.client.connect(SERVER[family], 4444)


def test_udp_goes_on(pair, family):
    pair.listening("echo", 7)
    there = pair.server.socket(FAMILY[family], socket.SOCK_DGRAM)
    there.bind((SERVER[family], 7))
    there.settimeout(5)
    s = pair.client.socket(FAMILY[family], socket.SOCK_DGRAM)
    s.sendto(b"datagram", (SERVER[family], 7))
    assert there.recv(100) == b"datagram"
    s.close()
    there.close()


def test_neighbours_are_found_anew(pair, family):
    """ARP and neighbour discovery, both ways, while a connection lives."""
    pair.listening("echo", 7)
    s = pair.client.connect(SERVER[family], 7)
    for _ in range(2):
        pair.client.ip("neigh", "flush", "all")
        pair.server.ip("neigh", "flush", "all")
        s.sendall(b"are you there")
        assert s.recv(100) == b"are you there"
    pair.client.run("ping", "-c", "1", "-W", "2", SERVER[family])
    neighbours = json.loads(pair.client.ip("-j", "neigh").stdout)
    assert any(n["dst"] == SERVER[family] and "lladdr" in n for n in neighbours)
    s.close()


def test_wildcard_listener_follows_the_addresses(pair, family):
    daemon = pair.daemon(("::", 7, "echo"))
    s = pair.client.connect(SERVER[family], 7)
    s.sendall(b"old address")
    assert s.recv(100) == b"old address"
    new = {"v4": "10.77.0.77", "v6": "fd77::77"}[family]
    pair.server.ip("addr", "add", f"{new}/{'24' if family == 'v4' else '64'}", "dev", "eth0",
                   *(["nodad"] if family == "v6" else []))

    def served():
        try:
            t = pair.client.connect(new, 7, timeout=1)
        except OSError:
            return False
        with t:
            t.sendall(b"new address")
            return t.recv(100) == b"new address"
    until(served, 5)
    s.close()
    assert daemon.alive()


# --- loopback ----------------------------------------------------------------------------------

LOOPBACK = ["net.ipv4.conf.all.route_localnet=1", "net.ipv4.conf.lo.route_localnet=1",
            "net.ipv4.conf.all.accept_local=1", "net.ipv4.conf.lo.accept_local=1"]


def test_loopback__with_its_settings(lab):
    here = lab.namespace("lo")
    here.run("sysctl", "-qw", *LOOPBACK)
    daemon = lab.daemon(("127.0.0.1", 7, "echo"), interface="lo", namespace=here)
    s = here.connect("127.0.0.1", 7)
    data = os.urandom(300000)
    s.settimeout(20)
    back = b""
    for start in range(0, len(data), 10000):
        s.sendall(data[start:start + 10000])
        while len(back) < min(start + 10000, len(data)):
            back += s.recv(1 << 16)
    assert back == data
    s.close()
    daemon.gone()


def test_loopback__says_which_settings_are_missing(lab):
    here = lab.namespace("lo")
    daemon = lab.daemon(("127.0.0.1", 7, "echo"), interface="lo", namespace=here)
    said = daemon.errors()
    assert "route_localnet" in said and "accept_local" in said


def test_loopback__64_clients(lab):
    here = lab.namespace("lo")
    here.run("sysctl", "-qw", *LOOPBACK)
    lab.daemon(("127.0.0.1", 7, "echo"), interface="lo", namespace=here, asan=False)
    here.run(BUILD / "tests/net/client", "echo", "127.0.0.1", 7, 64, 1 << 18, timeout=100)


# --- start and end ----------------------------------------------------------------------------------


def test_ready_line_and_status(pair):
    daemon = pair.listening("echo", 7)
    assert daemon.ready_line.startswith("ready")
    status = daemon.json("status")
    assert status["interface"] == "eth0" and status["mode"] == "native"
    for command in ("list", "counters", "status"):
        assert daemon.ctl(command).stdout.strip()
    names = daemon.counters()
    assert all(name.split("_")[0] in ("hit", "punt", "drop", "pass") for name in names)


def test_sigterm_leaves_nothing_and_resets_connections(pair):
    daemon = pair.listening("echo", 7)
    s = pair.client.connect(SERVER["v4"], 7)
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    daemon.stop()
    with pytest.raises(ConnectionResetError):
        s.recv(1)
    again = pair.client.run("ping", "-c", "1", "-W", "2", SERVER["v4"])
    assert again.returncode == 0


def test_sigint_is_as_good(pair):
    daemon = pair.listening("echo", 7)
    daemon.process.send_signal(signal.SIGINT)
    daemon.process.wait(10)
    daemon.stop()


def test_kill_and_start_again(pair):
    daemon = pair.listening("echo", 7)
    s = pair.client.connect(SERVER["v4"], 7)
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait(5)
    s.close()
    assert daemon.bpffs.exists()
    again = pair.start(["--interface", "eth0", "--listen", at(SERVER["v4"], 7) + "=echo"],
                       name=daemon.name)
    s = pair.client.connect(SERVER["v4"], 7)
    s.sendall(b"again")
    assert s.recv(10) == b"again"
    s.close()
    again.stop()
    daemon.process.returncode = 0


def test_second_daemon_on_the_same_interface_is_refused(pair):
    first = pair.listening("echo", 7)
    second = pair.start(["--interface", "eth0", "--listen", at(SERVER["v4"], 8) + "=echo"],
                        ready=False)
    second.process.wait(10)
    assert second.process.returncode != 0
    said = second.errors()
    assert "eth0" in said and "already" in said, said
    assert not second.bpffs.exists()
    s = pair.client.connect(SERVER["v4"], 7)
    s.sendall(b"undisturbed")
    assert s.recv(100) == b"undisturbed"
    s.close()
    assert first.alive()


def test_second_daemon_with_the_same_pins_is_refused(pair):
    first = pair.listening("echo", 7)
    pair.veth(pair.client, "eth1", pair.server, "eth1")
    second = pair.start(["--interface", "eth1", "--listen", "0.0.0.0:8=echo"], ready=False,
                        name=first.name)
    second.process.wait(10)
    assert second.process.returncode != 0 and second.errors().strip()
    s = pair.client.connect(SERVER["v4"], 7)
    s.sendall(b"undisturbed")
    assert s.recv(100) == b"undisturbed"
    s.close()


def test_listener_is_only_where_it_was_asked_for(pair, family):
    """RFC 9293, 3.9.1.1: MUST-43, the local address of a passive OPEN."""
    new = {"v4": "10.77.0.78", "v6": "fd77::78"}[family]
    pair.server.ip("addr", "add", f"{new}/{'24' if family == 'v4' else '64'}", "dev", "eth0",
                   *(["nodad"] if family == "v6" else []))
    pair.daemon((new, 7, "echo"))
    with pytest.raises(ConnectionRefusedError):
        pair.client.connect(SERVER[family], 7, timeout=2)
    with pair.client.connect(new, 7) as s:
        s.sendall(b"here")
        assert s.recv(100) == b"here"


def test_interface_that_goes_is_missed(pair):
    daemon = pair.listening("echo", 7)
    s = pair.client.connect(SERVER["v4"], 7)
    pair.server.ip("link", "delete", "eth0")
    until(lambda: "eth0 is gone" in daemon.errors(), 5)
    pair.veth(pair.client, "eth0", pair.server, "eth0")
    assert daemon.errors().count("gone") == 1
    s.close()
    daemon.stop()


def test_program_that_is_detached_is_missed(pair):
    daemon = pair.listening("echo", 7)
    run("bpftool", "link", "detach", "id", daemon.json("status")["link_id"])
    until(lambda: "detached from it" in daemon.errors(), 5)
    daemon.stop()


def test_addresses_that_come_and_go_in_mass_are_followed(pair):
    daemon = pair.daemon(("::", 7, "echo"))
    pair.server.run("sh", "-c", "for i in $(seq 150); do ip addr add 10.78.1.$i/32 dev eth0; done;"
                                "for i in $(seq 149); do ip addr del 10.78.1.$i/32 dev eth0; done")
    pair.client.ip("route", "add", "10.78.1.0/24", "via", SERVER["v4"])
    until(lambda: serves(pair, "10.78.1.150"), 5)
    assert "error" not in daemon.errors(), daemon.errors()


def serves(pair, address):
    try:
        pair.client.connect(address, 7, timeout=0.5).close()
        return True
    except OSError:
        return False


def test_several_daemons_side_by_side(pair, family):
    pair.veth(pair.client, "eth1", pair.server, "eth1")
    pair.server.ip("addr", "add", "10.78.0.2/24", "dev", "eth1")
    pair.client.ip("addr", "add", "10.78.0.1/24", "dev", "eth1")
    pair.server.ip("addr", "add", "fd78::2/64", "dev", "eth1", "nodad")
    pair.client.ip("addr", "add", "fd78::1/64", "dev", "eth1", "nodad")
    first = pair.listening("echo", 7)
    other = {"v4": "10.78.0.2", "v6": "fd78::2"}[family]
    second = pair.daemon((other, 7, "echo"), interface="eth1")
    for address in (SERVER[family], other):
        s = pair.client.connect(address, 7)
        s.sendall(address.encode())
        assert s.recv(100) == address.encode()
        s.close()
    second.stop()
    s = pair.client.connect(SERVER[family], 7)
    s.sendall(b"alone")
    assert s.recv(100) == b"alone"
    s.close()
    first.gone()


def test_command_line_alone(pair):
    """As in the README: no file."""
    daemon = pair.start(["--interface", "eth0", "--listen", "10.77.0.2:7=echo",
                         "--listen", "[fd77::2]:80=proxy:127.0.0.1:8080"])
    web = pair.nginx()
    (web.files / "x").write_text("content")
    assert pair.client.run("curl", "-sS", "-g", "http://[fd77::2]:80/x").stdout == "content"
    assert daemon.json("status")["interface"] == "eth0"


def test_maps_are_readable_with_bpftool(pair):
    daemon = pair.listening("echo", 7)
    s = pair.client.connect(SERVER["v4"], 7)
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    for name, fields in (("conns", ("una", "nxt", "state", "cwnd")),
                         ("flows", ("word", "rcv_nxt", "snd_una"))):
        dump = subprocess.Popen(["bpftool", "map", "dump", "pinned", daemon.bpffs / name],
                                stdout=subprocess.PIPE, text=True)
        text = dump.stdout.read(20000)
        dump.kill()
        dump.wait()
        for field in fields:
            assert f'"{field}"' in text, text[:500]
    s.close()


# --- bad input ------------------------------------------------------------------------------------------


def refused(lab, arguments, **more):
    """It does not start, says one thing, leaves nothing. Returns what it said."""
    daemon = lab.start(arguments, ready=False, **more)
    daemon.process.wait(15)
    said = daemon.errors()
    assert daemon.process.returncode not in (0, -11, -6), (daemon.process.returncode, said)
    assert "Sanitizer" not in said, said
    assert not daemon.bpffs.exists() and not daemon.control.exists()
    links = lab.server.run("ip", "-d", "link", "show").stdout
    assert "prog/xdp" not in links
    return said


@pytest.mark.parametrize("arguments, words", [
    ([], ["interface"]),
    (["--interface", "eth0"], ["listen"]),
    (["--interface", "nowhere0", "--listen", "10.77.0.2:7=echo"], ["nowhere0"]),
    (["--interface", "a-name-that-is-too-long", "--listen", "10.77.0.2:7=echo"], ["interface"]),
    (["--interface", "eth0", "--listen", "10.77.0.2=echo"], ["10.77.0.2"]),
    (["--interface", "eth0", "--listen", "10.77.0.2:0=echo"], ["port"]),
    (["--interface", "eth0", "--listen", "10.77.0.2:70000=echo"], ["port"]),
    (["--interface", "eth0", "--listen", "300.1.1.1:7=echo"], ["300.1.1.1"]),
    (["--interface", "eth0", "--listen", "fd77::2:7=echo"], ["fd77::2:7"]),
    (["--interface", "eth0", "--listen", "224.0.0.1:7=echo"], ["224.0.0.1"]),
    (["--interface", "eth0", "--listen", "10.77.0.2:7=ecco"], ["ecco", "echo"]),
    (["--interface", "eth0", "--listen", "10.77.0.2:80=proxy"], ["backend"]),
    (["--interface", "eth0", "--listen", "10.77.0.2:80=proxy:nowhere"], ["nowhere"]),
    (["--interface", "eth0", "--listen", "10.77.0.2:7=echo", "--listen", "10.77.0.2:7=discard"],
     ["10.77.0.2:7"]),
    (["--interface", "eth0", "--listen", "10.77.0.2:7=echo", "surplus"], ["surplus"]),
    (["--config", "/nonexistent.yaml"], ["/nonexistent.yaml"]),
])
def test_command_line_errors_are_answered(pair, arguments, words):
    said = refused(pair, arguments)
    assert all(word in said for word in words), said


GOOD = ["interface: eth0", "listeners:", "  - address: 10.77.0.2:7", "    service: echo"]


@pytest.mark.parametrize("line, words", [
    ("intrface: eth0", ["intrface"]),
    ("connections: many", ["connections"]),
    ("connections: 0", ["connections"]),
    ("connections: 99999999999", ["connections"]),
    ("text_pool_mib: -1", ["text_pool_mib"]),
    ("ring_mib: 3", ["ring_mib", "power of two"]),
    ("interface: [eth0]", ["interface"]),
    ("\tlisteners: x", []),
])
def test_configuration_errors_name_file_and_line(pair, line, words):
    config = pair.tmp / "bad.yaml"
    config.write_text("\n".join([line] + [g for g in GOOD if not line.startswith(g.split(":")[0])])
                      + "\n")
    done = pair.server.run(BUILD / "xtcpd", "--config", config, "--check", check=False)
    assert done.returncode != 0
    assert f"{config}:1" in done.stderr, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("listener, words", [
    (["  - adress: 10.77.0.2:7", "    service: echo"], ["adress"]),
    (["  - address: 10.77.0.2:7", "    servce: echo"], ["servce"]),
    (["  - address: 10.77.0.2:7"], ["service"]),
    (["  - address: 10.77.0.2:7", "    service: ecco"], ["ecco"]),
    (["  - address: ten:7", "    service: echo"], ["ten"]),
    (["  - address: 10.77.0.2:7", "    service: proxy"], ["backend"]),
    (["  - address: 10.77.0.2:7", "    service: proxy", '    backends: ["x"]'], ["x"]),
])
def test_listener_errors_name_file_and_line(pair, listener, words):
    config = pair.tmp / "bad.yaml"
    config.write_text("\n".join(["interface: eth0", "listeners:"] + listener) + "\n")
    done = pair.server.run(BUILD / "xtcpd", "--config", config, "--check", check=False)
    assert done.returncode != 0
    assert f"{config}:" in done.stderr, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_check_accepts_what_is_right(pair):
    config = pair.tmp / "good.yaml"
    config.write_text(yaml("eth0", [("10.77.0.2", 80, "proxy", {"backends": ["127.0.0.1:8080"]}),
                                    ("::", 7, "echo")], {"connections": 1000}))
    done = pair.server.run(BUILD / "xtcpd", "--config", config, "--check")
    assert "Sanitizer" not in done.stderr


def test_missing_privileges_are_named(pair):
    done = pair.server.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           BUILD / "xtcpd", "--interface", "eth0", "--listen",
                           "10.77.0.2:7=echo", check=False)
    assert done.returncode != 0
    assert "root" in done.stderr or "CAP_" in done.stderr, done.stderr
    assert "prog/xdp" not in pair.server.run("ip", "-d", "link").stdout


def test_pins_outside_of_a_bpffs_are_refused(pair):
    done = pair.server.run(BUILD / "xtcpd", "--interface", "eth0", "--listen", "10.77.0.2:7=echo",
                           "--bpffs", pair.tmp / "pins", "--control", pair.tmp / "c.sock",
                           check=False)
    assert done.returncode != 0
    assert str(pair.tmp / "pins") in done.stderr, done.stderr
    assert "prog/xdp" not in pair.server.run("ip", "-d", "link").stdout


def pins_refused(pair, bpffs):
    """xtcpd with pins there says no; its one line."""
    done = pair.server.run(BUILD / "xtcpd-asan", "--interface", "eth0", "--listen",
                           "10.77.0.2:7=echo", "--bpffs", bpffs, "--control",
                           pair.tmp / "c.sock", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert str(bpffs) in done.stderr and "Sanitizer" not in done.stderr, done.stderr
    assert not (pair.tmp / "c.sock").exists()
    assert "prog/xdp" not in pair.server.run("ip", "-d", "link").stdout
    return done.stderr


def test_pins_with_a_dot_in_their_path_are_refused(pair):
    top = pathlib.Path("/sys/fs/bpf") / f"{pair.server.name}"
    assert "no dots" in pins_refused(pair, top / "a" / "b.c")
    assert not top.exists()


def test_folders_made_for_pins_go_with_them(pair):
    top = pathlib.Path("/sys/fs/bpf") / f"{pair.server.name}"
    daemon = pair.start(["--interface", "eth0", "--listen", "10.77.0.2:7=echo", "--bpffs",
                         top / "a" / "b"])
    assert (top / "a" / "b" / "flows").exists()
    daemon.stop()
    assert not top.exists()


@pytest.mark.parametrize("name", ["link", "flows"])
def test_pins_of_others_are_left_alone(pair, name):
    folder = pathlib.Path("/sys/fs/bpf") / f"{pair.server.name}"
    folder.mkdir()
    try:
        run("bpftool", "map", "create", folder / name, "type", "array", "key", 4, "value", 4,
            "entries", 1, "name", "foreign")
        assert name in pins_refused(pair, folder)
        assert (folder / name).exists()
    finally:
        (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def test_xtcpctl_without_a_daemon(lab):
    done = run(BUILD / "xtcpctl", "--control", lab.tmp / "none.sock", "list", check=False)
    assert done.returncode != 0 and "none.sock" in done.stderr
    done = run(BUILD / "xtcpctl", "nonsense", check=False)
    assert done.returncode != 0 and "nonsense" in done.stderr


def test_xtcpctl_ladder(pair):
    daemon = pair.listening("echo", 7)
    s = pair.client.connect(SERVER["v4"], 7)
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    s.close()
    daemon.gone()
    (trace,) = daemon.traces()
    text = daemon.ctl("ladder", str(trace["id"])).stdout
    for word in ("SYN", "ACK", "FIN", "ESTABLISHED", "LAST_ACK"):
        assert word in text, text
    picture = pair.tmp / "life.svg"
    daemon.ctl("ladder", str(trace["id"]), "--svg", picture)
    assert "<svg" in picture.read_text() and "ESTABLISHED" in picture.read_text()
    run("/usr/bin/python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])",
        picture)
    done = daemon.ctl("ladder", "4000000000", check=False)
    assert done.returncode != 0 and done.stderr.strip()


def test_control_socket_is_for_its_owner_only(pair):
    daemon = pair.listening("echo", 7)
    assert pathlib.Path(daemon.control).stat().st_mode & 0o007 == 0
