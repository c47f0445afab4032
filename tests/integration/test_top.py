"""G12: `top` on a terminal: what it shows, its keys, and how it leaves the terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from harness.daemon import wait_until
from harness.patience import patient
from harness.raw import Raw, drain

ENTER, LEAVE, FRAME = b"\x1b[?1049h\x1b[?25l\x1b[2J", b"\x1b[0m\x1b[?25h\x1b[?1049l", b"\x1b[H"
KNOWN = re.compile(rb"\x1b\[(?:\?1049[hl]|\?25[hl]|2J|2K|H|7m|0m)")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, rows, columns, env=None):
        self.written = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.environ.update({"TERM": "xterm", **(env or {})})
                # Until the size is set.
                os.read(0, 1)
                os.execv(argv[0], list(map(str, argv)))
            finally:
                os._exit(127)
        self.before = termios.tcgetattr(self.fd)
        self.resize(rows, columns)
        os.write(self.fd, b"\n")

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys)

    def read(self):
        """Takes what is there."""
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # the program has ended
                return
            if not data:
                return
            self.written += data

    def frames(self):
        self.read()
        # The terminal adds a CR to each LF.
        return [KNOWN.sub(b"", frame).decode().replace("\r", "").split("\n") for frame in self.written.split(FRAME)[1:]]

    def wait_for(self, condition, what):
        """The first frame after now that satisfies it, as text."""
        seen = len(self.frames())

        def found():
            for frame in self.frames()[seen:-1]:
                if condition("\n".join(frame)):
                    return "\n".join(frame)
        return wait_until(found, 15, what)

    def end(self, seconds=10):
        """The wait status."""
        deadline = time.monotonic() + patient(seconds)
        while time.monotonic() < deadline:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                self.read()
                return status
            time.sleep(0.02)
        raise AssertionError(f"it did not end: {self.written[-2000:]}")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


class Watched:
    def __init__(self, start, sallyport, folder, kind):
        self.sallyport, self.kind, self.control = sallyport, kind, folder / "control.sock"
        self.files = folder / "files"
        self.files.mkdir()
        (self.files / "large.iso").write_bytes(bytes(64 << 20))
        server = ["serve", self.files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--user", "other:lab"]
        if kind == "serve":
            self.daemon = start(*server, "--control-socket", self.control)
        else:
            self.backend = start(*server, "--control-socket", "none")
            self.daemon = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{self.backend.port}", "--control-socket",
                                self.control)
        self.terminals = []

    def raw(self):
        return Raw(self.daemon.host, self.daemon.port)

    def top(self, *options, rows=24, columns=120, env=None):
        self.terminals.append(Terminal([self.sallyport, self.kind, "top", "--control-socket", self.control, "--interval", "0.1", *options],
                                       rows, columns, env))
        return self.terminals[-1]


@pytest.fixture(params=["serve", "gate"])
def watched(request, start, sallyport, tmp_path):
    made = Watched(start, sallyport, tmp_path, request.param)
    yield made
    for terminal in made.terminals:
        terminal.close()


def test_sessions_and_their_rates(watched):
    top = watched.top()
    top.wait_for(lambda text: "0 sessions" in text, "an empty list")
    with watched.raw() as busy, watched.raw() as idle:
        busy.login()
        idle.login(user="other")
        with busy.passive() as data:
            busy.expect("RETR large.iso", 150)
            text = top.wait_for(lambda text: "large.iso" in text and "other" in text, "both sessions")
            assert "2 sessions, 1 transfer" in text and ("BACKEND" in text) == (watched.kind == "gate"), text
            # The transfer stands still while its data are not read.
            top.wait_for(lambda text: re.search(r"writer .* 0 B/s", text), "a rate of zero")
            assert data.recv(1000)
            drain(data)
        assert busy.reply().code == 226
        top.wait_for(lambda text: "0 transfers" in text, "the end of the transfer")


def test_filter_order_and_size(watched):
    with watched.raw() as one, watched.raw() as other:
        one.login()
        other.login(user="other")
        top = watched.top("--sort", "user", "--filter", "user=writer")
        text = top.wait_for(lambda text: "writer" in text, "the session")
        assert "other" not in text and "1 of 2 sessions with user=writer" in text, text
        top.type(b"/\x15client=127.0.0.1\r")
        text = top.wait_for(lambda text: "with client=127.0.0.1" in text, "the other filter")
        assert text.index("other ") < text.index("writer "), text
        top.type(b"v")
        text = top.wait_for(lambda text: "reversed" in text, "the other order")
        assert text.index("writer ") < text.index("other "), text
        top.type(b"/\x15name=x\r")
        top.wait_for(lambda text: "use user=TEXT" in text, "the reason")
        for rows, columns in ((10, 60), (24, 200), (5, 30)):
            top.resize(rows, columns)
            wait_until(lambda: top.frames() and len(top.frames()[-2]) == rows, what=f"{rows} rows")
            frame = top.frames()[-2]
            assert max(map(len, frame)) <= columns, frame
        assert not top.frames()[-2][2].startswith("SESSION")


@pytest.mark.parametrize("way", ["q", "Ctrl-C", "SIGTERM"])
def test_the_terminal_is_left_as_it_was(watched, way):
    top = watched.top()
    top.wait_for(lambda text: "0 sessions" in text, "an empty list")
    assert not termios.tcgetattr(top.fd)[3] & (termios.ICANON | termios.ECHO)
    if way == "SIGTERM":
        os.kill(top.pid, signal.SIGTERM)
    else:
        top.type(b"q" if way == "q" else b"\x03")
    status = top.end()
    if way == "q":
        assert status == 0
    else:
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == (signal.SIGINT if way == "Ctrl-C" else signal.SIGTERM)
    assert termios.tcgetattr(top.fd) == top.before
    assert top.written.count(ENTER) == 1 and top.written.endswith(LEAVE)


def test_it_ends_with_the_daemon(watched):
    top = watched.top()
    top.wait_for(lambda text: "0 sessions" in text, "an empty list")
    watched.daemon.stop()
    status = top.end()
    assert os.WEXITSTATUS(status) == 3
    assert termios.tcgetattr(top.fd) == top.before
    assert f"sallyport {watched.kind} top: ".encode() in top.written.split(LEAVE)[1]


def test_it_is_stopped_and_continued(watched):
    top = watched.top()
    top.wait_for(lambda text: "0 sessions" in text, "an empty list")
    os.kill(top.pid, signal.SIGTSTP)
    wait_until(lambda: os.waitid(os.P_PID, top.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT), what="the stop")
    assert termios.tcgetattr(top.fd) == top.before
    os.kill(top.pid, signal.SIGCONT)
    top.wait_for(lambda text: "0 sessions" in text, "the list again")
    top.type(b"q")
    assert top.end() == 0
    assert termios.tcgetattr(top.fd) == top.before and top.written.count(ENTER) == 2


def test_hostile_names(watched):
    """IN-09: neither a user's name nor a file's name does anything to the terminal."""
    name = "\x1b]0;owned\x07\x1b[2J\x9b31m"
    (watched.files / name).write_bytes(bytes(64 << 20))
    with watched.raw() as raw, watched.raw() as other:
        raw.login()
        other.greet()
        other.command(b"USER \x1b[2Jother\x1b]0;owned\x07")
        with raw.passive():
            # A server may refuse such a name.
            raw.command(b"RETR " + name.encode() if watched.kind == "serve" else b"RETR large.iso")
            top = watched.top()
            top.wait_for(lambda text: "2 sessions" in text, "the sessions")
            top.type(b"/\x1b[2Jx\r")
            top.wait_for(lambda text: " with " in text, "the filter")
            rest = KNOWN.sub(b"", top.written)
            assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f\x9b]", rest.partition(b"sallyport ")[2]), rest


@pytest.mark.parametrize("terminal", ["none", "dumb"])
def test_without_a_terminal(watched, terminal):
    if terminal == "none":
        done = subprocess.run([watched.sallyport, watched.kind, "top", "--control-socket", watched.control], capture_output=True, text=True,
                              timeout=20)
        code, text = done.returncode, done.stdout + done.stderr
    else:
        top = watched.top(env={"TERM": "dumb"})
        code, text = os.WEXITSTATUS(top.end()), top.written.decode()
    assert code == 2 and "\x1b" not in text
    assert f"use 'sallyport {watched.kind} status --sessions'" in text
