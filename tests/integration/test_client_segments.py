"""Our client downloads a file over several connections at the same time (C7)."""

import os
import random
import signal
import subprocess

from harness import programs
from harness.daemon import wait_until
from harness.our_client import here, ours, result_of, run, scripted, there, write  # noqa: F401: fixtures too

BIG = random.Random(5).randbytes(3_000_000)


def written(path):
    """How many bytes of a file there are, without its gaps."""
    return path.stat().st_blocks * 512 if path.exists() else 0


def test_segments_give_the_whole_file(ours, there, here):
    """C7: each segment has a connection, and their parts make the file; also with -o."""
    (there / "big").write_bytes(BIG)
    done = run("get", "--json", "--segments", "4", f"{ours}/big", cwd=here)
    assert done.returncode == 0, done.stderr
    assert (here / "big").read_bytes() == BIG and sorted(os.listdir(here)) == ["big"]
    said = result_of(done)
    assert said["bytes"] == len(BIG) and said["done"] == 1
    done = run("get", "-v", "-p", "--segments", "3", "-o", here / "sub/copy", f"{ours}/big", cwd=here)
    assert done.returncode == 0 and done.stderr.count("> RETR") >= 3 and done.stderr.count("> REST") >= 2, done.stderr
    assert (here / "sub/copy").read_bytes() == BIG
    assert int((here / "sub/copy").stat().st_mtime) == int((there / "big").stat().st_mtime)


def test_a_small_file_has_no_segments(ours, there, here):
    write(there / "small", "x" * 1000)
    done = run("get", "-v", "--segments", "8", f"{ours}/small", cwd=here)
    assert done.returncode == 0 and "> REST" not in done.stderr and (here / "small").read_text() == "x" * 1000


def test_REST_that_is_ignored_or_refused_spoils_no_segment(scripted, here):
    server = scripted(files={"/big": BIG}, listings={"/": b""})
    server.ignores_rest = True
    done = run("get", "--segments", "3", server.url("big"), cwd=here)
    assert done.returncode == 0 and "over one connection" in done.stderr, done.stderr
    assert (here / "big").read_bytes() == BIG
    (here / "big").unlink()
    server.ignores_rest = False
    server.replies["REST"] = "502 no REST"
    done = run("get", "--segments", "3", server.url("big"), cwd=here)
    assert done.returncode == 0 and "over one connection" in done.stderr, done.stderr
    assert (here / "big").read_bytes() == BIG


def test_a_file_that_changes_meanwhile_is_no_success(scripted, here):
    server = scripted(files={"/big": BIG}, listings={"/": b""})

    def change(control):
        server.modified["/big"] = "20260102030406"
        control.sendall(b"226 done\r\n")

    server.replies["END"] = change
    done = run("get", "--segments", "3", server.url("big"), cwd=here)
    assert done.returncode == 14 and "was changed" in done.stderr, done.stderr
    assert not (here / "big").exists()


def test_segments_that_were_cut_are_continued(scripted, here):
    """C7: each loses its connection several times, and no byte is lost."""
    server = scripted(files={"/big": BIG}, listings={"/": b""})
    server.cut_after = 400_000
    done = run("get", "--segments", "3", "--json", server.url("big"), cwd=here)
    assert done.returncode == 0, done.stderr
    assert (here / "big").read_bytes() == BIG


def test_segments_of_a_server_that_has_room_for_one(scripted, here):
    sessions = []

    def one_at_a_time(session, verb):
        if verb == "USER" and session not in sessions:
            sessions.append(session)
        return "530 Too many connections" if verb == "PASS" and len(sessions) > 1 and session is not sessions[0] else None

    server = scripted(files={"/big": BIG}, listings={"/": b""})
    server.refuse = one_at_a_time
    done = run("get", "--segments", "3", "--json", server.url("big"), cwd=here)
    assert done.returncode == 0 and result_of(done)["connections"] == 1, done.stderr
    assert (here / "big").read_bytes() == BIG


def interrupt(server, here, by):
    """Ends a download in segments by this signal when some bytes of each have arrived."""
    server.pause = 0.02
    client = subprocess.Popen([programs.sallyport(), "get", "-q", "--segments", "3", server.url("big")], cwd=here, stdin=subprocess.DEVNULL)
    wait_until(lambda: written(here / "big.part") > 600_000, 20, "some bytes of each segment")
    client.send_signal(by)
    client.wait(20)
    server.pause = 0


def test_what_a_cancelled_download_in_segments_has_is_continued(scripted, here):
    """Only the bytes before the first gap stay, so that nothing half is taken for whole."""
    server = scripted(files={"/big": BIG}, listings={"/": b""})
    interrupt(server, here, signal.SIGINT)
    kept = (here / "big.part").read_bytes()
    assert 0 < len(kept) < 1_500_000 and kept == BIG[:len(kept)]
    done = run("get", "--resume", "--segments", "3", server.url("big"), cwd=here)
    assert done.returncode == 0 and "beginning" not in done.stderr, done.stderr
    assert (here / "big").read_bytes() == BIG


def test_a_killed_download_in_segments_leaves_nothing_false(scripted, here):
    server = scripted(files={"/big": BIG}, listings={"/": b""})
    interrupt(server, here, signal.SIGKILL)
    assert not (here / "big").exists()
    done = run("get", "--resume", server.url("big"), cwd=here)
    assert done.returncode == 0 and "no record" in done.stderr, done.stderr
    assert (here / "big").read_bytes() == BIG
