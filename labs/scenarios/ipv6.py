"""IPv6: EPSV and EPRT work with it, PORT and PASV do not. The gateway connects to a server that has only IPv4."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only

scenario = Scenario(
    name="ipv6",
    title="IPv6 clients of an IPv4 server",
    rows="S4 G1 G4",
    about="Routed, no NAT. The gateway uses IPv6 on the client leg and IPv4 on the backend leg.",
    segments=(Segment("home", "2001:db8:1::/64"), Segment("internet", "2001:db8:2::/64"), Segment("old", "172.16.3.0/24, no IPv6")),
    hosts=(
        Host("client", {"home": "2001:db8:1::2/64"}, via="2001:db8:1::1"),
        Host("router", {"internet": "2001:db8:2::1/64", "home": "2001:db8:1::1/64"}, forwards=True, about="routes all connections"),
        Host("server", {"internet": "2001:db8:2::91/64"}, via="2001:db8:2::1", about="IPv6"),
        Host("gateway", {"internet": "2001:db8:2::92/64", "old": "172.16.3.1/24"}, via="2001:db8:2::1",
             rules=(admit_only("internet", tcp="21, 990, 51000-51009"),), about="in front of the old server"),
        Host("old-server", {"old": "172.16.3.4/24"}, via="172.16.3.1"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen [2001:db8:2::91]:21 --anonymous --user writer:lab"),
        Daemon("old-server", "serve {files} --listen 172.16.3.4:21 --anonymous --user writer:lab"),
        Daemon("gateway", "gate --listen [2001:db8:2::92]:21 --passive-ports 51000-51009 --backend ftp://172.16.3.4:21"),
    ),
    facts=(
        Fact("client", "2001:db8:2::91", 21, "server", True),
        Fact("client", "2001:db8:2::91", 30000, "server", True, "passive mode"),
        Fact("server", "2001:db8:1::2", 30000, "client", True, "active mode"),
        Fact("client", "2001:db8:2::92", 51000, "gateway", True),
        Fact("client", "2001:db8:2::92", 52000, "gateway", False),
    ),
    tries=(
        ("curl -v -g ftp://[2001:db8:2::91]/", "EPSV"),
        ("curl -v -g --ftp-port - ftp://[2001:db8:2::91]/", "EPRT"),
        ("curl -v -g ftp://[2001:db8:2::92]/", "the IPv4 server through the gateway"),
    ),
)
