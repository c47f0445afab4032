"""Use of openings in the kernel, and the messages if a firewall prevents forwarding (GW-05, G12)."""

import json
import re
import socket
import subprocess
import time

import pytest

import network
from harness.daemon import Daemon, wait_until
from harness.openings import gone, raw_socket, syn, unused_openings
from harness.raw import Raw, drain
from harness.scripted_server import ScriptedServer
from network import Host, Segment, Scenario

CLIENT, UNEXPECTED_PEER, GATE, SERVER = "17.254.0.10", "17.254.0.66", "17.254.0.91", "172.16.3.4"
WAIT = 2  # --data-timeout, in seconds

# A very common forward chain. It does not mention connections that NAT forwards.
RELATED = """
table inet strict {
    chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
    }
}"""
STRICT = RELATED.replace("established,related", "established")
# The gateway's port is not the one that clients connect to.
REDIRECTED = """
table ip redirected {
    chain prerouting {
        type nat hook prerouting priority dstnat
        tcp dport 2100 redirect to :21
    }
}"""
SILENT = """
table inet silent {
    chain input {
        type filter hook input priority filter
        ct state invalid drop
        tcp flags & (syn | ack) == syn | ack ct state new drop
    }
}"""


def scenario(router=(), client=()):
    return Scenario("openings", "a router that leads by its kernel", "", (Segment("outside"), Segment("inside")), (
        Host("client", {"outside": f"{CLIENT}/24"}, rules=client),
        Host("other-host", {"outside": f"{UNEXPECTED_PEER}/24"}),
        Host("router", {"outside": f"{GATE}/24", "inside": "172.16.3.1/24"}, forwards=True, rules=router),
        Host("server", {"inside": f"{SERVER}/24"}),
    ))


