"""The lab router-mapping, and what `sallyport reach` finds in it and in its variants (S3 C2 D2)."""

import subprocess
import json

import pytest

import network
from harness.mapping_lab import LAB, RANDOM_PORTS, SILENCE, STUN, bare, built, mapped_ports, on, run, stun_servers  # noqa: F401
from harness.scripted_router import ScriptedRouter
from scenarios.router_mapping import UPNP_ALONE, coturn, miniupnpd


@pytest.fixture(scope="module")
def real(networks):
    """With miniupnpd and coturn."""
    with built(LAB.programs) as lab:
        yield lab


def reach(lab, sallyport, *options, host="server"):
    """The exit code and the object that is printed."""
    done = run(lab, host, sallyport, "reach", "--json", *options)
    assert done.stdout, done.stderr
    got = json.loads(done.stdout)
    assert got["exit_code"] == done.returncode
    return got


def available(got):
    return [each["protocol"] for each in got["protocols"] if each["available"]]


# The lab: the usual programs find the router and map ports at it.

def test_the_usual_programs_map_ports(real):
    by_nat_pmp = run(real, "server", network.PROGRAMS / "natpmpc", "-g", "192.168.77.1", "-a", "50001", "50001", "tcp", "120")
    assert "Public IP address : 5.9.1.1" in by_nat_pmp.stdout and by_nat_pmp.returncode == 0, by_nat_pmp
    by_upnp = run(real, "server", network.PROGRAMS / "upnpc", "-m", "lan", "-a", "192.168.77.10", "50002", "50002", "tcp", "120")
    assert "is redirected to internal 192.168.77.10:50002" in by_upnp.stdout, by_upnp
    assert mapped_ports(real) == {"50001": "192.168.77.10:50001", "50002": "192.168.77.10:50002"}
    run(real, "server", network.PROGRAMS / "natpmpc", "-g", "192.168.77.1", "-a", "50001", "50001", "tcp", "0")
    run(real, "server", network.PROGRAMS / "upnpc", "-m", "lan", "-d", "50002", "tcp")
    assert mapped_ports(real) == {}


# sallyport reach: what it finds in each network, and that it changes nothing.

def test_router_that_maps_ports(real, sallyport):
    got = reach(real, sallyport, *STUN)
    assert got["result"] == "mapped" and got["exit_code"] == 0
    assert available(got) == ["pcp", "natpmp", "upnp"]
    assert got["external_address"] == "5.9.1.1" and got["ports"] == "kept"
    assert got["router"] == "192.168.77.1" and got["own_address"] == "192.168.77.10" and got["interface"] == "lan"
    assert got["ipv6_address"] == "2a01:4f8:77::10"
    assert [(each["server"], each["transport"]) for each in got["stun"] if not each["error"]] == \
        [(server, transport) for server in ("5.9.1.2:3478", "5.9.1.3:3478") for transport in ("udp", "tcp")]
    assert mapped_ports(real) == {}, "nothing is changed"


def test_text_for_people(real, sallyport):
    done = run(real, "server", sallyport, "reach")
    assert done.returncode == 0
    assert "NAT-PMP:      available, external address 5.9.1.1\n" in done.stdout
    assert done.stdout.endswith("The router maps ports on request by PCP, NAT-PMP, UPnP; its external address is 5.9.1.1.\n"
                                "Start the daemon with --map.\n")


def test_public_address(real, sallyport):
    got = reach(real, sallyport, *STUN, host="client")
    assert got["result"] == "direct" and got["external_address"] == "5.9.1.10" and got["ports"] == "kept"


def test_no_default_route(real, sallyport):
    got = reach(real, sallyport, host="stun")
    assert got["result"] == "offline" and got["exit_code"] == 6


def test_ipv6_alone(networks, sallyport):
    """There is no NAT then, so it is not "offline"."""
    with built() as lab:
        assert run(lab, "server", "ip", "-4", "route", "del", "default").returncode == 0
        got = reach(lab, sallyport)
    assert got["result"] == "direct" and got["exit_code"] == 0 and got["external_address"] == "2a01:4f8:77::10"
    assert got["own_address"] is None and "no default route for IPv4" in got["finding"]


def test_an_address_for_documentation_is_not_public(networks, sallyport):
    with built() as lab:
        assert run(lab, "client", "ip", "address", "add", "192.0.2.10/24", "dev", "wan").returncode == 0
        assert run(lab, "client", "ip", "route", "replace", "default", "via", "5.9.1.1", "src", "192.0.2.10").returncode == 0
        got = reach(lab, sallyport, host="client")
    assert got["result"] == "forwarding-needed" and got["external_address"] is None and got["own_address"] == "192.0.2.10"
    assert "192.0.2.10, is an address for documentation" in got["finding"]


