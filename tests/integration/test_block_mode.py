"""MODE B (RFC 959 section 3.4.2): one data connection for many files at our server, and its refusal at our gateway (S1, G2)."""

import contextlib
import os

import pytest

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
    """One file in block mode; the connection stays open."""
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
    """In stream mode, many small files cost many round trips."""
    with raw.passive() as data:
        raw.send(b"RETR f1024\r\n" * 20)
        for opening in [150] + [125] * 19:
            assert raw.reply().code == opening
            assert read_file(data) == (files / "f1024").read_bytes()
            assert raw.reply().code == 250


@pytest.mark.parametrize("end", ["FIN", "RST"])
def test_a_cut_upload_is_not_stored(raw, files, end):
    """In stream mode a FIN would end the file (DU-01)."""
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


# ---- At the gateway


def test_the_gateway_refuses_it(start, server, files):
    """Each of its transfers has a data connection on each leg, so it neither offers MODE B nor forwards it."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}")
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        assert " MODE B" not in raw.expect("FEAT", 211).text.splitlines()
        raw.expect("MODE B", 504)
        assert raw.retrieve("f1024") == (files / "f1024").read_bytes()
        raw.expect("MODE S", 200)
