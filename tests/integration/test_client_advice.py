"""Messages and exit codes of our client for servers that send unusual sizes, ends and reasons (C3 C6)."""

import json
import subprocess
import time

import pytest

from harness import programs
from harness.scripted_server import ScriptedServer

DONE, DENIED, DATA, INCOMPLETE, TIMEOUT, BUSY, LOGIN = 0, 6, 7, 8, 10, 12, 5


def odd(content=b"x" * 420, reset=False, **replies):
    """A server with this content as a file and as a listing, without its time, and with these replies by verb."""
    server = ScriptedServer({"/file": content}, {"/": content}, replies={"MDTM": "500 what", "EPRT": "500 what", **replies})
    server.reset = reset
    return server


@pytest.fixture
def client(sallyport, tmp_path):
    """Runs `sallyport COMMAND ...` against such a server; {} in an argument is its address."""
    running = []

    def run(server, command, *arguments, seconds=30):
        running.append(server)
        argv = [str(a).replace("{}", f"127.0.0.1:{server.port}") for a in arguments]
        return subprocess.run([programs.sallyport(), command, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds, cwd=tmp_path)

    yield run
    for server in running:
        server.close()


def got(client, server, *options):
    return client(server, "get", *options, "ftp://u:p@{}/file", "-o", "file")


# ---- Sizes and ends

@pytest.mark.parametrize("size", ["213 5000 ", "213  5000", "213-the size\r\n 5000\r\n213 of file"])
def test_short_file_is_noticed_however_the_size_is_written(client, tmp_path, size):
    done = got(client, odd(SIZE=size))
    assert done.returncode == INCOMPLETE and "received 420 of 5000 bytes" in done.stderr
    assert not (tmp_path / "file").exists() and (tmp_path / "file.part").exists()


def test_size_that_cannot_be_read_is_reported(client):
    done = got(client, odd(SIZE="213 five thousand"), "--json")
    assert done.returncode == DONE and "213 five thousand" in json.loads(done.stdout)["warnings"][0]


def test_more_than_the_size_is_complete_with_a_warning(client, tmp_path):
    done = got(client, odd(SIZE="213 7"))
    assert done.returncode == DONE and "warning" in done.stderr and "420" in done.stderr
    assert (tmp_path / "file").stat().st_size == 420


def test_reset_after_the_last_byte(client, tmp_path):
    done = got(client, odd(reset=True))
    assert done.returncode == DONE and "size matches" in done.stderr
    assert (tmp_path / "file").stat().st_size == 420
    for server in (odd(reset=True, SIZE="500 no"), odd(reset=True, SIZE="213 5000"), odd(reset=True, END="426 cut")):
        assert got(client, server).returncode == INCOMPLETE


# ---- Reasons

def test_TLS_is_named_where_the_server_demands_it(client):
    for reply in ("530 Must use TLS first", "530-Sorry\r\n530 Must use TLS first", "421 Sorry, cleartext sessions are not accepted"):
        done = client(odd(USER=reply), "ls", "ftp://u:p@{}/in/")
        assert done.returncode == LOGIN and "ftpes://u@127.0.0.1:" in done.stderr, done.stderr


def test_full_server_has_the_exit_code_of_a_busy_one(client):
    for where in ("GREETING", "USER", "PASS"):
        done = client(odd(**{where: "530 Sorry, the maximum number of clients (5) are already connected"}), "ls", "ftp://u:p@{}/")
        assert done.returncode == BUSY and "try again later" in done.stderr, done.stderr
    assert client(odd(PASS="530 Login incorrect."), "ls", "ftp://u:p@{}/").returncode == LOGIN


def test_refused_EPRT_is_no_firewall(client):
    done = client(odd(), "get", "--active", "ftp://u:p@{}/file", "-o", "file")
    assert done.returncode == DATA and "500 what" in done.stderr and "firewall" not in done.stderr


# ---- --resume, where it would help

def test_resume_is_named_where_a_part_was_kept(client, tmp_path):
    def server():
        return odd(SIZE="213 500000", MDTM="213 20260101000000")

    done = got(client, server())
    assert "file.part" in done.stderr and "--resume" in done.stderr
    assert "--resume" in json.loads(got(client, server(), "--json").stdout)["advice"]


def test_resume_is_not_named_where_it_would_not_help(client, tmp_path):
    (tmp_path / "up").write_bytes(b"x" * 10_000)
    cases = [
        (odd(content=b"", SIZE="213 5000"), "get", "ftp://u:p@{}/file", "-o", "file"),
        (odd(SIZE="213 500000"), "get", "ftp://u:p@{}/file", "-o", "without-time"),
        (odd(SIZE="213 5000"), "get", "ftp://u:p@{}/file", "-o", "-"),
        (odd(reset=True), "get", "ftp://u:p@{}/file;type=a", "-o", "text"),
        (odd(reset=True), "ls", "ftp://u:p@{}/"),
        (odd(END="426 cut"), "ls", "ftp://u:p@{}/"),
        (odd(END="426 cut", SIZE="550 no such file"), "put", "up", "ftp://u:p@{}/up"),
        (odd(END="426 cut", SIZE="213 0"), "put", "up", "ftp://u:p@{}/up"),
        (odd(END="426 cut", SIZE="213 20000"), "put", "up", "ftp://u:p@{}/up"),
    ]
    for server, *arguments in cases:
        done = client(server, *arguments)
        assert done.returncode == INCOMPLETE and "--resume" not in done.stderr, (arguments, done.stderr)
    kept = client(odd(END="426 cut", SIZE="213 4000"), "put", "up", "ftp://u:p@{}/up")
    assert kept.returncode == INCOMPLETE and "--resume" in kept.stderr


# ---- Time

def test_preliminary_replies_gain_no_time(client):
    """C3"""
    def again_and_again(text):
        def say(connection):
            while True:
                connection.sendall(text)
                time.sleep(0.2)
        return say

    for server, command in ((odd(GREETING=again_and_again(b"120 soon\r\n")), "ls"), (odd(END=again_and_again(b"150 soon\r\n")), "get"),
                            (odd(FEAT=again_and_again(b"211-more\r\n")), "ls")):
        begin = time.monotonic()
        done = client(server, command, "--timeout", "1", "ftp://u:p@{}/file")
        assert done.returncode == TIMEOUT, done.stderr
        assert time.monotonic() - begin < 10


def test_slow_greeting_is_waited_for(client):
    """Servers that look up their clients' names first are slow."""
    def late(connection):
        time.sleep(11)
        connection.sendall(b"220 at last\r\n")

    assert got(client, odd(GREETING=late)).returncode == DONE
