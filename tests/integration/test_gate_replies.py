"""Replies of backends that are late, odd, half or missing: what the client receives, and that its session continues (GW-02, GW-10)."""

import contextlib
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Closed, Raw, drain

BIG = bytes(65536)


class Session:
    """One control connection of a scripted backend."""

    def __init__(self, control, context):
        self.control, self.context, self.listener = control, context, None

    def say(self, text):
        self.control.sendall(text.encode("latin-1"))

    def port(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        return self.listener.getsockname()[1]

    def data(self):
        return self.listener.accept()[0]

    def serve(self, answers, greeting, received):
        self.say(greeting)
        for line in self.control.makefile("r", newline="\n", encoding="latin-1"):
            verb, _, argument = line.rstrip("\r\n").partition(" ")
            received.append(line.rstrip("\r\n"))
            answer = answers.get(verb)
            if callable(answer):
                answer(self)
            elif answer is not None:
                self.say(answer)
            elif verb == "AUTH":
                self.say("234 go on\r\n")
                self.control = self.context.wrap_socket(self.control, server_side=True)
                return self.serve(answers, "", received)
            elif verb == "EPSV":
                self.say(f"229 Extended (|||{self.port()}|)\r\n")
            elif verb == "PASV":
                self.say("227 Passive (127,0,0,1,%d,%d)\r\n" % divmod(self.port(), 256))
            elif verb in ("RETR", "LIST"):
                self.say("150 here it comes\r\n")
                with self.data() as data:
                    data.sendall(b"content")
                self.say("226 done\r\n")
            else:
                self.say({"USER": "331 password?\r\n", "PASS": "230 in\r\n", "PWD": '257 "/"\r\n', "FEAT": "502 no\r\n",
                          "QUIT": "221 bye\r\n"}.get(verb, "200 ok\r\n"))


@pytest.fixture
def scripted(certificate):
    """scripted({verb: reply, or a function of the session}, greeting=...): the port of such a backend, and what it has received."""
    listeners = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)

    def make(answers, greeting="220 ready\r\n"):
        listener, received = socket.create_server(("127.0.0.1", 0)), []
        listeners.append(listener)

        def one(control):
            with contextlib.suppress(OSError), control:
                Session(control, context).serve(answers, greeting, received)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1], received

    yield make
    for listener in listeners:
        listener.close()


def gate_before(start, port, scheme="ftp", *options):
    trust = [] if scheme == "ftp" else ["--backend-insecure"]
    return start("gate", "--listen", "127.0.0.1:0", "--backend", f"{scheme}://127.0.0.1:{port}", *trust, *options)


def replies_to(raw, command):
    """All replies to a transfer, and the received data; a transfer that fails may end by RST."""
    came = b""
    with raw.passive() as data:
        replies = [raw.command(command)]
        if replies[0].code < 200:
            with contextlib.suppress(ConnectionResetError):
                came = drain(data)
            replies.append(raw.reply())
    return replies, came


# ---- A port in a reply that isn't that of a passive command


@pytest.mark.parametrize("text", ["227 Logout.", "227 Entering Passive Mode (10,1,2,3,0,22)", "228 Long (1)",
                                  "229 Entering Extended Passive Mode (|||22|)"])
@pytest.mark.parametrize("verb", ["RETR", "DELE", "STAT"])
def test_gw02_no_port_but_in_reply_to_a_passive_command(start, scripted, verb, text):
    def last(session):
        session.say("150 here\r\n")
        with session.data() as data:
            data.sendall(b"data")
        session.say(text + "\r\n")

    port, _ = scripted({verb: last if verb == "RETR" else text + "\r\n"})
    gate = gate_before(start, port)
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        received = []
        with contextlib.suppress(Closed):
            received += replies_to(raw, "RETR x")[0] if verb == "RETR" else [raw.command(f"{verb} x")]
            received.append(raw.reply())
    assert received[-1].code == 421
    assert not any(re.search(r"^22[789]", line) for reply in received for line in reply.text.split("\n"))


