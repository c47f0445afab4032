"""G12, AU-05: who may use the sockets of a daemon, what the read-only one refuses, and whose commands the log has."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

from give_away import may_give_away
from harness.daemon import wait_for_log, wait_until
from harness.raw import Raw

ADMINISTRATORS, WATCHERS = 31337, 31338  # groups
ADMINISTRATOR, WATCHER, OTHER = 31001, 31002, 31003  # users
ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
try:
    s.connect(sys.argv[1])
except PermissionError:
    sys.exit("EACCES")
s.sendall(sys.argv[2].encode() + b"\\n")
print(s.makefile().readline(), end="")
"""


class Sockets:
    def __init__(self, start, sallyport, folder, kind, control="", shown=""):
        self.sallyport, self.kind, self.log_file = sallyport, kind, folder / "log"
        self.control, self.shown = folder / "sockets/control.sock", folder / "sockets/status.sock"
        self.control.parent.mkdir()
        files = folder / "files"
        files.mkdir()
        config = folder / "daemon.toml"
        config.write_text("")
        what = [files, "--user", "writer:lab"] if kind == "serve" else ["--backend", "ftp://127.0.0.1:1"]
        self.daemon = start(kind, *what, "--listen", "127.0.0.1:0", "--config", config, "--control-socket", f"{self.control}{control}",
                            "--status-socket", f"{self.shown}{shown}", "--log", self.log_file)
        self.control.parent.chmod(0o711)

    def ask(self, *words, at=None):
        return subprocess.run([self.sallyport, self.kind, *words, "--control-socket", at or self.control], capture_output=True, text=True,
                              timeout=30)

    def pid(self):
        done = self.ask("status", "--json")
        return json.loads(done.stdout)["pid"] if done.returncode == 0 else None

    def log(self):
        wait_for_log(self.pid() or self.daemon.pid)
        return self.log_file.read_text()

    def restart(self):
        before = self.pid()
        done = self.ask("restart")
        assert done.returncode == 0, done
        wait_until(lambda: self.pid() not in (before, None), what="the new process")

    def end(self):
        os.kill(self.pid(), signal.SIGTERM)
        wait_until(lambda: not self.control.exists() and not self.shown.exists(), what="the end of the sockets")


@pytest.fixture(params=["serve", "gate"])
def sockets(request, start, sallyport, tmp_path):
    return lambda **options: Sockets(start, sallyport, tmp_path, request.param, **options)


def rights(path):
    return path.stat().st_mode & 0o7777, path.stat().st_gid


def as_user(user, group, path, request):
    """The answer, or "EACCES"."""
    done = subprocess.run(["/usr/bin/python3", "-c", ASK, path, json.dumps(request)], user=user, group=group, extra_groups=[],
                          capture_output=True, text=True, timeout=30, cwd="/")
    return done.stderr.strip() if done.returncode else json.loads(done.stdout)


def test_the_status_socket_is_read_only(sockets):
    made = sockets()
    assert rights(made.control)[0] == rights(made.shown)[0] == 0o600
    for again in (None, "reload", "restart"):
        if again == "reload":
            assert made.ask("reload").returncode == 0
        if again == "restart":
            made.restart()
        shown = made.ask("status", "--json", at=made.shown)
        assert shown.returncode == 0 and json.loads(shown.stdout)["pid"] == made.pid()
        for change in (("kick", "a-1"), ("forgive", "192.0.2.1"), ("drain",), ("ready",), ("reload",), ("restart",)):
            refused = made.ask(*change, at=made.shown)
            assert refused.returncode == 1, (change, refused)
            assert f'this socket is read-only; "{change[0]}" needs the daemon\'s control socket' in refused.stderr
    if made.kind == "gate":
        assert made.ask("openings", at=made.shown).returncode == 0
    assert made.ask("status", at=made.control).returncode == 0
    assert 'Command "kick session=a-1" of uid ' in made.log()
    made.end()


def test_the_log_has_who_asked_for_a_change(sockets):
    made = sockets()
    if made.kind == "serve":
        with Raw(made.daemon.host, made.daemon.port) as raw:
            raw.login()
            session = json.loads(made.ask("status", "--json").stdout)["sessions"][0]["id"]
            assert made.ask("kick", session).returncode == 0
        assert f'Command "kick session={session}" of uid {os.getuid()}: done' in made.log()
    assert made.ask("forgive", "192.0.2.9").returncode == 1
    assert made.ask("reload").returncode == 0
    assert made.ask("status").returncode == 0
    text = made.log()
    assert f'Command "forgive address=192.0.2.9" of uid {os.getuid()}: refused, 192.0.2.9 has no login penalty' in text
    assert f'Command "reload" of uid {os.getuid()}: done' in text
    assert 'Command "status' not in text
    with socket.socket(socket.AF_UNIX) as hostile:
        hostile.connect(str(made.control))
        hostile.sendall(json.dumps({"command": "kick", "session": "a\n\x1b[2Jb" + "x" * 500}).encode() + b"\n")
        assert hostile.recv(1000)
    last = made.log().splitlines()[-1]
    assert re.search(r'Command "kick session=a\\x0a\\x1b\[2Jbx+\.\.\." of uid', last), last


@pytest.mark.skipif(not may_give_away(), reason="needs root")
def test_groups_of_a_confined_daemon(sockets):
    """Started as root; it has become another user. Over a reload and a graceful restart."""
    made = sockets(control=f"?group={ADMINISTRATORS}", shown=f"?group={WATCHERS}&mode=0660")
    status = {"command": "status"}
    kick = {"command": "kick", "session": "a-1"}
    for again in (None, "reload", "restart"):
        if again == "reload":
            assert made.ask("reload").returncode == 0
        if again == "restart":
            made.restart()
        assert rights(made.control) == (0o660, ADMINISTRATORS) and rights(made.shown) == (0o660, WATCHERS)
        assert "no session has the id" in as_user(ADMINISTRATOR, ADMINISTRATORS, made.control, kick)["error"]
        assert as_user(ADMINISTRATOR, ADMINISTRATORS, made.shown, status) == "EACCES"
        assert as_user(WATCHER, WATCHERS, made.shown, status)["pid"] == made.pid()
        assert '"kick" needs the daemon\'s control socket' in as_user(WATCHER, WATCHERS, made.shown, kick)["error"]
        assert as_user(WATCHER, WATCHERS, made.control, status) == "EACCES"
        assert as_user(OTHER, OTHER, made.control, status) == as_user(OTHER, OTHER, made.shown, status) == "EACCES"
    text = made.log()
    assert f'Command "kick session=a-1" of uid {ADMINISTRATOR}: refused, no session' in text
    assert f'Command "kick session=a-1" of uid {WATCHER}: refused, this socket is read-only' in text
    made.end()


def test_values_that_are_refused(sallyport, folder):
    def refusal(*options):
        done = subprocess.run([sallyport, "serve", folder, "--anonymous", "--listen", "127.0.0.1:0", *options], capture_output=True, text=True,
                              timeout=20)
        assert done.returncode == 2, done
        return done.stderr

    assert "--control-socket /s?group=no-such-group: this machine has no group" in refusal("--control-socket", "/s?group=no-such-group")
    assert "use octal digits such as 0660" in refusal("--status-socket", "/s?mode=rw")
    assert "unknown parameter" in refusal("--status-socket", "/s?owner=root")
