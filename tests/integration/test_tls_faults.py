"""Peers that misbehave under TLS, before the server and before the gateway: TLS-07 (another protocol), TLS-09 (they stop, and
nothing waits or spins for ever) and TLS-10 (old versions and renegotiation). DC-06 is here for its case with a transfer."""

import ssl
import struct
import subprocess

import pytest

from harness.daemon import wait_until
from harness.raw import Raw, drain
from test_single_port import Tls, front  # noqa: F811,F401 (a fixture)

HANDSHAKE = 10  # seconds that one may take


class Handshake:
    """The client side of a handshake, message by message."""

    def __init__(self, raw, certificate):
        context = ssl.create_default_context(cafile=certificate.cert)
        self.raw, self.incoming, self.outgoing = raw, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        raw.greet().expect("AUTH TLS", 234)

    def next_message(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def answer(self):
        self.incoming.write(self.raw.socket.recv(65536))

    def finish(self):
        self.raw.send(self.next_message())
        self.answer()
        self.raw.send(self.next_message())


def nothing_after_auth(shake):
    pass


def half_a_hello(shake):
    hello = shake.next_message()
    shake.raw.send(hello[:len(hello) // 2])


def a_hello_alone(shake):
    shake.raw.send(shake.next_message())


def half_of_the_last_message(shake):
    shake.raw.send(shake.next_message())
    shake.answer()
    last = shake.next_message()
    shake.raw.send(last[:len(last) // 2])


def half_a_record(shake):
    shake.finish()
    shake.tls.write(b"USER writer\r\n")
    record = shake.outgoing.read()
    shake.raw.send(record[:-1])


def a_record_that_never_comes(shake):
    """A record header that announces 16 KiB."""
    shake.finish()
    shake.raw.send(struct.pack("!BHH", 23, 0x0303, 16384) + b"x" * 100)


def close_notify_and_no_end(shake):
    shake.finish()
    with pytest.raises(ssl.SSLError):  # it wants an answer
        shake.tls.unwrap()
    shake.raw.send(shake.outgoing.read())


STOPS = [nothing_after_auth, half_a_hello, a_hello_alone, half_of_the_last_message, half_a_record, a_record_that_never_comes,
         close_notify_and_no_end]


def test_tls09_peers_that_stop(front, certificate):  # noqa: F811
    """TLS-09: their sessions end at the deadline, and use no CPU until then."""
    daemon = front("--login-timeout", 2, "--idle-timeout", 2)
    before = daemon.settled_fds()
    peers = [Raw("127.0.0.1", daemon.port, timeout=HANDSHAKE + 3) for _ in STOPS]
    for stop, raw in zip(STOPS, peers):
        stop(Handshake(raw, certificate))
    assert daemon.idle_share() < 0.1
    for stop, raw in zip(STOPS, peers):
        try:
            while raw.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            pytest.fail(f"{stop.__name__}: still there")
    wait_until(lambda: daemon.settled_fds() == before, 5, "the sessions' end")
    for raw in peers:
        raw.close()


def test_tls09_resets_in_every_place(front, certificate):  # noqa: F811
    daemon = front()
    before = daemon.settled_fds()
    for stop in STOPS:
        raw = Raw("127.0.0.1", daemon.port)
        stop(Handshake(raw, certificate))
        raw.reset()
    wait_until(lambda: daemon.settled_fds() == before, 5, "the sessions' end")
    assert daemon.idle_share() < 0.1


def test_tls07_another_protocol(front):  # noqa: F811
    """TLS-07: a misdirected browser gets an alert, or one short line that contains nothing of its request. CVE-2021-3618"""
    daemon = front()
    for name in ("127.0.0.1", "ftp.example.org", None):
        for protocol in (None, "ftp", "http/1.1", "h2", "imap"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if protocol:
                context.set_alpn_protocols([protocol])
            with Raw("127.0.0.1", daemon.port) as raw:
                raw.greet().expect("AUTH TLS", 234)
                if protocol not in (None, "ftp"):
                    with pytest.raises(ssl.SSLError, match="alert no application protocol"):
                        context.wrap_socket(raw.socket, server_hostname=name)
                    continue
                with context.wrap_socket(raw.socket, server_hostname=name) as tls:
                    assert tls.selected_alpn_protocol() == protocol
                    tls.sendall(b"GET /marker HTTP/1.1\r\nHost: example.org\r\n\r\n")
                    received = drain(tls)
                assert received.startswith(b"421 ") and received.count(b"\n") == 1 and len(received) <= 64 and b"marker" not in received


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_tls10_old_versions_are_refused(front, version):  # noqa: F811
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    with Raw("127.0.0.1", front().port) as raw:
        raw.greet().expect("AUTH TLS", 234)
        with pytest.raises(ssl.SSLError, match="alert protocol version"):
            context.wrap_socket(raw.socket)


def test_tls10_renegotiation_is_refused(front):  # noqa: F811
    """TLS-10: an alert instead of a handshake, a hundred times; other sessions are not affected."""
    daemon = front()
    cpu = daemon.cpu()
    for _ in range(100):
        openssl = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{daemon.port}", "-starttls", "ftp", "-tls1_2"],
                                 input="R\n", capture_output=True, text=True, timeout=10)
        assert "no renegotiation" in openssl.stdout + openssl.stderr
    assert daemon.cpu() - cpu < 1
    with Raw("127.0.0.1", daemon.port) as raw:
        raw.login()


def test_dc06_epsv_all_outlives_an_aborted_transfer(front, certificate):  # noqa: F811
    session = Tls("127.0.0.1", front().port).secure(certificate.cert)
    session.expect("EPSV ALL", 200)
    session.epsv_port()
    session.send(b"RETR file.txt\r\nABOR\r\n")
    while (reply := session.reply()).code not in (225, 226):
        assert reply.code in (125, 150, 425, 426), reply
    session.expect("PASV", 501)
    session.expect("PORT 127,0,0,1,200,10", 501)
    session.close()
