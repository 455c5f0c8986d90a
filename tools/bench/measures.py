# SPDX-License-Identifier: BSD-2-Clause
"""What can be measured on a link. A side of a row is one of these: it has a label
and gives a Figure when asked."""

import glob
import json
import os
import re
import resource
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import world as w
from report import busy_time


class Figure:
    """`cost`: CPU seconds for a million of what was done, of the machine and of the
    CPUs measured on. `notes` say why the figure may be wrong, `remarks` what else
    there is to know."""

    def __init__(self, value, cost=None, notes=(), remarks=()):
        self.value, self.cost, self.notes, self.remarks = value, cost, list(notes), list(remarks)


def rate(j):
    return j["rate"]


def round_trip(j):
    return j["round_trip"]["p50"]


def segment_bits(j):
    return j["rate"] * 1448 * 8


def byte_bits(j):
    return j["rate"] * 8


def sent_bits(j):
    return j["rate"] * j["size"] * 8


def flood_cost(j):
    """CPU seconds of a million segments, of the one CPU that all of it runs on."""
    return j["cpu_ours"] / j["counters"]["flood_sent"] * 1e6


def request_cost(j):
    """CPU seconds of a million, of all CPUs that it runs on."""
    return j["cpu_ours"] / (j["rate"] * j["seconds"]) * 1e6


def unexpected(link, j):
    found = [k for k in list(j["counters"])[-9:] if j["counters"][k]]
    return "%s: unexpected: %s" % (link, ", ".join("%d %s" % (j["counters"][k], k) for k in found))


def cost_of(j):
    """Of a super-segment every 1448 bytes count."""
    done = j["rate"] * j["seconds"]
    if j["mode"] == "drain":
        done /= 1448
    elif j.get("size", 0) > 1448:
        done *= j["size"] / 1448
    if not done:
        return None
    return {"machine": j["cpu_machine"] / done * 1e6, "ours": j["cpu_ours"] / done * 1e6}


def run_time(pids):
    """Seconds on a CPU, of all threads."""
    total = 0
    for pid in pids:
        for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
            with open(path) as f:
                total += int(f.read().split()[0])
    return total / 1e9


def softirq_threads():
    pids = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path) as f:
                if f.read().startswith("ksoftirqd/"):
                    pids.append(int(path.split("/")[2]))
        except OSError:
            pass  # it has ended
    return pids


class Others:
    """Who else works on the CPUs of a measurement while the block runs. On one CPU that
    slows both sides alike; of several, a side may leave one to them, and what it does
    there would count as ours."""

    def __init__(self, world, cpus):
        self.cpus = cpus
        self.pids = [p.pid for p in world.processes] + softirq_threads()

    def now(self):
        """Time, and the seconds that were not ours: soft interrupts run in the name of
        our processes, or in threads of their own."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = run_time(self.pids) + children.ru_utime + children.ru_stime
        return time.monotonic(), sum(busy_time()[cpu] for cpu in self.cpus) - ours

    def __enter__(self):
        self.begin = self.now()
        return self

    def __exit__(self, *_):
        end = self.now()
        self.share = (end[1] - self.begin[1]) / (end[0] - self.begin[0])

    def notes(self, label):
        if len(self.cpus) == 1 or self.share < 0.1:
            return []
        return ["%s: others took %.1f CPUs" % (label, self.share)]


class Side:
    """All that is measured has one link, but where it says otherwise."""

    @property
    def links(self):
        return [self.link]


class Load(Side):
    """xload, or a client beside it, at the client's end for a while."""

    def __init__(self, label, link, program, arguments, figure=rate):
        self.label, self.link, self.program = label, link, program
        self.arguments, self.figure = arguments, figure

    def run(self, world, seconds):
        return world.link(self.link).load(self.program, *self.arguments, "--duration", seconds)

    def measure(self, world, seconds):
        cpus = {int(cpu) for name in self.links for cpu in world.link(name).cpus.split(",")}
        with Others(world, cpus) as others:
            j = self.run(world, seconds)
        notes = others.notes(self.label)
        if j["mode"] in ("echo", "connect", "drain") and j["active"] != j["connections"]:
            notes.append("%s: only %d of %d connections were active"
                         % (self.label, j["active"], j["connections"]))
        if j["unexpected"]:
            notes.append(unexpected(self.label, j))
        if "--rate" in self.arguments:
            wanted = self.arguments[self.arguments.index("--rate") + 1]
            sent = j["counters"]["flood_sent"] / j["seconds"]
            if sent < 0.9 * wanted:
                notes.append("%s: so busy that only about %d 000 segments/s of the flood were sent"
                             % (self.label, sent / 1000))
        return Figure(self.figure(j), cost_of(j), notes)


def together(results):
    """Of clients that ran at the same time, each on CPUs of its own."""
    j = dict(results[0])
    for key in ("rate", "connections", "active", "unexpected", "cpu_ours"):
        j[key] = sum(r[key] for r in results)
    j["counters"] = {k: sum(r["counters"][k] for r in results) for k in j["counters"]}
    return j


