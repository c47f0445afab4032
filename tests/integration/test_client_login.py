"""Sources of user, password and address of our client: the terminal, ~/.netrc, URLs with an interface (CL-06)."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

import network
from harness.daemon import Daemon, wait_until
from harness.our_client import run
from harness.scripted_server import ScriptedServer
from network import Host, Segment, Scenario


@pytest.fixture
def server():
    """A server that accepts every login, has an empty listing, and stores the commands."""
    made = ScriptedServer(listings={"/": b""})
    yield made
    made.close()


# ---- The terminal

# What a shell does: leads the session, gives the terminal to a child of its own process group, and says how that fares.
SHELL = """
import fcntl, os, signal, sys, termios, time
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
report = int(sys.argv[1])
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    for sign in range(1, 32):
        if sign not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(sign, signal.SIG_DFL)
    os.execv(sys.argv[2], sys.argv[2:])
os.write(report, b"%d\\n" % child)
while True:
    _, state = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(state):
        break
    os.write(report, b"stopped\\n")
os.write(report, b"ended %d\\n" % os.waitstatus_to_exitcode(state))
time.sleep(60)
"""


class Terminal:
    """A client at a terminal of its own; `slave` stays open, so that its modes can be inspected after the client has exited."""

    def __init__(self, *argv, home):
        self.master, self.slave = pty.openpty()
        self.shown = b""
        read, written = os.pipe()
        self.process = subprocess.Popen([sys.executable, "-c", SHELL, str(written), *map(str, argv)], stdin=self.slave, stdout=self.slave,
                                        stderr=self.slave, start_new_session=True, pass_fds=(written,),
                                        env={**os.environ, "HOME": str(home), "SALLYPORT_PASSWORD": ""})
        os.close(written)
        self.report = os.fdopen(read)
        self.pid = int(self.next_report())

    def next_report(self, seconds=10):
        assert select.select([self.report], [], [], seconds)[0], f"nothing happened; the terminal shows {self.shown!r}"
        return self.report.readline().strip()

    def wait_for(self, text, seconds=10):
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"{text!r} is not in {self.shown!r}"
            self.shown += os.read(self.master, 4096)
        self.shown = self.shown.partition(text)[2]

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def type(self, keys):
        os.write(self.master, keys)

    def close(self):
        for pid in (self.pid, self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.report.close()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def prompted(sallyport, server, tmp_path):
    """The client waits for a password, with the echo off."""
    terminal = Terminal(sallyport, "ls", f"ftp://ann@127.0.0.1:{server.port}/", home=tmp_path)
    try:
        terminal.wait_for(b"Password for ann at 127.0.0.1: ")
        wait_until(lambda: not terminal.echoes(), 5, "the echo's end")
        yield terminal
    finally:
        terminal.close()


def test_password_is_asked_without_echo(prompted, server):
    prompted.type(b"secret word\n")
    assert prompted.next_report().startswith("ended ")
    assert server.arguments_of("PASS") == ["secret word"]
    assert prompted.echoes() and b"secret" not in prompted.shown


@pytest.mark.parametrize("how", ["ctrl-c", "ctrl-backslash", "SIGTERM", "SIGHUP"])
def test_terminal_is_restored_when_the_prompt_is_interrupted(prompted, server, how):
    keys = {"ctrl-c": (b"hal\x03", signal.SIGINT), "ctrl-backslash": (b"\x1c", signal.SIGQUIT)}
    if how in keys:
        prompted.type(keys[how][0])
        sign = keys[how][1]
    else:
        sign = signal.Signals[how]
        os.kill(prompted.pid, sign)
    assert prompted.next_report() == f"ended {-sign}", "it ends by the signal, as any program does"
    assert prompted.echoes()
    assert server.commands == []


def test_ctrl_z_stops_it_with_the_terminal_restored_and_asks_again(prompted, server):
    prompted.type(b"hal\x1a")
    assert prompted.next_report() == "stopped"
    assert prompted.echoes()
    os.kill(prompted.pid, signal.SIGCONT)
    prompted.wait_for(b"Password for ann at 127.0.0.1: ")
    wait_until(lambda: not prompted.echoes(), 5, "the echo's end")
    prompted.type(b"secret\n")
    assert prompted.next_report().startswith("ended ")
    assert server.arguments_of("PASS") == ["secret"]
    assert prompted.echoes()


def test_end_of_input_at_the_prompt_is_no_password(prompted, server):
    prompted.type(b"\x04")
    assert prompted.next_report() == "ended 2"
    prompted.wait_for(b"no password for ann")
    assert prompted.echoes() and server.commands == []


# ---- ~/.netrc

@pytest.fixture
def netrc(sallyport, server, tmp_path):
    """Runs `sallyport ls` with this ~/.netrc, without a terminal."""

    def run(text, mode=0o600, url="ftp://127.0.0.1:{}/", environment=()):
        path = tmp_path / ".netrc"
        path.write_bytes(text)
        path.chmod(mode)
        return subprocess.run([sallyport, "ls", url.format(server.port)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, start_new_session=True,
                              env={**os.environ, "HOME": str(tmp_path), "SALLYPORT_PASSWORD": "", **dict(environment)})

    return run


def test_netrc_logs_in(netrc, server):
    netrc(b"machine 127.0.0.1 login ann password secret\n")
    assert server.arguments_of("USER") == ["ann"] and server.arguments_of("PASS") == ["secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_netrc_that_others_can_read_is_ignored_with_a_warning(netrc, server, mode):
    """CL-06. The login does not fail, since an anonymous login needs no password."""
    done = netrc(b"machine 127.0.0.1 login ann password secret\n", mode)
    assert server.arguments_of("USER") == ["anonymous"] and "secret" not in server.arguments_of("PASS")
    assert "warning: ignoring" in done.stderr and ".netrc" in done.stderr and "chmod 600" in done.stderr
    assert "secret" not in done.stderr


def test_netrc_that_others_can_read_is_not_mentioned_where_it_is_not_needed(netrc, server):
    done = netrc(b"machine 127.0.0.1 login ann password secret\n", 0o644, "ftp://bob:own@127.0.0.1:{}/")
    assert server.arguments_of("PASS") == ["own"] and "netrc" not in done.stderr


def test_netrc_entry_without_password_asks(netrc, server, sallyport, tmp_path):
    done = netrc(b"machine 127.0.0.1 login ann\n")  # no terminal to ask on
    assert done.returncode == 2 and "no password for ann" in done.stderr and server.commands == []
    terminal = Terminal(sallyport, "ls", f"ftp://127.0.0.1:{server.port}/", home=tmp_path)
    try:
        terminal.wait_for(b"Password for ann at 127.0.0.1: ")
        terminal.type(b"typed\n")
        assert terminal.next_report().startswith("ended ")
    finally:
        terminal.close()
    assert server.arguments_of("USER") == ["ann"] and server.arguments_of("PASS") == ["typed"]


def test_netrc_entry_without_password_takes_that_of_the_environment(netrc, server):
    netrc(b"machine 127.0.0.1 login ann\n", environment={"SALLYPORT_PASSWORD": "from outside"}.items())
    assert server.arguments_of("USER") == ["ann"] and server.arguments_of("PASS") == ["from outside"]


def test_netrc_with_cr_lf(netrc, server):
    netrc(b"\xef\xbb\xbfmacdef init\r\ncd /pub\r\n\r\nmachine 127.0.0.1\r\nlogin ann\r\npassword secret\r\n")
    assert server.arguments_of("USER") == ["ann"] and server.arguments_of("PASS") == ["secret"]


# ---- --password-command


def test_a_command_prints_the_password(server, tmp_path):
    """The first line of its output; no shell reads the command, and neither -v nor the result shows the password."""
    program = tmp_path / "pass word"
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"secret $1 $2\" \"second line\"\n")
    program.chmod(0o755)
    done = run("ls", "-v", "--json", "--password-command", f"'{program}' $HOME 'a b'", f"ftp://u@127.0.0.1:{server.port}/")
    assert done.returncode == 0, done.stderr
    assert "PASS secret $HOME a b" in server.commands
    assert "secret" not in done.stderr + done.stdout


def test_a_command_for_the_password_fails(server):
    """The message names command, exit code and next step; nothing is sent to the server."""
    done = run("ls", "--password-command", "sh -c 'echo hid$((6))den; echo why >&2; exit 7'", f"ftp://u@127.0.0.1:{server.port}/")
    assert done.returncode == 2
    assert "--password-command: 'sh -c" in done.stderr and "exit code 7; run it on its own" in done.stderr and "why" in done.stderr
    assert "hid6den" not in done.stderr and server.commands == []


def test_where_a_command_for_the_password_stands(server, monkeypatch):
    """A password in the URL takes precedence over it, and it takes precedence over the environment; an anonymous login needs none."""
    monkeypatch.setenv("SALLYPORT_PASSWORD", "from-environment")
    fails = ["--password-command", "false"]
    assert run("ls", *fails, f"ftp://u:given@127.0.0.1:{server.port}/").returncode == 0
    assert run("ls", *fails, f"ftp://127.0.0.1:{server.port}/").returncode == 0
    assert run("ls", "--password-command", "echo printed", f"ftp://u@127.0.0.1:{server.port}/").returncode == 0
    assert [line for line in server.commands if line.startswith("PASS ") and "@" not in line] == ["PASS given", "PASS printed"]


def test_a_site_has_a_command_for_the_password(server):
    assert run("sites", "add", "partner", f"ftp://u@127.0.0.1:{server.port}/", "--password-command", "echo of-the-site").returncode == 0
    assert run("ls", "partner:").returncode == 0
    assert "PASS of-the-site" in server.commands


# ---- Addresses with an interface

LINK = Scenario(
    name="link", title="Two hosts that know each other by link-local addresses only", rows="C1 C5",
    segments=(Segment("lan"),),
    hosts=(Host("server", {"lan": "fe80::1/64"}), Host("client", {"lan": "fe80::2/64"})))


@pytest.fixture(scope="module")
def link(networks, sallyport, tmp_path_factory):
    folder = tmp_path_factory.mktemp("link")
    (folder / "files").mkdir()
    (folder / "files" / "file").write_text("content")
    with network.Network(LINK) as built:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=fe80::1", "-addext", "subjectAltName=IP:fe80::1", "-keyout", folder / "key", "-out",
                        folder / "cert"], check=True, capture_output=True)
        daemon = Daemon([sallyport, "serve", folder / "files", "--listen", "[::]:2121", "--anonymous", "--control-socket", "none",
                         "--tls-cert", folder / "cert", "--tls-key", folder / "key"], wrap=lambda argv: built.command("server", *argv))
        daemon.wait_ready()
        yield built, folder
        daemon.kill()


@pytest.mark.parametrize("zone", ["%25lan", "%lan"])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("method", ["epsv", "eprt"])
def test_link_local_address(link, sallyport, zone, tls, method):
    """RFC 6874: the interface is part of the URL; it is kept for data connections, and no certificate holds it."""
    built, folder = link
    scheme, trust = ("ftpes", ["--ca", folder / "cert"]) if tls else ("ftp", [])
    done = subprocess.run(built.command("client", sallyport, "get", "-v", "--data-methods", method, *trust,
                                        f"{scheme}://[fe80::1{zone}]:2121/file", "-o", "-"),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "content"
    assert "EPRT |2|fe80::2|" in done.stderr or method == "epsv"


def test_interface_that_does_not_exist_is_reported(sallyport):
    done = subprocess.run([sallyport, "ls", "ftp://[fe80::1%25nosuch0]/"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 3 and "nosuch0" in done.stderr
