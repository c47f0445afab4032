"""The gateway as a routing device: the router of a home, where only active mode fails."""

from network import Daemon, Fact, Host, Segment, Scenario, masquerade

FIREWALL = """
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop
        ct state established,related accept
        iifname { "lo", "lan" } accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname "lan" accept
    }
}"""

scenario = Scenario(
    name="router-nat",
    title="Interception at a NAT router",
    rows="G3 G11 G12",
    about="Clients in the home may connect to any port outside, so passive mode works without the gateway. In active mode the client "
          "sends 192.168.1.2, which the server cannot reach; the gateway replaces it by the router's outside address and a port of "
          "its own choice, and admits one connection of the server to it.",
    segments=(Segment("lan", "192.168.1.0/24"), Segment("wan", "17.254.0.0/24")),
    hosts=(
        Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("router", {"lan": "192.168.1.1/24", "wan": "17.254.0.26/24"}, forwards=True, rules=(FIREWALL, masquerade(out="wan")),
             about="NAT to 17.254.0.26, no incoming connections"),
        Host("server", {"wan": "17.254.0.91/24"}),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.0.91:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --intercept lan"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "server", True, "control connection"),
        Fact("client", "17.254.0.91", 30000, "server", True, "passive mode"),
        Fact("server", "17.254.0.26", 30000, "client", False, "active mode"),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "EPSV"),
        ("curl -v --ftp-port - --disable-eprt ftp://17.254.0.91/", "PORT"),
    ),
)
