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
    """attempt(*options): what a gateway permitted its processes, by their names, once each has tried everything."""
    preloaded = library("planted_requests") or pytest.skip("no tests/faults/libplanted_requests.so next to the program; make dev builds it")
    started = []
    other = subprocess.Popen(["sleep", "600"])

    def outcomes(*options):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        elsewhere.parent.chmod(0o755)
        elsewhere.chmod(0o777)
        gate = Daemon([sallyport, "gate", "--listen", "127.0.0.1:2121", "--data-path", "kernel", "--backend", "ftp://127.0.0.1:1", *options],
                      env={"LD_PRELOAD": preloaded, "PLANTED_FILE": str(elsewhere / "new"), "PLANTED_PORT": str(PORT),
                           "PLANTED_PROCESS": str(other.pid)},
                      wrap=lambda argv: machine.command("machine", *argv))
        started.append(gate)
        gate.wait_ready()
        machine.dial("machine")(("127.0.0.1", 2121), timeout=5).close()
        found = re.compile(r"planted in ([\w-]+): (.*): (.*)\n")
        wait_until(lambda: len(found.findall(gate.log())) == 2 * len(ATTEMPTS), what="the outcomes")
        out = {}
        for process, what, outcome in found.findall(gate.log()):
            out.setdefault("helper" if process == "helper" else "main", {})[what] = outcome
        assert all(set(tried) == ATTEMPTS for tried in out.values())
        return {process: {what for what, outcome in tried.items() if outcome == "permitted"} for process, tried in out.items()}

    yield outcomes
    for gate in started:
        gate.stop()
    other.kill()
    other.wait()


def test_everything_is_refused(attempt):
    """But the kernel's packet filter to the helper, whose part that is."""
    assert attempt() == {"main": set(), "helper": {"firewall"}}


def test_without_a_sandbox_the_attempts_succeed(attempt):
    """So it is the sandbox that refuses them."""
    permitted = attempt("--sandbox", "off", "--unsafe-root")
    assert permitted == {"main": ATTEMPTS - {"root"}, "helper": ATTEMPTS - {"root"}}
