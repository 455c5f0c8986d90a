# SPDX-License-Identifier: BSD-2-Clause
"""The scenarios of tests/scenarios against a running xtcpd, over a veth, from a
raw socket: the same scripts that run against the core in virtual time, but for
those that say `virtual only`.

Most of a scenario is waiting, so a few run at a time; each has a listener and a
backend of its own. A run that was late with something (this machine may have
other things to do) and failed says little, and is tried again."""
import concurrent.futures
import itertools
import queue
import re
import subprocess

import pytest

from lab import BUILD, RAW, ROOT, SERVER, Lab

LIVE = BUILD / "tests/scenarios/live/live"
AT_A_TIME, TRIES, TRY_AGAIN = 6, 4, 75
MAC = "02:78:74:63:70:0a"
FIRST_PORT, FIRST_BACKEND = 7000, 9000  # every second port is a listener


def heads(path):
    """clause, level, run … of a script."""
    return dict(re.findall(r"^([a-z]+): *(.*?) *$", path.read_text(), re.MULTILINE))


def is_live(path):
    return heads(path).get("run") != "virtual only"


SCRIPTS = sorted(path for path in (ROOT / "tests/scenarios").glob("*.tcp") if is_live(path))


def configuration(settings):
    """`time_wait 1500ms, sack off` as keys of the daemon's configuration."""
    keys = {"receive_buffer_kib": 64, "send_buffer_kib": 64, "quick_ack": "false"}
    for name, value in (one.split() for one in settings.split(",") if one):
        if name == "time_wait":
            keys["time_wait_ms"] = int(value.removesuffix("ms"))
        else:
            assert name in ("sack", "timestamps"), f"no daemon has the setting {name}"
            keys[name] = {"on": "true", "off": "false"}[value]
    return keys


class Stage:
    """A daemon with these settings, and what scenarios need to talk to it."""

    def __init__(self, settings):
        self.lab = Lab().pair()
        # Segments shall arrive as they would on a wire.
        self.lab.server.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off")
        listeners = [(SERVER[family], FIRST_PORT + 2 * slot, "proxy",
                      {"backends": [f"127.0.0.1:{FIRST_BACKEND + slot}"]})
                     for slot in range(AT_A_TIME) for family in ("v4", "v6")]
        self.daemon = self.lab.daemon(*listeners, settings=configuration(settings))
        links = self.lab.server.run("ip", "-o", "link", "show", "dev", "eth0").stdout
        self.mac = links.split("link/ether ")[1].split()[0]
        self.ports = itertools.count(20000)
        self.slots = queue.SimpleQueue()
        for slot in range(AT_A_TIME):
            self.slots.put(slot)

    def run_once(self, path, family, slot):
        return subprocess.run(
            self.lab.client.enter(
                LIVE, path.relative_to(ROOT), "eth0", RAW[family], MAC, next(self.ports),
                SERVER[family], self.mac, FIRST_PORT + 2 * slot, self.lab.server.path,
                FIRST_BACKEND + slot, self.daemon.control),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, cwd=ROOT)

    def run(self, path, family):
        """Exit status, and what was said."""
        slot = self.slots.get()
        try:
            for _ in range(TRIES):
                done = self.run_once(path, family, slot)
                if done.returncode != TRY_AGAIN:
                    break
            return done.returncode, done.stdout
        finally:
            self.slots.put(slot)


@pytest.fixture(scope="module")
def results(request):
    """Of all scenarios that are to be run: (path, family) → its future."""
    wanted = [(item.callspec.params["path"], item.callspec.params["family"])
              for item in request.session.items if item.function is test_scenario]
    stages = {}
    futures = {}
    failed = True
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            for path, family in wanted:
                settings = heads(path).get("settings", "")
                if settings not in stages:
                    stages[settings] = Stage(settings)
                futures[path, family] = pool.submit(stages[settings].run, path, family)
            yield futures
            failed = False
        finally:
            pool.shutdown(cancel_futures=True)
            for stage in stages.values():
                stage.lab.close(failed)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scenario(path, family, results):
    status, said = results[path, family].result()
    assert status == 0, f"exit {status}\n{said}"
