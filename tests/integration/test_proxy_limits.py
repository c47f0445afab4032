"""Limits behind a load balancer (GW-11, AU-02): they count its clients by their own addresses, and the load balancer not at all."""

import socket
import struct

import pytest

from harness.raw import Raw

BALANCER = "127.0.0.9"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"


def header(client):
    """Version 2, for a client of either family."""
    family, size = (socket.AF_INET6, 36) if ":" in client else (socket.AF_INET, 12)
    own = "2001:db8::1" if ":" in client else "198.51.100.1"
    kind = b"\x21" if ":" in client else b"\x11"
    return (SIGNATURE + b"\x21" + kind + size.to_bytes(2, "big") + socket.inet_pton(family, client)
            + socket.inet_pton(family, own) + struct.pack("!HH", 40000, 21))


@pytest.fixture(params=["server", "gate"])
def front(request, start, tmp_path):
    """front(OPTION...): a server, or a gateway before one, that trusts the balancer."""
    root = tmp_path / "root"
    root.mkdir()

    def begin(*options):
        users = ["--user", "writer:lab"]
        ours = ["--listen", "127.0.0.1:0", "--proxy-protocol-from", BALANCER, *options]
        if request.param == "server":
            return start("serve", root, *users, *ours)
        backend = start("serve", root, "--listen", "127.0.0.1:0", *users)
        return start("gate", "--backend", f"ftp://127.0.0.1:{backend.port}", *ours)
    return begin


class Through(Raw):
    """A connection of the load balancer, which sends `first` before anything else."""

    def __init__(self, daemon, first):
        super().__init__(daemon.host, daemon.port, source=BALANCER)
        self.send(first)


def code(daemon, first):
    """What such a connection receives before it is closed."""
    with Through(daemon, first) as raw:
        return raw.reply().code


def guess(daemon, first):
    """Wrong passwords until 421; returns how many were checked."""
    for number in range(20):
        with Through(daemon, first) as raw:
            if raw.reply().code == 421:
                return number
            raw.expect("USER writer", 331)
            raw.expect("PASS wrong", 530)
    return None


def test_its_health_checks_are_not_counted(front):
    """However often it checks, it is never rejected for its rate, and no client is rejected because of it."""
    daemon = front("--max-session-rate-per-address", "0.001", "--max-sessions-per-address", "1", "--max-session-rate", "5")
    assert [code(daemon, LOCAL) for _ in range(20)] == [220] * 20
    assert guess(daemon, LOCAL) is None
    with Through(daemon, header("203.0.113.9")) as first, Through(daemon, LOCAL) as check:
        assert first.reply().code == 220 and check.reply().code == 220
        assert code(daemon, header("203.0.113.9")) == 421
        assert code(daemon, header("203.0.113.10")) == 220


@pytest.mark.parametrize("named", ["127.0.0.1", "::1", "203.0.113.9", "2001:db8:7::1"])
def test_a_header_does_not_avoid_penalties(front, named):
    """AU-02: loopback in a PROXY header does not make the connection a local one."""
    daemon = front()
    assert guess(daemon, header(named)) in range(2, 6)
    assert code(daemon, header(named)) == 421
    assert code(daemon, header("203.0.113.77")) == 220
    with Raw(daemon.host, daemon.port) as local:
        assert local.reply().code == 220


def test_an_ipv6_network_is_one_client(front):
    """Sessions, rate and penalties alike."""
    daemon = front("--max-sessions-per-address", "2")
    with Through(daemon, header("2001:db8:7::1")) as one, Through(daemon, header("2001:db8:7::2")) as two:
        assert one.reply().code == 220 and two.reply().code == 220
        assert code(daemon, header("2001:db8:7::3")) == 421
        assert code(daemon, header("2001:db8:7:1::1")) == 220
    slow = front("--max-session-rate-per-address", "0.001")
    assert [code(slow, header(f"2001:db8:7::{n}")) for n in (1, 2)] == [220, 421]
    assert code(slow, header("2001:db8:7:1::1")) == 220
