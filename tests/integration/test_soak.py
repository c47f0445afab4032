"""Clients of every kind at random, with faults at random, for SOAK_SECONDS (20); afterwards nothing has grown (I1 to I3).

SEED chooses what is drawn. Client and fault are drawn by each of some threads; a backend of the gateway is killed and stopped
meanwhile. The time is divided into phases: at the end of each all clients leave, and what the daemons hold is measured. Their logs are in the directory of the test.
"""

import os
import random
import re
import signal
import socket
import ssl
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import fault_scenarios as scenarios
from harness.daemon import Daemon, wait_until
from harness.faults import Refused
from harness.raw import Closed, vanish

SECONDS = int(os.environ.get("SOAK_SECONDS", 20))
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
PHASES = 4
CLIENTS = 6
PATIENT = 60  # seconds: on a busy machine all clients of the soak are slow
MAX_THREADS = 64 + 16  # those for work on the disk, and the others
# A small quarantine, so that the memory of a program with AddressSanitizer can be compared; its search for leaks at the end needs
# rights that a confined daemon has given up.
ENVIRONMENT = {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:detect_leaks=0"}


# ---- Clients; each gets a service and a source of random numbers

def names_are_complete(service, draw):
    scenarios.listing(service, draw.choice(["LIST", "NLST", "MLSD"]))


def download(service, draw):
    with scenarios.session(service, tls=draw.random() < 0.4) as client:
        for _ in range(draw.randrange(1, 4)):
            name = draw.choice([scenarios.SMALL, scenarios.LARGE])
            content = scenarios.download(client, f"RETR {name}", active=draw.random() < 0.3)
            assert content == service.content[name], f"{name} is wrong"


def upload(service, draw):
    name, content = f"new-{draw.randrange(1 << 60)}", draw.randbytes(draw.choice([0, 500, 300_000]))
    with scenarios.session(service, tls=draw.random() < 0.4) as client:
        try:
            scenarios.upload(client, f"STOR {name}", content, active=draw.random() < 0.3)
            assert any((root / name).exists() and (root / name).read_bytes() == content for root in service.roots), "226 without the file"
        finally:
            remove(service, name)


def commands(service, draw):
    with scenarios.session(service) as client:
        for line in draw.sample(["PWD", "FEAT", "NOOP", "SIZE small.bin", "MLST small.bin", "STAT", "STAT many", "HELP"], 5):
            scenarios.ask(client, line, 200, 211, 212, 213, 214, 250, 257)
        client.send(b"NOOP\r\n" * 50)
        for _ in range(50):
            if (reply := client.reply()).code != 200:
                raise Refused(reply)


def status(service, _draw):
    scenarios.administer(service, command="status")


def reload(service, _draw):
    try:
        scenarios.administer(service, command="reload")
    except Refused as e:
        assert "another reload is in progress" in str(e)


# ---- Faults

def greeted(client):
    if (greeting := client.reply()).code != 220:
        raise Refused(greeting)


@contextmanager
def logged_in(service):
    """A client that leaves as it likes."""
    with service.client() as client:
        greeted(client)
        scenarios.ask(client, f"USER {scenarios.USER}", 331)
        scenarios.ask(client, f"PASS {scenarios.PASSWORD}", 230)
        yield client


def remove(service, name):
    for root in service.roots:
        (root / name).unlink(missing_ok=True)


def leave_in_transfer(service, draw):
    """By FIN or RST of the control connection, of the data connection, or of both; an upload then leaves no file."""
    uploads = draw.random() < 0.5
    name = f"cut-{draw.randrange(1 << 60)}"
    with logged_in(service) as client:
        data = scenarios.passive(client)
        client.send(f"{'STOR ' + name if uploads else 'RETR large.bin'}\r\n".encode())
        data.sendall(b"x" * 70_000) if uploads else data.recv(draw.randrange(1, 70_000))
        for connection in draw.sample([data, client.socket], draw.choice([1, 2])):
            vanish(connection) if draw.random() < 0.7 else connection.close()
        if data.fileno() >= 0:
            vanish(data)
    remove(service, name)  # it is complete if the control connection was closed after the data connection, in good order


def stall(service, draw):
    """A client that reads nothing for a while, then all, or leaves."""
    with logged_in(service) as client:
        with scenarios.passive(client) as data:
            scenarios.ask(client, draw.choice(["RETR large.bin", "LIST many"]), 150)
            time.sleep(draw.random() * 2)
            if draw.random() < 0.5:
                return
            while data.recv(65536):
                pass
        scenarios.finished(client)


def abort(service, draw):
    with logged_in(service) as client:
        with scenarios.passive(client) as data:
            scenarios.ask(client, "RETR large.bin", 150)
            data.recv(draw.randrange(1, 5000))
            client.send(b"ABOR\r\n")
            assert client.reply().code in (226, 426)
            scenarios.finished(client)
        scenarios.ask(client, "PWD", 257)


def half_a_handshake(service, draw):
    with service.client() as client:
        greeted(client)
        scenarios.ask(client, "AUTH TLS", 234)
        hello = ssl.MemoryBIO()
        tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        client.send(hello.read()[: draw.randrange(1, 500)])
        if draw.random() < 0.5:
            client.reset()


def noise(service, draw):
    with logged_in(service) as client:
        for _ in range(draw.randrange(1, 20)):
            client.send(draw.randbytes(draw.randrange(1, 3000)) + b"\r\n")


def port_without_connection(service, draw):
    with logged_in(service) as client:
        for _ in range(draw.randrange(1, 5)):
            scenarios.ask(client, "EPSV", 229)
        if draw.random() < 0.5:
            client.reset()


def connect_and_leave(service, draw):
    with service.client() as client:
        if draw.random() < 0.5:
            client.reset()


REGULAR = (names_are_complete, download, upload, commands, status, reload)
FAULTS = (leave_in_transfer, stall, abort, half_a_handshake, noise, port_without_connection, connect_and_leave)
# A regular client of the server is always served; all others may be disconnected or refused.
DISTURBED = (Refused, Closed, ConnectionError, ssl.SSLError)


# ---- The soak

class Service(scenarios.Service):
    """Without a bystander, and with the directories in which an upload may arrive."""

    def __init__(self, daemon, content, control, roots):
        self.roots = roots
        super().__init__(daemon, content, control, roots[0])

    def renew(self):
        pass

    def held(self):
        """(what, amount) of all that must not grow."""
        wait_until(lambda: not scenarios.administer(self, command="status")["sessions"], PATIENT, "the end of all sessions")
        descriptors = self.daemon.settled_fds()
        text = Path(f"/proc/{self.daemon.pid}/status").read_text()
        memory, threads = (int(re.search(rf"^{key}:\s*(\d+)", text, re.MULTILINE)[1]) for key in ("VmRSS", "Threads"))
        left = [str(path) for root in self.roots for path in root.iterdir() if path.name not in {*self.content, "many"}]
        return {"descriptors": descriptors, "KiB": memory, "threads": threads, "files": left}


class Soak:
    def __init__(self, services):
        self.services = services
        self.failures, self.counts = [], {}

    def client(self, number, until):
        draw = random.Random(f"{SEED}-{number}-{until}")
        while time.monotonic() < until and not self.failures:
            kind = draw.choice(draw.choice([REGULAR, FAULTS]))
            which = draw.choice(sorted(self.services))
            try:
                kind(self.services[which], draw)
            except DISTURBED as e:
                if kind in REGULAR and which == "serve":
                    self.fail(which, kind, e)
            except Exception as e:  # of any kind: the test fails with all of them
                self.fail(which, kind, e)
            self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1

    def fail(self, which, kind, exception):
        steps = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(exception.__traceback__)]
        self.failures.append(f"{time.strftime('%X')} {which}: {kind.__name__}: {exception!r} in {' '.join(steps)}")

    def phase(self, seconds, disturb):
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.client, args=(i, until)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while time.monotonic() < until and not self.failures:
            disturb()
        for thread in threads:
            thread.join(2 * PATIENT)
            assert not thread.is_alive(), "a client waits for ever"
        assert not self.failures, f"{self.failures}\nSEED={SEED}"
        return {name: service.held() for name, service in self.services.items()}


