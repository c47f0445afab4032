"""Interception at a router (gate --intercept) in the networks of labs/: transfers that its administrator's firewall drops without
the gateway work with it, with the usual clients and servers and the usual forms of firewall (G2 G3 G8 G9 G11 G12)."""

import contextlib
import dataclasses
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

import network
from conftest import cannot
from firewalls import FIREWALLS
from harness import programs, trees
from harness.clients import Server
from harness.daemon import Daemon
from harness.openings import expectations
from harness.reference_servers import REFERENCE_SERVERS
from network import masquerade
from scenarios import SCENARIOS
from test_labs import Lab

ROUTERS = [name for name in sorted(SCENARIOS) if name.startswith("router-")]
WAYS = [("curl", "epsv"), ("curl", "pasv"), ("curl", "eprt"), ("curl", "port"), ("lftp", "pasv"), ("lftp", "port"), ("ncftp", "pasv"),
        ("ncftp", "port"), ("ftplib", "epsv"), ("ftplib", "eprt")]
OVER_IPV6 = [("curl", "epsv"), ("curl", "eprt"), ("lftp", "epsv"), ("ftplib", "epsv"), ("ftplib", "eprt")]
# Scenario, address, port: the servers that its client reaches.
ROUTES = [("router-nat", "17.254.0.91", 21), ("router-strict", "17.254.0.91", 21), ("router-strict", "17.254.0.91", 2121),
          ("router-routed", "17.254.0.91", 21), ("router-routed", "2001:db8:2::91", 21), ("router-servers", "17.254.1.4", 21),
          ("router-servers", "2001:db8:1::4", 21), ("router-row", "17.254.0.91", 21), ("router-ends", "17.254.1.4", 21),
          ("router-outsides", "17.254.0.91", 21)]


@pytest.fixture(scope="module")
def lab(networks, sallyport, certificate, small_sample, tmp_path_factory):
    """lab("router-strict"), lab("router-strict", gates=False), lab("router-strict", firewall="ufw"): up until the end of the module."""
    with contextlib.ExitStack() as stack:
        up = {}

        def bring_up(name, gates=True, firewall=None):
            key = (name, gates, firewall)
            if key not in up:
                scenario = SCENARIOS[name]
                if firewall:
                    scenario = with_firewall(scenario, FIREWALLS[firewall])
                if not gates:
                    scenario = dataclasses.replace(scenario, daemons=[d for d in scenario.daemons if d.arguments.startswith("serve")])
                up[key] = stack.enter_context(Lab(sallyport, scenario, certificate, small_sample, tmp_path_factory.mktemp(name)))
            return up[key]

        yield bring_up


def with_firewall(scenario, firewall, **options):
    return scenario.with_host("router", rules=firewall("lan", "wan", "21, 990, 2121", **options))


def rows():
    for scenario, address, port in ROUTES:
        for client, method in OVER_IPV6 if ":" in address else WAYS:
            yield scenario, address, port, client, method


@pytest.mark.parametrize("scenario,address,port,client,method", rows())
def test_tree(lab, small_sample, tmp_path, scenario, address, port, client, method):
    """Upload, listing and download through the routers, past firewalls that drop the data connections otherwise."""
    built = lab(scenario)
    ((files,),) = built.files.values()
    built.fill("server", {})
    program, server = built.client(client, method), built.server(address, port)
    trees.move_there_and_back(program, server, files, small_sample, tmp_path / "back")


@pytest.mark.parametrize("firewall", FIREWALLS)
@pytest.mark.parametrize("port", [21, 2121])
def test_firewalls(lab, firewall, port):
    """The same firewall in the form of nftables, iptables, ufw and firewalld; its forward chain is not changed."""
    if firewall not in ("nftables", "firewalld") and not shutil.which("iptables-nft"):
        cannot("iptables is not installed")
    built = lab("router-strict", firewall=firewall)
    for method in ("epsv", "pasv", "eprt", "port"):
        names = built.client("curl", method).names(built.server("17.254.0.91", port), "/")
        assert "this-is" in names, method


