# SPDX-License-Identifier: BSD-2-Clause
"""The place where benchmarks run: for every server a pair of network namespaces
of its own, joined by a veth, all on one CPU; and the servers themselves. All of
it has unique names and goes with the world.

    server namespace   10.99.0.1 ── veth ── 10.99.0.2   client namespace
    routes to the load generator's addresses (10.100.0.0/14) and to a flood's
    (10.104.0.0/14) lead over the veth."""

import json
import os
import re
import resource
import subprocess
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
ECHO, DISCARD, CHARGEN, PROXY, NGINX, HAPROXY = 7, 9, 19, 80, 81, 82


class Failure(Exception):
    pass


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          **options)
    if done.returncode:
        raise Failure("%s: %s" % (" ".join(command), (done.stderr or done.stdout).strip()[-500:]))
    return done.stdout


def busy_seconds():
    """user, nice, system, irq and softirq time of the whole machine."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / os.sysconf("SC_CLK_TCK")


class Link:
    """Two namespaces and the veth between them."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        number = str(len(world.namespaces))
        self.server, self.client = world.name + "s" + number, world.name + "c" + number
        for ns in (self.server, self.client):
            run("ip", "netns", "add", ns)
            world.namespaces.append(ns)
        run("ip", "link", "add", "s0", "netns", self.server, "type", "veth",
            "peer", "name", "c0", "netns", self.client)
        for ns, dev, address in ((self.server, "s0", SERVER), (self.client, "c0", CLIENT)):
            for key in ("all", "default"):
                self.inside(ns, "sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=1" % key)
            run("ip", "-n", ns, "addr", "add", address + "/24", "dev", dev)
            for link in ("lo", dev):
                run("ip", "-n", ns, "link", "set", link, "up")
        for prefix in ("10.100.0.0/14", "10.104.0.0/14"):
            run("ip", "-n", self.server, "route", "add", prefix, "via", CLIENT)
        self.inside(self.server, "sysctl", "-qw", "net.core.somaxconn=65535",
                    "net.ipv4.tcp_max_syn_backlog=65535")

    @staticmethod
    def inside(ns, *command, **options):
        return run("nsenter", "--net=/run/netns/" + ns, "--", *command, **options)

    def attach(self, program):
        """An XDP program at the server's end."""
        run("ip", "-n", self.server, "link", "set", "s0", "xdp", "obj",
            "%s/bench/%s.bpf.o" % (BUILD, program), "sec", "xdp")

    def start(self, command, ready):
        """A server in the server's namespace, pinned, until `ready` is in its output."""
        return self.world.start(["nsenter", "--net=/run/netns/" + self.server, "--"] + command,
                                ready, self.name)

    def load(self, program, *arguments):
        """Runs xload or a client beside it; its JSON."""
        command = ["taskset", "-c", self.world.cpu, "%s/%s" % (BUILD, program)]
        if program == "xload":
            command += ["--json", "--interface", "c0"]
        out = self.inside(self.client, *command, *[str(a) for a in arguments], timeout=300)
        return json.loads(out)


