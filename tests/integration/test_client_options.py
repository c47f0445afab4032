"""Options of get and put for scripts, and what they refuse or report in place of a surprise (C3 C7)."""

import os
import subprocess
import time

import pytest

from give_away import give
from harness import programs, trees
from harness.our_client import here, ours, result_of, run, scripted, there  # noqa: F401: fixtures too


def test_sources_are_deleted_only_after_verified_transfers(ours, there, here):
    for name in ("a", "b"):
        (there / name).write_text(name)
    assert run("get", "--then-delete", f"{ours}/a", f"{ours}/b", cwd=here).returncode == 0
    assert trees.files(here) == ["a", "b"] and os.listdir(there) == []
    assert run("put", "--then-delete", here / "a", f"{ours}/").returncode == 0
    assert trees.files(here) == ["b"] and (there / "a").read_text() == "a"
    failed = run("put", "--then-delete", here / "b", f"{ours}/missing/")
    assert failed.returncode == 6 and (here / "b").exists()


def test_a_source_whose_size_is_not_known_stays(scripted, here):
    server = scripted(files={"/a": b"12345"}, listings={"/": b""}, replies={"SIZE": "500 no SIZE"})
    done = run("get", "--then-delete", server.url("a"), cwd=here)
    assert done.returncode == 0 and "kept on the server" in done.stderr
    assert server.arguments_of("DELE") == []
    (here / "b").write_text("b")
    done = run("put", "--then-delete", here / "b", server.url(""))
    assert done.returncode == 0 and "kept, because" in done.stderr and (here / "b").exists()


def test_uploads_under_another_name(ours, there, here):
    (here / "a").write_text("new")
    (there / "a").write_text("old")
    done = run("put", "-v", "--temp-name", here / "a", f"{ours}/")
    assert done.returncode == 0 and (there / "a").read_text() == "new" and os.listdir(there) == ["a"]
    assert "STOR /a.part" in done.stderr and "RNTO /a" in done.stderr
    (here / "a.part").write_text("x")
    both = run("put", "--temp-name", here / "a", here / "a.part", f"{ours}/")
    assert both.returncode == 13 and "--temp-name" in both.stderr and os.listdir(there) == ["a"]


def test_appending(ours, there, here):
    (here / "log").write_text("two\n")
    (there / "log").write_text("one\n")
    give(there / "log")
    assert run("put", "--append", here / "log", f"{ours}/log").returncode == 0
    assert (there / "log").read_text() == "one\ntwo\n"
    piped = subprocess.run([programs.sallyport(), "put", "--append", "-", f"{ours}/new"], input=b"from a pipe\n", capture_output=True, timeout=30)
    assert piped.returncode == 0, piped.stderr
    assert (there / "new").read_text() == "from a pipe\n"


def test_the_server_chooses_the_name(ours, there, here):
    (here / "a").write_text("x")
    names = [run("put", "--unique", here / "a", f"{ours}/").stdout.strip() for _ in range(2)]
    assert len(set(names)) == 2 and all(names) and sorted(os.listdir(there)) == sorted(names)
    said = result_of(run("put", "--unique", "--json", here / "a", f"{ours}/"))
    assert said["stored"][0]["stored_as"] in os.listdir(there)


def test_larger_files_are_skipped(ours, there, here):
    (there / "small").write_bytes(b"x" * 10)
    (there / "large").write_bytes(b"x" * 2000)
    for urls in ([f"{ours}/*"], [f"{ours}/small", f"{ours}/large"]):
        target = here / str(len(urls))
        done = run("get", "--max-size", "1K", "-O", target, *urls)
        assert done.returncode == 0 and trees.files(target) == ["small"] and "larger than" in done.stderr
    done = run("put", "-r", "--mkdir", "--max-size", "1K", f"{there}/", f"{ours}/copy/")
    assert done.returncode == 0 and os.listdir(there / "copy") == ["small"]


def test_urls_and_files_from_a_list(ours, there, here):
    for name in ("a", "b c"):
        (there / name).write_text(name)
    listed = run("find", "--urls", f"{ours}/", "--type", "f").stdout.replace("writer@", "writer:lab@")
    done = subprocess.run([programs.sallyport(), "get", "--from-file", "-", "-O", here], input=listed, text=True, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert trees.files(here) == ["a", "b c"]
    (here.parent / "list").write_text(f"{here}/a\0{here}/b c\0")
    assert run("put", "--mkdir", "--from-file", here.parent / "list", f"{ours}/up/").returncode == 0
    assert sorted(os.listdir(there / "up")) == ["a", "b c"]
    missing = run("get", "--from-file", "/nowhere/list")
    assert missing.returncode == 9 and "/nowhere/list" in missing.stderr


@pytest.mark.parametrize("arguments,says", [
    (("get",), "URL is missing"),
    (("put", "x"), "URL is missing"),
    (("put", "--append", "--unique", "x", "ftp://127.0.0.1/"), "exclude each other"),
    (("put", "--temp-name", "--append", "x", "ftp://127.0.0.1/"), "--temp-name"),
])
def test_options_that_exclude_each_other(sallyport, arguments, says):
    done = run(*arguments)
    assert done.returncode == 2 and says in done.stderr, done.stderr


def test_the_rate_is_that_of_all_files(ours, there, here):
    for name in ("a", "b"):
        (there / name).write_bytes(b"x" * 100_000)
    begin = time.monotonic()
    assert run("get", "--limit-rate", "200K", f"{ours}/a", f"{ours}/b", cwd=here).returncode == 0
    assert time.monotonic() - begin > 0.85  # 200,000 bytes, of which a twentieth of a second's may come at once
    give(there)
    begin = time.monotonic()
    assert run("put", "--limit-rate", "200K", here / "a", here / "b", f"{ours}/").returncode == 0
    assert time.monotonic() - begin > 0.85


# ---- Names, times and locks

def test_a_file_and_the_name_of_its_part_are_refused_together(ours, there, here):
    for name in ("a", "a.part", "b"):
        (there / name).write_text(name)
    done = run("get", f"{ours}/*", cwd=here)
    assert done.returncode == 13 and "FILE.part" in done.stderr
    assert trees.files(here) == ["a", "b"] and (here / "a").read_text() == "a"
    assert run("get", "-o", "a.part", f"{ours}/a.part", cwd=here).returncode == 0


def test_newer_without_times(scripted, here):
    server = scripted(files={"/a": b"theirs"}, listings={"/": b""}, replies={"MDTM": "500 no MDTM"})
    (here / "a").write_text("mine")
    done = run("get", "--newer", server.url("a"), cwd=here)
    assert done.returncode == 0 and "does not report its time" in done.stderr
    assert (here / "a").read_text() == "theirs"
