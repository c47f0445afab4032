"""The end of data under TLS (TLS-05): one rule for gateway and server, on both legs, for short transfers and long ones."""

import os
import socket
import ssl
import subprocess
import time

import pytest

from harness.raw import Raw

SIZES = (0, 1, 420, 70_000, 3 << 20)


def protect(raw):
    raw.expect("PBSZ 0", 200)
    raw.expect("PROT P", 200)


def login_over_tls(daemon):
    raw = Raw(daemon.host, daemon.port).login(tls=True)
    protect(raw)
    return raw


def store_over_tls(raw, name, content, close_notify):
    """The final reply to an upload that ends with close_notify, or with a FIN alone."""
    plain = raw.passive()
    raw.expect(f"STOR {name}", 150)
    data = raw.socket.context.wrap_socket(plain)
    raw.opened.append(data)
    data.sendall(content)
    if close_notify:
        data.unwrap().close()
    else:
        data.shutdown(socket.SHUT_WR)  # of TCP
    reply = raw.reply()
    data.close()
    return reply


def retrieve_and_leave(raw, name, size, close_notify):
    """The final reply to a download whose client closes after the last byte."""
    plain = raw.passive()
    raw.expect(f"RETR {name}", 150)
    data = raw.socket.context.wrap_socket(plain)
    raw.opened.append(data)
    got = 0
    while got < size:
        got += len(data.recv(min(65536, size - got)))
    time.sleep(0.02)
    data.setblocking(False)
    try:
        assert data.recv(1) == b""  # the close_notify, if it is here
    except (ssl.SSLWantReadError, BlockingIOError):
        pass
    data.setblocking(True)
    if close_notify:
        data.unwrap().close()
    else:
        data.shutdown(socket.SHUT_WR)
    reply = raw.reply()
    data.close()
    return reply


@pytest.fixture(params=["serve", "gate", "gate, TLS to the backend"])
def daemon(request, start, tmp_path, certificate):
    """start_it(*options): a server, or a gateway with a server as backend, and the directory that it serves."""

    def start_it(*options):
        files = tmp_path / "files"
        files.mkdir()
        own = ("--listen", "127.0.0.1:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key)
        serve = ("serve", files, "--user", "writer:lab")
        if request.param == "serve":
            return start(*serve, *own, *options), files
        server = start(*serve, *own)
        scheme = "ftpes" if "TLS" in request.param else "ftp"
        trust = ["--backend-ca", certificate.cert] if scheme == "ftpes" else []
        return start("gate", *own, "--backend", f"{scheme}://127.0.0.1:{server.port}", *trust, *options), files

    return start_it


@pytest.mark.parametrize("options, allowed", [
    ((), False),
    (("--allow-missing-close-notify", "10.0.0.0/8"), False),
    (("--allow-missing-close-notify", "all"), True),
    (("--allow-missing-close-notify", "10.0.0.0/8", "--allow-missing-close-notify", "127.0.0.0/8"), True),
])
def test_uploads_without_close_notify(daemon, options, allowed):
    """TLS-05: refused, since they may be truncated, except from clients for which the administrator accepts that."""
    there, files = daemon(*options)
    with login_over_tls(there) as raw:
        for size in SIZES:
            content = os.urandom(size)
            assert store_over_tls(raw, f"in-order-{size}", content, True).code == 226
            assert (files / f"in-order-{size}").read_bytes() == content
            reply = store_over_tls(raw, f"fin-{size}", content, False)
            if allowed:
                assert reply.code == 226, reply
                assert (files / f"fin-{size}").read_bytes() == content
            else:
                assert reply.code == 426, reply
                assert not (files / f"fin-{size}").exists()


def test_an_upload_cut_within_a_record_is_refused_in_any_case(daemon):
    there, files = daemon("--allow-missing-close-notify", "all")
    with login_over_tls(there) as raw:
        plain = raw.passive()
        raw.expect("STOR cut", 150)
        data = raw.socket.context.wrap_socket(plain)
        data.sendall(b"x" * 1000)
        beneath = socket.socket(fileno=os.dup(data.fileno()))
        beneath.sendall(b"\x17\x03\x03\x01\x00half a record")
        beneath.shutdown(socket.SHUT_WR)
        assert raw.reply().code == 426
        data.close()
        beneath.close()
    assert not (files / "cut").exists()


@pytest.mark.parametrize("close_notify", [True, False])
def test_a_client_that_closes_after_the_last_byte_has_the_file(daemon, close_notify):
    there, files = daemon()
    with login_over_tls(there) as raw:
        for size in SIZES:
            (files / f"f{size}").write_bytes(os.urandom(size))
            for _ in range(3):
                assert (reply := retrieve_and_leave(raw, f"f{size}", size, close_notify)).code == 226, reply


def test_a_rule_that_is_none(sallyport, start, tmp_path):
    done = subprocess.run([sallyport, "serve", tmp_path, "--allow-missing-close-notify", "some"], capture_output=True, text=True)
    assert done.returncode == 2 and "--allow-missing-close-notify some" in done.stderr and "10.0.0.0/8" in done.stderr


def test_a_backend_that_insists_on_a_good_end_gets_it(start, certificate):
    """vsftpd's strict_ssl_write_shutdown=YES answers 426 to an upload where its own close_notify meets a closed connection."""
    server = start.reference_server("vsftpd", tls="explicit", strict=True)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftpes://127.0.0.1:{server.port}", "--backend-ca", certificate.cert)
    with Raw(gate.host, gate.port) as raw:
        raw.login(server.user, server.password)
        for size in SIZES:
            content = os.urandom(size)
            for round_ in range(8 if size < 100_000 else 2):
                assert (done := raw.store(f"{server.base}/f{size}-{round_}", content)).code == 226, done
            assert raw.retrieve(f"{server.base}/f{size}-0") == content


def test_connections_that_wait_for_their_peer_do_not_stay(daemon):
    there, files = daemon()
    (files / "f").write_bytes(b"x" * 1000)
    fds = there.settled_fds()
    with login_over_tls(there) as raw:
        for _ in range(10):
            retrieve_and_leave(raw, "f", 1000, True)
    deadline = time.monotonic() + 10
    while there.fds() > fds:
        assert time.monotonic() < deadline
        time.sleep(0.05)