# ---- Our failure and the backend's refusal


def test_a_refusal_that_comes_with_the_end_of_the_data_connection(start, scripted):
    """ProFTPD resets the data connection and sends 550 at the same moment."""
    def refuse(session):
        session.listener.close()
        time.sleep(0.02)
        session.say("550 none: No such file or directory\r\n")

    port, _ = scripted({"RETR": refuse})
    gate = gate_before(start, port, "ftpes")
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        for _ in range(5):
            assert [reply.code for reply in replies_to(raw, "RETR none")[0]] == [550]
        raw.expect("PWD", 257)


@pytest.mark.parametrize("name", ["proftpd", "vsftpd", "pure-ftpd"])
def test_servers_own_refusals_under_tls(start, root, name):
    server = start.reference_server(name, tls="explicit")
    gate = gate_before(start, server.port, "ftpes")
    with Raw(gate.host, gate.port) as raw:
        raw.login(server.user, server.password)
        for _ in range(5):
            assert replies_to(raw, "RETR none")[0][-1].code == 550
        raw.expect("PWD", 257)


# ---- Commands that the gateway refuses by itself

@pytest.mark.parametrize("name", ["proftpd", "vsftpd", "pure-ftpd"])
def test_a_refused_command_leaves_nothing_at_the_backend(start, root, name):
    """GW-04: neither the offset for a refused transfer nor the name before a refused command is used by a later one."""
    server = start.reference_server(name)
    gate = gate_before(start, server.port)
    with Raw(gate.host, gate.port) as raw:
        raw.login(server.user, server.password)
        raw.command(f"CWD {server.base or '/'}")
        raw.expect("TYPE I", 200)
        raw.expect("REST 5", 350)
        raw.expect("RETR new", 425)
        assert raw.store("new", b"whole").code == 226
        assert raw.retrieve("new") == b"whole"
        raw.expect("RNFR new", 350)
        raw.expect("RETR new", 425)
        raw.expect("RNTO other", 503)
        assert raw.retrieve("new") == b"whole"


# ---- Replies that never come


def begin_and_give_up(raw, name):
    with raw.passive() as data:
        raw.expect(f"RETR {name}", 150, 125)
        data.recv(1000)
    assert raw.reply().code == 426


def test_a_download_that_is_cancelled(start, scripted):
    """Pure-FTPd, as reported: 150 a second time, and no final reply."""
    def cut(session):
        session.say("150-Accepted data connection\r\n150 500.0 kbytes to download\r\n")
        data = session.data()
        with contextlib.suppress(OSError):
            for _ in range(500):
                data.sendall(BIG)
        data.close()
        session.say("150 0.001 seconds (measured here), 260.97 Mbytes per second\r\n")

    port, received = scripted({"RETR": cut})
    gate = gate_before(start, port)
    with Raw(gate.host, gate.port, timeout=25) as raw:
        raw.login()
        begin_and_give_up(raw, "big")
        begin = time.monotonic()
        raw.expect("PWD", 257)
        assert 9 < time.monotonic() - begin < 15
        assert "NOOP" in received
        assert replies_to(raw, "LIST")[1] == b"content"


@pytest.mark.parametrize("name", ["pure-ftpd", "proftpd", "vsftpd"])
def test_servers_whose_download_is_cancelled(start, root, name):
    server = start.reference_server(name)
    (server.files / "big").write_bytes(BIG * 500)
    server.give(server.files / "big")
    gate = gate_before(start, server.port)
    with Raw(gate.host, gate.port, timeout=25) as raw:
        raw.login(server.user, server.password)
        raw.command(f"CWD {server.base or '/'}")
        begin_and_give_up(raw, "big")
        raw.expect("PWD", 257)
        with raw.passive() as data:
            raw.expect("RETR big", 150, 125)
            data.recv(1000)
            assert raw.command("ABOR").code == 426
            assert raw.reply().code in (225, 226)
        raw.expect("PWD", 257)
        assert len(raw.retrieve("big")) == 500 * len(BIG)


