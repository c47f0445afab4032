"""The gateway as a routing device without NAT: a strict firewall between two routed networks, IPv4 and IPv6."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario

scenario = Scenario(
    name="router-routed",
    title="Interception at a firewall without NAT",
    rows="G2 G3 G9 G12 S4",
    about="All addresses are public. The firewall lets out control ports only, and nothing comes in. The server sees the client's own "
          "address, on the control connection and on data connections.",
    segments=(Segment("lan", "17.254.1.0/24, 2001:db8:1::/64"), Segment("wan", "17.254.0.0/24, 2001:db8:2::/64")),
    hosts=(
        Host("client", {"lan": ("17.254.1.2/24", "2001:db8:1::2/64")}, via=("17.254.1.1", "2001:db8:1::1")),
        Host("router", {"lan": ("17.254.1.1/24", "2001:db8:1::1/64"), "wan": ("17.254.0.1/24", "2001:db8:2::1/64")}, forwards=True,
             rules=nftables("lan", "wan", "21, 990, 2121", nat=False), about="control ports only"),
        Host("server", {"wan": ("17.254.0.91/24", "2001:db8:2::91/64")}, via=("17.254.0.1", "2001:db8:2::1")),
        Host("other-host", {"wan": ("17.254.0.66/24", "2001:db8:2::66/64")}, via=("17.254.0.1", "2001:db8:2::1")),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.0.91:21 --listen [2001:db8:2::91]:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --intercept lan"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "server", True, "control connection"),
        Fact("client", "2001:db8:2::91", 21, "server", True, "control connection"),
        Fact("client", "17.254.0.91", 30000, "server", False, "passive mode"),
        Fact("client", "2001:db8:2::91", 30000, "server", False, "passive mode"),
        Fact("server", "17.254.1.2", 30000, "client", False, "active mode"),
        Fact("server", "2001:db8:1::2", 30000, "client", False, "active mode"),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "IPv4"),
        ("curl -v -g --ftp-port - ftp://[2001:db8:2::91]/", "IPv6, active mode"),
    ),
)
