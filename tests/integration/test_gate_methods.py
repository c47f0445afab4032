"""The data method of each leg is independent: any method of the client with any method of the backend (G8, S4)."""

import os
import re
import socket

import pytest

from harness import trees
from harness.clients import CLIENTS, Server
from harness.raw import Raw, drain

METHODS = ("epsv", "pasv", "eprt", "port")
EXTENDED = ("epsv", "eprt")  # those with room for an IPv6 address
BACKENDS = ("sallyport", "vsftpd")


class Backend:
    """A backend, ours or a reference server."""

    def __init__(self, start, kind, folder, host="127.0.0.1", tls=None, **extra):
        if kind == "sallyport":
            options = ["--tls-cert", tls.cert, "--tls-key", tls.key] if tls else []
            self.server = start("serve", folder, "--listen", f"{bracketed(host)}:0", "--user", "writer:lab", *options)
            self.login, self.base, self.files = ("writer", "lab"), "", folder
        else:
            self.server = start.reference_server(kind, host=host, tls="explicit" if tls else "none", **extra)
            self.login, self.base, self.files = (self.server.user, self.server.password), self.server.base, self.server.files
        self.url = f"{'ftpes' if tls else 'ftp'}://{bracketed(host)}:{self.server.port}"


def bracketed(host):
    return f"[{host}]" if ":" in host else host


@pytest.fixture(scope="module")
def pairs(start_for_module, tmp_path_factory):
    """pairs(kind, policy, gate_host, backend_host): a gateway at the address `gate_host`, and its backend at `backend_host`."""
    backends, gates = {}, {}

    def pair(kind, policy, gate_host="127.0.0.1", backend_host="127.0.0.1"):
        if (kind, backend_host) not in backends:
            backends[kind, backend_host] = Backend(start_for_module, kind, tmp_path_factory.mktemp("files"), backend_host)
        backend = backends[kind, backend_host]
        key = kind, policy, gate_host, backend_host
        if key not in gates:
            gates[key] = start_for_module("gate", "--listen", f"{bracketed(gate_host)}:0", "--backend", backend.url,
                                          "--backend-data-mode", policy)
        return gates[key], backend

    return pair


def negotiate(raw, method):
    """Negotiates a data connection; returns a function that returns it after the 150, which the gateway sends once it is established."""
    if method in ("epsv", "pasv"):
        data = raw.connect(raw.epsv_port() if method == "epsv" else raw.pasv()[1])
        return lambda: data
    ipv6 = ":" in raw.host
    listener = socket.create_server((raw.host, 0), family=socket.AF_INET6 if ipv6 else socket.AF_INET)
    listener.settimeout(10)
    raw.opened.append(listener)
    port = listener.getsockname()[1]
    if method == "eprt":
        raw.expect(f"EPRT |{2 if ipv6 else 1}|{raw.host}|{port}|", 200)
    else:
        raw.expect(f"PORT {raw.host.replace('.', ',')},{port // 256},{port % 256}", 200)
    return lambda: listener.accept()[0]


def up_and_down(gate, backend, method):
    """Uploads and downloads a file in one session; returns the backend methods in the log of the gateway."""
    content, name = os.urandom(300_000), f"{backend.base}/by-{method}"
    before = len(gate.log())
    with Raw(gate.host, gate.port) as raw:
        raw.login(*backend.login)
        dial = negotiate(raw, method)
        raw.expect(f"STOR {name}", 150, 125)
        with dial() as data:
            data.sendall(content)
        assert (done := raw.reply()).code == 226, done
        dial = negotiate(raw, method)
        raw.expect(f"RETR {name}", 150, 125)
        with dial() as data:
            assert drain(data) == content
        assert (done := raw.reply()).code == 226, done
    return re.findall(rf"client {method.upper()} \S+, backend (\w+) ", gate.log()[before:])


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("backend_method", METHODS)
@pytest.mark.parametrize("client_method", METHODS)
def test_every_pair(pairs, kind, client_method, backend_method):
    assert up_and_down(*pairs(kind, backend_method), client_method) == [backend_method.upper()] * 2


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("backend_method", EXTENDED)
@pytest.mark.parametrize("client_method", METHODS)
def test_ipv4_clients_of_an_ipv6_backend(pairs, kind, client_method, backend_method):
    assert up_and_down(*pairs(kind, backend_method, "127.0.0.1", "::1"), client_method) == [backend_method.upper()] * 2


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("backend_method", METHODS)
@pytest.mark.parametrize("client_method", EXTENDED)
def test_ipv6_clients_of_an_ipv4_backend(pairs, kind, client_method, backend_method):
    assert up_and_down(*pairs(kind, backend_method, "::1", "127.0.0.1"), client_method) == [backend_method.upper()] * 2


@pytest.mark.parametrize("policy,client_method,address,backend_method", [
    ("match", "pasv", "127.0.0.1", "PASV"), ("match", "port", "127.0.0.1", "PORT"), ("match", "port", "::1", "EPRT"),
    ("match", "pasv", "::1", "EPSV"), ("active", "pasv", "127.0.0.1", "EPRT"), ("passive", "port", "127.0.0.1", "EPSV"),
])
def test_policies(pairs, policy, client_method, address, backend_method):
    assert up_and_down(*pairs("sallyport", policy, "127.0.0.1", address), client_method) == [backend_method] * 2


def test_a_server_without_active_mode_is_asked_for_passive(start, tmp_path):
    backend = Backend(start, "vsftpd", tmp_path, active=False)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", backend.url, "--backend-data-mode", "active")
    assert up_and_down(gate, backend, "port") == ["EPSV"] * 2
    exact = start("gate", "--listen", "127.0.0.1:0", "--backend", backend.url, "--backend-data-mode", "port")
    with Raw(exact.host, exact.port) as raw:
        raw.login(*backend.login)
        assert "refused PORT" in raw.expect("EPSV", 425).text
        raw.expect(f"LIST {backend.base}", 425)


@pytest.mark.parametrize("kind,backend_method", [("sallyport", "eprt"), ("sallyport", "pasv"), ("vsftpd", "port"), ("vsftpd", "epsv")])
@pytest.mark.parametrize("client_method", EXTENDED)
def test_tls_on_both_legs(start, certificate, small_sample, tmp_path, kind, client_method, backend_method):
    """G10: in both modes, the FTP client is the TLS client; vsftpd demands that each connection resumes its session."""
    folder = tmp_path / "files"
    folder.mkdir()
    backend = Backend(start, kind, folder, tls=certificate, reuse=True)
    gate = start("gate", "--listen", "127.0.0.1:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--backend",
                 backend.url, "--backend-ca", certificate.cert, "--backend-data-mode", backend_method)
    server = Server(gate.host, gate.port, *backend.login, "explicit", certificate.cert, backend.base)
    program = CLIENTS["ftplib"](client_method)
    program.put(server, small_sample)
    assert trees.hashes(backend.files) == trees.hashes(small_sample)
    back = tmp_path / "back"
    back.mkdir()
    program.get(server, back, trees.files(small_sample))
    assert trees.hashes(back) == trees.hashes(small_sample)
    assert re.search(rf"client {client_method.upper()} \S+, backend {backend_method.upper()} ", gate.log())
