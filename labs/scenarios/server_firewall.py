"""A strict firewall at the server: incoming connections to the control port and a small passive range only, no outgoing ones."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only

scenario = Scenario(
    name="server-firewall",
    title="Strict firewall at the server",
    rows="G1 G2 S1 S2",
    about="The firewall allows connections to ports 21 and 30000-30009 of the server. Active mode must fail with 425 and the reason. "
          "The gateway listens on the address of the firewall, and its backend needs no open port at all.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("dmz", "17.254.1.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}, via="17.254.0.1"),
        Host("firewall", {"internet": "17.254.0.1/24", "dmz": "17.254.1.1/24"}, forwards=True,
             rules=(admit_only("internet", tcp="21, 30000-30009"), admit_only("dmz")),
             about="incoming 21 and 30000-30009; nothing outgoing"),
        Host("server", {"dmz": "17.254.1.4/24"}, via="17.254.1.1"),
        Host("hidden", {"dmz": "17.254.1.5/24"}, about="reached through the gateway only"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.1.4:21 --passive-ports 30000-30009 --data-timeout 3 "
                         "--anonymous --user writer:lab"),
        Daemon("hidden", "serve {files} --listen 17.254.1.5:2100 --anonymous --user writer:lab"),
        Daemon("firewall", "gate --listen 17.254.0.1:21 --passive-ports 30000-30009 --backend ftp://17.254.1.5:2100"),
    ),
    facts=(
        Fact("client", "17.254.1.4", 21, "server", True),
        Fact("client", "17.254.1.4", 30000, "server", True, "passive mode"),
        Fact("client", "17.254.1.4", 30010, "server", False),
        Fact("client", "17.254.1.5", 2100, "hidden", False),
        Fact("client", "17.254.0.1", 30000, "firewall", True, "passive mode to the gateway"),
        Fact("server", "17.254.0.10", 30000, "client", False, "active mode"),
    ),
    tries=(
        ("curl -v ftp://17.254.1.4/", "passive, in the open range"),
        ("curl -v --ftp-port - ftp://17.254.1.4/", "active: 425 after 3 s, with the reason"),
        ("curl -v ftp://17.254.0.1/", "the hidden server, through the gateway"),
    ),
)
