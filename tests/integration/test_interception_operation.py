"""Operation of a gateway on a router (gate --intercept): reload, restart, rights, limits, and what other programs have on the same machine
(G2 G6 G12, GW-09)."""

import json
import os
import pwd
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

import network
from harness.daemon import wait_until
from harness.openings import expectations, tables, unused_openings
from harness.raw import drain
from test_interception import CLIENT, FIREWALL, OUTSIDE, SERVER, WAIT, active_transfer, own_certificate, site  # noqa: F401  (a fixture)

NET_ADMIN = 1 << 12
BIG = 16 << 20  # more than the buffers of a connection whose client does not read


def ask(site, *command, check=True):
    """What a command says about the running gateway."""
    socket_path = site.folder.parent / "gate.sock"
    return subprocess.run([site.sallyport, "gate", "--control-socket", socket_path, *command], capture_output=True, text=True, check=check,
                          timeout=30).stdout


def watched(site, *options, **how):
    return site("--control-socket", how.pop("folder") / "gate.sock", *options, **how)


def test_a_reload_has_new_certificates_and_keeps_sessions(site, sallyport, tmp_path):  # noqa: F811
    """S8: also by the process that has given up its rights."""
    pem, first = own_certificate(sallyport, tmp_path, "held.example")
    site = watched(site, "--intercept", "lan?tls=end", "--tls-cert", pem, "--backend-insecure", "--sandbox", "auto", folder=tmp_path)

    def begin():
        raw = site.raw()
        raw.greet()
        raw.start_tls("held.example")
        raw.expect("USER writer", 331)
        raw.expect("PASS lab", 230)
        return raw

    with begin() as old:
        assert old.socket.getpeercert(binary_form=True) == first
        (tmp_path / "second").mkdir()
        renewed, second = own_certificate(sallyport, tmp_path / "second", "held.example")
        pem.write_bytes(renewed.read_bytes())
        site.gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "New certificate" in site.gate.log(), what="the new certificate")
        ask(site, "reload")
        with begin() as new:
            assert new.socket.getpeercert(binary_form=True) == second != first
        old.expect("NOOP", 200)
    assert site.curl() == "content" and "path kernel, complete" in site.gate.log()


def test_a_graceful_restart_takes_new_sessions_and_keeps_the_old_ones(site, tmp_path):  # noqa: F811
    """G6: each process has its own table and helper until its sessions have ended."""
    site = watched(site, "--intercept", "lan", "--sandbox", "auto", folder=tmp_path)
    (site.folder / "big").write_bytes(bytes(BIG))
    first = set(tables(site.net))
    with site.raw() as raw:
        raw.login()
        with raw.passive() as data:
            raw.expect("RETR /big", 150, 125)
            successor = int(re.search(r"process (\d+) has taken over", ask(site, "restart"))[1])
            try:
                wait_until(lambda: set(tables(site.net)) - first, what="the table of the new process")
                assert first & set(tables(site.net))
                assert [site.curl(), site.curl("--ftp-port", "-")] == ["content"] * 2
                assert len(drain(data)) == BIG
                assert raw.reply().code == 226
                assert raw.retrieve("/file") == b"content", "another transfer of the old session"
                raw.expect("QUIT", 221)
                wait_until(lambda: not first & set(tables(site.net)), what="the end of the old table")
                assert [site.curl(), site.curl("--ftp-port", "-")] == ["content"] * 2
            finally:
                os.kill(successor, signal.SIGTERM)
    wait_until(lambda: not tables(site.net), what="the end of the second one")


def test_the_start_of_another_gateway_leaves_openings_in_force(site, tmp_path):  # noqa: F811
    """G2: what a killed gateway has left is removed only while no gateway runs."""
    site = site("--intercept", "lan")
    with site.raw() as raw:
        port = raw.login().epsv_port()
        other = site.start("router", "gate", "--intercept", "lan?ports=2121", "--control-socket", tmp_path / "other.sock")
        assert expectations(site.net) == [(CLIENT, SERVER, port)]
        assert other.stop() == 0
        assert expectations(site.net) == [(CLIENT, SERVER, port)]
        with raw.connect(port) as data:
            raw.expect("RETR /file", 150, 125)
            assert drain(data) == b"content"
        assert raw.reply().code == 226


