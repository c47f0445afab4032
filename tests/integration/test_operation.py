"""The administrator of a gateway sees what it does, and changes it while it runs (G6, G12)."""

import hashlib
import json
import os
import signal
import subprocess
import threading

import pytest

from harness.daemon import wait_until
from harness.raw import Raw

CONFIG = '''listen = "127.0.0.1:0"
{more}
control-socket = "{socket}"
backend = [
  {backends}
]
'''


class Gate:
    """A gateway with a configuration file and a control socket of its own."""

    def __init__(self, start, sallyport, folder, servers, **options):
        self.sallyport, self.folder, self.servers = sallyport, folder, servers
        self.config, self.socket = folder / "gate.toml", folder / "gate.sock"
        self.write()
        self.daemon = start("gate", "--config", self.config, **options)

    def write(self, more="", terms="", extra=()):
        urls = [f'"ftp://127.0.0.1:{server.port}{terms}"' for server in self.servers] + list(extra)
        self.config.write_text(CONFIG.format(more=more, socket=self.socket, backends=",\n  ".join(urls)))

    def ask(self, *words):
        return subprocess.run([self.sallyport, "gate", *words, "--control-socket", self.socket], capture_output=True, text=True,
                              timeout=60)

    def status(self):
        done = self.ask("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def session(self):
        return Raw(self.daemon.host, self.daemon.port).login()


@pytest.fixture
def servers(start, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "file").write_bytes(os.urandom(24 << 20))  # more than the sockets on its way hold
    return [start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--log-level", "warning")
            for _ in range(2)]


@pytest.fixture
def gate(start, sallyport, tmp_path, servers):
    return Gate(start, sallyport, tmp_path, servers)


class Slow(threading.Thread):
    """A transfer that runs until it is stopped, and the digest of its data."""

    def __init__(self, raw, store=None):
        super().__init__(daemon=True)
        self.raw, self.store, self.hurry, self.digest, self.end = raw, store, threading.Event(), hashlib.sha256(), None
        self.data = raw.passive()
        raw.expect(f"STOR {store}" if store else "RETR /file", 150)
        self.start()

    def run(self):
        try:
            if self.store:
                self.send()
            else:
                self.receive()
            self.end = self.raw.reply().code
        except Exception as e:  # reported by the test
            self.end = repr(e)

    def receive(self):
        while block := self.data.recv(1 << 20 if self.hurry.is_set() else 4096):
            self.digest.update(block)
            self.hurry.wait(0.2)

    def send(self):
        while not self.hurry.wait(0.2):
            block = os.urandom(2000)
            self.digest.update(block)
            self.data.sendall(block)
        self.data.close()


def finish(transfers):
    """Each transfer is complete, with the right data."""
    for t in transfers:
        t.hurry.set()
    for t in transfers:
        t.join(60)
    assert {t.end for t in transfers} == {226}


def assert_whole(transfers, files):
    for t in transfers:
        assert hashlib.sha256((files / (t.store or "/file")[1:]).read_bytes()).hexdigest() == t.digest.hexdigest()


def test_status_shows_what_goes_on(gate):
    idle = gate.session()
    asked = idle.epsv_port()
    busy = Slow(gate.session())
    status = gate.status()
    assert status["listening"] == [f"127.0.0.1:{gate.daemon.port}"] and status["pid"] == gate.daemon.pid
    assert status["totals"]["sessions"] == 2 and status["totals"]["transfers"] == 1 and status["complete"]
    assert [b["sessions"] for b in status["backends"]] == [1, 1] and {b["health"] for b in status["backends"]} == {"up"}
    first, second = sorted(status["sessions"], key=lambda s: s["id"])
    assert (first["user"], first["client"], first["transfer"]) == ("writer", "{}:{}".format(*idle.socket.getsockname()), None)
    (opening,) = first["openings"]
    assert 0 <= opening.pop("age_seconds") < 60
    assert opening == {"leg": "client", "port": asked, "peer": "127.0.0.1", "expires_in_seconds": None, "forwarded_to": None,
                       "attempted": False}
    assert (second["transfer"]["verb"], second["transfer"]["path"]) == ("RETR", "/file")
    assert (second["transfer"]["data_path"], second["transfer"]["data_path_reason"]) == ("relay", "nothing_else_enabled")
    assert {first["backend"], second["backend"]} == {b["name"] for b in status["backends"]}
    wait_until(lambda: gate.status()["sessions"][1]["transfer"]["bytes"] > 0, what="bytes")

    shown = gate.ask("status", "--sessions", "--limit", "1").stdout.splitlines()
    assert shown[1].startswith("2 sessions, 2 in total; 1 transfer running")
    assert "Backends (2)" in shown and "Transfers (1)" in shown and "Openings (1)" in shown and "Sessions (2)" in shown
    assert shown[-1] == "  ... and 1 more; --limit 0 shows all"
    head, row = shown[shown.index("Transfers (1)") + 1:][:2]
    assert row.index("RETR") == head.index("VERB") and row.endswith("/file")
    assert row.index("relay (nothing_else_enabled)") == head.index("DATA PATH")
    finish([busy])
    # What was refused is counted by its reason.
    idle.expect("PORT 127,0,0,2,100,100", 504)
    assert gate.status()["rejected"]["bounce_attempt"] == 1


def test_no_daemon_is_running(sallyport, tmp_path, gate):
    missing = tmp_path / "none.sock"
    done = subprocess.run([sallyport, "gate", "status", "--control-socket", missing], capture_output=True, text=True, timeout=10)
    assert done.returncode == 3 and str(missing) in done.stderr and "start it, or name its control socket with --control-socket" in done.stderr
    assert done.stdout == ""
    # A killed process leaves its socket behind; that is reported, and the next process replaces it.
    gate.daemon.kill()
    assert gate.socket.exists()
    done = gate.ask("status")
    assert done.returncode == 3 and "the one that made the socket has ended" in done.stderr


def test_two_of_one_socket(start, gate):
    with pytest.raises(AssertionError, match="another program is listening there"):
        start("gate", "--listen", "127.0.0.1:0", "--backend", "ftp://127.0.0.1:1", "--control-socket", gate.socket)
    assert gate.status()["pid"] == gate.daemon.pid
    assert gate.socket.stat().st_mode & 0o777 == 0o600
    assert gate.daemon.stop() == 0 and not gate.socket.exists()


def test_serve_status(start, sallyport, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    socket = tmp_path / "serve.sock"
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--control-socket", socket)
    with Raw(server.host, server.port) as raw:
        raw.login()
        done = subprocess.run([sallyport, "serve", "status", "--json", "--control-socket", socket], capture_output=True, timeout=10)
    (session,) = json.loads(done.stdout)["sessions"]
    assert (session["user"], session["logged_in"], session["backend"]) == ("writer", True, None)


def test_reload(gate):
    old = gate.session()
    gate.write(more="idle-timeout = 1\nmax-sessions = 3", terms="?weight=7")
    done = gate.ask("reload")
    assert done.returncode == 0, done.stderr
    assert "idle-timeout changed from the default to 1" in done.stdout and "max-sessions changed from the default to 3" in done.stdout
    assert done.stdout.count("weight 7") == 2
    assert [b["weight"] for b in gate.status()["backends"]] == [7, 7]
    new = gate.session()
    assert new.reply().code == 421  # idle by its own settings ...
    old.expect("NOOP", 200)         # ... and this one by those it came with
    assert gate.ask("reload").stdout == "no changes\n"
    gate.write(more='passive-ports = "50000-50010"', terms="?weight=7")
    assert "passive-ports changed from the default to 50000-50010; takes effect after a restart" in gate.ask("reload").stdout


@pytest.mark.parametrize("more,terms,extra,line,words", [
    ("idle-timeout = 1\nbalance = \"loudest\"", "", (), 3, "--balance loudest: unknown policy; use least-sessions"),
    ("no-such-thing = 1", "", (), 2, "no-such-thing"),
    ("idle-timeout = \"soon\"", "", (), 2, "idle-timeout"),
    ("", "?weight=0", (), 5, "weight=N: Share of sessions"),
    ("", "", ['"gopher://127.0.0.1"'], 7, "unknown scheme; use ftp://"),
    ("idle-timeout = [", "", (), 3, ""),
    ("tls-cert = \"/nowhere/cert.pem\"", "", (), 2, "/nowhere/cert.pem"),
])
def test_a_bad_configuration_changes_nothing(gate, more, terms, extra, line, words):
    """G6: reported with file and line, in all three ways."""
    before = gate.status()["backends"]
    gate.write(more, terms, extra)
    where = f"{gate.config}, line {line}"
    done = gate.ask("reload")
    assert done.returncode == 1 and done.stdout == ""
    assert "reload failed, configuration unchanged: " in done.stderr and where in done.stderr and words in done.stderr
    check = subprocess.run([gate.sallyport, "gate", "check", "--config", gate.config], capture_output=True, text=True, timeout=10)
    assert check.returncode == (1 if "nowhere" in words else 2) and where in check.stderr and words in check.stderr
    gate.daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gate.daemon.log().count("Reload: reload failed, configuration unchanged") == 2, what="the refusal")
    after = gate.status()["backends"]
    assert [(b["name"], b["weight"], b["sessions_total"]) for b in after] == [(b["name"], b["weight"], b["sessions_total"])
                                                                             for b in before]
    gate.session().expect("NOOP", 200)
    gate.write()
    assert gate.ask("check", "--config", str(gate.config)).returncode == 0


def test_the_last_of_many_signals_counts(gate):
    """The file before the last SIGHUP is in use at the end, also if a reload was running."""
    for seconds in range(101, 121):
        gate.write(more=f"idle-timeout = {seconds}")
        gate.daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: " to 120\n" in gate.daemon.log(), what="the last one")


@pytest.mark.alone
@pytest.mark.limit(120)
def test_fifty_reloads_during_two_hundred_transfers(gate):
    """G6: no transfer is interrupted, every checksum is right."""
    slow = [Slow(gate.session(), store=f"/up-{i}" if i % 10 else None) for i in range(200)]
    assert gate.status()["totals"]["transfers"] == 200
    for turn in range(50):
        gate.write(more=f"idle-timeout = {100 + turn}\nmax-sessions = {1000 + turn}", terms=f"?weight={1 + turn % 5}")
        if turn % 2:
            done = gate.ask("reload")
            assert done.returncode == 0 and f" to {100 + turn}\n" in done.stdout, done
        else:
            gate.daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: f" to {100 + turn}\n" in gate.daemon.log(), what="the reload")
    assert all(s.is_alive() for s in slow), "the transfers should run throughout"
    finish(slow)
    assert_whole(slow, gate.folder / "files")
    totals = gate.status()["totals"]
    assert (totals["transfers_complete"], totals["transfers_failed"]) == (200, 0)
