"""Malformed and hostile input of clients, sent to the running server and to the gateway."""

import contextlib
import random
import re
import socket

import pytest

from harness.daemon import wait_until
from harness.raw import Closed, Raw, drain

IDLE = 0.05  # share of one processor; two clock ticks in the half second that is measured are noise


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("bad-input")
    (base / "secret.txt").write_text("secret")
    (base / "outside").mkdir()
    (base / "outside/secret.txt").write_text("secret")
    root = base / "root"
    (root / "sub").mkdir(parents=True)
    (root / "file.txt").write_text("content")
    (root / "absolute").symlink_to(base / "secret.txt")
    (root / "relative").symlink_to("../secret.txt")
    (root / "directory").symlink_to(base / "outside")
    (root / "sub/up").symlink_to("../../outside")
    return root


def warmed(daemon):
    """With its resources while no client is connected, to compare with at the end."""
    for _ in range(4):
        with Raw(daemon.host, daemon.port) as raw:
            raw.login().retrieve("/file.txt")
            raw.expect("QUIT", 221)
    daemon.held = daemon.settled_fds()
    return daemon


@pytest.fixture(scope="module")
def server(start_for_module, folder):
    return warmed(start_for_module("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--anonymous",
                                   "--data-timeout", 1, "--max-sessions-before-login", 4000))


@pytest.fixture(scope="module")
def gate(start_for_module, server):
    # As many as the server has: a session of the gateway needs twice as many descriptors.
    return warmed(start_for_module("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}",
                                   "--data-timeout", 1, "--max-sessions-before-login", 2000))


@pytest.fixture(params=["server", "gate"])
def front(request):
    """Each test runs against the server and the gateway; afterwards the daemon still serves."""
    daemon = request.getfixturevalue(request.param)
    yield daemon
    assert daemon.alive(), daemon.log()
    with Raw(daemon.host, daemon.port) as after:
        assert after.login().retrieve("/file.txt") == b"content"
        after.expect("QUIT", 221)


@pytest.fixture
def session(front):
    with Raw(front.host, front.port) as raw:
        yield raw.login()


@pytest.fixture
def unexpected_address():
    """A listener on another address of this machine, to which no daemon may connect."""
    with socket.create_server(("127.0.0.2", 0)) as canary:
        canary.settimeout(0.3)
        yield canary


def called(canary):
    try:
        canary.accept()[0].close()
        return True
    except TimeoutError:
        return False


# Lines.

def test_overlong_line_is_refused_once_and_skipped(session):
    session.expect("NOOP " + "a" * 5000, 500)
    session.expect("NOOP", 200)


def test_third_overlong_line_ends_the_session(session):
    session.expect("A" * 5000, 500)
    session.expect("B" * 5000, 500)
    assert session.command("C" * 5000).code in (500, 421)
    assert session.at_end()


def test_overlong_line_before_login(front):
    with Raw(front.host, front.port) as raw:
        raw.greet()
        raw.expect("USER " + "a" * 600, 500)
        raw.expect("USER writer", 331)


def test_endless_line_costs_nothing(session):
    session.send(b"X" * 1_000_000)
    session.send(b"\r\n")
    assert session.reply().code == 500
    session.expect("NOOP", 200)


@pytest.mark.parametrize("line", [b"NOOP\0", b"RETR a\0b", b"STAT a\rb", b"MKD a\x01b"])
def test_control_bytes_in_a_line(session, line):
    assert session.command(line).code == 501
    session.expect("NOOP", 200)


def test_control_bytes_made_nothing(session, folder):
    session.command(b"MKD bad\0name")
    session.command(b"MKD bad\rname")
    assert not [p for p in folder.iterdir() if p.name.startswith("bad")]


def test_one_byte_at_a_time(session):
    for byte in b"NOOP\r\n":
        session.send(bytes([byte]))
    assert session.reply().code == 200


def test_binary_noise(front):
    noise = random.Random(7)
    for _ in range(20):
        with contextlib.suppress(OSError), Raw(front.host, front.port, timeout=1) as raw:
            raw.send(noise.randbytes(65536))
            raw.at_end(0.1)


def test_noise_after_login(front):
    noise = random.Random(8)
    for _ in range(10):
        with Raw(front.host, front.port, timeout=2) as raw:
            raw.login()
            with contextlib.suppress(OSError):
                raw.send(noise.randbytes(65536))
                raw.at_end(0.1)


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 500,
                                     b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_other_protocols_open_nothing(front, opening, unexpected_address):
    """GW-01: requests of a browser do not make the daemon connect to any host."""
    port = unexpected_address.getsockname()[1]
    with contextlib.suppress(OSError, Closed), Raw(front.host, front.port, timeout=2) as raw:
        raw.send(opening + f"PORT 127,0,0,2,{port // 256},{port % 256}\r\nLIST\r\n".encode())
        raw.at_end(1)
    assert not called(unexpected_address)