@pytest.mark.parametrize("method", ["passive", "active"])
def test_a_transfer_that_begins_late_has_an_opening_of_its_own(site, method):  # noqa: F811
    """G2: after the end of the negotiation's one."""
    site = site("--intercept", "lan")
    with site.raw() as raw:
        raw.login()
        if method == "active":
            assert active_transfer(site, raw, after=WAIT + 1.5) == b"content"
        else:
            port = raw.epsv_port()
            wait_until(lambda: not unused_openings(site.net, "router"), WAIT + 3, what="the end of the first opening")
            raw.send(b"RETR file\r\n")
            wait_until(lambda: expectations(site.net), what="the second opening")
            with raw.connect(port) as data:
                assert drain(data) == b"content"
            assert [raw.reply().code for _ in range(2)] == [150, 226]
    assert site.gate.log().count("path kernel, complete") == 1


def threads_of(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield dict(re.findall(r"^(\w+):\s*(.*)$", (task / "status").read_text(), re.MULTILINE))


def test_only_the_helper_may_configure_the_network(site):  # noqa: F811
    """GW-05: it keeps this right alone; the process that reads what clients and servers send has none."""
    site = site("--intercept", "lan", "--sandbox", "auto")
    assert site.curl("--ftp-port", "-") == "content"
    gate = site.gate.pid
    children = Path(f"/proc/{gate}/task/{gate}/children").read_text().split()
    helpers = {Path(f"/proc/{pid}/comm").read_text().strip(): pid for pid in children}
    for thread in threads_of(gate):
        assert int(thread["CapEff"], 16) & NET_ADMIN == 0 and thread["Seccomp"] == "2", thread["Name"]
    for thread in threads_of(helpers["helper"]):
        assert int(thread["CapEff"], 16) == int(thread["CapPrm"], 16), thread["Name"]
        assert int(thread["CapEff"], 16) & NET_ADMIN and thread["Seccomp"] == "2", thread["Name"]


def test_another_user_can_be_named(site, tmp_path):  # noqa: F811
    """GW-05: the gateway has the identity of --run-as and no right, and a reload works with it."""
    user = pwd.getpwnam("daemon")
    site = watched(site, "--intercept", "lan", "--run-as", user.pw_name, folder=tmp_path)
    for thread in threads_of(site.gate.pid):
        assert set(thread["Uid"].split()) == {str(user.pw_uid)} and set(thread["Gid"].split()) == {str(user.pw_gid)}, thread["Name"]
        assert int(thread["CapEff"], 16) & NET_ADMIN == 0, thread["Name"]
    assert [site.curl(*options) for options in ((), ("--ftp-port", "-"))] == ["content"] * 2
    ask(site, "reload")
    assert site.curl("--ftp-port", "-") == "content"


def test_limits_of_sessions_and_commands_hold(site):  # noqa: F811
    """G6: as for sessions of a listener."""
    site = site("--intercept", "lan", "--max-sessions-per-address", 1, "--allow-commands", "TYPE,EPSV,RETR,QUIT")
    with site.raw() as raw:
        raw.login().expect("SIZE file", 502)
        assert raw.retrieve("file") == b"content"
        with site.raw() as second:
            assert second.reply().code == 421
        raw.expect("QUIT", 221)
    wait_until(lambda: site.curl("-Q", "NOOP") == "content" or site.curl() == "content", what="a session after the first one")


def test_openings_are_followed(site, tmp_path):  # noqa: F811
    """G12: a line for each new one, with its session, peers, port and time."""
    site = watched(site, "--intercept", "lan", folder=tmp_path)
    argv = [site.sallyport, "gate", "--control-socket", tmp_path / "gate.sock", "openings", "--follow", "--json"]
    follower = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        with site.raw() as raw:
            port = raw.login().epsv_port()
            seen = json.loads(follower.stdout.readline())
            assert (seen["reason"], seen["client"].split(":")[0], seen["peer"], seen["port"]) == ("passive", CLIENT, CLIENT, port)
            assert seen["forwarded_to"] == f"{SERVER}:{port}" and 0 < seen["expires_in_seconds"] <= 3 and not seen["attempted"]
            with site.net.inside("client", lambda: socket.create_server((CLIENT, 0))) as listener:
                own = listener.getsockname()[1]
                raw.expect(f"PORT {CLIENT.replace('.', ',')},{own // 256},{own % 256}", 200)
                seen = json.loads(follower.stdout.readline())
                assert (seen["reason"], seen["peer"], seen["forwarded_to"]) == ("active", SERVER, f"{CLIENT}:{own}")
    finally:
        follower.terminate()
        follower.communicate(timeout=10)


# What other programs have on the machine.

MARKED = """
table inet marks {
    chain before { type filter hook prerouting priority -180; iifname "lan" meta mark set meta mark | 0x4; ct mark set ct mark | 0x8; }
    chain after {
        type filter hook forward priority filter
        iifname "lan" tcp dport 1024-65535 meta mark & 0x4 != 0x4 counter drop
        tcp dport 1024-65535 ct mark & 0x8 != 0x8 counter drop
    }
}"""


def test_marks_of_other_programs_stay(site):  # noqa: F811
    """G2: packets and connections change under the mask only."""
    site = site("--intercept", "lan", "--mark", "0x100/0x300", firewall=FIREWALL + MARKED)
    with site.raw() as raw:
        raw.login()
        listed = network.run(*site.net.command("router", "conntrack", "-L", "-p", "tcp", "--dport", "21", "--src", CLIENT))
        marks = [int(mark) for mark in re.findall(r"mark=(\d+)", listed)]
        assert marks and all(mark & ~0x300 == 0x8 for mark in marks), listed
        assert any(mark & 0x300 == 0x200 for mark in marks), listed
        assert raw.retrieve("file") == b"content"
    assert [site.curl(*options) for options in ((), ("--ftp-port", "-"))] == ["content"] * 2


def test_the_default_numbers_are_free_ones(site):  # noqa: F811
    """G12: marks and a routing table that rules of the machine use are not chosen; the plan has the others."""
    site = site("--intercept", "lan")
    site.gate.stop()
    for rule in ("fwmark 0x10000000/0x10000000 lookup main", "from 192.0.2.1 lookup 8300"):
        network.run(*site.net.command("router", "ip", "rule", "add", *rule.split()))
    plan = network.run(*site.net.command("router", site.sallyport, "gate", "plan", "--intercept", "lan"))
    (value, mask, table), *_ = re.findall(r"fwmark (0x\w+)/(0x\w+) lookup (\d+)", plan)
    assert int(mask, 16) & 0x10000000 == 0 and int(value, 16) & ~int(mask, 16) == 0 and table != "8300"
    site.start("router", "gate", "--intercept", "lan")
    rules = network.run(*site.net.command("router", "ip", "rule"))
    assert re.search(rf"fwmark {value}/{mask} lookup {table}", rules), rules
    assert site.curl() == "content"


@pytest.mark.parametrize("nat", [False, True])
def test_a_route_that_leads_back_ends_the_session(site, nat):  # noqa: F811
    """GW-09: the gateway's own connection to the server arrives at another interface that is intercepted. No loop."""
    reflected = "17.254.9.9"
    both = FIREWALL.replace('iifname "lan" tcp', 'iifname { "lan", "wan" } tcp')
    site = site("--intercept", "lan,wan", firewall=both, nat=nat)
    for host, *command in (("router", "ip", "route", "add", reflected, "via", SERVER), ("server", "sysctl", "-qw", "net.ipv4.ip_forward=1"),
                           ("server", "sysctl", "-qw", "net.ipv4.conf.all.send_redirects=0"),
                           ("server", "sysctl", "-qw", "net.ipv4.conf.wan.send_redirects=0"),
                           ("server", "ip", "route", "add", reflected, "via", OUTSIDE)):
        network.run(*site.net.command(host, *command))
    with site.raw(reflected) as raw:
        raw.socket.settimeout(40)
        assert raw.reply().code == 421
    assert len(set(re.findall(r"\[([0-9a-z]+-\d+)\]", site.gate.log()))) <= 2
    assert site.curl() == "content"
