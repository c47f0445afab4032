"""What our client says of servers that state sizes, ends and reasons in odd ways, and which exit code it gives (C3 C6)."""

import json
import socket
import subprocess
import threading
import time

import pytest

from harness import programs

DONE, DENIED, DATA, INCOMPLETE, TIMEOUT, BUSY, LOGIN = 0, 6, 7, 8, 10, 12, 5


class Odd:
    """An FTP server whose replies are given by verb; a callable gets the connection and says all by itself."""

    def __init__(self, content=b"x" * 420, reset=False, **replies):
        self.content, self.reset, self.replies = content, reset, replies
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.session, args=(connection,), daemon=True).start()

    def session(self, connection):
        usual = {"GREETING": "220 hi", "USER": "331 password?", "PASS": "230 in", "TYPE": "200 ok", "SIZE": f"213 {len(self.content)}",
                 "QUIT": "221 bye", "BEGIN": "150 go on", "END": "226 done"}
        answers = {**usual, **self.replies}
        try:
            with connection, connection.makefile("rb") as lines:
                self.say(connection, answers["GREETING"])
                for line in lines:
                    verb = line.split()[0].decode().upper()
                    if verb == "EPSV" and verb not in answers:
                        data = socket.create_server(("127.0.0.1", 0))
                        self.say(connection, f"229 (|||{data.getsockname()[1]}|)")
                    elif verb in ("RETR", "STOR", "LIST") and verb not in answers:
                        self.transfer(connection, data, answers, verb)
                    else:
                        self.say(connection, answers.get(verb, "500 what"))
        except OSError:
            pass

    def transfer(self, connection, listener, answers, verb):
        self.say(connection, answers["BEGIN"])
        with listener, listener.accept()[0] as data:
            if verb == "STOR":
                while data.recv(65536):
                    pass
            else:
                data.sendall(self.content)
            if self.reset:
                data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.say(connection, answers["END"])

    @staticmethod
    def say(connection, what):
        what(connection) if callable(what) else connection.sendall(what.encode() + b"\r\n")


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
        server.listener.close()


def got(client, server, *options):
    return client(server, "get", *options, "ftp://u:p@{}/file", "-o", "file")


# ---- Sizes and ends

@pytest.mark.parametrize("size", ["213 5000 ", "213  5000", "213-the size\r\n 5000\r\n213 of file"])
def test_short_file_is_noticed_however_the_size_is_written(client, tmp_path, size):
    done = got(client, Odd(SIZE=size))
    assert done.returncode == INCOMPLETE and "received 420 of 5000 bytes" in done.stderr
    assert not (tmp_path / "file").exists() and (tmp_path / "file.part").exists()


def test_size_that_cannot_be_read_is_said(client):
    done = got(client, Odd(SIZE="213 five thousand"), "--json")
    assert done.returncode == DONE and "213 five thousand" in json.loads(done.stdout)["warnings"][0]


def test_more_than_the_size_is_complete_with_a_warning(client, tmp_path):
    done = got(client, Odd(SIZE="213 7"))
    assert done.returncode == DONE and "warning" in done.stderr and "420" in done.stderr
    assert (tmp_path / "file").stat().st_size == 420


def test_reset_after_the_last_byte(client, tmp_path):
    done = got(client, Odd(reset=True))
    assert done.returncode == DONE and "size matches" in done.stderr
    assert (tmp_path / "file").stat().st_size == 420
    for server in (Odd(reset=True, SIZE="500 no"), Odd(reset=True, SIZE="213 5000"), Odd(reset=True, END="426 cut")):
        assert got(client, server).returncode == INCOMPLETE


# ---- Reasons

def test_TLS_is_named_where_the_server_demands_it(client):
    for reply in ("530 Must use TLS first", "530-Sorry\r\n530 Must use TLS first", "421 Sorry, cleartext sessions are not accepted"):
        done = client(Odd(USER=reply), "ls", "ftp://u:p@{}/in/")
        assert done.returncode == LOGIN and "ftpes://u@127.0.0.1:" in done.stderr, done.stderr


def test_full_server_has_the_exit_code_of_a_busy_one(client):
    for where in ("GREETING", "USER", "PASS"):
        done = client(Odd(**{where: "530 Sorry, the maximum number of clients (5) are already connected"}), "ls", "ftp://u:p@{}/")
        assert done.returncode == BUSY and "try again later" in done.stderr, done.stderr
    assert client(Odd(PASS="530 Login incorrect."), "ls", "ftp://u:p@{}/").returncode == LOGIN


def test_refused_EPRT_is_no_firewall(client):
    done = client(Odd(), "get", "--active", "ftp://u:p@{}/file", "-o", "file")
    assert done.returncode == DATA and "500 what" in done.stderr and "firewall" not in done.stderr


# ---- --resume, where it would help

def test_resume_is_named_where_a_part_was_kept(client, tmp_path):
    def server():
        return Odd(SIZE="213 500000", MDTM="213 20260101000000")

    done = got(client, server())
    assert "file.part" in done.stderr and "--resume" in done.stderr
    assert "--resume" in json.loads(got(client, server(), "--json").stdout)["advice"]


def test_resume_is_not_named_where_it_would_not_help(client, tmp_path):
    (tmp_path / "up").write_bytes(b"x" * 10_000)
    cases = [
        (Odd(content=b"", SIZE="213 5000"), "get", "ftp://u:p@{}/file", "-o", "file"),
        (Odd(SIZE="213 500000"), "get", "ftp://u:p@{}/file", "-o", "without-time"),
        (Odd(SIZE="213 5000"), "get", "ftp://u:p@{}/file", "-o", "-"),
        (Odd(reset=True), "get", "ftp://u:p@{}/file;type=a", "-o", "text"),
        (Odd(reset=True), "ls", "ftp://u:p@{}/"),
        (Odd(END="426 cut"), "ls", "ftp://u:p@{}/"),
        (Odd(END="426 cut", SIZE="550 no such file"), "put", "up", "ftp://u:p@{}/up"),
        (Odd(END="426 cut", SIZE="213 0"), "put", "up", "ftp://u:p@{}/up"),
        (Odd(END="426 cut", SIZE="213 20000"), "put", "up", "ftp://u:p@{}/up"),
    ]
    for server, *arguments in cases:
        done = client(server, *arguments)
        assert done.returncode == INCOMPLETE and "--resume" not in done.stderr, (arguments, done.stderr)
    kept = client(Odd(END="426 cut", SIZE="213 4000"), "put", "up", "ftp://u:p@{}/up")
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

    for server, command in ((Odd(GREETING=again_and_again(b"120 soon\r\n")), "ls"), (Odd(END=again_and_again(b"150 soon\r\n")), "get"),
                            (Odd(FEAT=again_and_again(b"211-more\r\n")), "ls")):
        begin = time.monotonic()
        done = client(server, command, "--timeout", "1", "ftp://u:p@{}/file")
        assert done.returncode == TIMEOUT, done.stderr
        assert time.monotonic() - begin < 10


def test_slow_greeting_is_waited_for(client):
    """Servers that look up their clients' names first take their time."""
    def late(connection):
        time.sleep(11)
        connection.sendall(b"220 at last\r\n")

    assert got(client, Odd(GREETING=late)).returncode == DONE
