"""A client that closes its direction of the control connection after the last command, such as a script piped into a tool."""

import os
import socket

import pytest

from harness.daemon import wait_until
from harness.raw import Closed, Raw, drain


@pytest.fixture
def pair(start, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "large").write_bytes(os.urandom(8 << 20))
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}")
    return gate, files


def end_input(raw):
    raw.socket.shutdown(socket.SHUT_WR)


def codes_to_the_end(raw):
    """Every reply until the peer closes."""
    codes = []
    while True:
        try:
            codes.append(raw.reply().code)
        except Closed as rest:
            assert not str(rest), f"half a line: {rest}"
            return codes


@pytest.mark.parametrize("quit_", ["", "QUIT\r\n"])
def test_every_command_is_served(pair, quit_):
    gate, files = pair
    with Raw(gate.host, gate.port) as raw:
        raw.send(f"USER writer\r\nPASS lab\r\nMKD in\r\nCWD in\r\nPWD\r\nNOOP\r\nDELE nothing\r\n{quit_}".encode())
        end_input(raw)
        assert codes_to_the_end(raw) == [220, 331, 230, 257, 250, 257, 200, 550, 221]
    assert (files / "in").is_dir()


def test_a_silent_client_gets_421(pair):
    gate, _ = pair
    with Raw(gate.host, gate.port) as raw:
        end_input(raw)
        assert codes_to_the_end(raw) == [220, 221]


def test_half_a_command_is_none(pair):
    gate, files = pair
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        raw.send(b"NOOP\r\nDELE large")
        end_input(raw)
        assert codes_to_the_end(raw) == [200, 221]
    assert (files / "large").exists()


def test_a_download_runs_to_its_end(pair):
    gate, files = pair
    with Raw(gate.host, gate.port) as raw:
        data = raw.login().passive()
        raw.send(b"RETR large\r\nPWD\r\n")
        end_input(raw)
        assert drain(data) == (files / "large").read_bytes()
        assert codes_to_the_end(raw) == [150, 226, 257, 221]


def test_an_upload_that_ended_before_counts(pair):
    gate, files = pair
    with Raw(gate.host, gate.port) as raw:
        data = raw.login().passive()
        raw.send(b"STOR new\r\n")
        assert raw.reply().code == 150
        data.sendall(b"all of it")
        data.close()
        assert raw.reply().code == 226
        end_input(raw)
        assert codes_to_the_end(raw) == [221]
    assert (files / "new").read_bytes() == b"all of it"


@pytest.mark.parametrize("size", [0, 1, 9, 3 << 20])
@pytest.mark.parametrize("quit_", [b"", b"QUIT\r\n"])
def test_an_upload_that_ends_after_it_does_not(pair, size, quit_):
    """The backend publishes nothing, since the gateway aborts its data connection."""
    gate, files = pair
    with Raw(gate.host, gate.port) as raw:
        data = raw.login().passive()
        raw.send(b"STOR new\r\nPWD\r\n" + quit_)
        assert raw.reply().code == 150
        end_input(raw)
        data.sendall(b"x" * size)
        data.close()
        codes = codes_to_the_end(raw)
        assert codes[0] in (425, 426) and codes[1:] == [257, 221]
    assert not (files / "new").exists()


@pytest.mark.parametrize("kind", ["vsftpd", "proftpd", "pure-ftpd"])
@pytest.mark.parametrize("tls", ["none", "explicit"])
def test_a_reference_server_learns_of_the_interruption(start, certificate, kind, tls):
    server = start.reference_server(kind, tls=tls)
    scheme = "ftp" if tls == "none" else "ftpes"
    trust = ["--backend-ca", certificate.cert] if scheme == "ftpes" else []
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"{scheme}://127.0.0.1:{server.port}", *trust)
    with Raw(gate.host, gate.port) as raw:
        data = raw.login(server.user, server.password).passive()
        raw.send(f"STOR {server.base}/new\r\n".encode())
        assert raw.reply().code == 150
        end_input(raw)
        data.sendall(b"x" * 100_000)
        data.close()
        assert codes_to_the_end(raw) == [426, 221]
    assert "interrupted: incomplete" in gate.log()


def test_a_client_that_is_gone_leaves_nothing(pair):
    gate, _ = pair
    fds = gate.settled_fds()
    for _ in range(20):
        with Raw(gate.host, gate.port) as raw:
            data = raw.login().passive()
            raw.expect("RETR large", 150)
            data.close()
    wait_until(lambda: gate.fds() <= fds, what="all descriptors closed")
