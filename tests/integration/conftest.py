"""Tests of complete programs over real sockets, with ours and third-party ones: fixtures of all test files.

Every test has a time limit, so that none can hang the run, and every process and network it starts is gone after it.
"""

import os
import shutil
import signal
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "labs"), str(ROOT / "tests/support")]

import network  # noqa: E402
from harness import certificates, programs, trees  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.patience import patient  # noqa: E402
from harness.reference_servers import REFERENCE_SERVERS  # noqa: E402

TIME_LIMIT = 60  # seconds, set-up and tear-down apart; @pytest.mark.limit(SECONDS) gives another


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): another time limit than the usual one")
    config.addinivalue_line("markers", "alone: loads the whole machine, or measures it; tools/integration runs it after the others, alone")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # by way of the fixtures' ends: nothing is left behind
    config.may_build_networks = network.become_able()  # first of all: it may move this process to a network of its own
    if config.may_build_networks:
        network.be_alone()  # so that processes that run tests side by side (pytest -n) share no ports, and none with the system
    config.own_folder = None
    if not hasattr(config, "workerinput") and not config.option.basetemp:
        # Each start of pytest closes its usual folder to other users: that of another run would end logins at ProFTPD here.
        config.option.basetemp = config.own_folder = tempfile.mkdtemp(prefix="sallyport-")


def pytest_sessionfinish(session):
    """What failed tests wrote is kept."""
    if session.testsfailed:
        session.config.own_folder = None


def pytest_unconfigure(config):
    if config.own_folder and config.own_folder not in Path("/proc/self/mounts").read_text():
        shutil.rmtree(config.own_folder, ignore_errors=True)


class TimeLimit(Exception):
    pass


def limited(seconds):
    seconds = patient(seconds)

    def expire(_signal, _frame):
        raise TimeLimit(f"not done within {seconds} s")

    old = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from limited(TIME_LIMIT)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("limit")
    yield from limited(marker.args[0] if marker else TIME_LIMIT)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what our daemons said last."""
    report = (yield).get_result()
    if report.failed and call.when == "call":
        for daemon in Daemon.RUNNING:
            report.sections.append((f"end of the log of {' '.join(daemon.argv[:2])} ({daemon.pid})", daemon.log()[-4000:]))


def cannot(why):
    """A test that lacks what it needs is skipped, except in CI, where all tests must run."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch):
    """What our client learns of servers in one test is not known in another one, whose servers may have the same addresses. Nor are the
    default options of the user who runs the tests, or a proxy of the environment."""
    for name in ("ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / f"state-{uuid.uuid4()}"))


@pytest.fixture(scope="session")
def sallyport():
    if os.environ.get("HARNESS_ONLY"):
        return None  # the tests that need no binary of ours prove the harness
    return programs.sallyport() or cannot("no sallyport binary; make dev builds it, SALLYPORT names another")


@pytest.fixture(scope="session")
def networks(pytestconfig):
    """Leave to build networks."""
    if not pytestconfig.may_build_networks:
        cannot("networks need root, or a system that allows unprivileged user namespaces")


@pytest.fixture(scope="session")
def root():
    if os.geteuid() != 0 or Path("/proc/self/uid_map").read_text().split()[2] == "1":
        cannot("needs root: the reference servers change their user")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """For every address the tests use; signed by itself, so it is its own authority."""
    return certificates.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A tree as people have them. Read only: it is shared by all tests."""
    return trees.make(tmp_path_factory.mktemp("sample") / "tree")


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory):
    """The same kinds of file, fewer and smaller, where many routes are tried."""
    return trees.make(tmp_path_factory.mktemp("small") / "tree", large=700001, small=3)


@pytest.fixture
def folder(tmp_path):
    """A directory to share, with one file."""
    made = tmp_path / "shared"
    made.mkdir()
    (made / "old.txt").write_text("the old content")
    return made


class Starter:
    """Starts daemons and reference servers, and ends them all."""

    def __init__(self, sallyport, folder, certificate):
        self.sallyport, self.folder, self.certificate = sallyport, folder, certificate
        self.started = []

    def __call__(self, *arguments, **options):
        """start("serve", folder, "--listen", ...): one of ours, once it accepts connections."""
        daemon = Daemon([self.sallyport, *map(str, arguments)], **options)
        self.started.append(daemon)
        return daemon.wait_ready()

    def reference_server(self, name, **options):
        if not programs.reference_server(name):
            cannot(f"{name} is not in build/reference-servers; tools/reference-servers fetches it")
        server = REFERENCE_SERVERS[name](self.folder / f"{name}-{len(self.started)}", self.certificate, **options)
        self.started.append(server)
        return server.start()

    def stop(self):
        for daemon in reversed(self.started):
            daemon.stop()


@pytest.fixture
def start(sallyport, tmp_path, certificate):
    starter = Starter(sallyport, tmp_path, certificate)
    yield starter
    starter.stop()


@pytest.fixture(scope="module")
def start_for_module(sallyport, tmp_path_factory, certificate):
    starter = Starter(sallyport, tmp_path_factory.mktemp("daemons"), certificate)
    yield starter
    starter.stop()
