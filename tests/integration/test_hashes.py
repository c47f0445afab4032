"""Hashes of files at our server: HASH, XCRC and their like (C7 asks for them, S6 reads them under TLS)."""

import hashlib
import random
import time
import zlib

import pytest

from harness.our_client import here, ours, result_of, run, there  # noqa: F401: fixtures too
from harness.raw import Raw

CONTENT = random.Random(5).randbytes(700_001)
DIGESTS = {"XMD5": hashlib.md5, "XSHA1": hashlib.sha1, "XSHA256": hashlib.sha256, "XSHA512": hashlib.sha512}


@pytest.fixture
def server(start, there):
    (there / "f").write_bytes(CONTENT)
    return start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--reader", "reader:lab")


def test_each_command_has_its_algorithm(server):
    """C7: of the whole file, and of a part."""
    with Raw(server.host, server.port).login("reader") as raw:
        features = raw.expect("FEAT", 211).text
        assert " HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32" in features
        for command, digest in DIGESTS.items():
            assert f" {command}\r" in features.replace("\n", "\r\n")
            assert raw.expect(f"{command} f", 250).text == f"250 {digest(CONTENT).hexdigest()}"
            assert raw.expect(f"{command} f 5 600000", 250).text == f"250 {digest(CONTENT[5:600000]).hexdigest()}"
        assert raw.expect("XCRC f", 250).text == f"250 {zlib.crc32(CONTENT):08x}"
        assert raw.expect("XCRC \"f\" 699999", 250).text == f"250 {zlib.crc32(CONTENT[699999:]):08x}"
        raw.expect("OPTS HASH SHA-512", 200)
        assert raw.expect("HASH f", 213).text == f"213 SHA-512 0-700000 {hashlib.sha512(CONTENT).hexdigest()} /f"
        raw.expect("TYPE I", 200)
        raw.expect("RANG 1000 1999", 350)
        assert raw.expect("HASH f", 213).text == f"213 SHA-512 1000-1999 {hashlib.sha512(CONTENT[1000:2000]).hexdigest()} /f"


def test_a_hash_needs_the_right_to_read(start, tmp_path, there):
    """S8: an account that may not read a file gets nothing about its content."""
    (there / "in").mkdir()
    (there / "in/f").write_bytes(CONTENT)
    (there / "a.key").write_bytes(CONTENT)
    config = tmp_path / "serve.toml"
    config.write_text('[default]\ndeny = ["*.key"]\n[user.box]\npassword = "lab"\n[user.box.paths]\n"/in" = ["write", "list"]\n')
    server = start("serve", there, "--config", config, "--listen", "127.0.0.1:0", "--control-socket", "none")
    with Raw(server.host, server.port).login("box") as raw:
        for command in ("HASH", "XCRC", *DIGESTS):
            assert "may not read files here" in raw.expect(f"{command} in/f", 550).text
            raw.expect(f"{command} a.key", 550)
            raw.expect(f"{command} none", 550)


@pytest.mark.parametrize("command", ["get", "put"])
def test_our_client_verifies_by_hash(ours, here, there, command):
    """C7: --verify hash against our own server, and a name that needs quotes in other commands."""
    (there if command == "get" else here).joinpath("a b").write_bytes(CONTENT)
    words = [f"{ours}/a%20b"] if command == "get" else ["a b", f"{ours}/a%20b"]
    done = run(command, "--json", "--verify", "hash", *words, cwd=here)
    assert done.returncode == 0, done.stderr
    assert result_of(done)["verified"] == "SHA-256"
    assert (here / "a b").read_bytes() == (there / "a b").read_bytes() == CONTENT


def test_a_long_hash_leaves_room_for_others(server, there):
    """RX-06: sessions that hash a large file again and again do not delay the work of others."""
    with open(there / "large", "wb") as large:
        large.truncate(1 << 36)
    crowd = [Raw(server.host, server.port, source=f"127.0.0.{20 + i}").login("reader") for i in range(8)]
    try:
        for raw in crowd:
            raw.send(b"XSHA512 large\r\n")
        with Raw(server.host, server.port, source="127.0.0.100").login("reader") as other:
            waits = []
            for _ in range(20):
                begun = time.monotonic()
                other.expect("XCRC f", 250)
                waits.append(time.monotonic() - begun)
        assert sorted(waits)[10] < 1, waits
    finally:
        for raw in crowd:
            raw.reset()