@pytest.mark.parametrize("firewall", ["nftables", "firewalld"])
def test_firewalls_ipv6(networks, sallyport, certificate, small_sample, tmp_path, firewall):
    """firewalld looks up the route back to the source of each packet, with the packet's mark."""
    scenario = with_firewall(SCENARIOS["router-routed"], FIREWALLS[firewall], nat=False)
    with Lab(sallyport, scenario, certificate, small_sample, tmp_path) as built:
        for address in ("17.254.0.91", "2001:db8:2::91"):
            for method in ("epsv", "eprt"):
                assert "this-is" in built.client("curl", method).names(built.server(address), "/"), (address, method)


@pytest.fixture(scope="module", params=REFERENCE_SERVERS)
def reference_server(lab, root, start_for_module, request):
    net = lab("router-strict").network
    server = start_for_module.reference_server(request.param, host="17.254.0.92", port=21, wrap=lambda argv: net.command("server", *argv))
    yield server
    server.stop()


@pytest.mark.parametrize("client,method", WAYS)
def test_reference_servers(lab, reference_server, small_sample, tmp_path, client, method):
    built = lab("router-strict")
    for path in reference_server.files.iterdir():
        path.unlink()
    (reference_server.files / "file").write_bytes(b"content" * 10000)
    reference_server.give(reference_server.files)
    back = tmp_path / "back"
    back.mkdir()
    server = Server(reference_server.host, reference_server.port, reference_server.user, reference_server.password,
                    base=reference_server.base)
    built.client(client, method).get(server, back, ["file"])
    assert (back / "file").read_bytes() == b"content" * 10000


# Without the gateway.

