"""A backend that fails at every step of a session in every way: the client gets a reply that says so within seconds, nothing
false is reported, and the gateway is as it was (G7, GW-10)."""

import contextlib
import re
import socket
import threading
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Closed, Raw, vanish

BIG = 10 * 1024 * 1024
STEPS = ("greeting", "USER", "PASS", "NOOP", "STOR", "RETR")
SOON = 6  # seconds; the deadlines below are 2


def reset(line):
    vanish(line)


def close(line):
    line.close()


def silence(line):
    pass


def garbage(line):
    line.sendall(b"\x00\xff\x16\x03" * 50 + b"\r\n\r\n?!\r\n")


def endless_line(line):
    block = b"2" * 65536
    for _ in range(BIG // len(block)):
        line.sendall(block)


def endless_reply(line):
    block = b"220-and so on\r\n" * 1000
    for _ in range(BIG // len(block)):
        line.sendall(block)


FAULTS = (reset, close, silence, garbage, endless_line, endless_reply)


class Backend:
    """A server that works until the step at which it fails. Its transfers are interrupted in the middle."""

    def __init__(self, step, fault):
        self.step, self.fault, self.reached = step, fault, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lines = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                line, _ = self.listener.accept()
                self.lines.append(line)
                threading.Thread(target=self.serve, args=(line,), daemon=True).start()

    def fail(self, line):
        self.reached.set()
        with contextlib.suppress(OSError):
            self.fault(line)

    def serve(self, line):
        with contextlib.suppress(OSError, ValueError):
            if self.step == "greeting":
                return self.fail(line)
            line.sendall(b"220 Hello\r\n")
            passive = None
            for command in line.makefile("r", newline="\n"):
                verb = command.split()[0].upper()
                if verb == self.step:
                    if verb in ("STOR", "RETR"):
                        line.sendall(b"150 Here we go\r\n")
                        data, _ = passive.accept()
                        self.lines.append(data)
                        if verb == "RETR":
                            data.sendall(b"x" * 100_000)
                        else:
                            data.recv(1000)
                        if self.fault in (reset, close):
                            self.fault(data)
                    return self.fail(line)
                if verb == "EPSV":
                    passive = socket.create_server(("127.0.0.1", 0))
                    self.lines.append(passive)
                    line.sendall(f"229 Entering (|||{passive.getsockname()[1]}|)\r\n".encode())
                else:
                    line.sendall({"USER": b"331 Password\r\n", "PASS": b"230 In\r\n"}.get(verb, b"200 Fine\r\n"))

    def stop(self):
        for each in (self.listener, *self.lines):
            with contextlib.suppress(OSError):
                each.close()


@pytest.fixture
def failing():
    made = []

    def make(step, fault):
        made.append(Backend(step, fault))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def gate_before(start, *ports):
    backends = [word for port in ports for word in ("--backend", f"ftp://127.0.0.1:{port}")]
    return start("gate", "--listen", "127.0.0.1:0", *backends, "--health-check", "off", "--balance", "round-robin", "--backend-connect-timeout", 1,
                 "--idle-timeout", 2, "--login-timeout", 2, "--data-timeout", 2, "--stall-timeout", 2)


def resident(daemon):
    text = open(f"/proc/{daemon.pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024


def conversation(raw, step):
    """Continues up to `step`; returns the first reply that is not a success, None if the peer only closed."""
    def failure(reply):
        return None if reply.code < 400 else reply

    for ask in (raw.reply, lambda: raw.command("USER writer"), lambda: raw.command("PASS lab"), lambda: raw.command("NOOP")):
        if refused := failure(ask()):
            return refused
    for verb in {"STOR", "RETR"} & {step}:
        if (opened := raw.command("EPSV")).code != 229:
            return opened
        with raw.connect(int(re.search(r"\|(\d+)\|\)", opened.text)[1])) as data:
            if refused := failure(raw.command(f"{verb} file")):
                return refused
            with contextlib.suppress(OSError):
                if verb == "STOR":
                    data.sendall(b"y" * 100_000)
                else:
                    while data.recv(65536):
                        pass
            if verb == "STOR":
                data.close()
        done = raw.reply()
        if refused := failure(done):
            return refused
        assert done.code != 226, f"{verb} was cut and reported as {done}"
    raise AssertionError("nothing failed")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("step", STEPS)
def test_backend_fails(start, failing, step, fault):
    backend = failing(step, fault)
    gate = gate_before(start, backend.port)
    before, memory = gate.settled_fds(), resident(gate)
    begin = time.monotonic()
    with Raw(gate.host, gate.port) as raw:
        reply = conversation(raw, step)
        took = time.monotonic() - begin
    assert backend.reached.is_set(), f"it failed before that: {reply}"
    assert took < SOON
    assert reply.code in (421, 425, 426, 451, 500, 502) and len(reply.text) > 10, reply
    wait_until(lambda: len(gate.fds()) <= len(before), SOON, f"descriptors back to {before}, now {gate.fds()}")
    assert resident(gate) - memory < 4 * 1024 * 1024
    assert gate.alive() and gate.idle_share(0.2) < 0.1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_failure_before_the_greeting_is_hidden_by_failover(start, failing, fault, tmp_path):
    """The next backend gets the session, and the client waits only until the timeout of the first one."""
    (tmp_path / "old.txt").write_text("the old content")
    well = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    gate = gate_before(start, failing("greeting", fault).port, well.port)
    begin = time.monotonic()
    for _ in range(4):
        with Raw(gate.host, gate.port) as raw:
            assert raw.login().retrieve("/old.txt") == b"the old content"
    assert time.monotonic() - begin < SOON, "a backend that is dead costs its first client a wait, not each"


@pytest.fixture
def silent_then_well(start, failing, tmp_path):
    """(step at which the first backend stops responding): a gateway with that backend and a working one."""
    (tmp_path / "old.txt").write_text("the old content")
    well = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--anonymous")

    def make(step):
        silent = failing(step, silence)
        return silent, start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{silent.port}?weight=2", "--backend",
                             f"ftp://127.0.0.1:{well.port}?priority=1", "--health-check", "off", "--backend-login-timeout", 1)

    return make


@pytest.mark.parametrize("step,user", [("USER", "writer"), ("USER", "anonymous"), ("PASS", "anonymous")])
def test_backend_silent_at_the_login_is_replaced(silent_then_well, step, user):
    """G7: the backend has received no password, so the login continues on the next backend after a short wait."""
    silent, gate = silent_then_well(step)
    begin = time.monotonic()
    with Raw(gate.host, gate.port) as raw:
        assert raw.login(user).retrieve("/old.txt") == b"the old content"
    assert silent.reached.is_set() and 1 <= time.monotonic() - begin < SOON


def test_backend_silent_after_a_password(silent_then_well):
    """G7: no other backend may receive the password; the client gets the reason long before the login timeout."""
    silent, gate = silent_then_well("PASS")
    begin = time.monotonic()
    with Raw(gate.host, gate.port) as raw:
        raw.greet().expect("USER writer", 331)
        reply = raw.expect("PASS lab", 421)
        assert "did not respond in time" in reply.text and raw.at_end()
    assert silent.reached.is_set() and 1 <= time.monotonic() - begin < SOON
    assert "lab" not in gate.log()


def test_half_open_client(start, tmp_path):
    """A client whose machine was switched off: its session ends after the idle timeout and releases its slot at the backend."""
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    gate = gate_before(start, server.port)
    before = gate.settled_fds()
    raw = Raw(gate.host, gate.port).login()
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with contextlib.suppress(Closed):
        assert raw.reply().code == 421, "G6: it gets 421 before the connection is closed"
    wait_until(lambda: len(gate.fds()) <= len(before), SOON, f"descriptors back to {before}, now {gate.fds()}")
