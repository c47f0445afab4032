"""The labs themselves: each network permits the connections of its scenario, and no others (L)."""

import subprocess
import sys
import time

import pytest

import network
import picture
from scenarios import SCENARIOS

LISTEN = """
import socket, sys
s = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True: s.accept()[0].close()
"""
# A refusal counts as reached: the packet arrived. Silence and "no route" don't.
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
except ConnectionRefusedError:
    print("refused")
except OSError:
    print("silence")
else:
    print("reached")
"""


@pytest.fixture(scope="module", params=sorted(SCENARIOS))
def lab(networks, request):
    with network.Network(SCENARIOS[request.param]) as built:
        yield built


def test_facts(lab):
    listeners = []
    for at, port in {(fact.at, fact.port) for fact in lab.scenario.facts}:
        listeners.append(subprocess.Popen(lab.command(at, sys.executable, "-c", LISTEN, port), stdout=subprocess.PIPE))
    try:
        for listener in listeners:
            assert listener.stdout.readline() == b"ready\n"
        seen = {fact: subprocess.run(lab.command(fact.source, sys.executable, "-c", CONNECT, fact.address, fact.port,
                                                 5 if fact.reaches else 0.4), capture_output=True, text=True).stdout.strip()
                for fact in lab.scenario.facts}
        assert seen == {fact: "reached" if fact.reaches else "silence" for fact in lab.scenario.facts}
    finally:
        for listener in listeners:
            listener.kill()
            listener.communicate()


def test_picture_shows_every_host(lab):
    drawn = picture.draw(lab.scenario)
    for host in lab.scenario.hosts:
        assert host.name in drawn and host.address in drawn
    assert max(map(len, drawn.splitlines())) <= 100


def test_nothing_is_left(networks):
    with network.Network(SCENARIOS["client-nat"]) as built:
        sleeper = subprocess.Popen(built.command("client", "sleep", "1000"))
        assert network.namespaces(f"{network.PREFIX}-{built.id}")
        time.sleep(0.05)
    assert not network.namespaces(f"{network.PREFIX}-{built.id}")
    assert sleeper.wait(5) != 0


def test_a_broken_scenario_leaves_nothing(networks):
    bad = network.Scenario("bad", "t", "", (network.Segment("a"),),
                            (network.Host("h", {"a": "10.0.0.1/24"}, rules=("nonsense",)),))
    with pytest.raises(RuntimeError, match="nft"):
        network.Network(bad).up()
    assert not network.namespaces(f"{network.PREFIX}-bad")
