"""Uploads: refused before 150 if they cannot be stored, stored only if they are complete, and what a kill leaves behind."""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from give_away import give
from harness.daemon import wait_until
from harness.raw import Raw

LEFT = ".sallyport-0123456789abcdef.part"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "old.txt").write_text("the old content")
    return root


@pytest.fixture
def server(start, folder):
    return start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--reader", "reader:lab")


def session(daemon, user="writer"):
    return Raw(daemon.host, daemon.port).login(user)


# Refused before anything is sent.

@pytest.mark.parametrize("through_gate", [False, True])
def test_no_data_is_taken_for_what_can_not_be_stored(start, server, folder, through_gate):
    target = server
    if through_gate:
        target = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}")
    raw = session(target)
    for number in range(5):  # another directory each time: nothing of it was looked at before
        (folder / f"d{number}").mkdir()
        for verb, name, code in (("STOR", f"/none{number}/f", 550), ("STOR", f"/d{number}", 553), ("APPE", f"/d{number}", 553),
                                 ("APPE", f"/none{number}/f", 550), ("STOU", f"/none{number}/f", 550),
                                 ("STOR", f"/old.txt/f{number}", 550)):
            with raw.passive():
                raw.expect(f"{verb} {name}", code)
    assert raw.store("/sub/new.txt", b"fits").code == 226
    assert (folder / "old.txt").read_text() == "the old content"


# The end of the control connection.

