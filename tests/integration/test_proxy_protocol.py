"""The PROXY protocol in both directions: load balancers in front of server and gateway, and backends that require it (G7, GW-11)."""

import contextlib
import re
import socket
import ssl
import subprocess
import time

import pytest

from conftest import cannot
from free_ports import free_port
from harness import programs
from harness.daemon import wait_until
from harness.raw import Closed, Raw, drain

CLIENT, REACHED = "203.0.113.9", "198.51.100.1"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(client=CLIENT, port=40000):
    return f"PROXY TCP4 {client} {REACHED} {port} 21\r\n".encode()


def v2(client=CLIENT, port=40000, appended=b"\x04\0\x03abc"):
    addresses = socket.inet_aton(client) + socket.inet_aton(REACHED) + port.to_bytes(2, "big") + (21).to_bytes(2, "big")
    return SIGNATURE + b"\x21\x11" + len(addresses + appended).to_bytes(2, "big") + addresses + appended


def v2_ipv6(client="2001:db8::9", reached="2001:db8::1"):
    addresses = socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, reached) + b"\x9c\x40\0\x15"
    return SIGNATURE + b"\x21\x21" + len(addresses).to_bytes(2, "big") + addresses


HEADERS = {"v1": v1(), "v2": v2()}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.txt").write_text("content")
    return root


@pytest.fixture(params=["server", "gate"])
def front(request, start, folder):
    """front(OPTION...): a server, or a gateway before one, with these options."""
    def begin(*options):
        users = ["--user", "writer:lab"]
        if request.param == "server":
            return start("serve", folder, "--listen", "127.0.0.1:0", "--data-timeout", 3, *users, *options)
        backend = start("serve", folder, "--listen", "127.0.0.1:0", *users)
        return start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{backend.port}", "--data-timeout", 3,
                     *options)
    return begin