def test_a_reply_that_never_ends_and_one_that_is_slow(start, scripted):
    """The first one costs 20 s; the second is awaited, as is the final reply after a complete transfer."""
    def slow(reply):
        def answer(session):
            time.sleep(24)
            session.say(reply)
        return answer

    def late(session):
        session.say("150 here\r\n")
        with session.data() as data:
            data.sendall(b"content")
        slow("226 at last\r\n")(session)

    port, _ = scripted({"DELE": slow("250 gone\r\n"), "RETR": late, "RMD": "553-It\r\n"})
    gate = gate_before(start, port)
    found = {}

    def ask(name, how):
        with Raw(gate.host, gate.port, timeout=40) as raw:
            raw.login()
            begin = time.monotonic()
            code = how(raw)
            found[name] = code, time.monotonic() - begin

    asking = [threading.Thread(target=ask, args=work) for work in (
        ("slow", lambda raw: raw.command("DELE x").code), ("late", lambda raw: replies_to(raw, "RETR x")[0][-1].code),
        ("endless", lambda raw: raw.command("RMD x").code))]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert found["slow"][0] == 250 and found["late"][0] == 226, found
    assert found["endless"][0] == 421 and 19 < found["endless"][1] < 23, found


# ---- How replies are written


def test_bare_codes_and_blank_lines(start, scripted, sallyport, tmp_path):
    """RFC 3659 section 7.2 with a bare last line; blank lines between replies."""
    blank = "\r\n"
    port, _ = scripted({"MLST": "250-\r\n type=file;size=3; x\r\n250\r\n", "NOOP": "200-blabla\r\n200-\r\n200\r\n",
                        "EPSV": lambda session: session.say(f"{blank}229-Hello\r\n229-(|||{session.port()}|)\r\n229\r\n{blank}"),
                        "SYST": "215 UNIX\r\n\r\n \r\n"}, greeting="220 ready\r\n\r\n")
    gate = gate_before(start, port)
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        assert "size=3" in raw.expect("MLST x", 250).text
        for _ in range(3):
            raw.expect("NOOP", 200)
            raw.expect("SYST", 215)
        assert replies_to(raw, "RETR x")[1] == b"content"
    for through in (port, gate.port):
        subprocess.run([sallyport, "get", f"ftp://127.0.0.1:{through}/x", "--output", tmp_path / f"{through}"], check=True, timeout=20)
        assert (tmp_path / f"{through}").read_bytes() == b"content"


# ---- Passive commands that are answered by no usable port


@pytest.mark.parametrize("answer", ["200 ok", "350 go on", "229 garbage", "229 (|||0|)", "229 (|||22|)", "227 (127,0,0,1,200,10)",
                                    "425 none free", "550 not you"])
def test_no_usable_port_is_a_refusal_of_the_method(start, scripted, sallyport, tmp_path, answer):
    port, received = scripted({"EPSV": answer + "\r\n"})
    gate = gate_before(start, port)
    for sessions in (1, 2):
        with Raw(gate.host, gate.port) as raw:
            raw.login()
            for _ in range(2):
                assert replies_to(raw, "RETR x")[1] == b"content"
        # The gateway learns from a session that has ended.
        wait_until(lambda n=sessions: gate.log().count("Session ended") == n)
    assert received.count("EPSV") == (4 if answer.startswith(("4", "55")) else 1), "what is refused for good is not asked again"
    assert "trying PASV" in gate.log() and answer in gate.log()
    subprocess.run([sallyport, "get", f"ftp://127.0.0.1:{port}/x", "--output", tmp_path / "x"], check=True, timeout=20)
    assert (tmp_path / "x").read_bytes() == b"content"
