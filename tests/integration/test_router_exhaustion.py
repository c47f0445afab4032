"""An intercepting gateway while the kernel expects as many connections as it can: data connections are relayed where the firewall
lets that happen, and otherwise the client receives 425 (G2 G3 G11)."""

import socket

import pytest

from harness.openings import expectations, no_expectations_left
from harness.raw import drain
from scenarios import SCENARIOS
from test_labs import Lab

CLIENT, SERVER = "192.168.1.2", "17.254.0.91"


@pytest.fixture(scope="module", params=["router-nat", "router-strict"])
def full(networks, sallyport, certificate, small_sample, tmp_path_factory, request):
    scenario = SCENARIOS[request.param].with_arguments("router", "--data-timeout 2")
    with Lab(sallyport, scenario, certificate, small_sample, tmp_path_factory.mktemp("full")) as lab:
        with no_expectations_left(lab.network):
            yield lab
        # The next negotiation uses the kernel again.
        with lab.raw("client", SERVER) as raw:
            port = raw.login().epsv_port()
            assert expectations(lab.network) == [(CLIENT, SERVER, port)]


@pytest.mark.limit(90)
def test_active_mode_is_relayed(full):
    """The gateway connects to the server, and to the client."""
    listener = full.network.inside("client", lambda: socket.create_server((CLIENT, 0)))
    listener.settimeout(5)
    port = listener.getsockname()[1]
    with full.raw("client", SERVER) as raw, listener:
        raw.login().expect(f"PORT {CLIENT.replace('.', ',')},{port // 256},{port % 256}", 200)
        raw.expect("RETR /this-is", 150, 125)
        with listener.accept()[0] as data:
            assert drain(data) == b"server"
        assert raw.reply().code == 226
    assert "since its table of expectations is full" in full.log_of("router")


@pytest.mark.limit(90)
def test_passive_mode_is_relayed_where_the_firewall_lets_it_in(full):
    with full.raw("client", SERVER) as raw:
        port = raw.login().epsv_port()
        if full.scenario.name == "router-nat":
            with raw.connect(port) as data:
                raw.expect("RETR /this-is", 150, 125)
                assert drain(data) == b"server"
            assert raw.reply().code == 226
        else:
            with pytest.raises(OSError):
                full.network.inside("client", lambda: socket.create_connection((SERVER, port), timeout=0.5))
            raw.expect("RETR /this-is", 425)
            raw.expect("NOOP", 200)
