"""The units of systemd in packaging/: what they leave to the daemon, and that they are well-formed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "packaging").glob("*.service"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_exposure_of_a_unit(unit):
    report = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, timeout=30)
    assert float(re.search(r"exposure level for \S+: ([0-9.]+)", report.stdout)[1]) <= 2.0, report.stdout


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_a_unit_keeps_only_the_rights_that_it_names(unit):
    settings = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#"))
    assert settings["User"] == "sallyport"
    assert settings["AmbientCapabilities"] == settings["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert settings["NotifyAccess"] == "all", "the new process of a graceful restart reports to systemd"
