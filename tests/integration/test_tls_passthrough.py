"""TLS passthrough: two backends with a fixed port range each (G10, GW-06)."""

import ftplib
import io
import json
import os
import re
import signal
import subprocess

import pytest

from free_ports import free_range
from harness import trees
from harness.clients import CLIENTS, Server
from harness.daemon import wait_until
from harness.raw import Raw

BACKENDS = ("127.0.0.2", "127.0.0.3")


@pytest.fixture
def through(start, certificate, tmp_path):
    """through(tls): a gateway at 127.0.0.1 in front of two of our servers, which advertise its address in PASV."""

    def make(tls="explicit"):
        listen = "--listen" if tls == "explicit" else "--listen-tls"
        backends, servers = [], []
        first = free_range(20)
        for address, begin in zip(BACKENDS, (first, first + 10)):
            ports = f"{begin}-{begin + 9}"
            folder = tmp_path / address
            folder.mkdir()
            server = start("serve", folder, listen, f"{address}:0", "--user", "writer:lab", "--tls-cert", certificate.cert, "--tls-key",
                           certificate.key, "--tls-required", "--tls-reuse", "prefer", "--passive-ports", ports, "--external-address",
                           "127.0.0.1")
            server.files, server.first = folder, begin
            servers.append(server)
            scheme = "ftp" if tls == "explicit" else "ftps"
            backends += ["--backend", f"{scheme}://{address}:{server.port}?passthrough={ports}"]
        gate = start("gate", listen, "127.0.0.1:0", "--balance", "round-robin", "--health-check", "tcp", "--control-socket",
                     tmp_path / "gate.sock", *backends)
        return gate, servers

    return make


@pytest.mark.parametrize("tls", ["explicit", "implicit"])
@pytest.mark.parametrize("name,method", [("curl", "epsv"), ("curl", "pasv"), ("lftp", "pasv")])
def test_files_there_and_back(through, certificate, small_sample, tmp_path, name, method, tls):
    """Each session on another backend; the clients verify the certificates of the backends."""
    gate, servers = through(tls)
    server = Server(gate.host, gate.port, "writer", "lab", tls, certificate.cert)
    program = CLIENTS[name](method)
    program.put(server, small_sample)
    assert {k: v for s in servers for k, v in trees.hashes(s.files).items()} == trees.hashes(small_sample)
    for s in servers:  # so that either can serve what was put to one of them
        for path in small_sample.rglob("*"):
            target = s.files / path.relative_to(small_sample)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            elif not target.exists():
                target.write_bytes(path.read_bytes())
    back = tmp_path / "back"
    back.mkdir()
    program.get(server, back, trees.files(small_sample))
    assert trees.hashes(back) == trees.hashes(small_sample)
    assert "TLS passthrough between" in gate.log()
    ports = {int(p) for p in re.findall(r"Data connection of \S+ with 127\.0\.0\.\d:(\d+)", gate.log())}
    assert ports and all(any(s.first <= p < s.first + 10 for s in servers) for p in ports)


def test_data_reach_the_backend_of_the_session_only(through, certificate):
    """DC-02: a port of another backend's range is closed to the client, and so are all after the session."""
    gate, servers = through()
    with Raw(gate.host, gate.port) as raw:
        raw.greet()
        raw.expect("AUTH TLS", 234)
        passes = re.compile(r"TLS passthrough between \S+ and ftp://(127\.0\.0\.\d)")
        served = wait_until(lambda: passes.search(gate.log()), what="the passthrough session")[1]
        other = servers[1 - BACKENDS.index(served)]
        with raw.connect(other.first) as unexpected:
            assert unexpected.recv(1) == b""
    assert "Rejected data connection from unexpected peer" in gate.log()


def test_graceful_restart_under_sessions(through, sallyport, tmp_path):
    """G6: the new process takes over the passthrough ports; sessions of the old process continue."""
    gate, servers = through()
    content = os.urandom(8 << 20)
    for server in servers:
        (server.files / "f").write_bytes(content)

    def ask(*words):
        done = subprocess.run([sallyport, "gate", *words, "--control-socket", tmp_path / "gate.sock"], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def session():
        ftp = ftplib.FTP_TLS(timeout=10)
        ftp.context.check_hostname = False
        ftp.connect(gate.host, gate.port)
        ftp.login("writer", "lab")
        ftp.prot_p()
        return ftp

    def works(ftp):
        into = io.BytesIO()
        ftp.retrbinary("RETR f", into.write)
        assert into.getvalue() == content
        ftp.storbinary("STOR up", io.BytesIO(content[:100_000]))

    with session() as before, session() as running:
        works(before)
        running.voidcmd("TYPE I")
        data = running.transfercmd("RETR f")
        ask("restart")
        pid = json.loads(ask("status", "--json"))["pid"]
        assert pid != gate.pid
        try:
            works(before)
            with session() as after, session() as other:
                for ftp in (after, before, other):
                    works(ftp)
            assert b"".join(iter(lambda: data.recv(65536), b"")) == content, "what ran has not been cut"
            data.close()
            running.voidresp()
            before.quit()
            running.quit()
            wait_until(lambda: not gate.alive(), what="the predecessor's end")
            for server in servers:
                with Raw(gate.host, gate.port) as other, other.connect(server.first) as data:
                    assert data.recv(1) == b""
            with session() as last:
                works(last)
        finally:
            os.kill(pid, signal.SIGTERM)


def test_vsftpd_as_backend(start, certificate, small_sample, tmp_path):
    """A reference server with a fixed range, which requires that data connections resume the TLS session."""
    first = free_range(10)
    server = start.reference_server("vsftpd", tls="explicit", reuse=True, host="127.0.0.2", ports=(first, first + 9))
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.2:{server.port}?passthrough={first}-{first + 9}")
    there = Server(gate.host, gate.port, server.user, server.password, "explicit", certificate.cert, server.base)
    program = CLIENTS["lftp"]("epsv")  # curl does not resume after every upload
    program.put(there, small_sample)
    assert trees.hashes(server.files) == trees.hashes(small_sample)
    back = tmp_path / "back"
    back.mkdir()
    program.get(there, back, trees.files(small_sample))
    assert trees.hashes(back) == trees.hashes(small_sample)


def test_a_router_cannot_map_the_ports(sallyport):
    """It may grant other numbers, which the gateway cannot change in the encrypted replies."""
    done = subprocess.run([sallyport, "gate", "--listen", "127.0.0.1:0", "--backend", "ftp://127.0.0.2:2121?passthrough=30000-30009", "--map",
                           "--control-socket", "none"], capture_output=True, text=True, timeout=10)
    assert done.returncode != 0
    assert "backend ftp://127.0.0.2:2121: ports 30000-30009 cannot be mapped by --map, since their numbers are in encrypted" in done.stderr, done
    assert "forward them by hand and remove --map, or remove passthrough=" in done.stderr, done
