# SPDX-License-Identifier: BSD-2-Clause
"""The laboratory of the tests on a real wire: network namespaces, the daemon in
one of them, the kernel's own TCP or a peer made of raw frames in another.

    ┌─ client ───────────────┐                ┌─ server ──────────────────┐
    │ kernel TCP, raw peer   │                │ xtcpd (XDP on eth0)       │
    │ eth0 10.77.0.1 fd77::1 ├──────veth──────┤ eth0 10.77.0.2 fd77::2    │
    └────────────────────────┘                │ nginx and backends on lo  │
                                              └───────────────────────────┘

With wire(...) a third namespace with build/wire stands between the two.
Everything has a name of its own and goes when the test ends, however it ends."""
import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
CLIENT = {"v4": "10.77.0.1", "v6": "fd77::1"}
SERVER = {"v4": "10.77.0.2", "v6": "fd77::2"}
RAW = {"v4": "10.77.0.9", "v6": "fd77::9"}
FAMILY = {"v4": socket.AF_INET, "v6": socket.AF_INET6}
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000

libc = ctypes.CDLL(None, use_errno=True)
numbers = itertools.count()


def at(address, port):
    """10.77.0.2:7, [fd77::2]:7"""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def run(*command, check=True, timeout=60, **more):
    """Runs a command to its end; its output is text."""
    done = subprocess.run([str(c) for c in command], text=True, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def until(condition, timeout=5, what=None):
    """Waits until condition() is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s: {what or condition}"
        time.sleep(0.02)


def private_mounts():
    """Our mounts (namespaces' names, a bpffs if there is none) are ours alone
    and go with us. The mount namespace is inherited by all that we start."""
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare of the mount namespace (it takes root)")
    run("mount", "--make-rprivate", "/")
    if run("stat", "-f", "-c", "%T", "/sys/fs/bpf", check=False).stdout.strip() != "bpf_fs":
        run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")


class Namespace:
    """A network namespace with a name of its own."""

    def __init__(self, role):
        self.name = f"xtnet{os.getpid()}-{next(numbers)}{role}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    @property
    def path(self):
        return f"/run/netns/{self.name}"

    def enter(self, *command):
        """The command line that runs `command` inside, all else as it is (`ip
        netns exec` would hide /sys/fs/bpf)."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, command)]

    def run(self, *command, **more):
        return run(*self.enter(*command), **more)

    def counter(self, name):
        """One of the kernel's of TCP, as in nstat, since the namespace was made."""
        names, values = [line.split() for line in self.run("cat", "/proc/net/netstat").stdout
                         .splitlines() if line.startswith("TcpExt:")]
        return int(values[names.index(name)])

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    @contextlib.contextmanager
    def inside(self):
        """For sockets: they stay in the namespace in which they were made."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        here = os.open(self.path, os.O_RDONLY)
        try:
            assert libc.setns(here, CLONE_NEWNET) == 0
            yield
        finally:
            assert libc.setns(back, CLONE_NEWNET) == 0
            os.close(here)
            os.close(back)

    def socket(self, *arguments):
        with self.inside():
            return socket.socket(*arguments)

    def connect(self, address, port, timeout=10):
        s = self.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                        socket.SOCK_STREAM)
        s.settimeout(timeout)
        try:
            s.connect((address, port))
        except BaseException:
            s.close()
            raise
        return s

    def delete(self):
        run("ip", "netns", "delete", self.name)


class Process:
    """Something that says `ready` on stdout (or not) and goes on SIGTERM."""

    def __init__(self, command, log, ready=True, timeout=30, env=None):
        self.log = pathlib.Path(log)
        self.command = [str(c) for c in command]
        with open(self.log, "ab") as err:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=err,
                                            stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        self.ready_line = self.read_line(timeout) if ready else None

    def read_line(self, timeout):
        """The first line that starts with ready."""
        end, text = time.monotonic() + timeout, b""
        while time.monotonic() < end:
            if not select.select([self.process.stdout], [], [], 0.1)[0]:
                continue
            more = os.read(self.process.stdout.fileno(), 4096)
            if not more:
                break
            text += more
            for line in text.decode().splitlines(keepends=True):
                if line.startswith("ready") and line.endswith("\n"):
                    return line.strip()
        self.kill()
        raise AssertionError(f"{self.command}: never said ready\n{text.decode()}{self.errors()}")

    def errors(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def terminate(self, timeout=15):
        """SIGTERM; returns the exit status and what it said last on stdout."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            out = self.process.communicate(timeout=timeout)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command[:8]}: does not end on SIGTERM\n{self.errors()}")
        return self.process.returncode, out

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Daemon(Process):
    """xtcpd with pins and a control socket of its own."""

    def __init__(self, lab, namespace, arguments, asan=True, name=None, ready=True, env=None):
        self.lab, self.namespace = lab, namespace
        self.name = name or f"xtnet{os.getpid()}-{next(numbers)}"
        self.bpffs = pathlib.Path("/sys/fs/bpf") / self.name
        self.control = lab.tmp / f"{self.name}.sock"
        program = os.environ.get("XTCPD") or BUILD / ("xtcpd-asan" if asan else "xtcpd")
        super().__init__(namespace.enter(program, "--bpffs", self.bpffs, "--control",
                                         self.control, *arguments),
                         lab.tmp / f"{self.name}.log", ready=ready, env=env)

    def ctl(self, *arguments, check=True, **more):
        return run(BUILD / "xtcpctl", "--control", self.control, *arguments, check=check, **more)

    def json(self, *arguments):
        return json.loads(self.ctl(*arguments, "--json").stdout)

    def counters(self):
        return self.json("counters")

    def connections(self):
        return self.json("list")

    def one_connection(self, state=None, timeout=5):
        """The only connection (in that state) that there is."""
        def found():
            some = [c for c in self.connections() if state is None or c["state"] == state]
            return len(some) == 1 and some[0]
        return until(found, timeout, f"one connection in {state}: {self.connections()}")

    def gone(self, timeout=10):
        """Waits until no connection is left."""
        until(lambda: not self.connections(), timeout, "no connection left")

    def ladder(self, identity):
        return self.json("ladder", str(identity))

    def states(self, identity):
        """The states of a connection's life, without repetitions."""
        life = self.ladder(identity)
        states = [life["first_state"], *(s["state"] for s in life["segments"]),
                  life["last_state"]]
        return [b for a, b in zip([None] + states, states) if a != b]

    def traces(self):
        return self.json("traces")

    @contextlib.contextmanager
    def counted(self):
        """with daemon.counted() as change: …; then change["hit_text"] is by how
        much the counter grew meanwhile."""
        before, change = self.counters(), {}
        yield change
        after = self.counters()
        change.update({name: after[name] - before.get(name, 0) for name in after})

    def resident(self):
        """Bytes of the process that are in memory and nobody else's."""
        for line in pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no Anonymous line in smaps_rollup")

    def stop(self):
        """SIGTERM, and nothing may be left of it."""
        status, _ = self.terminate()
        said = self.errors()
        assert "Sanitizer" not in said and "runtime error" not in said, said
        assert status == 0, f"exit {status}\n{said}"
        self.check_nothing_left()

    def check_nothing_left(self):
        left = list(self.bpffs.rglob("*")) if self.bpffs.exists() else []
        assert not left, f"pins left: {left}"
        assert not self.bpffs.exists(), f"{self.bpffs} is left"
        assert not self.control.exists(), f"{self.control} is left"
        links = json.loads(self.namespace.run("ip", "-j", "link").stdout)
        attached = [link["ifname"] for link in links
                    if "xdp" in link and link["ifname"] in self.command_line_interfaces()]
        assert not attached, f"XDP is still attached to {attached}"

    def command_line_interfaces(self):
        return [self.lab.interfaces.get(self.name, "eth0")]

    def remove_remains(self):
        """After a crash: what a next start would have cleared."""
        if self.alive():
            self.kill()
        if self.bpffs.exists():
            shutil.rmtree(self.bpffs, ignore_errors=True)


class Nginx(Process):
    """An unmodified nginx on an unprivileged port of 127.0.0.1."""

    def __init__(self, lab, namespace, port=8080, listen=None):
        home = lab.tmp / f"nginx-{next(numbers)}"
        self.files = home / "files"
        for folder in ("files", "tmp", "logs"):
            (home / folder).mkdir(parents=True)
        home.chmod(0o755)
        config = home / "nginx.conf"
        config.write_text(f"""
daemon off; pid {home}/nginx.pid; worker_processes 1; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; default_type application/octet-stream;
    client_body_temp_path {home}/tmp; proxy_temp_path {home}/tmp;
    fastcgi_temp_path {home}/tmp; uwsgi_temp_path {home}/tmp; scgi_temp_path {home}/tmp;
    server {{ listen {listen or f'127.0.0.1:{port}'}; root {self.files}; }}
}}
""")
        user = ["-g", "user root;"] if os.getuid() == 0 else []
        super().__init__(namespace.enter("nginx", "-p", home, "-c", config, *user),
                         lab.tmp / "nginx.log", ready=False)
        if listen:
            until(lambda: pathlib.Path(listen.removeprefix("unix:")).exists(), 10, "nginx")
        else:
            until(lambda: self.answers(namespace, port), 10, f"nginx {self.errors()}")

    @staticmethod
    def answers(namespace, port):
        try:
            namespace.connect("127.0.0.1", port).close()
            return True
        except OSError:
            return False


class Lab:
    """One test's world."""

    def __init__(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="xtnet-"))
        self.tmp.chmod(0o755)
        self.cleanup = contextlib.ExitStack()
        self.cleanup.callback(shutil.rmtree, self.tmp, ignore_errors=True)
        self.daemons, self.interfaces = [], {}
        self.client = self.server = self.middle = None

    # --- the wire -----------------------------------------------------------

    def namespace(self, role):
        made = Namespace(role)
        self.cleanup.callback(made.delete)
        return made

    def veth(self, a, a_name, b, b_name, mtu=1500):
        run("ip", "link", "add", a_name, "mtu", mtu, "netns", a.name, "type", "veth",
            "peer", "name", b_name, "mtu", mtu, "netns", b.name)
        a.ip("link", "set", "dev", a_name, "up")
        b.ip("link", "set", "dev", b_name, "up")

    def address(self, namespace, interface, v4, v6):
        namespace.ip("addr", "add", f"{v4}/24", "dev", interface)
        if v6:
            namespace.ip("addr", "add", f"{v6}/64", "dev", interface, "nodad")

    def pair(self, mtu=1500):
        """Client and server, joined by one veth pair with default offloads. IPv6
        needs an MTU of 1280 (RFC 8200, 5)."""
        self.client, self.server = self.namespace("c"), self.namespace("s")
        self.veth(self.client, "eth0", self.server, "eth0", mtu)
        for namespace, ends in ((self.client, CLIENT), (self.server, SERVER)):
            self.address(namespace, "eth0", ends["v4"], ends["v6"] if mtu >= 1280 else None)
        return self

    def wire(self, *options, quiet=False):
        """The same with build/wire between them. quiet: no addresses, and so no
        frame that a test did not send."""
        self.client, self.server = self.namespace("c"), self.namespace("s")
        self.middle = self.namespace("w")
        for namespace in [self.middle] + [self.client, self.server] * quiet:
            namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                          "net.ipv6.conf.default.disable_ipv6=1")
        self.veth(self.client, "eth0", self.middle, "west")
        self.veth(self.server, "eth0", self.middle, "east")
        if not quiet:
            self.address(self.client, "eth0", CLIENT["v4"], CLIENT["v6"])
            self.address(self.server, "eth0", SERVER["v4"], SERVER["v6"])
        relay = Process(self.middle.enter(BUILD / "wire", *options, "west", "east"),
                        self.tmp / "wire.log")
        self.cleanup.callback(relay.kill)
        return relay

    # --- what runs in it ------------------------------------------------------

    def daemon(self, *listeners, interface="eth0", namespace=None, settings=None, asan=True,
               **more):
        """xtcpd with these listeners: ("10.77.0.2", 7, "echo"), or with a dict of
        more keys as fourth; `settings` are further keys of the configuration."""
        settings = {"text_pool_mib": 64, "connections": 4096, **(settings or {})}
        config = self.tmp / f"xtcpd-{next(numbers)}.yaml"
        config.write_text(yaml(interface, listeners, settings))
        return self.start(["--config", config], namespace=namespace, interface=interface,
                          asan=asan, **more)

    def start(self, arguments, namespace=None, interface="eth0", **more):
        daemon = Daemon(self, namespace or self.server, arguments, **more)
        self.interfaces[daemon.name] = interface
        self.daemons.append(daemon)
        self.cleanup.callback(daemon.remove_remains)
        return daemon

    def listening(self, service, port, settings=None, more=None, asan=True):
        """xtcpd with this service on both of the server's addresses."""
        return self.daemon(*[(SERVER[f], port, service, more or {}) for f in ("v4", "v6")],
                           settings=settings, asan=asan)

    def nginx(self, namespace=None, **more):
        server = Nginx(self, namespace or self.server, **more)
        self.cleanup.callback(server.terminate)  # a killed master leaves its workers behind
        return server

    def close(self, failed=False):
        try:
            if failed:
                for daemon in self.daemons:
                    print(f"--- {daemon.name} said\n{daemon.errors()[-6000:]}")
                return
            for daemon in self.daemons:
                if daemon.process.returncode is None:
                    daemon.stop()
        finally:
            self.cleanup.close()


def yaml(interface, listeners, settings):
    lines = [f"interface: {interface}"]
    lines += [f"{key}: {value}" for key, value in settings.items()]
    lines += ["listeners:"]
    for address, port, service, *more in listeners:
        lines += [f'  - address: "{at(address, port)}"', f"    service: {service}"]
        for key, value in (more[0] if more else {}).items():
            lines += [f"    {key}: {json.dumps(value)}"]
    return "\n".join(lines) + "\n"
