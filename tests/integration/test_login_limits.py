"""Clients that guess passwords, or connect and do not log in, do not take the service from the others (AU-02, AU-03, RX-01)."""

import re
import selectors
import socket
import statistics
import subprocess
import threading
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Closed, Raw

HOST = "198.51.100.1"
BALANCER = "127.0.0.9"


@pytest.fixture
def addresses(request):
    """Makes 198.51.100.0/24 local addresses of this test's own network: clients that are no loopback addresses."""
    if not request.config.may_build_networks:
        pytest.skip("needs a network of its own")
    subprocess.run(["ip", "addr", "add", f"{HOST}/24", "dev", "lo"], check=True, capture_output=True)
    yield
    subprocess.run(["ip", "addr", "del", f"{HOST}/24", "dev", "lo"], check=True, capture_output=True)


@pytest.fixture(params=["server", "gate"])
def front(request, start, tmp_path):
    """front(OPTION...): a server, or a gateway with one."""
    root = tmp_path / "root"
    root.mkdir()

    def begin(*options, listen=f"{HOST}:0"):
        users = ["--user", "writer:lab"]
        ours = ["--listen", listen, *options]
        if request.param == "server":
            return start("serve", root, *users, *ours)
        backend = start("serve", root, "--listen", "127.0.0.1:0", *users)
        return start("gate", "--backend", f"ftp://127.0.0.1:{backend.port}", *ours)
    return begin


@pytest.fixture
def slow_passwords(start, sallyport, tmp_path):
    """A server that checks passwords with argon2id."""
    root = tmp_path / "root"
    root.mkdir()
    hashed = subprocess.run([sallyport, "user", "hash"], input="right\n", capture_output=True, text=True, check=True).stdout.split()[-1]
    return start("serve", root, "--listen", "127.0.0.1:0", "--user", f"owner:{hashed}", "--log-level", "warning",
                 "--max-sessions-before-login", 3000)


def log_in(daemon, source=None, timeout=60):
    """The code, and how long it took."""
    begun = time.monotonic()
    with Raw(daemon.host, daemon.port, timeout=timeout, source=source) as raw:
        assert raw.reply().code == 220
        raw.expect("USER owner", 331)
        return raw.command("PASS right").code, time.monotonic() - begun


def test_a_client_that_left_is_not_waited_for(slow_passwords):
    alone = log_in(slow_passwords)[1]
    for _ in range(200):
        gone = Raw(slow_passwords.host, slow_passwords.port, source="127.0.0.2")
        assert gone.reply().code == 220
        gone.send(b"USER owner\r\nPASS wrong\r\n")
        gone.close()
    code, took = log_in(slow_passwords)
    assert code == 230 and took < 2 + 4 * alone


