"""One certificate for all addresses of the tests, made in each run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from scenarios import SCENARIOS


@dataclass(frozen=True)
class Certificate:
    cert: Path
    key: Path
    both: Path  # one file, as Pure-FTPd wants it


def addresses():
    inside = {address.split("/")[0] for s in SCENARIOS.values() for h in s.hosts for on in h.addresses for address in h.on(on)}
    return ["127.0.0.1", "::1", *sorted(inside)]


def make(folder):
    made = Certificate(folder / "cert.pem", folder / "key.pem", folder / "both.pem")
    names = ",".join(["DNS:localhost", *(f"IP:{address}" for address in addresses())])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", f"subjectAltName={names}", "-keyout", made.key, "-out", made.cert],
                   check=True, capture_output=True)
    made.both.write_text(made.key.read_text() + made.cert.read_text())
    made.both.chmod(0o600)
    return made
