"""Daemons with --map in the lab router-mapping: the router forwards their ports, and 227 and 229 have its numbers (S3)."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from harness.daemon import wait_until
from harness.mapping_lab import Router, bare, built, daemon, mapped_ports, on, run  # noqa: F401
from harness.patience import patient
from harness.scripted_router import MAP, MAP_TCP, ScriptedRouter, changed, only_for_mappings, silent
from scenarios.router_mapping import UPNP_ALONE, miniupnpd

OUTSIDE = "5.9.1.1"
# Seconds without the router.
GONE = 300 if os.environ.get("SOAK") else 24


@pytest.fixture
def real(networks):
    """With miniupnpd, which is another one for each test: it keeps what earlier ones did."""
    with built([miniupnpd()]) as lab:
        yield lab


@pytest.fixture
def files(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files/hello").write_text("hello\n")
    return tmp_path / "files"


def serve(lab, sallyport, files, *arguments, host="server", listen="0.0.0.0:2121"):
    return daemon(lab, sallyport, "serve", files, "--anonymous", "--control-socket", files.parent / f"{host}.sock", "--listen", listen,
                  *arguments, host=host)


def status(sallyport, files, host="server"):
    done = subprocess.run([sallyport, "serve", "status", "--json", "--control-socket", files.parent / f"{host}.sock"], capture_output=True,
                          text=True, timeout=10)
    return json.loads(done.stdout)


def fetch(lab, host, port=2121, *options, address=OUTSIDE):
    """The file and curl's account of the session."""
    done = run(lab, host, "curl", "-sv", "--max-time", "10", *options, f"ftp://{address}:{port}/hello")
    return done.stdout, done.stderr


def forwarded(made, seconds=10):
    """Waits for the log line about what is mapped."""
    return wait_until(lambda: re.search(r"Router \S+ forwards (.*)", made.log()), seconds, "a mapping")[1]


@pytest.mark.parametrize("protocol", ["pcp", "natpmp", "upnp"])
def test_clients_outside_reach_the_server(real, sallyport, files, protocol):
    with serve(real, sallyport, files, f"--map={protocol}") as made:
        line = forwarded(made)
        assert line.startswith("5.9.1.1:2121 to port 2121, 5.9.1.1:30000-30007 to ports 30000-30007"), line
        for options in ((), ("--disable-epsv",)):
            text, account = fetch(real, "client", 2121, *options)
            assert text == "hello\n", account
        assert "227 Entering Passive Mode (5,9,1,1," in account
        assert len(mapped_ports(real)) == 9
        rows = status(sallyport, files)["port_mappings"]
        assert {row["by"] for row in rows} == {protocol} and rows[0]["external"] == "5.9.1.1:2121" and rows[0]["error"] is None
        assert 3500 < rows[0]["remaining_seconds"] <= 3600
    assert mapped_ports(real) == {}, "the end removes them"


def test_hosts_of_the_network_get_the_address_that_they_reached(real, sallyport, files):
    with serve(real, sallyport, files, "--map") as made:
        forwarded(made)
        for options in ((), ("--disable-epsv",)):
            text, account = fetch(real, "second-server", 2121, *options, address="192.168.77.10")
            assert text == "hello\n", account
        assert "227 Entering Passive Mode (192,168,77,10," in account


@pytest.mark.parametrize("option", ["--map", "--map=upnp"])
def test_two_servers_want_the_same_ports(real, sallyport, files, option):
    """The router gives the second one other numbers, which its replies have."""
    with serve(real, sallyport, files, option) as first, serve(real, sallyport, files, option, host="second-server") as second:
        forwarded(first)
        forwarded(second)
        wait_until(lambda: len(mapped_ports(real)) == 18)
        rows = [row for row in status(sallyport, files, "second-server")["port_mappings"]] + status(sallyport, files)["port_mappings"]
        external = [int(row["external"].rpartition(":")[2]) for row in rows]
        assert len(set(external)) == 18
        for port in (external[0], external[9]):
            for options in ((), ("--disable-epsv",)):
                text, account = fetch(real, "client", port, *options)
                assert text == "hello\n", account
    assert mapped_ports(real) == {}


