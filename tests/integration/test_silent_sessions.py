"""Backends at their limit: silent connections keep no client out (G7)."""

import socket
import subprocess
import time

import pytest

from harness.raw import Raw

ROOM, SILENT = 50, 60


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_bytes(b"content")
    return root


def crowd(gate):
    """Connections that never send a command. As many have been greeted as there are free slots in addition to one session."""
    silent = [socket.create_connection((gate.host, gate.port), 10) for _ in range(SILENT)]
    for connection in silent[:ROOM - 1]:
        assert connection.recv(3) == b"220"
    return silent


def served(gate):
    """Seconds until a client has its file."""
    begun = time.monotonic()
    with Raw(gate.host, gate.port) as raw:
        assert raw.login().retrieve("/file") == b"content"
    return time.monotonic() - begun


@pytest.mark.alone
@pytest.mark.parametrize("bound", ["of the gateway", "of the server"])
def test_a_login_gets_the_slot_of_a_silent_session(start, folder, bound):
    """G7: at the limit of the backend, which answers 421, and at ?max-sessions."""
    own, term = (["--max-sessions", ROOM], "") if bound == "of the server" else ([], f"?max-sessions={ROOM}")
    server = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", *own)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}{term}", "--queue-timeout", 10)
    with Raw(gate.host, gate.port) as early:
        early.login()
        silent = crowd(gate)
        assert served(gate) < 8
        early.expect("NOOP", 200)
        assert gate.log().count("Ending this session to free a slot at ") >= 1
    for connection in silent:
        connection.close()


def test_dialed_at_the_login_they_cost_nothing(start, folder):
    """The server has room for one client, and for the health check."""
    server = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--max-sessions", 2)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--dial", "login")
    silent = crowd(gate)
    assert served(gate) < 2
    for connection in silent:
        connection.close()


@pytest.mark.parametrize("options,complaint", [
    (["--dial", "later"], "--dial later: unknown value; use connect or login"),
    (["--dial", "login", "--backend", "ftp://127.0.0.1:1?passthrough=30000-30009"], "passthrough=A-B and --dial login exclude each other"),
])
def test_dial_takes_two_words(sallyport, options, complaint):
    backend = [] if "--backend" in options else ["--backend", "ftp://127.0.0.1:1"]
    done = subprocess.run([sallyport, "gate", "--listen", "127.0.0.1:0", *backend, *options], capture_output=True, text=True,
                          timeout=10)
    assert done.returncode == 2 and complaint in done.stderr
