"""Direct data connections (G7, first solution of the article): sessions through the gateway, data between client and server."""

import json
import re
import socket
import subprocess
import time

import pytest

from harness import trees
from harness.daemon import wait_until
from harness.raw import Raw, drain
from test_labs import OVER_TLS, fill, lab  # noqa: F401

GATEWAY = "17.254.0.91"
OUTSIDE = {"one": "17.254.0.92", "two": "17.254.0.93"}
# Clients whose data connections may be with another address than their control connection. Passive, curl since 7.74 and
# ftplib since 3.9 go to where they have logged in, ours too; active, ncftp and ours take none from elsewhere.
BELIEVERS = [("lftp", "pasv"), ("ncftp", "pasv"), ("curl", "eprt"), ("curl", "port"), ("lftp", "port"), ("ftplib", "eprt")]
BIG = 64 * 1024 * 1024


def routes(log):
    """The data path of each transfer, from the log."""
    return re.findall(r"client (PASV|EPSV|PORT|EPRT) [^\n]*, path (direct|relay)", log)


def dial(built, raw, advertised):
    return built.network.dial("client")(advertised, timeout=10)


# The network.

def test_each_server_serves_its_own_sessions_itself(lab):  # noqa: F811
    """G1 G7(1): two sessions, two servers; the data connections of each client go to its server, at the address of that server."""
    built = lab("direct-data")
    with built.raw("client", GATEWAY) as first, built.raw("client", GATEWAY) as second:
        homes = {}
        for raw in (first, second):
            advertised = raw.login().pasv()
            with dial(built, raw, advertised) as data:
                raw.expect("RETR /this-is", 150)
                homes[advertised[0]] = drain(data).decode()
            assert raw.reply().code == 226
        assert homes == {address: name for name, address in OUTSIDE.items()}


def test_an_unexpected_peer_gets_nothing(lab):  # noqa: F811
    """G1 DC-02: the port is the server's, and the PROXY header names the client that it expects."""
    built = lab("direct-data")
    with built.raw("client", GATEWAY) as raw:
        advertised = raw.login().pasv()
        with built.network.dial("other-host")(advertised, timeout=10) as thief, dial(built, raw, advertised) as data:
            raw.expect("RETR /this-is", 150)
            assert drain(thief) == b""
            assert drain(data) in (b"one", b"two")
        assert raw.reply().code == 226


def test_clients_that_need_the_gateway_use_it(lab):  # noqa: F811
    """EPSV would make clients connect to the gateway, so PASV is required; after EPSV ALL, data are relayed."""
    built = lab("direct-data")
    with built.raw("client", GATEWAY) as raw:
        raw.login().expect("EPSV", 502)
        raw.expect("EPSV ALL", 200)
        assert raw.retrieve("/this-is") in (b"one", b"two")


@pytest.mark.parametrize("client,method,tls", [*((*way, "none") for way in BELIEVERS),
                                               *((*way, "explicit") for way in OVER_TLS)])
def test_tree(lab, small_sample, tmp_path, client, method, tls):  # noqa: F811
    """Direct without TLS, relayed with TLS, which ends at the gateway."""
    built = lab("direct-data")
    for (files,) in (built.files[name] for name in OUTSIDE):
        fill(files, small_sample)
    before, back = len(built.log_of("gateway")), tmp_path / "back"
    back.mkdir()
    built.client(client, method).get(built.server(GATEWAY, tls=tls), back, trees.files(small_sample))
    assert {name: digest for name, digest in trees.hashes(back).items() if name != "this-is"} == trees.hashes(small_sample)
    ways = {way for _, way in routes(built.log_of("gateway")[before:])}
    assert ways == ({"relay"} if tls != "none" else {"direct"})


@pytest.mark.parametrize("argv", [
    ["curl", "--silent", "--show-error", "--max-time", "10", "--no-ftp-skip-pasv-ip"],
    ["sallyport", "get", "--passive-address", "follow", "-o", "-"]], ids=["curl", "sallyport"])
def test_a_client_follows_the_address_in_the_reply(lab, sallyport, argv):  # noqa: F811
    built = lab("direct-data")
    argv = [sallyport if argv[0] == "sallyport" else argv[0], *argv[1:], f"ftp://{GATEWAY}/this-is"]
    done = subprocess.run(built.network.command("client", *argv), capture_output=True, timeout=30)
    assert done.stdout in (b"one", b"two"), done.stderr


# Reference servers, and the records of transfers.

@pytest.fixture
def direct(start, tmp_path):
    """direct(server, parameters): a gateway in front of it, with a control socket and a transfer log."""
    def begin(server, terms, *options):
        gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}?{terms}",
                     "--control-socket", tmp_path / "socket", "--transfer-log", tmp_path / "transfers", "--transfer-log-format", "json",
                     *options)
        gate.records = lambda: [json.loads(line) for line in (tmp_path / "transfers").read_text().splitlines()]
        gate.status = lambda: json.loads(subprocess.run(
            [gate.argv[0], "gate", "--control-socket", tmp_path / "socket", "status", "--json"], capture_output=True, check=True,
            timeout=10).stdout)
        return gate
    return begin


