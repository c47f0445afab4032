"""Failures of disks, peers, backends and power; nothing is left behind, and no reply or record is false."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from free_ports import free_range
from harness.daemon import wait_until
from harness.raw import Closed, Raw, drain, vanish

BIG = 64 * 1024 * 1024


@pytest.fixture
def big(folder):
    with (folder / "big.bin").open("wb") as made:
        made.truncate(BIG)
    return "/big.bin"


@pytest.fixture
def stop_timeout():
    return []


@pytest.fixture
def server(start, folder, stop_timeout):
    return start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", *stop_timeout)


@pytest.fixture
def gate(start, server, stop_timeout):
    return start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", *stop_timeout)


def session(daemon):
    return Raw(daemon.host, daemon.port).login()


def begin_upload(raw, name, content=b"new" * 10000):
    """An upload of which a part has arrived."""
    data = raw.passive()
    raw.expect(f"STOR {name}", 150, 125)
    data.sendall(content)
    return data


def begin_download(raw, name):
    data = raw.passive()
    raw.expect(f"RETR {name}", 150, 125)
    assert data.recv(1000)
    return data


def names(raw):
    with raw.passive() as data:
        raw.expect("NLST -a", 150, 125)
        listed = drain(data).decode().split("\r\n")
    raw.reply()
    return sorted(set(name.split("/")[-1] for name in listed if name) - {".", ".."})


# Uploads are whole or nothing (DU-01).

def test_kill_in_mid_upload_leaves_the_old_file(start, server, folder):
    raw = session(server)
    begin_upload(raw, "/old.txt")
    other = session(server)
    begin_upload(other, "/new.txt")
    time.sleep(0.2)
    server.kill()
    assert (folder / "old.txt").read_text() == "the old content"
    again = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    assert names(session(again)) == ["old.txt"]
    assert session(again).retrieve("/old.txt") == b"the old content"


def test_partial_upload_is_not_visible(server, folder):
    raw = session(server)
    with begin_upload(raw, "/new.txt") as data:
        time.sleep(0.2)
        assert names(session(server)) == ["old.txt"]
        data.sendall(b"end")
    assert raw.reply().code == 226
    assert (folder / "new.txt").read_bytes() == b"new" * 10000 + b"end"
    assert sorted(os.listdir(folder)) == ["new.txt", "old.txt"]


@pytest.mark.parametrize("target", ["server", "gate"])
def test_upload_cut_by_its_client(request, server, folder, target):
    """RST on the data connection: 426 or 451, never 226, and the old file stays."""
    raw = session(request.getfixturevalue(target))
    vanish(begin_upload(raw, "/old.txt"))
    assert raw.reply().code in (426, 451)
    raw.expect("NOOP", 200)
    assert (folder / "old.txt").read_text() == "the old content"
    assert sorted(os.listdir(folder)) == ["old.txt"]


@pytest.fixture
def small_disk(networks, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("through_gate", [False, True])
def test_disk_full(start, small_disk, through_gate):
    (small_disk / "old.txt").write_text("the old content")
    target = start("serve", small_disk, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    if through_gate:
        target = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{target.port}")
    raw = session(target)
    data = raw.passive()
    raw.expect("STOR /old.txt", 150, 125)
    with contextlib.suppress(OSError):
        data.sendall(b"x" * 3 * 1024 * 1024)
    data.close()
    assert raw.reply().code == 452
    assert (small_disk / "old.txt").read_text() == "the old content"
    assert raw.store("/small.txt", b"fits").code == 226, "the space is free again"


# Peers that vanish.

@pytest.mark.parametrize("target", ["server", "gate"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_vanished_client_frees_all_at_once(request, start, folder, big, target, direction):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    one_port = ["--listen", "127.0.0.1:0", "--passive-ports", f"{port}-{port}"]
    daemon = start("serve", folder, *(one_port if target == "server" else ["--listen", "127.0.0.1:0"]), "--user", "writer:lab")
    if target == "gate":
        daemon = start("gate", *one_port, "--backend", f"ftp://127.0.0.1:{daemon.port}")
    with session(daemon) as warm:
        warm.retrieve("/old.txt")
        warm.expect("QUIT", 221)
    before = daemon.settled_fds()
    raw = session(daemon)
    data = begin_upload(raw, "/new.txt") if direction == "up" else begin_download(raw, big)
    vanish(data)
    raw.reset()
    wait_until(lambda: len(daemon.fds()) <= len(before), 3, f"descriptors back to {before}, now {daemon.fds()}")
    with session(daemon) as next_one:
        assert next_one.retrieve("/old.txt") == b"the old content"
    assert sorted(os.listdir(folder)) == ["big.bin", "old.txt"]


@pytest.mark.parametrize("target", ["server", "gate"])
def test_download_cut_by_its_client(request, server, big, target):
    raw = session(request.getfixturevalue(target))
    vanish(begin_download(raw, big))
    assert raw.reply().code == 426
    assert raw.retrieve("/old.txt") == b"the old content"


@pytest.mark.parametrize("target", ["server", "gate"])
def test_abort(request, server, big, target):
    """ABOR during a transfer: 426, then 226, and the session continues."""
    raw = session(request.getfixturevalue(target))
    data = begin_download(raw, big)
    raw.send(b"ABOR\r\n")
    assert raw.reply().code == 426
    assert raw.reply().code == 226
    data.close()
    assert raw.retrieve("/old.txt") == b"the old content"


@pytest.mark.parametrize("target", ["server", "gate"])
def test_peer_that_stops_reading(start, folder, big, target):
    """DC-04: a stalled transfer is aborted, and its resources are released."""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--stall-timeout", 1)
    if target == "gate":
        daemon = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}", "--stall-timeout", 1)
    raw = session(daemon)
    begin_download(raw, big)
    assert raw.reply().code in (426, 421)


# Backends that fail (G7).

def test_backend_dies_in_mid_transfer(server, gate, big):
    raw = session(gate)
    data = begin_download(raw, big)
    server.kill()
    with contextlib.suppress(OSError):
        drain(data)
    assert raw.reply().code in (426, 421)
    with contextlib.suppress(Closed, OSError):
        while raw.command("NOOP").code != 421:
            pass
    assert gate.alive() and gate.idle_share() < 0.05


def test_backend_dies_in_mid_upload(server, gate, folder):
    raw = session(gate)
    data = begin_upload(raw, "/old.txt")
    time.sleep(0.1)
    server.kill()
    data.close()
    assert raw.reply().code in (426, 421)
    assert (folder / "old.txt").read_text() == "the old content"


def test_backend_dies_between_commands(server, gate):
    raw = session(gate)
    server.kill()
    with contextlib.suppress(Closed):
        assert raw.command("NOOP").code == 421
    assert raw.at_end()
    assert gate.alive()


def test_no_backend_at_all(start):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{port}")
    with Raw(gate.host, gate.port) as raw:
        assert raw.reply().code == 421
        assert raw.at_end()


def test_backends_that_refuse_or_are_silent_are_skipped(start, server):
    """The client notices nothing but a working session."""
    with socket.create_server(("127.0.0.1", 0)) as gone, socket.create_server(("127.0.0.1", 0)) as silent:
        refusing = gone.getsockname()[1]
        gone.close()
        gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{refusing}", "--backend",
                     f"ftp://127.0.0.1:{silent.getsockname()[1]}", "--backend", f"ftp://127.0.0.1:{server.port}",
                     "--balance", "round-robin", "--backend-connect-timeout", 0.5)
        for _ in range(6):
            with session(gate) as raw:
                assert raw.retrieve("/old.txt") == b"the old content"


# Endings.

@pytest.mark.parametrize("target", ["server", "gate"])
@pytest.mark.parametrize(("sign", "stop_timeout"), [(signal.SIGTERM, ["--stop-timeout", 4]), (signal.SIGINT, [])],
                         ids=["SIGTERM", "SIGINT"])
def test_stops_within_five_seconds(request, big, target, sign, stop_timeout):
    daemon = request.getfixturevalue(target)
    idle = [session(daemon) for _ in range(20)]
    busy = session(daemon)
    data = begin_download(busy, big)
    begin = time.monotonic()
    daemon.process.send_signal(sign)
    assert daemon.process.wait(6) == 0
    assert time.monotonic() - begin < 5
    for raw in idle:
        assert raw.reply().code == 421
        assert raw.at_end()
    data.close()


def test_stops_at_once_when_idle(server, gate):
    for daemon in (gate, server):
        begin = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begin < 2


@pytest.mark.parametrize("target", ["server", "gate"])
def test_a_second_sigterm_stops_at_once(request, big, target):
    daemon = request.getfixturevalue(target)
    idle, busy = session(daemon), session(daemon)
    data = begin_download(busy, big)
    daemon.process.send_signal(signal.SIGTERM)
    assert idle.reply().code == 421  # at once; the transfer has its time
    assert idle.at_end()
    daemon.process.send_signal(signal.SIGTERM)
    # The client reads nothing, so a transfer that had its eight seconds would take them.
    assert daemon.process.wait(6) == 0
    data.close()


@pytest.mark.parametrize("target", ["server", "gate"])
def test_a_transfer_has_five_seconds_and_more_after_sigterm(request, big, target):
    """By default eight, including the time for final replies: containers are killed after ten."""
    daemon = request.getfixturevalue(target)
    busy = session(daemon)
    data = begin_download(busy, big)
    received, begin = 1000, time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    while time.monotonic() - begin < 5:
        received += len(data.recv(1000))
        time.sleep(0.1)  # a slow client
    received += len(drain(data))
    assert received == BIG
    assert busy.reply().code == 226
    assert busy.reply().code == 421
    assert daemon.process.wait(6) == 0


def test_running_transfer_may_end_in_the_grace(server, big):
    raw = session(server)
    data = begin_download(raw, big)
    server.process.send_signal(signal.SIGTERM)
    assert len(drain(data)) == BIG - 1000
    assert raw.reply().code == 226
    assert server.process.wait(6) == 0


def test_port_in_use_is_reported(sallyport, server, folder):
    failed = subprocess.run([sallyport, "serve", folder, "--listen", f"127.0.0.1:{server.port}", "--anonymous"],
                            capture_output=True, text=True, timeout=10)
    assert failed.returncode != 0
    assert str(server.port) in failed.stderr and "in use" in failed.stderr


# Leaks.

@pytest.mark.parametrize("target", ["server", "gate"])
def test_descriptors_come_back(request, server, big, target):
    """I2, over sessions that end in every way."""
    daemon = request.getfixturevalue(target)

    def one_of_each():
        with session(daemon) as raw:
            raw.retrieve("/old.txt")
            raw.store("/new.txt", b"x")
            raw.expect("QUIT", 221)
        with session(daemon) as raw:
            raw.epsv_port()
        with session(daemon) as raw:
            raw.passive().close()
            raw.passive().close()
        with session(daemon) as raw:
            vanish(begin_download(raw, big))
        with session(daemon) as raw:
            begin_upload(raw, "/cut.txt")
            raw.reset()
        with session(daemon) as raw:
            raw.expect("RETR /missing.txt", 425, 550, 503)

    one_of_each()
    before = daemon.settled_fds()
    for _ in range(10):
        one_of_each()
    wait_until(lambda: len(daemon.fds()) <= len(before), 5, f"descriptors back to {before}, now {daemon.fds()}")
    assert daemon.idle_share() < 0.05


# Time.

def test_curl_that_sleeps_on_quick_answers_is_answered_later(start, folder, tmp_path):
    """curl 7.88 sleeps for a second at every file of a session if a reply arrives before it first reads."""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}")
    for target in (daemon, gate):
        urls = [f"ftp://writer:lab@127.0.0.1:{target.port}/old.txt"] * 25
        begin = time.monotonic()
        done = subprocess.run(["curl", "--silent", "--show-error", *urls], capture_output=True, timeout=50)
        assert done.stdout == b"the old content" * 25, done.stderr
        assert time.monotonic() - begin < 10


def test_running_transfer_is_not_idle(start, folder, big):
    """G5: no command for longer than the idle timeout, while data are transferred."""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--idle-timeout", 1)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}", "--idle-timeout", 1)
    for target in (daemon, gate):
        raw = session(target)
        data = begin_download(raw, big)
        received, begin = 1000, time.monotonic()
        while part := data.recv(1024 * 1024):
            received += len(part)
            if time.monotonic() - begin < 3:
                time.sleep(0.1)
        assert received == BIG
        assert time.monotonic() - begin > 2
        assert raw.reply().code == 226
        raw.expect("NOOP", 200)


def keepalive_timers(port):
    """Of the established connections with that local or remote port."""
    text = subprocess.run(["ss", "-Htno", "state", "established", f"( sport = :{port} or dport = :{port} )"],
                          capture_output=True, text=True, check=True).stdout
    return [(line.split()[2], "timer:(keepalive" in line) for line in text.splitlines()]


def test_keepalive_on_both_legs(server, gate):
    """S5 G5: set by the program itself, on every control connection."""
    raw = session(gate)
    raw.expect("NOOP", 200)

    def all_on():
        client_leg = [on for local, on in keepalive_timers(gate.port) if local.endswith(f":{gate.port}")]
        server_leg = [on for _, on in keepalive_timers(server.port)]
        return client_leg == [True] and server_leg == [True, True]

    wait_until(all_on, 3, "a keepalive timer at the gateway towards both sides and at the server")


# Ports (S2) and methods (S9).

def test_port_of_another_program_is_skipped(start, folder):
    port = free_range(4)
    with socket.create_server(("127.0.0.1", port)):
        daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--passive-ports", f"{port}-{port + 3}")
        for _ in range(8):
            raw = session(daemon)
            chosen = raw.epsv_port()
            assert port < chosen <= port + 3


def test_range_of_one_port_serves_many(start, folder, big):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--passive-ports", f"{port}-{port}")
    slow = session(daemon)
    begin_download(slow, big)
    with session(daemon) as raw:
        for _ in range(20):
            assert raw.retrieve("/old.txt") == b"the old content"


def test_refused_methods(start, folder):
    active = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--no-passive")
    with session(active) as raw:
        assert raw.command("PASV").code in (500, 501, 502, 504, 522, 534, 550)
        assert raw.command("EPSV").code in (500, 501, 502, 504, 522, 534, 550)
    passive = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--no-active")
    with session(passive) as raw:
        assert raw.command("PORT 127,0,0,1,200,1").code in (500, 501, 502, 504, 522, 534, 550)
        assert raw.retrieve("/old.txt") == b"the old content"


def test_external_address_in_227(start, folder):
    """S3; only in 227, since 229 has no address."""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--external-address", "17.254.0.91")
    with session(daemon) as raw:
        assert raw.pasv()[0] == "17.254.0.91"
        assert raw.retrieve("/old.txt") == b"the old content"


# Files as FTP has them.

def test_ascii_restart_append_rename(server, folder):
    raw = session(server)
    assert raw.store("/text.bin", b"a\r\nb\r\n").code == 226
    raw.expect("REST 2", 350)
    assert raw.retrieve("/text.bin") == b"\nb\r\n"
    with raw.passive() as data:
        raw.expect("APPE /text.bin", 150, 125)
        data.sendall(b"c")
    assert raw.reply().code == 226
    assert (folder / "text.bin").read_bytes() == b"a\r\nb\r\nc"
    raw.expect("REST 6", 350)
    assert raw.store("/text.bin", b"tail").code == 226
    assert (folder / "text.bin").read_bytes() == b"a\r\nb\r\ntail"
    raw.expect("TYPE A", 200)
    assert raw.store("/text.txt", b"one\r\ntwo\r\n").code == 226
    assert (folder / "text.txt").read_bytes() == b"one\ntwo\n"
    assert raw.retrieve("/text.txt") == b"one\r\ntwo\r\n"
    raw.expect("RNFR /text.txt", 350)
    raw.expect("RNTO /renamed.txt", 250)
    raw.expect("TYPE I", 200)
    assert "8" in raw.expect("SIZE /renamed.txt", 213).text
    raw.expect("DELE /renamed.txt", 250)
    raw.expect("MKD /made", 257)
    raw.expect("RMD /made", 250)


def test_conversations_of_the_article(start, folder):
    """S8: both command sequences of the NcFTP article, with the same codes."""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--anonymous")
    with Raw(daemon.host, daemon.port) as raw, socket.create_server(("127.0.0.1", 0)) as listener:
        raw.greet()
        raw.expect("USER anonymous", 331)
        raw.expect("PASS NcFTP@", 230)
        port = listener.getsockname()[1]
        raw.expect(f"PORT 127,0,0,1,{port // 256},{port % 256}", 200)
        raw.expect("LIST", 150)
        assert b"old.txt" in drain(listener.accept()[0])
        assert raw.reply().code == 226
        raw.expect("QUIT", 221)
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        raw.expect("USER anonymous", 331)
        raw.expect("PASS NcFTP@", 230)
        address, port = raw.pasv()
        assert address == "127.0.0.1"
        data = raw.connect(port)
        assert re.search(rf"Data connection accepted from 127\.0\.0\.1:{data.getsockname()[1]}", raw.expect("LIST", 150).text)
        assert b"old.txt" in drain(data)
        assert raw.reply().code == 226
        raw.expect("QUIT", 221)


@pytest.mark.alone
def test_many_sessions_at_once(server, gate):
    """G1: every session gets its own bytes."""
    failures = []

    def work(number):
        try:
            with session(gate) as raw:
                content = str(number).encode() * 50000
                for round_ in range(3):
                    name = f"/{number}-{round_}"
                    assert raw.store(name, content).code == 226
                    assert raw.retrieve(name) == content
        except Exception as failure:  # reported below, from the test's own thread
            failures.append(failure)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures
