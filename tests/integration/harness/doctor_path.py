"""A path of five hops for the doctor: client, its NAT router, provider, backbone, the server's router, server; IPv4 and IPv6.

A fault is one nftables table on one host. Routers answer every expired packet, unless a test wants the kernel's limit.
"""

import contextlib
import json
import re
import subprocess

import pytest

from harness.daemon import Daemon
from network import Host, Network, Scenario, Segment, masquerade

CLIENT, SERVER, SERVER_IPV6 = "192.168.1.2", "17.254.3.4", "2001:db8:3::4"
PASSIVE = "50000-50009"
HOPS = ["client", "home", "provider", "backbone", "office", "server"]  # by their distance from the client
ADDRESSES = [CLIENT, "192.168.1.1", "17.254.0.1", "17.254.1.2", "17.254.2.2", SERVER]

UNLIMITED = {"ipv4/icmp_ratelimit": 0, "ipv6/icmp/ratelimit": 0}


def scenario(settings=UNLIMITED):
    def both(v4, v6):
        return (f"{v4}/24", f"{v6}/64")

    return Scenario(
        name="doctor-path", title="Five hops", rows="D1 D2",
        segments=(Segment("lan"), Segment("access"), Segment("transit"), Segment("far"), Segment("inside")),
        hosts=(
            Host("client", {"lan": both(CLIENT, "2001:db8:10::2")}, via=("192.168.1.1", "2001:db8:10::1")),
            Host("home", {"lan": both("192.168.1.1", "2001:db8:10::1"), "access": both("17.254.0.26", "2001:db8:a::26")},
                 via=("17.254.0.1", "2001:db8:a::1"), forwards=True, rules=(masquerade(out="access"),), settings=settings),
            Host("provider", {"access": both("17.254.0.1", "2001:db8:a::1"), "transit": both("17.254.1.1", "2001:db8:b::1")},
                 routes={"17.254.2.0/23": "17.254.1.2", "2001:db8:3::/64": "2001:db8:b::2", "2001:db8:c::/64": "2001:db8:b::2",
                         "2001:db8:10::/64": "2001:db8:a::26"}, forwards=True, settings=settings),
            Host("backbone", {"transit": both("17.254.1.2", "2001:db8:b::2"), "far": both("17.254.2.1", "2001:db8:c::1")},
                 routes={"17.254.0.0/24": "17.254.1.1", "17.254.3.0/24": "17.254.2.2", "2001:db8:3::/64": "2001:db8:c::2",
                         "2001:db8:a::/64": "2001:db8:b::1", "2001:db8:10::/64": "2001:db8:b::1"}, forwards=True, settings=settings),
            Host("office", {"far": both("17.254.2.2", "2001:db8:c::2"), "inside": both("17.254.3.1", "2001:db8:3::1")},
                 via=("17.254.2.1", "2001:db8:c::1"), forwards=True, settings=settings),
            Host("server", {"inside": both(SERVER, SERVER_IPV6)}, via=("17.254.3.1", "2001:db8:3::1")),
        ))


def fault(chain, verdict, ports=PASSIVE, back=False):
    """A table that does this to packets to the passive ports, or to the answers (`back`). `chain`: input, output, forward,
    entry (before the router decides)."""
    hook = {"entry": "prerouting priority raw"}.get(chain, f"{chain} priority filter")
    match = f"tcp sport {ports}" if back else f"tcp dport {ports}"
    return f"table inet fault {{\n  chain fault {{\n    type filter hook {hook}\n    {match} {verdict}\n  }}\n}}\n"


@pytest.fixture(scope="module")
def path(networks):
    """The network, for the tests of one module."""
    with Network(scenario()) as built:
        yield built


@contextlib.contextmanager
def serving(network, sallyport, folder, *options, at=SERVER, ports=PASSIVE):
    """A server of ours on the server's host, on port 21."""
    daemon = Daemon([sallyport, "serve", folder, "--listen", f"{at}:21", "--anonymous", "--passive-ports", ports,
                     "--control-socket", "none", *options], wrap=lambda argv: network.command("server", *argv))
    try:
        yield daemon.wait_ready()
    finally:
        daemon.stop()


class Doctor:
    """sallyport doctor on the client of that network."""

    def __init__(self, network, sallyport):
        self.network, self.sallyport = network, sallyport

    def __call__(self, url, *options):
        done = subprocess.run(self.network.command("client", self.sallyport, "doctor", url, "--json", *options),
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode in (0, 3, 4, 5, 7, 12, 20, 21), done.stderr
        return Report(json.loads(done.stdout), done.returncode)


class Report:
    def __init__(self, output, code):
        self.output, self.code = output, code

    @property
    def problems(self):
        return [v["id"] for v in self.output["verdict"] if v["severity"] == "problem"]

    @property
    def first(self):
        return self.output["verdict"][0]

    @property
    def methods(self):
        return {(m["method"], m["tls"]): m["result"] for m in self.output["methods"]}

    def verdict(self, id):
        return next(v for v in self.output["verdict"] if v["id"] == id)


class Fault:
    """with Fault(network, host, rules): ..."""

    def __init__(self, network, host, rules):
        self.network, self.host, self.rules = network, host, rules

    def __enter__(self):
        self.network.apply(self.host, self.rules)

    def __exit__(self, *_):
        names = set(re.findall(r"table (\w+ \w+) \{", self.rules))
        self.network.apply(self.host, "\n".join(f"delete table {name}" for name in names) + "\n")
