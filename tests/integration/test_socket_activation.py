"""A service manager listens and hands the sockets over (LISTEN_FDS), as an old process does at a graceful restart (G6)."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from free_ports import free_range
from harness.daemon import wait_until
from harness.raw import Raw
from test_graceful_restart import running

ACTIVATE = Path(__file__).parent / "harness/activate.py"


def activated(*sockets):
    return {"wrap": lambda argv: [sys.executable, str(ACTIVATE), *sockets, "--", *argv]}


@pytest.fixture
def files(tmp_path):
    made = tmp_path / "files"
    made.mkdir()
    (made / "small").write_bytes(b"small")
    return made


@pytest.fixture(params=["serve", "gate"])
def launch(request, start, sallyport, tmp_path, files):
    """Starts a server, or a gateway with one, with these sockets."""
    if request.param == "serve":
        words = ["serve", files, "--user", "writer:lab"]
    else:
        server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--control-socket", "none")
        words = ["gate", "--backend", f"ftp://127.0.0.1:{server.port}"]
    control = tmp_path / "control"

    def run(listen, sockets, *options):
        listeners = [word for at in listen for word in ("--listen", at)]
        return start(*words, *listeners, "--control-socket", control, *options, **activated(*sockets))

    run.ask = lambda *command: subprocess.run([sallyport, request.param, *command, "--control-socket", control],
                                              capture_output=True, text=True, timeout=20)
    yield run
    status = run.ask("status", "--json")
    if status.returncode == 0:
        last = json.loads(status.stdout)["pid"]
        os.kill(last, signal.SIGTERM)
        wait_until(lambda: not running(last), what="the end of the last process")


def fetch(port, host="127.0.0.1"):
    with Raw(host, port) as raw:
        assert raw.login().retrieve("/small") == b"small"


def test_handed_sockets_are_used(launch):
    """One for all loops, one after the other. The program could not bind these ports itself."""
    first = free_range(2)
    at = [f"127.0.0.1:{first}", f"127.0.0.1:{first + 1}"]
    daemon = launch(at, [f"ftp.socket={at[0]}", f"other.socket={at[1]}"], "--threads", "3")
    assert daemon.endpoints == [tuple(e.split(":")) for e in at]
    for _ in range(5):
        fetch(first)
        fetch(first + 1)
    assert "handed to this process" not in daemon.log()


def test_sockets_and_own_listeners_together(launch):
    first = free_range(2)
    daemon = launch([f"127.0.0.1:{first}", f"127.0.0.1:{first + 1}"], [f"127.0.0.1:{first}"])
    fetch(first)
    fetch(first + 1)
    assert "handed to this process" not in daemon.log()


def test_a_connection_from_before_the_start_is_served(launch, tmp_path):
    """It waits in the queue of the socket: the purpose of socket activation."""
    at = ("127.0.0.1", free_range(1))
    early = []

    def connect():
        wait_until(lambda: socket.socket().connect_ex(at) == 0, what="the socket")
        early.append(Raw(*at))
        (tmp_path / "go").touch()

    helper = threading.Thread(target=connect)
    helper.start()
    launch(["{}:{}".format(*at)], ["{}:{}".format(*at), f"wait={tmp_path / 'go'}"])
    helper.join(20)
    with early[0] as raw:
        assert raw.login().retrieve("/small") == b"small"


def test_sockets_for_nothing_are_named_and_closed(launch):
    first = free_range(2)
    daemon = launch([f"127.0.0.1:{first}"], [f"127.0.0.1:{first}", f"late.socket=127.0.0.1:{first + 1}",
                                             f"dns.socket=udp:127.0.0.1:{first + 1}"])
    assert f"Closed the socket at 127.0.0.1:{first + 1} that was handed to this process" in daemon.log()
    assert 'Closed the socket "dns.socket" that was handed to this process' in daemon.log()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", first + 1), timeout=5)
    fetch(first)


def test_restart_hands_them_on(launch):
    """A graceful restart hands the sockets of the service manager over in the same way."""
    first = free_range(1)
    at = f"127.0.0.1:{first}"
    daemon = launch([at], [f"ftp.socket={at}"])
    held = Raw("127.0.0.1", first).login()
    for _ in range(2):
        done = launch.ask("restart")
        assert done.returncode == 0, done.stderr
        fetch(first)
    assert held.retrieve("/small") == b"small"
    assert running(daemon.pid), "it has a session still"
    held.expect("QUIT", 221)
    wait_until(lambda: not running(daemon.pid), what="the end of the first process")
    fetch(first)


def test_implicit_tls_and_ipv6(start, files, certificate):
    first = free_range(2)
    daemon = start("serve", files, "--user", "writer:lab", "--listen", f"[::1]:{first}", "--listen-tls", f"127.0.0.1:{first + 1}",
                   "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--control-socket", "none",
                   **activated(f"[::1]:{first}", f"127.0.0.1:{first + 1}"))
    fetch(first, "::1")
    with Raw("127.0.0.1", first + 1) as raw:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        raw.socket = context.wrap_socket(raw.socket)
        raw.greet().expect("USER writer", 331)
    assert "handed to this process" not in daemon.log()
