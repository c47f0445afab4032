"""sallyport doctor in networks of one kind of fault each: an office that uses its own outside address, a balancer, a tunnel (D1 D2)."""

import contextlib
import subprocess
import sys

import pytest

from harness.daemon import Daemon
from harness.doctor_path import PASSIVE, Doctor, Fault, fault
from network import Host, Network, Scenario, Segment, masquerade

OUTSIDE, INSIDE, REMOTE, ROUTED = "17.254.0.26", "192.168.1.9", "17.254.0.91", "10.0.0.9"


@contextlib.contextmanager
def serving(network, host, sallyport, folder, listen, *options):
    daemon = Daemon([sallyport, "serve", folder, "--listen", f"{listen}:21", "--anonymous", "--control-socket", "none", *options],
                    wrap=lambda argv: network.command(host, *argv))
    try:
        yield daemon.wait_ready()
    finally:
        daemon.stop()


@pytest.fixture
def doctor(sallyport):
    return lambda network, url, *options: Doctor(network, sallyport)(url, *options)


# ---- An office: a client and a server behind one router, and other servers outside and in another network of the router

def forward_to_inside(ports_from_inside):
    """The router forwards its outside address to the server: from outside all ports, from inside these."""
    return f"""table ip publish {{
  chain prerouting {{
    type nat hook prerouting priority dstnat
    ip saddr 192.168.1.0/24 ip daddr {OUTSIDE} tcp dport {{ {ports_from_inside} }} dnat to {INSIDE}
    ip saddr != 192.168.1.0/24 ip daddr {OUTSIDE} tcp dport {{ 21, {PASSIVE} }} dnat to {INSIDE}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ip saddr 192.168.1.0/24 ip daddr {INSIDE} masquerade
  }}
}}
"""


@pytest.fixture(scope="module")
def office(networks):
    with Network(Scenario(
            name="doctor-office", title="An office", rows="D1 D2", segments=(Segment("lan"), Segment("wan"), Segment("dmz")),
            hosts=(Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
                   Host("router", {"lan": "192.168.1.1/24", "wan": f"{OUTSIDE}/24", "dmz": "10.0.0.1/24"}, forwards=True, rules=(masquerade(out="wan"),),
                        settings={"ipv4/icmp_ratelimit": 0}),
                   Host("server", {"lan": f"{INSIDE}/24"}, via="192.168.1.1"),
                   Host("routed", {"dmz": f"{ROUTED}/24"}, via="10.0.0.1"),
                   Host("remote", {"wan": f"{REMOTE}/24"})))) as built:
        yield built


@pytest.fixture(scope="module")
def published(office, sallyport, tmp_path_factory):
    with serving(office, "server", sallyport, tmp_path_factory.mktemp("office"), INSIDE, "--passive-ports", PASSIVE,
                 "--external-address", OUTSIDE) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def remote(office, sallyport, tmp_path_factory):
    with serving(office, "remote", sallyport, tmp_path_factory.mktemp("remote"), REMOTE, "--passive-ports", PASSIVE) as daemon:
        yield daemon


def test_hairpin(office, published, doctor):
    """Symptom 32: the router forwards only the control port from inside. A firewall of that router would look the same."""
    with Fault(office, "router", forward_to_inside("21")):
        report = doctor(office, f"ftp://{OUTSIDE}/", "--passive")
    assert report.code == 7 and report.problems == ["hairpin", "data-ports-refused"], report.output
    for id in report.problems:
        found = report.verdict(id)
        assert (found["confidence"], found["hop"]["first"], found["hop"]["last"]) == ("possible", 1, 1), report.output
    with Fault(office, "router", forward_to_inside(f"21, {PASSIVE}")):
        report = doctor(office, f"ftp://{OUTSIDE}/", "--passive")
    assert report.code == 0 and report.problems == [], report.output


def test_a_firewall_of_the_only_router_is_no_hairpin(office, remote, doctor):
    """D2: its forward chain rejects what would go on."""
    with Fault(office, "router", fault("forward", "reject with tcp reset")):
        report = doctor(office, f"ftp://{REMOTE}/", "--passive")
    assert report.code == 7 and report.problems == ["data-ports-refused"], report.output
    assert (report.first["side"], report.first["hop"]["first"], report.first["hop"]["last"]) == ("client", 1, 1), report.output
    report = doctor(office, f"ftp://{REMOTE}/", "--passive")
    assert report.code == 0 and report.problems == [], report.output


