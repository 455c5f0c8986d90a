# SPDX-License-Identifier: BSD-2-Clause
"""The place where benchmarks run: for every server a pair of network namespaces
of its own, joined by a veth, on one CPU unless it says otherwise. All of it has
unique names and goes with the world.

    server namespace   10.99.0.1 ── veth ── 10.99.0.2   client namespace
                      (fd99::1             fd99::2)
    routes to the load generator's addresses (10.100.0.0/14, fd9a::/64) and to a
    flood's (10.104.0.0/14) lead over the veth."""

import json
import os
import re
import resource
import subprocess
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
SERVER6, CLIENT6 = "fd99::1", "fd99::2"


class Failure(Exception):
    pass


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          **options)
    if done.returncode:
        raise Failure("%s: %s" % (" ".join(command), (done.stderr or done.stdout).strip()[-500:]))
    return done.stdout


class Link:
    """Two namespaces and the veth between them, with `queues` each way; IPv6 only
    where it is wanted, since its own chatter disturbs."""

    def __init__(self, world, name, cpus, queues=1, v6=False):
        self.world, self.name, self.cpus, self.processes = world, name, cpus, []
        self.v6, self.runs = v6, 0
        number = str(world.links_made)
        world.links_made += 1
        self.server, self.client = world.name + "s" + number, world.name + "c" + number
        for ns in (self.server, self.client):
            run("ip", "netns", "add", ns)
            world.namespaces.append(ns)
        rings = ["numtxqueues", str(queues), "numrxqueues", str(queues)]
        run("ip", "link", "add", "s0", *rings, "netns", self.server, "type", "veth",
            "peer", "name", "c0", *rings, "netns", self.client)
        self.set_up_end(self.server, "s0", SERVER, SERVER6 if v6 else None)
        self.set_up_end(self.client, "c0", CLIENT, CLIENT6 if v6 else None)
        for prefix in ("10.100.0.0/14", "10.104.0.0/14"):
            run("ip", "-n", self.server, "route", "add", prefix, "via", CLIENT)
        if v6:
            run("ip", "-n", self.server, "route", "add", "fd9a::/64", "via", CLIENT6)
        self.inside(self.server, "sysctl", "-qw", "net.core.somaxconn=65535",
                    "net.ipv4.tcp_max_syn_backlog=65535")

    def set_up_end(self, ns, dev, v4, v6):
        for key in ("all", "default"):
            self.inside(ns, "sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=%d" % (key, not v6))
        run("ip", "-n", ns, "addr", "add", v4 + "/24", "dev", dev)
        if v6:
            run("ip", "-n", ns, "addr", "add", v6 + "/64", "dev", dev, "nodad")
        for link in ("lo", dev):
            run("ip", "-n", ns, "link", "set", link, "up")

    @staticmethod
    def inside(ns, *command, **options):
        return run("nsenter", "--net=/run/netns/" + ns, "--", *command, **options)

    @staticmethod
    def attach(ns, dev, program, section="xdp"):
        run("ip", "-n", ns, "link", "set", dev, "xdp", "obj",
            "%s/bench/%s.bpf.o" % (BUILD, program), "sec", section)

    def start(self, command, ready):
        """A server in the server's namespace, pinned, until `ready` is in its output."""
        process = self.world.start(["nsenter", "--net=/run/netns/" + self.server, "--"] + command,
                                   ready, self.name, self.cpus)
        self.processes.append(process)
        return process

    def client_command(self, program, arguments):
        command = ["taskset", "-c", self.cpus, "%s/%s" % (BUILD, program)]
        if program == "xload":
            # From other addresses each time: servers, and conntrack, remember tuples.
            self.runs += 1
            source = "fd9a::%x:0" % self.runs if self.v6 else "10.101.%d.0" % (self.runs % 256)
            command += ["--json", "--replace", "--interface", "c0", "--source", source]
        return command + [str(a) for a in arguments]

    def load(self, program, *arguments):
        """Runs xload or a client beside it; its JSON."""
        out = self.inside(self.client, *self.client_command(program, arguments), timeout=300)
        return json.loads(out)

    def send(self, *arguments):
        """Sends from the server's end without any server; its JSON."""
        return json.loads(self.inside(self.server, "taskset", "-c", self.cpus,
                                      BUILD + "/bench/transmit", "--interface", "s0",
                                      *[str(a) for a in arguments], timeout=300))

    def close(self):
        self.world.end(self.processes)
        for ns in (self.server, self.client):
            subprocess.run(["ip", "netns", "delete", ns], stderr=subprocess.DEVNULL)
            self.world.namespaces.remove(ns)


class World:
    """`make_link(world, name)` makes a link with its server on it (servers.py)."""

    def __init__(self, cpu, make_link):
        self.cpu, self.make_link, self.links_made = str(cpu), make_link, 0
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
        self.end(list(self.processes))
        for ns in self.namespaces:
            subprocess.run(["ip", "netns", "delete", ns], stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", self.tmp, "/sys/fs/bpf/" + self.name])

    def start(self, command, ready, name, cpus=None):
        log = "%s/%s.%d.log" % (self.tmp, name, len(os.listdir(self.tmp)))
        with open(log, "w") as f:
            p = subprocess.Popen(["taskset", "-c", cpus or self.cpu] + command, stdout=f, stderr=f)
        self.processes.append(p)
        for _ in range(400):
            with open(log) as f:
                text = f.read()
            if p.poll() is not None:
                break
            if re.search(ready, text, re.M):
                return p
            time.sleep(0.05)
        raise Failure("%s did not start: %s" % (name, text.strip()[-300:]))

    def end(self, processes):
        for p in reversed(processes):
            p.terminate()
        for p in processes:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
            self.processes.remove(p)

    def link(self, name):
        """The link of a server, with the server on it; made when first asked for."""
        if name not in self.links:
            self.links[name] = self.make_link(self, name)
        return self.links[name]

    def close_all_but(self, names):
        """Servers that are not needed any more would only disturb: some spin."""
        for name in set(self.links) - set(names):
            self.links.pop(name).close()
