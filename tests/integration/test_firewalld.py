"""The gateway on a router with firewalld itself, from its package: reloading it loses no transfer and no new session (G2 G12)."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import cannot
from harness import programs
from harness.daemon import wait_until
from scenarios import SCENARIOS
from test_labs import Lab
from test_router_openings import BIG, MANY, intercepted, transfers

BUS = """<busconfig><type>system</type><listen>unix:path={0}/bus</listen><policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>"""
FILES = {
    "zones/internal.xml": '<zone><interface name="lan"/><service name="ftp"/><port port="2121" protocol="tcp"/></zone>',
    "zones/external.xml": '<zone><interface name="wan"/><masquerade/></zone>',
    "policies/out.xml": '<policy target="REJECT"><service name="ftp"/><ingress-zone name="internal"/><egress-zone name="external"/></policy>',
}


class Firewalld:
    """On a host of a network, with a message bus of its own. Its service "ftp" assigns the kernel's FTP helper."""

    def __init__(self, net, host):
        self.folder = Path(tempfile.mkdtemp(prefix="spfw-"))  # the path of a socket is short
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus"}
        self.net, self.host, self.running = net, host, []
        (self.folder / "bus.conf").write_text(BUS.format(self.folder))
        for name, text in FILES.items():
            path = self.folder / "etc" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')
        (self.folder / "etc/firewalld.conf").write_text("DefaultZone=public\nFirewallBackend=nftables\nLogDenied=off\n")

    def __enter__(self):
        defaults = Path(programs.ROOT / "build/reference-servers/firewalld/usr/lib/firewalld")
        try:
            self.start("dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork")
            wait_until((self.folder / "bus").exists, what="the message bus")
            self.start(programs.reference_server("firewalld"), "--nofork", "--nopid", "--system-config", self.folder / "etc",
                       "--default-config", defaults, "--log-file", self.folder / "log")
            wait_until(lambda: self.command("--state").returncode == 0, 20, "firewalld")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.kill()  # its rules end with the network
            process.wait(10)
        shutil.rmtree(self.folder)

    def start(self, *argv):
        output = (self.folder / "output").open("a")
        self.running.append(subprocess.Popen(self.net.command(self.host, *argv), env=self.environment, stdin=subprocess.DEVNULL,
                                             stdout=output, stderr=output))

    def command(self, *options):
        return subprocess.run(self.net.command(self.host, programs.reference_server("firewall-cmd"), *options), env=self.environment,
                              capture_output=True, text=True)


@pytest.mark.limit(120)
def test_it_is_reloaded_in_running_transfers(networks, sallyport, certificate, small_sample, tmp_path):
    if not programs.reference_server("firewalld") or not shutil.which("dbus-daemon"):
        cannot("firewalld is not in build/reference-servers, or there is no dbus-daemon")
    scenario = SCENARIOS["router-strict"].with_host("router", rules=())
    with Lab(sallyport, scenario, certificate, small_sample, tmp_path) as built, \
            Firewalld(built.network, "router") as firewall:
        built.fill("server", {"file": b"content", "big": bytes(BIG)})
        for method in ("epsv", "pasv", "eprt", "port"):
            assert "file" in built.client("curl", method).names(built.server("17.254.0.91"), "/"), method
        with transfers(built, MANY):
            reloaded = firewall.command("--reload")
            assert reloaded.returncode == 0, reloaded
            assert intercepted(built)
        assert intercepted(built)
