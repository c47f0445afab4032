"""The client is behind a NAT router, the server has a public address: the common home user."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade

scenario = Scenario(
    name="client-nat",
    title="NAT router at the client",
    rows="G3 G11 C1 C4",
    about="Passive mode works without a gateway. In active mode the client sends 192.168.1.2, which the server cannot reach and must "
          "refuse; through the gateway on the router, active mode works.",
    segments=(Segment("home", "192.168.1.0/24"), Segment("internet", "17.254.0.0/24")),
    hosts=(
        Host("client", {"home": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("router", {"internet": "17.254.0.26/24", "home": "192.168.1.1/24"}, forwards=True,
             rules=(masquerade(out="internet"), admit_only("internet")),
             about="NAT to 17.254.0.26, no incoming connections"),
        Host("server", {"internet": "17.254.0.91/24"}),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.0.91:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --listen 192.168.1.1:21 --backend ftp://17.254.0.91:21"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "server", True),
        Fact("client", "17.254.0.91", 30000, "server", True, "passive mode"),
        Fact("server", "192.168.1.2", 30000, "client", False, "active mode, as announced: no route"),
        Fact("server", "17.254.0.26", 30000, "client", False, "the router leads nothing in"),
        Fact("router", "192.168.1.2", 30000, "client", True, "active mode from the gateway on the router"),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "passive: works"),
        ("curl -v --ftp-port - ftp://17.254.0.91/", "active: 504, the address is not yours"),
        ("curl -v --ftp-port - ftp://192.168.1.1/", "active through the gateway on the router: works"),
    ),
)
