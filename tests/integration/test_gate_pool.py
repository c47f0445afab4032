"""The gateway as load balancer: three of our servers behind one address (G7)."""

import signal
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Raw

NAMES = ["one", "two", "three"]


@pytest.fixture
def servers(start, tmp_path):
    """Each serves a file with its name."""
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


def test_weights_and_max_sessions(start, servers):
    """Three to two to one, and no more than the maximum of the third; a client without a free slot gets 421 after the queue timeout."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--balance", "round-robin", "--queue-timeout", 1,
                 *backends(servers, ("?weight=3&max-sessions=3", "?weight=2&max-sessions=2", "?max-sessions=2")))
    raws = [session(gate) for _ in range(6)]
    assert [homes(raws).count(name) for name in NAMES] == [3, 2, 1]
    raws.append(session(gate))
    assert home(raws[-1]) == "three"
    begin = time.monotonic()
    with Raw(gate.host, gate.port) as late:
        assert "busy" in (refusal := late.reply()).text and refusal.code == 421
    assert 0.9 < time.monotonic() - begin < 4
    # Room that comes in time is used.
    with Raw(gate.host, gate.port) as waits:
        wait_until(lambda: gate.log().count("session queued") == 2, what="the queue")
        close(raws[:1])
        assert home(waits.login()) == "one"


def test_drain_by_configuration(start, servers, tmp_path):
    """A draining backend gets no new session; existing ones continue. SIGHUP both ways."""
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
    assert 'invalid parameter "weight=none"; use weight=N' in gate.log()
    assert home(session(gate)) in NAMES


def test_servers_come_and_go(start, servers, tmp_path):
    """By SIGHUP: a new one gets sessions, one that left keeps those it has until they end; another way to the same one counts
    as another one."""
    config = tmp_path / "gate.toml"

    def write(*urls):
        config.write_text(f'listen = "127.0.0.1:0"\nbalance = "round-robin"\nbackend = {list(urls)}\n')

    def reload(*urls):
        before = gate.log().count("Reload:")
        write(*urls)
        gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: gate.log().count("Reload:") > before, what="the reload")

    one, two, three = map(url, servers)
    write(one, two)
    gate = start("gate", "--config", config)
    held = {home(raw): raw for raw in (session(gate) for _ in range(2))}
    assert sorted(held) == ["one", "two"]
    reload(two, three)
    assert f"Backend {one} removed; sessions remaining: 1" in gate.log()
    assert f"Backend {three} added" in gate.log()
    assert sorted(homes(session(gate) for _ in range(4))) == ["three", "three", "two", "two"]
    assert held["one"].store("/kept", b"still served").code == 226
    assert home(held["one"]) == "one"
    reload(one)
    assert f"Backend {one} listed again" in gate.log()
    assert homes(session(gate) for _ in range(3)) == ["one"] * 3
    assert home(held["two"]) == "two"


def test_a_client_keeps_its_server(start, servers):
    """By client address, whatever else happens."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--balance", "client-address", *backends(servers))
    first = {}
    for _ in range(2):
        for last in range(2, 14):
            with Raw(gate.host, gate.port, source=f"127.0.0.{last}") as raw:
                assert first.setdefault(last, name := home(raw.login())) == name
    assert len(set(first.values())) > 1


# Users and hosts.


def test_users_and_their_servers(start, servers):
    """A server with users= is reserved for them; the others serve all other users. Each user stays on one server."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--balance", "user",
                 *backends(servers, ("?users=writer", "?hosts=two.example", "")))
    with Raw(gate.host, gate.port) as raw:
        assert raw.reply().text == "220 FTP service ready."
        assert {"UTF8", "HOST", "EPSV"} <= {line.strip() for line in raw.command("FEAT").text.splitlines()}
        raw.expect("USER writer", 331)
        raw.expect("PASS lab", 230)
        assert home(raw) == "one"
    with Raw(gate.host, gate.port) as raw:
        raw.reply()
        raw.expect("USER unknown", 331)
        assert raw.command("PASS x").code == 530
    servers[0].kill()
    with Raw(gate.host, gate.port) as raw:
        raw.reply()
        assert raw.command("USER writer").code == 421  # his data are nowhere else


def test_a_name_asked_for_by_tls(start, servers, certificate):
    """By the host name of the client: in the TLS handshake, or with HOST, which takes precedence."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key,
                 *backends(servers, ("?hosts=one.example", "?hosts=*.two.example", "")))
    for name, host, expected in (("one.example", None, "one"), ("x.two.example", None, "two"), (None, None, "three"),
                                 ("one.example", "y.two.example", "two")):
        with Raw(gate.host, gate.port) as raw:
            raw.reply()
            raw.start_tls(name)
            if host:
                raw.expect(f"HOST {host}", 220)
            raw.expect("USER writer", 331)
            raw.expect("PASS lab", 230)
            assert home(raw) == expected


