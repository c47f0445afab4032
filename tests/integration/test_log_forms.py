"""S7 G12: each form of the log, for people, for programs and for the log daemons of Linux."""

import json
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess

import pytest

from harness.daemon import READY, wait_until
from harness.raw import Raw, drain

USER = "writer"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "files"
    made.mkdir()
    (made / "small").write_bytes(b"x" * 420)
    return made


@pytest.fixture(params=["serve", "gate"])
def front(request, start, folder, tmp_path):
    """front(OPTION...): a server, or a gateway before one, that logs into a file."""

    def made(*options):
        log = tmp_path / "log"
        server = start("serve", folder, "--listen", "127.0.0.1:0", "--user", f"{USER}:lab", *(["--log", log, *options] if request.param == "serve" else []))
        if request.param == "serve":
            return server, log
        return start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--log", log, *options), log

    return made


def transfer(daemon, quit=True):
    """A download, an upload, a listing and a refused download; returns the client's port."""
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        port = raw.socket.getsockname()[1]
        for command in ("RETR /small", "MLSD /"):
            with raw.passive() as data:
                raw.expect(command, 150)
                drain(data)
            assert raw.reply().code == 226
        assert raw.store("/new", b"y" * 10).code == 226
        if quit:
            raw.expect("QUIT", 221)
            assert raw.at_end()
    return port


def lines_of(log, last):
    return wait_until(lambda: last in log.read_text() and log.read_text().splitlines(), what=last)


def test_the_end_of_a_session_is_one_line(front):
    daemon, log = front()
    transfer(daemon)
    lines = lines_of(log, "Session ended")
    ends = [line for line in lines if "Session ended" in line]
    assert len(ends) == 1
    assert re.search(r"\] Session ended by the client with QUIT; 127\.0\.0\.1: writer, 1 file sent \(420 B\), 1 file received \(10 B\), "
                     r"1 listing, \d+ s$", ends[0]), ends
    transfer(daemon, quit=False)
    assert "by the client, which closed the connection" in lines_of(log, "closed the connection;")[-1]


def test_a_session_that_the_server_ends(front):
    daemon, log = front("--idle-timeout", 1)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        assert raw.reply().code == 421
    assert re.search(r"Session ended by the server( with 421)?; 127\.0\.0\.1: writer, \d s$", lines_of(log, "Session ended")[-1])


def test_sessions_at_the_shutdown(front):
    daemon, log = front()
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        daemon.stop()
    assert re.search(r"Session ended by the shutdown of this service; 127\.0\.0\.1: writer, \d s\n", log.read_text())


def parsed(form, line):
    if form == "json":
        return json.loads(line)
    return dict(word.split("=", 1) for word in shlex.split(line))


