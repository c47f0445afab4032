"""Help of every command, and the reference that is made from the same table."""

import os
import pty
import re
import struct
import subprocess
import sys
import termios
import fcntl

import pytest

from harness.programs import ROOT

COMMANDS = [(), ("up",), ("serve",), ("gate",), ("get",), ("put",), ("ls",), ("mirror",),
            *((name,) for name in ("copy", "rm", "mv", "mkdir", "rmdir", "chmod", "stat", "cat", "find", "du", "quote")), ("user",), ("user", "hash"),
            ("sites",), *(("sites", what) for what in ("list", "show", "add", "delete", "forget")), ("cert",),
            ("import",), *(("import", what) for what in ("vsftpd", "proftpd", "pure-ftpd", "compare")), ("help",),
            *((daemon, what) for daemon in ("serve", "gate") for what in ("status", "check", "reload", "forgive", "kick", "drain", "ready", "top"))]
DEBRIS = re.compile(r"\bTEXT:|FLOAT|UINT|\bINT\b|EXISTING|OPTIONS\]? \[?SUBCOMMAND|Positionals|\(REQUIRED\)|REQUIRED|Excludes")


def run(sallyport, *arguments):
    return subprocess.run([sallyport, *arguments], capture_output=True, text=True, timeout=10)


@pytest.fixture(params=COMMANDS, ids=" ".join)
def command(request):
    return request.param


def test_help_fits_eighty_columns(sallyport, command):
    done = run(sallyport, *command, "--help")
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert not DEBRIS.search(done.stdout), DEBRIS.search(done.stdout)
    assert lines[2].startswith("Usage: " + " ".join(("sallyport", *command)))
    assert "Help:\n  -h, --help\n" in done.stdout


def test_help_command_prints_the_same(sallyport, command):
    assert run(sallyport, "help", *command).stdout == run(sallyport, *command, "--help").stdout


def test_every_option_has_one_line_of_help(sallyport, command):
    text = run(sallyport, *command, "--help").stdout
    options = re.sub(r"\n {4}\[[^]]*\]$", "", text.split("\nHelp:\n")[0], flags=re.MULTILINE)  # defaults that have lines of their own
    for head, helped in re.findall(r"^ {2}(-.*)\n((?: {4}\S.*\n)+)", options, re.MULTILINE):
        assert len(helped.splitlines()) == 1 and len(helped.strip()) <= 76, (head, helped)


def words_of(text):
    """Without the signs that a line continues."""
    return " ".join(text.replace("\\\n", " ").replace("\n  # ", "\n  ").replace("#", " ").split())


def test_help_of_the_gateway_has_the_rules_that_it_makes(sallyport):
    plan = run(sallyport, "gate", "plan", "--intercept", "IF", "--mark", "0x10000000/0x30000000", "--route-table", "8300").stdout
    assert "tproxy ip to" in plan and "ip rule add" in plan
    helped = run(sallyport, "gate", "--help").stdout
    assert words_of(plan) in words_of(helped)
    page = run(sallyport, "help", "--format", "man", "gate").stdout
    assert "tproxy ip to" in page and "ip rule add" in page


def test_options_stand_under_headings(sallyport):
    text = run(sallyport, "gate", "--help").stdout
    headings = re.findall(r"^(\S.*):$", text, re.MULTILINE)
    assert headings == ["Commands", "Backends and load balancing", "Health checks", "Backend connections", "Interception on a router",
                        "Listening and TLS", "Data connections", "Port mappings at the router", "Timeouts", "Limits", "Logging and operation",
                        "Rights of the process", "Access control",
                        "Help", "Examples"]
    assert "  --balance POLICY  [default: least-sessions]\n    least-sessions, round-robin, least-response-time, client-address or user\n" in text
    assert "      weight=N  [default: 1]\n        Share of sessions relative to other backends (1 to 256)\n" in text
    assert "  --backend-connect-timeout SECONDS  [default: 3; 0.001 to 3600]\n" in text


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version(sallyport, flag):
    done = run(sallyport, flag)
    assert done.returncode == 0 and re.fullmatch(r"sallyport \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("columns,max_length", [(60, 60), (100, 100), (300, 120)])
def test_help_is_wrapped_to_the_terminal(sallyport, columns, max_length):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen([sallyport, "help", "up"], stdout=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    text = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        text += block
    os.close(ours)
    assert process.wait(10) == 0
    wrapped = [line for line in text.decode().replace("\r", "").splitlines() if not line.startswith("  sallyport")]
    length = max(map(len, wrapped))
    assert max_length - 20 < length <= max_length, length


def test_the_reference_is_up_to_date(sallyport):
    done = subprocess.run([sys.executable, ROOT / "tools/settings-page", "--check"], capture_output=True, text=True, timeout=20,
                          env={**os.environ, "SALLYPORT": sallyport})
    assert done.returncode == 0, done.stderr


def test_every_option_is_in_the_reference(sallyport):
    page = (ROOT / "docs/settings.md").read_text()
    for command in COMMANDS:
        for option in re.findall(r"^ {2}(?:-\w, )?(--[a-z-]+)", run(sallyport, *command, "--help").stdout, re.MULTILINE):
            assert option in ("--help", "--version") or f"{option}" in page, option
