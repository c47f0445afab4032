"""Single-port mode (G8): data connections on the control port, or on one other port, of server and gateway."""

import concurrent.futures
import re
import ssl
import time

import pytest

from give_away import give
from free_ports import free_port
from harness import trees
from harness.clients import Server
from harness.raw import Raw, drain
from test_labs import lab  # noqa: F401 (a fixture)

HOSTS = {"server": ("17.254.1.4", "server"), "gateway": ("17.254.1.6", "hidden")}


# One address, several people, behind a firewall that lets in exactly one port.

@pytest.mark.limit(120)
@pytest.mark.parametrize("at", HOSTS)
@pytest.mark.parametrize("program", ["curl", "lftp"])
def test_many_clients_of_one_address_over_tls(lab, small_sample, tmp_path, at, program):  # noqa: F811
    """Four sessions at a time from each of two machines with one address: every byte goes to its session."""
    built = lab("single-port")
    address, home = HOSTS[at]
    files = built.files[home][0]

    def work(number):
        host = ("alice", "bob")[number % 2]
        client = built.client(program, "epsv")
        client.wrap = lambda argv: built.network.command(host, *argv)
        base = f"/{program}-{at}-{number}"
        (files / base[1:]).mkdir()
        give(files / base[1:])
        server = Server(address, 21, "writer", "lab", "explicit", built.ca, base)
        own = tmp_path / f"own-{number}"
        own.mkdir()
        for name in ("a", "b", "empty"):
            (own / name).write_bytes(f"{number} {name} ".encode() * (0 if name == "empty" else 40000))
        client.put(server, own)
        assert trees.hashes(files / base[1:]) == trees.hashes(own)
        back = tmp_path / f"back-{number}"
        back.mkdir()
        client.get(server, back, trees.files(own))
        assert trees.hashes(back) == trees.hashes(own)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


@pytest.mark.parametrize("at", HOSTS)
def test_plain_data_of_one_address_one_at_a_time(lab, at):  # noqa: F811
    """While Alice's data connection is expected, Bob is refused one, with the reason; afterwards he gets his own."""
    address, _ = HOSTS[at]
    built = lab("single-port")
    with built.raw("alice", address) as alice, built.raw("bob", address) as bob, built.raw("client", address) as client:
        for session, name in ((alice, "alice"), (bob, "bob"), (client, "client")):
            session.login()
            assert session.store(f"/of-{name}", name.encode()).code == 226
        assert alice.epsv_port() == 21
        refused = bob.command("EPSV")
        assert refused.code == 425 and "another session from your address" in refused.text
        assert client.retrieve("/of-client") == b"client", "another address is not concerned"
        with alice.connect(21) as data:
            alice.expect("RETR /of-alice", 150, 125)
            assert drain(data) == b"alice"
        assert alice.reply().code == 226
        assert bob.retrieve("/of-bob") == b"bob"


@pytest.mark.parametrize("at", HOSTS)
def test_a_new_client_in_that_moment_gets_no_data(lab, at):  # noqa: F811
    """Bob connects while Alice's data connection is expected: the two cannot be told apart, so nothing is sent to either."""
    address, _ = HOSTS[at]
    built = lab("single-port")
    with built.raw("alice", address) as alice:
        assert alice.login().store("/secret", b"for alice only").code == 226
        alice.epsv_port()
        with alice.connect(21) as data, built.raw("bob", address) as bob:
            time.sleep(0.2)
            alice.send(b"RETR /secret\r\n")
            reply = alice.reply()
            if reply.code in (150, 125):  # a gateway's server has begun by then
                reply = alice.reply()
            assert reply.code in (425, 426) and "cannot be distinguished" in reply.text
            bob.login()
            data.settimeout(2)
            assert data.recv(100).startswith(b"220"), "it is greeted as a new client as well"
        assert alice.retrieve("/secret") == b"for alice only"


@pytest.mark.parametrize("at", HOSTS)
def test_a_new_client_who_comes_instead_gets_no_data(lab, at):  # noqa: F811
    """Alice's own connection does not arrive; the connection after her command is a new client."""
    address, _ = HOSTS[at]
    built = lab("single-port")
    with built.raw("alice", address) as alice:
        assert alice.login().store("/secret", b"for alice only").code == 226
        alice.epsv_port()
        alice.send(b"RETR /secret\r\n")
        time.sleep(0.3)
        with built.raw("bob", address) as bob:
            bob.login()
            reply = alice.reply()
            if reply.code in (150, 125):
                reply = alice.reply()
            assert reply.code in (425, 426) and "no data connection arrived before" in reply.text
            refused = bob.command("EPSV")
            assert refused.code == 425 and "may still arrive" in refused.text


# On this machine: server and gateway, on the control port and on another one.

@pytest.fixture(params=["server", "gate"])
def front(request, start, tmp_path, certificate):
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.txt").write_text("content")
    tls = ("--tls-cert", certificate.cert, "--tls-key", certificate.key)

    def begin(*options, listen="--listen"):
        if request.param == "server":
            return start("serve", root, listen, "127.0.0.1:0", "--user", "writer:lab", "--data-timeout", 3, *tls, *options)
        backend = start("serve", root, "--listen", "127.0.0.1:0", "--user", "writer:lab")
        return start("gate", listen, "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{backend.port}", "--data-timeout", 3, *tls,
                     *options)

    return begin


