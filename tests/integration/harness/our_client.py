"""Our client as tests run it: its processes, a folder on a server of ours and one on its own side, and scripted servers."""

import json
import os
import select
import subprocess
import time

import pytest

from harness import programs
from harness.scripted_server import ScriptedServer


def run(*arguments, cwd=None, seconds=60):
    return subprocess.run([programs.sallyport(), *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds)


def result_of(done):
    """What it has printed with --json."""
    return json.loads(done.stdout)


def read_until(terminal, mark, seconds=30):
    """The bytes that a program writes to this terminal, up to this mark; all of them if the mark is missing."""
    seen = b""
    until = time.monotonic() + seconds
    while mark not in seen and time.monotonic() < until:
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096)
    return seen


def write(path, text="", time_of_it=1_700_000_000):
    """A file, with its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time_of_it, time_of_it))


@pytest.fixture
def there(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def ours(start, there):
    daemon = start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    return f"ftp://writer:lab@127.0.0.1:{daemon.port}"


@pytest.fixture
def scripted():
    """scripted(**options): a ScriptedServer that is closed at the end of the test."""
    running = []

    def make(**options):
        running.append(ScriptedServer(**options))
        return running[-1]

    yield make
    for server in running:
        server.close()
