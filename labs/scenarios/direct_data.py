"""The gateway balances sessions, and data connections bypass it (first solution of the article)."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade, port_forward

# Server: its internal address, and the internal and external address of its NAT router.
SERVERS = {"one": ("10.0.0.11", "10.0.0.2", "17.254.0.92"), "two": ("10.0.0.12", "10.0.0.3", "17.254.0.93")}

scenario = Scenario(
    name="direct-data",
    title="Direct data connections",
    rows="G1 G7(1)",
    about="Clients connect to the gateway at 17.254.0.91. Each server advertises an external address of its own in 227, and gets the "
          "client address in a PROXY header; so data connections bypass the gateway. With EPSV and TLS they are relayed, with a PROXY "
          "header as well.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("farm", "10.0.0.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}),
        Host("other-host", {"internet": "17.254.0.66/24"}),
        Host("gateway", {"internet": "17.254.0.91/24", "farm": "10.0.0.1/24"}, forwards=True,
             rules=(admit_only("internet", tcp="21, 990, 51000-51009"),), about="balances, and relays if necessary"),
        *(Host(f"router-{name}", {"internet": f"{external}/24", "farm": f"{router_address}/24"}, forwards=True,
               rules=(masquerade(out="internet"), port_forward("internet", tcp="30000-30009", to=inside), admit_only("internet")),
               about=f"NAT for {name}")
          for name, (inside, router_address, external) in SERVERS.items()),
        *(Host(name, {"farm": f"{inside}/24"}, via=router_address) for name, (inside, router_address, _) in SERVERS.items()),
    ),
    daemons=(
        *(Daemon(name, f"serve {{files}} --listen {inside}:21 --proxy-protocol-from 10.0.0.1 --proxy-protocol-data --passive-ports 30000-30009 "
                       f"--external-address {external} --anonymous --user writer:lab")
          for name, (inside, _, external) in SERVERS.items()),
        Daemon("gateway", "gate --listen 17.254.0.91:21 --passive-ports 51000-51009 "
               + " ".join(f"--backend ftp://{inside}:21?direct=both&proxy-protocol=v2&proxy-protocol-data=yes" for inside, _, _ in SERVERS.values())),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "gateway", True),
        Fact("client", "17.254.0.91", 51000, "gateway", True, "relayed data"),
        Fact("client", "17.254.0.92", 30000, "one", True, "direct data connections"),
        Fact("client", "17.254.0.93", 30009, "two", True, "direct data connections"),
        Fact("client", "17.254.0.92", 21, "one", False, "sessions only through the gateway"),
        Fact("one", "17.254.0.10", 30000, "client", True, "active mode, also direct"),
    ),
    tries=(
        ("curl -v --no-ftp-skip-pasv-ip ftp://17.254.0.91/this-is", "EPSV is refused, then the server's own address in 227"),
        ("curl -v --ftp-port - ftp://17.254.0.91/this-is", "the server connects to the client"),
        ("curl -v ftp://17.254.0.91/this-is", "curl uses only the address that it connected to: no data"),
    ),
)
