"""Transfers over poor paths: the content is right, or the failure is reported within the time limits."""

import contextlib
import os
import re
import threading
import time

import pytest

import network
from harness import programs
from harness.daemon import Daemon, wait_until
from harness.raw import Closed, Raw, drain
from scenarios import SCENARIOS

pytestmark = pytest.mark.limit(120)

CONTENT = os.urandom(1_500_000)
STALL_TIMEOUT, KEEPALIVE = 10, 10  # seconds, of the scenario
ADDRESS = "17.254.9.91"
TARGETS = {"serve": 21, "gate": 2121}
HOSTS = ("192.168.9.2", ADDRESS)


class PoorPath:
    """The scenario with its daemons."""

    def __init__(self, sallyport, folder):
        self.files = folder / "files"
        self.files.mkdir()
        self.network = network.Network(SCENARIOS["poor-path"]).up()
        self.daemons = {}
        for definition in self.network.scenario.daemons:
            argv = [sallyport, *(a.format(files=self.files) for a in definition.arguments.split())]
            self.daemons[argv[1]] = Daemon(argv, wrap=lambda a: self.network.command("server", *a)).wait_ready()

    def down(self):
        for daemon in self.daemons.values():
            daemon.stop()
        self.network.down()

    def rules(self, text):
        self.network.apply("router", text)

    def link(self, host, segment, *words):
        network.run(*self.network.command(host, "ip", "link", "set", "dev", segment, *words))

    def session(self, target):
        return Raw(ADDRESS, TARGETS[target], dial=self.network.dial("client"), timeout=40).login()

    def sessions(self, target):
        """Connections of clients that the daemon holds."""
        shown = network.run(*self.network.command("server", "ss", "-Htn", "state", "established", f"sport = :{TARGETS[target]} and dst {HOSTS[0]}"))
        return len(shown.splitlines())


@pytest.fixture(scope="module")
def built(networks, sallyport, tmp_path_factory):
    made = PoorPath(sallyport, tmp_path_factory.mktemp("poor_path"))
    yield made
    made.down()


@pytest.fixture
def path(built):
    (built.files / "down").write_bytes(CONTENT)
    (built.files / "up").unlink(missing_ok=True)
    yield built
    built.rules(network.clear())


@pytest.fixture
def delayed(path):
    with programs.support(path.network, "router", "tun_relay.py", 40, "near", "far"):
        yield path
    for interface in ("near", "far"):
        network.run(*path.network.command("router", "ip", "rule", "del", "iif", interface))


def transfer_both_ways(path, target):
    """Must succeed, with the right content."""
    with path.session(target) as raw:
        assert raw.retrieve("/down") == CONTENT
        assert raw.store("/up", CONTENT).code == 226
        raw.expect("QUIT", 221)
    assert (path.files / "up").read_bytes() == CONTENT


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("percent", [1, 5, 10])
def test_loss(path, target, percent):
    path.rules(network.lose(percent))
    transfer_both_ways(path, target)


@pytest.mark.parametrize("target", TARGETS)
def test_duplication(path, target):
    path.rules(network.duplicate(20, *HOSTS))
    transfer_both_ways(path, target)


@pytest.mark.parametrize("target", TARGETS)
def test_delay_and_reordering(delayed, target):
    transfer_both_ways(delayed, target)


@pytest.mark.parametrize("target", TARGETS)
def test_delay_reordering_loss_and_duplication(delayed, target):
    delayed.rules(network.duplicate(5, *HOSTS))
    delayed.rules(network.lose(2))
    transfer_both_ways(delayed, target)


