"""One record for each transfer, over all four sockets of a gateway and both of a server (G12)."""

import json
import os
import shlex
import signal
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Raw, drain, vanish


def records(file, count):
    """The records as dictionaries, when there are `count`."""

    def read():
        lines = file.read_text().splitlines() if file.exists() else []
        return lines if len(lines) >= count else None

    lines = wait_until(read, what=f"{count} records in {file.name}")
    assert len(lines) == count
    return [json.loads(line) if line.startswith("{") else dict(word.split("=", 1) for word in shlex.split(line, posix=True))
            for line in lines]


@pytest.fixture
def pair(start, tmp_path, certificate):
    """A gateway with optional TLS on the client leg, and its backend; both write records."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "small").write_bytes(b"x" * 420)
    (files / "large").write_bytes(os.urandom(64 << 20))
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--transfer-log", tmp_path / "server.log",
                   "--transfer-log-format", "json")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--stall-timeout", 1,
                 "--transfer-log", tmp_path / "gate.log")
    return gate, server


def test_the_fields_of_a_record(pair, tmp_path):
    gate, server = pair
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        client = "{}:{}".format(*raw.socket.getsockname())
        assert raw.store('/in " result=forged', b"y" * 1000).code == 226
        address, port = raw.pasv()
        with raw.connect(port) as data:
            raw.expect("RETR /small", 150)
            assert len(drain(data)) == 420
        assert raw.reply().code == 226
        raw.passive()
        raw.expect("RETR /missing", 550)
    up, down, missing = records(tmp_path / "gate.log", 3)
    assert up["path"] == r"/in \x22 result=forged" or up["path"] == '/in x22 result=forged'  # as shlex unescapes it
    both = {"user": "writer", "client": client, "backend": f"ftp://127.0.0.1:{server.port}", "client_control": "plain",
            "client_data": "plain", "backend_control": "plain", "backend_data": "plain"}
    assert both.items() <= up.items() and both.items() <= down.items()
    assert {"verb": "STOR", "direction": "upload", "client_method": "EPSV", "client_bytes_in": "1000", "client_bytes_out": "0",
            "backend_method": "EPSV", "backend_bytes_in": "0", "backend_bytes_out": "1000", "result": "complete",
            "reply_code": "226"}.items() <= up.items()
    assert {"verb": "RETR", "path": "/small", "direction": "download", "client_method": "PASV", "client_bytes_in": "0",
            "client_bytes_out": "420", "backend_bytes_in": "420", "result": "complete"}.items() <= down.items()
    assert {"path": "/missing", "result": "refused", "reply_code": "550"}.items() <= missing.items()

    up, down, missing = records(tmp_path / "server.log", 3)
    assert (up["path"], up["client_bytes_in"], up["result"], up["reply_code"]) == ('/in " result=forged', 1000, "complete", 226)
    assert (down["client_method"], down["client_bytes_out"]) == ("EPSV", 420)
    assert (missing["result"], missing["reply_code"]) == ("refused", 550)
    assert "backend" not in up


def test_records_name_files_by_absolute_paths(pair, tmp_path):
    """In any working directory, however the client changed to it."""
    gate, server = pair
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        raw.expect("MKD a", 257)
        raw.expect("CWD a", 250)
        raw.expect("MKD b c", 257)
        assert raw.store("f9", b"y").code == 226
        raw.expect("CWD b c", 250)
        assert raw.retrieve("../f9") == b"y"
        raw.expect("RNFR ../f9", 350)
        raw.expect("RNTO f10", 250)
        raw.expect("DELE gone", 550)
        raw.expect("DELE /a/b c/./f10", 250)
        raw.expect("CDUP", 250, 200)
        raw.expect("RMD b c", 250)
        raw.expect("CWD nowhere", 550)
        with raw.passive() as data:
            raw.expect("LIST -a", 150)
            drain(data)
        assert raw.reply().code == 226
    wanted = [("MKD", "/a", "/", 257), ("MKD", "/a/b c", "/a", 257), ("STOR", "/a/f9", "/a", 226), ("RETR", "/a/f9", "/a/b c", 226),
              ("RNTO", "/a/b c/f10", "/a/b c", 250), ("DELE", "/a/b c/gone", "/a/b c", 550),
              ("DELE", "/a/b c/f10", "/a/b c", 250), ("RMD", "/a/b c", "/a", 250), ("LIST", "/a", "/a", 226)]
    both = {}
    for name in ("gate", "server"):
        records_read = both[name] = records(tmp_path / f"{name}.log", len(wanted))
        assert [(r["verb"], r["path"], r["cwd"], int(r["reply_code"])) for r in records_read] == wanted, name
        assert [r["from"] for r in records_read if "from" in r] == ["/a/f9"]
        assert [r["result"] for r in records_read] == ["refused" if r["path"].endswith("gone") else "complete" for r in records_read]
        assert all(r["user"] == "writer" and r["client"].startswith("127.0.0.1:") for r in records_read)
    assert all(r["backend"] == f"ftp://127.0.0.1:{server.port}" for r in both["gate"])
    # What has no data connection has no fields of one.
    assert not [key for key in both["server"][0] if "bytes" in key or "method" in key or key == "direction"]


@pytest.mark.parametrize("kind", ["vsftpd", "proftpd", "pure-ftpd"])
def test_records_know_where_a_login_begins(start, tmp_path, kind):
    """The home directory of a user need not be the root, and not every client sends PWD."""
    server = start.reference_server(kind)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--transfer-log",
                 tmp_path / "gate.log")
    with Raw(gate.host, gate.port) as raw:
        raw.login(server.user, server.password)
        if server.base:
            raw.expect(f"CWD {server.base.lstrip('/')}", 250)
        assert raw.store("f", b"y").code == 226
        raw.expect("DELE f", 250)
    stored, deleted = records(tmp_path / "gate.log", 2)
    assert stored["path"] == deleted["path"] == f"{server.base}/f"
    assert stored["cwd"] == deleted["cwd"] == (server.base or "/")


def test_the_log_has_a_line_for_each_login(start, tmp_path, certificate):
    files = tmp_path / "files"
    files.mkdir()
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--tls-cert", certificate.cert, "--tls-key",
                   certificate.key)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--tls-cert", certificate.cert,
                 "--tls-key", certificate.key)
    for daemon in (gate, server):
        for tls in (False, True):
            for password in ("lab", "wrong"):
                with Raw(daemon.host, daemon.port) as raw:
                    raw.greet()
                    client = "{}:{}".format(*raw.socket.getsockname())
                    if tls:
                        raw.start_tls()
                    raw.expect("USER writer", 331)
                    raw.expect(f"PASS {password}", 230 if password == "lab" else 530)
                over = "TLSv1.3" if tls else "an unencrypted connection"
                result = "accepted" if password == "lab" else "refused, 530"
                wait_until(lambda: f'Login of "writer" from {client} over {over}: {result}' in daemon.log(), what="the line")


def test_which_side_interrupted_a_transfer(pair, tmp_path):
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
    records_read = records(tmp_path / "gate.log", 5)
    assert [r["result"] for r in records_read] == ["client_failed", "client_failed", "timeout", "aborted", "backend_failed"]
    assert [r["reply_code"] for r in records_read] == ["426", "0", "426", "426", "426"]
    assert all(0 < int(r["client_bytes_out"]) <= int(r["backend_bytes_in"]) < 64 << 20 for r in records_read)


ENDINGS = {
    "abort": lambda raw, data: raw.send(b"ABOR\r\n"),
    "abort and reset the data": lambda raw, data: (raw.send(b"ABOR\r\n"), vanish(data)),
    "abort and reset the session": lambda raw, data: (raw.send(b"ABOR\r\n"), raw.reset()),
    "close the data": lambda raw, data: data.close(),
    "reset the data": lambda raw, data: vanish(data),
    "reset the session": lambda raw, data: raw.reset(),
    "quit": lambda raw, data: raw.send(b"QUIT\r\n"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_aborted_transfer_has_one_record(pair, tmp_path, ending):
    """Whenever it ends: before the data connection is used, during the transfer, and when it is nearly complete."""
    for daemon in pair:
        for command in ("RETR /large", "RETR /small", "STOR /new", "LIST /"):
            for pause in (0, 0.001, 0.01, 0.05):
                with Raw(daemon.host, daemon.port) as raw:
                    raw.login()
                    data = raw.passive()
                    raw.send(command.encode() + b"\r\n")
                    time.sleep(pause)
                    ENDINGS[ending](raw, data)
                    data.close()
    for name, daemon in zip(("gate", "server"), pair):
        daemon.stop()
        lines = (tmp_path / f"{name}.log").read_text().splitlines()
        read = [json.loads(line) if name == "server" else dict(word.split("=", 1) for word in shlex.split(line)) for line in lines]
        sessions = [record["session"] for record in read]
        assert sessions and len(set(sessions)) == len(sessions), [r for r in read if sessions.count(r["session"]) > 1]


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
