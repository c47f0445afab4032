"""A firewall that allows one port, the control port: data connections use it too (single-port mode)."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade

scenario = Scenario(
    name="single-port",
    title="Single-port mode",
    rows="G8",
    about="The firewall allows incoming connections to port 21 only, and no outgoing ones. Server and gateway accept data connections "
          "on the control port. Alice and Bob share the address of the office: over TLS both can transfer at the same time; without "
          "TLS, one of them has to try again if both request data at the same moment.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("office", "192.168.1.0/24"), Segment("dmz", "17.254.1.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}, via="17.254.0.1"),
        Host("router", {"internet": "17.254.0.92/24", "office": "192.168.1.1/24"}, via="17.254.0.1", forwards=True,
             rules=(masquerade(out="internet"),), about="NAT of the office to 17.254.0.92"),
        Host("alice", {"office": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("bob", {"office": "192.168.1.3/24"}, via="192.168.1.1"),
        Host("firewall", {"internet": "17.254.0.1/24", "dmz": "17.254.1.1/24"}, forwards=True,
             rules=(admit_only("internet", tcp="21"), admit_only("dmz")), about="incoming 21; nothing outgoing"),
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
        ("curl -v ftp://17.254.1.4/", "EPSV advertises port 21"),
        ("lftp -e 'set ssl:verify-certificate no; ls; bye' 17.254.1.6", "through the gateway, with TLS if it is offered"),
    ),
)