def test_a_server_that_dies_during_a_login(start, servers):
    """The client does not notice it."""
    gate = start("gate", "--listen", "127.0.0.1:0", "--health-check", "off", "--balance", "round-robin", *backends(servers))
    with Raw(gate.host, gate.port) as raw:
        raw.reply()
        servers[0].kill()
        raw.expect("USER writer", 331)
        raw.expect("PASS lab", 230)
        assert home(raw) in ("two", "three")


# Health.

CHECKED = ["--health-check-interval", 1, "--fall", 2, "--rise", 1, "--slow-start", "off", "--balance", "round-robin"]


def said(gate, server, what):
    """Whether the log has this text about this server."""
    return f"Backend {url(server)} {what}" in gate.log()


def quick_sessions(gate, count=6):
    """No client waits: each gets its greeting at once."""
    raws = []
    for _ in range(count):
        begin = time.monotonic()
        raws.append(session(gate))
        assert time.monotonic() - begin < 1
    return raws


def test_killed_under_sessions_and_back(start, servers, tmp_path):
    gate = start("gate", "--listen", "127.0.0.1:0", *CHECKED, *backends(servers))
    held = {home(raw): raw for raw in (session(gate) for _ in range(3))}
    servers[1].kill()
    assert held["two"].at_end()
    assert sorted(homes(quick_sessions(gate))) == ["one"] * 3 + ["three"] * 3
    wait_until(lambda: said(gate, servers[1], "is down: tcp: "), what="the finding")
    assert sorted(homes(quick_sessions(gate))) == ["one"] * 3 + ["three"] * 3
    for name in ("one", "three"):
        assert home(held[name]) == name
    start("serve", tmp_path / "two", "--listen", f"127.0.0.1:{servers[1].port}", "--user", "writer:lab")
    wait_until(lambda: said(gate, servers[1], "is up"), what="the recovery")
    assert sorted(homes(quick_sessions(gate))) == sorted(NAMES * 2)


def test_a_hung_server_costs_no_client_a_wait(start, servers):
    """Its kernel still accepts connections, but it does not respond."""
    gate = start("gate", "--listen", "127.0.0.1:0", *CHECKED, "--backend-connect-timeout", 20, *backends(servers))
    servers[0].process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: said(gate, servers[0], "is down: greeting: "), what="the finding")
        assert "one" not in homes(quick_sessions(gate))
    finally:
        servers[0].process.send_signal(signal.SIGCONT)
    wait_until(lambda: said(gate, servers[0], "is up"), what="the recovery")
    assert "one" in homes(quick_sessions(gate))


def test_checks_that_list(start, servers, tmp_path):
    """Our servers pass the check level list; one with a failing login does not, although it sends a greeting."""
    (tmp_path / "other").mkdir()
    other = start("serve", tmp_path / "other", "--listen", "127.0.0.1:0", "--user", "another:user")
    gate = start("gate", "--listen", "127.0.0.1:0", "--health-check", "list", "--health-check-user", "writer:lab", *CHECKED,
                 *backends([*servers, other], ("", "", "", "")))
    wait_until(lambda: said(gate, other, "is failing: login: "), what="the finding")
    assert sorted(homes(quick_sessions(gate))) == sorted(NAMES * 2)
    time.sleep(1.5)  # another round
    assert not any(said(gate, server, "is") for server in servers)


def test_all_down_is_reported_at_once(start, servers):
    gate = start("gate", "--listen", "127.0.0.1:0", *CHECKED, *backends(servers))
    for server in servers:
        server.kill()
    wait_until(lambda: all(said(gate, server, "is down: tcp: ") for server in servers), what="the finding")
    with Raw(gate.host, gate.port) as raw:
        assert raw.reply().text == "421 No FTP server is available; try again later."
        assert raw.at_end()
