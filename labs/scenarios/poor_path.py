"""A path that loses, delays or refuses packets: radio links, tunnels, overloaded routers."""

from network import Daemon, Fact, Host, Segment, Scenario

# Short ones, so that a test sees them expire.
TIMEOUTS = "--stall-timeout 10 --keepalive-idle 4 --keepalive-interval 2 --keepalive-count 3"

scenario = Scenario(
    name="poor-path",
    title="A path that loses packets",
    rows="C3 G3 S1",
    about="As it is built, the path is good. network.py has the rules that make it poor: lose(), duplicate(), cut(), forget(); "
          "tests/support/tun_relay.py on the router delays and reorders packets.",
    segments=(Segment("near", "192.168.9.0/24"), Segment("far", "17.254.9.0/24")),
    hosts=(
        Host("client", {"near": "192.168.9.2/24"}, via="192.168.9.1"),
        Host("router", {"near": "192.168.9.1/24", "far": "17.254.9.1/24"}, forwards=True, about="the poor part of the path"),
        Host("server", {"far": "17.254.9.91/24"}, via="17.254.9.1", about="a server, and a gateway to it"),
    ),
    daemons=(
        Daemon("server", f"serve {{files}} --listen 17.254.9.91:21 --user writer:lab {TIMEOUTS}"),
        Daemon("server", f"gate --listen 17.254.9.91:2121 --backend ftp://17.254.9.91:21 {TIMEOUTS}"),
    ),
    facts=(
        Fact("client", "17.254.9.91", 21, "server", True),
        Fact("client", "17.254.9.91", 2121, "server", True, "the gateway"),
        Fact("server", "192.168.9.2", 30000, "client", True, "active mode"),
    ),
    tries=(
        ("curl -v -T /etc/services ftp://writer:lab@17.254.9.91/", "an upload"),
    ),
)
