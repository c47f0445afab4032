"""Reload and graceful restart of a running server (G6 at the server)."""

import json
import os
import signal
import subprocess

import pytest

from give_away import give
from free_ports import free_range
from harness import certificates
from harness.daemon import wait_until
from harness.raw import Raw
from test_operation import Slow, assert_whole, finish
from test_graceful_restart import running

CONFIG = '''listen = "127.0.0.1:0"
control-socket = "{socket}"
{more}
'''
WRITER = 'user = "writer:lab"\n'


class Serve:
    def __init__(self, start, sallyport, folder):
        self.sallyport, self.files = sallyport, folder / "files"
        self.config, self.socket = folder / "serve.toml", folder / "serve.sock"
        self.files.mkdir()
        (self.files / "file").write_bytes(os.urandom(24 << 20))
        self.write()
        self.daemon = start("serve", self.files, "--config", self.config)

    def write(self, more=WRITER):
        self.config.write_text(CONFIG.format(socket=self.socket, more=more))

    def ask(self, *words):
        return subprocess.run([self.sallyport, "serve", *words, "--control-socket", self.socket], capture_output=True, text=True,
                              timeout=60)

    def raw(self):
        return Raw(self.daemon.host, self.daemon.port)

    def session(self, *login):
        return self.raw().login(*login)

    def pid(self):
        done = self.ask("status", "--json")
        return json.loads(done.stdout)["pid"] if done.returncode == 0 else None


@pytest.fixture
def serve(start, sallyport, tmp_path):
    made = Serve(start, sallyport, tmp_path)
    yield made
    if last := made.pid():
        os.kill(last, signal.SIGTERM)
        wait_until(lambda: not running(last), what="the end of the last one")


def refused(serve, user, password):
    with serve.raw() as raw:
        raw.greet().expect(f"USER {user}", 331)
        return raw.command(f"PASS {password}").code == 530


@pytest.mark.parametrize("by", ["command", "signal"])
def test_reload(serve, by):
    """Existing sessions keep their settings and transfers; later ones have the new settings."""
    old = serve.session()
    slow = [Slow(serve.session()), Slow(serve.session(), store="/up")]
    serve.write('user = "new:secret4711"\nreader = "guest:g"\ngreeting = "Good morning."\nmax-sessions-per-address = 100')
    if by == "command":
        done = serve.ask("reload")
        assert done.returncode == 0, done.stderr
        output = done.stdout
    else:
        serve.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "Reload: user" in serve.daemon.log(), what="the reload")
        output = serve.daemon.log()
    assert "greeting changed from the default to Good morning." in output and "user changed from ... to ..." in output
    assert "secret4711" not in output and "writer:" not in output
    with serve.raw() as raw:
        assert "Good morning." in raw.reply().text
    new = serve.session("new", "secret4711")
    assert new.store("/new", b"new").code == 226
    assert refused(serve, "writer", "lab")
    reader = serve.session("guest", "g")
    assert reader.retrieve("/new") == b"new" and reader.command("DELE /new").code == 550
    assert old.store("/old", b"old").code == 226, "it has begun as one who may write"
    finish(slow)
    assert_whole(slow, serve.files)


def test_a_bad_reload_changes_nothing(serve):
    serve.write(WRITER + 'greeting = "New."\nupload-sync = "sometimes"')
    done = serve.ask("reload")
    assert done.returncode == 1 and f"{serve.config}, line 5" in done.stderr and "configuration unchanged" in done.stderr
    with serve.raw() as raw:
        assert "New." not in raw.reply().text
    serve.write(WRITER + "tls-required = true")
    done = serve.ask("reload")
    assert done.returncode == 1 and "certificate" in done.stderr
    serve.session().expect("NOOP", 200)
    serve.write(WRITER + 'passive-ports = "50000-50009"')
    for _ in range(2):
        assert "passive-ports changed from the default to 50000-50009; takes effect after a restart" in serve.ask("reload").stdout


def test_reload_brings_tls(serve, tmp_path):
    """First without a certificate, then with one, then with another."""
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(certificates.make(tmp_path / name))
        give(tmp_path / name)
    shown = []
    for each in made:
        with serve.raw() as raw:
            assert raw.greet().command("AUTH TLS").code == (234 if shown else 502)
        serve.write(WRITER + f'tls-cert = "{each.cert}"\ntls-key = "{each.key}"')
        assert serve.ask("reload").returncode == 0
        with serve.raw() as raw:
            raw.greet().start_tls()
            shown.append(raw.socket.getpeercert(binary_form=True))
            raw.expect("USER writer", 331)
    assert shown[0] != shown[1]


@pytest.mark.limit(90)
def test_graceful_restart(serve):
    """The new process has settings that a reload cannot change; the old one ends with its sessions and interrupts no transfer."""
    first = free_range(20)
    slow = [Slow(serve.session()), Slow(serve.session(), store="/up")]
    held = serve.session()
    serve.write(WRITER + f'passive-ports = "{first}-{first + 19}"\ndrain-timeout = 60')
    old = serve.pid()
    done = serve.ask("restart")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: serve.pid() not in (old, None), what="the successor's answer")
    fresh = serve.session()
    assert first <= fresh.epsv_port() <= first + 19
    (serve.files / "small").write_bytes(b"small")
    for session in (held, fresh, held):
        assert session.retrieve("/small") == b"small"
    finish(slow)
    assert_whole(slow, serve.files)
    assert running(old)
    for s in slow:
        s.raw.close()
    held.expect("QUIT", 221)
    wait_until(lambda: not running(old), what="the end of the old one")
    assert fresh.retrieve("/small") == b"small"


def test_a_new_process_that_can_not_start(serve):
    before = serve.pid()
    serve.write('greeting = "No logins."')
    done = serve.ask("restart")
    assert done.returncode == 1 and "the running process continues" in done.stderr and "no account is configured" in done.stderr
    assert serve.pid() == before
    serve.session().expect("NOOP", 200)


def test_refused_commands(serve):
    """S6: by name for new sessions after a reload, while rights stay as they are."""
    with serve.session() as before:
        serve.write(WRITER + 'refuse-commands = ["MLSD", "RNFR"]\n')
        assert serve.ask("reload").returncode == 0
        with serve.session() as raw:
            assert raw.command("RNFR file").code == raw.command("MLSD").code == 502
            assert "MLST" in str(raw.command("FEAT")) and "MLSD" not in str(raw.command("HELP"))
            assert raw.command("DELE missing").code == 550
        assert before.command("RNFR file").code == 350
    serve.write(WRITER + 'read-only = true\n')
    assert serve.ask("reload").returncode == 0
    with serve.session() as raw:
        assert raw.command("DELE file").code == 550 and (serve.files / "file").exists()
    serve.write(WRITER + 'refuse-commands = ["NONSENSE"]\n')
    refused = serve.ask("reload")
    assert refused.returncode != 0 and 'unknown command "NONSENSE"' in refused.stderr
