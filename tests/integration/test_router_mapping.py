"""Port mappings at a router, in the lab router-mapping and in variants of it (S3 C2 D2)."""

import re
import subprocess

import pytest

import network
from scenarios import SCENARIOS

LAB = SCENARIOS["router-mapping"]

@pytest.fixture(scope="module")
def real(networks):
    """With miniupnpd and coturn."""
    with network.Network(LAB) as lab:
        lab.start_programs()
        yield lab


def run(lab, host, *command, **options):
    return subprocess.run(lab.command(host, *command), capture_output=True, text=True, timeout=30, **options)


def mapped_ports(lab):
    """Of the real router: external port -> "address:port"."""
    rules = run(lab, "router", "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd").stdout
    return dict(re.findall(r"dport (\d+) .*dnat ip to ([\d.]+:\d+)", rules))


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
