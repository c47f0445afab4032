"""The gateway as a routing device in front of servers with public addresses."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario

scenario = Scenario(
    name="router-servers",
    title="Interception at the servers' firewall",
    rows="G1 G2 G12 S1 S2",
    about="The firewall admits control ports to the servers only; no passive range is open, and nothing goes out. The gateway "
          "intercepts sessions to the servers that arrive from outside. Addresses and ports in replies are not changed.",
    segments=(Segment("wan", "17.254.0.0/24, 2001:db8:2::/64"), Segment("dmz", "17.254.1.0/24, 2001:db8:1::/64")),
    hosts=(
        Host("client", {"wan": ("17.254.0.10/24", "2001:db8:2::10/64")}, via=("17.254.0.1", "2001:db8:2::1")),
        Host("other-host", {"wan": ("17.254.0.66/24", "2001:db8:2::66/64")}, via=("17.254.0.1", "2001:db8:2::1")),
        Host("router", {"wan": ("17.254.0.1/24", "2001:db8:2::1/64"), "dmz": ("17.254.1.1/24", "2001:db8:1::1/64")}, forwards=True,
             rules=nftables("wan", "dmz", "21, 990, 2121", nat=False), about="control ports only"),
        Host("server", {"dmz": ("17.254.1.4/24", "2001:db8:1::4/64")}, via=("17.254.1.1", "2001:db8:1::1")),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.1.4:21 --listen [2001:db8:1::4]:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --intercept wan?to=17.254.1.0/24,2001:db8:1::/64"),
    ),
    facts=(
        Fact("client", "17.254.1.4", 21, "server", True, "control connection"),
        Fact("client", "2001:db8:1::4", 21, "server", True, "control connection"),
        Fact("client", "17.254.1.4", 30000, "server", False, "passive mode"),
        Fact("client", "2001:db8:1::4", 30000, "server", False, "passive mode"),
        Fact("server", "17.254.0.10", 30000, "client", False, "active mode"),
    ),
    tries=(
        ("curl -v ftp://17.254.1.4/", "EPSV"),
        ("curl -v --ftp-port - ftp://17.254.1.4/", "EPRT"),
    ),
)
