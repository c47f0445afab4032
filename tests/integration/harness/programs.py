"""Where the programs are that tests start, and those of tests/support themselves."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from network import PROGRAMS

ROOT = Path(__file__).resolve().parents[3]


def executable(path):
    return str(path) if os.access(path, os.X_OK) and Path(path).is_file() else None


def sallyport():
    """The binary under test: $SALLYPORT, else the release build, else the debug build."""
    if named := os.environ.get("SALLYPORT"):
        return executable(Path(named).resolve())
    return executable(ROOT / "build/release/sallyport") or executable(ROOT / "build/dev/sallyport")


def reference_server(name):
    return executable(PROGRAMS / name)


@contextlib.contextmanager
def support(network, host, script, *arguments):
    """A script of tests/support that runs on this host as long as the block lasts, from when it prints "ready" on."""
    command = network.command(host, sys.executable, "-B", ROOT / "tests/support" / script, *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout.readline() == "ready\n"
            yield
        finally:
            running.kill()
