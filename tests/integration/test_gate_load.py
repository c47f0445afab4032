"""The gateway under load with real servers of several kinds in one pool, while the pool changes (G1, G7).

Every server's files tell whose they are, so that a data connection on a wrong backend can't pass as a right one.
"""

import contextlib
import hashlib
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import reference_servers
from harness.daemon import wait_for_log
from harness.raw import Closed, Raw

SESSIONS, TRANSFERS = 200, 5000
SIZES = (0, 1, 1000, 20_000, 200_000)
LOST = (421, 425, 426, 450, 451)  # what a client may hear whose server goes


def content(server, name):
    """The content of a server's file of that name; the name ends with its size."""
    size = int(name.rpartition("-")[2])
    seed = hashlib.sha256(f"{server} {name}".encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def fill(folder, server):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "this-is").write_text(server)
    for size in SIZES:
        (folder / f"file-{size}").write_bytes(content(server, f"file-{size}"))


class Ours:
    """One of our servers, which can stop and start again on the same port."""

    def __init__(self, start, folder):
        folder.mkdir()
        self.begin, self.files, self.port, self.daemon = start, folder, 0, None

    def start(self):
        self.daemon = self.begin("serve", self.files, "--listen", f"127.0.0.1:{self.port}", "--user", "writer:lab",
                                 "--log-level", "warning", "--no-login-penalties")
        self.port = self.daemon.port
        return self


@pytest.fixture
def pool(start, root, tmp_path):
    """Two of each: {name: server}; each has .port and .files."""
    servers = {}
    for number in "12":
        for kind in reference_servers.REFERENCE_SERVERS:
            servers[kind + number] = start.reference_server(kind)
        servers["ours" + number] = Ours(start, tmp_path / f"ours{number}").start()
    for name, server in servers.items():
        fill(server.files, name)
        if isinstance(server, reference_servers.ReferenceServer):
            server.give(server.files)
    return servers


class Configuration:
    """The configuration file of the gateway: backends and weights."""

    def __init__(self, path, pool, options):
        self.path, self.pool, self.options = path, pool, options
        self.weights = dict.fromkeys(pool, 1)
        self.write()

    def write(self, without=()):
        urls = [f'"ftp://127.0.0.1:{server.port}?weight={self.weights[name]}"' for name, server in self.pool.items() if name not in without]
        self.path.write_text(f"{self.options}backend = [{', '.join(urls)}]\n")


class Customer:
    """A client that uses a session for several transfers, or until it fails, then opens another, and checks every byte."""

    def __init__(self, gate, number, unsteady):
        self.gate, self.unsteady, self.random, self.number = gate, unsteady, random.Random(number), number
        self.raw, self.home = None, None
        self.done, self.asked, self.broken, self.stored, self.homes, self.stays = 0, 0, 0, [], set(), 0

    def connect(self):
        self.raw = Raw(self.gate.host, self.gate.port, timeout=20)
        self.raw.greet()
        if self.raw.command("USER writer").code == 331 and self.raw.command("PASS lab").code == 230:
            self.raw.expect("TYPE I", 200)
        else:  # vsftpd here has no other user, and his root may not be written
            self.raw.expect("USER anonymous", 331)
            self.raw.expect("PASS tester@", 230)
            self.raw.expect("TYPE I", 200)
            self.raw.expect("CWD /pub", 250)
        self.home = self.raw.retrieve("this-is").decode()
        self.asked += 1
        self.homes.add(self.home)
        self.stays = self.random.randint(5, 15)

    def transfer(self):
        if self.random.random() < 0.3:
            name = f"up-{self.number}-{self.done}-{self.random.choice(SIZES)}"
            reply = self.raw.store(name, content(self.home, name))
            if reply.code in LOST:
                raise Closed(str(reply))
            assert reply.code == 226, reply
            self.stored.append((self.home, name))
        else:
            name = f"file-{self.random.choice(SIZES)}"
            got = self.raw.retrieve(name)
            assert got == content(self.home, name), f"{name} of {self.home} came as {len(got)} bytes of something else"
        self.done += 1
        self.stays -= 1

    def run(self, left):
        """Transfers until `left` says that all are done."""
        while left():
            try:
                if self.raw is None:
                    self.connect()
                self.transfer()
                if self.stays == 0:
                    self.leave_politely()
            except (Closed, AssertionError, OSError) as why:
                # Only a session on a server that comes and goes may break, and only as a broken session does.
                lost = not isinstance(why, AssertionError) or any(f"answered {code}" in str(why) or str(why).startswith(str(code)) for code in LOST)
                if not lost or (self.home and self.home not in self.unsteady):
                    raise
                self.broken += 1
                self.leave()
        self.leave_politely()

    def leave_politely(self):
        if self.raw:
            with contextlib.suppress(Closed):
                self.raw.command("QUIT")
        self.leave()

    def leave(self):
        if self.raw:
            self.raw.close()
        self.raw = self.home = None


class Countdown:
    def __init__(self, number):
        self.number, self.lock = number, threading.Lock()

    def __call__(self):
        with self.lock:
            self.number -= 1
            return self.number >= 0


@pytest.mark.alone
@pytest.mark.limit(180)
def test_transfers_while_the_pool_changes(start, pool, tmp_path):
    """G1 G7 GW-08: 8 backends, 200 sessions from one address, 5,000 transfers; weights change, one server is taken out of the
    configuration and put back, another is killed and started again. Nothing reaches a wrong server, no byte is wrong, and
    the sessions on the others notice nothing."""
    coming, dying = "ours1", "ours2"
    records = tmp_path / "transfers"
    config = Configuration(tmp_path / "gate.toml", pool, f'listen = "127.0.0.1:0"\ntransfer-log = "{records}"\n' 'balance = "least-sessions"\nlog-level = "info"\n'
                           'max-sessions-per-address = 1000\nno-login-penalties = true\nhealth-check = "greeting"\nhealth-check-interval = 1\nrise = 1\nslow-start = "off"\n')
    gate = start("gate", "--config", config.path)
    left, chance, over = Countdown(TRANSFERS), random.Random(4711), threading.Event()

    def stir():
        """Until the end: new weights in each round, and a server that stops or starts."""
        turns = 0
        while not over.is_set():
            for name in pool:
                config.weights[name] = chance.randint(1, 8)
            config.write(without=[coming] if turns % 4 == 1 else [])
            gate.process.send_signal(signal.SIGHUP)
            if turns % 8 == 5:
                pool[dying].daemon.kill()
            if turns % 8 == 7:
                pool[dying].start()
            turns += 1
            over.wait(0.5)
        return turns

    customers = [Customer(gate, number, {dying}) for number in range(SESSIONS)]
    with ThreadPoolExecutor(SESSIONS + 1) as threads:
        stirring = threads.submit(stir)
        work = [threads.submit(customer.run, left) for customer in customers]
        try:
            for each in work:
                each.result()
        finally:
            left.number = 0
            over.set()
        turns = stirring.result()
    done = sum(customer.done + customer.asked for customer in customers)
    wait_for_log(gate.pid)
    complete = records.read_text().count(" result=complete ")
    broken = sum(customer.broken for customer in customers)
    assert done <= complete <= done + broken, "what the gateway counts as complete is what its clients have got"
    assert turns >= 8, "too few changes to show anything"
    assert set.union(*(customer.homes for customer in customers)) == set(pool), "some server had no session"
    assert broken < TRANSFERS / 20
    for customer in customers:
        for server, name in customer.stored:
            assert (pool[server].files / name).read_bytes() == content(server, name), f"{name} at {server}"
    assert gate.alive()
