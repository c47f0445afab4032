"""docs/kernel-helper-comparison.md is what labs/kernel-helper-comparison writes."""

import os
import subprocess

from harness.programs import ROOT

PAGE = ROOT / "docs/kernel-helper-comparison.md"


def column(text):
    """Row and outcome."""
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    return [(cells[0].strip("| "), cells[-1].strip("| ")) for cells in rows]


def test_the_page_says_what_the_gateway_does(networks, sallyport):
    """G2, G9, G10: the gateway's answers to the bytes that mislead the kernel's helper."""
    done = subprocess.run([ROOT / "labs/kernel-helper-comparison"], capture_output=True, text=True, timeout=240,
                          env=os.environ | {"SALLYPORT": str(sallyport)})
    assert done.returncode == 0, done.stderr
    seen = column(done.stdout)
    assert len(seen) > 20
    assert seen == column(PAGE.read_text())
