"""G12: a load balancer sends no new clients to a server that its administrator has taken out of rotation."""

import contextlib
import re
import socket
import subprocess

import pytest

from conftest import cannot
from free_ports import free_port
from harness import programs
from harness.daemon import wait_until
from harness.raw import Raw
from test_metrics import ask


@pytest.fixture
def servers(start, tmp_path):
    """Two servers that differ in their greeting."""
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(start("serve", tmp_path / name, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--greeting", name, "--metrics",
                          "127.0.0.1:0", "--control-socket", tmp_path / f"{name}.sock"))
    return made


@pytest.fixture
def load_balancer(servers, tmp_path):
    """The port of HAProxy, which checks /readyz of both."""
    if not programs.reference_server("haproxy"):
        cannot("haproxy is not in build/reference-servers; tools/reference-servers fetches it")
    lines = ["defaults", "mode tcp", "timeout connect 5s", "timeout client 30s", "timeout server 30s", "listen ftp",
             f"bind 127.0.0.1:{(port := free_port())}", "balance roundrobin", "option httpchk GET /readyz"]
    for number, server in enumerate(servers):
        metrics = re.search(r"Metrics at http://\S+:(\d+)/metrics", server.log())[1]
        lines.append(f"server s{number} 127.0.0.1:{server.port} check port {metrics} inter 100ms fall 1 rise 1")
    config = tmp_path / "haproxy.cfg"
    config.write_text("\n".join((*lines, "")))
    process = subprocess.Popen([programs.reference_server("haproxy"), "-db", "-q", "-f", config])

    def listens():
        assert process.poll() is None, "haproxy ended"
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))

    try:
        wait_until(listens, what="haproxy").close()
        yield port
    finally:
        process.kill()
        process.wait(5)


def administer(sallyport, tmp_path, name, *words):
    done = subprocess.run([sallyport, "serve", *words, "--control-socket", tmp_path / f"{name}.sock"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def greetings(port, times=6):
    """Those of new sessions."""
    found = set()
    for _ in range(times):
        with Raw("127.0.0.1", port) as raw:
            found.add(raw.reply().text.split()[-1])
    return found


def test_a_drained_server_is_out_of_rotation_until_it_is_ready(sallyport, servers, load_balancer, tmp_path):
    wait_until(lambda: greetings(load_balancer) == {"one", "two"}, what="both servers")
    with contextlib.ExitStack() as ends:
        sessions = [ends.enter_context(Raw("127.0.0.1", load_balancer)).login() for _ in range(4)]
        assert "/readyz is 503" in administer(sallyport, tmp_path, "one", "drain")
        assert ask(servers[0], "/readyz")[0] == 503 and ask(servers[0], "/healthz")[0] == 200
        assert "Not ready: " in administer(sallyport, tmp_path, "one", "status")
        wait_until(lambda: greetings(load_balancer) == {"two"}, what="the other server alone")
        # Its sessions go on, and who connects to it in spite of that is served.
        for raw in sessions:
            raw.expect("NOOP", 200)
        with Raw("127.0.0.1", servers[0].port) as raw:
            raw.login()
        assert "/readyz is 200" in administer(sallyport, tmp_path, "one", "ready")
        wait_until(lambda: greetings(load_balancer) == {"one", "two"}, what="both servers again")
        for raw in sessions:
            raw.expect("NOOP", 200)


def test_drain_says_what_it_needs(start, sallyport, tmp_path):
    (tmp_path / "files").mkdir()
    start("serve", tmp_path / "files", "--listen", "127.0.0.1:0", "--anonymous", "--control-socket", tmp_path / "one.sock")
    done = subprocess.run([sallyport, "serve", "drain", "--control-socket", tmp_path / "one.sock"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "start this daemon with --metrics" in done.stderr, done
