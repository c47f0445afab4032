"""A gateway that would connect to itself, and backends that are down when it starts (GW-09, G7)."""

import re
import subprocess
import time

import pytest

import network
from free_ports import free_port
from harness.daemon import Daemon, wait_until
from harness.raw import Closed, Raw
from network import Host, Segment, Scenario

SESSION = re.compile(r"\[([0-9a-z]+-\d+)\]")


def sessions(gate):
    return len(set(SESSION.findall(gate.log())))


@pytest.mark.parametrize("listen,backend", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.0.0.7"),
                                            ("[::]", "127.0.0.1"), ("[::]", "[::1]"), ("127.0.0.1", "0.0.0.0")])
def test_it_is_no_backend_of_itself(sallyport, listen, backend):
    """GW-09: refused at the start, with any of its addresses."""
    port = free_port()
    done = subprocess.run([sallyport, "gate", "--listen", f"{listen}:{port}", "--backend", f"ftp://{backend}:{port}"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode == 2
    assert f"backend ftp://{backend}:{port}: this gateway itself listens at " in done.stderr
    checked = subprocess.run([*done.args, "check"], capture_output=True, text=True, timeout=10)
    assert checked.returncode == 2 and "this gateway itself listens at " in checked.stdout + checked.stderr


def test_not_by_a_file_either(start, tmp_path):
    """An ordinary configuration error: exit code 2 at the start, no change at a reload."""
    (tmp_path / "root").mkdir()
    server = start("serve", tmp_path / "root", "--listen", "127.0.0.1:0", "--user", "writer:lab")
    listed = tmp_path / "backends"
    listed.write_text(f"ftp://127.0.0.1:{server.port}\n")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backends-file", listed)
    listed.write_text(f"ftp://127.0.0.1:{server.port}\nftp://127.0.0.1:{gate.port}\n")
    wait_until(lambda: "this gateway itself listens at" in gate.log(), what="the mistake in the log")
    with Raw(gate.host, gate.port) as raw:
        raw.login()
    assert sessions(gate) == 1


def test_a_name_that_leads_back_is_not_followed(start):
    """GW-09: names are looked at each time that they are connected to."""
    port = free_port()
    gate = start("gate", "--listen", f"127.0.0.1:{port}", "--backend", f"ftp://localhost:{port}", "--health-check", "off")
    with Raw("127.0.0.1", port) as raw:
        assert raw.reply().code == 421
    assert sessions(gate) == 1 and "this gateway itself listens there" in gate.log()


def test_the_answers_to_a_name_leave_it_out(start):
    """GW-09: with resolve=, too."""
    port = free_port()
    gate = start("gate", "--listen", f"127.0.0.1:{port}", "--backend", f"ftp://localhost:{port}?resolve=address", "--queue-timeout", "off",
                 "--resolve-interval", 1)
    wait_until(lambda: "Ignoring backend ftp://127.0.0.1:" in gate.log(), what="the refusal of the answer")
    with Raw("127.0.0.1", port) as raw:
        assert raw.reply().code == 421
    time.sleep(1.5)
    assert gate.log().count("Ignoring backend ftp://127.0.0.1:") == 1, "reported once, however often it is looked up"
    assert sessions(gate) == 1


def test_a_ring_through_NAT_is_broken(networks, sallyport, certificate):
    """GW-09: an address that is not the gateway's leads back to it. It knows its own end of the connection."""
    there = Scenario("ring", "one machine", "", (Segment("net"),), (Host("machine", {"net": "10.9.0.1/24"}, rules=("""
table ip ring {
    chain output {
        type nat hook output priority -100
        ip daddr 10.9.0.99 tcp dport 21 dnat to 10.9.0.1:2121
    }
}""",)),))
    with network.Network(there) as built:
        gate = Daemon([sallyport, "gate", "--listen", "10.9.0.1:2121", "--backend", "ftp://10.9.0.99", "--health-check", "off"],
                      wrap=lambda a: built.command("machine", *a)).wait_ready()
        try:
            for _ in range(3):
                with Raw("10.9.0.1", 2121, dial=built.dial("machine")) as raw:
                    assert raw.reply().code == 421
            assert sessions(gate) == 3
            assert gate.log().count("it comes from this gateway itself") == 1, "one warning for all"
        finally:
            assert gate.stop() == 0


def test_a_dead_backend_is_warned_of_at_the_start(start):
    """G7"""
    port = free_port()
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{port}")
    wait_until(lambda: f"Backend ftp://127.0.0.1:{port} did not respond: tcp: " in gate.log(), what="the warning")


def test_nothing_is_looked_at_where_checks_are_off(start):
    port = free_port()
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{port}", "--health-check", "off")
    with pytest.raises(Closed), Raw(gate.host, gate.port) as raw:
        assert raw.reply().code == 421
        raw.reply()
    assert "did not respond" not in gate.log()


def test_a_running_one_gets_a_connection_and_QUIT(start, tmp_path):
    (tmp_path / "root").mkdir()
    server = start("serve", tmp_path / "root", "--listen", "127.0.0.1:0", "--user", "writer:lab",
                   "--log-level", "debug")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}")
    wait_until(lambda: "QUIT" in server.log(), what="the look at it")
    assert "did not respond" not in gate.log()
