"""Threats to a gateway that are not tested elsewhere; each test names its row."""

import contextlib
import json
import os
import signal
import shutil
import socket
import ssl
import subprocess

import pytest

from give_away import give
from harness import certificates
from harness.clients import TlsFtp
from harness.daemon import wait_until
from harness.raw import Closed, Raw


@pytest.fixture
def server(start, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "old.txt").write_text("the old content")
    return start("serve", root, "--listen", "127.0.0.1:0", "--user", "writer:lab")


@pytest.fixture
def gated(start, server, tmp_path):
    """gated(OPTIONS...): a gateway in front of the server, with its control socket in .socket."""
    def make(*options):
        place = tmp_path / "gate.sock"
        gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--control-socket", place,
                     "--no-login-penalties", *options)
        gate.socket = place
        return gate
    return make


def openings(gate):
    asked = subprocess.run([gate.argv[0], "gate", "--control-socket", gate.socket, "status", "--json", "--limit", "0"], capture_output=True, check=True, timeout=10)
    return [each for session in json.loads(asked.stdout)["sessions"] for each in session["openings"]]


def admitted(gate, port):
    """Whether a listener at that port sends data or keeps the connection open."""
    with contextlib.suppress(OSError), socket.create_connection((gate.host, port), 2) as probe:
        return probe.recv(1) != b""
    return False


def quit_politely(raw):
    raw.expect("QUIT", 221)


def leave(raw):
    raw.socket.shutdown(socket.SHUT_RDWR)


def ask_again(raw):
    raw.epsv_port()


def idle(raw):
    with contextlib.suppress(Closed):
        assert raw.reply().code == 421


@pytest.mark.parametrize("end", [quit_politely, leave, Raw.reset, ask_again, idle], ids=lambda end: end.__name__)
def test_gw05_an_opening_ends_with_its_reason(gated, end):
    """GW-05: after the end of a session or a new PASV, a reserved port admits no connection, and nothing of it remains."""
    gate = gated("--idle-timeout", 1)
    raws = [Raw(gate.host, gate.port).login() for _ in range(20)]
    reserved = [raw.epsv_port() for raw in raws]
    assert len(openings(gate)) == len(raws)
    for raw in raws:
        end(raw)
    if end is ask_again:
        assert len(openings(gate)) == len(raws), "one for each, not two"
        for raw in raws:
            raw.close()
    wait_until(lambda: not openings(gate), 3, "all openings gone")
    assert not any(admitted(gate, port) for port in set(reserved))


def test_gw09_a_client_does_not_choose_its_backend(gated):
    """GW-09: names that contain an address are names, HOST finds no host, and the gateway connects to no host."""
    gate = gated()
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.3)
        port = inside.getsockname()[1]
        for user in (f"bob@127.0.0.1:{port}", f"bob@127.0.0.1", f"127.0.0.1:{port}"):
            with Raw(gate.host, gate.port) as raw:
                raw.greet()
                raw.expect(f"USER {user}", 331)
                raw.expect("PASS secret", 530)
        with Raw(gate.host, gate.port) as raw:
            raw.greet()
            raw.expect("HOST 169.254.169.254", 500, 502, 504)
            raw.expect(f"HOST 127.0.0.1:{port}", 500, 501, 502, 504)
        with pytest.raises(TimeoutError):
            inside.accept()


def renew(certificate, cert, key):
    shutil.copy(certificate.key, f"{key}.new")
    shutil.copy(certificate.cert, f"{cert}.new")
    os.replace(f"{key}.new", key)
    os.replace(f"{cert}.new", cert)
    give(cert)
    give(key)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls12_sessions_outlive_a_new_certificate(gated, certificate, tmp_path, version):
    """TLS-12: sessions from before a reload still resume their TLS session on data connections, if that is required."""
    cert, key = tmp_path / "in-use.pem", tmp_path / "in-use.key"
    renew(certificate, cert, key)
    gate = gated("--tls-cert", cert, "--tls-key", key, "--tls-reuse", "require")
    context = ssl.create_default_context(cafile=certificate.cert)
    context.minimum_version = context.maximum_version = version
    ftp = TlsFtp(context=context, timeout=10)
    ftp.method = "epsv"
    ftp.connect(gate.host, gate.port)
    ftp.login("writer", "lab")
    ftp.prot_p()
    received = []
    ftp.retrbinary("RETR old.txt", received.append)
    (tmp_path / "other").mkdir()
    other = certificates.make(tmp_path / "other")
    renew(other, cert, key)
    gate.process.send_signal(signal.SIGHUP)

    def presented():
        asked = ssl.create_default_context()
        asked.check_hostname, asked.verify_mode = False, ssl.CERT_NONE
        with Raw(gate.host, gate.port) as raw:
            raw.greet()
            raw.expect("AUTH TLS", 234)
            with asked.wrap_socket(raw.socket) as tls:
                return tls.getpeercert(binary_form=True)

    wait_until(lambda: presented() == ssl.PEM_cert_to_DER_cert(other.cert.read_text()), what="the new certificate")
    ftp.retrbinary("RETR old.txt", received.append)
    assert b"".join(received) == b"the old content" * 2
    ftp.quit()
