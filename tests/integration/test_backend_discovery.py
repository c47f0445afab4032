"""Backends from a file and from a name server (G7)."""

import os
import subprocess

import pytest

from harness.daemon import wait_until
from harness.names import NameServer
from harness.raw import Raw


@pytest.fixture
def servers(start, tmp_path):
    """Each serves a file with its name."""
    started = []
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "this-is").write_text(name)
        started.append(start("serve", tmp_path / name, "--listen", "127.0.0.1:0", "--user", "writer:lab"))
    return started


def homes(gate, count):
    found = set()
    for _ in range(count):
        with Raw(gate.host, gate.port) as raw:
            found.add(raw.login().retrieve("/this-is").decode())
    return found


def test_a_file_of_servers(start, servers, tmp_path):
    """The file is rewritten or replaced: its servers join and leave. An error is reported with its line and changes nothing."""
    listed = tmp_path / "backends"
    urls = [f"ftp://127.0.0.1:{server.port}" for server in servers]
    listed.write_text(f"# the first two\n{urls[0]}\n{urls[1]}?weight=1\n")
    gate = start("gate", "--listen", "127.0.0.1:0", "--balance", "round-robin", "--health-check", "off", "--backends-file", listed)
    assert homes(gate, 4) == {"one", "two"}
    listed.write_text(f"{urls[2]}\n")
    wait_until(lambda: f"Backend {urls[2]} added" in gate.log(), what="the new server")
    assert homes(gate, 3) == {"three"}
    listed.write_text(f"{urls[0]}\nftp://127.0.0.1:x\n")
    wait_until(lambda: f"{listed}: " in gate.log() and "line 2: " in gate.log(), what="the mistake")
    assert homes(gate, 3) == {"three"}
    fresh = tmp_path / "fresh"
    fresh.write_text("\n".join(urls))
    os.rename(fresh, listed)
    wait_until(lambda: f"Backend {urls[0]} added" in gate.log().split("line 2: ")[1], what="the replaced file")
    assert homes(gate, 6) == {"one", "two", "three"}


def test_a_mistake_at_the_start(sallyport, tmp_path):
    """Reported with its line, before any listener is opened."""
    listed = tmp_path / "backends"
    listed.write_text("ftp://10.0.0.5\n\nftp://10.0.0.6?weight=0\n")
    done = subprocess.run([sallyport, "gate", "--listen", "127.0.0.1:0", "--backends-file", listed], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2
    assert f"{listed}, line 3: " in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_services_of_a_name_server(start, servers, host):
    """SRV: ports, priorities, repeated lookups; a failed lookup changes nothing."""
    with NameServer(host) as names:
        names.records = {("a.example", "A"): ["127.0.0.1"], ("b.example", "A"): ["127.0.0.1"],
                         ("_ftp._tcp.farm.example", "SRV"): [(1, 10, servers[0].port, "a.example"), (2, 10, servers[1].port, "b.example")]}
        gate = start("gate", "--listen", "127.0.0.1:0", "--health-check", "off", "--resolve-interval", 1, "--dns-server", names.address,
                     "--backend", "ftp://farm.example?resolve=srv")
        assert homes(gate, 4) == {"one"}
        servers[0].kill()
        assert homes(gate, 2) == {"two"}  # of the second rank
        names.records["_ftp._tcp.farm.example", "SRV"] = [(1, 10, servers[1].port, "b.example"), (1, 10, servers[2].port, "b.example")]
        wait_until(lambda: f"Backend ftp://b.example:{servers[2].port} added" in gate.log(), what="the new server")
        assert homes(gate, 6) == {"two", "three"}
        del names.records["_ftp._tcp.farm.example", "SRV"]
        wait_until(lambda: 'cannot look up "_ftp._tcp.farm.example"' in gate.log(), what="the failure")
        assert homes(gate, 6) == {"two", "three"}


def test_addresses_of_a_name_server(start, servers, tmp_path):
    """Each address is a backend, of both families. Clients that connect before the answer wait for it."""
    port = servers[0].port
    (tmp_path / "six").mkdir()
    (tmp_path / "six" / "this-is").write_text("six")
    start("serve", tmp_path / "six", "--listen", f"[::1]:{port}", "--user", "writer:lab")
    with NameServer() as names:
        names.records = {("farm.example", "A"): ["127.0.0.1"], ("farm.example", "AAAA"): ["::1"]}
        names.silent = True
        gate = start("gate", "--listen", "127.0.0.1:0", "--balance", "round-robin", "--health-check", "off", "--resolve-interval", 1,
                     "--dns-server", names.address, "--backend", f"ftp://farm.example:{port}?resolve=address")
        with Raw(gate.host, gate.port) as early:
            wait_until(lambda: "session queued" in gate.log(), what="the wait")
            names.silent = False
            early.greet()
        assert homes(gate, 4) == {"one", "six"}
        names.records["farm.example", "A"] = []
        wait_until(lambda: f"Backend ftp://127.0.0.1:{port} removed" in gate.log(), what="the address that went")
        assert homes(gate, 3) == {"six"}
