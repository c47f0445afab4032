"""The server is behind a NAT router, the client has a public address."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade, port_forward

scenario = Scenario(
    name="server-nat",
    title="NAT router at the server",
    rows="G1 G4 S1 S3",
    about="On port 21, the gateway on the router rewrites 227 (172,16,3,4,...) to 17,254,0,91. Ports 2121 and 30000-30009 are "
          "forwarded to a server that advertises the external address itself.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("inside", "172.16.3.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}),
        Host("other-host", {"internet": "17.254.0.66/24"}),
        Host("router", {"internet": "17.254.0.91/24", "inside": "172.16.3.1/24"}, forwards=True,
             rules=(masquerade(out="internet"), port_forward("internet", tcp="2121, 30000-30009", to="172.16.3.4"),
                    admit_only("internet", tcp="21, 990, 51000-51009")),
             about="gateway on 21; forwards 2121 and 30000-30009 to the server"),
        Host("server", {"inside": "172.16.3.4/24"}, via="172.16.3.1"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 172.16.3.4:21 --anonymous --user writer:lab"),
        Daemon("server", "serve {files} --listen 172.16.3.4:2121 --passive-ports 30000-30009 --external-address 17.254.0.91 "
                         "--anonymous --user writer:lab"),
        Daemon("router", "gate --listen 17.254.0.91:21 --passive-ports 51000-51009 --backend ftp://172.16.3.4:21"),
    ),
    facts=(
        Fact("client", "172.16.3.4", 21, "server", False, "the private address is not reachable from outside"),
        Fact("client", "17.254.0.91", 2121, "server", True, "forwarded"),
        Fact("client", "17.254.0.91", 30000, "server", True, "forwarded"),
        Fact("client", "17.254.0.91", 30010, "server", False),
        Fact("client", "17.254.0.91", 51000, "router", True, "the gateway's own range"),
        Fact("server", "17.254.0.10", 30000, "client", True, "active mode"),
    ),
    tries=(
        ("curl -v ftp://17.254.0.91/", "passive through the gateway"),
        ("curl -v --ftp-port - ftp://17.254.0.91/", "active through the gateway"),
        ("curl -v --disable-epsv --no-ftp-skip-pasv-ip ftp://17.254.0.91:2121/", "the server advertises the external address itself"),
    ),
)
