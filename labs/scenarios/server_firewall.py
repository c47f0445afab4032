"""A strict firewall at the server: only the control port and a small passive range come in, nothing goes out."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only

scenario = Scenario(
    name="server-firewall",
    title="Strict firewall at the server",
    rows="G1 G2 S1 S2",
    about="On the server's own address the firewall lets in 21 and 30000-30009. Active mode must fail there with 425 and its "
          "reason. On the firewall's address the gateway answers, and the server behind needs nothing open at all.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("dmz", "17.254.1.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}, via="17.254.0.1"),
        Host("firewall", {"internet": "17.254.0.1/24", "dmz": "17.254.1.1/24"}, forwards=True,
             rules=(admit_only("internet", tcp="21, 30000-30009"), admit_only("dmz")),
             about="admits 21 and 30000-30009; lets nothing out"),
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
        ("curl -v ftp://17.254.1.4/", "passive in the range that is open"),
        ("curl -v --ftp-port - ftp://17.254.1.4/", "active: 425 after a while, with the reason"),
        ("curl -v ftp://17.254.0.1/", "the hidden server, through the gateway"),
    ),
)
