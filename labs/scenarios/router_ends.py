"""Routing gateways at both ends: the client's router has NAT and a strict firewall, and so has the firewall of the server."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario

scenario = Scenario(
    name="router-ends",
    title="Interception at both ends",
    rows="G1 G2 G3 G8 G12",
    about="Neither firewall admits a data connection, in either direction. The client's router intercepts sessions to any server, the "
          "server's firewall sessions to its servers.",
    segments=(Segment("lan", "192.168.1.0/24"), Segment("wan", "17.254.0.0/24"), Segment("dmz", "17.254.1.0/24")),
    hosts=(
        Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("router", {"lan": "192.168.1.1/24", "wan": "17.254.0.26/24"}, via="17.254.0.1", forwards=True,
             rules=nftables("lan", "wan", "21, 990, 2121"), about="NAT to 17.254.0.26"),
        Host("firewall", {"wan": "17.254.0.1/24", "dmz": "17.254.1.1/24"}, forwards=True,
             rules=nftables("wan", "dmz", "21, 990, 2121", nat=False), about="no NAT"),
        Host("server", {"dmz": "17.254.1.4/24"}, via="17.254.1.1"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.1.4:21 --anonymous --user writer:lab"),
        Daemon("firewall", "gate --intercept wan?to=17.254.1.0/24"),
        Daemon("router", "gate --intercept lan"),
    ),
    facts=(
        Fact("client", "17.254.1.4", 21, "server", True, "control connection"),
        Fact("router", "17.254.1.4", 30000, "server", False, "passive mode, at the server's firewall"),
        Fact("client", "17.254.1.4", 30000, "server", False, "passive mode"),
        Fact("server", "17.254.0.26", 30000, "client", False, "active mode"),
    ),
    tries=(("curl -v ftp://17.254.1.4/", "EPSV"), ("curl -v --ftp-port - ftp://17.254.1.4/", "EPRT")),
)
