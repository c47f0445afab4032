"""Our client with common servers: vsftpd, ProFTPD, Pure-FTPd (C1 C3 C4 C5 C7)."""

import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import programs, trees
from harness.clients import CLIENTS, Failed, Server
from harness.daemon import wait_until
from harness.reference_servers import REFERENCE_SERVERS

WAYS = [(reference, tls, method, False) for reference, kind in REFERENCE_SERVERS.items() for tls in kind.TLS for method in ("epsv", "pasv", "eprt", "port")]
# Where the server demands that data connections resume the control connection's TLS session.
WAYS += [(reference, tls, method, True) for reference in ("vsftpd", "proftpd") for tls in ("explicit", "implicit") for method in ("epsv", "port")]


@pytest.fixture(scope="module")
def references(root, start_for_module, certificate):
    running = {}

    def reference(name, tls, reuse):
        if (name, tls, reuse) not in running:
            made = start_for_module.reference_server(name, tls=tls, reuse=reuse)
            running[name, tls, reuse] = made, Server(made.host, made.port, made.user, made.password, tls,
                                                     certificate.cert if tls != "none" else None, made.base)
        return running[name, tls, reuse]

    return reference


@pytest.mark.parametrize("name,tls,method,reuse", WAYS)
def test_tree(sallyport, references, small_sample, tmp_path, name, tls, method, reuse):
    """Upload, listing and download, with exactly this data method."""
    reference, server = references(name, tls, reuse)
    subprocess.run(["find", reference.files, "-mindepth", "1", "-delete"], check=True)
    client = CLIENTS["sallyport"](method)
    trees.make_folders(reference.files, small_sample)
    reference.give(reference.files)
    client.put(server, small_sample)
    assert trees.hashes(reference.files) == trees.hashes(small_sample)
    assert set(client.names(server, "/many")) == {path.name for path in (small_sample / "many").iterdir()}
    back = tmp_path / "back"
    back.mkdir()
    client.get(server, back, trees.files(small_sample))
    assert trees.hashes(back) == trees.hashes(small_sample)


# A server by script, for what real ones don't do. Steps: bytes to send, or a pattern that the next line must match.