def test_without_the_option_no_packet_leaves(networks, sallyport, files):
    """To no protocol of routers, over neither family."""
    counted = """
        table inet counted {
            chain arriving {
                type filter hook prerouting priority raw
                ip saddr 192.168.77.10 udp dport { 1900, 3478, 5350, 5351 } counter
                ip6 saddr 2a01:4f8:77::10 udp dport { 1900, 3478, 5350, 5351 } counter
            }
        }"""
    def questions(lab):
        return [int(count) for count in re.findall(r"counter packets (\d+)", run(lab, "router", "nft", "list", "table", "inet", "counted").stdout)]
    with built([miniupnpd()], counted) as lab:
        for options, asks in (((), False), (("--map",), True)):
            with serve(lab, sallyport, files, *options, listen="[::]:2121"):
                for address in ("192.168.77.10", "[2a01:4f8:77::10]"):
                    assert fetch(lab, "second-server", 2121, address=address)[0] == "hello\n"
                if asks:
                    wait_until(lambda: all(questions(lab)), 5, "questions of both families, which are counted")
            assert asks or questions(lab) == [0, 0]
        assert mapped_ports(lab) == {}


def test_a_silent_router_delays_nothing(bare, sallyport, files):
    with ScriptedRouter("192.168.77.1", row=silent, inside=on(bare, "router")):
        begin = time.monotonic()
        with serve(bare, sallyport, files, "--map=pcp,natpmp") as made:
            text, account = fetch(bare, "second-server", 2121, "--disable-epsv", address="192.168.77.10")
            assert text == "hello\n" and time.monotonic() - begin < patient(3), account
            wait_until(lambda: "forwards no ports (PCP: no answer; NAT-PMP: no answer)" in made.log(), 6)


@pytest.mark.limit(60 + GONE)
def test_a_router_that_is_gone(networks, sallyport, files):
    """For five minutes with SOAK=1: clients inside never notice, and the log has one line."""
    lifetime = GONE // 5 if os.environ.get("SOAK") else 10
    with built() as lab, ScriptedRouter("192.168.77.1", row=only_for_mappings(changed(lifetime=lifetime)), inside=on(lab, "router")), \
            serve(lab, sallyport, files, "--map") as made:
        forwarded(made)
        before = len(made.log())
        assert run(lab, "router", "ip", "link", "set", "lan", "down").returncode == 0
        end = time.monotonic() + GONE
        while time.monotonic() < end:
            for options in ((), ("--disable-epsv",)):
                begin = time.monotonic()
                text, account = fetch(lab, "second-server", 2121, *options, address="192.168.77.10")
                assert text == "hello\n" and time.monotonic() - begin < patient(2), account
            time.sleep(1)
        about = [line for line in made.log()[before:].splitlines() if re.search(r"router|UPnP|PCP|NAT-PMP", line, re.IGNORECASE)]
        assert len(about) == 1 and "forwards no ports" in about[0], about


def test_no_router_is_in_the_status(bare, sallyport, files):
    """This host has no default route."""
    with serve(bare, sallyport, files, "--map", host="stun") as made:
        rows = wait_until(lambda: status(sallyport, files, "stun")["port_mappings"], 5, "the ports")
        assert len(rows) == 9 and {row["external"] for row in rows} == {None}
        assert {row["error"] for row in rows} == {"No router to ask for port mappings: this machine has no default route through a gateway; "
                                                  "asking when there is one"}
        assert rows[0]["error"] in made.log()


def test_a_busy_router_is_asked_once(bare, sallyport, files):
    """A router that searches a port for a mapping answers nothing meanwhile, as miniupnpd -d does for half a minute when it denies all ports."""
    def mapping_requests():
        return [request for _, request, _ in router.requests if len(request) > 2 and request[1] in (MAP, MAP_TCP)]

    def busy_since_the_first_mapping(answer):
        return [] if mapping_requests() else [answer]

    with ScriptedRouter("192.168.77.1", row=busy_since_the_first_mapping, inside=on(bare, "router")) as router, \
            serve(bare, sallyport, files, "--map=pcp,natpmp"):
        wait_until(mapping_requests, 5, "the first request")
        begin = time.monotonic()
        assert fetch(bare, "second-server", 2121, "--disable-epsv", address="192.168.77.10")[0] == "hello\n"
        assert time.monotonic() - begin < patient(5), "the router is busy for longer"
        time.sleep(30 if os.environ.get("SOAK") else 4)
        assert len(mapping_requests()) == 1, router.requests


