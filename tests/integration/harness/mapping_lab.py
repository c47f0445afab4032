"""The lab router-mapping, and variants of it, for tests: with other programs on the router, and with scripted ones."""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import network
from harness.daemon import Daemon, wait_until
from harness.patience import patient
from harness.scripted_stun import ScriptedStun
from scenarios import SCENARIOS
from scenarios.router_mapping import MINIUPNPD, miniupnpd

LAB = SCENARIOS["router-mapping"]
STUN = ("--stun", "5.9.1.2:3478", "--stun", "5.9.1.3")
# Without a daemon the router's kernel answers requests with ICMP port unreachable. This router drops them instead.
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
    scenario = LAB.with_host("router", rules=(*LAB.host("router").rules, rules), **changes)
    with network.Network(dataclasses.replace(scenario, programs=tuple(programs))) as lab:
        lab.start_programs()
        yield lab


@pytest.fixture(scope="module")
def bare(networks):
    """Without any daemon on the router."""
    with built() as lab:
        yield lab


@pytest.fixture(scope="module")
def real(networks):
    """With miniupnpd."""
    with built([miniupnpd()]) as lab:
        yield lab


class Router:
    """miniupnpd, which can be ended and started again."""

    def __init__(self, lab, config=MINIUPNPD):
        self.lab, self.folder, self.config = lab, lab.folder / "miniupnpd", config

    def start(self):
        self.lab.start_program(miniupnpd(self.config), self.folder)

    def stop(self):
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{pid}").exists() or network.zombie(pid), 5, "the end of miniupnpd")
        self.lab.apply("router", "".join(f"flush chain inet filter {chain}\n" for chain in
                                         ("miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd")))

    def forget(self):
        (self.folder / "leases").unlink()


@contextlib.contextmanager
def daemon(lab, sallyport, *arguments, host="server"):
    """A daemon of ours that has the time to end in good order."""
    made = Daemon([sallyport, *arguments], wrap=lambda argv: lab.command(host, *argv))
    try:
        yield made.wait_ready()
    finally:
        made.stop()


def on(lab, host):
    return lambda act: lab.inside(host, act)


def stun_servers(lab, *seen):
    """One at each of the two addresses that STUN names."""
    stack = contextlib.ExitStack()
    for address, endpoint in zip(("5.9.1.2", "5.9.1.3"), seen):
        stack.enter_context(ScriptedStun(address, seen=endpoint, inside=on(lab, "stun")))
    return stack


def run(lab, host, *command, **options):
    return subprocess.run(lab.command(host, *command), capture_output=True, text=True, timeout=patient(30), **options)


def mapped_ports(lab):
    """Of the real router: external port -> "address:port"."""
    rules = run(lab, "router", "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd").stdout
    return dict(re.findall(r"dport (\d+) .*dnat ip to ([\d.]+:\d+)", rules))