@pytest.fixture
def mtu(path):
    """mtu(near, far): the largest packets that the router sends to these segments. All links are as wide as the wider of the two."""

    def set_both(near, far):
        for host, segment in (("client", "near"), ("router", "near"), ("router", "far"), ("server", "far")):
            path.link(host, segment, "mtu", max(near, far))
        wire = path.network.namespace("wire")
        for link in re.findall(r"^\d+: ([^:@]+)", network.run("ip", "-n", wire, "-o", "link"), re.MULTILINE):
            network.run("ip", "-n", wire, "link", "set", "dev", link, "mtu", str(max(near, far)))
        for segment, size, prefix in (("near", near, "192.168.9"), ("far", far, "17.254.9")):
            network.run(*path.network.command("router", "ip", "route", "replace", f"{prefix}.0/24", "dev", segment, "proto", "kernel",
                                              "scope", "link", "src", f"{prefix}.1", "mtu", size))
        # What they have learned otherwise lasts for minutes, and other tests would use small packets.
        for host in ("client", "server"):
            network.run(*path.network.command(host, "ip", "route", "flush", "cache"))

    yield set_both
    set_both(1500, 1500)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("near,far", [(576, 1500), (1500, 576), (1280, 9000), (9000, 9000)])
def test_path_mtu(path, mtu, target, near, far):
    mtu(near, far)
    transfer_both_ways(path, target)


@pytest.mark.parametrize("target", TARGETS)
def test_path_mtu_without_icmp(path, mtu, target):
    """Large packets vanish without a message: TCP finds the size by itself, or the download fails within --stall-timeout."""
    mtu(576, 1500)
    path.rules(network.no_icmp())
    begin = time.monotonic()
    with path.session(target) as raw:
        with raw.passive() as data:
            raw.expect("RETR /down", 150, 125)
            content = b""
            with contextlib.suppress(ConnectionResetError):
                content = drain(data)
        code = raw.reply().code
        assert content == CONTENT if code == 226 else code in (426, 451)
        raw.expect("NOOP", 200)
    assert time.monotonic() - begin < STALL_TIMEOUT + 8


@pytest.mark.parametrize("target", TARGETS)
def test_path_is_cut_for_five_seconds(path, target):
    """Shorter than the timeouts: the transfer continues."""
    with path.session(target) as raw:
        with raw.passive() as data:
            raw.expect("RETR /down", 150, 125)
            content = data.recv(1000)
            path.rules(network.cut())
            restored = threading.Timer(5, path.rules, (network.clear(),))
            restored.start()
            content += drain(data)
            restored.join()
        answers = []
        with contextlib.suppress(Closed, OSError):
            answers.append(raw.reply().code)
    assert content == CONTENT if answers == [226] else answers in ([], [426], [421], [451]), (answers, len(content))


@pytest.mark.parametrize("target", TARGETS)
def test_forgotten_control_connection(path, target):
    """A device drops the packets of the control connection while a transfer runs: its data arrive, and the session ends."""
    raw = path.session(target)
    with raw.passive() as data:
        raw.expect("RETR /down", 150, 125)
        path.rules(network.forget(TARGETS[target]))
        assert drain(data) == CONTENT
    wait_until(lambda: path.sessions(target) == 0, KEEPALIVE + 10, "the end of the session")
    raw.close()
    path.rules(network.clear())
    transfer_both_ways(path, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("transfer", [False, True])
def test_client_that_is_gone_without_a_packet(path, target, transfer):
    """Half-open: the host is off. The session ends within the keepalive time or --stall-timeout."""
    raw = path.session(target)
    if transfer:
        data = raw.passive()
        raw.expect("STOR /up", 150, 125)
        data.sendall(CONTENT[:1000])
    path.rules(network.cut())
    wait_until(lambda: path.sessions(target) == 0, KEEPALIVE + STALL_TIMEOUT + 6, "the end of the session")
    assert not (path.files / "up").exists()
    assert [name for name in os.listdir(path.files) if name != "down"] == [], "no part of the upload is left"
    path.rules(network.clear())
    raw.close()


@pytest.mark.parametrize("target", TARGETS)
def test_zero_window(path, target):
    """The receiver of a download stops reading: its window closes, and the transfer fails within --stall-timeout."""
    (path.files / "down").write_bytes(CONTENT * 20)
    with path.session(target) as raw:
        raw.passive()
        begin = time.monotonic()  # before the transfer: on a busy machine its 150 may be read late
        raw.expect("RETR /down", 150, 125)
        assert raw.reply().code == 426
        assert STALL_TIMEOUT - 1 <= time.monotonic() - begin <= 2 * STALL_TIMEOUT + 8
        raw.expect("NOOP", 200)