def active_listener(built, host, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return built.network.inside(host, lambda: socket.create_server((address, 0), family=family))


@pytest.mark.parametrize("scenario,address", sorted({(name, address) for name, address, _ in ROUTES}))
def test_blocked_without_the_gateway(lab, scenario, address):
    """The login succeeds; no data connection is established."""
    built = lab(scenario, gates=False)
    own = next(a.split("/")[0] for on in built.scenario.host("client").addresses for a in built.scenario.host("client").on(on)
               if (":" in a) == (":" in address))
    with built.raw("client", address) as raw, active_listener(built, "client", own) as listener:
        raw.login()
        if scenario != "router-nat":
            port = raw.epsv_port()
            with pytest.raises((TimeoutError, OSError)):
                built.network.inside("client", lambda: socket.create_connection((address, port), timeout=0.5)).close()
        accepted = raw.command(f"EPRT |{2 if ':' in own else 1}|{own}|{listener.getsockname()[1]}|")
        if accepted.code == 200:
            raw.send(b"NLST\r\n")
            listener.settimeout(1)
            with pytest.raises(TimeoutError):
                listener.accept()
        else:
            assert accepted.code == 504, "the address is not that of the control connection"
    assert not expectations(built.network)


# A server with IPv4 only.

NAT64_SERVER = "fd64:ff9b::11fe:5b"


@pytest.mark.parametrize("client,method", OVER_IPV6)
def test_nat64(lab, small_sample, tmp_path, client, method):
    """S4: a client with IPv6 only; the server is sent PASV, in whatever way the client asks."""
    built = lab("router-nat64")
    ((files,),) = built.files.values()
    built.fill("server", {})
    trees.move_there_and_back(built.client(client, method), built.server(NAT64_SERVER), files, small_sample, tmp_path / "back")
    log = built.log_of("router")
    assert "backend PASV 17.254.0.91:" in log and "backend EPSV" not in log


def test_nat64_status(lab):
    """RFC 6384 section 11; and an address in the prefix that is no server's."""
    built = lab("router-nat64")
    with built.raw("client", NAT64_SERVER) as raw:
        raw.login()
        assert raw.expect("ALGS STATUS64", 216).text.endswith("EPSV EPRT")
        raw.expect("ALGS STATUS", 504)
    for impossible in ("fd64:ff9b::7f00:1", "fd64:ff9b::11fe:1a"):  # loopback, and the router's own
        connection = built.network.inside("client", lambda: socket.create_connection((impossible, 21), timeout=5))
        with connection:
            assert connection.recv(1000).startswith(b"421 "), impossible


TO_TRANSLATOR = """
add rule inet filter forward iifname { "lan", "nat64" } accept
"""


def test_nat64_with_TLS_that_passes(lab):
    """The gateway cannot read such a session: its data connections go to the network's own translator."""
    built = lab("router-nat64")
    built.fill("server", {"file": b"content"})
    built.network.apply("router", TO_TRANSLATOR)
    with programs.support(built.network, "router", "nat64.py", "fd64:ff9b::/96", "2001:db8:1::2", "192.168.64.2"):
        curl = ["curl", "-sSk", "-g", "--max-time", "10", "--ssl-reqd", f"ftp://[{NAT64_SERVER}]/file"]
        assert network.run(*built.network.command("client", *curl)) == "content"
    assert "TLS passthrough" in built.log_of("router")


# Firewalls that do not mention related connections.

MARK = "0x100/0x300"  # value and mask
WITHOUT_RELATED = """
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop
        ct state established accept
        iifname "lo" accept
        iifname "lan" tcp dport { 21, 2121 } accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop
        ct state established accept
        ct mark and 0x300 != 0 accept
    }
}"""


def test_a_firewall_with_the_mark_of_the_gateway(networks, sallyport, certificate, small_sample, tmp_path):
    """An expected connection has the mark of its control connection."""
    scenario = with_firewall(SCENARIOS["router-strict"], lambda *_: (WITHOUT_RELATED, masquerade(out="wan")))
    with Lab(sallyport, scenario.with_arguments("router", f"--mark {MARK}"), certificate, small_sample, tmp_path) as built:
        for port in (21, 2121):
            for method in ("epsv", "pasv", "eprt", "port"):
                assert "this-is" in built.client("curl", method).names(built.server("17.254.0.91", port), "/"), method


def test_the_example_of_the_page(networks, sallyport, tmp_path):
    """docs/router.md: from a bare router to working FTP, without and with the last line."""
    page = (programs.ROOT / "docs/router.md").read_text()
    before, gate = re.search(r"```\n(sysctl .*?\n)sallyport (gate .*?)\n```", page, re.DOTALL).groups()
    scenario = SCENARIOS["router-strict"]
    bare = [dataclasses.replace(host, rules=()) for host in scenario.hosts]
    server = [d for d in scenario.daemons if d.host == "server"]
    with network.Network(dataclasses.replace(scenario, hosts=tuple(bare))) as net:
        network.run(*net.command("router", "sh", "-c", before))
        (tmp_path / "this-is").write_text("server")
        running = [Daemon([sallyport, *server[0].arguments.format(files=tmp_path).split()], wrap=lambda a: net.command("server", *a))]
        curl = ["curl", "-sS", "--max-time", "5", "ftp://17.254.0.91/this-is"]
        try:
            running[0].wait_ready()
            assert subprocess.run(net.command("client", *curl), capture_output=True).returncode != 0
            running.append(Daemon([sallyport, *gate.split()], wrap=lambda a: net.command("router", *a)).wait_ready())
            assert network.run(*net.command("client", *curl)) == "server"
            assert network.run(*net.command("client", *curl, "--ftp-port", "-")) == "server"
        finally:
            for daemon in reversed(running):
                daemon.stop()


# Idle connections.

@pytest.mark.limit(120)
def test_a_box_that_forgets_idle_connections(lab):
    """G5: during the transfer the control connection is idle for longer than the box remembers it, and 226 arrives."""
    built = lab("router-idle")
    seconds = 40 if os.environ.get("SOAK") else 16
    built.fill("server", {"file": bytes(1 << 20)})
    with built.raw("client", "17.254.2.91") as raw:
        raw.login()
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
        with raw.passive() as data:
            raw.expect("RETR /file", 150, 125)
            begin, received = time.monotonic(), 0
            while received < 1 << 20:
                piece = data.recv(min(65536, 1 << 20))
                assert piece
                received += len(piece)
                time.sleep(max(0, begin + seconds * received / (1 << 20) - time.monotonic()))
        assert raw.reply().code == 226
        raw.expect("NOOP", 200)
