"""Kernel forwarding at a router whose forward chain admits established and related connections only, also for inside clients."""

from network import Daemon, Fact, Host, Segment, Scenario, masquerade

FIREWALL = """
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop
        ct state established,related accept
        iifname "lo" accept
        tcp dport { 21, 51000-51009 } accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
    }
}"""

scenario = Scenario(
    name="router-reverse",
    title="Kernel forwarding with related connections only",
    rows="G1 G2 G4 G12",
    about="The forward chain does not mention connections that NAT forwards. The gateway makes the kernel regard each data connection as "
          "related to its session. Inside clients use the outside address, too (hairpin).",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("inside", "172.16.3.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}),
        Host("other-host", {"internet": "17.254.0.66/24"}),
        Host("router", {"internet": "17.254.0.91/24", "inside": "172.16.3.1/24"}, forwards=True,
             rules=(FIREWALL, masquerade(out="internet")), about="gateway on 21"),
        Host("server", {"inside": "172.16.3.4/24"}, via="172.16.3.1"),
        Host("inside-client", {"inside": "172.16.3.9/24"}, via="172.16.3.1"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 172.16.3.4:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --listen 17.254.0.91:21 --backend ftp://172.16.3.4:21 --passive-ports 51000-51009 "
                         "--data-path kernel --backend-data-mode match --data-timeout 3"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "router", True),
        Fact("inside-client", "17.254.0.91", 21, "router", True, "hairpin"),
        Fact("client", "172.16.3.4", 30000, "server", False, "the server is not reachable from outside"),
        Fact("server", "17.254.0.10", 30000, "client", False, "active mode"),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "EPSV"),
        ("curl -v --ftp-port - ftp://17.254.0.91/", "EPRT"),
        ("lab exec router-reverse inside-client curl -v ftp://17.254.0.91/", "hairpin"),
    ),
)