class World:
    def __init__(self, cpu):
        self.cpu = str(cpu)
        self.name = "xtbn%d" % os.getpid()
        self.tmp = tempfile.mkdtemp(prefix=self.name + ".")
        self.namespaces, self.processes, self.links = [], [], {}

    def __enter__(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        if subprocess.run(["stat", "-f", "-c", "%T", "/sys/fs/bpf"], stdout=subprocess.PIPE,
                          text=True).stdout.strip() != "bpf_fs":
            run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        return self

    def __exit__(self, *_):
        for p in reversed(self.processes):
            p.terminate()
        for p in self.processes:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for ns in self.namespaces:
            subprocess.run(["ip", "netns", "delete", ns], stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", self.tmp, "/sys/fs/bpf/" + self.name])

    def start(self, command, ready, name):
        log = "%s/%s.%d.log" % (self.tmp, name, len(self.processes))
        with open(log, "w") as f:
            p = subprocess.Popen(["taskset", "-c", self.cpu] + command, stdout=f, stderr=f)
        self.processes.append(p)
        for _ in range(200):
            with open(log) as f:
                text = f.read()
            if p.poll() is not None:
                break
            if re.search(ready, text, re.M):
                return p
            time.sleep(0.05)
        raise Failure("%s did not start: %s" % (command[-1], text[-500:]))

    @staticmethod
    def settle(process):
        """For a server that does not say when it is ready."""
        time.sleep(0.5)
        if process.poll() is not None:
            raise Failure("%s ended at once" % process.args[-1])

    def link(self, name):
        """The link of a server, with the server on it; made when first asked for."""
        if name not in self.links:
            self.links[name] = Link(self, name)
            getattr(self, "serve_" + name.split("_")[0])(self.links[name], name)
        return self.links[name]

    # --- the servers ---------------------------------------------------------------

    def backend(self):
        path = self.tmp + "/backend"
        if not os.path.exists(path):
            self.start(["%s/bench/epoll_echo" % BUILD, "--unix", path], "ready", "backend")
        return path

    def serve_kernel(self, link, _):
        link.attach("xdp_pass")
        for port, option in ((ECHO, []), (DISCARD, ["--discard"]), (CHARGEN, ["--source"])):
            link.start(["%s/bench/epoll_echo" % BUILD, "--port", str(port)] + option, "ready")

    def serve_plain(self, link, _):
        """The kernel's server on a link without XDP."""
        link.start(["%s/bench/epoll_echo" % BUILD, "--port", str(CHARGEN), "--source"], "ready")

    def serve_limit(self, link, _):
        link.attach("xdp_echo")

    def serve_xtcp(self, link, name):
        """xtcp, or xtcp_OPTION_OPTION…, such as xtcp_spin-us=0."""
        options = ["--" + o for o in name.split("_")[1:]]
        control = "%s/%s.sock" % (self.tmp, name)
        link.control = control
        link.xtcpd = link.start(
            ["%s/xtcpd" % BUILD, "--interface", "s0",
             "--listen", "%s:%d=echo" % (SERVER, ECHO),
             "--listen", "%s:%d=discard" % (SERVER, DISCARD),
             "--listen", "%s:%d=chargen" % (SERVER, CHARGEN),
             "--listen", "%s:%d=proxy:unix:%s" % (SERVER, PROXY, self.backend()),
             "--control", control, "--bpffs", "/sys/fs/bpf/%s/%s" % (self.name, name),
             "--traces", "0", "--workers", "1", "--time-wait-ms", "1000"] + options, "^ready")
        time.sleep(1.5)  # it looks at the other end once a second

    def serve_nginx(self, link, _):
        link.attach("xdp_pass")
        conf = self.tmp + "/nginx.conf"
        with open(conf, "w") as f:
            f.write("""daemon off; master_process off; pid %s/nginx.pid; error_log stderr warn;
                    user root; worker_rlimit_nofile 65535;
                    events { worker_connections 32768; multi_accept on; }
                    stream { server { listen %d backlog=65535 reuseport;
                    tcp_nodelay on; proxy_pass unix:%s; } }
                    """ % (self.tmp, NGINX, self.backend()))
        for module in ("/usr/lib/nginx/modules/ngx_stream_module.so",):
            if os.path.exists(module):
                with open(conf) as f:
                    text = f.read()
                with open(conf, "w") as f:
                    f.write("load_module %s;\n" % module + text)
        self.settle(link.start(["/usr/sbin/nginx", "-p", self.tmp, "-c", conf], ""))

    def serve_haproxy(self, link, _):
        link.attach("xdp_pass")
        conf = self.tmp + "/haproxy.cfg"
        with open(conf, "w") as f:
            f.write("""global
    nbthread 1
    maxconn 8192
    tune.maxaccept 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen p
    bind :%d backlog 65535
    server s unix@%s
""" % (HAPROXY, self.backend()))
        self.settle(link.start(["/usr/sbin/haproxy", "-db", "-f", conf], ""))
