"""No session waits for the log: a stopped reader and a full disk lose lines, and nothing else (RX-06)."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from give_away import give
from harness.daemon import wait_for_log, wait_until
from harness.raw import Raw

MISSING = re.compile(r"(\d+) lines? (?:are|is) missing in ")


class Stuck:
    """A daemon whose log has no reader once it has started. Standard error is a pipe that is read until then."""

    def __init__(self, sallyport, folder, kind, where, backend):
        self.sallyport, self.kind, self.socket = sallyport, kind, folder / "socket"
        self.fifo = None
        self.reading, self.writing = os.pipe()
        options = ["--listen", "127.0.0.1:0", "--control-socket", self.socket, "--log-level", "debug"]
        if where in ("log", "transfer-log"):
            self.fifo = folder / "fifo"
            os.mkfifo(self.fifo)
            options += [f"--{where}", self.fifo]
        if where == "full disk":
            options += ["--log", "/dev/full", "--transfer-log", "/dev/full"]
        if where == "transfer-log":  # standard error is not what is looked at
            options += ["--log", folder / "log"]
        if kind == "serve":
            files = folder / "files"
            files.mkdir()
            (files / "file").write_bytes(b"content")
            what = [files, "--user", "writer:lab"]
        else:
            what = ["--backend", f"ftp://127.0.0.1:{backend.port}"]
        self.process = subprocess.Popen([sallyport, kind, *map(str, what + options)], stdin=subprocess.DEVNULL,
                                        stdout=self.writing, stderr=self.writing)
        said = b""
        while not (ready := re.search(rb"listening on 127.0.0.1:(\d+)\n", said)):
            said += (part := os.read(self.reading, 4096))
            assert part, said
        self.port = int(ready[1])

    def ask(self, *words):
        return subprocess.run([self.sallyport, self.kind, *words, "--control-socket", self.socket], capture_output=True,
                              text=True, timeout=30)

    def status(self):
        done = self.ask("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def visit(self, commands=0):
        """A session that causes so many lines, and at least one transfer."""
        with Raw("127.0.0.1", self.port) as raw:
            raw.login()
            for _ in range(commands // 50):
                raw.send(b"NOOP\r\n" * 50)
                assert [raw.reply().code for _ in range(50)] == [200] * 50
            assert raw.retrieve("/file") == b"content"
            raw.expect("QUIT", 221)

    def read_on(self):
        """Reads the rest of the log, until the daemon ends."""
        end = os.open(self.fifo, os.O_RDONLY) if self.fifo else self.reading
        os.close(self.writing)
        got = bytearray()

        def read():
            while part := os.read(end, 65536):
                got.extend(part)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return lambda: (thread.join(20), got.decode())[1]

    def end(self):
        self.process.kill()
        self.process.wait(5)
        for end in (self.reading, self.writing):
            try:
                os.close(end)
            except OSError:
                pass


@pytest.fixture(params=["serve", "gate"])
def stuck(request, start, sallyport, tmp_path):
    made = []

    def make(where):
        backend = None
        if request.param == "gate":
            files = tmp_path / "backend"
            files.mkdir()
            (files / "file").write_bytes(b"content")
            backend = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--control-socket", "none")
        made.append(Stuck(sallyport, tmp_path, request.param, where, backend))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.mark.parametrize("where", ["standard error", "log", "transfer-log", "full disk"])
def test_sessions_go_on(stuck, where):
    """More is logged than a pipe and the queue hold; sessions that are there and new ones are served, SIGHUP included, and the
    end of the program waits for its log for a second at most."""
    daemon = stuck(where)
    with Raw("127.0.0.1", daemon.port) as held:
        held.login()
        daemon.visit(10000)
        daemon.process.send_signal(signal.SIGHUP)
        held.expect("NOOP", 200)
        for _ in range(3):
            daemon.visit(50)
        if where != "transfer-log":
            assert daemon.status()["totals"]["log_lines_lost"] > 100
        held.expect("QUIT", 221)
    began = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(10) == 0
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("where", ["standard error", "log"])
def test_lost_lines_are_reported(stuck, where):
    daemon = stuck(where)
    daemon.visit(10000)
    lost = daemon.status()["totals"]["log_lines_lost"]
    text = daemon.read_on()
    daemon.visit()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(10) == 0
    lines = text().splitlines()
    assert sum(int(found[1]) for line in lines if (found := MISSING.search(line))) >= lost > 100
    assert any("stopped" in line for line in lines[-3:]), lines[-3:]
    assert all(re.match(r"\d{4}-\d\d-\d\dT[0-9:.]+[+-]\d\d:\d\d [DIWE] ", line) for line in lines), "each line is whole"


def test_a_new_process_takes_over_without_a_reader(stuck):
    """Both write to the one pipe, that is full."""
    daemon = stuck("standard error")
    daemon.visit(10000)
    done = daemon.ask("restart")
    assert done.returncode == 0, done.stderr
    new = daemon.status()["pid"]
    try:
        assert new != daemon.process.pid
        daemon.visit(100)
        assert daemon.process.wait(10) == 0, "the old process has no session left"
    finally:
        os.kill(new, signal.SIGTERM)
    wait_until(lambda: not os.path.exists(f"/proc/{new}") or "Z" in open(f"/proc/{new}/stat").read().rpartition(")")[2],
               what="the end of the new process")


def test_a_line_is_in_the_file_at_once(start, tmp_path):
    """At any level, no line waits for a full buffer."""
    files = tmp_path / "files"
    files.mkdir()
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--anonymous", "--log", tmp_path / "log")
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        wait_until(lambda: "Connection accepted from" in (tmp_path / "log").read_text(), seconds=1, what="the line")


def test_rotation(start, tmp_path):
    """No line is lost, and none is in both files."""
    files = tmp_path / "files"
    files.mkdir()
    log = tmp_path / "log"
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--log", log, "--log-level", "debug")
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        for number in range(1, 5):
            for each in range(50):
                raw.expect(f"STAT /{number}-{each}", 211, 212, 213, 450, 550)
            wait_for_log(daemon.pid)
            log.rename(tmp_path / f"log.{number}")
            daemon.process.send_signal(signal.SIGUSR1)
            wait_until(log.exists, what="the new file")
    for number in range(1, 5):
        text = (tmp_path / f"log.{number}").read_text()
        assert re.findall(r"STAT /(\d+-\d+)$", text, re.MULTILINE) == [f"{number}-{each}" for each in range(50)]


def test_up_goes_on_without_a_reader(sallyport, tmp_path):
    """It prints a line for each session to standard output, from the event loop of the session."""
    (tmp_path / "file").write_bytes(b"content")
    reading, writing = os.pipe()
    give(tmp_path)
    process = subprocess.Popen([sallyport, "up", str(tmp_path), "--listen", "127.0.0.1:0", "--yes", "--writer", "writer:lab"],
                               stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE,
                               env={**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)})
    try:
        said = b""
        while not (ready := re.search(rb"listening on 127.0.0.1:(\d+)\n", said)):
            said += (part := process.stderr.read1(4096))
            assert part, said
        os.set_blocking(writing, False)
        with pytest.raises(BlockingIOError):  # the pipe is full from here on
            while True:
                os.write(writing, b"x")
        os.set_blocking(writing, True)
        for _ in range(20):
            with Raw("127.0.0.1", int(ready[1])) as raw:
                raw.login()
                assert raw.retrieve("/file") == b"content"
                raw.expect("QUIT", 221)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert time.monotonic() - began < 5
    finally:
        process.kill()
        process.wait(5)
        process.stderr.close()
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(os.geteuid() != 0, reason="only a daemon that was started as root gives up the right to its log")
def test_a_rotation_just_before_the_end(start, tmp_path):
    """The helper process reopens a log that the daemon itself may not open, and ends after it: each end is in order, and the
    new file has the last lines."""
    files, logs = tmp_path / "files", tmp_path / "logs"
    files.mkdir()
    logs.mkdir(mode=0o700)
    log = logs / "log"
    for _ in range(3):
        daemon = start("serve", files, "--listen", "127.0.0.1:0", "--anonymous", "--run-as", "daemon", "--log", log, give=False)
        log.rename(logs / "log.1")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(10) == 0
        assert "cannot reopen" not in (logs / "log.1").read_text()
        assert log.read_text().endswith("stopped\n")
