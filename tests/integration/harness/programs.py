"""Where the programs are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def executable(path):
    return str(path) if os.access(path, os.X_OK) and Path(path).is_file() else None


def sallyport():
    """The binary under test: $SALLYPORT, else the release build, else the debug build."""
    if named := os.environ.get("SALLYPORT"):
        return executable(Path(named).resolve())
    return executable(ROOT / "build/release/sallyport") or executable(ROOT / "build/dev/sallyport")


def reference_server(name):
    return executable(ROOT / "build/reference-servers/bin" / name)
