"""Our server behind a router that maps its ports, with --map and without it: a client on the Internet asks for a passive port, whose
external number and address are read with the first, and whose own ones are sent with the second.

Needs root."""

import subprocess
import sys
import time

from .figures import WITHOUT_MAP
from .servers import ROOT, Sallyport

sys.path[:0] = [str(ROOT / "labs"), str(ROOT / "tests/integration")]

from harness.scripted_router import ScriptedRouter  # noqa: E402
from network import Host, Network, Scenario, Segment  # noqa: E402

# There is no NAT in between, so that both servers are asked at the same address.
SCENARIO = Scenario("bench", "a router that maps ports", "", (Segment("lan"), Segment("wan")), (
    Host("client", {"wan": "5.9.1.10/24"}, via="5.9.1.1"),
    Host("router", {"wan": "5.9.1.1/24", "lan": "192.168.77.1/24"}, forwards=True),
    Host("server", {"lan": "192.168.77.10/24"}, via="192.168.77.1"),
))


class Unmapped(Sallyport):
    name = WITHOUT_MAP
    address = "192.168.77.10"
    options = ()

    def __init__(self, site, tls):
        super().__init__(site, tls)
        self.port, self.network = 21, None

    def command(self):
        return [*super().command(), "--passive-ports", "30000-30007", "--control-socket", "none", *self.options]

    def start(self):
        self.network = Network(SCENARIO).up()
        self.start_router()
        self.enter = self.network.command("server")
        super().start()
        self.enter = self.network.command("client")
        return self

    def start_router(self):
        """Nothing: its kernel refuses all requests."""

    def stop(self):
        super().stop()
        if self.network:
            self.network.down()
            self.network = None


class Mapped(Unmapped):
    name = Sallyport.name
    options = ("--map=pcp",)
    router = None

    def start_router(self):
        self.router = ScriptedRouter("192.168.77.1", inside=lambda act: self.network.inside("router", act))
        self.router.__enter__()

    def start(self):
        super().start()
        deadline = time.monotonic() + 15
        while "(5,9,1,1," not in self.reply_to_pasv():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the router's address is not in 227: {(self.folder / 'output').read_text(errors='replace').strip()}")
            time.sleep(0.2)
        return self

    def reply_to_pasv(self):
        asked = (f"import ftplib; ftp = ftplib.FTP(); ftp.connect({self.address!r}, {self.port}, 2); ftp.login(); "
                 "print(ftp.sendcmd('PASV'))")
        return subprocess.run([*self.enter, sys.executable, "-c", asked], capture_output=True, text=True).stdout

    def stop(self):
        super().stop()
        if self.router:
            self.router.__exit__()
            self.router = None


SERVERS = [Mapped, Unmapped]
