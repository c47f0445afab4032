"""Two routing gateways in a row: strict firewalls with NAT at the client's office and at its provider."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario

scenario = Scenario(
    name="router-row",
    title="Interception at two routers in a row",
    rows="G3 G8 G11 G12",
    about="The office router and the provider's router have NAT and a strict firewall, and each of them intercepts. Each PORT and EPRT "
          "is rewritten twice.",
    segments=(Segment("lan", "192.168.1.0/24"), Segment("between", "10.64.0.0/24"), Segment("wan", "17.254.0.0/24")),
    hosts=(
        Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("router", {"lan": "192.168.1.1/24", "between": "10.64.0.2/24"}, via="10.64.0.1", forwards=True,
             rules=nftables("lan", "between", "21, 990, 2121"), about="NAT to 10.64.0.2"),
        Host("provider", {"between": "10.64.0.1/24", "wan": "17.254.0.26/24"}, forwards=True,
             rules=nftables("between", "wan", "21, 990, 2121"), about="NAT to 17.254.0.26"),
        Host("server", {"wan": "17.254.0.91/24"}),
        Host("other-host", {"wan": "17.254.0.66/24"}),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.0.91:21 --anonymous --user writer:lab"),
        Daemon("provider", "gate --intercept between"),
        Daemon("router", "gate --intercept lan"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "server", True, "control connection"),
        Fact("client", "17.254.0.91", 30000, "server", False, "passive mode"),
        Fact("server", "17.254.0.26", 30000, "client", False, "active mode"),
        Fact("provider", "10.64.0.2", 30000, "client", False),
    ),
    tries=(("curl -v --ftp-port - ftp://17.254.0.91/", "active mode through both"),),
)
