"""sallyport gate adopt: rules that assign the kernel's FTP helper before the gateway can (row E, G12)."""

import subprocess

import pytest

import network
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


@pytest.fixture
def router(networks):
    up = network.Network(Scenario("adopt", "a router with a helper of its own", "", (Segment("lan"),),
                                  (Host("router", {"lan": "192.0.2.1/24"}, rules=(RULES,)),))).up()
    yield lambda *argv: subprocess.run(up.command("router", *argv), capture_output=True, text=True)
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


def test_without_rights_it_says_so(sallyport, router):
    refused = router("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", sallyport, "gate", "adopt")
    assert refused.returncode == 3 and "run this command as root" in refused.stderr, refused


if __name__ == "__main__":
    pytest.main([__file__])
