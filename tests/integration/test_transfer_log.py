"""One record for each transfer, over all four sockets of a gateway and both of a server (G12)."""

import json
import os
import shlex
import signal

import pytest

from harness.daemon import wait_until
from harness.raw import Raw, drain, vanish


def records(file, count):
    """The records as dictionaries, once there are so many."""

    def read():
        lines = file.read_text().splitlines() if file.exists() else []
        return lines if len(lines) >= count else None

    lines = wait_until(read, what=f"{count} records in {file.name}")
    assert len(lines) == count
    return [json.loads(line) if line.startswith("{") else dict(word.split("=", 1) for word in shlex.split(line, posix=True))
            for line in lines]


@pytest.fixture
def pair(start, tmp_path, certificate):
    """A gateway with TLS possible in front, a server behind; both keep records."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "small").write_bytes(b"x" * 420)
    (files / "large").write_bytes(os.urandom(64 << 20))
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--transfer-log", tmp_path / "server.log",
                   "--transfer-log-format", "json")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--stall-timeout", 1,
                 "--transfer-log", tmp_path / "gate.log")
    return gate, server


def test_what_a_record_tells(pair, tmp_path):
    gate, server = pair
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        client = "{}:{}".format(*raw.socket.getsockname())
        assert raw.store('/in " end=forged', b"y" * 1000).code == 226
        address, port = raw.pasv()
        raw.expect("RETR /small", 150)
        with raw.connect(port) as data:
            assert len(drain(data)) == 420
        assert raw.reply().code == 226
        raw.passive()
        raw.expect("RETR /missing", 550)
    up, down, missing = records(tmp_path / "gate.log", 3)
    assert up["path"] == r"/in \x22 end=forged" or up["path"] == '/in x22 end=forged'  # as shlex unescapes it
    both = {"user": "writer", "client": client, "backend": f"ftp://127.0.0.1:{server.port}", "client_control": "plain",
            "client_data": "plain", "backend_control": "plain", "backend_data": "plain"}
    assert both.items() <= up.items() and both.items() <= down.items()
    assert {"verb": "STOR", "direction": "upload", "client_method": "EPSV", "client_bytes_in": "1000", "client_bytes_out": "0",
            "backend_method": "EPSV", "backend_bytes_in": "0", "backend_bytes_out": "1000", "end": "complete",
            "reply": "226"}.items() <= up.items()
    assert {"verb": "RETR", "path": "/small", "direction": "download", "client_method": "PASV", "client_bytes_in": "0",
            "client_bytes_out": "420", "backend_bytes_in": "420", "end": "complete"}.items() <= down.items()
    assert {"path": "/missing", "end": "refused", "reply": "550"}.items() <= missing.items()

    up, down, missing = records(tmp_path / "server.log", 3)
    assert (up["path"], up["client_bytes_in"], up["end"], up["reply"]) == ('/in " end=forged', 1000, "complete", 226)
    assert (down["client_method"], down["client_bytes_out"]) == ("EPSV", 420)
    assert (missing["end"], missing["reply"]) == ("refused", 550)
    assert "backend" not in up


def test_who_cut_a_transfer(pair, tmp_path):
    gate, server = pair

    def begin():
        raw = Raw(gate.host, gate.port).login()
        data = raw.passive()
        raw.expect("RETR /large", 150)
        assert data.recv(1)
        return raw, data

    raw, data = begin()
    vanish(data)
    assert raw.reply().code == 426
    raw.close()
    raw, data = begin()
    raw.reset()
    records(tmp_path / "gate.log", 2)
    raw, data = begin()  # reads nothing more
    assert raw.reply().code == 426
    raw.close()
    raw, data = begin()
    raw.command("ABOR")
    raw.close()
    records(tmp_path / "gate.log", 4)
    raw, data = begin()
    server.kill()
    assert raw.reply().code == 426
    raw.close()
    told = records(tmp_path / "gate.log", 5)
    assert [r["end"] for r in told] == ["client", "client", "deadline", "aborted", "backend"]
    assert [r["reply"] for r in told] == ["426", "0", "426", "426", "426"]
    assert all(0 < int(r["client_bytes_out"]) <= int(r["backend_bytes_in"]) < 64 << 20 for r in told)


def test_rotation(pair, tmp_path):
    gate, _ = pair
    log = tmp_path / "gate.log"
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        for number, sign in enumerate((signal.SIGUSR1, signal.SIGHUP), 1):
            raw.retrieve("/small")
            records(log, 1)
            log.rename(tmp_path / f"gate.log.{number}")
            gate.process.send_signal(sign)
            wait_until(log.exists, what="the new file")
        raw.retrieve("/small")
    records(log, 1)