def test_gateway_with_one_port(real, sallyport, files):
    """One mapping carries the control connections and the data connections of a gateway."""
    with serve(real, sallyport, files, listen="127.0.0.1:2100"), \
         daemon(real, sallyport, "gate", "--listen", "0.0.0.0:2121", "--backend", "ftp://127.0.0.1:2100", "--single-port", "control", "--map",
                "--control-socket", "none") as made:
        assert forwarded(made).startswith("5.9.1.1:2121 to port 2121 (PCP)")
        for options in ((), ("--disable-epsv",)):
            text, account = fetch(real, "client", 2121, *options)
            assert text == "hello\n", account
        assert mapped_ports(real) == {"2121": "192.168.77.10:2121"}
    assert mapped_ports(real) == {}


def test_graceful_restart_keeps_the_mappings(real, sallyport, files):
    with serve(real, sallyport, files, "--map", "--stop-timeout", "2") as made:
        forwarded(made)
        before = mapped_ports(real)
        restarted = subprocess.run([sallyport, "serve", "restart", "--control-socket", files.parent / "server.sock"], capture_output=True,
                                   text=True, timeout=30)
        assert restarted.returncode == 0, restarted
        new = status(sallyport, files)["pid"]
        try:
            made.process.wait(10)
            wait_until(lambda: all(row["external"] for row in status(sallyport, files)["port_mappings"]))
            assert mapped_ports(real) == before
            assert fetch(real, "client")[0] == "hello\n"
        finally:
            os.kill(new, signal.SIGTERM)
        wait_until(lambda: mapped_ports(real) == {})


def test_up_says_what_it_got(real, sallyport, files):
    with daemon(real, sallyport, "up", files, "--map", "--writer", "me:secret", "--listen", "0.0.0.0:2121") as made:
        wait_until(lambda: "The router forwards 5.9.1.1:2121 to port 2121" in made.log())
        assert "; clients on the Internet connect there" in made.log()
        assert "and on the Internet" in next(line for line in made.log().splitlines() if line.startswith("Sharing"))
        assert fetch(real, "client")[0] == "", "not without an account"
        assert fetch(real, "client", 2121, "-u", "me:secret")[0] == "hello\n"
    assert mapped_ports(real) == {}


def opened(lab):
    """The ports that the router admits connections to over IPv6."""
    rules = run(lab, "router", "nft", "list", "chain", "inet", "filter", "miniupnpd").stdout
    return set(re.findall(r"dport (\d+) .*0x2a0104f8007700000000000000000010", rules))


@pytest.mark.parametrize("protocol,gateway", [("pcp", "global"), ("upnp", "global"), ("upnp", "link-local")])
def test_ipv6_ports_are_opened_used_and_closed(real, sallyport, files, protocol, gateway):
    """No address and no number changes, so replies are those without --map."""
    if gateway == "link-local":
        use_link_local_gateway(real)
    by = {"pcp": "PCP", "upnp": "UPnP"}[protocol]
    with serve(real, sallyport, files, f"--map={protocol}", listen="[::]:2121") as made:
        wait_until(lambda: f"admits connections to ports 2121, 30000-30007 of 2a01:4f8:77::10 ({by})" in made.log(), 10, "the open ports")
        assert len(opened(real)) == 9
        text, account = fetch(real, "client", 2121, address="[2a01:4f8:77::10]")
        assert text == "hello\n" and "229 Entering Extended Passive Mode (|||3000" in account, account
        forwarded(made)
        assert fetch(real, "client")[0] == "hello\n", "IPv4 works as well"
        rows = [row for row in status(sallyport, files)["port_mappings"] if row["external"].startswith("[2a01:4f8:77::10]:")]
        assert len(rows) == 9 and {row["family"] for row in rows} == {"ipv6"} and {row["by"] for row in rows} == {protocol}
    assert opened(real) == set() and mapped_ports(real) == {}
    assert fetch(real, "client", 2121, "--connect-timeout", "1", address="[2a01:4f8:77::10]")[0] == ""


