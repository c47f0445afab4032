"""Copies that our client compares with the server's files: by size, by hash, or not at all (C7)."""

import hashlib
import random

import pytest

from harness.our_client import here, result_of, run, scripted  # noqa: F401: fixtures too

WHOLE = random.Random(3).randbytes(300_000)
OTHER = random.Random(4).randbytes(300_000)


def features(*names):
    return "211-Features\r\n" + "".join(f" {name}\r\n" for name in names) + "211 End"


def with_hash(scripted, content, **replies):
    """A server with HASH, whose replies are those for this content."""
    digest = hashlib.sha256(content).hexdigest()
    return scripted(files={"/f": WHOLE}, listings={"/": b""},
                    replies={"FEAT": features("HASH SHA-256*;MD5"), "HASH": f"213 SHA-256 0-{len(content) - 1} {digest} /f", **replies})


def test_a_hash_is_compared_where_it_is_demanded(scripted, here):
    server = with_hash(scripted, WHOLE)
    done = run("get", "--json", "--verify", "hash", server.url("f"), cwd=here)
    assert done.returncode == 0, done.stderr
    assert result_of(done)["verified"] == "SHA-256" and server.arguments_of("HASH") == ["f"]


def test_a_file_that_differs_is_no_success(scripted, here):
    server = with_hash(scripted, OTHER)
    done = run("get", "--json", "--verify", "hash", server.url("f"), cwd=here)
    said = result_of(done)
    assert done.returncode == 14 and said["step"] == "verification", done.stderr
    assert "the copies differ" in said["message"] and hashlib.sha256(OTHER).hexdigest() in said["message"]
    assert [path.name for path in here.iterdir()] == ["f.part"]  # without a record, so that it is not continued
    server.replies["HASH"] = f"213 SHA-256 0-299999 {hashlib.sha256(WHOLE).hexdigest()} /f"
    done = run("get", "--resume", "--verify", "hash", server.url("f"), cwd=here)
    assert done.returncode == 0 and "no record" in done.stderr and (here / "f").read_bytes() == WHOLE


def test_of_itself_only_what_consists_of_parts_is_hashed(scripted, here):
    server = with_hash(scripted, WHOLE)
    done = run("get", "--json", server.url("f"), cwd=here)
    assert result_of(done)["verified"] == "size" and not server.arguments_of("HASH")
    (here / "f").unlink()
    server.cut_after = 200_000
    assert run("get", server.url("f"), cwd=here).returncode != 0
    server.cut_after = None
    done = run("get", "--json", "--resume", server.url("f"), cwd=here)
    assert result_of(done)["verified"] == "SHA-256" and server.arguments_of("HASH") == ["f"], done.stderr


def test_without_a_command_for_hashes_nothing_is_transferred(scripted, here):
    server = scripted(files={"/f": WHOLE}, listings={"/": b""})
    done = run("get", "--verify", "hash", server.url("f"), cwd=here)
    assert done.returncode == 14 and "verify by size" in done.stderr
    assert not server.arguments_of("RETR") and list(here.iterdir()) == []


@pytest.mark.parametrize("verb, digest", [("XMD5", hashlib.md5(WHOLE)), ("XSHA1", hashlib.sha1(WHOLE)), ("XSHA512", hashlib.sha512(WHOLE))])
def test_uploads_and_older_commands(scripted, here, verb, digest):
    (here / "g").write_bytes(WHOLE)
    server = scripted(listings={"/": b""}, replies={"FEAT": features(verb), verb: f"250-Computing\r\n250 {digest.hexdigest().upper()}"})
    done = run("put", "--json", "--verify", "hash", "g", server.url("g"), cwd=here)
    assert done.returncode == 0 and server.arguments_of(verb) == ["g"], done.stderr
    server.replies[verb] = "250 " + "0" * len(digest.hexdigest())
    assert run("put", "--verify", "hash", "g", server.url("g"), cwd=here).returncode == 14
    server.replies[verb] = "550 not now"
    done = run("put", "--verify", "hash", "g", server.url("g"), cwd=here)
    assert done.returncode == 14 and "not now" in done.stderr


def test_an_upload_that_is_moved_away_at_once_is_an_outcome_of_its_own(scripted, here):
    """A drop box takes files for processing, so that SIZE does not find them."""
    (here / "g").write_bytes(WHOLE)
    (here / "h").write_bytes(WHOLE)
    server = scripted(listings={"/": b""})

    def take(control):
        server.files.clear()
        control.sendall(b"226 taken\r\n")

    server.replies["END"] = take
    done = run("put", "--json", "g", server.url("g"), cwd=here)
    said = result_of(done)
    assert done.returncode == 0 and said["moved_away"] and said["verified"] == "none"
    assert "moved or hid" in done.stderr
    done = run("put", "--json", "g", "h", server.url(""), cwd=here)
    assert done.returncode == 0 and result_of(done)["moved_away"] == 2
    done = run("put", "--verify", "size", "g", server.url("g"), cwd=here)
    assert done.returncode == 14 and "cannot be verified" in done.stderr


def test_a_server_that_reports_wrong_sizes(scripted, here):
    server = scripted(files={"/f": WHOLE}, listings={"/": b""}, replies={"SIZE": "213 300001"})
    assert run("get", server.url("f"), cwd=here).returncode == 8
    done = run("get", "--json", "--verify", "none", server.url("f"), cwd=here)
    assert done.returncode == 0 and result_of(done)["verified"] == "none", done.stderr
    assert (here / "f").read_bytes() == WHOLE
    (here / "f").unlink()
    server.replies["SIZE"] = "502 no SIZE"
    assert run("get", server.url("f"), cwd=here).returncode == 0
    assert run("get", "--verify", "size", server.url("f"), cwd=here).returncode == 14
