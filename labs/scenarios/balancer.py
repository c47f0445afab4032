"""Three identical servers behind one address, with the gateway as load balancer (second solution of the article)."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade

SERVERS = ("one", "two", "three")

scenario = Scenario(
    name="balancer",
    title="Load balancer with three servers",
    rows="G1 G4 G7(2)",
    about="Each session goes to the server with the fewest sessions, and its data connections to the same server. Stop a server "
          "(lab exec balancer two kill ...), and new sessions go to the others.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("farm", "10.0.0.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}),
        Host("second-client", {"internet": "17.254.0.11/24"}),
        Host("gateway", {"internet": "17.254.0.91/24", "farm": "10.0.0.1/24"}, forwards=True,
             rules=(masquerade(out="internet"), admit_only("internet", tcp="21, 990, 51000-51009")),
             about="balances over the farm"),
        *(Host(name, {"farm": f"10.0.0.{11 + i}/24"}, via="10.0.0.1") for i, name in enumerate(SERVERS)),
    ),
    daemons=(
        *(Daemon(name, f"serve {{files}} --listen 10.0.0.{11 + i}:21 --anonymous --user writer:lab")
          for i, name in enumerate(SERVERS)),
        Daemon("gateway", "gate --listen 17.254.0.91:21 --passive-ports 51000-51009 "
               + " ".join(f"--backend ftp://10.0.0.{11 + i}:21" for i in range(len(SERVERS)))),
    ),
    facts=(
        Fact("client", "17.254.0.91", 21, "gateway", True),
        Fact("client", "17.254.0.91", 51000, "gateway", True, "passive mode"),
        Fact("client", "10.0.0.11", 21, "one", False, "only through the gateway"),
        Fact("gateway", "10.0.0.12", 21, "two", True),
        Fact("three", "17.254.0.10", 30000, "client", True, "outgoing"),
    ),
    tries=(
        ("curl ftp://17.254.0.91/this-is", "shows which server this is; with another session open, the next one gets another server"),
        ("lftp 17.254.0.91", "keeps a session open"),
    ),
)
