"""Kernel forwarding of data connections (gate --data-path kernel): one connection, one client, and nothing left behind."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

import network
from harness import trees
from harness.daemon import Daemon, wait_until
from harness.openings import gone, ruleset, unused_openings, tables
from harness.raw import Raw, drain
from harness.reference_servers import REFERENCE_SERVERS
from network import Host, Segment, Scenario
from test_labs import fill, lab  # noqa: F401

V4, V6 = "17.254.0.91", "2001:db8:2::91"
LIFETIME = 3  # of an opening in this lab
WAYS = [("curl", V4, "epsv"), ("curl", V4, "pasv"), ("lftp", V4, "pasv"), ("lftp", V4, "epsv"), ("ncftp", V4, "pasv"),
        ("ftplib", V4, "pasv"), ("sallyport", V4, "epsv"),
        ("curl", V4, "port"), ("lftp", V4, "port"), ("ncftp", V4, "port"), ("sallyport", V4, "eprt"), ("ftplib", V6, "eprt"),
        ("curl", V6, "epsv"), ("lftp", V6, "epsv"), ("ftplib", V6, "epsv"), ("sallyport", V6, "epsv")]
BIG = 8 * 1024 * 1024
MANY = 300
NET_ADMIN = 1 << 12


def new_words(built):
    """The log lines of the gateways from now on."""
    gates = [(daemon, len(daemon.log())) for host, daemon in built.daemons if host == "router"]
    return lambda: "".join(daemon.log()[so_far:] for daemon, so_far in gates)


def forwarded(gate):
    """The number of data connections with the path kernel in the log."""
    return gate.log().count(", path kernel\n")


def dial(built, host, address, port):
    return built.network.dial(host)((address, port), timeout=5)


def refused(built, host, address, port):
    """Whether a connection from that host is closed without data."""
    try:
        with dial(built, host, address, port) as data:
            return data.recv(1) == b""
    except ConnectionError:
        return True


@pytest.fixture
def built(lab):  # noqa: F811
    up = lab("kernel-data")
    gone(up.network, LIFETIME + 5)
    (files,) = up.files["server"]
    for path in sorted(files.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (files / "this-is").write_text("server")
    return up


# Transfers.

@pytest.mark.parametrize("client,address,method", WAYS)
def test_tree(built, small_sample, tmp_path, client, address, method):
    """G1 G3 G4: upload and download, with kernel forwarding of every data connection."""
    (files,) = built.files["server"]
    program, server = built.client(client, method), built.server(address)
    fill(files, small_sample)
    said, back = new_words(built), tmp_path / "back"
    back.mkdir()
    program.get(server, back, trees.files(small_sample))
    assert {name: digest for name, digest in trees.hashes(back).items() if name != "this-is"} == trees.hashes(small_sample)
    for path in sorted(files.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if not program.MAKES_FOLDERS:
        trees.make_folders(files, small_sample)
    program.put(server, small_sample)
    assert trees.hashes(files) == trees.hashes(small_sample)
    negotiated = re.findall(r"\] Data connection: client .*", said())
    assert len(negotiated) > 20 and all(line.endswith(", path kernel") for line in negotiated)
    gone(built.network, 2)


@pytest.mark.parametrize("address", [V4, V6])
def test_the_gateway_sees_no_byte(built, address):
    """A gateway that is stopped during a transfer delays only the final reply."""
    (files,) = built.files["server"]
    content = bytes(range(256)) * (BIG // 256)
    (files / "big").write_bytes(content)
    gates = [daemon for host, daemon in built.daemons if host == "router"]
    with built.raw("client", address) as raw:
        data = dial(built, "client", address, raw.login().epsv_port())
        raw.expect("RETR /big", 150)
        for gate in gates:
            gate.process.send_signal(signal.SIGSTOP)
        try:
            assert drain(data) == content
        finally:
            for gate in gates:
                gate.process.send_signal(signal.SIGCONT)
        assert raw.reply().code == 226


@pytest.mark.parametrize("client,method", [("curl", "epsv"), ("lftp", "pasv"), ("ftplib", "epsv"), ("sallyport", "epsv")])
def test_tls_is_relayed(built, small_sample, tmp_path, client, method):
    """TLS ends at the gateway, so it has to read the bytes."""
    fill(*built.files["server"], small_sample)
    said, back = new_words(built), tmp_path / "back"
    back.mkdir()
    built.client(client, method).get(built.server(V4, tls="explicit"), back, trees.files(small_sample))
    assert {name: digest for name, digest in trees.hashes(back).items() if name != "this-is"} == trees.hashes(small_sample)
    assert "path kernel" not in said() and "Data connection: client " in said()


def test_prot_after_the_negotiation(built):
    """An opening from before PROT P is not used for encrypted data."""
    with built.raw("client", V4).login(tls=True) as raw:
        raw.expect("PASV", 227)
        raw.expect("PBSZ 0", 200)
        raw.expect("PROT P", 200)
        raw.expect("LIST", 425)
        raw.expect("PASV", 227)
        gone(built.network, 2)


# One connection, of one client (G2, DC-02, GW-05).

@pytest.mark.parametrize("address", [V4, V6])
def test_admits_exactly_one_connection(built, address):
    """G2"""
    with built.raw("client", address) as raw:
        port = raw.login().epsv_port()
        assert [opening[2] for opening in unused_openings(built.network)] == [port]
        with dial(built, "client", address, port) as data:
            gone(built.network, 1)
            assert refused(built, "client", address, port), "a second connection"
            raw.expect("LIST", 150, 125)
            drain(data)
            assert raw.reply().code == 226
        assert refused(built, "client", address, port)


@pytest.mark.parametrize("address", [V4, V6])
def test_admits_its_client_alone(built, address):
    """G2 DC-02: an unexpected peer is refused and has no effect."""
    (files,) = built.files["server"]
    (files / "secret").write_bytes(b"secret")
    with built.raw("client", address) as raw:
        port = raw.login().epsv_port()
        assert refused(built, "other-host", address, port)
        assert [opening[2] for opening in unused_openings(built.network)] == [port]
        with dial(built, "client", address, port) as data:
            raw.expect("RETR /secret", 150)
            assert drain(data) == b"secret"
        assert raw.reply().code == 226


def test_admits_the_server_alone_to_an_active_client(built):
    """G2 G3: in active mode the opening is for the server, whose connection uses it."""
    with built.raw("client", V4) as raw, built.network.inside("client", lambda: socket.create_server(("17.254.0.10", 0))) as listener:
        raw.login()
        port = listener.getsockname()[1]
        raw.expect(f"PORT 17,254,0,10,{port // 256},{port % 256}", 200)
        ((client, at, _),) = unused_openings(built.network)
        assert (client, at) == ("172.16.3.4", "172.16.3.1")
        raw.expect("LIST", 150)
        listener.settimeout(5)
        data, (peer, _) = listener.accept()
        assert peer == V4 and not unused_openings(built.network)
        assert b"this-is" in drain(data)
        data.close()
        assert raw.reply().code == 226


def test_a_new_negotiation_ends_the_old_opening(built):
    """G2"""
    with built.raw("client", V4) as raw:
        old = raw.login().epsv_port()
        new = raw.epsv_port()
        wait_until(lambda: [opening[2] for opening in unused_openings(built.network)] == [new], 2, "one opening")
        assert old == new or refused(built, "client", V4, old)


@pytest.mark.parametrize("ending", ["quit", "close", "reset"])
def test_nothing_outlives_the_session(built, ending):
    """G2 GW-05"""
    raw = built.raw("client", V4)
    port = raw.login().epsv_port()
    assert unused_openings(built.network)
    raw.expect("QUIT", 221) if ending == "quit" else getattr(raw, ending)()
    gone(built.network, 1)
    assert refused(built, "client", V4, port)
    raw.close()


def test_its_time_ends(built):
    """G2 GW-05: no connection arrives; the port is closed, the session continues."""
    with built.raw("client", V4) as raw:
        port = raw.login().epsv_port()
        assert unused_openings(built.network)
        gone(built.network, LIFETIME + 2)
        assert refused(built, "client", V4, port)
        assert raw.retrieve("/this-is") == b"server"


def test_a_refused_transfer_ends_it(built):
    """The server refuses before any peer has connected."""
    with built.raw("client", V4) as raw:
        raw.login().epsv_port()
        raw.expect("RETR /nothing-of-the-kind", 550)
        gone(built.network, 1)


def test_no_opening_outlives_kill(built, sallyport, certificate):
    """G2 GW-05: after kill -9 nothing is left in the kernel, and the next gateway finds a clean one."""
    argv = [sallyport, "gate", "--listen", "17.254.0.91:2121", "--backend", "ftp://172.16.3.4:21", "--data-path", "kernel"]
    others = set(tables(built.network))

    def begin():
        return Daemon(argv, wrap=lambda a: built.network.command("router", *a)).wait_ready()

    gate = begin()
    (own,) = set(tables(built.network)) - others
    with Raw(V4, 2121, dial=built.network.dial("router")) as raw:
        raw.login().epsv_port()
        assert unused_openings(built.network)
        gate.kill()
        wait_until(lambda: own not in tables(built.network), 1, "the table's end")
        assert not unused_openings(built.network) and set(tables(built.network)) == others
    gate = begin()
    try:
        with Raw(V4, 2121, dial=built.network.dial("router")) as raw:
            assert raw.login().retrieve("/this-is") == b"server", "a client on the router itself"
    finally:
        assert gate.stop() == 0
    assert set(tables(built.network)) == others


# Status and records (G12), and fallback to relaying.

LONE = Scenario("lone", "one machine", "", (Segment("net"),),
                 (Host("machine", {"net": "10.9.0.1/24"}), Host("other", {"net": "10.9.0.2/24"})))


@pytest.fixture
def machine(networks, sallyport, tmp_path, certificate):
    """A machine with a server and the programs of a test; files is the directory of the server."""
    with network.Network(LONE) as built:
        class Machine:
            net, files, started = built, tmp_path / "files", []

            def start(self, *argv, before=(), host="machine"):
                daemon = Daemon([*before, sallyport, *argv], wrap=lambda a: built.command(host, *a))
                self.started.append(daemon)
                return daemon.wait_ready()

            def gate(self, *options, backend=None, **how):
                return self.start("gate", "--listen", "127.0.0.1:2121", "--listen", "10.9.0.1:2121", "--data-path", "kernel",
                                  "--backend", f"ftp://{backend or self.server}", *options, **how)

            def watched_gate(self, *options):
                return self.gate("--transfer-log", tmp_path / "transfers", "--transfer-log-format", "json", "--control-socket",
                                 tmp_path / "socket", *options)

            def serve(self, at, *options):
                self.files.mkdir(exist_ok=True)
                (self.files / "file").write_bytes(b"content")
                self.server = at
                return self.start("serve", self.files, "--listen", at, "--user", "writer:lab", *options)

            def raw(self, address="127.0.0.1", host="machine"):
                return Raw(address, 2121, dial=built.dial(host))

            def restart(self):
                """The process ID of the new process."""
                done = subprocess.run([sallyport, "gate", "--control-socket", tmp_path / "socket", "restart"],
                                      capture_output=True, check=True, timeout=20, text=True)
                return int(re.search(r"process (\d+) has taken over", done.stdout)[1])

            def status(self):
                said = subprocess.run([sallyport, "gate", "--control-socket", tmp_path / "socket", "status", "--json"],
                                      capture_output=True, check=True, timeout=10).stdout
                return json.loads(said)

            def status_text(self):
                return subprocess.run([sallyport, "gate", "--control-socket", tmp_path / "socket", "status"],
                                      capture_output=True, check=True, timeout=10, text=True).stdout

            def records(self):
                return [json.loads(line) for line in (tmp_path / "transfers").read_text().splitlines()]

        made = Machine()
        try:
            yield made
        finally:
            for daemon in reversed(made.started):
                daemon.stop()


def test_openings_and_transfers_are_shown(machine):
    """G12: where it is forwarded and for how long; then the transfer, without a byte count, since no process counts the bytes."""
    machine.serve("127.0.0.1:2100")
    (machine.files / "big").write_bytes(bytes(BIG))
    machine.watched_gate()
    with machine.raw() as raw:
        port = raw.login().epsv_port()
        (opening,) = machine.status()["sessions"][0]["openings"]
        assert opening["port"] == port and opening["peer"] == "127.0.0.1" and 0 < opening["expires_in_seconds"] <= 31
        assert opening["forwarded_to"].startswith("127.0.0.1:")
        assert opening["forwarded_to"] in machine.status_text()
        with raw.connect(port) as data:
            raw.expect("RETR /big", 150)
            (session,) = machine.status()["sessions"]
            assert session["openings"] == [], "used up"
            assert session["transfer"]["data_path"] == "kernel" and session["transfer"]["bytes"] is None
            assert session["transfer"]["data_path_reason"] == "kernel_enabled"
            assert "kernel (kernel_enabled)" in machine.status_text()
            assert len(drain(data)) == BIG
        assert raw.reply().code == 226
    wait_until(lambda: machine.records(), what="a record")
    (record,) = machine.records()
    assert record["data_path_reason"] == "kernel_enabled"
    assert record["data_path"] == "kernel" and record["result"] == "complete" and not [key for key in record if "bytes" in key]


def test_a_running_transfer_is_activity(machine):
    """G5: no byte passes the gateway for longer than its idle timeout, and the session stays open."""
    machine.serve("127.0.0.1:2100")
    (machine.files / "big").write_bytes(bytes(BIG))
    machine.gate("--idle-timeout", "1")
    with machine.raw() as raw:
        with raw.connect(raw.login().epsv_port()) as data:
            raw.expect("RETR /big", 150)
            time.sleep(2.5)
            assert len(drain(data)) == BIG
        assert raw.reply().code == 226
        raw.expect("NOOP", 200)


def test_a_server_that_dies_ends_the_transfer(machine):
    """426, never a 226 (decision 13)."""
    server = machine.serve("127.0.0.1:2100")
    (machine.files / "big").write_bytes(bytes(BIG))
    machine.gate()
    with machine.raw() as raw:
        raw.connect(raw.login().epsv_port())
        raw.expect("RETR /big", 150)
        server.kill()
        assert [raw.reply().code, raw.reply().code] == [426, 421]
    assert not unused_openings(machine.net, "machine")


def test_many_openings_and_every_ending(machine):
    """GW-05: all are open at once, and a second after the last session has ended, none is."""
    machine.serve("127.0.0.1:2100", "--max-sessions-per-address", "0", "--no-login-penalties")
    machine.gate("--max-sessions-per-address", "0", "--no-login-penalties")
    sessions = [machine.raw() for _ in range(MANY)]
    ports = [raw.login().epsv_port() for raw in sessions]
    assert {opening[2] for opening in unused_openings(machine.net, "machine")} == set(ports) and len(set(ports)) == MANY
    for number, (raw, port) in enumerate(zip(sessions, ports)):
        if number % 5 == 0:
            raw.connect(port)  # used, and left alone
        elif number % 5 == 1:
            raw.expect("RETR /nothing", 550)
        if number % 3 == 0:
            raw.reset()
        elif number % 3 == 1:
            raw.expect("QUIT", 221)
        raw.close()
    gone(machine.net, 1, "machine")
    left = [item for item in json.loads(ruleset(machine.net, "machine"))["nftables"]
            if any(item.get(kind, {}).get("elem") for kind in ("set", "map"))]
    assert not left


@pytest.mark.parametrize("name", REFERENCE_SERVERS)
def test_reference_servers(machine, root, start, name):
    """Servers that accept data connections only from the peer of the control connection, too."""
    server = start.reference_server(name, wrap=lambda a: machine.net.command("machine", *a))
    (server.files / "file").write_bytes(b"content")
    server.give(server.files)
    gate = machine.gate(backend=f"127.0.0.1:{server.port}")
    with machine.raw() as raw:
        raw.login(server.user, server.password)
        assert raw.retrieve(f"{server.base}/file") == b"content"
        assert raw.store(f"{server.base}/up", b"more").code == 226
    assert (server.files / "up").read_bytes() == b"more"
    assert forwarded(gate) == 2


def test_without_rights_all_is_relayed(machine, root):
    """It reports what is missing and how to enable it, and relays."""
    machine.serve("127.0.0.1:2100")
    gate = machine.gate(before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
    assert re.search(r"Kernel forwarding is not available; relaying all data connections: the kernel's NAT cannot be used .*CAP_NET_ADMIN", gate.log())
    with machine.raw() as raw:
        assert raw.login().retrieve("/file") == b"content"
    assert not forwarded(gate) and not tables(machine.net, "machine")


def test_an_unprivileged_process_with_the_one_right(machine, root):
    machine.serve("127.0.0.1:2100")
    gate = machine.gate(before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+net_admin",
                                "--ambient-caps=-all,+net_admin"])
    with machine.raw() as raw:
        assert raw.login().retrieve("/file") == b"content"
    assert forwarded(gate)


def rights(pid):
    """Of each thread of a process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield {key: value.strip() for key, value in
               (row.split(":", 1) for row in (task / "status").read_text().splitlines() if ":" in row)}


