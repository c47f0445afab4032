"""Few descriptors: clients that cannot be served get 421, admitted sessions can transfer, and the daemon stays reachable (RX-02)."""

import json
import re
import resource
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness.daemon import Daemon, wait_until
from harness.raw import Raw

CLIENTS = 200


def limited(sallyport, limit, *arguments):
    """A daemon with this hard and soft limit of descriptors."""
    return Daemon(["prlimit", f"--nofile={limit}:{limit}", sallyport, *arguments])


@pytest.fixture(params=["server", "gate"])
def front(request, start, sallyport, tmp_path):
    """front(LIMIT, OPTION...): a server, or a gateway before one, with few descriptors and a status socket."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_bytes(b"content")
    started = []

    def begin(limit, *options):
        common = ["--listen", "127.0.0.1:0", "--control-socket", tmp_path / "socket", "--threads", 2, *options]
        users = ["--user", "writer:lab"]
        if request.param == "server":
            daemon = limited(sallyport, limit, "serve", root, *users, *common)
        else:
            backend = start("serve", root, "--listen", "127.0.0.1:0", *users)
            daemon = limited(sallyport, limit, "gate", "--backend", f"ftp://127.0.0.1:{backend.port}", *common)
        started.append(daemon)
        return daemon.wait_ready()

    yield begin
    for daemon in started:
        assert daemon.stop() == 0


def status(daemon, tmp_path, sallyport):
    said = subprocess.run([sallyport, daemon.argv[3], "--control-socket", tmp_path / "socket", "status", "--json"],
                          capture_output=True, check=True, timeout=6).stdout
    return json.loads(said)


def test_no_session_needs_a_thread_or_process_of_its_own(front):
    """RX-06: the user of the daemon may have no further one."""
    daemon = front(1024)
    facts = Path(f"/proc/{daemon.pid}/status").read_text()
    user, group = (re.search(rf"^{key}:\s*(\d+)", facts, re.MULTILINE)[1] for key in ("Uid", "Gid"))
    subprocess.run(["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups",
                    "prlimit", "--nproc=1:1", f"--pid={daemon.pid}"], check=True)
    sessions = [Raw(daemon.host, daemon.port).login() for _ in range(50)]
    for raw in sessions:
        assert raw.retrieve("/file") == b"content"
        assert raw.store("/new", b"new").code == 226
        raw.close()
    assert daemon.alive()


def first_replies(connections):
    """What each has received: 220, 421, or nothing."""
    received = []
    for connection in connections:
        connection.settimeout(5)
        try:
            received.append(connection.recv(100)[:3].decode() or "nothing")
        except OSError:
            received.append("nothing")
    return received


def allowed(daemon):
    """The maximum number of sessions in the log of the daemon."""
    return int(re.search(r"At most (\d+) sessions at a time instead of 20000 \(--max-sessions\)", daemon.log())[1])


@pytest.mark.parametrize("limit", [72, 128, 256])
def test_more_connections_than_descriptors(front, sallyport, tmp_path, limit):
    daemon = front(limit)
    max_sessions = allowed(daemon)
    assert 1 <= max_sessions < limit / 2
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        crowd = [socket.create_connection((daemon.host, daemon.port), 5) for _ in range(CLIENTS)]
        received = first_replies(crowd)
        assert received.count("220") == max_sessions - 1 and received.count("421") == CLIENTS - max_sessions + 1
        for _ in range(3):
            assert raw.retrieve("/file") == b"content"
        assert status(daemon, tmp_path, sallyport)["totals"]["sessions"] == max_sessions
        assert daemon.idle_share() < 0.1
        for connection in crowd:
            connection.close()

    def served_again():
        with Raw(daemon.host, daemon.port) as another:
            return another.reply().code == 220
    wait_until(served_again, 2, "room after the crowd has left")


def test_all_who_are_in_transfer_at_once(front, sallyport, tmp_path):
    """There are descriptors for the data connection of each session, and for connections that are rejected."""
    daemon = front(160)
    max_sessions = allowed(daemon)
    raws = [Raw(daemon.host, daemon.port).login() for _ in range(max_sessions)]
    datas = [raw.passive() for raw in raws]
    for raw in raws:
        raw.expect("STOR /file", 150)
    with Raw(daemon.host, daemon.port) as late:
        assert late.reply().code == 421
    assert len(status(daemon, tmp_path, sallyport)["sessions"]) == max_sessions
    for raw, data in zip(raws, datas):
        data.sendall(b"content")
        data.close()
        assert raw.reply().code == 226
        raw.close()


def test_connections_that_say_nothing_are_no_way_around_it(front, sallyport, tmp_path):
    """They have not sent their PROXY header, so they are not sessions yet."""
    daemon = front(96, "--proxy-protocol-from", "127.0.0.9")
    silent = [socket.create_connection((daemon.host, daemon.port), 5, ("127.0.0.9", 0)) for _ in range(CLIENTS)]
    time.sleep(0.2)
    assert status(daemon, tmp_path, sallyport)["totals"]["sessions"] == 0
    with Raw(daemon.host, daemon.port) as late:
        assert late.reply().code == 421, "the reserve is not for it"
    for connection in silent:
        connection.close()

    def served():
        with Raw(daemon.host, daemon.port) as raw:
            return raw.reply().code == 220
    wait_until(served, 5, "a session")


def test_the_soft_limit_is_raised(start, sallyport, tmp_path):
    """There is no message if there are enough descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    daemon = Daemon(["prlimit", f"--nofile=64:{hard}", sallyport, "serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "a:b",
                     "--max-sessions", 1000]).wait_ready()
    try:
        assert f" {hard} " in re.search(r"Max open files.*", open(f"/proc/{daemon.pid}/limits").read())[0]
        assert "At most" not in daemon.log()
    finally:
        assert daemon.stop() == 0
