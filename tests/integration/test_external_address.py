"""The external address of a daemon with --map and --stun in the lab router-mapping, when the router restarts, gets another
address or misbehaves, and when STUN servers contradict it or each other (S3)."""

import contextlib
import os
import random
import time
from dataclasses import replace

import pytest

import network
from harness.daemon import wait_until
from harness.mapping_lab import STUN, Router, built, daemon, mapped_ports, on, real, run, stun_servers  # noqa: F401
from harness.patience import patient
from harness.raw import Raw
from harness.scripted_router import MAP, ROWS, ScriptedRouter
from scenarios.router_mapping import MINIUPNPD, UPNP_ALONE, miniupnpd

# Ports that the administrator has forwarded by hand.
FORWARDING = network.port_forward("wan", "2121, 30000-30002", "192.168.77.10") + """
table inet filter {
    chain miniupnpd {
        ct status dnat accept
    }
}"""


@contextlib.contextmanager
def serve(lab, sallyport, folder, *options, ready="forwards"):
    """`ready`: what the log must say within 3 s."""
    with daemon(lab, sallyport, "serve", folder, "--anonymous", "--user", "writer:lab", *options) as running:
        wait_until(lambda: ready in running.log(), 3, f"{ready} in the log")
        yield running


def raw(lab, address="5.9.1.1"):
    return Raw(address, 2121, dial=lab.dial("client"))


def listing_works(lab):
    """A new session in passive mode gets its data."""
    with raw(lab) as session:
        return session.login().retrieve("/old.txt") == b"the old content"


RANGE = ("--listen", "0.0.0.0:2121", "--passive-ports", "30000-30002", "--map")


# The address that STUN servers see.

def address_of_pasv(lab):
    with raw(lab) as session:
        return session.login().pasv()[0]


@pytest.mark.parametrize("seen,address", [((None, None), "5.9.1.1"), ((None,), "192.168.77.10"),
                                          ((None, ("6.6.6.6", 6666)), "192.168.77.10")])
def test_stun_without_mappings(networks, sallyport, folder, seen, address):
    """Two servers must agree, otherwise clients get the address that they reached."""
    with built(rules=FORWARDING) as lab, stun_servers(lab, *seen):
        with serve(lab, sallyport, folder, *RANGE[:-1], *STUN[:2 * len(seen)], ready="listening"):
            if address == "5.9.1.1":
                wait_until(lambda: address_of_pasv(lab) == address, 5, "the address that both servers see")
                assert listing_works(lab)
            else:
                time.sleep(patient(1))
                assert address_of_pasv(lab) == address


def test_a_stun_server_alone_does_not_contradict_the_router(real, sallyport, folder):
    with stun_servers(real, ("6.6.6.6", 6666)), serve(real, sallyport, folder, *RANGE, *STUN[:2]):
        time.sleep(patient(1))
        assert address_of_pasv(real) == "5.9.1.1"


def test_two_stun_servers_see_another_nat(real, sallyport, folder):
    with stun_servers(real, ("5.9.1.77", 1), ("5.9.1.77", 2)), serve(real, sallyport, folder, *RANGE, *STUN) as server:
        wait_until(lambda: address_of_pasv(real) == "5.9.1.77", 5, "the address that both servers see")
        assert "there is another NAT between the router and the Internet" in server.log()


# The router changes.

MAPPED = {"2121", "30000", "30001", "30002"}


@pytest.fixture
def lab_and_router(networks):
    with built() as lab:
        router = Router(lab)
        router.start()
        yield lab, router