def test_right_address_that_the_client_ignores(office, sallyport, tmp_path, doctor):
    """Symptom 33: the router forwards only the control port of its outside address, and the 227 names the server's own address, which the
    client reaches."""
    rules = f"""table ip publish {{
  chain prerouting {{
    type nat hook prerouting priority dstnat
    ip daddr {OUTSIDE} tcp dport 21 dnat to {ROUTED}
  }}
}}
"""
    with serving(office, "routed", sallyport, tmp_path, ROUTED, "--passive-ports", PASSIVE), Fault(office, "router", rules):
        report = doctor(office, f"ftp://{OUTSIDE}/", "--data-methods", "pasv")
        assert report.first["id"] == "client-override" and report.first["confidence"] == "certain", report.output
        report = doctor(office, f"ftp://{OUTSIDE}/", "--data-methods", "pasv", "--passive-address", "follow")
        assert report.code == 0 and report.problems == [], report.output


TUNNEL = """
import socket, sys, threading
def copy(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)
with socket.create_server(("127.0.0.1", 2121)) as listening:
    print("ready", flush=True)
    while True:
        near = listening.accept()[0]
        far = socket.create_connection((sys.argv[1], 21))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=copy, args=pair, daemon=True).start()
"""


@pytest.fixture
def tunnel(office):
    """What ssh -L 2121:server:21 does."""
    process = subprocess.Popen(office.command("client", sys.executable, "-c", TUNNEL, REMOTE), stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield "ftp://127.0.0.1:2121/"
    process.kill()
    process.wait()
    process.stdout.close()


def test_tunnel_of_the_control_port_alone(office, remote, tunnel, doctor):
    """Symptom 34: the data ports are neither at this end of the tunnel, nor can they be reached past it."""
    with Fault(office, "router", fault("forward", "drop")):
        report = doctor(office, tunnel, "--passive")
    assert report.code == 7 and "only-control-tunnelled" in report.problems, report.output
    assert report.verdict("only-control-tunnelled")["side"] == "client-config", report.output
    # Past the tunnel, the data ports can be reached.
    report = doctor(office, tunnel, "--passive", "--data-methods", "pasv")
    assert "only-control-tunnelled" not in report.problems, report.output


# ---- A balancer in front of two servers

VIRTUAL, MANY = "17.254.0.90", "50000-50999"


def balance(by):
    return f"""table ip balance {{
  chain prerouting {{
    type nat hook prerouting priority dstnat
    ip daddr {VIRTUAL} tcp dport {{ 21, {MANY} }} dnat to {by} map {{ 0 : 10.0.0.11, 1 : 10.0.0.12 }}
  }}
}}
"""


@pytest.fixture(scope="module")
def farm(networks, sallyport, tmp_path_factory):
    nodes = {"one": "10.0.0.11", "two": "10.0.0.12"}
    with Network(Scenario(
            name="doctor-farm", title="A balancer", rows="D1 D2", segments=(Segment("internet"), Segment("inside")),
            hosts=(Host("client", {"internet": "17.254.0.10/24"}),
                   Host("balancer", {"internet": f"{VIRTUAL}/24", "inside": "10.0.0.1/24"}, forwards=True, settings={"ipv4/icmp_ratelimit": 0}),
                   *(Host(name, {"inside": f"{address}/24"}, via="10.0.0.1") for name, address in nodes.items())))) as built, \
         contextlib.ExitStack() as daemons:
        for name, address in nodes.items():
            daemons.enter_context(serving(built, name, sallyport, tmp_path_factory.mktemp(name), address, "--passive-ports", MANY,
                                          "--external-address", VIRTUAL))
        yield built


def test_balancer_without_affinity(farm, doctor):
    """Symptom 24: data connections go to either server, whatever their port."""
    with Fault(farm, "balancer", balance("numgen random mod 2")):
        report = doctor(farm, f"ftp://{VIRTUAL}/", "--passive", "--rounds", "24")
    assert report.code in (7, 20) and "fails-by-chance" in report.problems, report.output
    assert report.verdict("fails-by-chance")["side"] == "server", report.output
    with Fault(farm, "balancer", balance("jhash ip saddr mod 2")):
        report = doctor(farm, f"ftp://{VIRTUAL}/", "--passive", "--rounds", "24")
    assert report.code == 0 and report.problems == [], report.output