def use_link_local_gateway(lab):
    """The default route has the router's link-local address, as that from router advertisements. The server's own may not be ready
    yet (RFC 4862 section 5.4)."""
    def link_local():
        found = re.search(r"inet6 (fe80::\S+)/64 scope link (?!tentative)", run(lab, "router", "ip", "-6", "address", "show", "dev", "lan").stdout)
        return found and found[1]
    router = wait_until(link_local, 5, "the router's link-local address")
    assert run(lab, "server", "ip", "-6", "route", "replace", "default", "via", router, "dev", "lan").returncode == 0


@pytest.mark.parametrize("gateway", ["global", "link-local"])
def test_upnp_opens_ipv6_ports_if_pcp_is_not_spoken(networks, sallyport, files, gateway):
    """And opens them again after a restart of the router, which its notifications show."""
    # This miniupnpd speaks PCP over IPv6 even without enable_natpmp.
    refused = """
        table inet without_pcp {
            chain input {
                type filter hook input priority filter
                udp dport 5351 reject
            }
        }"""
    with built(rules=refused) as lab:
        if gateway == "link-local":
            use_link_local_gateway(lab)
        router = Router(lab, UPNP_ALONE)
        router.start()
        with serve(lab, sallyport, files, "--map", listen="[::]:2121") as made:
            wait_until(lambda: "of 2a01:4f8:77::10 (UPnP)" in made.log(), 10, "the open ports")
            router.stop()
            router.forget()
            assert opened(lab) == set()
            router.start()
            wait_until(lambda: len(opened(lab)) == 9, 8, "the open ports after the restart")
            assert fetch(lab, "client", 2121, address="[2a01:4f8:77::10]")[0] == "hello\n"


def use_temporary_address(lab):
    """As in a network with router advertisements: a stable address, 2a01:4f8:77::20, and a temporary one that the kernel prefers
    (RFC 8981), which is returned."""
    for command in (("sysctl", "-q", "-w", "net.ipv6.conf.lan.use_tempaddr=2"),
                    ("ip", "address", "del", "2a01:4f8:77::10/64", "dev", "lan"),
                    ("ip", "address", "add", "2a01:4f8:77::20/64", "dev", "lan", "mngtmpaddr", "valid_lft", "7200", "preferred_lft", "3600")):
        assert run(lab, "server", *command).returncode == 0, command
    assert run(lab, "server", "ip", "-6", "route", "replace", "default", "via", "2a01:4f8:77::1").returncode == 0
    # Those that may be another host's are not named (RFC 4862 section 5.4).
    wait_until(lambda: run(lab, "server", "ip", "-6", "address", "show", "tentative").stdout == "", 10, "addresses that are ready")

    def chosen():
        found = re.search(r"src (2a01:\S+)", run(lab, "server", "ip", "-6", "route", "get", "2a01:4f8:1::10").stdout)
        return found and found[1] != "2a01:4f8:77::20" and found[1]
    return wait_until(chosen, 10, "a temporary address")


def test_no_temporary_address_is_named(networks, sallyport, files):
    with built([miniupnpd()]) as lab:
        temporary = use_temporary_address(lab)
        assert json.loads(run(lab, "server", sallyport, "reach", "--json").stdout)["ipv6_address"] == "2a01:4f8:77::20"
        with serve(lab, sallyport, files, "--map=pcp", listen="[::]:2121") as made:
            wait_until(lambda: "of 2a01:4f8:77::20 (PCP)" in made.log(), 10, "the open ports")
            assert fetch(lab, "client", 2121, address="[2a01:4f8:77::20]")[0] == "hello\n"
            assert temporary not in made.log()
            # The provider has assigned another network: connections to the deprecated address end soon.
            assert run(lab, "server", "ip", "address", "change", "2a01:4f8:77::20/64", "dev", "lan", "mngtmpaddr", "valid_lft", "7200",
                       "preferred_lft", "0").returncode == 0
            wait_until(lambda: "this interface has no permanent public one" in made.log(), 10, "the end of the address in the log")
            assert not [row for row in status(sallyport, files)["port_mappings"] if row["family"] == "ipv6"]
