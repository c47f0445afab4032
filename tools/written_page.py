"""Pages of which a tool writes a part, between two lines: <!-- written by TOOL --> and <!-- end of what TOOL wrote -->."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def with_part(page, tool, text):
    """The text of the page, with `text` as the tool's part."""
    begin, end = f"<!-- written by {tool} -->\n", f"<!-- end of what {tool} wrote -->\n"
    before, has_begin, rest = page.read_text().partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        sys.exit(f"{page} has lost its lines '{begin.strip()}' and '{end.strip()}'")
    return f"{before}{begin}{text}{end}{after}"


def printed_by(tool, test):
    """What a unit test of proto writes into the file that $SALLYPORT_PRINTED names."""
    program = Path(os.environ.get("SALLYPORT_PROTO_TEST") or ROOT / "build/dev/src/sallyport/proto/proto_test")
    if not program.is_file():
        sys.exit(f"{tool}: no proto_test; build it with ninja -C build/dev proto_test")
    with tempfile.NamedTemporaryFile("r") as printed:
        subprocess.run([program, f"--gtest_filter={test}"], env=os.environ | {"SALLYPORT_PRINTED": printed.name}, stdout=subprocess.DEVNULL)
        return printed.read() or sys.exit(f"{tool}: {program} has no test {test}")


def run(tool, page, test, usage):
    """The whole of a tool whose part is printed by a unit test."""
    path = ROOT / page
    fresh = with_part(path, tool, printed_by(tool, test))
    if sys.argv[1:] == ["--check"]:
        if fresh != path.read_text():
            sys.exit(f"{page} is not up to date; run {tool}")
    elif not sys.argv[1:]:
        path.write_text(fresh)
    else:
        sys.exit(usage)
