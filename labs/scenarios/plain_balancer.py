"""A layer-4 load balancer with affinity by client address; the servers advertise its address (third solution of the article)."""

from network import Daemon, Fact, Host, Segment, Scenario, admit_only, masquerade, pin

SERVERS = {"one": "10.0.0.11", "two": "10.0.0.12"}

scenario = Scenario(
    name="plain-balancer",
    title="Layer-4 load balancer",
    rows="G7(3) S3",
    about="The load balancer forwards port 21 and 30000-30009 to one of two servers, selected by the client address, even or odd. "
          "It works because both servers have the same range and advertise the address of the load balancer in 227.",
    segments=(Segment("internet", "17.254.0.0/24"), Segment("farm", "10.0.0.0/24")),
    hosts=(
        Host("client", {"internet": "17.254.0.10/24"}),
        Host("second-client", {"internet": "17.254.0.11/24"}),
        Host("balancer", {"internet": "17.254.0.91/24", "farm": "10.0.0.1/24"}, forwards=True,
             rules=(masquerade(out="internet"), pin("internet", tcp="21, 30000-30009", even=SERVERS["one"], odd=SERVERS["two"]),
                    admit_only("internet")),
             about="even addresses to one, odd ones to two"),
        *(Host(name, {"farm": f"{address}/24"}, via="10.0.0.1") for name, address in SERVERS.items()),
    ),
    daemons=tuple(Daemon(name, f"serve {{files}} --listen {address}:21 --passive-ports 30000-30009 --external-address 17.254.0.91 "
                               "--anonymous --user writer:lab") for name, address in SERVERS.items()),
    facts=(
        Fact("client", "17.254.0.91", 21, "one", True, "even"),
        Fact("client", "17.254.0.91", 30000, "one", True, "passive mode"),
        Fact("second-client", "17.254.0.91", 21, "two", True, "odd"),
        Fact("second-client", "17.254.0.91", 30009, "two", True),
        Fact("client", "17.254.0.91", 30010, "one", False),
        Fact("client", "10.0.0.11", 21, "one", False, "only through the load balancer"),
        Fact("one", "17.254.0.10", 30000, "client", True, "active mode"),
    ),
    tries=(
        ("curl -v --disable-epsv --no-ftp-skip-pasv-ip ftp://17.254.0.91/this-is", "the balancer's address in 227"),
        ("lab exec plain-balancer second-client curl ftp://17.254.0.91/this-is", "the other server"),
    ),
)
