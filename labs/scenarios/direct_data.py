"""The gateway balances, the data go straight between client and server (the article's first solution)."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade, port_forward

# Server: its inside address, its own NAT router's addresses inside and outside.
SERVERS = {"one": ("10.0.0.11", "10.0.0.2", "17.254.0.92"), "two": ("10.0.0.12", "10.0.0.3", "17.254.0.93")}

scenario = Scenario(
    name="direct-data",
    title="Data past the balancer",
    rows="G1 G7(1)",
    about="Sessions come to the gateway at 17.254.0.91. Each server has an outside address of its own, which its 227 names, and "
          "learns by a PROXY header who the client is; so files don't pass the gateway. EPSV and TLS need it and are relayed, with "
          "a PROXY header on data too.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("farm", "10.0.0.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}),
        Host("other-host", {"internet": "17.254.0.66/24"}),
        Host("gateway", {"internet": "17.254.0.91/24", "farm": "10.0.0.1/24"}, forwards=True,
             rules=(admit_only("internet", tcp="21, 990, 51000-51009"),), about="balances, and relays what can't go past"),
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
        Fact("client", "17.254.0.91", 51000, "gateway", True, "what is relayed"),
        Fact("client", "17.254.0.92", 30000, "one", True, "data past the gateway"),
        Fact("client", "17.254.0.93", 30009, "two", True, "data past the gateway"),
        Fact("client", "17.254.0.92", 21, "one", False, "sessions only by the gateway"),
        Fact("one", "17.254.0.10", 30000, "client", True, "active mode, past the gateway as well"),
    ),
    tries=(
        ("curl -v --no-ftp-skip-pasv-ip ftp://17.254.0.91/this-is", "EPSV is refused, then the server's own address in 227"),
        ("curl -v --ftp-port - ftp://17.254.0.91/this-is", "the server connects to the client"),
        ("curl -v ftp://17.254.0.91/this-is", "curl takes no other address than the one it called: no data"),
    ),
)
