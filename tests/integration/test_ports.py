"""Advertised ports and addresses: external port numbers, ALG ports, address rules (S2, S3)."""

import re
import ssl

import pytest

from free_ports import free_port
from harness.daemon import wait_until
from harness.raw import Raw, drain


@pytest.fixture(params=["server", "gate"])
def front(request, start, tmp_path):
    """front(OPTION...): a server, or a gateway before one, with these options."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.txt").write_text("content")

    def begin(*options):
        if request.param == "server":
            return start("serve", root, "--listen", "127.0.0.1:0", "--user", "writer:lab", *options)
        backend = start("serve", root, "--listen", "127.0.0.1:0", "--user", "writer:lab")
        return start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{backend.port}", *options)

    return begin


def raw(daemon, source="127.0.0.1", port=None):
    return Raw("127.0.0.1", port or daemon.port, source=source)


def test_forwarded_ports_are_advertised_by_their_external_numbers(front):
    """S3: the router forwards 61000-61009, of which one, 4443, is another."""
    first = free_port()
    daemon = front("--passive-ports", f"{first}-{first}", "--external-ports", f"{first}=4443")
    with raw(daemon) as client:
        client.login()
        assert client.pasv()[1] == 4443
        assert client.epsv_port() == 4443
        with client.connect(first) as data:  # as the router would
            client.expect("RETR file.txt", 150, 125)
            assert drain(data) == b"content"
        assert client.reply().code == 226


def test_alg_ports_are_skipped_and_reported(front):
    """S2"""
    daemon = front("--passive-ports", "5060-5060")
    with raw(daemon) as client:
        client.login()
        client.expect("EPSV", 425)
    assert "No passive port available for 1 requests (425); last: all ports 5060" in daemon.log()
    assert "Passive ports 5060: skipping 1 of them (5060), which routers may inspect" in daemon.log()


def test_alg_ports_are_used_with_the_option(front):
    """S2"""
    daemon = front("--passive-ports", "5060-5060", "--use-alg-ports")
    with raw(daemon) as client:
        assert client.login().epsv_port() == 5060
    assert "Passive ports 5060: using 1 of them (5060)" in daemon.log()


def test_a_range_without_a_port_left_says_so(front):
    """DC-04: never another port; 425, and the reason in one log line with a count, not one line for each."""
    port = free_port()
    daemon = front("--passive-ports", f"{port}-{port}")
    with raw(daemon) as first, raw(daemon) as second, raw(daemon, "127.0.0.2") as other:
        assert first.login().epsv_port() == port
        second.login()
        for _ in range(20):
            reply = second.command("EPSV")
            assert (reply.code, reply.text) == (425, "425 All passive ports are in use; try again later.")
        assert other.login().epsv_port() == port
    lines = re.findall(r"No passive port available for (\d+) requests \(425\)", daemon.log())
    assert lines == ["1"], "the other 19 are for the next line, ten seconds later"
    assert f"{port} on 127.0.0.1 are reserved for 127.0.0.1" in daemon.log()


def test_addresses_by_network_by_tls_and_by_listener(front, certificate):
    """S3: one rule language; the longest network counts, then the most conditions."""
    other = free_port()
    daemon = front("--listen", f"127.0.0.1:{other}", "--tls-cert", certificate.cert, "--tls-key", certificate.key,
                   "--external-address", "203.0.113.7", "--external-address", "127.0.0.2/31=192.0.2.2",
                   "--external-address", "127.0.0.3=client-destination", "--external-address", f":{other}=192.0.2.9",
                   "--external-address", f"127.0.0.2/31,:{other}=192.0.2.4", "--external-address", "tls=192.0.2.8")
    advertised = {}
    for source, port in (("127.0.0.1", None), ("127.0.0.2", None), ("127.0.0.3", None), ("127.0.0.1", other), ("127.0.0.2", other)):
        with raw(daemon, source, port) as client:
            advertised[source, port] = client.login().pasv()[0]
    assert advertised == {("127.0.0.1", None): "203.0.113.7", ("127.0.0.2", None): "192.0.2.2", ("127.0.0.3", None): "127.0.0.1",
                    ("127.0.0.1", other): "192.0.2.9", ("127.0.0.2", other): "192.0.2.4"}
    with raw(daemon) as client:
        client.greet().expect("AUTH TLS", 234)
        context = ssl.create_default_context(cafile=certificate.cert)
        client.socket = context.wrap_socket(client.socket, server_hostname="127.0.0.1")
        client.expect("USER writer", 331)
        client.expect("PASS lab", 230)
        assert client.pasv()[0] == "192.0.2.8"
        client.socket.close()


def test_a_name_is_an_address_of_some(front):
    """S3: from DNS, for clients from outside."""
    daemon = front("--external-address", "localhost", "--external-address", "127.0.0.2=client-destination")
    wait_until(lambda: "External address localhost is 127.0.0.1" in daemon.log(), what="the look-up")
    with raw(daemon, "127.0.0.2") as client:
        assert client.login().pasv()[0] == "127.0.0.1"


@pytest.mark.parametrize("options,text", [
    (("--external-ports", "60000-60009"), "the local ports are missing"),
    (("--passive-ports", "50000-50009", "--external-ports", "60000-60008"), "use ranges of the same size"),
    (("--external-address", "10.0.0.0/8=2001:db8::1"), "IPv4 address only"),
    (("--external-address", "tsl=10.0.0.1"), '"tsl" is not a valid condition'),
])
def test_bad_settings_are_refused(front, options, text):
    with pytest.raises(Exception, match=re.escape(text)):
        front(*options)