def test_1000_pipelined_commands(session):
    session.send(b"NOOP\r\nPWD\r\n" * 500)
    assert [session.reply().code for _ in range(1000)] == [200, 257] * 500


def test_1000_pipelined_commands_in_one_byte_pieces_of_replies(front):
    """Replies that a client does not read for a while delay no other session, and arrive completely afterwards."""
    with Raw(front.host, front.port) as lazy, Raw(front.host, front.port) as other:
        lazy.login()
        lazy.send(b"FEAT\r\n" * 1000)
        other.login().expect("NOOP", 200)
        assert all(lazy.reply().code == 211 for _ in range(1000))


# Connections.

@pytest.mark.limit(60)
def test_1000_silent_connections(front):
    silent = []
    try:
        for _ in range(1000):
            silent.append(socket.create_connection((front.host, front.port), timeout=10))
        with Raw(front.host, front.port) as raw:
            assert raw.login().retrieve("/file.txt") == b"content"
    finally:
        for connection in silent:
            connection.close()


def test_silent_connections_are_closed(start, folder):
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--anonymous", "--login-timeout", 1)
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        assert raw.reply().code == 421
        assert raw.at_end()


def test_idle_session_gets_421(start, folder):
    """G6"""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--idle-timeout", 1)
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}", "--idle-timeout", 1)
    for front in (daemon, gate):
        with Raw(front.host, front.port) as raw:
            raw.login()
            assert raw.reply().code == 421
            assert not raw.pending
            assert raw.ends_in_order()


# Data connections.

def test_unexpected_peer_on_the_passive_port(session):
    """DC-02: it is refused, and the client is still served. CVE-1999-0351"""
    port = session.epsv_port()
    with session.connect(port, source="127.0.0.2") as unexpected:
        with session.connect(port) as data:
            session.expect("RETR /file.txt", 150, 125)
            assert drain(data) == b"content"
        assert session.reply().code == 226
        with contextlib.suppress(ConnectionResetError):
            assert drain(unexpected) == b""


def test_unexpected_peer_alone_on_the_passive_port(session):
    port = session.epsv_port()
    with session.connect(port, source="127.0.0.2") as unexpected:
        session.send(b"RETR /file.txt\r\n")
        reply = session.reply()
        if reply.code in (150, 125):
            reply = session.reply()
        assert reply.code == 425
        with contextlib.suppress(ConnectionResetError):
            assert drain(unexpected) == b""


def test_no_connection_on_the_passive_port(session):
    session.epsv_port()
    session.send(b"RETR /file.txt\r\n")
    reply = session.reply()
    if reply.code in (150, 125):
        reply = session.reply()
    assert reply.code == 425
    session.expect("NOOP", 200)


def test_bounce_attempt(session, unexpected_address):
    """DC-01"""
    port = unexpected_address.getsockname()[1]
    session.expect(f"PORT 127,0,0,2,{port // 256},{port % 256}", 504)
    session.expect(f"EPRT |1|127.0.0.2|{port}|", 504)
    reply = session.command("LIST")
    assert reply.code in (425, 503)
    assert not called(unexpected_address)


@pytest.mark.parametrize("line,code", [
    ("PORT 127,0,0,1,0,22", 504), ("EPRT |1|127.0.0.1|80|", 504),
    ("PORT 127,0,0,1,0,51201", 501), ("PORT 127,0,0,1,256,1", 501), ("PORT 1,2,3", 501), ("PORT 127,0,0,1,0,0", 501),
    ("EPRT |1|127.0.0.1|116737|", 501), ("EPRT |3|127.0.0.1|5000|", 522), ("EPRT junk", 501), ("PORT", 501),
    ("REST -1", 501), ("REST 99999999999999999999", 501), ("REST 1x", 501), ("TYPE Q", 504), ("STRU P", 504), ("MODE C", 504),
    ("SITE EXEC id", 504), ("EPSV 3", 522),
])
def test_arguments(session, line, code):
    assert session.command(line).code == code
    session.expect("NOOP", 200)


def test_epsv_all(session):
    """S4"""
    session.expect("EPSV ALL", 200)
    for line in ("PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|51201|"):
        session.expect(line, 501)
    assert session.retrieve("/file.txt") == b"content"


def test_telnet_bytes_and_abort(session):
    session.send(b"\xff\xf4\xff\xf2ABOR\r\n")
    assert session.reply().code in (225, 226)
    session.send(b"\xff\xfd\x01NOOP\r\n")  # DO ECHO: answered by WON'T, which is no reply line
    session.socket.settimeout(5)
    received = b""
    while b"200" not in received:
        received += session.socket.recv(4096)