def helpers(gate):
    """The processes of the gateway that keep rights, by name."""
    children = Path(f"/proc/{gate.pid}/task/{gate.pid}/children").read_text().split()
    return {Path(f"/proc/{pid}/comm").read_text().strip(): int(pid) for pid in children}


def test_the_process_that_serves_has_no_right_to_the_kernels_tables(machine, root):
    """Its helper has: it opens for the peers of the sessions, and its end removes all."""
    machine.serve("127.0.0.1:2100")
    gate = machine.gate("--sandbox", "auto")
    for thread in rights(gate.pid):
        assert int(thread["CapEff"], 16) & NET_ADMIN == 0 and thread["Seccomp"] == "2", thread["Name"]
    with machine.raw() as raw:
        assert raw.login().retrieve("/file") == b"content"
        raw.epsv_port()
        assert unused_openings(machine.net, "machine")
        gate.kill()
        wait_until(lambda: not tables(machine.net, "machine"), 1, "the table's end")


def test_without_the_helper_data_connections_are_relayed(machine, root):
    machine.serve("127.0.0.1:2100")
    gate = machine.gate()
    with machine.raw() as raw:
        assert raw.login().retrieve("/file") == b"content" and forwarded(gate) == 1
        os.kill(helpers(gate)["helper"], signal.SIGKILL)
        wait_until(lambda: not tables(machine.net, "machine"), 1, "the table's end")
        assert raw.retrieve("/file") == b"content" and forwarded(gate) == 1
        assert "the helper process does not respond" in gate.log()


