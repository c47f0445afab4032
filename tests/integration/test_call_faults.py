"""RX-03: a system call that fails ends one session at most: each call of each scenario, with the errors of its manual page, at
its first, a middle and its last occurrence.

CI takes as many as fit into a few seconds for each scenario, drawn at random; SOAK=1 (make soak) takes all. SEED chooses what is
drawn.
"""

import errno
import os
import random
import ssl
import subprocess
import time

import pytest

from harness import fault_scenarios as scenarios
from harness.call_faults import ERRORS, CallFaults
from harness.daemon import READY, wait_until
from harness.faults import Refused, library
from harness.raw import Closed

pytestmark = pytest.mark.limit(1800)

SECONDS = float("inf") if os.environ.get("SOAK") else float(os.environ.get("CALL_FAULTS_SECONDS", 1))
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
TIMEOUTS = ["--data-timeout", 2, "--stall-timeout", 3, "--login-timeout", 4]


@pytest.fixture(scope="module")
def preloaded():
    return library("fail_calls") or pytest.skip("no tests/faults/libfail_calls.so next to the program; make dev builds it")


class Subject:
    """The daemon whose calls fail, and a new one if it is broken."""

    def __init__(self, kind, start, preloaded, folder, certificate):
        self.kind, self.start = kind, start
        self.faults = CallFaults(preloaded, folder)
        self.root, self.control = folder / "root", folder / "control"
        self.root.mkdir()
        self.content = scenarios.files(self.root)
        accounts = ["--user", f"{scenarios.USER}:{scenarios.PASSWORD}",
                    "--user", f"{scenarios.HASHED_USER}:{scenarios.cheap_hash(scenarios.PASSWORD)}"]
        self.options = ["--listen", "127.0.0.1:0", "--threads", 1, "--control-socket", self.control, "--no-login-penalties",
                        "--tls-cert", certificate.cert, "--tls-key", certificate.key, *TIMEOUTS, *scenarios.OPTIONS]
        if kind == "gate":
            backend = start("serve", self.root, "--listen", "127.0.0.1:0", "--no-login-penalties", *accounts)
            self.options += ["--backend", f"ftp://127.0.0.1:{backend.port}", "--health-check", "off"]
        else:
            self.options = [self.root, *accounts, *self.options]
        self.daemon = None
        self.renew()

    def renew(self):
        if self.daemon:
            self.daemon.kill()
        self.daemon = self.start(self.kind, *self.options, env=self.faults.environment)
        self.service = scenarios.Service(self.daemon, self.content, self.control, self.root)
        self.service.check()
        self.take_stock()

    def take_stock(self):
        """From now on, the number of open descriptors must not grow."""
        self.before = self.daemon.settled_fds()

    def attempt(self, scenario, name, nth, error):
        """Why it is broken; nothing if it is not."""
        try:
            with self.faults.fault(name, nth, error):
                try:
                    scenario(self.service)
                except (Refused, Closed, ConnectionError, ssl.SSLError):
                    pass
            self.service.check()
            wait_until(lambda: len(self.daemon.fds()) <= len(self.before), 5, "the end of what the session had open")
        except Exception as broken:  # noqa: BLE001: whatever it was, the test says where
            left = set(self.daemon.fds()) - set(self.before) if self.daemon.alive() else f"exit code {self.daemon.process.returncode}"
            self.repair()
            return f"{broken!r}; {left}"

    def repair(self):
        for path in self.root.iterdir():
            if path.is_dir() and path.name != "many":
                path.rmdir()
            elif path.is_file() and path.name not in self.content:
                path.unlink()
        self.renew()


def points_of(counts):
    """(name, occurrence, error) for each fault to be tried."""
    for name, count in sorted(counts.items()):
        for nth in sorted({1, (count + 1) // 2, count}):
            for error in ERRORS.get(name, []):
                yield name, nth, error


def drawn(points):
    """All of them, in the order of a draw, until the time is over."""
    points = list(points)
    random.Random(SEED).shuffle(points)
    end = time.monotonic() + SECONDS
    for point in points:
        if time.monotonic() > end:
            return
        yield point


def text(name, nth, count, error):
    return f"{name}, call {nth} of {count}, {errno.errorcode[error]}"


@pytest.fixture(scope="module", params=["serve", "gate"])
def subject(request, start_for_module, preloaded, tmp_path_factory, certificate):
    return Subject(request.param, start_for_module, preloaded, tmp_path_factory.mktemp("subject"), certificate)


@pytest.mark.parametrize("scenario", scenarios.SERVER, ids=lambda scenario: scenario.__name__)
def test_failed_call_ends_one_session_at_most(subject, scenario):
    if subject.kind == "gate" and scenario not in scenarios.GATEWAY:
        pytest.skip("the gateway forwards it")
    for _ in range(2):  # the first one fills caches
        with subject.faults.counting() as counts:
            scenario(subject.service)
    subject.take_stock()  # with what a first use opens for good, and what a reload has changed
    assert counts, "nothing is counted: is the library loaded?"
    broken, tried, happened = [], 0, 0
    for name, nth, error in drawn(points_of(counts)):
        why = subject.attempt(scenario, name, nth, error)
        if why:
            broken.append(f"{text(name, nth, counts[name], error)}: {why}")
        tried += 1
        happened += subject.faults.happened
    print(f"{scenario.__name__}: {happened} of {tried} faults happened (SEED={SEED})")
    assert not broken, f"SEED={SEED}\n" + "\n".join(broken)
    assert happened > tried / 2 or tried < 10, "a scenario makes nearly the same calls each time"


def test_start_succeeds_or_reports_why_it_cannot(subject, sallyport):
    """With a failed call during the start."""

    def run():
        """The exit code, or None if it has become ready; and its output."""
        process = subprocess.Popen([sallyport, subject.kind, *map(str, subject.options)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={**os.environ, **subject.faults.environment})
        output = b""
        os.set_blocking(process.stdout.fileno(), False)
        end = time.monotonic() + 10
        while process.poll() is None and not READY.search(output.decode()) and time.monotonic() < end:
            output += process.stdout.read() or b""
            time.sleep(0.005)
        code = process.poll()
        process.kill()
        process.wait()
        return code, output.decode() + (process.stdout.read() or b"").decode()

    subject.daemon.stop()
    with subject.faults.counting() as counts:
        code, output = run()
    assert code is None and READY.search(output), output
    broken = []
    for name, nth, error in drawn(points_of(counts)):
        if name.startswith("write"):
            continue  # it is the output that fails here
        with subject.faults.fault(name, nth, error):
            code, output = run()
        ready = code is None and READY.search(output)
        if not ready and not (code in (1, 2) and output.strip()):
            broken.append(f"{text(name, nth, counts[name], error)}: exit code {code}, output {output!r}")
    subject.renew()
    assert not broken, f"SEED={SEED}\n" + "\n".join(broken)
