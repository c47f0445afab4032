"""sallyport doctor in a path of five hops: cause, side and hop of what is broken, and no alarm where nothing is (D1 D2 C6)."""

import json
import os
import subprocess
import time

import pytest

import network
from harness import doctor_path
from harness.daemon import Daemon
from harness.doctor_path import ADDRESSES, HOPS, PASSIVE, SERVER, SERVER_IPV6, Doctor, Fault, fault, path  # noqa: F401
from harness.patience import patient


@pytest.fixture(scope="module")
def serve(path, sallyport, certificate, tmp_path_factory):
    """A server of ours on the server's host, on ports 21 and 2121, with explicit TLS."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "file").write_text("content")
    with doctor_path.serving(path, sallyport, folder, "--listen", f"[{SERVER_IPV6}]:21", "--listen", f"{SERVER}:2121", "--tls-cert", certificate.cert,
                             "--tls-key", certificate.key) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def doctor(path, serve, sallyport):
    return Doctor(path, sallyport)


@pytest.mark.parametrize("url,options", [(f"ftp://{SERVER}/", ()), (f"ftpes://{SERVER}/", ("--insecure",)),
                                         (f"ftp://[{SERVER_IPV6}]/", ())])
def test_healthy(doctor, url, options):
    """Active mode fails at the NAT router, which is no problem while passive mode works."""
    report = doctor(url, *options)
    assert report.code == 0 and report.output["result"] == "healthy" and report.problems == [], report.output


in_soak = pytest.mark.skipif("SOAK" not in os.environ, reason="make soak runs it")
DROP, RESET, ICMP = "drop", "reject with tcp reset", "reject with icmpx admin-prohibited"
# Host, chain, what it does; side, first and last hop of the verdict.
MOVES = [
    ("client", "output", DROP, "client", 0, 1), ("home", "forward", DROP, "client", 1, 2), ("provider", "forward", DROP, "between", 2, 3),
    ("backbone", "entry", DROP, "between", 2, 3), ("office", "entry", DROP, "server", 3, 4), ("office", "forward", DROP, "undecided", 4, 5),
    ("server", "input", DROP, "undecided", 4, 5),
    ("home", "forward", RESET, "client", 1, 1), ("provider", "forward", RESET, "between", 2, 2), ("office", "forward", RESET, "server", 4, 4),
    ("server", "input", RESET, "server", 5, 5),
    ("home", "forward", ICMP, "client", 1, 1), ("backbone", "forward", ICMP, "between", 3, 3), ("server", "input", ICMP, "server", 5, 5),
]
IDS = {DROP: "data-ports-dropped", RESET: "data-ports-refused", ICMP: "data-ports-rejected"}


@pytest.mark.parametrize("host,chain,what,side,first,last", MOVES)
def test_the_hop_follows_the_fault(path, doctor, host, chain, what, side, first, last):
    """D2, symptom 5: host, router, provider, router, host; drop, RST, ICMP; forward and entry."""
    with Fault(path, host, fault(chain, what)):
        report = doctor(f"ftp://{SERVER}/", "--passive")
    assert report.code == 7 and report.first["id"] == IDS[what], report.output
    hop = report.first["hop"]
    assert (report.first["side"], hop["first"], hop["last"]) == (side, first, last), report.output


def test_an_answer_lost_on_its_way_back_accuses_neither_side(path, doctor):
    """A filter of the client's router without state: from the client it looks like a firewall of the server."""
    with Fault(path, "home", fault("forward", DROP, back=True)):
        report = doctor(f"ftp://{SERVER}/", "--passive")
    assert report.first["side"] == "undecided" and report.first["confidence"] != "certain", report.output


@pytest.mark.parametrize("host,what,side,first", [("home", DROP, "client", 1), ("provider", DROP, "between", 2),
                                                  ("provider", RESET, "between", 2), ("backbone", ICMP, "between", 3)])
def test_ipv6(path, doctor, host, what, side, first):
    with Fault(path, host, fault("forward", what)):
        report = doctor(f"ftp://[{SERVER_IPV6}]/", "--passive")
    assert report.first["id"] == IDS[what], report.output
    assert (report.first["side"], report.first["hop"]["first"]) == (side, first), report.output


HELPER = f"""table ip helper {{
  ct helper ftp {{ type "ftp" protocol tcp; }}
  chain assign {{
    type filter hook prerouting priority filter
    tcp dport 21 ct helper set "ftp"
  }}
  chain forward {{
    type filter hook forward priority filter
    ct state established,related accept
    tcp dport {PASSIVE} drop
  }}
}}
"""


@pytest.mark.parametrize("host,hop,side", [("home", 1, "client"), ("provider", 2, "between")])
def test_helper_that_tls_makes_blind(path, doctor, host, hop, side):
    """Symptom 10 (D6): the firewall opens what its FTP helper reads. The helper is found without login, by half a PORT command."""
    with Fault(path, host, HELPER):
        plain = doctor(f"ftp://{SERVER}/", "--passive")
        report = doctor(f"ftpes://{SERVER}/", "--passive", "--insecure", "--also-plain")
    assert plain.code == 0 and plain.problems == [], plain.output
    assert report.code == 20 and report.problems == ["helper-blind"], report.output
    found = report.first
    assert (found["side"], found["hop"]["first"]) == (side, hop), report.output


