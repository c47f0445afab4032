"""The options of an intercepting gateway (gate --intercept), what it prints, and what it needs (G2, G12). Networks with routers are in
test_router_networks.py."""

import ftplib
import json
import os
import re
import socket
import ssl
import subprocess
import time

import pytest

import network
from harness.daemon import Daemon, wait_until
from harness.raw import Closed, Raw, drain
from harness.scripted_server import ScriptedServer
from network import Host, Scenario, Segment

CLIENT, ROUTER, OUTSIDE, SERVER = "192.168.1.2", "192.168.1.1", "17.254.0.26", "17.254.0.91"
WAIT = 2  # --data-timeout, in seconds

# The firewall of the router's administrator.
FIREWALL = """
table inet firewall {
    chain input {
        type filter hook input priority filter; policy drop
        ct state established,related accept
        iifname "lan" tcp dport { 21, 990 } accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname "lan" tcp dport { 21, 990 } accept
    }
}"""
METHODS = {"epsv": (), "pasv": ("--disable-epsv",), "eprt": ("-P", "-"), "port": ("-P", "-", "--disable-eprt")}


class Site:
    """A client behind a strict router with NAT, and a server outside."""

    def __init__(self, sallyport, folder, certificate, firewall, options, nat=True, serve=()):
        self.net = network.Network(Scenario("interception", "a strict router with NAT", "", (Segment("lan"), Segment("wan")), (
            Host("client", {"lan": f"{CLIENT}/24"}, via=ROUTER),
            Host("router", {"lan": f"{ROUTER}/24", "wan": f"{OUTSIDE}/24"}, forwards=True,
                 rules=(firewall, network.masquerade("wan")) if nat else (firewall,)),
            Host("server", {"wan": f"{SERVER}/24"}, via=() if nat else OUTSIDE),
        )))
        self.sallyport, self.daemons, self.folder = sallyport, [], folder / "files"
        self.tls = ("--tls-cert", certificate.cert, "--tls-key", certificate.key)
        files = folder / "files"
        files.mkdir()
        (files / "file").write_bytes(b"content")
        self.net.up()
        self.start("server", "serve", files, "--listen", f"{SERVER}:21", "--listen-tls", f"{SERVER}:990", "--user", "writer:lab",
                   *self.tls, *serve)
        self.gate = self.start("router", "gate", "--data-timeout", WAIT, *options)

    def start(self, host, *argv):
        daemon = Daemon((self.sallyport, *argv), wrap=lambda a: self.net.command(host, *a))
        self.daemons.append(daemon)
        return daemon.wait_ready()

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop()
        self.net.down()

    def curl(self, *options, url=f"ftp://{SERVER}/file"):
        """Its output, or its exit code."""
        done = subprocess.run(self.net.command("client", "curl", "-sS", "-k", "-m", "10", "--user", "writer:lab", *options, url),
                              capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else done.returncode

    def raw(self, address=SERVER):
        return Raw(address, 21, dial=self.net.dial("client"))


@pytest.fixture
def site(networks, sallyport, tmp_path, certificate):
    """site("--intercept", ...)"""
    built = []

    def make(*options, firewall=FIREWALL, nat=True, serve=()):
        built.append(Site(sallyport, tmp_path, certificate, firewall, options, nat, serve))
        return built[-1]

    yield make
    for one in built:
        one.stop()


def test_every_method_crosses_a_strict_router(site):
    """G2 G3 G11: and the server is sent the address that it sees, with a port that belongs to this connection alone."""
    site = site("--intercept", "lan")
    for options in METHODS.values():
        assert site.curl(*options) == "content"
    log = site.gate.log()
    assert log.count("path kernel, complete") == 4
    assert re.search(rf"client PORT {CLIENT}:\d+, backend PORT {OUTSIDE}:\d+, path kernel", log)
    assert f"to {SERVER}:21, intercepted, TLS pass" in log


def test_servers_may_see_the_router(site):
    site = site("--intercept", "lan", "--server-sees", "router")
    assert [site.curl(*options) for options in METHODS.values()] == ["content"] * 4


def test_the_router_itself_is_no_server(site):
    site = site("--intercept", "lan")
    with pytest.raises(ConnectionRefusedError):
        site.raw(ROUTER)
    assert site.curl() == "content"


def blocking_tables(site):
    listed = network.run(*site.net.command("router", "nft", "list", "tables"))
    return re.findall(r"sallyport_when_down_\w+", listed)


def test_without_a_gateway_sessions_are_blocked_or_pass(site):
    """An orderly end removes what blocks them; after SIGKILL it stays, and the next start names the command that removes it."""
    site = site("--intercept", "lan", "--when-down", "block")
    assert site.curl() == "content"
    (left,) = blocking_tables(site)
    site.gate.kill()
    wait_until(lambda: "tproxy" not in network.run(*site.net.command("router", "nft", "list", "ruleset")), what="the end of the rules")
    assert blocking_tables(site) == [left] and site.curl("--connect-timeout", "1") == 28
    again = site.start("router", "gate", "--intercept", "lan", "--when-down", "block")
    assert site.curl() == "content"
    assert f"'nft delete table inet {left}' removes it" in again.log()
    again.stop()
    wait_until(lambda: blocking_tables(site) == [left], what="the removal of the other table")


def test_TLS_that_ends_at_the_router_is_relayed(site, certificate):
    """G10: the client's data connections are accepted here in place of the server. (curl does not start TLS in active mode.)"""
    site = site("--intercept", "lan?tls=end&implicit=990", "--tls-cert", certificate.cert, "--tls-key", certificate.key,
                "--backend-insecure")
    for method in ("epsv", "pasv"):
        assert site.curl("--ssl-reqd", *METHODS[method]) == "content"
    assert site.curl(url=f"ftps://{SERVER}/file") == "content"
    assert site.gate.log().count("path relay: a data connection uses TLS") == 3
    assert site.curl() == "content"
    assert "path kernel" in site.gate.log()


OTHER_SERVER = "17.254.0.92"


def own_certificate(sallyport, folder, *names):
    """A file with a certificate of the gateway, and the certificate."""
    pem = folder / "own.pem"
    subprocess.run([sallyport, "cert", *names, "--output", pem], check=True, capture_output=True)
    return pem, ssl.PEM_cert_to_DER_cert("".join(re.findall("-----BEGIN CERT.*?END CERTIFICATE-----\n", pem.read_text(), re.S)))


def start_other_server(site, *options):
    network.run(*site.net.command("server", "ip", "address", "add", f"{OTHER_SERVER}/24", "dev", "wan"))
    site.start("server", "serve", site.folder, "--listen", f"{OTHER_SERVER}:21", "--user", "writer:lab", *site.tls, *options)


def test_TLS_ends_at_the_router_for_servers_that_it_has_a_certificate_for(site, sallyport, tmp_path, certificate):
    """G10: by the name that the client requests, otherwise by the server's address; and the log says which and why."""
    pem, own = own_certificate(sallyport, tmp_path, "held.example", SERVER)
    site = site("--intercept", "lan?tls=end&implicit=990", "--tls-cert", pem, "--backend-insecure")
    start_other_server(site, "--listen-tls", f"{OTHER_SERVER}:990")

    def ends_at_the_router(address, name, because):
        with site.raw(address) as client:
            client.greet()
            client.start_tls(name)
            assert because in site.gate.log()
            client.expect("USER writer", 331)
            client.expect("PASS lab", 230)
            return client.socket.getpeercert(binary_form=True) == own

    assert ends_at_the_router(SERVER, None, f"TLS ends here: a certificate is for {SERVER}, the address of the server")
    assert ends_at_the_router(OTHER_SERVER, "held.example", "TLS ends here: a certificate is for held.example")
    assert not ends_at_the_router(OTHER_SERVER, None, f"TLS passes to {OTHER_SERVER}: no certificate is for this address")
    assert not ends_at_the_router(SERVER, "other.example", f"TLS passes to {SERVER}: no certificate is for other.example")
    assert site.curl("--ssl-reqd") == site.curl(url=f"ftps://{SERVER}/file") == "content"
    assert site.gate.log().count("path relay: a data connection uses TLS") == 2
    passed = site.gate.log().count("TLS passthrough")
    assert site.curl("-I", url=f"ftps://{OTHER_SERVER}/") == ""
    assert site.gate.log().count("TLS passthrough") == passed + 1 == 3


def test_the_server_must_have_the_requested_name_too(site, sallyport, tmp_path, certificate):
    """G10: a certificate for its address alone doesn't do."""
    pem, own = own_certificate(sallyport, tmp_path, "localhost", "held.example")
    site = site("--intercept", "lan?tls=end", "--tls-cert", pem, "--backend-ca", certificate.cert)
    start_other_server(site)
    with site.raw(OTHER_SERVER) as client:
        client.greet()
        client.start_tls("localhost")
        assert client.socket.getpeercert(binary_form=True) == own
        client.expect("USER writer", 331)
    with site.raw(OTHER_SERVER) as client:
        client.greet()
        client.start_tls("held.example")
        assert client.socket.getpeercert(binary_form=True) == own and client.reply().code == 421
    wait_until(lambda: "the certificate of held.example is not trusted" in site.gate.log(), what="the reason")


def test_a_server_that_fails_after_234_is_reported_within_TLS(site, certificate):
    """G10: the client's handshake ends as it must, and it reads why the session ends."""
    site = site("--intercept", "lan?tls=end&ports=21,2121", "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--backend-insecure",
                firewall=FIREWALL.replace("{ 21, 990 }", "{ 21, 2121 }"))

    def accept_and_leave(control):
        control.sendall(b"234 go on\r\n")
        control.recv(1)  # the handshake begins
        control.shutdown(socket.SHUT_RDWR)

    server = site.net.inside("server", lambda: ScriptedServer(at=(SERVER, 2121), replies={"AUTH": accept_and_leave}))
    try:
        with Raw(SERVER, 2121, dial=site.net.dial("client")) as client:
            client.greet()
            client.start_tls()
            assert client.reply().text == "421 The FTP server closed the connection; connect again."
            with pytest.raises(Closed):
                client.reply()
    finally:
        server.close()


def test_a_client_that_starts_no_TLS_after_234(site, certificate):
    """TLS-01: its bytes are neither read as commands nor passed."""
    site = site("--intercept", "lan?tls=end", "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--backend-insecure")
    with site.raw() as client:
        client.greet()
        client.expect("AUTH TLS", 234)
        client.send(b"USER writer\r\n")
        with pytest.raises(Closed):
            client.reply()
    wait_until(lambda: "these bytes are not TLS" in site.gate.log(), what="the reason")


@pytest.mark.parametrize("options", [(), ("--server-sees", "router")])
def test_relayed_data_come_from_the_address_that_the_server_knows(site, certificate, options):
    """G10 G11: without NAT too, where a server refuses the data connections of others than its client."""
    site = site("--intercept", "lan?tls=end&implicit=990", "--tls-cert", certificate.cert, "--tls-key", certificate.key,
                "--backend-insecure", *options, nat=False)
    for method in ("epsv", "pasv"):
        assert site.curl("--ssl-reqd", *METHODS[method]) == "content"
    assert site.curl(url=f"ftps://{SERVER}/file") == "content"
    assert site.gate.log().count("path relay: a data connection uses TLS") == 3


def test_a_rate_limit_is_kept(site):
    """G10: the data of intercepted sessions are relayed then, in either mode."""
    site = site("--intercept", "lan", "--max-download-rate", "10M")
    assert [site.curl(*options) for options in METHODS.values()] == ["content"] * 4
    assert site.gate.log().count("path relay: a rate limit applies") >= 2 and "path kernel" not in site.gate.log()


def test_TLS_that_passes_is_not_read(site):
    """The login passes; nothing is opened for data connections."""
    site = site("--intercept", "lan?implicit=990")
    assert site.curl("--ssl-reqd", "-I", "-Q", "NOOP", url=f"ftp://{SERVER}/") == ""
    assert "TLS passthrough" in site.gate.log() and "no data ports opened by this gateway" in site.gate.log()
    assert site.curl("-I", url=f"ftps://{SERVER}/") == ""


def test_ports_are_passed_as_long_as_TLS_passes(site):
    """G10: passthrough=A-B lets the client of a session reach these ports of its server; the firewall knows them by the mark."""
    marked = FIREWALL.replace("    }\n}", "        ct mark and 0x300 == 0x200 accept\n    }\n}")
    site = site("--intercept", "lan?implicit=990&passthrough=1024-65535", "--mark", "0x100/0x300", firewall=marked)
    other = site.net.inside("server", lambda: socket.create_server((SERVER, 5000)))

    def reaches_the_server():
        try:
            site.net.dial("client")((SERVER, 5000), timeout=0.4).close()
        except TimeoutError:
            return False
        return True

    with other:
        assert not reaches_the_server()
        with site.raw() as first, site.raw() as second:
            first.reply(), second.reply()
            assert not reaches_the_server(), "before TLS"
            first.start_tls(), second.start_tls()
            assert reaches_the_server()
            first.close()
            wait_until(lambda: site.gate.log().count("Control connection: ") == 1, what="the end of the first session")
            assert reaches_the_server(), "of the second one"
        wait_until(lambda: not reaches_the_server(), what="the end")
    assert [site.curl("--ssl-reqd", *METHODS[method]) for method in ("epsv", "pasv")] == ["content"] * 2
    assert site.curl(url=f"ftps://{SERVER}/file") == "content"
    assert "data ports 1024-65535 of the server" in site.gate.log()


def test_data_on_passed_ports_keep_their_session(site):
    """G5: their bytes cross this machine without the gateway, so the kernel is asked whether they move when a session is idle.

    The kernel's times are whole seconds, so that two seconds would be too short to tell."""
    marked = FIREWALL.replace("    }\n}", "        ct mark and 0x300 == 0x200 accept\n    }\n}")
    site = site("--intercept", "lan?passthrough=1024-65535", "--mark", "0x100/0x300", "--idle-timeout", "3", firewall=marked)
    with site.net.inside("server", lambda: socket.create_server((SERVER, 5000))) as other, site.raw() as raw:
        raw.reply()
        raw.start_tls()
        with site.net.dial("client")((SERVER, 5000), timeout=10) as data, other.accept()[0] as of_server:
            end = time.monotonic() + 9
            while time.monotonic() < end:
                of_server.sendall(b"x")
                assert data.recv(1) == b"x"
                time.sleep(0.2)
            assert "Closing the session" not in site.gate.log()
            raw.expect("NOOP", 200, 530)
            # It stays established, and nothing is sent any more.
            wait_until(lambda: "Closing the session: idle for 3 s" in site.gate.log(), 20, what="the end of an idle session")


@pytest.mark.parametrize("cause", ["conntrack -F", "another outside address"])
def test_a_transfer_that_the_kernel_forgets_ends_and_nothing_hangs(site, cause):
    """Its packets are no longer forwarded, and neither end learns of that: the gateway replies for the server."""
    site = site("--intercept", "lan")
    (site.folder / "large").touch()
    os.truncate(site.folder / "large", 256 << 20)
    with site.raw() as raw:
        raw.login()
        with raw.passive() as data:
            raw.expect("RETR /large", 150, 125)
            data.recv(1)
            raw.socket.settimeout(60)  # the gateway looks twice
            if cause == "conntrack -F":
                network.run(*site.net.command("router", "conntrack", "-F"))
                assert raw.reply().code == 426
            else:
                network.run(*site.net.command("router", "ip", "address", "del", f"{OUTSIDE}/24", "dev", "wan"))
                network.run(*site.net.command("router", "ip", "address", "add", "17.254.0.27/24", "dev", "wan"))
                assert raw.reply().code in (421, 426)
        if cause == "conntrack -F":
            assert raw.retrieve("/file") == b"content", "the next negotiation of this session"
            assert "has forgotten the data connection" in site.gate.log()
    assert site.curl() == "content"


def test_a_transfer_that_the_kernel_knows_again_goes_on(site):
    """Without NAT, the next packet of the server makes the kernel know the connection again."""
    accepting = """
table inet firewall {
    chain forward { type filter hook forward priority filter; policy accept; }
}"""
    site = site("--intercept", "lan", firewall=accepting, nat=False)
    size = 64 << 20
    (site.folder / "large").touch()
    os.truncate(site.folder / "large", size)
    with site.raw() as raw:
        raw.login()
        with raw.passive() as data:
            raw.expect("RETR /large", 150, 125)
            received = len(data.recv(1))
            network.run(*site.net.command("router", "conntrack", "-F"))
            # The gateway looks after WAIT, and every 10 s.
            end = time.monotonic() + WAIT + 21
            while time.monotonic() < end:
                received += len(data.recv(4096))
                time.sleep(0.05)
            assert received < size
            while block := data.recv(1 << 20):
                received += len(block)
        assert received == size
        assert raw.reply().code == 226
    assert "has forgotten the data connection" not in site.gate.log()


def test_the_plan_has_the_line_for_passed_ports(sallyport):
    plan = subprocess.run([sallyport, "gate", "plan", "--intercept", "lan0?passthrough=50000-50099"], capture_output=True, text=True, check=True).stdout
    assert "tcp dport 50000-50099 jump passing_0" in plan and "set passing4_0" in plan
    assert "needs that line in any case" in plan


def test_TLS_is_refused(site):
    site = site("--intercept", "lan?tls=refuse")
    with site.raw() as raw:
        raw.login()
        raw.expect("AUTH TLS", 534)
    assert site.curl("--ssl") == "content"


@pytest.mark.parametrize("method", ["pasv", "port"])
def test_a_connection_that_the_firewall_drops_is_named(site, method):
    """G12: with the cause, in passive and active mode."""
    site = site("--intercept", "lan", firewall=FIREWALL.replace("established,related", "established"))
    assert site.curl("--connect-timeout", "3", *METHODS[method]) != "content"
    wait_until(lambda: "arrived at this machine, and none was answered" in site.gate.log(), what="the cause")
    assert "it must accept 'ct state related'" in site.gate.log()


def active_transfer(site, raw, after=0):
    """What the client receives in active mode, or its last reply's code. `after`: seconds between PORT and RETR."""
    listener = site.net.inside("client", lambda: socket.create_server((CLIENT, 0)))
    listener.settimeout(10)
    with listener:
        port = listener.getsockname()[1]
        raw.expect(f"PORT {CLIENT.replace('.', ',')},{port // 256},{port % 256}", 200)
        time.sleep(after)
        reply = raw.command("RETR file")
        if reply.code == 150:
            reply = raw.reply()
        if reply.code != 226:
            return reply.code
        with listener.accept()[0] as data:
            return drain(data)


SILENT = """
table inet firewall {
    chain output {
        type filter hook output priority filter; policy accept
        tcp flags & (syn | ack) == syn drop
    }
}"""


def test_passive_mode_with_the_server_follows_active_mode_that_has_failed(site):
    """G8: a firewall at the server drops its connections to clients. The next transfers are relayed, in later sessions too."""
    site = site("--intercept", "lan")
    site.net.apply("server", SILENT)
    with site.raw() as raw:
        raw.login()
        assert active_transfer(site, raw) == 425
        [line] = [line for line in site.gate.log().splitlines() if "RETR file" in line]
        assert re.search(rf"\[active-blocked\] RETR file, backend leg, PORT {OUTSIDE}:\d+: ", line), line
        assert re.search(rf"no connection request from {SERVER} to {OUTSIDE}:\d+ arrived at this machine", line)
        assert active_transfer(site, raw) == b"content" and active_transfer(site, raw) == b"content"
        raw.expect("QUIT", 221)
    assert [site.curl(*METHODS[method]) for method in ("port", "eprt")] == ["content"] * 2
    assert site.gate.log().count("path relay: one data connection is active and the other one passive") == 4


def test_a_client_that_does_not_connect_is_named(site):
    """G12: no transfer fails without a line in the log, although nothing of it arrived here."""
    site = site("--intercept", "lan")
    with site.raw() as raw:
        port = raw.login().epsv_port()
        reply = raw.command("RETR file")
        assert (raw.reply() if reply.code == 150 else reply).code == 425
        [line] = [line for line in site.gate.log().splitlines() if "RETR file" in line]
        assert f"[data-ports-dropped] RETR file, EPSV {SERVER}:{port}: " in line
        assert f"no connection request from {CLIENT} to {SERVER}:{port} arrived at this machine" in line
        raw.expect("NOOP", 200)


def test_all_data_may_be_relayed(site):
    """G10: --data-path relay, as for other sessions. The client still sees the server's address and port."""
    site = site("--intercept", "lan", "--data-path", "relay")
    assert [site.curl(*options) for options in METHODS.values()] == ["content"] * 4
    assert site.gate.log().count("path relay: ") == 4 and "path kernel" not in site.gate.log()


def test_relayed_data_where_server_and_gateway_use_the_same_ports(site):
    """G10: the gateway's connection has the client's address, and must not be taken for the client's."""
    ports = ("--passive-ports", "30000-30001")
    site = site("--intercept", "lan", "--data-path", "relay", *ports, serve=ports)
    assert [site.curl(*METHODS["pasv"]) for _ in range(8)] == ["content"] * 8


def test_a_listener_with_a_backend_together_with_interception(site):
    """G4: the clients of the one do not notice the other, and the data of the backend's sessions are relayed."""
    more = FIREWALL.replace("{ 21, 990 } accept", "{ 21, 990, 2121, 30000-30009 } accept", 1)
    site = site("--intercept", "lan", "--listen", f"{OUTSIDE}:2121", "--passive-ports", "30000-30009", "--backend", f"ftp://{SERVER}",
                firewall=more)
    own = f"ftp://{OUTSIDE}:2121/file"
    for options in METHODS.values():
        assert [site.curl(*options), site.curl(*options, url=own)] == ["content"] * 2
    log = site.gate.log()
    assert log.count(", intercepted, ") == 4 and log.count("path kernel, complete") == 4
    assert log.count(f"to {OUTSIDE}:2121, backend ftp://{SERVER}:21") == 4


def test_a_listener_with_a_backend_together_with_interception_and_relayed_data(site):
    """G4, G10: --data-path relay holds for the sessions of both."""
    more = FIREWALL.replace("{ 21, 990 } accept", "{ 21, 990, 2121, 30000-30009 } accept", 1)
    site = site("--intercept", "lan", "--listen", f"{OUTSIDE}:2121", "--passive-ports", "30000-30009", "--backend", f"ftp://{SERVER}",
                "--data-path", "relay", firewall=more)
    own = f"ftp://{OUTSIDE}:2121/file"
    for options in METHODS.values():
        assert [site.curl(*options), site.curl(*options, url=own)] == ["content"] * 2
    log = site.gate.log()
    assert log.count(", intercepted, ") == 4 and log.count(f"to {OUTSIDE}:2121, backend ftp://{SERVER}:21") == 4
    assert log.count("path relay: ") == 8 and "path kernel" not in log


def test_a_missing_line_of_the_input_chain_is_named(site):
    """G12: intercepted connections that the administrator's input chain drops; with the line, and once a minute at most."""
    line = 'iifname "lan" tcp dport { 21, 990 } accept'
    site = site("--intercept", "lan?implicit=990", firewall=FIREWALL.replace(line, "", 1))
    assert site.curl("--connect-timeout", "4") == 28
    wait_until(lambda: "an input chain of this machine dropped them" in site.gate.log(), what="the cause")
    assert line in site.gate.log()
    assert site.curl("--connect-timeout", "3") == 28
    site.net.apply("router", f"add rule inet firewall input {line}")
    assert site.curl() == "content"
    assert site.gate.log().count("an input chain of this machine dropped them") == 1


def test_rules_that_take_the_port_away_are_named_at_the_start(site):
    rules = """
table ip forwards {
    chain in {
        type nat hook prerouting priority dstnat
        iifname "lan" tcp dport 21 dnat to 17.254.0.92
    }
}"""
    site = site("--intercept", "lan", firewall=FIREWALL + rules)
    assert "table ip forwards, chain in" in site.gate.log()
    assert "gives control connections another destination before the gateway gets them" in site.gate.log()


def test_the_plan_names_rules_that_admit_the_kernels_helper_only(site):
    """Such a firewall is not served: the helper of the gateway's sessions has another name."""
    only_ftp = FIREWALL.replace("ct state established,related accept", "ct state established accept\n        ct state related ct helper \"ftp\" accept")
    site = site("--intercept", "lan", firewall=only_ftp)
    plan = network.run(*site.net.command("router", site.sallyport, "gate", "plan", "--intercept", "lan"))
    assert "table inet firewall, chain forward: 'ct state related ct helper \"ftp\" accept'" in plan and "remove this condition" in plan
    assert "remove this condition" in site.gate.log()



def test_an_interface_may_come_later(site):
    """G2: a name may end in '*', and need not exist at the start."""
    site = site("--intercept", "late*,later1", firewall=FIREWALL.replace('iifname "lan"', 'iifname { "lan", "late0" }'))
    assert "Interface later1 does not exist; sessions are intercepted as soon as it does" in site.gate.log()
    with site.raw() as raw:
        raw.login()
    assert ", intercepted, " not in site.gate.log()
    for words in ("lan down", "lan name late0", "late0 up"):
        network.run(*site.net.command("router", "ip", "link", "set", "dev", *words.split()))
    assert [site.curl(*options) for options in METHODS.values()] == ["content"] * 4
    assert site.gate.log().count(", intercepted, ") == 4


def test_rules_about_commands_and_idle_sessions_hold(site):
    """G6: --read-only, --refuse-commands and --idle-timeout of a gateway that intercepts."""
    site = site("--intercept", "lan", "--read-only", "--refuse-commands", "MDTM", "--idle-timeout", 2)
    assert site.curl() == "content"
    with site.raw() as raw:
        raw.login()
        raw.expect("DELE file", 550)
        raw.expect("MDTM file", 502)
        assert raw.reply().code == 421
    with site.raw() as raw:
        raw.login().expect("SIZE file", 213)


def test_an_idle_session_ends_at_client_and_server(site):
    """G6: 421 to the client, and QUIT to the server, so that it does not wait for its own time limit."""
    site = site("--intercept", "lan?ports=21,2121", "--idle-timeout", 2, firewall=FIREWALL.replace("{ 21, 990 }", "{ 21, 2121 }"))
    server = site.net.inside("server", lambda: ScriptedServer(at=(SERVER, 2121)))
    try:
        with Raw(SERVER, 2121, dial=site.net.dial("client")) as raw:
            raw.login()
            assert raw.reply().code == 421
            wait_until(lambda: server.arguments_of("QUIT") == [""], what="QUIT at the server")
    finally:
        server.close()


def test_two_gateways_side_by_side(site):
    """Each has its own table, and the end of one does not concern the other one."""
    site = site("--intercept", "lan")
    site.start("server", "serve", site.folder, "--listen", f"{SERVER}:2121", "--user", "writer:lab", "--control-socket", site.folder.parent / "second.sock")
    other = site.start("router", "gate", "--intercept", "lan?ports=2121", "--control-socket", site.folder.parent / "gate.sock")
    site.net.apply("router", 'add rule inet firewall input iifname "lan" tcp dport 2121 accept')
    second = f"ftp://{SERVER}:2121/file"
    assert site.curl("--ftp-port", "-") == "content" and site.curl("--ftp-port", "-", url=second) == "content"
    assert ", intercepted, " in site.gate.log() and ", intercepted, " in other.log()
    assert site.gate.stop() == 0
    assert site.curl("--ftp-port", "-", url=second) == "content"


def test_plan_and_check_have_the_numbers_of_the_gateway_that_runs(site):
    """G12: another gateway that starts now would choose other ones."""
    site = site("--intercept", "lan", "--mark", "0x100/0x300", "--route-table", "77")

    def printed(command, *options):
        return network.run(*site.net.command("router", site.sallyport, "gate", command, "--intercept", "lan", *options))

    says_so = "A gateway runs on this machine with this mark and this routing table"
    plan, check = printed("plan"), printed("check")
    assert says_so in plan and "fwmark 0x100/0x300 lookup 77" in plan
    assert says_so in check and "marks 0x00000100/0x00000300, routing table 77" in check
    assert "fwmark 0x100/0x300 lookup 77" in printed("plan", "--route-table", "77")
    other = printed("plan", "--route-table", "78")
    assert says_so not in other and "0x100/0x300" not in other
    site.gate.stop()
    alone = printed("plan")
    assert says_so not in alone and "fwmark 0x10000000/0x30000000 lookup 8300" in alone


def test_the_plan_has_every_rule_and_changes_nothing(sallyport):
    plan = [sallyport, "gate", "plan", "--intercept", "lan0?ports=21,2121&from=192.168.0.0/16", "--intercept", "wlan*", "--mark",
            "0x100/0x300", "--route-table", "77"]
    text = subprocess.run(plan, capture_output=True, text=True, check=True).stdout
    assert 'iifname "lan0"' in text and 'iifname "wlan*"' in text and "192.168.0.0/16" in text
    assert "tproxy" in text and 'type "sane" protocol tcp' in text
    assert "fwmark 0x100/0x300" in text and "table 77" in text
    assert 'iifname "lan0" tcp dport { 21, 2121 } accept' in text
    assert "sallyport_when_down" not in text
    blocking = subprocess.run([*plan, "--when-down", "block", "--for", "ufw"], capture_output=True, text=True, check=True).stdout
    assert "sallyport_when_down_" in blocking and "nft delete table inet" in blocking
    assert "ufw allow in on lan0 proto tcp from any to any port 21,2121" in blocking


def test_without_the_right_it_does_not_start(sallyport, tmp_path):
    done = subprocess.run(["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", sallyport, "gate", "--intercept",
                           "lan0", "--control-socket", tmp_path / "gate.sock"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "--intercept needs the right to configure the network (CAP_NET_ADMIN)" in done.stderr


def test_openings_of_a_running_gateway(start, sallyport, tmp_path):
    control = tmp_path / "gate.sock"
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--control-socket", control)
    show = [sallyport, "gate", "openings", "--control-socket", control]
    assert subprocess.run(show, capture_output=True, text=True, check=True).stdout == ""
    with ftplib.FTP() as client:
        client.connect("127.0.0.1", gate.port)
        client.login()
        port = client.makepasv()[1]
        (opening,) = json.loads(subprocess.run([*show, "--json"], capture_output=True, text=True, check=True).stdout)
        assert (opening["port"], opening["peer"], opening["reason"]) == (port, "127.0.0.1", "passive")
        line = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        assert f"from 127.0.0.1 to port {port}, accepted by the gateway" in line
    missing = subprocess.run([*show[:-1], tmp_path / "none.sock", "--follow"], capture_output=True, text=True)
    assert missing.returncode == 3