class Apart(Load):
    """The same load on several links at once, which share nothing but the machine."""

    def __init__(self, label, links, arguments, figure=rate):
        super().__init__(label, None, "xload", arguments, figure)
        self.each = [Load(label, link, "xload", arguments) for link in links]

    @property
    def links(self):
        return [load.link for load in self.each]

    def run(self, world, seconds):
        with ThreadPoolExecutor() as pool:
            return together(list(pool.map(lambda load: load.run(world, seconds), self.each)))


class Send(Side):
    """Frames from the server's end, without a server."""

    def __init__(self, label, link, arguments, figure=rate):
        self.label, self.link, self.arguments, self.figure = label, link, arguments, figure

    def measure(self, world, seconds):
        j = world.link(self.link).send(*self.arguments, "--duration", seconds)
        return Figure(self.figure(j), cost_of(j))


# --- connections at rest -----------------------------------------------------------


class AtRest:
    """xload holds `count` connections open, with nothing to say, while the block runs."""

    def __init__(self, link, target, count):
        self.link, self.count = link, count
        arguments = ["--target", target, "--mode", "idle", "-n", count, "--duration", 600,
                     "--opening", 60, "--batch", 2048]
        self.command = ["nsenter", "--net=/run/netns/" + link.client, "--",
                        *link.client_command("xload", arguments)]

    def __enter__(self):
        self.xload = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        line = self.xload.stderr.readline()
        opened = re.match(r"(\d+) of", line)
        if not opened:
            self.xload.kill()
            raise w.Failure("xload: " + line.strip())
        self.open = int(opened.group(1))
        return self

    def __exit__(self, *_):
        self.xload.send_signal(signal.SIGTERM)
        out, _ = self.xload.communicate(timeout=60)
        self.result = json.loads(out)

    def notes(self, label):
        notes = []
        if self.open != self.count:
            notes.append("%s: only %d of %d connections opened" % (label, self.open, self.count))
        if self.result["unexpected"]:
            notes.append(unexpected(label, self.result))
        return notes


def meminfo(key):
    with open("/proc/meminfo") as f:
        return int(re.search(r"^%s: *(\d+)" % key, f.read(), re.M).group(1)) << 10


def own_memory(process):
    """Bytes of a process that nobody shares, and the page tables to reach them all."""
    with open("/proc/%d/status" % process.pid) as f:
        text = f.read()
    return sum(int(n) for n in re.findall(r"^(?:RssAnon|VmPTE): *(\d+)", text, re.M)) << 10


def map_memory(process):
    """Bytes of the BPF maps that a process holds, by name, by the kernel's account."""
    ids, maps = set(), {}
    for path in glob.glob("/proc/%d/fdinfo/*" % process.pid):
        with open(path) as f:
            ids.update(int(n) for n in re.findall(r"^map_id:\s*(\d+)", f.read(), re.M))
    for m in json.loads(w.run("bpftool", "-j", "map", "show")) if ids else []:
        if m["id"] in ids:
            maps[m["name"]] = maps.get(m["name"], 0) + m["bytes_memlock"]
    return maps


class Memory(Side):
    """Bytes for each of `count` connections at rest: all maps and the daemon's own,
    which are there from the start; or what the kernel's slabs and the processes grew
    by when the connections came."""

    def __init__(self, label, link, target, count):
        self.label, self.link, self.target, self.count = label, link, target, count

    def measure(self, world, _seconds):
        link = world.link(self.link)
        slab = meminfo("Slab")
        before = sum(own_memory(p) for p in link.processes)
        rest = AtRest(link, self.target, self.count)
        with rest:
            time.sleep(1)
            parts = {}
            for p in link.processes:
                parts.update(map_memory(p))
            own = sum(own_memory(p) for p in link.processes)
            parts["process"] = own if parts else own - before
            parts["slab"] = max(0, meminfo("Slab") - slab)
        if not rest.open:
            raise w.Failure("no connection was opened")
        remark = "%s, %d connections, opened in %.1f s; bytes each: %s" % (
            self.label, rest.open, rest.result["opened_after"], ", ".join(
                "%s %d" % (name, size / rest.open) for name, size in parts.items()
                if size > rest.open // 2))
        return Figure(sum(parts.values()) / rest.open, None, rest.notes(self.label), [remark])


def softirq_time(cpu):
    with open("/proc/stat") as f:
        fields = re.search(r"^cpu%s (.*)" % cpu, f.read(), re.M).group(1).split()
    return int(fields[6]) / os.sysconf("SC_CLK_TCK")


class AtRestCpu(Side):
    """The share of a CPU that a server takes for `count` connections at rest."""

    def __init__(self, label, link, target, count):
        self.label, self.link, self.target, self.count = label, link, target, count

    def measure(self, world, seconds):
        link = world.link(self.link)
        pids = [p.pid for p in link.processes]
        rest = AtRest(link, self.target, self.count)
        with rest:
            time.sleep(2)
            begin, ran, soft = time.monotonic(), run_time(pids), softirq_time(world.cpu)
            time.sleep(5 * seconds)
            ran, soft = run_time(pids) - ran, softirq_time(world.cpu) - soft
            elapsed = time.monotonic() - begin
        remark = "%s: soft interrupts of the CPU %.2f %%" % (self.label, 100 * soft / elapsed)
        return Figure(100 * ran / elapsed, None, rest.notes(self.label), [remark])
