"""Client and server are each behind a NAT router."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade

scenario = Scenario(
    name="both-nat",
    title="NAT routers at both ends",
    rows="G1 G3 G4 C1",
    about="Neither side can advertise an address that the other can reach. The gateways do.",
    segments=(Segment("home", "192.168.1.0/24"), Segment("internet", "17.254.0.0/24"), Segment("inside", "172.16.3.0/24")),
    hosts=(
        Host("client", {"home": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("home-router", {"internet": "17.254.0.26/24", "home": "192.168.1.1/24"}, forwards=True,
             rules=(masquerade(out="internet"), admit_only("internet")),
             about="NAT to 17.254.0.26, no incoming connections"),
        Host("router", {"internet": "17.254.0.91/24", "inside": "172.16.3.1/24"}, forwards=True,
             rules=(masquerade(out="internet"), admit_only("internet", tcp="21, 990, 51000-51009")),
             about="gateway on 21"),
        Host("server", {"inside": "172.16.3.4/24"}, via="172.16.3.1"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 172.16.3.4:21 --anonymous --user writer:lab"),
        Daemon("router", "gate --listen 17.254.0.91:21 --passive-ports 51000-51009 --backend ftp://172.16.3.4:21"),
        Daemon("home-router", "gate --listen 192.168.1.1:21 --backend ftp://17.254.0.91:21"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "router", True),
        Fact("client", "17.254.0.91", 51000, "router", True, "passive mode through the gateway"),
        Fact("client", "172.16.3.4", 21, "server", False),
        Fact("server", "17.254.0.26", 30000, "client", False),
        Fact("router", "17.254.0.26", 30000, "client", False, "active mode ends at the home router"),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "passive through the server's gateway"),
        ("curl -v --ftp-port - ftp://17.254.0.91/", "active: refused with a reason"),
        ("curl -v --ftp-port - ftp://192.168.1.1/", "active through both gateways"),
    ),
)
