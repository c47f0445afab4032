"""Our client copies files from one server to another, without a file in between (C3 C7)."""

import random

import pytest

from harness.our_client import here, ours, result_of, run, scripted, there  # noqa: F401: fixtures too

WHOLE = random.Random(6).randbytes(3_000_000)


@pytest.fixture
def other(start, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    daemon.files = folder
    daemon.url = f"ftp://writer:lab@127.0.0.1:{daemon.port}"
    return daemon


@pytest.mark.parametrize("content", [WHOLE, b"", b"x"], ids=["large", "empty", "one byte"])
def test_a_file_goes_from_one_server_to_the_other(ours, there, other, here, content):
    (there / "f").write_bytes(content)
    done = run("copy", "--json", f"{ours}/f", f"{other.url}/", cwd=here)
    assert done.returncode == 0, done.stderr
    assert (other.files / "f").read_bytes() == content
    said = result_of(done)
    assert said["bytes"] == said["size"] == len(content) and said["url"].endswith("/f")
    assert list(here.iterdir()) == []
    done = run("copy", "--temp-name", f"{ours}/f", f"{other.url}/g")
    assert done.returncode == 0 and (other.files / "g").read_bytes() == content, done.stderr


def test_a_source_that_is_missing_leaves_the_target_alone(ours, other):
    (other.files / "f").write_bytes(b"old")
    done = run("copy", "--json", f"{ours}/f", f"{other.url}/f")
    assert done.returncode == 6 and result_of(done)["reply_code"] == 550
    assert "/f" in done.stderr and (other.files / "f").read_bytes() == b"old"


def test_a_source_that_is_cut_is_no_success(scripted, other):
    """The target must not take a part for the whole."""
    server = scripted(files={"/f": WHOLE}, listings={"/": b""})
    server.cut_after = 1_000_000
    (other.files / "f").write_bytes(b"old")
    done = run("copy", "--json", "--temp-name", server.url("f"), f"{other.url}/f")
    assert done.returncode == 8 and f":{server.port}" in result_of(done)["url"], done.stderr
    assert (other.files / "f").read_bytes() == b"old"
    done = run("copy", server.url("f"), f"{other.url}/g")
    assert done.returncode == 8 and not (other.files / "g").exists()  # our server makes files visible when they are complete


def test_a_target_that_refuses_ends_both(ours, there, scripted):
    (there / "f").write_bytes(WHOLE)
    refusing = scripted(listings={"/": b""}, replies={"STOR": "553 not here"})
    done = run("copy", "--json", f"{ours}/f", refusing.url("f"))
    assert done.returncode == 6 and result_of(done)["reply_code"] == 553, done.stderr
    done = run("copy", "--json", f"{ours}/f", "ftp://127.0.0.1:1/f")
    assert done.returncode == 3, done.stderr


@pytest.mark.parametrize("arguments, words", [(("ftp://127.0.0.1/d/", "ftp://127.0.0.1/e"), "directory"), (("f", "ftp://127.0.0.1/e"), "ftp://")])
def test_wrong_arguments(arguments, words):
    done = run("copy", *arguments)
    assert done.returncode == 2 and words in done.stderr