class Guessers:
    """Connections of ten addresses that guess without a pause, and connect again when they were rejected."""

    def __init__(self, daemon, count):
        self.daemon, self.ended, self.tried = daemon, False, 0
        self.thread = threading.Thread(target=self.run, args=(count,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()

    def connect(self, number, selector):
        made = socket.create_connection((self.daemon.host, self.daemon.port), 10, (f"127.0.1.{number % 10 + 1}", 0))
        made.setblocking(False)
        selector.register(made, selectors.EVENT_READ, number)

    def run(self, count):
        selector = selectors.DefaultSelector()
        for number in range(count):
            self.connect(number, selector)
        while not self.ended:
            for key, _ in selector.select(0.1):
                try:
                    received = key.fileobj.recv(4096)
                    if b"220 " in received or b"530 " in received:
                        self.tried += 1
                        key.fileobj.send(b"USER owner\r\nPASS wrong\r\n")
                except OSError:
                    received = b""
                if not received or b"421 " in received:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    time.sleep(0.01)  # the load of new connections is not what is measured
                    self.connect(key.data, selector)
        for key in list(selector.get_map().values()):
            key.fileobj.close()
        selector.close()


@pytest.mark.alone
@pytest.mark.limit(150)
def test_the_owner_logs_in_among_a_thousand_that_guess(slow_passwords):
    """From an address that has logged in before, and from one that has not."""
    alone = statistics.median(log_in(slow_passwords)[1] for _ in range(5))
    with Guessers(slow_passwords, 1000) as guessers:
        wait_until(lambda: guessers.tried > 1000, 20, "guesses")
        known = [log_in(slow_passwords) for _ in range(5)]
        fresh = [log_in(slow_passwords, f"127.0.2.{number}") for number in range(1, 6)]
    for name, logins in (("known", known), ("fresh", fresh)):
        assert [code for code, _ in logins] == [230] * 5, name
        took = statistics.median(seconds for _, seconds in logins)
        print(f"{name}: {took:.3f} s, alone {alone:.3f} s")
        assert took <= 4 * alone, name


def test_guesses_from_many_addresses_do_not_lock_out_a_known_owner(addresses, front):
    """AU-02: each address guesses once, so none has a penalty."""
    daemon = front("--max-account-guesses", 60)

    def password(source, text):
        with Raw(daemon.host, daemon.port, source=source) as raw:
            assert raw.reply().code == 220
            raw.expect("USER writer", 331)
            return raw.command("PASS " + text)

    assert password("198.51.100.200", "lab").code == 230
    replies = [password(f"198.51.100.{number}", "wrong") for number in range(2, 82)]
    checked = sum(reply.code == 530 for reply in replies)
    assert 10 <= checked <= 60
    assert str(replies[-1]) == "421 Too many failed logins with this user name; try again in a minute."
    assert daemon.log().count("Too many wrong passwords for writer; ") == 1
    assert password("198.51.100.200", "lab").code == 230


def test_a_penalty_reaches_connections_that_are_open(addresses, front):
    """AU-02: however many connections an address has opened before, it may send few passwords."""
    daemon = front()
    raws = [Raw(daemon.host, daemon.port, source="198.51.100.7") for _ in range(30)]
    for raw in raws:
        assert raw.reply().code == 220
        raw.expect("USER writer", 331)
    codes = [raw.command("PASS wrong").code for raw in raws]
    checked = codes.count(530)
    assert checked in (3, 4) and codes == [530] * checked + [421] * (30 - checked)
    with pytest.raises(Closed):
        raws[-1].reply()
    with Raw(daemon.host, daemon.port, source="198.51.100.8") as other:
        assert other.reply().code == 220
        other.expect("USER writer", 331)
        other.expect("PASS lab", 230)
    for raw in raws:
        raw.close()


def test_pipelined_guesses_are_no_way_around_a_penalty(addresses, front):
    daemon = front()
    with Raw(daemon.host, daemon.port, source="198.51.100.7") as raw:
        raw.send(b"USER writer\r\nPASS wrong\r\n" * 10)
        codes = []
        with pytest.raises(Closed):
            while True:
                codes.append(raw.reply().code)
    assert codes.count(530) == 3 and codes[-1] == 421


def greeting(daemon, source):
    """A connection and the code of its greeting."""
    raw = Raw(daemon.host, daemon.port, source=source)
    return raw, raw.reply().code


def test_one_address_takes_half_of_the_pool_before_login(addresses, front):
    daemon = front("--max-sessions", 100, "--max-sessions-before-login", 10)
    crowd = [greeting(daemon, "198.51.100.7") for _ in range(20)]
    assert [code for _, code in crowd] == [220] * 5 + [421] * 15
    others = [greeting(daemon, f"198.51.100.{number}") for number in range(10, 20)]
    assert [code for _, code in others] == [220] * 5 + [421] * 5, "the pool is full"
    lines = [line for line in daemon.log().splitlines() if "has reached the maximum" in line]
    assert len(lines) == 1 and "198.51.100.7 has reached the maximum of 5 sessions" in lines[0], "once an hour"
    first = others[0][0]
    first.expect("USER writer", 331)
    first.expect("PASS lab", 230)
    late, code = greeting(daemon, "198.51.100.30")
    assert code == 220, "a session that has logged in is no longer in the pool"
    for raw in (late, *(raw for raw, _ in crowd + others)):
        raw.close()


def test_one_address_takes_half_of_all_sessions(addresses, front):
    daemon = front("--max-sessions", 9)
    raws = []
    for number in range(5):
        raw, code = greeting(daemon, "198.51.100.7")
        assert code == 220, number
        raw.expect("USER writer", 331)
        raw.expect("PASS lab", 230)
        raws.append(raw)
    late, code = greeting(daemon, "198.51.100.7")
    assert code == 421
    other, code = greeting(daemon, "198.51.100.8")
    assert code == 220
    assert re.search(r"198\.51\.100\.7 has reached the maximum of 5 sessions", daemon.log())
    for raw in (late, other, *raws):
        raw.close()


def test_loopback_has_no_share(front):
    """A gateway or load balancer on this machine connects for many clients."""
    daemon = front("--max-sessions", 10, listen="127.0.0.1:0")
    crowd = [greeting(daemon, "127.0.0.1") for _ in range(12)]
    assert [code for _, code in crowd] == [220] * 10 + [421] * 2
    for raw, _ in crowd:
        raw.close()
