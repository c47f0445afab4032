"""Continued transfers of our client: only of the same file, by one process at a time (CL-05)."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness import programs
from harness.daemon import wait_until
from harness.scripted_server import ScriptedServer

WHOLE = random.Random(1).randbytes(1_000_000)
OTHER = random.Random(2).randbytes(1_000_000)


def run(*arguments, cwd):
    return subprocess.run([programs.sallyport(), *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=40)


@pytest.fixture
def server(sallyport):
    one = ScriptedServer({"/f": WHOLE}, {"/": b""})
    yield one
    one.close()


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def cut_download(server, here, after):
    """A download that was interrupted after this number of bytes."""
    server.cut_after = after
    done = run("get", server.url("f"), cwd=here)
    server.cut_after = None
    assert done.returncode != 0
    assert (here / "f.part").read_bytes() == server.files["/f"][:after]
    assert not (here / "f").exists()


def resumed(server, here, expected):
    server.commands.clear()
    done = run("get", "--resume", server.url("f"), cwd=here)
    assert done.returncode == 0, done.stderr
    assert (here / "f").read_bytes() == expected
    assert [path.name for path in here.iterdir()] == ["f"]
    return done.stderr


def test_only_the_rest_is_received(server, here):
    cut_download(server, here, 400_000)
    assert "beginning" not in resumed(server, here, WHOLE)
    assert f"REST {400_000 - 65536}" in server.commands


def test_a_second_cut_is_no_harm(server, here):
    cut_download(server, here, 300_000)
    server.cut_after = 200_000
    assert run("get", "--resume", server.url("f"), cwd=here).returncode != 0
    server.cut_after = None
    assert (here / "f.part").stat().st_size == 300_000 + 200_000 - 65536
    assert "beginning" not in resumed(server, here, WHOLE)


CHANGES = {
    "size": lambda server: server.files.update({"/f": OTHER + b"more"}),
    "shorter": lambda server: server.files.update({"/f": OTHER[:500_000]}),
    "time": lambda server: (server.files.update({"/f": OTHER}), server.modified.update({"/f": "20260102030406"})),
    "content alone": lambda server: server.files.update({"/f": OTHER}),
    "gone small": lambda server: server.files.update({"/f": b"small"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_received_as_a_whole(server, here, change):
    for cut in (70_000, random.Random(change).randrange(66_000, 900_000)):
        server.files["/f"] = WHOLE
        server.modified.clear()
        cut_download(server, here, cut)
        CHANGES[change](server)
        assert "downloaded from the beginning, because" in resumed(server, here, server.files["/f"])
        (here / "f").unlink()


def test_a_part_without_a_record_is_not_continued(server, here):
    (here / "f.part").write_bytes(WHOLE[:400_000])
    assert "no record" in resumed(server, here, WHOLE)


def test_a_file_with_the_final_name_is_replaced_not_continued(server, here):
    (here / "f").write_bytes(WHOLE[:400_000])
    assert "no partial file" in resumed(server, here, WHOLE)
    (here / "f").write_bytes(WHOLE[:400_000])
    server.cut_after = 1000
    assert run("get", "--resume", server.url("f"), cwd=here).returncode != 0
    assert (here / "f").read_bytes() == WHOLE[:400_000]


@pytest.mark.parametrize("content", [WHOLE, bytes(1_000_000)], ids=["any", "zeros"])
def test_REST_that_is_ignored_spoils_nothing(server, here, content):
    server.files["/f"] = content
    cut_download(server, here, 600_000)
    server.ignores_rest = True
    assert "beginning" in resumed(server, here, content)


def test_a_killed_download_is_continued(server, here):
    server.pause = 0.02
    client = subprocess.Popen([programs.sallyport(), "get", "-q", server.url("f")], cwd=here, stdin=subprocess.DEVNULL)
    wait_until(lambda: (here / "f.part").exists() and (here / "f.part").stat().st_size > 150_000, 20, "some bytes")
    client.send_signal(signal.SIGKILL)
    client.wait()
    server.pause = 0
    assert "beginning" not in resumed(server, here, WHOLE)
    assert any(command.startswith("REST") for command in server.commands)


def test_one_process_at_a_time(server, here):
    server.pause = 0.03
    first = subprocess.Popen([programs.sallyport(), "get", "-q", server.url("f")], cwd=here, stdin=subprocess.DEVNULL)
    wait_until(lambda: (here / "f.part").exists() and (here / "f.part").stat().st_size > 0, 20, "the first bytes")
    for options in ([], ["--resume"]):
        second = run("get", *options, server.url("f"), cwd=here)
        assert second.returncode == 9, second.stderr
        assert f"process {first.pid}" in second.stderr
    assert first.wait(30) == 0
    assert (here / "f").read_bytes() == WHOLE


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_the_name_is_given_after_the_bytes_are_on_the_disk(server, here):
    log = here.parent / "calls"
    done = subprocess.run(["strace", "-f", "-y", "-o", log, "-e", "trace=fsync,close,rename,renameat,renameat2,unlink", programs.sallyport(), "get",
                           server.url("f")], cwd=here, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40)
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("may not trace")
    assert done.returncode == 0, done.stderr
    parts = {r'"f\.part", .*"f"\)': "f.part", re.escape(f"<{here}/f.part>"): "f.part", re.escape(f"<{here}>"): "directory"}
    calls = []
    for line in log.read_text().splitlines():
        call = re.match(r"\d+ +(fsync|close|rename)", line)
        calls += [f"{call[1]} {name}" for part, name in parts.items() if call and re.search(part, line)][:1]
    assert calls[:4] == ["fsync f.part", "close f.part", "rename f.part", "fsync directory"]


# ---- Uploads

@pytest.fixture
def source(here):
    path = here / "g"
    path.write_bytes(WHOLE)
    past = time.time() - 10 * 365 * 86400
    os.utime(path, (past, past))
    return path


def put(server, source):
    server.commands.clear()
    done = run("put", "--resume", source, server.url("g"), cwd=source.parent)
    assert done.returncode == 0, done.stderr
    assert server.files["/g"] == WHOLE
    return done.stderr


@pytest.mark.parametrize("stored", [1, 65536, 400_000])
def test_only_the_rest_is_sent(server, source, stored):
    server.files["/g"] = WHOLE[:stored]
    assert "beginning" not in put(server, source)
    assert "APPE g" in server.commands and "STOR g" not in server.commands


def test_nothing_is_sent_of_what_is_there(server, source):
    server.files["/g"] = WHOLE
    assert "beginning" not in put(server, source)
    assert "APPE g" not in server.commands and "STOR g" not in server.commands


STORED = {"other": OTHER[:400_000], "same size": OTHER, "longer": WHOLE + b"x", "last byte": WHOLE[:399_999] + bytes([WHOLE[399_999] ^ 1])}


@pytest.mark.parametrize("stored", STORED)
def test_another_file_is_replaced_as_a_whole(server, source, stored):
    server.files["/g"] = STORED[stored]
    assert "uploaded from the beginning, because" in put(server, source)


def test_a_local_file_that_was_changed_since_is_sent_as_a_whole(server, source):
    server.files["/g"] = WHOLE[:400_000]
    server.modified["/g"] = "20150102030405"
    os.utime(source)
    assert "was changed" in put(server, source)


def test_what_may_not_be_read_back_is_sent_as_a_whole(server, source):
    server.files["/g"] = WHOLE[:400_000]
    server.readable = False
    assert "cannot be compared" in put(server, source)


# ---- Real servers

@pytest.mark.parametrize("name", ["vsftpd", "proftpd", "pure-ftpd"])
def test_with_servers_as_people_have_them(sallyport, root, start, here, source, name):
    reference = start.reference_server(name, tls="none")
    url = f"ftp://{reference.user}:{reference.password}@{reference.host}:{reference.port}{reference.base}/g"
    (reference.files / "g").write_bytes(WHOLE[:400_000])
    reference.give(reference.files / "g")
    done = run("put", "--resume", "-v", source, url, cwd=here)
    assert done.returncode == 0 and "> APPE" in done.stderr and "beginning" not in done.stderr, done.stderr
    assert (reference.files / "g").read_bytes() == WHOLE
    back = here / "back"
    done = run("get", url, "-o", back, cwd=here)
    assert done.returncode == 0, done.stderr
    modified = time.strftime("%Y%m%d%H%M%S", time.gmtime((reference.files / "g").stat().st_mtime))
    back.rename(here / "back.part")
    os.truncate(here / "back.part", 300_000)
    (here / "back.part.from").write_text(f"size {len(WHOLE)}\nmodified {modified}\n")
    done = run("get", "--resume", "-v", url, "-o", back, cwd=here)
    assert done.returncode == 0 and "> REST" in done.stderr and "beginning" not in done.stderr, done.stderr
    assert back.read_bytes() == WHOLE
