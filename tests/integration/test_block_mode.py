"""MODE B (RFC 959 section 3.4.2): one data connection for many files, at our server, and between our gateway and a server that
speaks it, while the client in front has a connection for each as ever (S1, G2, G8)."""

import contextlib
import ftplib
import io
import json
import os
import socket
import threading

import pytest

from harness.daemon import wait_until
from harness.raw import Raw, drain, vanish

SIZES = (0, 1, 1024, 16 * 1024, 65535, 65536, 3_000_000)


def blocks_of(content, size=60_000):
    parts = [content[at:at + size] for at in range(0, len(content), size)] or [b""]
    return b"".join(bytes([64 if part is parts[-1] else 0]) + len(part).to_bytes(2) + part for part in parts)


def exactly(data, size):
    content = b""
    while len(content) < size:
        part = data.recv(size - len(content))
        assert part, f"the data connection ended after {len(content)} of {size} bytes"
        content += part
    return content


def read_file(data):
    """One file in blocks; the connection stays."""
    content = b""
    while True:
        descriptor, high, low = exactly(data, 3)
        assert descriptor in (0, 64)
        content += exactly(data, high * 256 + low)
        if descriptor == 64:
            return content


def contents():
    return {f"f{size}": os.urandom(size) for size in SIZES}


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in contents().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def server(start, files, tmp_path):
    return start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--transfer-log", tmp_path / "server.log",
                 "--transfer-log-format", "json")


@pytest.fixture
def raw(server):
    with Raw(server.host, server.port) as raw:
        raw.login()
        assert " MODE B" in raw.expect("FEAT", 211).text.splitlines()
        raw.expect("MODE B", 200)
        yield raw


def test_one_connection_carries_all(raw, files):
    with raw.passive() as data:
        opening = 150
        for path in sorted(files.iterdir()):
            raw.expect(f"RETR {path.name}", opening)
            assert read_file(data) == path.read_bytes(), path.name
            assert raw.reply().code == 250
            opening = 125
        raw.expect("RETR none", 550)
        for name, content in contents().items():
            raw.expect(f"STOR up-{name}", 125)
            data.sendall(blocks_of(content))
            assert raw.reply().code == 250
            assert (files / f"up-{name}").read_bytes() == content
        unique = raw.expect("STOU f1", 125).text
        data.sendall(blocks_of(b"unique"))
        assert raw.reply().code == 250
        assert unique.startswith("125 FILE: f1.") and (files / unique.split()[2]).read_bytes() == b"unique"
        raw.expect("MLSD", 125)
        assert read_file(data).count(b"\r\n") >= 2 * len(SIZES)
        assert raw.reply().code == 250
        raw.expect("TYPE A", 200)
        raw.expect("STOR text", 125)
        data.sendall(blocks_of(b"one\r\ntwo\r\n", 4))
        assert raw.reply().code == 250
        assert (files / "text").read_bytes() == b"one\ntwo\n"
        raw.expect("RETR text", 125)
        assert read_file(data) == b"one\r\ntwo\r\n"
        assert raw.reply().code == 250
        raw.expect("MODE S", 200)
        assert not data.recv(1), "a stream's end is its connection's"
    raw.expect("TYPE I", 200)
    assert raw.retrieve("f1024") == (files / "f1024").read_bytes()


def test_commands_need_not_wait_for_files(raw, files):
    """Round trips are what many small files cost elsewhere."""
    with raw.passive() as data:
        raw.send(b"RETR f1024\r\n" * 20)
        for opening in [150] + [125] * 19:
            assert raw.reply().code == opening
            assert read_file(data) == (files / "f1024").read_bytes()
            assert raw.reply().code == 250


@pytest.mark.parametrize("end", ["FIN", "RST"])
def test_a_cut_upload_is_not_stored(raw, files, end):
    """In stream mode a FIN would be its end (DU-01)."""
    data = raw.passive()
    raw.expect("STOR cut", 150)
    data.sendall(blocks_of(b"x" * 100_000)[:-1])
    data.close() if end == "FIN" else vanish(data)
    assert raw.reply().code == 426
    assert not (files / "cut").exists()
    raw.expect("RETR f1", 425)
    with raw.passive() as data:
        raw.expect("RETR f1", 150)
        assert read_file(data) == (files / "f1").read_bytes()
        assert raw.reply().code == 250


def test_what_is_no_block_is_not_stored(raw, files):
    with raw.passive() as data:
        raw.expect("STOR stream", 150)
        data.sendall(b"just the bytes of a file")
        assert raw.reply().code == 451
    assert not (files / "stream").exists()


def test_a_closed_connection_is_noticed(raw, files):
    data = raw.passive()
    raw.expect("RETR f1", 150)
    read_file(data)
    assert raw.reply().code == 250
    data.close()
    assert "send EPSV" in raw.expect("RETR f1", 425).text


def test_abort_closes_it(raw):
    with raw.passive() as data:
        raw.expect("RETR f3000000", 150)
        raw.send(b"ABOR\r\n")
        codes = [raw.reply().code, raw.reply().code]
        assert codes in ([426, 226], [250, 226])
        with contextlib.suppress(ConnectionResetError):
            drain(data)
        raw.expect("RETR f1", 425)


# ---- Behind the gateway


def methods(log, count, leg="client"):
    """By which transfers got their data connections."""

    def read():
        lines = log.read_text().splitlines() if log.exists() else []
        return lines if len(lines) >= count else None

    return [json.loads(line)[f"{leg}_method"] for line in wait_until(read, what=f"{count} records")]


