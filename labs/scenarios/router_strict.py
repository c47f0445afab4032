"""The gateway as a routing device: the client's router has NAT and a strict firewall, and intercepts FTP sessions."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario

scenario = Scenario(
    name="router-strict",
    title="Interception at a strict NAT router",
    rows="G2 G3 G9 G11 G12",
    about="The router lets out ports 21, 990 and 2121, and what conntrack calls established or related; nothing comes in. Without the "
          "gateway the login succeeds and each data connection is dropped. The gateway intercepts the sessions, so that the kernel "
          "regards their data connections as related. The client uses the server's own address.",
    segments=(Segment("lan", "192.168.1.0/24"), Segment("wan", "17.254.0.0/24")),
    hosts=(
        Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("neighbor", {"lan": "192.168.1.3/24"}, via="192.168.1.1"),
        Host("router", {"lan": "192.168.1.1/24", "wan": "17.254.0.26/24"}, forwards=True,
             rules=nftables("lan", "wan", "21, 990, 2121"), about="NAT to 17.254.0.26, control ports only"),
        Host("server", {"wan": ("17.254.0.91/24", "17.254.0.92/24")}),
        Host("other-host", {"wan": "17.254.0.66/24"}),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.0.91:21 --listen 17.254.0.91:2121 --anonymous --user writer:lab"),
        Daemon("router", "gate --intercept lan?ports=21,2121&implicit=990"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "server", True, "control connection"),
        Fact("client", "17.254.0.91", 2121, "server", True, "control connection on another port"),
        Fact("client", "17.254.0.91", 30000, "server", False, "passive mode"),
        Fact("server", "17.254.0.26", 30000, "client", False, "active mode"),
        Fact("server", "17.254.0.26", 21, "router", False),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "EPSV"),
        ("curl -v --ftp-port - ftp://17.254.0.91:2121/", "EPRT: the server gets the router's outside address"),
    ),
)
