"""Sessions across a router with NAT and a firewall: with our gateway on it, with the kernel's FTP helper, and with neither, which only
works with a firewall that admits everything. Each has a network of its own, and the generator runs on its client.

Needs root."""

import subprocess
import sys
import time

from .servers import ROOT, Sallyport

sys.path.append(str(ROOT / "labs"))

from firewalls import nftables  # noqa: E402
from network import Host, Network, Scenario, Segment, masquerade  # noqa: E402

SERVER = "17.254.0.91"
HELPER = """
table inet helper {
    ct helper ftp {
        type "ftp" protocol tcp
    }
    chain assign {
        type filter hook prerouting priority filter
        iifname "lan" tcp dport 21 ct helper set "ftp"
    }
}"""


def scenario(rules):
    """Closed connections are tracked for 5 seconds, as the table would be full at these rates."""
    return Scenario("bench", "a router", "", (Segment("lan"), Segment("wan")), (
        Host("client", {"lan": "192.168.1.2/24"}, via="192.168.1.1"),
        Host("router", {"lan": "192.168.1.1/24", "wan": "17.254.0.26/24"}, forwards=True, rules=rules,
             settings={"netfilter/nf_conntrack_tcp_timeout_time_wait": 5}),
        Host("server", {"wan": f"{SERVER}/24"}),
    ))


class Routed(Sallyport):
    """Plain forwarding with NAT."""

    name = "no gateway"
    address = SERVER
    rules = (masquerade(out="wan"),)

    def __init__(self, site, tls):
        super().__init__(site, tls)
        self.port, self.network = 21, None

    def start(self):
        self.network = Network(scenario(self.rules)).up()
        self.enter = self.network.command("server")
        super().start()
        self.enter = self.network.command("client")
        return self

    def stop(self):
        super().stop()
        if self.network:
            self.network.down()
            self.network = None


class RoutedByKernel(Routed):
    name = "nf_nat_ftp"
    rules = (*nftables("lan", "wan", "21"), HELPER)


class RoutedByGateway(Routed):
    name = Sallyport.name
    rules = nftables("lan", "wan", "21")
    gate = None

    def start(self):
        super().start()
        log = self.folder / "gate"
        with log.open("wb") as output:
            gate = [self.binary, "gate", "--intercept", "lan", "--log-level", "warning", "--max-sessions-per-address", "0"]
            self.gate = subprocess.Popen(self.network.command("router", *gate),
                                         stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + 15
        while "listening on" not in log.read_text():
            if self.gate.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the gateway did not start: {log.read_text()}")
            time.sleep(0.05)
        return self

    def stop(self):
        if self.gate:
            self.gate.terminate()
            self.gate.wait(10)
            self.gate = None
        super().stop()


ROUTERS = [RoutedByGateway, RoutedByKernel, Routed]