@pytest.mark.parametrize("form", ["json", "logfmt"])
def test_for_programs(front, form):
    daemon, log = front("--log-format", form)
    transfer(daemon)
    lines = [parsed(form, line) for line in lines_of(log, "Session ended")]
    for line in lines:
        assert {"time", "level", "text"} <= line.keys() <= {"time", "level", "text", "session", "user", "client"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", line["time"]) and line["level"] in ("info", "warning")
    ended = lines[-1]
    assert ended["text"].startswith("Session ended by the client with QUIT")
    assert (ended["user"], ended["client"]) == (USER, "127.0.0.1")
    of_session = [line for line in lines if line.get("session") == ended["session"]]
    assert "user" not in of_session[0] and of_session[0]["text"].startswith("Connection accepted from")
    assert all(line["user"] == USER for line in of_session[-4:])


def in_a_place_of_its_own(sallyport, folder, bound, *options, env=None):
    """A server for which the directory `bound[0]` is at `bound[1]`."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("a mount namespace needs root")
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    return subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", *map(str, bound), sallyport, "serve", str(folder), "--listen", "127.0.0.1:0",
                             "--anonymous", *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, **(env or {})})


def log_in_and_quit(server):
    """A session with a server that was started in a place of its own."""
    port = int(READY.search(server.stderr.readline())[1].rpartition(":")[2])
    with Raw("127.0.0.1", port) as raw:
        raw.login("anonymous", "me@")
        raw.expect("QUIT", 221)


@pytest.fixture
def daemon_socket(tmp_path):
    """The socket of a log daemon, in a directory of its own."""
    place = tmp_path / "daemon"
    place.mkdir()
    place.chmod(0o755)

    def bind(name):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.bind(str(place / name))
        (place / name).chmod(0o666)
        made.settimeout(10)
        return made, place

    return bind


def test_journal(sallyport, folder, daemon_socket):
    """systemd's native protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/"""
    os.makedirs("/run/systemd/journal", exist_ok=True)
    journal, place = daemon_socket("socket")
    with journal, in_a_place_of_its_own(sallyport, folder, (place, "/run/systemd/journal"), "--log", "journal") as server:
        try:
            log_in_and_quit(server)
            while "Session ended" not in (entry := dict(field.split("=", 1) for field in journal.recv(8192).decode().splitlines()))["MESSAGE"]:
                assert (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"]) in (("6", "sallyport"), ("4", "sallyport"))
        finally:
            server.terminate()
    assert entry["SALLYPORT_USER"] == "anonymous" and entry["SALLYPORT_CLIENT"] == "127.0.0.1"
    assert entry["MESSAGE"].startswith(f"[{entry['SALLYPORT_SESSION']}] Session ended by the client with QUIT")


def test_syslog(sallyport, folder, daemon_socket):
    """RFC 3164, as syslog(3) sends it."""
    daemon, place = daemon_socket("log")
    for device in ("null", "urandom"):
        os.mknod(place / device, 0o666 | stat.S_IFCHR, os.stat(f"/dev/{device}").st_rdev)
    with daemon, in_a_place_of_its_own(sallyport, folder, (place, "/dev"), "--log", "syslog") as server:
        try:
            log_in_and_quit(server)
            while "Session ended" not in (line := daemon.recv(8192).decode()):
                pass
        finally:
            server.terminate()
    assert re.fullmatch(r"<94>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d sallyport\[\d+\]: \[\S+\] Session ended by the client with QUIT; .*\n", line), line


@pytest.mark.parametrize("target,words", [("journal", "systemd-journald cannot be reached at /run/systemd/journal/socket"),
                                          ("syslog", "the log daemon cannot be reached at /dev/log")])
def test_a_daemon_that_does_not_run(sallyport, folder, target, words):
    path = {"journal": "/run/systemd/journal/socket", "syslog": "/dev/log"}[target]
    if os.path.exists(path):
        pytest.skip(f"{path} exists here")
    done = subprocess.run([sallyport, "serve", folder, "--anonymous", "--listen", "127.0.0.1:0", "--log", target], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and words in done.stderr and "log to a file or to standard error" in done.stderr


def test_priorities_for_systemd(sallyport, folder, tmp_path):
    """Standard error that leads to the journal, which JOURNAL_STREAM tells; systemd.exec(5)."""
    log = tmp_path / "stderr"
    with log.open("w") as stderr:
        made = os.fstat(stderr.fileno())
        server = subprocess.Popen([sallyport, "serve", str(folder), "--listen", "127.0.0.1:0", "--anonymous"], stderr=stderr,
                                  env={**os.environ, "JOURNAL_STREAM": f"{made.st_dev}:{made.st_ino}"})
    try:
        wait_until(lambda: READY.search(log.read_text()))
        lines = log.read_text().splitlines()
    finally:
        server.terminate()
        server.wait(10)
    assert any(line.startswith("<6>Listener 127.0.0.1:") for line in lines), lines


def test_transfer_log_of_other_programs(start, folder, tmp_path):
    for form, pattern in {
        "xferlog": r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} 1 127\.0\.0\.1 420 /small b _ o r writer ftp 0 \* c",
        "common": r'127\.0\.0\.1 - writer \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "RETR /small" 226 420',
    }.items():
        records = tmp_path / form
        daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", f"{USER}:lab", "--transfer-log", records, "--transfer-log-format", form)
        with Raw(daemon.host, daemon.port) as raw:
            raw.login()
            raw.expect("TYPE I", 200)
            with raw.passive() as data:
                raw.expect("RETR /small", 150)
                drain(data)
            assert raw.reply().code == 226
        line = wait_until(lambda: records.exists() and records.read_text())
        assert re.fullmatch(pattern + "\n", line), line
