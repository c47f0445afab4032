"""Kernel forwarding (gate --data-path kernel) where the forward chain admits established and related connections only, as most
firewalls do: each data connection is related to its session (G2 G4 G12)."""

import pytest

from harness.daemon import wait_until
from harness.openings import expectations
from harness.raw import drain
from scenarios import SCENARIOS
from test_labs import BY_ACTIVE, BY_PASSIVE, Lab

GATE = "17.254.0.91"


@pytest.fixture(scope="module")
def built(networks, sallyport, certificate, small_sample, tmp_path_factory):
    with Lab(sallyport, SCENARIOS["router-reverse"], certificate, small_sample, tmp_path_factory.mktemp("reverse")) as lab:
        yield lab


def forwarded(built):
    return built.log_of("router").count("path kernel, complete")


@pytest.mark.parametrize("host", ["client", "inside-client"])
@pytest.mark.parametrize("client,method", BY_PASSIVE + BY_ACTIVE)
def test_download(built, tmp_path, host, client, method):
    """From outside, and from inside by the outside address (hairpin)."""
    built.fill("server", {"file": b"content" * 10000})
    before = forwarded(built)
    built.client(client, method, host).get(built.server(GATE), tmp_path, ["file"])
    assert next(path for path in tmp_path.rglob("file") if path.is_file()).read_bytes() == b"content" * 10000
    assert wait_until(lambda: forwarded(built) > before, 5, "a transfer that the kernel forwarded")


def test_nothing_outlives_the_session(built):
    with built.raw("client", GATE) as raw:
        raw.login().epsv_port()
        assert len(expectations(built.network)) == 1
    wait_until(lambda: not expectations(built.network), 1, "the opening's end")


def test_one_connection_of_the_client(built):
    built.fill("server", {"big": bytes(16 << 20)})
    with built.raw("client", GATE) as raw:
        port = raw.login().epsv_port()
        for host in ("other-host", "client"):
            if host == "client":
                data = raw.connect(port)
                raw.expect("RETR /big", 150, 125)
            try:  # the gateway's own listener may accept it, and closes it
                with built.network.dial(host)((GATE, port), timeout=1) as unexpected:
                    assert drain(unexpected) == b""
            except OSError:
                pass
        assert len(drain(data)) == 16 << 20
        data.close()
        assert raw.reply().code == 226
