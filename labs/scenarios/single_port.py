"""A firewall that lets in exactly one port, the control port: data connections come to it too (single-port mode)."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade

scenario = Scenario(
    name="single-port",
    title="One port and no other",
    rows="G8",
    about="The firewall lets in 21 and nothing else, and nothing out. Server and gateway take data connections on the control "
          "port itself. Alice and Bob share the office's address: by TLS they work side by side; in plain FTP one of them has "
          "to try again when both want data in the same moment.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("office", "192.168.1.0/24"), Segment("dmz", "17.254.1.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}, via="17.254.0.1"),
        Host("router", {"internet": "17.254.0.92/24", "office": "192.168.1.1/24"}, via="17.254.0.1", forwards=True,
             rules=(masquerade(out="internet"),), about="the office's NAT: all come from 17.254.0.92"),
        Host("alice", {"office": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("bob", {"office": "192.168.1.3/24"}, via="192.168.1.1"),
        Host("firewall", {"internet": "17.254.0.1/24", "dmz": "17.254.1.1/24"}, forwards=True,
             rules=(admit_only("internet", tcp="21"), admit_only("dmz")), about="admits 21; lets nothing out"),
        Host("server", {"dmz": "17.254.1.4/24"}, via="17.254.1.1"),
        Host("gateway", {"dmz": "17.254.1.6/24"}, via="17.254.1.1"),
        Host("hidden", {"dmz": "17.254.1.5/24"}, about="reached through the gateway only"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.1.4:21 --single-port control --data-timeout 3 --anonymous --user writer:lab"),
        Daemon("hidden", "serve {files} --listen 17.254.1.5:2100 --anonymous --user writer:lab"),
        Daemon("gateway", "gate --listen 17.254.1.6:21 --single-port control --data-timeout 3 --backend ftp://17.254.1.5:2100"),
    ),
    facts=(
        Fact("client", "17.254.1.4", 21, "server", True, "control and data"),
        Fact("client", "17.254.1.4", 30000, "server", False),
        Fact("client", "17.254.1.6", 21, "gateway", True, "control and data"),
        Fact("alice", "17.254.1.4", 21, "server", True),
        Fact("bob", "17.254.1.6", 21, "gateway", True),
        Fact("client", "17.254.1.5", 2100, "hidden", False),
        Fact("server", "17.254.0.10", 30000, "client", False, "active mode"),
    ),
    tries=(
        ("curl -v ftp://17.254.1.4/", "EPSV tells port 21"),
        ("lftp -e 'set ssl:verify-certificate no; ls; bye' 17.254.1.6", "through the gateway, by TLS if it offers it"),
    ),
)