# Login.

def test_before_login(front):
    with Raw(front.host, front.port) as raw:
        raw.greet()
        for line in ("PWD", "LIST", "RETR /file.txt", "PASV", "DELE /file.txt"):
            raw.expect(line, 530)
        raw.expect("PASS lab", 503, 530)


def test_wrong_user_and_wrong_password_look_the_same(front):
    texts = []
    for user, password in (("writer", "wrong"), ("no-such-user", "wrong")):
        with Raw(front.host, front.port) as raw:
            raw.greet()
            first = raw.command(f"USER {user}").text.replace(user, "X")
            texts.append((first, raw.expect(f"PASS {password}", 530).text))
    assert texts[0] == texts[1]


def test_anonymous_reads_only(front, folder):
    """S8"""
    with Raw(front.host, front.port) as raw:
        raw.login("anonymous", "someone@")
        assert raw.retrieve("/file.txt") == b"content"
        for line in ("STOR /new", "APPE /file.txt", "DELE /file.txt", "MKD /new", "RMD /sub", "RNFR /file.txt", "STOU"):
            if line[:4] in ("STOR", "APPE", "STOU"):
                raw.passive()
            assert raw.command(line).code in (550, 553, 532)
    assert (folder / "file.txt").read_text() == "content" and not (folder / "new").exists()


def test_password_is_not_in_the_log(start, folder):
    """S7: every command is there at level debug, passwords are masked."""
    server = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--log-level", "debug")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--log-level", "debug")
    for front in (server, gate):
        with Raw(front.host, front.port) as raw:
            raw.greet()
            raw.expect("USER writer", 331)
            raw.expect("PASS very-secret-text", 530)
        assert re.search(r"PASS \*+", front.log())
    assert "very-secret-text" not in server.log() + gate.log()


# Paths.

ESCAPES = ["../secret.txt", "/../secret.txt", "../../secret.txt", "sub/../../secret.txt", "/absolute", "/relative", "/directory/secret.txt",
           "/sub/up/secret.txt", "//../secret.txt", "sub/up/../secret.txt"]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_way_out(session, folder, path):
    for verb in ("SIZE", "MDTM", "DELE", "RNFR"):
        reply = session.command(f"{verb} {path}")
        assert not (verb in ("SIZE", "MDTM") and reply.code == 213), reply
        if verb == "RNFR" and reply.code == 350:
            session.command("RNTO sub/stolen")
    with session.passive() as data:
        reply = session.command(f"RETR {path}")
        assert reply.code == 550, reply
    with session.passive() as data:
        reply = session.command(f"STOR {path}")
        if reply.code in (150, 125):
            data.sendall(b"overwritten")
            data.close()
            session.reply()
    assert (folder.parent / "secret.txt").read_text() == "secret"
    assert (folder.parent / "outside/secret.txt").read_text() == "secret"
    assert sorted(p.name for p in (folder.parent / "outside").iterdir()) == ["secret.txt"]
    restore(folder)


def restore(folder):
    """The links that a test may have removed or replaced, since they belong to the user."""
    for stray in ("secret.txt", "sub/secret.txt", "sub/stolen"):
        if (folder / stray).is_symlink() or (folder / stray).exists():
            (folder / stray).unlink()
    for name, to in (("absolute", folder.parent / "secret.txt"), ("relative", "../secret.txt"),
                     ("directory", folder.parent / "outside"), ("sub/up", "../../outside")):
        if not (folder / name).is_symlink():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(to)


@pytest.mark.parametrize("path", ["directory", "sub/up", "/directory/../directory"])
def test_no_directory_outside(session, folder, path):
    session.expect(f"CWD {path}", 550)
    session.expect(f"MKD {path}/new", 550)
    for verb in ("LIST", "MLSD", "NLST"):
        with session.passive() as data:
            reply = session.command(f"{verb} {path}")
            if reply.code in (150, 125):
                assert b"secret" not in drain(data)
                session.reply()
    assert sorted(p.name for p in (folder.parent / "outside").iterdir()) == ["secret.txt"]


def test_up_from_the_root_stays_there(session):
    session.expect("CWD ..", 250, 550)
    session.expect("CDUP", 200, 250, 550)
    assert '"/"' in session.expect("PWD", 257).text


# After all of it.

@pytest.mark.parametrize("target", ["gate", "server"])
def test_nothing_is_left_and_nothing_spins(request, target):
    """I2 I3, after all the tests above."""
    daemon = request.getfixturevalue(target)
    wait_until(lambda: len(daemon.fds()) <= len(daemon.held), 10, "descriptors back to what they were")
    assert daemon.idle_share() < IDLE