@pytest.mark.parametrize("host,hop,side", [("home", 1, "client"), ("provider", 2, "between")])
def test_helper_that_follows_another_port(path, doctor, host, hop, side):
    """Symptom 20: a server on another port than the helper of the firewall expects; and one that it follows too."""
    with Fault(path, host, HELPER):
        report = doctor(f"ftp://{SERVER}:2121/", "--passive")
    assert report.code == 7 and report.problems == ["helper-other-port"], report.output
    assert (report.first["side"], report.first["hop"]["first"]) == (side, hop), report.output
    with Fault(path, host, HELPER.replace("dport 21 ", "dport { 21, 2121 } ")):
        report = doctor(f"ftp://{SERVER}:2121/", "--passive")
    assert report.code == 0 and report.problems == [], report.output


def test_private_address_in_port(path, doctor):
    """Symptom 16: the router of the client translates no PORT, and does so with a helper."""
    report = doctor(f"ftp://{SERVER}/", "--data-methods", "port")
    assert report.code == 7 and report.problems == ["active-private-address"], report.output
    with Fault(path, "home", HELPER):
        report = doctor(f"ftp://{SERVER}/", "--data-methods", "port")
    assert report.code == 0 and report.problems == [], report.output


def test_active_mode_that_a_firewall_drops(path, doctor):
    """Symptom 17: without NAT, so that the server accepts the command."""
    url = f"ftp://[{SERVER_IPV6}]/"
    with Fault(path, "home", fault("forward", f"ip6 saddr {SERVER_IPV6} ct state new drop", ports="1024-65535")):
        report = doctor(url, "--data-methods", "eprt")
    assert report.code == 7 and report.problems == ["active-blocked"], report.output
    report = doctor(url, "--data-methods", "eprt")
    assert report.code == 0 and report.problems == [], report.output


@pytest.fixture
def intercepting(path, sallyport):
    """A gateway on the client's router, which ends the control connections that cross it."""
    daemon = Daemon([sallyport, "gate", "--intercept", "lan", "--data-timeout", "2", "--control-socket", "none"],
                    wrap=lambda argv: path.command("home", *argv))
    yield daemon.wait_ready()
    daemon.stop()


@pytest.mark.usefixtures("serve", "intercepting")
def test_proxy_that_ends_the_control_connection(path, doctor):
    """Probe 3: the control port opens at the router, and the path goes on."""
    report = doctor(f"ftp://{SERVER}/", "--passive", "--trace")
    proxy = report.verdict("control-intercepted")
    assert (report.code, proxy["severity"], proxy["side"], proxy["hop"]["first"], proxy["hop"]["last"]) == (0, "note", "client", 1, 1), report.output
    assert [hop["address"] for hop in report.output["path"]] == ADDRESSES[1:], report.output
    with Fault(path, "office", fault("forward", DROP)):
        report = doctor(f"ftp://{SERVER}/", "--passive", "--trace")
    assert report.verdict("control-intercepted")["hop"]["first"] == 1 and report.code == 7, report.output
    assert not [v for v in report.output["verdict"] if v["hop"] and v["id"].startswith("data-ports") and v["hop"]["last"] < 4], report.output


TRANSLATED = "64:ff9b::c000:221"


@pytest.fixture(scope="module")
def translated(path):
    """An address of the server as a client with IPv6 only sees it through NAT64."""
    network.run(*path.command("server", "ip", "address", "add", f"{TRANSLATED}/128", "dev", "lo"))


