"""Graceful restart of a gateway: a new process takes over while the old one works, and no client notices (G6)."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from free_ports import free_range
from harness.daemon import wait_until
from harness.raw import Closed, Raw
from test_operation import Gate, Slow, assert_whole, finish, servers  # noqa: F401  (a fixture)

RANGE = 'passive-ports = "{}-{}"\ndrain-timeout = {}'


def running(pid):
    try:
        return "Z" not in open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@pytest.fixture
def gate(start, sallyport, tmp_path, servers):  # noqa: F811
    made = Gate(start, sallyport, tmp_path, servers)
    yield made
    done = made.ask("status", "--json")
    if done.returncode == 0:
        last = made.status()["pid"]
        os.kill(last, signal.SIGTERM)
        wait_until(lambda: not running(last), what="the end of the successor")


def restart(gate):
    before = gate.status()["pid"]
    done = gate.ask("restart")
    assert done.returncode == 0, done.stderr
    after = gate.status()
    assert after["pid"] != before and f"process {after['pid']} has taken over" in done.stdout and not after["draining"]
    return before


class Visitors(threading.Thread):
    """Comes, fetches, goes, again and again; what went wrong."""

    def __init__(self, gate):
        super().__init__(daemon=True)
        self.gate, self.over, self.served, self.wrong = gate, threading.Event(), 0, []
        self.start()

    def run(self):
        while not self.over.is_set():
            try:
                with self.gate.session() as raw:
                    assert raw.retrieve("/small") == b"small"
                    raw.expect("QUIT", 221)
                self.served += 1
            except Exception as e:  # reported by the test
                self.wrong.append(repr(e))

    def end(self):
        self.over.set()
        self.join(20)
        return self.wrong


@pytest.mark.limit(120)
def test_under_load(gate):
    """Two successions with transfers running and clients coming; passive ports shared by old and new in one range of fifty."""
    first = free_range(50)
    (gate.folder / "files" / "small").write_bytes(b"small")
    gate.write(more=RANGE.format(first, first + 49, 60))
    restart(gate)  # the range needs a new process
    slow = [Slow(gate.session(), store=f"/up-{i}" if i % 10 else None) for i in range(40)]
    held = gate.session()
    visitors = [Visitors(gate) for _ in range(3)]
    old = restart(gate)
    assert running(old), "it has sessions still"
    aside = subprocess.run([gate.sallyport, "gate", "status", "--control-socket", f"{gate.socket}.{old}"], capture_output=True,
                           text=True, timeout=10)
    assert "draining; the new process accepts new sessions" in aside.stdout and "40 running" in aside.stdout.replace("transfers ", "")
    for _ in range(5):  # what is logged in goes on working
        assert held.retrieve("/small") == b"small"
    middle = restart(gate)
    for _ in range(5):
        assert held.retrieve("/small") == b"small"
    served = [v.served for v in visitors]
    wait_until(lambda: all(v.served > s + 3 for v, s in zip(visitors, served)), what="visitors served by the newest")
    assert [v.end() for v in visitors] == [[], [], []]
    finish(slow)
    assert_whole(slow, gate.folder / "files")
    wait_until(lambda: not running(middle), what="the end of the one that had visitors only")
    assert running(old)
    for s in slow:
        s.raw.close()
    held.expect("QUIT", 221)
    wait_until(lambda: not running(old), what="the end of the first")
    gate.session().retrieve("/small")


def test_the_service_manager_is_notified(start, sallyport, tmp_path, servers):  # noqa: F811
    """As systemd has it (sd_notify): who serves, and that a successor is the main process from now on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        (tmp_path / "notify").chmod(0o777)  # as that of systemd
        manager.settimeout(10)
        made = Gate(start, sallyport, tmp_path, servers, env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(200).decode() == f"READY=1\nMAINPID={made.daemon.pid}"
        restart(made)
        message = manager.recv(200).decode()
        pid = made.status()["pid"]
        os.kill(pid, signal.SIGTERM)
        assert message == f"READY=1\nMAINPID={pid}"


def test_a_new_process_that_can_not_start(gate):
    before = gate.status()["pid"]
    session = gate.session()
    gate.write(more='balance = "loudest"')
    done = gate.ask("restart")
    assert done.returncode == 1 and done.stdout == ""
    assert "restart failed, the running process continues: " in done.stderr and f"{gate.config}, line 2" in done.stderr and "loudest" in done.stderr
    assert gate.status()["pid"] == before and gate.daemon.alive()
    session.expect("NOOP", 200)
    gate.session().expect("NOOP", 200)
    gate.write()
    restart(gate)  # a failed one does not prevent the next one


def test_what_was_down_stays_down(gate):
    """The new process knows it from the start."""
    gate.servers[0].kill()
    gate.write(more="health-check-interval = 1\nfall = 1")
    assert gate.ask("reload").returncode == 0

    def health():
        return [(b["health"], b["reason"]) for b in gate.status()["backends"]]

    wait_until(lambda: health()[0][0] == "down", what="the checks")
    gate.write(more="health-check-interval = 3600")  # no check of its own tells the new one so soon
    restart(gate)
    assert health()[0][0] == "down" and health()[1][0] == "up"


@pytest.mark.parametrize("ranged", [False, True], ids=["alone", "with-range"])
def test_old_sessions_on_a_single_port(gate, ranged):
    """G8: the port is the successor's. Older sessions get ports of the range where there is one, else 425 and the reason at
    once, also if a port was reserved before."""
    (gate.folder / "files" / "small").write_bytes(b"small")
    first = free_range(8)
    gate.write(more='single-port = "control"\n' + (RANGE.format(first, first + 7, 60) if ranged else "drain-timeout = 60"))
    restart(gate)  # the port needs a new process
    old, waiting = gate.session(), Raw(gate.daemon.host, gate.daemon.port, source="127.0.0.2").login()
    assert old.retrieve("/small") == b"small"
    assert waiting.epsv_port() == gate.daemon.port
    restart(gate)
    begin = time.monotonic()
    waiting.send(b"RETR /small\r\n")
    while (reply := waiting.reply()).code in (150, 125):
        pass
    assert reply.code in (425, 426) and "a new process accepts connections on it" in reply.text and time.monotonic() - begin < 5
    for session in (old, waiting):
        if ranged:
            assert session.retrieve("/small") == b"small"
            assert first <= session.epsv_port() <= first + 7
        else:
            refused = session.command("EPSV")
            assert refused.code == 425 and "connect again" in refused.text
        session.expect("NOOP", 200)
    assert gate.session().retrieve("/small") == b"small"
    old.close()
    waiting.close()


def test_the_end_of_the_drain(gate):
    gate.write(more="drain-timeout = 1")
    restart(gate)
    session = gate.session()
    old = gate.status()["pid"]
    begin = time.monotonic()
    os.kill(old, signal.SIGUSR2)
    wait_until(lambda: gate.status()["pid"] != old, what="the successor")
    assert session.reply().code == 421
    assert time.monotonic() - begin >= 1, "the session has the time of the drain"
    wait_until(lambda: not running(old), what="the end of the old one")


def test_a_new_process_that_fails_later(gate):
    """The old process has another one started, and sessions of both continue."""
    (gate.folder / "files" / "small").write_bytes(b"small")
    old_session = gate.session()
    old = restart(gate)
    os.kill(gate.status()["pid"], signal.SIGKILL)

    def served():
        try:
            with gate.session() as raw:
                return raw.retrieve("/small") == b"small"
        except (OSError, Closed):
            return False

    wait_until(served, what="the process that was started again")
    assert running(old) and old_session.retrieve("/small") == b"small"
    old_session.expect("QUIT", 221)
    wait_until(lambda: not running(old), what="the end of the old process")
    assert served()


def test_a_daemon_without_its_helper(gate):
    """Sessions continue, and the restart says what is missing."""
    session = gate.session()
    children = open(f"/proc/{gate.daemon.pid}/task/{gate.daemon.pid}/children").read().split()
    assert len(children) == 2
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    done = gate.ask("restart")
    assert done.returncode == 1 and "the helper process does not respond" in done.stderr
    session.expect("NOOP", 200)
    gate.session().expect("NOOP", 200)