class Site:
    def __init__(self, built, sallyport, folder, replies):
        self.net, self.files, self.records_file = built, folder / "files", folder / "records"
        self.control = folder / "gate.sock"
        self.files.mkdir()
        (self.files / "file").write_bytes(b"content")
        if replies:
            self.server = built.inside("server", lambda: ScriptedServer(replies=replies, at=(SERVER, 21)))
        else:
            self.server = self.start("server", sallyport, "serve", self.files, "--listen", f"{SERVER}:21", "--user", "writer:lab")
        self.gate = self.start("router", sallyport, "gate", "--listen", f"{GATE}:21", "--backend", f"ftp://{SERVER}",
                               "--data-path", "kernel", "--backend-data-mode", "match", "--data-timeout", WAIT,
                               "--transfer-log", self.records_file, "--transfer-log-format", "json", "--control-socket", self.control)

    def start(self, host, *argv):
        return Daemon(argv, wrap=lambda a: self.net.command(host, *a)).wait_ready()

    def stop(self):
        self.gate.stop()
        self.server.close() if isinstance(self.server, ScriptedServer) else self.server.stop()

    def raw(self):
        return Raw(GATE, 21, dial=self.net.dial("client"))

    def begin_to_connect(self, port):
        """A connection attempt of the client."""
        def act():
            data = socket.socket()
            data.setblocking(False)
            data.connect_ex((GATE, port))
            return data
        return self.net.inside("client", act)

    def status(self):
        done = subprocess.run([self.gate.argv[0], "gate", "status", "--json", "--control-socket", self.control], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def last_record(self):
        wait_until(lambda: self.records_file.read_text().endswith("\n"), what="a record")
        return json.loads(self.records_file.read_text().splitlines()[-1])


@pytest.fixture
def site(networks, sallyport, tmp_path, certificate):
    """site(RULES of the router, RULES of the client); `replies`: those of a scripted server."""
    built = []

    def make(replies=None, **rules):
        up = network.Network(scenario(**rules)).up()
        built.append((up, None))
        made = Site(up, sallyport, tmp_path, replies)
        built.append((up, made))
        return made

    yield make
    for up, made in reversed(built):
        if made:
            made.stop()
        up.down()


def forge_syn(site, port, source_port):
    """A SYN with the client's address, from another host."""
    with raw_socket(site.net, "other-host") as raw:
        raw.sendto(syn(CLIENT, source_port, GATE, port), (GATE, port))


@pytest.mark.parametrize("client", ["answers", "silent"])
def test_a_forged_SYN_does_not_spend_an_opening(site, client):
    """GW-05: ten of ten transfers succeed, whether the client answers unexpected packets with RST or not at all."""
    site = site(client=(SILENT,) if client == "silent" else ())
    with site.raw() as raw:
        raw.login()
        for attempt in range(10):
            port = raw.epsv_port()
            for source_port in range(40000, 40005):
                forge_syn(site, port, source_port + 10 * attempt)
            time.sleep(0.05)  # they are forwarded to the server, and its answers come back
            assert [opening[2] for opening in unused_openings(site.net)] == [port]
            with raw.connect(port) as data:
                raw.expect("RETR /file", 150)
                assert drain(data) == b"content"
            assert raw.reply().code == 226
        gone(site.net, 2)
    assert site.gate.log().count("path kernel, complete") == 10


def test_openings_are_counted(site):
    """G12: one that was used, and one to which no client has connected."""
    site = site()
    with site.raw() as raw:
        raw.login()
        with raw.connect(raw.epsv_port()) as data:
            raw.expect("RETR /file", 150)
            assert drain(data) == b"content"
        assert raw.reply().code == 226
        totals = site.status()["totals"]
        assert (totals["openings_expected"], totals["openings_used"], totals["openings_expired"]) == (1, 1, 0)
        raw.epsv_port()
        raw.expect("RETR /file", 425)
        totals = site.status()["totals"]
        assert (totals["openings_expected"], totals["openings_used"], totals["openings_expired"]) == (2, 1, 1)
    assert set(site.status()["openings_refused"].values()) == {0}


def test_a_spent_opening_stays_spent(site):
    """G2: afterwards, neither a forged SYN nor a second connection of the client is forwarded."""
    site = site()
    (site.files / "big").write_bytes(bytes(16 << 20))
    with site.raw() as raw:
        port = raw.login().epsv_port()
        with raw.connect(port) as data:
            raw.expect("RETR /big", 150)
            assert not unused_openings(site.net)
            for source_port in range(40000, 40005):
                forge_syn(site, port, source_port)
            try:
                with raw.connect(port) as second:
                    assert second.recv(1) == b""
            except ConnectionError:
                pass
            assert len(drain(data)) == 16 << 20
        assert raw.reply().code == 226


@pytest.mark.parametrize("port", [21, 2100])
def test_a_forward_chain_that_accepts_related_connections(site, port):
    """G2, G3: nothing has to be added to the administrator's rules, for any method of the client."""
    site = site(router=(RELATED, REDIRECTED))
    for options in ([], ["--disable-epsv"], ["--ftp-port", "-"], ["--ftp-port", "-", "--disable-eprt"]):
        got = network.run(*site.net.command("client", "curl", "-s", "-S", "-u", "writer:lab", "--max-time", "10", *options,
                                            f"ftp://{GATE}:{port}/file"))
        assert got == "content", options
    assert site.gate.log().count("path kernel, complete") == 4
    gone(site.net, 2)
    assert not network.run(*site.net.command("router", "conntrack", "-L", "expect")).strip()


def final(raw):
    """The final reply; a 150 may precede it."""
    reply = raw.reply()
    return raw.reply() if reply.code == 150 else reply


@pytest.mark.parametrize("method", ["passive", "pipelined", "active"])
def test_a_forward_chain_that_drops_forwarded_packets(site, method):
    """The transfer ends with 425 within --data-timeout, the log names the cause and the page, and the session continues."""
    site = site(router=(STRICT,))
    with site.raw() as raw:
        raw.login()
        asked = b"RETR /file\r\n"
        if method == "passive":
            data = site.begin_to_connect(raw.epsv_port())
        elif method == "pipelined":
            asked = b"EPSV\r\nRETR /file\r\n"
        else:
            data = site.net.inside("client", lambda: socket.create_server((CLIENT, 0)))
            port = data.getsockname()[1]
            raw.expect(f"PORT {CLIENT.replace('.', ',')},{port // 256},{port % 256}", 200)
        begun = time.monotonic()
        raw.send(asked)
        if method == "pipelined":
            port = int(re.search(r"\|(\d+)\|\)", raw.reply().text)[1])
            data = site.begin_to_connect(port)
        reply = final(raw)
        assert reply.code == 425 and time.monotonic() - begun < WAIT + 1.5, reply
        data.close()
        (line,) = [line for line in site.gate.log().splitlines() if "ct status dnat" in line]
        assert re.search(r"Data connection failed \[(data-ports-dropped|active-blocked)\] RETR /file, ", line)
        assert ("backend leg" in line) == (method == "active")
        assert "ct state related" in line and "forward chain" in line and "docs/gateway.md" in line and "RETR /file" in line
        record = site.last_record()
        assert record["result"] == "timeout" and record["reply_code"] == 425 and "forward chain" in record["reason"]
        raw.expect("NOOP", 200)
        gone(site.net, WAIT + 2)
        network.run(*site.net.command("router", "nft", "add rule inet strict forward ct status dnat accept"))
        assert raw.retrieve("/file") == b"content"
    assert site.gate.log().count("path kernel, complete") == 1


def test_an_opening_that_is_not_used(site):
    """Another cause, and another message."""
    site = site()
    with site.raw() as raw:
        raw.login().epsv_port()
        raw.send(b"RETR /file\r\n")
        assert final(raw).code == 425
        assert re.search(rf"no connection request from {CLIENT} arrived at {GATE}:\d+", site.gate.log())
        assert "ct status dnat" not in site.gate.log()
        raw.expect("NOOP", 200)
        assert raw.retrieve("/file") == b"content"


def test_a_transfer_that_lasts_longer_than_that_goes_on(site):
    """An established connection has no such deadline."""
    site = site()
    (site.files / "big").write_bytes(bytes(16 << 20))
    with site.raw() as raw:
        with raw.connect(raw.login().epsv_port()) as data:
            raw.expect("RETR /big", 150)
            time.sleep(WAIT + 1)
            assert len(drain(data)) == 16 << 20
        assert raw.reply().code == 226


# Transfers that begin long after their negotiation.

def active(site, raw):
    """The client's listening socket, after PORT."""
    listener = site.net.inside("client", lambda: socket.create_server((CLIENT, 0)))
    listener.settimeout(5)
    port = listener.getsockname()[1]
    raw.expect(f"PORT {CLIENT.replace('.', ',')},{port // 256},{port % 256}", 200)
    return listener


@pytest.mark.parametrize("method", ["passive", "active"])
def test_a_transfer_that_begins_after_the_life_of_its_opening(site, method):
    """G2: it is complete. The server's connection is not accepted at the reserved port, after which it would reply 226."""
    site = site()
    with site.raw() as raw:
        raw.login()
        if method == "active":
            with active(site, raw) as listener:
                time.sleep(WAIT + 1.5)
                raw.expect("RETR /file", 150)
                with listener.accept()[0] as data:
                    assert drain(data) == b"content"
        else:
            port = raw.epsv_port()
            time.sleep(WAIT + 1.5)
            raw.send(b"RETR /file\r\n")
            wait_until(lambda: [opening[2] for opening in unused_openings(site.net)] == [port], 1, "the opening")
            with raw.connect(port) as data:
                assert drain(data) == b"content"
            assert raw.reply().code == 150
        assert raw.reply().code == 226
        gone(site.net, 2)
    assert site.gate.log().count("path kernel, complete") == 1


def test_a_server_that_connects_after_the_life_of_the_first_opening(site):
    """G2: it has the time of the transfer that waits, and not what is left of the negotiation's."""
    def late(control):
        *address, high, low = site.server.arguments_of("PORT")[-1].split(",")
        time.sleep(WAIT - 0.4)
        with socket.create_connection((".".join(address), int(high) * 256 + int(low)), timeout=1) as data:
            control.sendall(b"150 here\r\n")
            data.sendall(b"content")
        control.sendall(b"226 done\r\n")

    site = site(replies={"PORT": "200 ok", "RETR": late})
    with site.raw() as raw:
        with active(site, raw.login()) as listener:
            time.sleep(WAIT - 0.3)
            raw.expect("RETR /file", 150)
            with listener.accept()[0] as data:
                assert drain(data) == b"content"
            assert raw.reply().code == 226
    assert site.gate.log().count("path kernel, complete") == 1
