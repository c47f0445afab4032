"""Kernel forwarding: the kernel of the gateway's machine forwards data connections, and no byte enters the gateway process."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only

GATE = "gate --data-path kernel --backend-data-mode match --passive-ports 51000-51009 --data-timeout 3"

scenario = Scenario(
    name="kernel-data",
    title="Kernel forwarding",
    rows="G1 G2 G3 G4 G12",
    about="The server has a route to the router only. EPSV, PASV, EPRT and PORT each create an opening for one connection of one "
          "client; \"nft list ruleset\" on the router shows it. With TLS the gateway relays.",
    segments=(Segment("internet", "17.254.0.0/24, 2001:db8:2::/64"), Segment("inside", "172.16.3.0/24, fd00:3::/64")),
    hosts=(
        Host("client", {"internet": ("17.254.0.10/24", "2001:db8:2::10/64")}),
        Host("other-host", {"internet": ("17.254.0.66/24", "2001:db8:2::66/64")}),
        Host("router", {"internet": ("17.254.0.91/24", "2001:db8:2::91/64"), "inside": ("172.16.3.1/24", "fd00:3::1/64")},
             forwards=True, rules=(admit_only("internet", tcp="21, 51000-51009"),), about="two gateways, IPv4 and IPv6"),
        Host("server", {"inside": ("172.16.3.4/24", "fd00:3::4/64")}),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 172.16.3.4:21 --listen [fd00:3::4]:21 --anonymous --user writer:lab"),
        Daemon("router", f"{GATE} --listen 17.254.0.91:21 --backend ftp://172.16.3.4:21"),
        Daemon("router", f"{GATE} --listen [2001:db8:2::91]:21 --backend ftp://[fd00:3::4]:21"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "router", True),
        Fact("client", "17.254.0.91", 51000, "router", True, "the gateway refuses unexpected peers"),
        Fact("client", "2001:db8:2::91", 51000, "router", True),
        Fact("client", "172.16.3.4", 21, "server", False, "the server itself is not reachable"),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "EPSV"),
        ("curl -v --disable-epsv ftp://17.254.0.91/", "PASV"),
        ("curl -v --ftp-port - ftp://17.254.0.91/", "the kernel forwards the server's connection to the client"),
        ("curl -v -g ftp://[2001:db8:2::91]/", "IPv6"),
    ),
)
