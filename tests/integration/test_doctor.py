"""sallyport doctor in a path of five hops: cause, side and hop of what is broken, and no alarm where nothing is (D1 D2 C6)."""

import pytest

import network
from harness import doctor_path
from harness.daemon import Daemon
from harness.doctor_path import ADDRESSES, ADDRESSES_IPV6, HOPS, PASSIVE, SERVER, SERVER_IPV6, Doctor, Fault, fault


@pytest.fixture(scope="module")
def path(networks, tmp_path_factory):
    with network.Network(doctor_path.scenario()) as built:
        yield built


@pytest.fixture(scope="module")
def serve(path, sallyport, certificate, tmp_path_factory):
    """serve("--listen", ...): a server of ours on the server's host, on port 21 and with implicit TLS on 990."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "file").write_text("content")
    daemon = Daemon([sallyport, "serve", folder, "--listen", f"{SERVER}:21", "--listen", f"[{SERVER_IPV6}]:21",
                                 "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--anonymous",
                                 "--passive-ports", PASSIVE, "--control-socket", "none"],
                    wrap=lambda argv: path.command("server", *argv))
    daemon.wait_ready()
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module")
def doctor(path, serve, sallyport):
    return Doctor(path, sallyport)


@pytest.mark.parametrize("url,options", [(f"ftp://{SERVER}/", ()), (f"ftpes://{SERVER}/", ("--insecure",)),
                                         (f"ftp://[{SERVER_IPV6}]/", ())])
def test_healthy(doctor, url, options):
    """Active mode fails at the NAT router, which is no problem while passive mode works."""
    report = doctor(url, *options)
    assert report.code == 0 and report.output["result"] == "healthy" and report.problems == [], report.output


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
