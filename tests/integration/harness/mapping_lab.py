"""The lab router-mapping, and variants of it, for tests: with other programs on the router, and with scripted ones."""

import contextlib
import dataclasses
import re
import subprocess

import network
from harness.scripted_stun import ScriptedStun
from scenarios import SCENARIOS

LAB = SCENARIOS["router-mapping"]
STUN = ("--stun", "5.9.1.2:3478", "--stun", "5.9.1.3")
# What a router does that has no daemon: the kernel refuses questions. These are dropped instead.
SILENCE = """
table inet silence {
    chain input {
        type filter hook input priority filter
        iifname "lan" udp dport { 1900, 5351 } drop
    }
}"""
RANDOM_PORTS = """
table ip random_ports {
    chain postrouting {
        type nat hook postrouting priority srcnat - 10
        oifname "wan" masquerade fully-random
    }
}"""


@contextlib.contextmanager
def built(programs=(), rules="", **changes):
    """The lab with these programs, more rules on its router, and changes of the router's host."""
    hosts = tuple(dataclasses.replace(host, rules=(*host.rules, rules), **changes) if host.name == "router" else host for host in LAB.hosts)
    with network.Network(dataclasses.replace(LAB, hosts=hosts, programs=tuple(programs))) as lab:
        lab.start_programs()
        yield lab


def on(lab, host):
    return lambda act: lab.inside(host, act)


def stun_servers(lab, *seen):
    """One at each of the two addresses that STUN names."""
    stack = contextlib.ExitStack()
    for address, endpoint in zip(("5.9.1.2", "5.9.1.3"), seen):
        stack.enter_context(ScriptedStun(address, seen=endpoint, inside=on(lab, "stun")))
    return stack


def run(lab, host, *command, **options):
    return subprocess.run(lab.command(host, *command), capture_output=True, text=True, timeout=30, **options)


def mapped_ports(lab):
    """Of the real router: external port -> "address:port"."""
    rules = run(lab, "router", "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd").stdout
    return dict(re.findall(r"dport (\d+) .*dnat ip to ([\d.]+:\d+)", rules))
