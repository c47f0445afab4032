"""An administrator sees which addresses are blocked, unblocks one, and closes a session; and connections cannot fill the log
(G12, S7, AU-02, RX-06)."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

from harness.daemon import wait_for_log, wait_until
from harness.raw import Raw, drain
from test_proxy_protocol import v1

GUESSER = "203.0.113.66"
USERS = ("--user", "writer:lab", "--user", "other:lab")


class Administered:
    def __init__(self, start, sallyport, folder, kind, *options, level="info"):
        self.sallyport, self.kind, self.socket, self.log = sallyport, kind, folder / f"{kind}.sock", folder / f"{kind}.log"
        files = folder / "files"
        files.mkdir(exist_ok=True)
        (files / "file").write_bytes(b"x" * (32 << 20))
        common = ["--listen", "127.0.0.1:0", "--control-socket", self.socket, "--log", self.log, "--log-level", level, *options]
        if kind == "serve":
            self.daemon = start("serve", files, *USERS, *common)
        else:
            server = start("serve", files, "--listen", "127.0.0.1:0", *USERS, "--control-socket", "none")
            self.daemon = start("gate", "--backend", f"ftp://127.0.0.1:{server.port}", *common)

    def ask(self, *words):
        return subprocess.run([self.sallyport, self.kind, *words, "--control-socket", self.socket], capture_output=True,
                              text=True, timeout=30)

    def status(self):
        done = self.ask("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def log_text(self):
        wait_for_log(self.daemon.pid)
        return self.log.read_text()

    def raw(self, header=b"", source=None):
        made = Raw(self.daemon.host, self.daemon.port, source=source)
        made.send(header)
        return made


@pytest.fixture(params=["serve", "gate"])
def administered(request, start, sallyport, tmp_path):
    return lambda *options, **more: Administered(start, sallyport, tmp_path, request.param, *options, **more)


def guess(daemon, times, user="writer"):
    for _ in range(times):
        with daemon.raw(v1(GUESSER)) as raw:
            raw.greet()
            raw.command(f"USER {user}")
            raw.expect("PASS wrong", 530)


def guess_until_refused(daemon):
    for _ in range(6):
        with daemon.raw(v1(GUESSER)) as raw:
            if raw.reply().code == 421:
                return
            raw.command("USER writer")
            raw.expect("PASS wrong", 530)
    pytest.fail("no penalty after six wrong passwords")


def test_a_penalty_is_shown_and_forgiven(administered):
    daemon = administered("--proxy-protocol-from", "127.0.0.1")
    assert "No address has a login penalty" in daemon.ask("status", "--penalized").stdout
    guess_until_refused(daemon)
    assert GUESSER in daemon.ask("status", "--penalized").stdout
    assert GUESSER not in daemon.ask("status").stdout
    [listed] = daemon.status()["login_penalties"]
    assert listed["source"] == GUESSER and 0 < listed["remaining_seconds"] <= 600
    done = daemon.ask("forgive", GUESSER)
    assert (done.returncode, done.stderr) == (0, "") and GUESSER in done.stdout
    assert daemon.status()["login_penalties"] == []
    with daemon.raw(v1(GUESSER)) as raw:
        raw.login()


def test_forgive_names_what_is_wrong(administered):
    daemon = administered()
    done = daemon.ask("forgive", "192.0.2.200")
    assert done.returncode == 1 and "192.0.2.200 has no login penalty" in done.stderr
    done = daemon.ask("forgive", "no-address")
    assert done.returncode == 1 and "not an IP address" in done.stderr
    assert daemon.ask("forgive").returncode != 0


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in a transfer"])
def test_a_session_is_ended_by_its_id(administered, busy):
    daemon = administered()
    other = daemon.raw().login()
    raw = daemon.raw().login()
    ids = {s["id"]: s["client"] for s in daemon.status()["sessions"]}
    me = ":".join(map(str, raw.socket.getsockname()))
    [mine] = [i for i, client in ids.items() if client == me]
    data = None
    if busy:
        data = raw.passive()
        raw.expect("RETR file", 150, 125)
        assert data.recv(1000)
    done = daemon.ask("kick", mine)
    assert (done.returncode, done.stderr) == (0, ""), done
    reply = raw.reply()
    if reply.code == 426:
        reply = raw.reply()
    assert reply.code == 421 and "administrator" in reply.text
    assert raw.at_end()
    if data:
        with data:
            try:
                assert len(drain(data)) < 32 << 20
            except ConnectionResetError:
                pass
    other.expect("NOOP", 200)
    wait_until(lambda: daemon.ask("kick", mine).returncode == 1, what="the end of the session")
    assert f"[{mine}] Session ended by the administrator" in daemon.log_text()


def test_ids_differ_between_processes(start, sallyport, tmp_path):
    seen = set()
    for _ in range(3):
        daemon = Administered(start, sallyport, tmp_path, "serve")
        with daemon.raw().login():
            seen.add(daemon.status()["sessions"][0]["id"])
        daemon.daemon.stop()
    assert len(seen) == 3


def test_clients_without_a_login_cannot_fill_the_log(administered):
    """With any input: commands, connections, wrong passwords, invalid TLS."""
    daemon = administered()
    begin = time.monotonic()
    raw = daemon.raw()
    raw.greet()
    for _ in range(50):
        raw.send(b"NOOP\r\nRETR x\r\nPORT 10,0,0,1,0,22\r\n" * 5)
        for _ in range(15):
            raw.reply()
    for i in range(200):
        with daemon.raw() as one:
            one.greet()
            one.command(f"USER u{i}")
            one.command("PASS wrong")
    lines = daemon.log_text().splitlines()
    assert len(lines) <= 250 + (time.monotonic() - begin), "\n".join(lines[-20:])


def test_commands_are_logged_at_debug_and_not_at_info(administered):
    for level, wanted in (("info", False), ("debug", True)):
        daemon = administered(level=level)
        with daemon.raw().login() as raw:
            raw.expect("PWD", 257)
        text = daemon.log_text()
        assert ("PWD" in text) == wanted, text
        assert "lab" not in text.replace("sallyport-lab", "")
        daemon.daemon.stop()
        daemon.log.unlink()


def test_a_refused_login_is_one_line_with_address_and_user(administered):
    daemon = administered("--proxy-protocol-from", "127.0.0.1")
    guess(daemon, 1, "mallory")
    found = wait_until(lambda: re.findall(rf"^.*refused.*$", daemon.log_text(), re.MULTILINE), what="the line")
    assert len(found) == 1 and GUESSER in found[0] and "mallory" in found[0], found


def test_the_log_file_is_not_for_everybody(start, sallyport, tmp_path):
    daemon = Administered(start, sallyport, tmp_path, "serve")
    assert daemon.log.stat().st_mode & 0o777 & ~0o640 == 0
    missing = tmp_path / "missing"
    failed = subprocess.run([sallyport, "serve", tmp_path, "--anonymous", "--listen", "127.0.0.1:0", "--log",
                             missing / "the.log"], capture_output=True, text=True, timeout=10)
    assert failed.returncode == 1 and "create the directory" in failed.stderr
    assert not missing.exists()


@pytest.mark.parametrize("kind", ["serve", "gate"])
def test_status_again_and_again(start, sallyport, tmp_path, kind):
    """On a terminal each time replaces the one before and fits; in a pipe one follows the other, until the daemon ends."""
    daemon = Administered(start, sallyport, tmp_path, kind)
    command = [sallyport, kind, "status", "--watch", "0.1", "--sessions", "--control-socket", daemon.socket]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 20, 0, 0))
    with Raw(daemon.daemon.host, daemon.daemon.port) as raw:
        raw.login()
        watching = subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE)
        os.close(theirs)
        shown = b""
        while shown.count(b"\x1b[H\x1b[J") < 4:
            shown += os.read(ours, 4096)
        watching.terminate()
        assert watching.wait(10) == -signal.SIGTERM
        os.close(ours)
        screens = shown.decode().split("\x1b[H\x1b[J")[1:3]
        assert all(0 < len(lines := screen.splitlines()) <= 4 and max(map(len, lines)) <= 20 for screen in screens), screens
        piped = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first, second = (json.loads(piped.stdout.readline()) for _ in range(2))
        assert first["pid"] == second["pid"] and len(second["sessions"]) == 1
    daemon.daemon.stop()
    assert piped.wait(10) == 3 and "is running" in piped.communicate()[1]
