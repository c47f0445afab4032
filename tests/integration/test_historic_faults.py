"""Faults of other FTP programs for which no other test exists; docs/historic-faults.md names the test of each."""

import random
import socket
import struct
import subprocess

import pytest

from harness.raw import Raw, drain

FORMATS = ("%n%n%n%n", "%s%s%s%s%s%s", "%x.%x.%99999999d", "{}{0}{:999999999}", "$(touch here)", "`touch here`;touch here", "' OR 1=1 --")
VERBS = ("USER", "CWD", "MKD", "DELE", "SIZE", "MDTM", "MLST", "RETR", "STAT", "LIST", "NLST", "SITE", "SITE EXEC", "HELP", "OPTS", "LANG", "HOST",
         "TYPE", "PORT", "EPRT", "RNFR", "ALLO", "REST", "XYZZY")
CONTENT = {"mine": b"mine" * 50_000, "other": b"other" * 50_000}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for name, content in CONTENT.items():
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def server(start, folder):
    return start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--log-level", "debug")


@pytest.fixture(params=["serve", "gate"])
def front(request, start, server):
    if request.param == "serve":
        return server
    return start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--log-level", "debug")


def serves(daemon):
    assert daemon.alive(), daemon.log()
    with Raw(daemon.host, daemon.port) as raw:
        assert raw.login().retrieve("mine") == CONTENT["mine"]
        raw.expect("QUIT", 221)


def test_formats_in_arguments_are_text(front, folder):
    """CVE-2000-0573 CVE-2001-0187 CVE-2012-10055: they are neither interpreted nor executed, in replies, names and logs."""
    before = {path.name for path in folder.iterdir()}
    with Raw(front.host, front.port) as raw:
        raw.greet()
        for text in FORMATS:
            raw.expect(f"USER {text}", 331)
            raw.expect(f"PASS {text}", 530, 421)
            if text == FORMATS[1]:
                break
    with Raw(front.host, front.port) as raw:
        raw.login()
        for text in FORMATS:
            for verb in VERBS[1:]:
                reply = raw.command(f"{verb} {text}")
                if reply.code == 150:
                    reply = raw.reply()
                assert len(reply.text) < 4000, f"{verb} {text}: {len(reply.text)} bytes"
            assert (folder / text).is_dir(), f"MKD {text!r} has made {[path.name for path in folder.iterdir()]}"
            raw.expect(f"RMD {text}", 250)
    assert {path.name for path in folder.iterdir()} == before
    assert FORMATS[0] in front.log(), "the log has the text as it was sent"
    serves(front)


@pytest.mark.limit(120)
def test_commands_during_a_transfer_change_no_file(front):
    """CVE-2011-4130 CVE-2020-9273 CVE-2023-24042: a transfer has the file that its command named, whatever follows it."""
    source = random.Random(11)
    following = ("CWD /", "USER other", "RETR other", "RNFR other", "REST 5", "TYPE A", "STAT", "PASV", "PORT 127,0,0,1,200,1", "REIN", "ABOR", "MKD other/x")
    for _ in range(60):
        with Raw(front.host, front.port) as raw:
            raw.login()
            with raw.passive() as data:
                lines = ["RETR mine", *source.sample(following, 3)]
                raw.send("".join(f"{line}\r\n" for line in lines).encode())
                if source.random() < 0.2:
                    raw.reset()  # in the middle of the transfer
                    continue
                try:
                    got = drain(data)
                except ConnectionResetError:
                    got = None  # ABOR, or a data connection that another command has replaced
            assert got is None or CONTENT["mine"].startswith(got), f"after {lines} the transfer had bytes of another file"
            assert got == CONTENT["mine"] or "ABOR" in lines, f"after {lines} the transfer was not complete"
    serves(front)


def test_clients_that_leave_at_once_do_no_harm(front):
    """CVE-2009-5010 CVE-2009-5011 CVE-2010-3494: before their connection is accepted, by FIN and by RST."""
    for i in range(300):
        with socket.create_connection((front.host, front.port)) as connection:
            if i % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    serves(front)


def test_a_wildcard_is_no_address(sallyport, start, tmp_path, folder):
    """CVE-2014-0139: a certificate for *.0.0.1 is not one for 127.0.0.1."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=*.0.0.1",
                    "-addext", "subjectAltName=DNS:*.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--tls-cert", cert, "--tls-key", key)
    done = subprocess.run([sallyport, "get", "--ca", cert, f"ftpes://writer:lab@127.0.0.1:{daemon.port}/mine", "-o", tmp_path / "got"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "certificate" in done.stderr.lower(), done
    assert not (tmp_path / "got").exists()
