"""The shell of our client (C1, C8): its commands in scripts and on a terminal, the session that they share, and what Ctrl-C leaves."""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import termios
import threading
import time

import pytest

from harness import programs
from harness.daemon import wait_until
from harness.our_client import here, ours, run, scripted, there, write  # noqa: F401: fixtures too


def shell(*arguments, cwd=None, text=None, environment=()):
    return subprocess.run([programs.sallyport(), "shell", *map(str, arguments)], cwd=cwd, input=text or "", capture_output=True, text=True,
                          timeout=60, env={**os.environ, **dict(environment)})


# ---- Scripts


def test_commands_share_a_session(scripted, here):
    """C1: names are relative to the current directory, and there is one login."""
    server = scripted(files={"/out/a": b"12345", "/out/b": b"1"}, listings={"/": b"", "/out": b"-rw-r--r-- 1 u u 1 Jan  2 2026 b\r\n"})
    done = shell("-c", "cd out; pwd; ls -1; get a; put a -o c; rm b", server.url(""), cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["/out", "b"]
    assert (here / "a").read_text() == "12345" and server.files == {"/out/a": b"12345", "/out/c": b"12345"}
    assert len(server.arguments_of("USER")) == 1


def test_a_script_on_standard_input(ours, here, there):
    write(there / "a")
    done = shell(ours, cwd=here, text="# a comment\nmkdir 'new dir'; mv a 'new dir/'\n\ncd new\\ dir\nls -1\nexit\nls\n")
    assert (done.returncode, done.stdout) == (0, "a\n"), done.stderr


def test_the_exit_code_is_that_of_the_first_failure(ours, here, there):
    """C8: the other commands run all the same, unless --stop-on-error is given."""
    write(there / "a", "text")
    script = "cat a; cd nowhere; bogus; cat a"
    done = shell("-c", script, ours, cwd=here)
    assert (done.returncode, done.stdout) == (6, "texttext") and "unknown command bogus" in done.stderr
    done = shell("-e", "-c", script, ours, cwd=here)
    assert (done.returncode, done.stdout) == (6, "text") and "bogus" not in done.stderr
    done = shell("-e", ours, cwd=here, text=script.replace("; ", "\n"))
    assert (done.returncode, done.stdout) == (6, "text")


@pytest.mark.parametrize("script, code, message", [
    ("bogus", 2, "unknown command"),
    ("lss", 2, "ls"),
    ("get 'a", 2, "is not closed"),
    ("get --active a", 2, "belongs to the connection"),
    ("ls --bogus", 2, "bogus"),
    ("get", 2, "sallyport get --help"),
    ("!exit 7", 7, ""),
    ("lcd nowhere", 9, "nowhere"),
    ("set bogus 1", 2, "no option 'bogus'"),
    ("set timeout x", 2, "timeout"),
    ("edit", 2, "name one file"),
    ("mirror", 2, "mirror REMOTE"),
])
def test_wrong_commands(ours, here, script, code, message):
    done = shell("-c", script, ours, cwd=here)
    assert done.returncode == code and message in done.stderr and done.stderr.count("\n") <= 3


def test_without_a_connection(ours, here, there):
    write(there / "a", "text")
    done = shell("-c", "lpwd; ls", cwd=here)
    assert (done.returncode, done.stdout) == (2, f"{here}\n") and "use 'open URL'" in done.stderr
    assert shell("-c", f"open {ours}; cat a", cwd=here).stdout == "text"
    assert shell("-c", "ls", "ftp://127.0.0.1:1/", cwd=here).returncode == 3
    assert shell("-c", "ls", ours.replace(":lab@", ":wrong@"), cwd=here).returncode == 5


def test_patterns_and_quotes(ours, here, there):
    """Only what is not quoted is a pattern, here and on the server."""
    for name in ("a*", "a1", "a 2", "b"):
        write(there / name, name)
    done = shell("-c", "mkdir '[x]'; cat 'a*'; cat \\a\\*; cat a?", ours, cwd=here)
    assert (done.returncode, done.stdout) == (0, "a*a*a*a1"), done.stderr
    for name in ("1.c", "2.c", "3.c", "*.c"):
        write(here / name, name)
    done = shell("-c", "cd '[x]'; mput -q [1-2].c; put -q '*.c'; ls -1; rm \\*.c; ls -1", ours, cwd=here)
    assert (done.returncode, done.stdout.split()) == (0, ["*.c", "1.c", "2.c", "1.c", "2.c"]), done.stderr


def test_files_go_where_options_say(ours, here, there):
    write(here / "a", "a")
    write(here / "tree" / "b", "b")
    write(there / "far" / "c", "c")
    (there / "d").mkdir()
    (there / "d").chmod(0o777)
    done = shell("-c", "put a -o new; put a -O d; mirror -R tree; mirror far near; get far/c -o renamed; get -O got far/c", ours, cwd=here)
    assert done.returncode == 0, done.stderr
    assert [(there / name).read_text() for name in ("new", "d/a", "tree/b")] == ["a", "a", "b"]
    assert [(here / name).read_text() for name in ("near/c", "renamed", "got/c")] == ["c", "c", "c"]


def test_the_connection_is_opened_again_with_other_options(scripted, here):
    """`set` keeps directory and login; `debug` prints what is sent."""
    server = scripted(listings={"/": b"", "/out": b""})
    done = shell("-c", "cd out; set passive; set data-methods epsv; set; debug on; ls; debug off; pwd", server.url(""), cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["data-methods = epsv", "/out"]
    assert "EPSV" in done.stderr and "PWD" not in done.stderr.rpartition("LIST")[2]
    assert server.arguments_of("PASS") == ["p"] * 3


def test_a_bookmark_is_a_site(ours, here, there):
    (there / "out").mkdir()
    assert shell("--passive", "-c", "cd out; bookmark partner", ours, cwd=here).returncode == 0
    shown = run("sites", "list").stdout
    assert "partner" in shown and shown.rstrip().endswith("passive") and "/out" in shown and "lab" not in shown
    assert "partner" in shell("-c", "bookmark", cwd=here).stdout


def test_help_lists_the_commands(here):
    done = shell("-c", "help", cwd=here)
    names = "open cd pwd ls get mget put mput mirror cat edit rm mv mkdir rmdir chmod find quote site lcd lpwd lls bookmark set debug help exit"
    assert {line.split()[0] for line in done.stdout.splitlines() if line.strip()} >= set(names.split())
    shown = shell("-c", "help get", cwd=here).stdout
    assert "--recursive" in shown and "--active" not in shown and "URL" not in shown.splitlines()[0]


# ---- In the background


def test_commands_in_the_background(scripted, here):
    """Each has a connection of its own, with the options and the login of the shell; its output is printed when it has ended."""
    server = scripted(files={"/out/a": b"text", "/out/b": bytes(100_000)}, listings={"/": b"", "/out": b""})
    server.pause = 0.05
    done = shell("--passive", "-c", "cd out; bg get b; bg cat a; jobs; wait 2; cat a; wait; jobs; bg rm nowhere", server.url(""), cwd=here)
    assert done.returncode == 6
    lines = done.stdout.splitlines()
    assert lines[:4] == ["[1] get b", "[2] cat a", "[1] get b", "[2] cat a"] and lines[4:6] == ["text", "[2] cat a: done"]
    assert "text[1] get b: done" in lines and "[3] rm nowhere: failed with exit code 6" in lines
    assert (here / "b").stat().st_size == 100_000
    assert server.arguments_of("PASS") == ["p"] * 4 and "EPRT" not in server.commands


def test_a_command_in_the_background_is_ended(ours, here, there):
    (there / "big").write_bytes(bytes(30_000_000))
    done = shell("--limit-rate", "1M", "-c", "bg get big; kill 1; wait; kill 1", ours, cwd=here)
    assert done.returncode == 128 + signal.SIGINT and "[1] get big: failed with exit code 130" in done.stdout
    assert "kill: there is no command 1" in done.stderr


@pytest.mark.parametrize("script, message", [("bg", "name a command"), ("bg cd x", "name a command"), ("fg", "no command"),
                                             ("wait 3", "no command 3"), ("kill", "name the number"), ("bg get --active x", "belongs to"),
                                             # The password is for the server of the shell only.
                                             ("bg get ftp://other@127.0.0.1:1/x", "server of the shell"),
                                             ("bg get --from-file list", "server of the shell")])
def test_wrong_commands_for_the_background(ours, here, script, message):
    done = shell("-c", script, ours, cwd=here)
    assert done.returncode == 2 and message in done.stderr


def test_the_password_is_on_no_command_line(ours, here, there):
    """Other users of the machine can read those."""
    (there / "big").write_bytes(bytes(30_000_000))
    done = shell("--user", "writer:lab", "--limit-rate", "1M", "-c", "bg get big; !ps -eo args | grep '[-]-no-config'\nkill 1", ours.replace("writer:lab@", ""),
                 cwd=here)
    assert "get --no-config --user=writer" in done.stdout and "lab" not in done.stdout.replace("label", ""), done.stdout


# ---- edit


@pytest.fixture
def edited(ours, here, there):
    """Edits the file with this content by this program, whose argument is the file."""
    def edit(program):
        write(there / "f.txt", "old")
        (there / "f.txt").chmod(0o666)
        editor = here / "editor"
        editor.write_text(f"#!/bin/sh\nfile=$1\nserver={there}\n{program}\n")
        editor.chmod(0o755)
        return shell("-c", "edit f.txt", ours, cwd=here, environment={"VISUAL": str(editor), "TMPDIR": str(here)}.items())
    return edit


def test_an_edited_file_is_put_back(edited, here, there):
    done = edited("echo new > $file")
    assert done.returncode == 0, done.stderr
    assert (there / "f.txt").read_text() == "new\n" and not list(here.glob("sallyport-*"))


def test_a_file_that_was_not_edited_stays(edited, here, there):
    done = edited("cat $file")
    assert (done.returncode, done.stdout) == (0, "oldunchanged\n") and not list(here.glob("sallyport-*"))


def test_a_file_that_has_changed_on_the_server_is_not_overwritten(edited, here, there):
    """Also if size and time are the same. The user's version is kept."""
    done = edited("echo new > $file; touch -r $server/f.txt $server/time; printf odd > $server/f.txt; touch -r $server/time $server/f.txt")
    assert done.returncode == 6 and (there / "f.txt").read_text() == "odd"
    kept = re.search(r"your version is (\S+);", done.stderr)
    assert kept and open(kept[1]).read() == "new\n"


def test_an_editor_that_fails_changes_nothing(edited, here, there):
    done = edited("echo new > $file; exit 3")
    assert done.returncode == 9 and "exit code 3" in done.stderr and (there / "f.txt").read_text() == "old"


# ---- The terminal


class Typed:
    """A shell at a terminal."""

    def __init__(self, *arguments, cwd):
        self.terminal, theirs = pty.openpty()
        self.shown = b""
        self.running = subprocess.Popen([programs.sallyport(), "shell", *map(str, arguments)], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"})
        os.close(theirs)

    def write(self, keys):
        os.write(self.terminal, keys.encode())

    def wait_for(self, text, seconds=20):
        """What was shown before and with it; the rest is kept for the next call."""
        until = time.monotonic() + seconds
        while text.encode() not in self.shown:
            left = until - time.monotonic()
            assert left > 0 and select.select([self.terminal], [], [], left)[0], f"{text!r} is not in {self.shown!r}"
            self.shown += os.read(self.terminal, 4096)
        before, found, self.shown = self.shown.partition(text.encode())
        return before + found

    def shows(self, text):
        """Whether that is shown within half a second."""
        if select.select([self.terminal], [], [], 0.5)[0]:
            self.shown += os.read(self.terminal, 4096)
        return text.encode() in self.shown

    def prompt(self):
        """What was shown before it. Keys are not read by the editor of lines before it has switched the echo off."""
        shown = self.wait_for("127.0.0.1:/") + self.wait_for("> ")
        wait_until(lambda: not termios.tcgetattr(self.terminal)[3] & termios.ECHO, what="the editor of lines has begun")
        return shown.decode("utf-8", "replace")

    def run(self, line):
        self.write(line + "\r")
        self.wait_for("\n")
        return self.prompt()

    def end(self):
        if self.running.poll() is None:
            self.running.kill()
            self.running.wait()
        os.close(self.terminal)


@pytest.fixture
def typed(here):
    made = []

    def begin(*arguments):
        made.append(Typed(*arguments, cwd=here))
        made[-1].prompt()
        return made[-1]
    yield begin
    for each in made:
        each.end()


def test_names_are_completed(typed, ours, here, there):
    """Commands, options, and names on both sides, with quotes and directories. The editor writes only what changes on the line."""
    write(there / "outbox" / "long name.txt", "far")
    (there / "outbox").chmod(0o777)
    write(here / "local.txt", "near")
    on = typed(ours)
    on.write("pw\t")
    on.wait_for("d ")
    on.write("\r")
    assert on.prompt().strip().startswith("/")
    on.write("cat ou\t")
    on.wait_for("tbox/")
    on.write("lo\t")
    on.wait_for("ng\\ name.txt ")
    on.write("\r")
    on.wait_for("far")
    on.prompt()
    on.write("cat 'outbox/l\t")
    on.wait_for("ong name.txt' ")
    on.write("\r")
    on.wait_for("far")
    on.prompt()
    on.write("put lo\t")
    on.wait_for("cal.txt ")
    on.write("-O ou\t")
    on.wait_for("tbox/")
    on.write("\r")
    on.prompt()
    assert (there / "outbox" / "local.txt").read_text() == "near"
    on.write("get --recu\t")
    on.wait_for("rsive ")


def test_several_names_are_listed(typed, ours, there):
    for name in ("ab1", "ab2", "other"):
        write(there / name)
    on = typed(ours)
    on.write("get a\t")
    on.wait_for("b")
    on.write("\t")
    assert b"other" not in on.wait_for("ab2")
    on.write("2\r")
    on.wait_for("1 file")


def test_a_late_listing_does_not_hold_up_typing(typed, scripted):
    """The server answers LIST only after the next command, which has a connection of its own."""
    arrived = threading.Event()
    server = scripted(files={"/name": b"1"}, listings={"/": b"-rw-r--r-- 1 u u 1 Jan  2 2026 name\r\n"},
                      replies={"BEGIN": lambda control: (arrived.wait(30), control.sendall(b"150 here it comes\r\n"))})
    on = typed(server.url(""))
    on.write("rm n\t")
    on.write("\x15pwd\r")
    on.wait_for("\r\n/\r\n", seconds=10)
    on.prompt()
    assert "NOOP is unknown" in on.run("quote NOOP")
    arrived.set()
    on.write("rm n\t")
    deadline = time.monotonic() + 20
    while b"name" not in on.shown and time.monotonic() < deadline:
        on.write("\t")
        if select.select([on.terminal], [], [], 0.3)[0]:
            on.shown += os.read(on.terminal, 4096)
    assert b"name" in on.shown


def test_control_characters_of_names_do_not_reach_the_terminal(typed, scripted):
    """IN-09: neither by completions, nor by listings, the prompt or messages."""
    hostile = "n\u202e\u009b31m"
    lines = "".join(f"-rw-r--r-- 1 u u 1 Jan  2 2026 {name}\r\n" for name in (hostile, "n\x1b]0;x\x07", "nice"))
    server = scripted(listings={"/": lines.encode(), f"/{hostile}": b""}, start=f"/{hostile}")
    on = typed(server.url(""))
    assert "\\xe2\\x80\\xae" in on.run("pwd")
    on.run("cd /")
    on.run("ls")
    on.write("cat n\t")
    on.wait_for("ice ")
    on.write("\x03")
    on.prompt()
    seen = on.run("rm n*")
    assert seen.count("550 no") == 2 and "\u202e" not in seen and "\u009b" not in seen and "\x1b]" not in seen


def test_the_history_outlives_the_shell(typed, ours, there):
    """It is for its user only, and has no passwords."""
    write(there / "a", "text")
    on = typed(ours)
    on.run("cat a")
    on.run(f"open {ours}")
    on.write("exit\r")
    on.running.wait(20)
    file = os.path.join(os.environ["XDG_STATE_HOME"], "sallyport", "shell_history")
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert "lab" not in open(file).read()
    on = typed(ours)
    on.write("\x1b[A\x1b[A\r")  # exit is the last one
    on.wait_for("text")


def test_ctrl_c_ends_a_transfer_and_keeps_the_session(typed, ours, here, there):
    """C1: by ABOR; the partial file is kept, and the next command needs no login."""
    (there / "big").write_bytes(bytes(30_000_000))
    on = typed("--limit-rate", "1M", ours)
    on.run("debug on")
    on.write("get big\r")
    on.wait_for("MiB/s")
    on.write("\x03")
    assert b"ABOR" in on.wait_for("cancelled")
    on.prompt()
    assert (here / "big.part").exists()
    seen = on.run("ls")
    assert "big" in seen and "USER" not in seen and "MLSD" in seen
    for keys in ("ex\x03", "\x03"):
        on.write(keys)
        on.prompt()
    on.write("exit\r")
    assert on.running.wait(20) == 0


def test_ctrl_c_ends_a_script(ours, here, there):
    (there / "big").write_bytes(bytes(30_000_000))
    running = subprocess.Popen([programs.sallyport(), "shell", "--limit-rate", "1M", "-c", "get big; mkdir next", ours], cwd=here,
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: (here / "big.part").exists() and (here / "big.part").stat().st_size > 0, what="a part of the file")
    running.send_signal(signal.SIGINT)
    assert running.wait(20) == -signal.SIGINT
    assert not (there / "next").exists() and (here / "big.part").exists()


def test_a_connection_that_was_lost_is_replaced(typed, scripted):
    """A server ends sessions in which nothing happens for a while."""
    server = scripted(listings={"/": b"", "/out": b""})
    sessions = []
    server.refuse = lambda session, verb: sessions.append(session)
    on = typed(server.url("out"))
    assert "/out" in on.run("pwd")
    sessions[-1].control.shutdown(socket.SHUT_RDWR)
    assert "sallyport" not in on.run("ls")
    assert len(server.arguments_of("USER")) == 2 and server.arguments_of("CWD")[-1] == "/out"


def test_ctrl_c_ends_a_command_for_another_server(typed, ours, scripted):
    """C1: one that has a connection of its own."""
    other = scripted(files={"/slow": bytes(1_000_000)})
    other.pause = 0.2
    on = typed(ours)
    on.write(f"get {other.url('slow')}\r")
    on.wait_for("KiB/s")
    on.write("\x03")
    on.wait_for("cancelled")
    on.prompt()
    on.write("exit\r")
    assert on.running.wait(20) == 0


def test_names_are_completed_after_ctrl_c(typed, ours, there):
    (there / "big").write_bytes(bytes(30_000_000))
    on = typed("--limit-rate", "1M", ours)
    on.write("get big\r")
    on.wait_for("MiB/s")
    on.write("\x03")
    on.prompt()
    on.write("rm b\t")
    on.wait_for("ig ")


def test_the_terminal_is_restored_when_the_shell_is_ended(typed, ours):
    on = typed(ours)
    on.running.send_signal(signal.SIGTERM)
    assert on.running.wait(20) == -signal.SIGTERM
    assert termios.tcgetattr(on.terminal)[3] & termios.ECHO


def test_ctrl_c_ends_a_command_in_the_background_only_in_the_foreground(typed, ours, here, there):
    (there / "big").write_bytes(bytes(30_000_000))
    on = typed("--limit-rate", "1M", ours)
    on.run("bg get big")
    on.write("ex\x03")
    on.prompt()
    assert "[1] get big" in on.run("jobs")
    wait_until(lambda: (here / "big.part").exists() and (here / "big.part").stat().st_size > 0, what="a part of the file")
    on.write("fg\r")
    on.wait_for("fg\r\n")
    # Nothing shows that it waits.
    wait_until(lambda: on.write("\x03") or on.shows("failed with exit code 130"), what="the end of the command")
    on.prompt()
    assert (here / "big.part").exists()
    on.write("bg find\r")
    on.prompt()
    wait_until(lambda: "[2] find: done" in on.run(""), what="the result before a prompt")
