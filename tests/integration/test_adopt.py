"""sallyport gate adopt: rules that assign the kernel's FTP helper before the gateway can (row E, G12)."""

import shutil
import subprocess

import pytest

import network
from conftest import cannot
from network import Host, Scenario, Segment

RULES = """
table inet early {
    ct helper ftp-standard {
        type "ftp" protocol tcp
    }
    chain prerouting {
        type filter hook prerouting priority raw
        tcp dport 21 ct helper set "ftp-standard"
    }
    chain late {
        type filter hook prerouting priority filter
        tcp dport 21 ct helper set "ftp-standard"
    }
}"""
FORWARDS = """
table ip forwards {
    chain in {
        type nat hook prerouting priority dstnat
        tcp dport { 21, 80 } dnat to 192.0.2.9
        tcp dport 2121 dnat to 192.0.2.10
    }
}"""


@pytest.fixture
def router(networks):
    up = network.Network(Scenario("adopt", "a router with a helper of its own", "", (Segment("lan"),),
                                  (Host("router", {"lan": "192.0.2.1/24"}, rules=(RULES,)),))).up()
    yield lambda *argv, **options: subprocess.run(up.command("router", *argv), capture_output=True, text=True, **options)
    up.down()


def test_it_finds_and_removes_the_rule(sallyport, router):
    found = router(sallyport, "gate", "adopt")
    assert found.returncode == 1 and "table inet early, chain prerouting" in found.stdout, found
    assert "nft delete rule inet early prerouting handle" in found.stdout and "late" not in found.stdout
    assert router("nft", "list", "ruleset").stdout.count("ct helper set") == 2
    applied = router(sallyport, "gate", "adopt", "--apply")
    assert applied.returncode == 0, applied
    assert router("nft", "list", "ruleset").stdout.count("ct helper set") == 1
    again = router(sallyport, "gate", "adopt")
    assert again.returncode == 0 and again.stdout.startswith("No rule assigns"), again


@pytest.mark.parametrize("kind", ["iptables-nft", "iptables-legacy"])
def test_it_finds_and_removes_the_rule_of_iptables(sallyport, router, kind):
    """Row E with the rule that most pages recommend, in the old and in the new form of iptables."""
    if not shutil.which(kind):
        cannot("iptables is not installed")
    assert router("nft", "flush", "ruleset").returncode == 0
    rule = ["PREROUTING", "-p", "tcp", "--dport", "21", "-j", "CT", "--helper", "ftp"]
    added = router(kind, "-t", "raw", "-A", *rule)
    assert added.returncode == 0, added
    found = router(sallyport, "gate", "adopt")
    assert found.returncode == 1 and f"{kind} -t raw -D PREROUTING" in found.stdout, found
    assert "--helper ftp" in router(f"{kind}-save", "-t", "raw").stdout
    applied = router(sallyport, "gate", "adopt", "--apply")
    assert applied.returncode == 0, applied
    assert "--helper ftp" not in router(f"{kind}-save", "-t", "raw").stdout
    assert router(sallyport, "gate", "adopt").returncode == 0


@pytest.mark.parametrize("save,remove", [("nft", "nft delete rule ip forwards in handle"), ("iptables-nft", "iptables-nft -t nat -D PREROUTING")])
def test_it_finds_rules_that_take_the_port_away(sallyport, router, save, remove):
    """A DNAT rule of the administrator's, which is his to remove."""
    if save != "nft" and not shutil.which(save):
        cannot("iptables is not installed")
    assert router("nft", "flush", "ruleset").returncode == 0
    if save == "nft":
        assert router("nft", "-f", "-", input=FORWARDS).returncode == 0
    else:
        for port, to in ((21, 9), (2121, 10)):
            rule = ["PREROUTING", "-p", "tcp", "--dport", port, "-j", "DNAT", "--to-destination", f"192.0.2.{to}"]
            assert router("iptables-nft", "-t", "nat", "-A", *rule).returncode == 0
    before = router("nft", "list", "ruleset").stdout
    found = router(sallyport, "gate", "adopt", "--apply")
    assert found.returncode == 1 and remove in found.stdout and "192.0.2.10" not in found.stdout, found
    assert "192.0.2.9" in found.stdout and "--listen and --backend" in found.stdout
    assert router("nft", "list", "ruleset").stdout == before
    assert "192.0.2.10" in router(sallyport, "gate", "adopt", "--ports", "2121").stdout
    assert router(sallyport, "gate", "adopt", "--ports", "x").returncode == 2


def test_it_finds_conditions_that_the_gateway_does_not_meet(sallyport, router):
    rules = 'table inet f { chain forward { type filter hook forward priority 0; ct state related ct helper "ftp" accept; }; }'
    assert router("nft", "flush", "ruleset").returncode == 0
    assert router("nft", "-f", "-", input=rules).returncode == 0
    before = router("nft", "list", "ruleset").stdout
    found = router(sallyport, "gate", "adopt", "--apply")
    assert found.returncode == 1 and "Remove this condition from them; --apply does not:" in found.stdout, found
    assert "table inet f, chain forward:\n  ct state related ct helper" in found.stdout, found
    assert router("nft", "list", "ruleset").stdout == before


def test_without_rights_it_says_so(sallyport, router):
    refused = router("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", sallyport, "gate", "adopt")
    assert refused.returncode == 3 and "run this command as root" in refused.stderr, refused