def test_a_graceful_restart_has_a_table_of_its_own(machine, root):
    """The old one stays until its sessions have ended, with their openings."""
    machine.serve("127.0.0.1:2100")
    gate = machine.watched_gate("--sandbox", "auto")
    (old,) = tables(machine.net, "machine")
    with machine.raw() as raw, contextlib.ExitStack() as ends:
        port = raw.login().epsv_port()
        ends.callback(os.kill, machine.restart(), signal.SIGTERM)
        wait_until(lambda: len(tables(machine.net, "machine")) == 2, what="the second table")
        with raw.connect(port) as data:
            raw.expect("RETR /file", 150)
            assert drain(data) == b"content"
        assert raw.reply().code == 226
        assert raw.retrieve("/file") == b"content"
        with machine.raw() as new:
            assert new.login().retrieve("/file") == b"content"
        raw.expect("QUIT", 221)
        wait_until(lambda: old not in tables(machine.net, "machine"), what="the end of the old table")
        assert len(tables(machine.net, "machine")) == 1 and forwarded(gate) == 3


def test_a_server_on_loopback_is_relayed_to_clients_elsewhere(machine):
    """No packet of another host reaches a loopback address; the log says so."""
    machine.serve("127.0.0.1:2100")
    gate = machine.gate()
    with machine.raw("10.9.0.1", "other") as raw:
        assert raw.login().retrieve("/file") == b"content"
    assert "use another address of the server" in gate.log() and not forwarded(gate)


