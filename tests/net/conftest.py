# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures. `lab` is an empty world, `pair` one with client and server joined by
a veth pair, `family` runs a test once over IPv4 and once over IPv6."""
import os

import pytest

import lab as laboratory


def pytest_sessionstart(session):
    if os.getuid() != 0:
        pytest.exit("tests/net needs root", returncode=1)
    laboratory.private_mounts()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed_in_call = outcome.get_result().failed


@pytest.fixture
def lab(request):
    world = laboratory.Lab()
    yield world
    world.close(getattr(request.node, "failed_in_call", True))


@pytest.fixture
def pair(lab):
    return lab.pair()


@pytest.fixture(params=["v4", "v6"])
def family(request):
    return request.param
