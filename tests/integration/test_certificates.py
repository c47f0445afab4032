"""Certificates of a running daemon: by server name, and replaced without a restart (G5, S2)."""

import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from give_away import give
from harness.daemon import wait_until


def make(folder, stem, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", folder / f"{stem}.key", "-out", folder / f"{stem}.pem"],
                   check=True, capture_output=True)
    return ssl.PEM_cert_to_DER_cert((folder / f"{stem}.pem").read_text())


def shown(daemon, name):
    """The certificate that a client with this server name (SNI) gets, over implicit TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((daemon.host, daemon.port), 10) as raw, context.wrap_socket(raw, server_hostname=name) as tls:
        assert tls.recv(100).startswith(b"220")
        return tls.getpeercert(binary_form=True)


@pytest.fixture(params=["serve", "gate"])
def daemon(request, start, tmp_path):
    certificates = {name: make(tmp_path, name, f"{name}.example.org") for name in ("one", "two")}
    options = ["--listen-tls", "127.0.0.1:0"]
    for name in certificates:
        options += ["--tls-cert", tmp_path / f"{name}.pem", "--tls-key", tmp_path / f"{name}.key"]
    if request.param == "serve":
        made = start("serve", tmp_path, "--anonymous", *options)
    else:
        backend = start("serve", tmp_path, "--anonymous", "--listen", "127.0.0.1:0")
        made = start("gate", "--backend", f"ftp://127.0.0.1:{backend.port}", *options)
    made.certificates = certificates
    return made


def test_by_server_name(daemon):
    for name, certificate in daemon.certificates.items():
        assert shown(daemon, f"{name}.example.org") == certificate
    assert shown(daemon, "else.example.org") == daemon.certificates["one"]


def test_new_file_is_presented(daemon, tmp_path):
    (tmp_path / "new").mkdir()
    renewed = make(tmp_path / "new", "one", "one.example.org")
    for part in ("key", "pem"):
        shutil.move(tmp_path / "new" / f"one.{part}", tmp_path / f"one.{part}")
        give(tmp_path / f"one.{part}")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: shown(daemon, "one.example.org") == renewed, what="the new certificate")
    assert shown(daemon, "two.example.org") == daemon.certificates["two"]


def test_unusable_file_is_reported_and_changes_nothing(daemon, tmp_path):
    (tmp_path / "two.pem").write_text("half of a")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "keeping the current one" in daemon.log(), what="a line in the log")
    assert "two.pem" in daemon.log()
    assert shown(daemon, "two.example.org") == daemon.certificates["two"]