@pytest.mark.parametrize("tls", ["plain", "tls behind", "tls"])
def test_many_small_files_share_a_connection_behind(start, files, tmp_path, certificate, tls):
    own = ["--tls-cert", certificate.cert, "--tls-key", certificate.key]
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--transfer-log", tmp_path / "server.log",
                   "--transfer-log-format", "json", *(own if tls != "plain" else []))
    scheme = "ftp" if tls == "plain" else "ftpes"
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"{scheme}://127.0.0.1:{server.port}", "--transfer-log",
                 tmp_path / "gate.log", "--transfer-log-format", "json",
                 *(["--backend-insecure"] if tls != "plain" else []), *(own if tls == "tls" else []))
    client = ftplib.FTP_TLS() if tls == "tls" else ftplib.FTP()
    if tls == "tls":
        client.context.check_hostname = False
    client.connect(gate.host, gate.port, timeout=10)
    client.login("writer", "lab")
    if tls == "tls":
        client.prot_p()
    count = 0

    def get(name):
        nonlocal count
        count += 1
        into = io.BytesIO()
        assert client.retrbinary(f"RETR {name}", into.write).startswith("226")
        assert into.getvalue() == (files / name).read_bytes()

    def put(name, content):
        nonlocal count
        count += 1
        assert client.storbinary(f"STOR {name}", io.BytesIO(content)).startswith("226")
        assert (files / name).read_bytes() == content

    with client:
        for _ in range(10):
            get("f1024")
        for name in ("f0", "f1", "f16384", "f65535"):
            get(name)
        for at in range(5):
            put(f"up{at}", os.urandom(1000 * at))
        client.sendcmd("TYPE A")
        assert len(client.nlst()) == len(SIZES) + 5
        count += 1
        seen = methods(tmp_path / "server.log", count)
        # The reply to FEAT may come a moment after the ninth file was asked for.
        assert seen[:9].count("EPSV") == 9 and seen[9:].count("standing") >= count - 10 - 1, seen
        # What is not there costs the connection, a large file ends the row; both are served.
        with pytest.raises(ftplib.error_perm, match="550"):
            client.retrbinary("RETR none", print)
        count += 1
        get("f1024")
        get("f3000000")
        put("large", os.urandom(2_000_000))
        get("f1024")
        for _ in range(10):
            get("f1")
        seen = methods(tmp_path / "server.log", count)
        assert seen[-1] == "standing"
        assert methods(tmp_path / "gate.log", count, "backend") == seen
        assert "standing" not in methods(tmp_path / "gate.log", count)


def test_not_where_it_is_not_wanted(start, server, files, tmp_path):
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}?blocks=no")
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        for _ in range(20):
            assert raw.retrieve("f1024") == (files / "f1024").read_bytes()
    assert set(methods(tmp_path / "server.log", 20)) == {"EPSV"}


class Pretender:
    """A server whose FEAT says MODE B, and whose RETR of "bad" then does what it should not."""

    GOOD = b"content of a good file"

    def __init__(self, fault):
        self.fault, self.door = fault, socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.commands = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            line, _ = self.door.accept()
            line.sendall(b"220 Hello\r\n")
            block, passive, data = False, None, None
            for command in line.makefile("r", newline="\n"):
                verb, _, argument = command.strip().partition(" ")
                self.commands.append(command.strip())
                if verb == "EPSV":
                    passive = socket.create_server(("127.0.0.1", 0))
                    line.sendall(f"229 Entering (|||{passive.getsockname()[1]}|)\r\n".encode())
                    data = None
                elif verb == "MODE":
                    block = argument == "B"
                    line.sendall(b"200 Fine\r\n")
                elif verb == "FEAT":
                    line.sendall(b"211-Features:\r\n MODE B\r\n211 End\r\n")
                elif verb == "RETR":
                    line.sendall(b"125 Again\r\n" if data else b"150 Here\r\n")
                    data = data or passive.accept()[0]
                    if argument == "bad":
                        self.fault(data)
                        line.sendall(b"250 Done\r\n")
                        continue
                    data.sendall(blocks_of(self.GOOD) if block else self.GOOD)
                    if not block:
                        data.close()
                        data = None
                    line.sendall(b"250 Done\r\n" if block else b"226 Done\r\n")
                else:
                    line.sendall({"USER": b"331 Password\r\n", "PASS": b"230 In\r\n"}.get(verb, b"200 Fine\r\n"))


def stream_instead(data):
    data.sendall(b"no blocks at all")


def cut_inside(data):
    data.sendall(blocks_of(b"x" * 1000)[:-1])
    data.close()


def more_than_a_file(data):
    data.sendall(blocks_of(b"x") + b"y")


@pytest.mark.parametrize("fault", [stream_instead, cut_inside, more_than_a_file])
def test_a_backend_that_breaks_it_fools_nobody(start, fault):
    behind = Pretender(fault)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{behind.port}", "--stall-timeout", 3,
                 "--check", "off")
    with behind.door, Raw(gate.host, gate.port) as raw:
        raw.login()
        for _ in range(12):
            assert raw.retrieve("good") == Pretender.GOOD
        assert behind.commands.count("MODE B") == 1
        before = behind.commands.count("EPSV")
        assert before <= 10
        with raw.passive() as data:
            raw.expect("RETR bad", 150)
            with contextlib.suppress(ConnectionResetError):
                drain(data)
        assert raw.reply().code == 426, "not the success that the backend tells of"
        assert raw.retrieve("good") == Pretender.GOOD
        assert behind.commands.count("EPSV") == before + 1, "over another connection"