class Script:
    def __init__(self, steps):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.steps, self.seen = steps, []
        self.thread = threading.Thread(target=self.play, daemon=True)
        self.thread.start()

    def play(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as lines:
            for step in self.steps:
                if isinstance(step, bytes):
                    connection.sendall(step)
                elif callable(step):
                    step(connection)
                else:
                    line = lines.readline().decode(errors="replace").strip()
                    self.seen.append(line)
                    if not re.match(step, line):
                        return
            connection.settimeout(20)
            try:
                while connection.recv(4096):
                    pass
            except OSError:
                pass

    def close(self):
        self.listener.close()


LOGIN = [b"220 hi\r\n", r"USER", b"331 pass\r\n", r"PASS", b"230 in\r\n"]


@pytest.fixture
def script():
    running = []

    def start(*steps):
        running.append(Script([*LOGIN, *steps]))
        return running[-1]

    yield start
    for one in running:
        one.close()


def sallyport_run(*arguments, seconds=30, **options):
    return subprocess.run([programs.sallyport(), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds, **options)


def test_refused_connection_is_reported(sallyport, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = sallyport_run("get", f"ftp://127.0.0.1:{port}/x", "-o", tmp_path / "x")
    assert done.returncode != 0 and "refused" in done.stderr.lower()
    assert not (tmp_path / "x").exists()


def test_silent_server(sallyport, tmp_path):
    """C3: a deadline on the greeting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        done = sallyport_run("ls", "--timeout", 2, f"ftp://127.0.0.1:{silent.getsockname()[1]}/")
        assert done.returncode != 0
        assert time.monotonic() - begin < 8


def test_missing_file(sallyport, start, tmp_path):
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous")
    done = sallyport_run("get", f"ftp://127.0.0.1:{daemon.port}/none", "-o", tmp_path / "got")
    assert done.returncode != 0 and "none" in done.stderr and "550" in done.stderr
    assert not (tmp_path / "got").exists()


def test_wrong_password(sallyport, start, tmp_path):
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    done = sallyport_run("ls", f"ftp://writer:wrong@127.0.0.1:{daemon.port}/")
    assert done.returncode != 0 and "530" in done.stderr and "wrong@" not in done.stderr


def test_address_family(sallyport, start, tmp_path):
    """C2: both are tried; -4 and -6 select one."""
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous")
    by_name, by_address = f"ftp://localhost:{daemon.port}/", f"ftp://127.0.0.1:{daemon.port}/"
    assert sallyport_run("ls", by_name).returncode == 0
    assert sallyport_run("ls", "-4", by_address).returncode == 0
    done = sallyport_run("ls", "-6", by_address)
    assert done.returncode != 0 and "127.0.0.1 has no IPv6 address" in done.stderr, done
    assert "Leave out -4 or -6" in done.stderr and "name server" not in done.stderr, done
    done = sallyport_run("ls", "-4", "-6", by_address)
    assert done.returncode == 2 and "-4 and -6 exclude each other" in done.stderr, done


BAD_227 = {
    "range": b"227 Entering Passive Mode (999,1,1,1,1,1)\r\n", "empty": b"227 Entering Passive Mode ()\r\n", "words": b"227 ok\r\n",
    "long": b"227 " + b"1," * 100000 + b"\r\n", "noise": b"\xff\xfe\x00 noise\r\n", "lines": b"227-" + b"x\r\n" * 100000,
}


@pytest.mark.parametrize("bad", BAD_227)
def test_bad_227(sallyport, script, tmp_path, bad):
    """C7: no crash, no false success, an end within the time limit."""
    server = script(r"TYPE|SIZE|PASV|FEAT|MDTM", BAD_227[bad])
    done = sallyport_run("get", "--data-methods", "pasv", "--timeout", 3, f"ftp://127.0.0.1:{server.port}/x", "-o", tmp_path / "x")
    assert 0 < done.returncode < 100, done
    assert not (tmp_path / "x").exists()


def test_overlong_greeting(sallyport):
    """C7: overlong and malformed replies, as in the nfsAxe vulnerability."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def flood():
            connection, _ = listener.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(b"220" + b"A" * 65536)
                except OSError:
                    pass

        threading.Thread(target=flood, daemon=True).start()
        done = sallyport_run("ls", "--timeout", 5, f"ftp://127.0.0.1:{listener.getsockname()[1]}/")
        assert 0 < done.returncode < 100, done


def test_certificate_is_verified(sallyport, start, certificate, tmp_path):
    """C5: nothing, and no password, is sent to a server with an untrusted certificate."""
    (tmp_path / "file").write_text("x")
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--tls-cert", certificate.cert,
                   "--tls-key", certificate.key, "--log-level", "debug")
    url = f"ftpes://writer:lab@127.0.0.1:{daemon.port}/file"
    done = sallyport_run("get", url, "-o", tmp_path / "got")
    assert done.returncode != 0 and "certificate" in done.stderr.lower()
    assert "PASS" not in daemon.log()
    assert sallyport_run("get", "--ca", certificate.cert, url, "-o", tmp_path / "got").returncode == 0
    assert (tmp_path / "got").read_text() == "x"
    assert "PASS" in daemon.log()


def test_nothing_unencrypted_where_tls_was_requested(sallyport, start, tmp_path):
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--log-level", "debug")
    done = sallyport_run("ls", f"ftpes://writer:lab@127.0.0.1:{daemon.port}/")
    assert done.returncode != 0
    assert "PASS" not in daemon.log()


def test_foreign_address_in_227_does_not_lead_astray(sallyport, start, tmp_path):
    """C4: the server advertises an address without a host."""
    (tmp_path / "file").write_text("content")
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous", "--external-address", "192.0.2.1")
    done = sallyport_run("get", "--data-methods", "pasv", f"ftp://127.0.0.1:{daemon.port}/file", "-o", tmp_path / "got")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").read_text() == "content"


@pytest.mark.parametrize("refuse", ["--no-passive", "--no-active"])
def test_other_method_when_one_is_refused(sallyport, start, tmp_path, refuse):
    """C1 S9"""
    (tmp_path / "file").write_text("content")
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous", refuse)
    done = sallyport_run("get", f"ftp://127.0.0.1:{daemon.port}/file", "-o", tmp_path / "got")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").read_text() == "content"


def test_server_that_dies_in_mid_transfer(sallyport, start, tmp_path):
    with (tmp_path / "big").open("wb") as big:
        big.truncate(2 * 1024 ** 3)
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous", "--log-level", "debug")
    client = subprocess.Popen([sallyport, "get", f"ftp://127.0.0.1:{daemon.port}/big", "-o", tmp_path / "got"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: "RETR" in daemon.log(), 5, "the transfer's begin")
    daemon.kill()
    _, said = client.communicate(timeout=15)
    assert client.returncode != 0 and said


def test_interrupt_ends_it_at_once(sallyport, tmp_path):
    def as_at_a_terminal():  # who runs the tests in the background has SIGINT ignored, and that is inherited
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = subprocess.Popen([sallyport, "ls", f"ftp://127.0.0.1:{silent.getsockname()[1]}/"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=as_at_a_terminal)
        silent.settimeout(10)
        connection, _ = silent.accept()
        with connection:
            client.send_signal(signal.SIGINT)
            assert client.wait(3) != 0


def test_pipe_is_quiet_and_verbose_shows_the_conversation(sallyport, start, tmp_path):
    (tmp_path / "file").write_text("content")
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    url = f"ftp://writer:lab@127.0.0.1:{daemon.port}/file"
    quiet = sallyport_run("get", url, "-o", tmp_path / "got")
    assert quiet.returncode == 0 and "\r" not in quiet.stderr and quiet.stdout == ""
    spoken = sallyport_run("get", "-v", url, "-o", tmp_path / "again")
    assert "> RETR" in spoken.stderr and "< 226" in spoken.stderr and "lab" not in re.findall(r"> PASS (.*)", spoken.stderr)


def test_json(sallyport, start, tmp_path):
    (tmp_path / "file").write_text("content")
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous")
    done = sallyport_run("get", "--json", f"ftp://127.0.0.1:{daemon.port}/file", "-o", tmp_path / "got")
    assert done.returncode == 0 and json.loads(done.stdout)["bytes"] == 7