def session(gate, server):
    """From an address other than that of the gateway."""
    return Raw("127.0.0.1", gate.port, source="127.0.0.2").login(server.user, server.password)


def listen(raw):
    """A port of the client, sent with PORT."""
    listener = socket.create_server(("127.0.0.2", 0))
    listener.settimeout(10)
    port = listener.getsockname()[1]
    raw.expect(f"PORT 127,0,0,2,{port // 256},{port % 256}", 200)
    return listener


def called_back(raw, name):
    """The content of a file, over an active data connection."""
    with listen(raw) as listener:
        raw.send(f"RETR {name}\r\n".encode())
        data, _ = listener.accept()
        with data:
            content = drain(data)
    assert [raw.reply().code, raw.reply().code] == [150, 226]
    return content


def test_a_server_that_accepts_other_peers(start, direct, tmp_path):
    """vsftpd that accepts other peers: direct data connections in both modes; the record says so and has no byte count (G12)."""
    server = start.reference_server("vsftpd", foreign=True)
    (server.files / "file").write_bytes(b"content")
    gate = direct(server, "direct=both")
    with session(gate, server) as raw:
        advertised = raw.pasv()
        with raw.connect(advertised[1]) as data:
            raw.expect(f"RETR {server.base}/file", 150)
            assert drain(data) == b"content"
        assert raw.reply().code == 226
        assert called_back(raw, f"{server.base}/file") == b"content"
    wait_until(lambda: len(gate.records()) == 2, what="records")
    for record in gate.records():
        assert record["data_path_reason"] == "backend_allows_direct"
        assert record["data_path"] == "direct" and record["result"] == "complete" and not [key for key in record if "bytes" in key]


def test_a_server_that_checks_peers_is_connected_by_the_gateway(start, direct):
    """vsftpd by default refuses a bounce attempt: then the data are relayed."""
    server = start.reference_server("vsftpd")
    (server.files / "file").write_bytes(b"content")
    gate = direct(server, "direct=active")
    with session(gate, server) as raw:
        for _ in range(2):
            assert called_back(raw, f"{server.base}/file") == b"content"
    wait_until(lambda: len(gate.records()) == 2, what="records")
    assert {(record["data_path"], record["data_path_reason"]) for record in gate.records()} == {("relay", "backend_refused")}


def test_a_long_transfer_is_activity_and_is_shown(start, direct, tmp_path):
    """G5 G12: no byte passes the gateway for longer than its idle timeout; status shows the transfer, and the session stays open."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "big").write_bytes(bytes(BIG))
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--proxy-protocol-from", "127.0.0.1")
    server.user, server.password = "writer", "lab"
    gate = direct(server, "direct=passive&proxy-protocol=v1", "--idle-timeout", 1)
    with session(gate, server) as raw:
        advertised = raw.pasv()
        with raw.connect(advertised[1]) as data:
            raw.expect("RETR big", 150)
            begin = time.monotonic()
            received = len(data.recv(1000))
            (shown,) = [s["transfer"] for s in gate.status()["sessions"]]
            assert shown["verb"] == "RETR" and shown["bytes"] is None
            while (wait := begin + 2.5 - time.monotonic()) > 0:
                data.settimeout(wait)
                received += len(data.recv(1000))
                time.sleep(min(0.05, max(0, begin + 2.5 - time.monotonic())))
            data.settimeout(10)
            received += len(drain(data))
        assert received == BIG
        assert raw.reply().code == 226
        raw.expect("NOOP", 200)
        assert gate.status()["sessions"][0]["transfer"] is None


def test_a_server_that_dies_ends_the_session(start, direct, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "big").write_bytes(bytes(BIG))
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--proxy-protocol-from", "127.0.0.1")
    server.user, server.password = "writer", "lab"
    gate = direct(server, "direct=passive&proxy-protocol=v1")
    with session(gate, server) as raw:
        advertised = raw.pasv()
        raw.connect(advertised[1])
        raw.expect("RETR big", 150)
        server.kill()
        assert [raw.reply().code, raw.reply().code] == [426, 421]
    wait_until(lambda: gate.records(), what="a record")
    assert gate.records()[0]["result"] == "backend_failed"


@pytest.mark.parametrize("terms,words", [
    ("direct=all", 'invalid parameter "direct=all"; use direct=passive|active|both'),
    ("external-address=17.254.0.91", "requires direct=passive or direct=both"),
    ("direct=passive&external-address=here", "use external-address=ADDR: With direct: the backend's IPv4 address as clients see it"),
    ("direct=both&passthrough=50000-50009", "passthrough=A-B and direct exclude each other"),
])
def test_what_contradicts_itself_is_refused(sallyport, terms, words):
    done = subprocess.run([sallyport, "gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:1?{terms}"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and words in done.stderr