def test_a_server_on_the_same_machine_by_its_own_address(machine):
    """Without IP forwarding: the input hook sets the address of the control connection."""
    machine.serve("10.9.0.1:2100")
    gate = machine.gate()
    with machine.raw("10.9.0.1", "other") as raw:
        assert raw.login().retrieve("/file") == b"content"
    assert forwarded(gate)


def test_without_forwarding_it_is_relayed(machine):
    """Reported at the start and at the data connection, with the setting to change."""
    machine.files.mkdir()
    (machine.files / "file").write_bytes(b"content")
    machine.start("serve", machine.files, "--listen", "10.9.0.2:2100", "--user", "writer:lab", host="other")
    gate = machine.gate(backend="10.9.0.2:2100")
    assert "IPv4 forwarding is disabled" in gate.log()
    with machine.raw("10.9.0.1", "other") as raw:
        assert raw.login().retrieve("/file") == b"content"
    assert re.search(r"does not forward between .*; set net.ipv4.ip_forward to 1", gate.log()) and not forwarded(gate)


@pytest.mark.parametrize("options", [["--max-upload-rate", "10M"], ["--single-port", "control"]])
def test_data_that_must_be_read_is_relayed(machine, options):
    machine.serve("127.0.0.1:2100")
    gate = machine.gate(*options)
    with machine.raw() as raw:
        raw.login()
        with raw.passive() as data:
            raw.send(b"RETR /file\r\n")
            assert drain(data) == b"content"
        assert [raw.reply().code, raw.reply().code] == [150, 226]
    assert not forwarded(gate)


