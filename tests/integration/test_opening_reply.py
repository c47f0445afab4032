"""The 150 of a transfer through the gateway: not before both data connections are established, and without an internal address."""

import json
import socket
import subprocess

import pytest

from harness.raw import Raw, drain
from free_ports import free_port

BACKEND = "127.0.0.2"


@pytest.fixture
def gate(start, sallyport, tmp_path, certificate):
    files = tmp_path / "files"
    files.mkdir()
    (files / "f").write_bytes(b"content")
    server = start("serve", files, "--listen", f"{BACKEND}:0", "--user", "writer:lab")
    made = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://{BACKEND}:{server.port}", "--data-timeout", 2,
                 "--control-socket", tmp_path / "status", "--tls-cert", certificate.cert, "--tls-key", certificate.key)
    made.rejected = lambda: json.loads(subprocess.run(
        [sallyport, "gate", "status", "--json", "--control-socket", tmp_path / "status"], capture_output=True, check=True).stdout)["rejected"]
    return made


def port_command(port):
    return f"PORT 127,0,0,1,{port >> 8},{port & 255}"


def test_a_passive_client_gets_it_once_it_has_connected(gate):
    with Raw(gate.host, gate.port) as raw:
        port = raw.login().epsv_port()
        raw.send(b"RETR f\r\n")
        raw.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            raw.reply()
        raw.socket.settimeout(10)
        data = raw.connect(port)
        opening = raw.reply()
        assert opening.code == 150
        assert BACKEND not in opening.text
        assert drain(data) == b"content"
        assert raw.reply().code == 226


@pytest.mark.parametrize("verb", ["RETR f", "STOR new", "LIST"])
def test_a_client_that_does_not_connect_gets_425_alone(gate, verb):
    with Raw(gate.host, gate.port) as raw:
        raw.login().epsv_port()
        reply = raw.command(verb)
        assert reply.code == 425 and BACKEND not in reply.text
        raw.expect("NOOP", 200)
    assert gate.rejected()["data_timeout"] == 1 and gate.rejected()["active_connect_failed"] == 0


@pytest.mark.parametrize("verb", ["RETR f", "STOR new", "LIST"])
def test_an_active_client_that_cannot_be_reached_gets_425_alone(gate, verb):
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        raw.expect(port_command(free_port()), 200)
        reply = raw.command(verb)
        assert reply.code == 425 and BACKEND not in reply.text
        raw.expect("NOOP", 200)
    assert gate.rejected()["active_connect_failed"] == 1 and gate.rejected()["data_timeout"] == 0
    assert "0.0.0.0:0" not in gate.log()


def test_an_active_client_is_connected_to_before_the_150(gate):
    with Raw(gate.host, gate.port) as raw, socket.create_server(("127.0.0.1", 0)) as listener:
        raw.login()
        raw.expect(port_command(listener.getsockname()[1]), 200)
        assert raw.command("RETR f").code == 150
        listener.settimeout(0)
        data = listener.accept()[0]  # it waits there already
        data.settimeout(10)
        assert drain(data) == b"content"
        data.close()
        assert raw.reply().code == 226


def test_a_server_counts_active_connections_that_fail(start, sallyport, tmp_path):
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--control-socket", tmp_path / "status")
    with Raw(server.host, server.port) as raw:
        raw.login()
        raw.expect(port_command(free_port()), 200)
        assert raw.command("LIST").code == 425
    status = json.loads(subprocess.run([sallyport, "serve", "status", "--json", "--control-socket", tmp_path / "status"],
                                     capture_output=True, check=True).stdout)["rejected"]
    assert status["active_connect_failed"] == 1 and status["data_timeout"] == 0


@pytest.mark.parametrize("kind", ["vsftpd", "proftpd", "pure-ftpd"])
def test_no_reply_of_a_reference_server_names_it(start, kind):
    server = start.reference_server(kind, host=BACKEND)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://{BACKEND}:{server.port}")
    said = []
    with Raw(gate.host, gate.port) as raw:
        said.append(raw.reply())
        for line in (f"USER {server.user}", f"PASS {server.password}", "SYST", "STAT", "HELP", "PWD", "CWD nowhere"):
            said.append(raw.command(line))
        for verb in ("LIST", f"STOR {server.base}/f", f"RETR {server.base}/f", "RETR none"):
            with raw.passive() as data:
                said.append(raw.command(verb))
                if said[-1].code == 150:
                    data.shutdown(socket.SHUT_WR)
                    drain(data)
                    said.append(raw.reply())
        said.append(raw.command("QUIT"))
    for reply in said:
        assert BACKEND not in reply.text and BACKEND.replace(".", ",") not in reply.text, reply
