"""The gateway as a routing device before a box that forgets idle connections."""

from firewalls import nftables
from network import Daemon, Fact, Host, Segment, Scenario, forget_after, forget_idle

scenario = Scenario(
    name="router-idle",
    title="Interception and a box that forgets idle connections",
    rows="G5 G6 G12",
    about="A box of the provider forgets connections after 10 s without a packet, and drops their packets from then on. During a longer "
          "transfer the control connection is idle; the gateway's keepalives prevent that it is forgotten.",
    segments=(Segment("lan", "192.168.1.0/24"), Segment("wan", "17.254.0.0/24"), Segment("far", "17.254.2.0/24")),
    hosts=(
        Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("router", {"lan": "192.168.1.1/24", "wan": "17.254.0.26/24"}, via="17.254.0.1", forwards=True,
             rules=nftables("lan", "wan", "21, 990, 2121"), about="NAT to 17.254.0.26"),
        Host("box", {"wan": "17.254.0.1/24", "far": "17.254.2.1/24"}, forwards=True, rules=(forget_idle(),), settings=forget_after(10),
             about="forgets after 10 s"),
        Host("server", {"far": "17.254.2.91/24"}, via="17.254.2.1"),
    ),
    daemons=(
        Daemon("server", "serve {files} --listen 17.254.2.91:21 --user writer:lab"),
        Daemon("router", "gate --intercept lan --keepalive-idle 4 --keepalive-interval 2"),
    ),
    facts=(
        Fact("client", "17.254.2.91", 21, "server", True, "control connection"),
        Fact("client", "17.254.2.91", 30000, "server", False, "passive mode"),
    ),
    tries=(("curl -v --limit-rate 500k -o /dev/null ftp://17.254.2.91/", "a slow transfer"),),
)