@pytest.mark.parametrize("target", ["server", "gate"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_before_its_data_end_stores_nothing(start, server, folder, target, how):
    """DU-03: the system of a killed client closes its connections cleanly, data connections too."""
    front = server
    if target == "gate":
        front = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}")
    for number, size in enumerate((0, 10, 100_000, 3_000_000)):
        raw = session(front)
        data = raw.passive()
        raw.expect(f"STOR cut{number}.bin", 150)
        data.sendall(b"x" * size)
        if how == "reset":
            raw.reset()
        else:
            raw.socket.close()
        with contextlib.suppress(OSError):  # after a reset the server may have given it up by now
            data.sendall(b"x")
        data.close()
        wait_until(lambda number=number: f"STOR /cut{number}.bin" in server.log(), 10, "the upload is over")
    assert sorted(os.listdir(folder)) == ["old.txt", "sub"]


def test_a_piped_script_is_served_to_its_last_command(server, folder):
    """Commands, then the end of that direction, as cameras do that pipe a script into a tool."""
    with socket.create_server(("127.0.0.1", 0)) as listener, Raw(server.host, server.port) as raw:
        high, low = divmod(listener.getsockname()[1], 256)
        port = f"PORT 127,0,0,1,{high},{low}\r\n"
        raw.send((f"USER writer\r\nPASS lab\r\nTYPE I\r\nMKD made\r\n{port}RETR old.txt\r\n{port}STOR late.txt\r\nPWD\r\n").encode())
        raw.socket.shutdown(socket.SHUT_WR)
        with listener.accept()[0] as data:
            assert data.recv(1000) == b"the old content"
        with listener.accept()[0] as data:
            data.sendall(b"too late")
        codes = []
        with contextlib.suppress(Exception):
            while True:
                codes.append(raw.reply().code)
        assert codes == [220, 331, 230, 200, 257, 200, 150, 226, 200, 150, 426, 257, 221]
    assert (folder / "made").is_dir() and not (folder / "late.txt").exists()


# What a kill leaves.

def test_leftovers_are_swept_at_start_but_not_what_is_in_use(start, folder):
    """DU-02."""
    (folder / LEFT).write_bytes(b"half")
    (folder / "sub" / LEFT).write_bytes(b"half")
    in_use = folder / "sub" / LEFT.replace("0", "f")
    in_use.write_bytes(b"of a process that runs")
    (folder / "sub" / ".sallyport-x.part").write_bytes(b"another user's")
    with in_use.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab")
        wait_until(lambda: not (folder / LEFT).exists() and not (folder / "sub" / LEFT).exists(), 10, "the leftovers are gone")
        wait_until(lambda: "Removed 2 unfinished uploads" in daemon.log(), 5, "the log says so")
        assert sorted(os.listdir(folder / "sub")) == sorted([in_use.name, ".sallyport-x.part"])


# Appending.

def test_appending_a_byte_to_a_large_file_copies_nothing(server, folder):
    log = folder / "large.log"
    with log.open("wb") as made:
        made.truncate(300 * 1024 * 1024)  # without blocks on the disk; a copy would have them
    give(log)
    before = log.stat().st_blocks
    with session(server) as raw:
        for _ in range(3):
            with raw.passive() as data:
                raw.expect("APPE /large.log", 150)
                data.sendall(b"x")
            assert raw.reply().code == 226
        raw.expect(f"REST {300 * 1024 * 1024 + 3}", 350)
        assert raw.store("/large.log", b"yz").code == 226
    assert log.stat().st_size == 300 * 1024 * 1024 + 5
    with log.open("rb") as made:
        made.seek(-6, os.SEEK_END)
        assert made.read() == b"\0xxxyz"
    assert log.stat().st_blocks - before < 2048  # a MiB
    assert sorted(os.listdir(folder)) == ["large.log", "old.txt", "sub"]


def test_kills_in_the_middle_of_appends_never_cost_an_old_byte(start, folder):
    """DU-06: at any moment, the file is the old one, perhaps followed by some of the new bytes."""
    log = folder / "large.log"
    content = os.urandom(3 * 1024 * 1024)
    new = b"n" * 400_000
    log.write_bytes(content)
    for number in range(6):
        daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab")
        raw = session(daemon)
        data = raw.passive()
        raw.expect("APPE /large.log", 150)
        data.sendall(new)
        data.close()
        time.sleep(number * 0.002)
        daemon.kill()
        stored = log.read_bytes()
        assert stored.startswith(content) and (content + new).startswith(stored)
        content = stored


# Times.

@pytest.mark.parametrize("verb", ["MDTM", "MFMT"])
def test_both_commands_set_a_time_where_the_user_may(server, folder, verb):
    with session(server) as raw:
        assert raw.expect(f"{verb} 20200101000000 old.txt", 213).text.endswith("Modify=20200101000000; /old.txt")
        assert (folder / "old.txt").stat().st_mtime == 1577836800
        assert raw.expect("MDTM old.txt", 213).text == "213 20200101000000"
        raw.expect(f"{verb} 20200101000000 none.txt", 550)
        raw.expect(f"{verb} 20201301000000 old.txt", 550 if verb == "MDTM" else 501)
    with session(server, "reader") as raw:
        raw.expect(f"{verb} 20210101000000 old.txt", 550)
        assert raw.expect("MDTM old.txt", 213).text == "213 20200101000000"


def test_a_name_that_begins_with_a_time_is_asked_about(server, folder):
    named = folder / "20200101000000 old.txt"
    named.write_text("x")
    os.utime(named, (1000000000, 1000000000))
    before = (folder / "old.txt").stat().st_mtime
    with session(server) as raw:
        assert raw.expect("MDTM 20200101000000 old.txt", 213).text == "213 20010909014640"
    assert (folder / "old.txt").stat().st_mtime == before


# What listings show.

def test_no_listing_or_record_carries_what_a_terminal_acts_on(sallyport, start, folder, tmp_path):
    """IN-09, FS-02: names on a disk may have other sources than a client."""
    for name in (b"e\x1b]0;x\x07", b"c\x9b2J", "u\u009b2J".encode(), b"n\nl"):
        (folder / os.fsdecode(name)).write_text("x")
    (folder / "out").symlink_to("../outside-of-the-root")
    (folder / "absolute").symlink_to("/etc/passwd")
    records = tmp_path / "records"
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--transfer-log", records,
                   "--transfer-log-format", "json")
    raw = session(daemon)
    for verb in ("LIST", "NLST", "MLSD", "LIST -a"):
        with raw.passive() as data:
            raw.expect(verb, 150)
            listed = b"".join(iter(lambda data=data: data.recv(65536), b""))
        assert raw.reply().code == 226
        bad = [byte for byte in listed.decode("utf-8", "surrogateescape") if byte not in "\r\n" and not byte.isprintable()]
        assert not bad, (verb, listed)
        assert b"outside-of-the-root" not in listed and b"passwd" not in listed
    status = raw.command("STAT /").text
    assert "outside-of-the-root" not in status and "\x1b" not in status
    with raw.passive() as data:
        raw.expect("RETR /u\u009b2J", 150)
        data.recv(10)
    assert raw.reply().code == 226
    wait_until(lambda: "RETR" in records.read_text(), 5, "the record")
    assert b"\x1b" not in records.read_bytes() and "\u009b" not in records.read_text()
    assert json.loads(records.read_text().splitlines()[-1])["path"] == "/u\u009b2J"
    done = subprocess.run([sallyport, "ls", "--json", f"ftp://writer:lab@127.0.0.1:{daemon.port}/"], capture_output=True, timeout=20,
                          check=True)
    assert b"\x1b" not in done.stdout and "\u009b".encode() not in done.stdout
    json.loads(done.stdout)