def launch(start, *arguments):
    daemon = Daemon([start.sallyport, *map(str, arguments)], env=ENVIRONMENT)
    start.started.append(daemon)
    return daemon.wait_ready(PATIENT)


@pytest.fixture
def daemons(start, tmp_path, certificate):
    tls = ["--tls-cert", certificate.cert, "--tls-key", certificate.key, "--log-level", "debug"]
    roots, servers, content = [], [], {}
    for name, ports in (("one", "40000-40199"), ("other", "42000-42199")):
        roots.append(tmp_path / name)
        roots[-1].mkdir()
        content = scenarios.files(roots[-1])
        servers.append(launch(start, "serve", roots[-1], "--listen", f"127.0.0.1:{0 if name == 'one' else free_port()}", *tls, "--passive-ports", ports,
                             "--user", f"{scenarios.USER}:{scenarios.PASSWORD}", "--control-socket", tmp_path / f"{name}.sock", "--log", tmp_path / f"{name}.log",
                             "--threads", 2))
    gateway = launch(start, "gate", "--listen", "127.0.0.1:0", *tls, *[word for each in servers for word in ("--backend", f"ftp://127.0.0.1:{each.port}")],
                    "--passive-ports", "41000-41199", "--control-socket", tmp_path / "gate.sock", "--log", tmp_path / "gate.log",
                    "--health-check-interval", 1, "--threads", 2)
    return {"serve": Service(servers[0], content, tmp_path / "one.sock", roots),
            "gate": Service(gateway, content, tmp_path / "gate.sock", roots)}, servers[1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.alone
@pytest.mark.limit(10 * SECONDS + 10 * PATIENT)
def test_nothing_grows(start, daemons, monkeypatch):
    """RX-01 to RX-05, I1 to I3: all clients are served or refused in order, and afterwards descriptors, threads and memory are as before."""
    monkeypatch.setattr(scenarios, "PATIENCE", PATIENT)
    services, unstable = daemons
    draw = random.Random(SEED)

    def disturb():
        """The second backend is killed and started again, or does not respond for a moment."""
        nonlocal unstable
        time.sleep(min(1.0, SECONDS / 20))
        if draw.random() < 0.3:
            unstable.process.kill()
            unstable.process.wait(PATIENT)
            unstable = launch(start, *unstable.argv[1:])
        elif draw.random() < 0.3:
            unstable.process.send_signal(signal.SIGSTOP)
            time.sleep(draw.random())
            unstable.process.send_signal(signal.SIGCONT)

    soak = Soak(services)
    measures = [soak.phase(SECONDS / PHASES, disturb) for _ in range(PHASES)]
    memory = {name: [each[name]["KiB"] for each in measures] for name in services}
    print(f"SEED={SEED}", dict(sorted(soak.counts.items())), "KiB:", memory)
    for name, service in services.items():
        first, last = measures[1][name], measures[-1][name]
        assert service.daemon.alive()
        assert last["descriptors"] == first["descriptors"], f"{name}: SEED={SEED}"
        assert last["threads"] <= MAX_THREADS and last["KiB"] < 1.1 * first["KiB"] + 8192, f"{name}: {last['threads']} threads, KiB: {memory[name]} SEED={SEED}"
        assert not last["files"], f"uploads that did not end have left {last['files']} SEED={SEED}"
        assert service.daemon.idle_share() < 0.1
