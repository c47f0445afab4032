"""The gateway as load balancer: three of our servers behind one address (G7)."""

import signal
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Raw

NAMES = ["one", "two", "three"]


@pytest.fixture
def servers(start, tmp_path):
    """Each serves a file that tells which one it is."""
    started = []
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "this-is").write_text(name)
        started.append(start("serve", tmp_path / name, "--listen", "127.0.0.1:0", "--user", "writer:lab"))
    return started


def url(server, terms=""):
    return f"ftp://127.0.0.1:{server.port}{terms}"


def backends(servers, terms=("", "", "")):
    return [word for server, own in zip(servers, terms) for word in ("--backend", url(server, own))]


def session(gate):
    return Raw(gate.host, gate.port).login()


def home(raw):
    return raw.retrieve("/this-is").decode()


def homes(raws):
    return [home(raw) for raw in raws]


def close(raws):
    for raw in raws:
        raw.expect("QUIT", 221)
        raw.close()


def test_weights_and_the_most_sessions(start, servers):
    """Three to two to one, and no more than the third may have; who finds no room hears 421 after his wait."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--balance", "round-robin", "--queue-wait", 1,
                 *backends(servers, ("?weight=3&max-sessions=3", "?weight=2&max-sessions=2", "?max-sessions=2")))
    raws = [session(gate) for _ in range(6)]
    assert [homes(raws).count(name) for name in NAMES] == [3, 2, 1]
    raws.append(session(gate))
    assert home(raws[-1]) == "three"
    begin = time.monotonic()
    with Raw(gate.host, gate.port) as late:
        assert "full" in (refusal := late.reply()).text and refusal.code == 421
    assert 0.9 < time.monotonic() - begin < 4
    # Room that comes in time is used.
    with Raw(gate.host, gate.port) as waits:
        wait_until(lambda: gate.log().count("waiting for room") == 2, what="the queue")
        close(raws[:1])
        assert home(waits.login()) == "one"


def test_drain_by_configuration(start, servers, tmp_path):
    """A drained server gets nobody new; who is there stays, and works on. SIGHUP both ways."""
    config = tmp_path / "gate.toml"

    def write(*terms):
        listed = ", ".join(f'"{url(server, own)}"' for server, own in zip(servers, terms))
        config.write_text(f'listen = "127.0.0.1:0"\nbalance = "round-robin"\nbackend = [{listed}]\n')

    def reload(*terms):
        before = gate.log().count("Reload:")
        write(*terms)
        gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: gate.log().count("Reload:") > before, what="the reload")

    write("", "", "")
    gate = start("gate", "--config", config)
    held = {home(raw): raw for raw in (session(gate) for _ in range(3))}
    assert sorted(held) == sorted(NAMES)
    reload("", "?state=drain", "")
    news = [session(gate) for _ in range(6)]
    assert sorted(homes(news)) == ["one"] * 3 + ["three"] * 3
    assert home(held["two"]) == "two"
    assert held["two"].store("/kept", b"still served").code == 226
    reload("?state=maintenance", "?state=drain", "?state=maintenance")
    with Raw(gate.host, gate.port) as late:
        assert "maintenance" in (refusal := late.reply()).text and refusal.code == 421
    reload("", "?weight=2", "")
    close(news)
    news = [session(gate) for _ in range(8)]
    assert [homes(news).count(name) for name in NAMES] == [2, 4, 2]
    # A mistake in the file changes nothing.
    reload("", "?weight=none", "")
    assert "weight must be a number" in gate.log()
    assert home(session(gate)) in NAMES


def test_a_client_keeps_its_server(start, servers):
    """By its address, whatever else goes on."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--balance", "client-address", *backends(servers))
    first = {}
    for _ in range(2):
        for last in range(2, 14):
            with Raw(gate.host, gate.port, source=f"127.0.0.{last}") as raw:
                assert first.setdefault(last, name := home(raw.login())) == name
    assert len(set(first.values())) > 1
