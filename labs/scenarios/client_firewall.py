"""A strict firewall at the client: outgoing connections to well-known ports only, no incoming ones."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only

scenario = Scenario(
    name="client-firewall",
    title="Strict firewall at the client",
    rows="G1 G8 C1 C3 S2",
    about="The firewall allows outgoing connections to 21, 80, 443 and 990 only. With a server that has a common passive range, only "
          "the login succeeds. A server whose passive range is port 443 works, and so does the first one through a gateway with "
          "that range.",
    segments=(Segment("office", "192.168.1.0/24, routed"), Segment("internet", "17.254.0.0/24")),
    hosts=(
        Host("client", {"office": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("firewall", {"internet": "17.254.0.1/24", "office": "192.168.1.1/24"}, forwards=True,
             rules=(admit_only("office", tcp="21, 80, 443, 990"), admit_only("internet")),
             about="outgoing 21, 80, 443, 990; no incoming connections"),
        Host("usual", {"internet": "17.254.0.91/24"}, via="17.254.0.1", about="passive 30000-30009"),
        Host("kind", {"internet": "17.254.0.92/24"}, via="17.254.0.1", about="passive 443"),
        Host("gateway", {"internet": "17.254.0.93/24"}, via="17.254.0.1", about="of usual, passive 443"),
    ),
    daemons=(
        Daemon("usual", "serve {files} --listen 17.254.0.91:21 --passive-ports 30000-30009 --anonymous --user writer:lab"),
        Daemon("kind", "serve {files} --listen 17.254.0.92:21 --passive-ports 443-443 --anonymous --user writer:lab"),
        Daemon("gateway", "gate --listen 17.254.0.93:21 --passive-ports 443-443 --backend ftp://17.254.0.91:21"),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "usual", True),
        Fact("client", "17.254.0.91", 30000, "usual", False, "passive mode"),
        Fact("client", "17.254.0.92", 443, "kind", True, "passive mode on a well-known port"),
        Fact("usual", "192.168.1.2", 30000, "client", False, "active mode"),
    ),
    tries=(
        ("curl -v -m 20 ftp://17.254.0.91/", "login works, listing times out"),
        ("curl -v ftp://17.254.0.92/", "passive on 443: works"),
        ("curl -v ftp://17.254.0.93/", "the first server through the gateway: works"),
    ),
)