class Balanced(Raw):
    """A connection of a load balancer at `source`: the header first, then the data of its client."""

    def __init__(self, daemon, header, source="127.0.0.1", pieces=1):
        super().__init__(daemon.host, daemon.port, source=source)
        size = -(-len(header) // pieces)
        for at in range(0, len(header), size):
            if at:
                time.sleep(0.002)
            self.send(header[at:at + size])

    def passive(self, header=b""):
        data = super().passive()
        data.sendall(header)
        return data


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_the_header_has_the_client_and_its_destination(front, header):
    daemon = front("--proxy-protocol-from", "127.0.0.0/8")
    with Balanced(daemon, header) as raw:
        raw.login()
        assert raw.pasv()[0] == REACHED
        assert re.search(rf"Connection accepted from {CLIENT}:40000 to {REACHED}:21\b", daemon.log())
        # DC-01: the client may be called back, its balancer not.
        assert raw.command("PORT 127,0,0,1,200,1").code in (500, 501, 504)


def test_a_client_of_the_other_family_gets_its_port(front):
    daemon = front("--proxy-protocol-from", "127.0.0.1", "--proxy-protocol-data")
    with Balanced(daemon, v2_ipv6()) as raw:
        raw.login()
        assert raw.command("PASV").code >= 400
        with raw.passive(v2_ipv6()) as data:
            raw.expect("RETR file.txt", 150, 125)
            assert drain(data) == b"content"
        assert raw.reply().code == 226


def test_a_header_may_arrive_byte_by_byte_and_with_commands_after_it(front):
    daemon = front("--proxy-protocol-from", "127.0.0.1")
    with Balanced(daemon, v1() + b"USER writer\r\n", pieces=100) as raw:
        raw.greet()
        assert raw.reply().code == 331
    with Balanced(daemon, v2() + b"USER writer\r\n") as raw:
        raw.greet()
        assert raw.reply().code == 331


def test_the_header_comes_before_implicit_tls(start, folder, certificate):
    server = start("serve", folder, "--listen-tls", "127.0.0.1:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key,
                   "--user", "writer:lab", "--proxy-protocol-from", "127.0.0.1")
    context = ssl.create_default_context(cafile=certificate.cert)
    with Balanced(server, v2()) as raw:
        raw.socket = context.wrap_socket(raw.socket, server_hostname="127.0.0.1")
        raw.login()
        raw.socket.close()
    assert f"accepted from {CLIENT}:40000" in server.log()


def test_from_any_other_address_a_header_is_garbage(front):
    daemon = front("--proxy-protocol-from", "127.0.0.9")
    with Balanced(daemon, v1()) as raw:
        raw.greet()
        assert raw.reply().code in (500, 502)
        raw.expect("USER writer", 331)
    with Balanced(daemon, v2()) as raw:
        raw.greet()
        while (code := raw.reply().code) in (500, 501, 502):
            pass
        assert code == 221  # its signature holds a line that says QUIT
    assert CLIENT not in "".join(re.findall(r"accepted from \S+", daemon.log()))


def test_a_trusted_address_must_send_one(front):
    daemon = front("--proxy-protocol-from", "127.0.0.1")
    with Balanced(daemon, b"USER writer\r\n") as raw, pytest.raises(Closed) as end:
        raw.reply()
    assert str(end.value) == ""
    wait_until(lambda: "no PROXY header at its beginning" in daemon.log(), what="a line in the log")
    with Raw(daemon.host, daemon.port, source="127.0.0.2") as other:
        other.login()


def test_half_a_header_times_out_and_delays_no_other_client(front):
    daemon = front("--proxy-protocol-from", "127.0.0.1")
    with Balanced(daemon, v1()[:20]) as half, Balanced(daemon, v1()) as whole:
        whole.login()
        began = time.monotonic()
        with pytest.raises(Closed):
            half.reply()
        assert 3 < time.monotonic() - began < 7
    wait_until(lambda: "waiting for its PROXY header" in daemon.log(), what="a line in the log")


def test_limits_count_clients_not_their_load_balancer(front):
    daemon = front("--proxy-protocol-from", "127.0.0.1", "--max-sessions-per-address", 1)
    with Balanced(daemon, v1()) as first, Balanced(daemon, v1("203.0.113.10")) as other:
        first.greet()
        other.greet()
        with Balanced(daemon, v2()) as again:
            assert again.reply().code == 421


def test_data_connections_are_matched_by_their_header(front):
    """DC-02: any client of the load balancer can connect to a passive port; only the client of the session may use it."""
    daemon = front("--proxy-protocol-from", "127.0.0.1", "--proxy-protocol-data")
    with Balanced(daemon, v1()) as raw:
        raw.login()
        port = raw.epsv_port()
        for header in (v1("203.0.113.66"), b"PROXY UNKNOWN\r\n", b"no header at all"):
            with raw.connect(port) as thief:
                thief.sendall(header)
                with contextlib.suppress(ConnectionResetError):
                    assert thief.recv(100) == b""
        with raw.connect(port, source="127.0.0.2") as unexpected:
            unexpected.sendall(v1())
            with contextlib.suppress(ConnectionResetError):
                assert unexpected.recv(100) == b""
        with raw.connect(port) as data:
            data.sendall(v2(port=40001))
            raw.expect("RETR file.txt", 150, 125)
            assert drain(data) == b"content"
        assert raw.reply().code == 226
        # No byte of the header ends in the file.
        with raw.passive(v1()) as data:
            raw.expect("STOR up.txt", 150, 125)
            data.sendall(b"uploaded")
        assert raw.reply().code == 226
        with raw.passive(v2()) as data:
            raw.expect("RETR up.txt", 150, 125)
            assert drain(data) == b"uploaded"


def test_without_headers_on_data_a_load_balancer_is_an_unexpected_peer(front):
    """DC-02: its address does not identify the client."""
    daemon = front("--proxy-protocol-from", "127.0.0.1", "--log-level", "debug")
    with Balanced(daemon, v1("127.0.0.7")) as raw:
        raw.login()
        port = raw.epsv_port()
        with raw.connect(port) as balancer:
            assert balancer.recv(100) == b""
        assert "the peer is a trusted load balancer; enable --proxy-protocol-data" in daemon.log()
        with raw.connect(port, source="127.0.0.7") as data:  # past the balancer
            raw.expect("RETR file.txt", 150, 125)
            assert drain(data) == b"content"


@pytest.mark.parametrize("tls", ["ftp", "ftpes", "ftps"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_gateway_sends_its_backend_the_client_address(start, folder, certificate, version, tls):
    listen = "--listen-tls" if tls == "ftps" else "--listen"
    server = start("serve", folder, listen, "127.0.0.1:0", "--user", "writer:lab", "--tls-cert", certificate.cert, "--tls-key",
                   certificate.key, "--proxy-protocol-from", "127.0.0.1", "--proxy-protocol-data")
    trust = [] if tls == "ftp" else ["--backend-ca", certificate.cert]
    gate = start("gate", "--listen", "127.0.0.1:0", *trust, "--backend",
                 f"{tls}://127.0.0.1:{server.port}?proxy-protocol={version}&proxy-protocol-data=yes")
    with Raw(gate.host, gate.port, source="127.0.0.7") as raw:
        raw.login()
        assert raw.retrieve("file.txt") == b"content"
        assert raw.store("up.txt", b"uploaded").code == 226
        client = raw.socket.getsockname()[1]
    assert (folder / "up.txt").read_text() == "uploaded"
    assert f"Connection accepted from 127.0.0.7:{client} to 127.0.0.1:{gate.port}" in server.log()
    assert "Data connection accepted from 127.0.0.7:" in server.log()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_health_check_without_a_client_address_passes(start, folder, version):
    """G7: as far as a listing, whose data connection needs its header too."""
    server = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--proxy-protocol-from", "127.0.0.1", "--proxy-protocol-data",
                   "--log-level", "debug")
    gate = start("gate", "--listen", "127.0.0.1:0", "--health-check", "list", "--health-check-user", "writer:lab", "--health-check-interval", 1,
                 "--backend", f"ftp://127.0.0.1:{server.port}?proxy-protocol={version}&proxy-protocol-data=yes")
    wait_until(lambda: re.search(r"LIST .*\n.*226", server.log(), re.DOTALL), what="a check")
    assert "Data connection accepted from 127.0.0.1:" in server.log()
    with Raw(gate.host, gate.port) as raw:
        assert raw.login().retrieve("file.txt") == b"content"
    assert "list:" not in gate.log()


def test_what_a_backend_gets_is_the_header_and_then_the_clients_words(start):
    with socket.create_server(("127.0.0.1", 0)) as backend:
        url = f"ftp://127.0.0.1:{backend.getsockname()[1]}"
        gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"{url}?proxy-protocol=v1", "--health-check", "off")
        with socket.create_connection((gate.host, gate.port)) as client:
            accepted = backend.accept()[0]
            with accepted, accepted.makefile("rwb", buffering=0) as conversation:
                expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {client.getsockname()[1]} {gate.port}\r\n"
                assert conversation.readline() == expected.encode()
                conversation.write(b"220 ready\r\n")
                assert client.recv(100).startswith(b"220")
                client.sendall(b"USER a\r\n")
                assert conversation.readline() == b"USER a\r\n"


@pytest.fixture
def haproxy(tmp_path):
    """haproxy(HOST, SERVER, PORT, PASSIVE): it listens at HOST, a machine of its own as far as others can see, on a port that
    leads to SERVER:PORT and on PASSIVE ports that lead to the same ports there, with a header before each connection."""
    if not programs.reference_server("haproxy"):
        cannot("haproxy is not in build/reference-servers; tools/reference-servers fetches it")
    with contextlib.ExitStack() as ends:
        def begin(host, server, port, passive):
            config, front = tmp_path / "haproxy.cfg", free_port()
            config.write_text("\n".join((
                "defaults", "mode tcp", "timeout connect 5s", "timeout client 30s", "timeout server 30s",
                "listen control", f"bind {host}:{front}", f"server s {server}:{port} source {host} send-proxy-v2",
                "listen data", f"bind {host}:{passive}", f"server s {server} source {host} send-proxy-v2", "")))
            process = subprocess.Popen([programs.reference_server("haproxy"), "-db", "-q", "-f", config])
            ends.callback(process.wait, 5)
            ends.callback(process.kill)

            def connected():
                assert process.poll() is None, "haproxy ended"
                with contextlib.suppress(ConnectionRefusedError):
                    return socket.create_connection((host, front))
            wait_until(connected, what="haproxy").close()
            return front
        yield begin


def test_with_haproxy_as_load_balancer(front, haproxy):
    passive = "40510-40511"
    daemon = front("--proxy-protocol-from", "127.0.0.3", "--proxy-protocol-data", "--passive-ports", passive)
    port = haproxy("127.0.0.3", "127.0.0.1", daemon.port, passive)
    with Raw("127.0.0.3", port, source="127.0.0.7") as one, Raw("127.0.0.3", port, source="127.0.0.8") as other:
        for raw in (one, other):
            raw.login()
            address, passive_port = raw.pasv()
            assert address == "127.0.0.3"
            with raw.connect(passive_port, source="127.0.0.66") as thief:
                assert drain(thief) == b""
            with raw.connect(passive_port) as data:
                raw.expect("RETR file.txt", 150, 125)
                assert drain(data) == b"content"
            assert raw.reply().code == 226
            for _ in range(20):
                assert raw.retrieve("file.txt") == b"content"
            assert raw.store(f"from-{raw.source}.txt", b"x" * 300000).code == 226
            assert raw.retrieve(f"from-{raw.source}.txt") == b"x" * 300000
    for client in ("127.0.0.7", "127.0.0.8"):
        assert re.search(rf"Connection accepted from {client}:\d+ to 127.0.0.3:{port}\b", daemon.log())