@pytest.mark.parametrize("options,code,causes", [(["--no-passive"], 7, ["nat64-without-epsv"]), ([], 0, [])])
def test_server_without_epsv_through_nat64(path, translated, sallyport, tmp_path, options, code, causes):
    """Symptom 15: a translator changes no replies, so the client sees those of the server."""
    daemon = Daemon([sallyport, "serve", tmp_path, "--listen", f"[{TRANSLATED}]:21", "--anonymous", "--control-socket", "none", *options],
                    wrap=lambda argv: path.command("server", *argv)).wait_ready()
    done = subprocess.run(path.command("server", sallyport, "doctor", f"ftp://[{TRANSLATED}]/", "--passive", "--json"),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    daemon.stop()
    report = json.loads(done.stdout)
    assert done.returncode == code and [v["id"] for v in report["verdict"]] == causes, done.stdout + done.stderr


def test_epsv_filter(path, doctor):
    """Symptom 12: a device drops the packet with EPSV, so that TCP does not acknowledge it."""
    with Fault(path, "provider", fault("forward", "@th,256,32 0x45505356 drop", ports="21")):
        report = doctor(f"ftp://{SERVER}/", "--passive")
    found = report.verdict("epsv-dropped")
    assert report.code == 20 and found["confidence"] == "likely" and found["side"] == "undecided", report.output


def test_part_of_the_range(path, doctor):
    """Symptom 6: ports by their result, those that fail tried twice."""
    with Fault(path, "office", fault("forward", "reject with tcp reset", ports="50005-50009")):
        report = doctor(f"ftp://{SERVER}/", "--passive", "--rounds", "40")
    assert "some-ports-blocked" in report.problems, report.output
    assert "fail" in report.verdict("some-ports-blocked")["evidence"][0], report.output


def test_hops_that_never_answer(path, doctor):
    """They are no suspects: the verdict spans the gap."""
    rules = "table inet mute {\n  chain mute {\n    type filter hook output priority filter\n    meta l4proto { icmp, ipv6-icmp } drop\n  }\n}\n"
    with Fault(path, "provider", rules), Fault(path, "provider", fault("forward", DROP)):
        report = doctor(f"ftp://{SERVER}/", "--passive")
    assert (report.first["hop"]["first"], report.first["hop"]["last"]) == (1, 3), report.output


def test_trace_of_a_healthy_path(doctor):
    report = doctor(f"ftp://{SERVER}/", "--passive", "--trace")
    assert report.code == 0 and report.output["verdict"] == [], report.output
    assert [row["address"] for row in report.output["path"]] == ADDRESSES[1:]
    assert [row["data"] for row in report.output["path"]] == ["expired"] * 4 + ["opened"], report.output


@pytest.mark.parametrize("rest,id,confidence", [("", "data-ports-refused", "certain"),
                                                (fault("input", DROP), "data-ports-dropped", "likely")])
def test_ports_that_the_servers_router_does_not_forward(path, doctor, rest, id, confidence):
    """Symptom 5: the router refuses or drops them itself, at the address that the client connects to, one hop nearer than the server."""
    with Fault(path, "office", network.port_forward("far", "21", SERVER) + "\n" + rest):
        report = doctor("ftp://17.254.2.2/", "--data-methods", "epsv")
    found = report.verdict(id)
    assert (found["side"], found["confidence"], found["hop"]["last"]) == ("server", confidence, 4), report.output


def test_limit_of_icmp_messages(networks, sallyport, tmp_path):
    """With the kernel's own limit, run after run: no hop is accused because it answers too little."""
    (tmp_path / "files").mkdir()
    with network.Network(doctor_path.scenario(settings={})) as built, doctor_path.serving(built, sallyport, tmp_path / "files"), \
            Fault(built, "provider", fault("forward", DROP)):
        for _ in range(4):
            hop = Doctor(built, sallyport)(f"ftp://{SERVER}/", "--passive").first["hop"]
            assert hop is None or hop["first"] <= 2 <= hop["last"] or hop["first"] <= 3 <= hop["last"], hop


def test_idle_timeout(path, doctor):
    """Symptom 28 (D5): the router that drops the state of idle connections, and the keepalive that prevents it."""
    for name, value in network.forget_after(5).items():
        network.run(*path.command("home", "sh", "-c", f"echo {value} >/proc/sys/net/{name}"))
    with Fault(path, "home", network.forget_idle()):
        report = doctor(f"ftp://{SERVER}/", "--data-methods", "epsv", "--idle", "8s")
    found = report.verdict("idle-timeout")
    assert (report.code, found["side"], found["hop"]["first"]) == (20, "client", 1), report.output
    evidence = "\n".join(found["evidence"])
    assert "idle for 2 s: alive" in evidence and "idle for 8 s: no answer" in evidence, evidence
    assert "keepalive for 8 s: alive" in evidence and "NOOP for 8 s: alive" in evidence, evidence


@pytest.mark.alone
def test_time(path, doctor):
    """Healthy within 2 s, and blocked within 8 s, active mode included. Twice that here: the machine may be busy."""
    started = time.monotonic()
    assert doctor(f"ftpes://{SERVER}/", "--insecure").code == 0
    healthy = time.monotonic() - started
    with Fault(path, "home", fault("forward", DROP)):
        started = time.monotonic()
        assert doctor(f"ftpes://{SERVER}/", "--insecure").code == 7
        blocked = time.monotonic() - started
    print(f"healthy {healthy:.1f} s, blocked {blocked:.1f} s")
    assert healthy < patient(4) and blocked < patient(16), (healthy, blocked)


@in_soak
@pytest.mark.parametrize("url,tls", [(f"ftp://{SERVER}/", False), (f"ftp://[{SERVER_IPV6}]/", False), (f"ftpes://{SERVER}/", True)])
@pytest.mark.parametrize("what", IDS)
@pytest.mark.parametrize("chain", ["forward", "entry"])
@pytest.mark.parametrize("place", [1, 2, 3, 4, 5])
def test_each_place(path, doctor, place, chain, what, url, tls):
    """The product: the device is always among the hops of the verdict, and certain never names another one."""
    if chain == "entry" and what != DROP:
        pytest.skip("reject has no place there")
    host = HOPS[place]
    with Fault(path, host, fault("input" if host == "server" and chain == "forward" else chain, what)):
        report = doctor(url, "--passive", *(["--insecure"] if tls else []))
    hop = report.verdict(IDS[what])["hop"]
    assert hop["first"] <= place <= hop["last"], report.output