@pytest.mark.parametrize("name,why", [("nope", "there is no interface nope"), ("lo", "lo has no default route through a gateway")])
def test_an_interface_without_router_is_named(sallyport, name, why):
    done = subprocess.run([sallyport, "reach", "--map-interface", name, "--json"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and not done.stdout, done
    assert done.stderr.startswith(f"sallyport reach: --map-interface {name}: {why}; "), done


@pytest.mark.parametrize("protocol", ["pcp", "natpmp"])
def test_router_with_one_protocol(bare, sallyport, protocol):
    with ScriptedRouter("192.168.77.1", inside=on(bare, "router"), protocols=(protocol,)) as router:
        got = reach(bare, sallyport)
    assert got["result"] == "mapped" and available(got) == [protocol]
    assert got["external_address"] == ("5.9.1.1" if protocol == "natpmp" else None)
    assert not router.mappings


def test_router_with_upnp_alone(networks, sallyport):
    with built([miniupnpd(UPNP_ALONE)]) as lab:
        got = reach(lab, sallyport)
        assert got["result"] == "mapped" and available(got) == ["upnp"] and got["external_address"] == "5.9.1.1"


def test_router_that_refuses(bare, sallyport):
    got = reach(bare, sallyport)
    assert got["result"] == "forwarding-needed" and got["exit_code"] == 3 and got["external_address"] is None
    assert "192.168.77.10" in got["next_step"]
    assert {each["problem"] for each in got["protocols"][:2]} == {"port 5351 of the router is closed"}


def test_silent_router(networks, sallyport):
    with built([coturn("5.9.1.2", "5.9.1.3")], SILENCE) as lab:
        got = reach(lab, sallyport, *STUN)
        assert got["result"] == "forwarding-needed" and available(got) == []
        assert got["external_address"] == "5.9.1.1", "two servers agree"
        assert {each["problem"] for each in got["protocols"]} == {"no answer"}


def test_carrier_nat(networks, sallyport):
    """miniupnpd reports no address then: PCP result 8, NAT-PMP result 3, UPnP "not connected"."""
    with built([miniupnpd()], addresses={"wan": ("100.64.0.9/24", "5.9.1.1/24"), "lan": ("192.168.77.1/24",)}) as lab:
        got = reach(lab, sallyport)
        assert got["result"] == "nested-nat" and got["exit_code"] == 4
        assert got["external_address"] is None


@pytest.mark.parametrize("external,words", [("100.64.0.9", "an address of a carrier's NAT (100.64.0.0/10)"),
                                            ("192.168.0.2", "a private address")])
def test_router_with_a_useless_address(bare, sallyport, external, words):
    with ScriptedRouter("192.168.77.1", inside=on(bare, "router"), external_address=external):
        got = reach(bare, sallyport)
    assert got["result"] == "nested-nat" and got["exit_code"] == 4 and got["external_address"] is None
    assert words in got["finding"] and "2a01:4f8:77::10" in got["next_step"]


def test_another_nat_with_a_public_address(bare, sallyport):
    with ScriptedRouter("192.168.77.1", inside=on(bare, "router"), external_address="5.9.1.77"), stun_servers(bare, None, None):
        got = reach(bare, sallyport, *STUN)
    assert got["result"] == "nested-nat" and got["external_address"] == "5.9.1.1"
    assert "is 5.9.1.77, but hosts on the Internet see 5.9.1.1" in got["finding"]


def test_stun_server_that_lies(bare, sallyport):
    """A single answer never gives the address; another server settles it."""
    with ScriptedRouter("192.168.77.1", inside=on(bare, "router")), stun_servers(bare, ("6.6.6.6", 6666), None):
        alone = reach(bare, sallyport, *STUN[:2])
        both = reach(bare, sallyport, *STUN)
    assert alone["result"] == "contradictory" and alone["exit_code"] == 5 and alone["external_address"] is None
    assert both["result"] == "mapped" and both["external_address"] == "5.9.1.1"


def test_stun_servers_that_differ(bare, sallyport):
    with stun_servers(bare, ("6.6.6.6", 6666), None):
        got = reach(bare, sallyport, *STUN)
    assert got["result"] == "contradictory" and got["external_address"] is None
    assert "5.9.1.1 and 6.6.6.6" in got["finding"]


def test_nat_that_changes_ports(networks, sallyport):
    with built([miniupnpd(), coturn("5.9.1.2", "5.9.1.3")], RANDOM_PORTS) as lab:
        got = reach(lab, sallyport, *STUN)
        assert got["result"] == "mapped" and got["external_address"] == "5.9.1.1"
        assert got["ports"] == "changed-for-each-server"
