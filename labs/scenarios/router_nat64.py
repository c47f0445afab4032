"""The gateway as a translator: clients with IPv6 only, and a server with IPv4 only (RFC 6384)."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario

scenario = Scenario(
    name="router-nat64",
    title="Interception for IPv6 clients of an IPv4 server (NAT64)",
    rows="S4 G2 G11 G12",
    about="DNS64 gives the clients an address in fd64:ff9b::/96 for a server that has IPv4 only: fd64:ff9b::11fe:5b stands for "
          "17.254.0.91. The gateway connects to the server by IPv4, sends PASV for EPSV, and relays the data. Nothing else is "
          "translated here.",
    segments=(Segment("lan", "2001:db8:1::/64, no IPv4"), Segment("wan", "17.254.0.0/24, no IPv6")),
    hosts=(
        Host("client", {"lan": "2001:db8:1::2/64"}, via="2001:db8:1::1"),
        Host("router", {"lan": "2001:db8:1::1/64", "wan": "17.254.0.26/24"}, forwards=True,
             rules=nftables("lan", "wan", "21, 990, 2121"), about="the gateway translates"),
        Host("server", {"wan": "17.254.0.91/24"}, about="IPv4"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.0.91:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --intercept lan?to=fd64:ff9b::/96&nat64"),
    ),
    facts=(
        Fact("client", "fd64:ff9b::11fe:5b", 21, "server", False, "there is no translator"),
        Fact("client", "2001:db8:1::1", 21, "router", True),
        Fact("router", "17.254.0.91", 21, "server", True),
    ),
    tries=(
        ("curl -v -g ftp://[fd64:ff9b::11fe:5b]/", "EPSV; the server gets PASV"),
        ("curl -v -g --ftp-port - ftp://[fd64:ff9b::11fe:5b]/", "EPRT"),
    ),
)
