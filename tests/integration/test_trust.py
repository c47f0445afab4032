"""docs/trust.md: what each process of a daemon may not do, tried from inside it (tests/faults/planted_requests.cpp)."""

import re
import subprocess

import pytest

import network
from give_away import may_give_away
from harness.daemon import Daemon, wait_until
from harness.faults import library
from network import Host, Scenario, Segment

ALONE = Scenario("trust", "one machine", "", (Segment("net"),), (Host("machine", {"net": "10.9.0.1/24"}),))
ATTEMPTS = {"read /etc/shadow", "write outside", "listen", "raw socket", "packet socket", "firewall", "trace", "program", "root"}
PORT = 4711  # in a network namespace of the test


@pytest.fixture
def machine(networks):
    if not may_give_away():
        pytest.skip("needs root")
    with network.Network(ALONE) as built:
        yield built


@pytest.fixture
def attempt(machine, sallyport, tmp_path_factory):
    """attempt(*words): what a daemon permitted its processes, by their names, once each has tried everything. The helper does when it
    receives a request, as it does at the start of a gateway with kernel forwarding."""
    preloaded = library("planted_requests") or pytest.skip("no tests/faults/libplanted_requests.so next to the program; make dev builds it")
    started = []
    other = subprocess.Popen(["sleep", "600"])

    def outcomes(kind, *words):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        elsewhere.parent.chmod(0o755)
        elsewhere.chmod(0o777)
        daemon = Daemon([sallyport, kind, "--listen", "127.0.0.1:2121", *words],
                        env={"LD_PRELOAD": preloaded, "PLANTED_FILE": str(elsewhere / "new"), "PLANTED_PORT": str(PORT),
                             "PLANTED_PROCESS": str(other.pid)},
                        wrap=lambda argv: machine.command("machine", *argv))
        started.append(daemon)
        daemon.wait_ready()
        machine.dial("machine")(("127.0.0.1", 2121), timeout=5).close()
        found = re.compile(r"planted in ([\w-]+): (.*): (.*)\n")
        processes = 2 if kind == "gate" else 1
        wait_until(lambda: len(found.findall(daemon.log())) == processes * len(ATTEMPTS), what="the outcomes")
        out = {}
        for process, what, outcome in found.findall(daemon.log()):
            out.setdefault("helper" if process == "helper" else "main", {})[what] = outcome
        assert all(set(tried) == ATTEMPTS for tried in out.values())
        return {process: {what for what, outcome in tried.items() if outcome == "permitted"} for process, tried in out.items()}

    yield outcomes
    for daemon in started:
        daemon.stop()
    other.kill()
    other.wait()


GATE = ("gate", "--data-path", "kernel", "--backend", "ftp://127.0.0.1:1")


def test_everything_is_refused(attempt):
    """But the kernel's packet filter to the helper, whose part that is."""
    assert attempt(*GATE) == {"main": set(), "helper": {"firewall"}}


def test_everything_is_refused_to_a_server(attempt, tmp_path):
    """It may write to its directory, and nowhere else."""
    shared = tmp_path / "shared"
    shared.mkdir()
    assert attempt("serve", shared, "--user", "a:b") == {"main": set()}


def test_without_a_sandbox_the_attempts_succeed(attempt):
    """So it is the sandbox that refuses them."""
    permitted = attempt(*GATE, "--sandbox", "off", "--unsafe-root")
    assert permitted == {"main": ATTEMPTS - {"root"}, "helper": ATTEMPTS - {"root"}}
