"""The gateway as a routing device with two outside addresses: NAT chooses one of them for each inside host."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario

CHOICE = """
table ip choice {
    chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "wan" ip saddr 192.168.1.2 snat to 17.254.0.26
        oifname "wan" ip saddr 192.168.1.3 snat to 17.254.0.27
    }
}"""

scenario = Scenario(
    name="router-outsides",
    title="Interception with two outside addresses",
    rows="G3 G11 G12",
    about="PORT and EPRT must name the address that NAT has given to this client's control connection: 17.254.0.26 for client, "
          "17.254.0.27 for neighbor.",
    segments=(Segment("lan", "192.168.1.0/24"), Segment("wan", "17.254.0.0/24")),
    hosts=(
        Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("neighbor", {"lan": "192.168.1.3/24"}, via="192.168.1.1"),
        Host("router", {"lan": "192.168.1.1/24", "wan": ("17.254.0.26/24", "17.254.0.27/24")}, forwards=True,
             rules=(*nftables("lan", "wan", "21, 990, 2121", nat=False), CHOICE), about="NAT to 17.254.0.26 and 17.254.0.27"),
        Host("server", {"wan": "17.254.0.91/24"}),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.0.91:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --intercept lan"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "server", True, "control connection"),
        Fact("neighbor", "17.254.0.91", 21, "server", True, "control connection"),
        Fact("neighbor", "17.254.0.91", 30000, "server", False, "passive mode"),
        Fact("server", "17.254.0.27", 30000, "neighbor", False, "active mode"),
    ),
    tries=(("curl -v --ftp-port - ftp://17.254.0.91/", "active mode; the same on neighbor has the other address"),),
)
