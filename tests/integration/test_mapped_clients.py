"""Clients on the Internet at servers and gateways whose ports the router maps, in the lab router-mapping: the usual programs, plain and
with TLS, over a range and over one port, and how soon after the start (S3)."""

import contextlib
import re
import time

import pytest

import network
from harness.clients import CLIENTS, Server
from harness.daemon import wait_until
from harness.mapping_lab import bare, built, daemon, mapped_ports, on, run  # noqa: F401
from harness.patience import patient
from harness.scripted_router import ScriptedRouter
from scenarios.router_mapping import MINIUPNPD, UPNP_ALONE, miniupnpd

WAYS = [("curl", "epsv"), ("curl", "pasv"), ("lftp", "epsv"), ("lftp", "pasv"), ("ncftp", "pasv"), ("ftplib", "epsv"), ("ftplib", "pasv")]
PORTS = {"range": ("--passive-ports", "30000-30007"), "one port": ("--single-port", "control")}
DROPPED = """
table inet silence {
    chain input {
        type filter hook input priority filter
        iifname "lan" udp dport 5351 drop
    }
}"""


@contextlib.contextmanager
def started(lab, sallyport, folder, certificate, kind, *options):
    """A server, or a gateway before one, whose control port is 2121."""
    login = ("--user", "writer:lab", "--control-socket", "none")
    tls = ("--tls-cert", certificate.cert, "--tls-key", certificate.key)
    outside = ("--listen", "0.0.0.0:2121", *tls, *options)
    with contextlib.ExitStack() as stack:
        if kind == "server":
            yield stack.enter_context(daemon(lab, sallyport, "serve", folder, *login, *outside))
        else:
            stack.enter_context(daemon(lab, sallyport, "serve", folder, *login, "--listen", "127.0.0.1:2100"))
            yield stack.enter_context(daemon(lab, sallyport, "gate", "--backend", "ftp://127.0.0.1:2100", "--control-socket", "none", *outside))


@pytest.mark.parametrize("kind,ports,protocols,config", [
    ("server", "range", "pcp", MINIUPNPD), ("server", "one port", "natpmp", MINIUPNPD), ("server", "range", "upnp", UPNP_ALONE),
    ("gateway", "range", "natpmp", MINIUPNPD), ("gateway", "one port", "pcp", MINIUPNPD), ("gateway", "one port", "upnp", UPNP_ALONE)])
def test_the_usual_clients(networks, sallyport, folder, certificate, tmp_path, kind, ports, protocols, config):
    with built([miniupnpd(config)]) as lab, \
            started(lab, sallyport, folder, certificate, kind, f"--map={protocols}", *PORTS[ports]) as made:
        wait_until(lambda: "forwards 5.9.1.1:2121" in made.log(), 5, "the mapping")
        for name, method in WAYS:
            for tls in ("none", "explicit"):
                if not CLIENTS[name].can(method, tls):
                    continue
                to = tmp_path / f"{name}-{method}-{tls}"
                to.mkdir()
                client = CLIENTS[name](method)
                lab.inside("client", lambda: client.get(Server("5.9.1.1", 2121, "writer", "lab", tls, certificate.cert), to, ["old.txt"]))
                assert (to / "old.txt").read_text() == "the old content", made.log()


@pytest.mark.parametrize("config,rules,seconds", [(MINIUPNPD, "", 3), (UPNP_ALONE, "", 3), (UPNP_ALONE, DROPPED, 8)],
                         ids=["all", "upnp alone", "silent to two"])
@pytest.mark.parametrize("kind", ["server", "gateway"])
def test_how_soon_after_the_start(networks, sallyport, folder, certificate, kind, config, rules, seconds):
    with built([miniupnpd(config)], rules) as lab:
        begin = time.monotonic()
        with started(lab, sallyport, folder, certificate, kind, "--map", *PORTS["range"]):
            wait_until(lambda: len(mapped_ports(lab)) == 9, seconds, "the mappings")
            assert time.monotonic() - begin < patient(seconds)


def test_a_router_with_nat_pmp_alone(bare, sallyport, folder, certificate):
    """It says so to the question of PCP, whose version it does not know."""
    with ScriptedRouter("192.168.77.1", inside=on(bare, "router"), protocols=("natpmp",)) as router, \
            started(bare, sallyport, folder, certificate, "server", "--map", *PORTS["one port"]) as made:
        wait_until(lambda: "forwards 5.9.1.1:2121 to port 2121 (NAT-PMP)" in made.log(), 3, "the mapping")
        assert router.mappings == {2121: ("192.168.77.10", 2121)}


def test_a_router_without_any_protocol(bare, sallyport, folder, certificate):
    """Nothing is forwarded, the log says what to do, and clients inside are served."""
    with started(bare, sallyport, folder, certificate, "server", "--map", *PORTS["range"]) as made:
        wait_until(lambda: re.search(r"forwards no ports \(.*\); enable one of these protocols in the router, or forward the ports by hand",
                                     made.log()), 8, "the reason")
        done = run(bare, "second-server", "curl", "-s", "-u", "writer:lab", "ftp://192.168.77.10:2121/old.txt")
        assert done.stdout == "the old content", done


def test_a_denied_port_is_named_with_the_remedy(networks, sallyport, folder, certificate):
    """miniupnpd permits ports from 1024 on here. The other ports are forwarded."""
    with built([miniupnpd()]) as lab, \
            daemon(lab, sallyport, "serve", folder, "--user", "writer:lab", "--listen", "0.0.0.0:21", "--control-socket", "none", "--map=pcp",
                   *PORTS["range"]) as made:
        wait_until(lambda: "does not forward port 21: not authorized (PCP result 2); many routers permit ports from 1024 on only: permit "
                           "it (miniupnpd: allow 21 192.168.77.10/32 21)" in made.log(), 1, "the reason")
        wait_until(lambda: len(mapped_ports(lab)) == 8, 3, "the other ports")


@pytest.mark.parametrize("option", ["--map=pcp", "--map=upnp"])
def test_a_port_that_another_host_has(networks, sallyport, folder, certificate, option):
    """Its mapping stays, and clients get the number that the router has chosen."""
    with built([miniupnpd()]) as lab:
        theirs = run(lab, "second-server", network.PROGRAMS / "natpmpc", "-g", "192.168.77.1", "-a", "2121", "2121", "tcp", "600")
        assert theirs.returncode == 0, theirs
        with started(lab, sallyport, folder, certificate, "server", option, *PORTS["one port"]) as made:
            number = wait_until(lambda: re.search(r"forwards 5\.9\.1\.1:(\d+) to port 2121", made.log()), 5, "the mapping")[1]
            assert number != "2121"
            assert mapped_ports(lab) == {"2121": "192.168.77.11:2121", number: "192.168.77.10:2121"}
            done = run(lab, "client", "curl", "-sv", "--disable-epsv", "-u", "writer:lab", f"ftp://5.9.1.1:{number}/old.txt")
            assert done.stdout == "the old content", done
        assert mapped_ports(lab) == {"2121": "192.168.77.11:2121"}