# A drip is no progress (DC-05).

@pytest.mark.parametrize("target", ["server", "gate"])
def test_a_drip_is_aborted_unless_any_byte_counts(start, folder, target):
    for rate, codes in ((100, (426, 421)), (0, (226,))):
        limits = ["--stall-timeout", 1, "--stall-rate", rate]
        daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", *(limits if target == "server" else []))
        if target == "gate":
            daemon = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}", *limits)
        with session(daemon) as raw:
            with raw.passive() as data, contextlib.suppress(OSError):
                raw.expect("STOR /drip", 150)
                for _ in range(40):
                    data.sendall(b"x")
                    time.sleep(0.05)
            assert raw.reply().code in codes
        assert (folder / "drip").exists() == (rate == 0)


def test_a_rate_limit_of_the_gateway_is_no_stall(start, server, folder):
    (folder / "some.bin").write_bytes(b"x" * 9000)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--stall-timeout", 1,
                 "--stall-rate", 100000, "--max-download-rate", 3000)
    with session(gate) as raw:
        assert len(raw.retrieve("/some.bin")) == 9000


def test_the_client_aborts_a_drip(sallyport, tmp_path):
    def serve(listener):
        control = listener.accept()[0]
        reader = control.makefile("rb")
        control.sendall(b"220 x\r\n")
        with socket.create_server(("127.0.0.1", 0)) as passive:
            for line in reader:
                verb = line.split()[0].upper()
                answer = {b"USER": "331 x", b"PASS": "230 x", b"TYPE": "200 x", b"SIZE": "213 5000",
                          b"EPSV": f"229 x (|||{passive.getsockname()[1]}|)", b"RETR": "150 x"}.get(verb, "502 x")
                control.sendall(answer.encode() + b"\r\n")
                if verb == b"RETR":
                    data = passive.accept()[0]
                    with contextlib.suppress(OSError):
                        for _ in range(100):
                            data.sendall(b"x")
                            time.sleep(0.05)
                    data.close()
                    control.close()
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        begin = time.monotonic()
        done = subprocess.run([sallyport, "get", "--json", "--stall-timeout", "1", "--stall-rate", "100", "-o",
                               tmp_path / "f", f"ftp://127.0.0.1:{listener.getsockname()[1]}/f"], capture_output=True, text=True,
                              timeout=20)
        assert time.monotonic() - begin < 4.5
    assert done.returncode != 0
    assert "fewer than 100 bytes per second for 1 s" in done.stderr