def test_a_reload_turns_it_on_and_off(machine, tmp_path):
    """Existing sessions keep their settings. The right to change tables is kept only if the start's configuration needs it."""
    machine.serve("127.0.0.1:2100")
    config = tmp_path / "gate.toml"

    def write(path):
        config.write_text(f'listen = ["127.0.0.1:2121"]\nbackend = ["ftp://127.0.0.1:2100"]\ndata-path = "{path}"\n')

    write("kernel")
    gate = machine.start("gate", "--config", config)
    for path, forwarded_then in (("relay", 0), ("kernel", 1)):
        write(path)
        gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: re.search(f"Reload: data-path changed from .* to {path}\n", gate.log()), what="the new settings")
        with machine.raw() as raw:
            assert raw.login().retrieve("/file") == b"content"
        assert forwarded(gate) == forwarded_then


def test_a_reload_does_not_turn_it_on_if_the_start_did_not_need_it(machine, tmp_path):
    """Then the right has been given up; a new process has it."""
    machine.serve("127.0.0.1:2100")
    config = tmp_path / "gate.toml"
    before = 'listen = ["127.0.0.1:2121"]\nbackend = ["ftp://127.0.0.1:2100"]\n'
    config.write_text(before)
    gate = machine.start("gate", "--config", config)
    config.write_text(f'{before}data-path = "kernel"\n')
    gate.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "use 'restart' instead of 'reload'" in gate.log(), what="the refusal")
    assert f"{config}, line 3" in gate.log()
    with machine.raw() as raw:
        assert raw.login().retrieve("/file") == b"content"


def test_an_unknown_path_is_refused(sallyport):
    done = subprocess.run([sallyport, "gate", "--listen", "127.0.0.1:0", "--backend", "ftp://127.0.0.1:1", "--data-path", "tunnel"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and "--data-path tunnel: unknown path; use relay or kernel" in done.stderr
