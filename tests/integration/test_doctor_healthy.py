"""Healthy networks and servers that look like broken ones: no alarm, whatever the doctor is asked to measure (D1 D2).

Each once, and 100 times with SOAK=1 (make soak).
"""

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from harness import doctor_path
from harness.doctor_path import PASSIVE, SERVER, SERVER_IPV6, Doctor, Fault, path, serving  # noqa: F401: a fixture
from harness.scripted_server import ScriptedServer
from network import Host, Network, Scenario, Segment, masquerade

RUNS = 100 if os.environ.get("SOAK") else 4
AT_ONCE = 4
SERVERS = (f"ftp://{SERVER}/", f"ftpes://{SERVER}/", f"ftp://[{SERVER_IPV6}]/")
MEASUREMENTS = ((), ("--trace",), ("--rounds", "5"), ("--passive", "--trace", "--rounds", "3"))

pytestmark = [pytest.mark.limit(900)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("healthy")
    (folder / "file").write_bytes(b"x" * (4 << 20))
    return folder


@pytest.fixture(scope="module")
def tls(certificate):
    return ("--listen", f"[{SERVER_IPV6}]:21", "--tls-cert", certificate.cert, "--tls-key", certificate.key)


def check_all(doctor, urls, measurements=MEASUREMENTS, at_once=AT_ONCE, runs=RUNS):
    def one(number):
        url = urls[number % len(urls)]
        return doctor(url, "--insecure", *measurements[number // len(urls) % len(measurements)])

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for report in pool.map(one, range(runs)):
            assert report.code == 0 and report.output["result"] == "healthy" and report.problems == [], report.output


@contextlib.contextmanager
def downloads(network, url, count=3):
    """Clients that download the same file again and again."""
    loop = f"while :; do curl -s -o /dev/null --disable-epsv {url}file; done"
    running = [subprocess.Popen(network.command("client", "sh", "-c", loop), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
               for _ in range(count)]
    try:
        yield
    finally:
        for each in running:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()


NO_ICMP = "table inet mute {\n  chain mute {\n    type filter hook output priority filter\n    icmp type { time-exceeded, destination-unreachable } drop\n" \
          "    icmpv6 type { time-exceeded, destination-unreachable } drop\n  }\n}\n"
ROUTERS = ("home", "provider", "backbone", "office")


def test_under_load(path, sallyport, files, tls):  # noqa: F811
    with serving(path, sallyport, files, *tls, ports="50000-50099"), downloads(path, SERVERS[0]):
        check_all(Doctor(path, sallyport), SERVERS)


def test_routers_that_send_no_icmp(path, sallyport, files, tls):  # noqa: F811
    with serving(path, sallyport, files, *tls), contextlib.ExitStack() as muted:
        for router in ROUTERS:
            muted.enter_context(Fault(path, router, NO_ICMP))
        check_all(Doctor(path, sallyport), SERVERS)


def test_routers_that_limit_icmp(networks, sallyport, files, tls):
    """With the kernel's own limit, which runs at the same time use up."""
    with Network(doctor_path.scenario(settings={})) as built, serving(built, sallyport, files, *tls):
        check_all(Doctor(built, sallyport), SERVERS)


def test_two_sessions_for_each_address(path, sallyport, files, tls):  # noqa: F811
    """The doctor's own third session would be refused."""
    with serving(path, sallyport, files, "--max-sessions-per-address", "2", *tls):
        check_all(Doctor(path, sallyport), SERVERS, at_once=1, runs=max(4, RUNS // 4))


def test_session_reuse_that_is_demanded(path, sallyport, files, tls):  # noqa: F811
    with serving(path, sallyport, files, "--tls-reuse", "require", *tls):
        check_all(Doctor(path, sallyport), SERVERS[1:2])


def test_a_private_address_that_is_right(networks, sallyport, files):
    """Symptoms 1 and 33: a client in the company's network uses the outside address, and the 227 names the inside one: both work."""
    outside, inside = "17.254.0.26", "10.0.0.9"
    forward = f"table ip publish {{\n  chain prerouting {{\n    type nat hook prerouting priority dstnat\n    ip daddr {outside} tcp dport {{ 21, {PASSIVE} }} dnat to {inside}\n  }}\n}}\n"
    with Network(Scenario(
            name="doctor-private", title="An office with a server", rows="D1 D2", segments=(Segment("lan"), Segment("wan"), Segment("dmz")),
            hosts=(Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
                   Host("router", {"lan": "192.168.1.1/24", "wan": f"{outside}/24", "dmz": "10.0.0.1/24"}, forwards=True,
                        rules=(masquerade(out="wan"), forward), settings={"ipv4/icmp_ratelimit": 0}),
                   Host("server", {"dmz": f"{inside}/24"}, via="10.0.0.1")))) as built, \
         serving(built, sallyport, files, at=inside):
        for rule in ((), ("--passive-address", "follow")):
            check_all(lambda url, *more, rule=rule: Doctor(built, sallyport)(url, *more, *rule), [f"ftp://{outside}/"],
                      measurements=[("--passive",), ("--passive", "--rounds", "5")], runs=RUNS // 2)


def test_servers_that_are_slow(sallyport):
    """Each reply takes a second, and that of EPSV and PASV longer than the doctor waits at first: slow is not stalled."""
    def wait(session, verb):
        time.sleep(2.5 if verb in ("EPSV", "PASV") else 1)

    slow = ScriptedServer({}, {"/": b"-rw-r--r-- 1 o g 5 Jan 1 2026 file\r\n"})
    slow.refuse = wait

    def one(_):
        done = subprocess.run([sallyport, "doctor", slow.url(""), "--passive", "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        return done.returncode, json.loads(done.stdout)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for code, report in pool.map(one, range(RUNS // 2)):
            assert code == 0 and report["result"] == "healthy" and report["verdict"] == [], report
    slow.close()