class Tls(Raw):
    """Explicit TLS, protected data, resumed or not."""

    def secure(self, ca, version=None, context=None):
        self.context = context or ssl.create_default_context(cafile=ca)
        if version:
            self.context.maximum_version = version
        self.greet().expect("AUTH TLS", 234)
        self.socket = self.context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.expect("USER writer", 331)
        self.expect("PASS lab", 230)
        self.expect("PBSZ 0", 200)
        self.expect("PROT P", 200)
        return self

    def retrieve_by(self, data, name="file.txt", resume=True):
        self.expect(f"RETR {name}", 150, 125)
        with self.context.wrap_socket(data, server_hostname="127.0.0.1", session=self.socket.session if resume else None) as tls:
            content = drain(tls)
        assert self.reply().code == 226
        return content

    def close(self):
        self.socket.close()
        super().close()


VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("separate", [False, True], ids=["control", "one-other"])
def test_sessions_of_one_address_over_tls(front, certificate, version, separate):
    """All connect to the same port at the same time, and are served in another order."""
    port = free_port() if separate else None
    daemon = front("--single-port", port or "control")
    sessions = [Tls("127.0.0.1", daemon.port).secure(certificate.cert, version) for _ in range(5)]
    connections = []
    for session in sessions:
        assert session.epsv_port() == (port or daemon.port)
        connections.append(session.connect(port or daemon.port))
    with Raw("127.0.0.1", daemon.port) as new_client:
        if separate:
            new_client.login()
        for session, data in reversed(list(zip(sessions, connections))):
            assert session.retrieve_by(data) == b"content"
        if not separate:
            new_client.login()  # greeted when no session waits for data any more
    for session in sessions:
        session.close()


@pytest.mark.parametrize("separate", [False, True], ids=["control", "one-other"])
def test_without_resumption_there_is_no_data(front, certificate, separate):
    """TLS-04: 522 and the reason; another host of the same address gets nothing from sessions that wait."""
    port = free_port() if separate else None
    daemon = front("--single-port", port or "control")
    first, second = (Tls("127.0.0.1", daemon.port).secure(certificate.cert) for _ in range(2))
    first.epsv_port()
    second.epsv_port()
    thief = first.connect(port or daemon.port)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        first.context.wrap_socket(thief, server_hostname="127.0.0.1")
    for session in (first, second):
        assert session.retrieve_by(session.connect(port or daemon.port)) == b"content"
    first.epsv_port()
    data = first.connect(port or daemon.port)
    first.expect("RETR file.txt", 150, 125)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        first.context.wrap_socket(data, server_hostname="127.0.0.1")
    assert first.reply().code == 522
    first.close()
    second.close()


def test_implicit_tls_port(front, certificate):
    """Control and data connections both begin with a ClientHello; the TLS session that it resumes distinguishes them."""
    daemon = front("--single-port", "control", listen="--listen-tls")
    context = ssl.create_default_context(cafile=certificate.cert)

    def client():
        session = Tls("127.0.0.1", daemon.port)
        session.context = context
        session.socket = context.wrap_socket(session.socket, server_hostname="127.0.0.1")
        session.login()
        session.expect("PBSZ 0", 200)
        session.expect("PROT P", 200)
        return session

    first = client()
    assert first.epsv_port() == daemon.port
    second = client()
    assert first.retrieve_by(first.connect(daemon.port)) == b"content"
    second.epsv_port()
    assert second.retrieve_by(second.connect(daemon.port)) == b"content"
    first.close()
    second.close()


def test_the_range_where_the_one_port_will_not_do(front):
    """Without TLS, the second session of an address gets a port of the range, if there is one."""
    port = free_port()
    daemon = front("--single-port", "control", "--passive-ports", f"{port}-{port}")
    with Raw("127.0.0.1", daemon.port) as first, Raw("127.0.0.1", daemon.port) as second:
        second.login()
        assert first.login().epsv_port() == daemon.port
        assert second.retrieve("file.txt") == b"content"
        assert second.epsv_port() == port


def test_plain_on_one_other_port(front):
    """A connection there is the next data connection of its address, before the command or after it."""
    port = free_port()
    daemon = front("--single-port", port)
    with Raw("127.0.0.1", daemon.port) as first, Raw("127.0.0.1", daemon.port, source="127.0.0.2") as other:
        assert first.login().retrieve("file.txt") == b"content"
        assert first.store("new.txt", b"").code == 226, "an upload of nothing"
        first.epsv_port()
        other.login()
        assert drain(other.connect(port)) == b"", "not expected, so closed"
        first.send(b"RETR file.txt\r\n")
        time.sleep(0.2)
        with first.connect(port) as data:
            assert drain(data) == b"content"
        assert [first.reply().code, first.reply().code] == [150, 226]


def test_an_unused_reservation_blocks_others_of_the_address(front):
    """A late connection must not be assigned to another user."""
    port = free_port()
    daemon = front("--single-port", port)
    with Raw("127.0.0.1", daemon.port) as first, Raw("127.0.0.1", daemon.port) as second:
        first.login().epsv_port()
        first.expect("QUIT", 221)
        second.login()
        time.sleep(0.2)
        reply = second.command("EPSV")
        assert reply.code == 425 and "may still arrive" in reply.text


@pytest.mark.parametrize("options,text", [
    (("--single-port", "contrl"), "use control or the number of one other port"),
    (("--single-port", "control", "--tls-reuse", "off"), "--tls-reuse off cannot be combined with it"),
])
def test_bad_settings_are_refused(front, options, text):
    with pytest.raises(AssertionError, match=re.escape(text)):
        front(*options)