@pytest.mark.parametrize("way", ["via 192.168.77.1", "dev lan"])
def test_stun_after_a_change_of_the_own_address(networks, sallyport, folder, way):
    """What servers saw of the old address is not advertised any more; also where the route has no gateway, as that of PPP."""
    with built(rules=FORWARDING) as lab, stun_servers(lab, None, None) as servers:
        # Without a gateway, the router answers for all other addresses.
        assert run(lab, "router", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/lan/proxy_arp").returncode == 0
        assert run(lab, "server", "ip", "route", "replace", "default", *way.split()).returncode == 0
        with serve(lab, sallyport, folder, *RANGE[:-1], *STUN, ready="listening"):
            wait_until(lambda: address_of_pasv(lab) == "5.9.1.1", 5, "the address that both servers see")
            servers.close()
            assert run(lab, "server", "ip", "address", "add", "192.168.77.12/24", "dev", "lan").returncode == 0
            assert run(lab, "server", "ip", "route", "replace", "default", *way.split(), "src", "192.168.77.12").returncode == 0
            wait_until(lambda: address_of_pasv(lab) == "192.168.77.10", 2, "the address that the client reached")


@pytest.mark.parametrize("leases", ["kept", "lost"])
def test_the_router_restarts(lab_and_router, sallyport, folder, leases):
    lab, router = lab_and_router
    with serve(lab, sallyport, folder, *RANGE):
        assert listing_works(lab)
        # The router says how many seconds it runs. Clients allow an error of 2 s and 1/16 of the time since its last answer (RFC 6887
        # 8.5), and it may run for 2 s before they hear of it again.
        time.sleep(6)
        router.stop()
        if leases == "lost":
            router.forget()
        router.start()
        wait_until(lambda: set(mapped_ports(lab)) == MAPPED, 2, "the mappings after the restart")
        assert listing_works(lab)


def test_a_router_with_upnp_alone_restarts(networks, sallyport, folder):
    """Its notifications show it."""
    with built() as lab:
        router = Router(lab, UPNP_ALONE)
        router.start()
        with serve(lab, sallyport, folder, *RANGE[:-1], "--map=upnp"):
            assert listing_works(lab)
            router.stop()
            router.forget()
            router.start()
            wait_until(lambda: set(mapped_ports(lab)) == MAPPED, 2, "the mappings after the restart")
            assert listing_works(lab)


@pytest.mark.parametrize("protocols,config,seconds", [("pcp,natpmp,upnp", MINIUPNPD, 2), ("upnp", UPNP_ALONE, 16)])
def test_the_router_gets_another_address(networks, sallyport, folder, protocols, config, seconds):
    """PCP and NAT-PMP announce it. A router with UPnP alone is asked every 15 s."""
    with built([miniupnpd(config)]) as lab, serve(lab, sallyport, folder, *RANGE[:-1], f"--map={protocols}"), raw(lab) as session:
        assert session.login().pasv()[0] == "5.9.1.1"
        for change in ("del 5.9.1.1/24", "add 5.9.1.4/24"):
            assert run(lab, "router", "ip", "address", *change.split(), "dev", "wan").returncode == 0

        def advertised():
            with raw(lab, address="5.9.1.4") as new:
                return new.login().pasv()[0]
        wait_until(lambda: advertised() == "5.9.1.4", seconds, "the new address in 227")
        with raw(lab, address="5.9.1.4") as new:
            assert new.login().retrieve("/old.txt") == b"the old content"


def test_killed(real, sallyport, folder):
    """The next process does not wait for the end of the lease."""
    with serve(real, sallyport, folder, *RANGE) as first:
        first.kill()
        assert set(mapped_ports(real)) == MAPPED
        with serve(real, sallyport, folder, *RANGE):
            assert listing_works(real)
    wait_until(lambda: mapped_ports(real) == {}, 2, "the end of the mappings")


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes a minute; SOAK=1 runs it")
@pytest.mark.limit(120)
def test_the_lease_ends_what_a_killed_process_leaves(real, sallyport, folder):
    with serve(real, sallyport, folder, *RANGE, "--map-lease", "60") as killed:
        killed.kill()
        assert set(mapped_ports(real)) == MAPPED
    wait_until(lambda: mapped_ports(real) == {}, 75, "the end of the leases")


# A router that misbehaves: each row of ROWS by itself.

ROW_NETWORK = network.Scenario(
    "row", "A router and a server", "", (network.Segment("lan"),),
    (network.Host("router", {"lan": ("192.168.77.1/24", "5.9.1.10/24")}), network.Host("server", {"lan": "192.168.77.10/24"}, via="192.168.77.1")))
# Its answers are those of a router that maps ports, even so.
USABLE = {"late by 100 ms", "late by 400 ms", "twice", "lifetime 4294967295", "wild epoch"}
# Without SOAK a few rows are drawn: each takes some seconds.
SEED = os.environ.get("SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID", "")  # the same in all workers
DRAWN = sorted(ROWS) if os.environ.get("SOAK") else random.Random(SEED).sample(sorted(ROWS), 4)


def test_a_quota_shrinks_the_range(networks, sallyport, folder):
    """Sessions of the Internet get only ports that the router forwards."""
    granted = set()

    def quota(answer):
        if answer.opcode == MAP and len(granted | {answer.local_port}) <= 4:
            granted.add(answer.local_port)
        refused = answer.opcode == MAP and answer.local_port not in granted
        return [replace(answer, result=10, lifetime=30) if refused else answer]
    with network.Network(ROW_NETWORK) as lab, \
            ScriptedRouter("192.168.77.1", row=quota, inside=on(lab, "router"), protocols=("pcp",)), \
            serve(lab, sallyport, folder, "--listen", "0.0.0.0:2121", "--passive-ports", "30000-30007", "--map=pcp",
                  ready="does not forward") as server, \
            Raw("192.168.77.10", 2121, dial=lab.dial("router"), source="5.9.1.10") as session:
        session.login()
        assert "does not forward ports 30003-30007: " in server.log()
        assert {session.pasv()[1] for _ in range(40)} == {30000, 30001, 30002}, server.log()


def test_refused_renewals(networks, sallyport, folder):
    """What was mapped is advertised until its lifetime is over, and no longer."""
    lifetime, granted = 12, set()

    def once(answer):
        if answer.opcode != MAP:
            return [answer]
        if answer.local_port in granted:
            return [replace(answer, result=2, lifetime=30)]
        granted.add(answer.local_port)
        return [replace(answer, lifetime=lifetime)]
    with network.Network(ROW_NETWORK) as lab, \
            ScriptedRouter("192.168.77.1", row=once, inside=on(lab, "router"), protocols=("pcp",)) as router, \
            serve(lab, sallyport, folder, "--listen", "0.0.0.0:2121", "--passive-ports", "30000-30001", "--map=pcp") as server, \
            Raw("192.168.77.10", 2121, dial=lab.dial("router"), source="5.9.1.10") as session:
        session.login()
        assert session.pasv()[0] == "5.9.1.1"
        wait_until(lambda: session.pasv()[0] == "192.168.77.10", lifetime + 1, "the end of the mappings")
        asked = [when for when, request, _ in router.requests if len(request) > 24]
        assert asked[3] - asked[0] > lifetime / 2 - 1, "no renewal at once"
        assert time.monotonic() - asked[0] > lifetime - 1, server.log()
        wait_until(lambda: "does not forward ports 2121, 30000-30001: not authorized (PCP result 2)" in server.log(), 3, "the reason")
        assert len(asked) <= 3 * 5, asked


@pytest.mark.parametrize("row", DRAWN)
def test_a_router_that_misbehaves(networks, sallyport, folder, row):
    """Serving starts at once; what is advertised is what was mapped; the router gets few requests."""
    protocol, _, what = row.partition(" ")
    with network.Network(ROW_NETWORK) as lab, \
            ScriptedRouter("192.168.77.1", row=ROWS[row](), inside=on(lab, "router"), protocols=(protocol,)) as router:
        with serve(lab, sallyport, folder, "--listen", "0.0.0.0:2121", "--passive-ports", "30000-30001", f"--map={protocol}",
                    ready="listening") as server:
            time.sleep(patient(2.5))  # all requests and pauses of the first round
            with Raw("192.168.77.10", 2121, dial=lab.dial("router"), source="5.9.1.10") as session:
                address, port = session.login().pasv()
            assert (address == "5.9.1.1") == (what in USABLE), server.log()
            assert address in ("5.9.1.1", "192.168.77.10") and port in (30000, 30001)
            asked = len(router.requests)
            assert asked <= 12, server.log()
            assert server.alive()
