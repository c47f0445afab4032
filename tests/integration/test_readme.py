"""The README's commands work as printed: each line of its table is run, with the reader's addresses and files in place of its own."""

import os
import re
import shlex
import subprocess

import pytest

from free_ports import free_range
from harness.programs import ROOT

README = (ROOT / "README.md").read_text()
LINES = dict(re.findall(r"^\| ([^|]+?) \| `(sallyport [^`]+)` \|$", README, re.MULTILINE))
CONTENT = b"a report\n" * 1000


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    (folder / "out").mkdir(parents=True)
    (folder / "out/report.csv").write_bytes(CONTENT)
    return folder


@pytest.fixture
def backend(start, files):
    return start("serve", files, "--listen", "127.0.0.1:0", "--user", "partner:secret")


def words(line, certificate, *, files=None, config=None, backend=None):
    """The line's arguments, for this machine."""
    port = free_range(100)
    put = {"~/shared": files, "/srv/files": files, "serve.toml": config, "cert.pem": certificate.both, "203.0.113.7": "127.0.0.1",
           "0.0.0.0:21": "127.0.0.1:0", "ftp.example.org": "localhost", "30000-30099": f"{port}-{port + 99}", "30000-30999": f"{port}-{port + 99}",
           "ftp://10.0.0.5": backend and f"ftp://127.0.0.1:{backend.port}", "ftp://10.0.0.6": backend and f"ftp://localhost:{backend.port}"}
    return [str(put.get(word, word)) for word in shlex.split(line)[1:]]


def get(sallyport, daemon, certificate, tmp_path, scheme="ftpes", who="partner:secret@"):
    done = subprocess.run([sallyport, "get", f"{scheme}://{who}localhost:{daemon.port}/out/report.csv", "-o", tmp_path / "got",
                           *(["--ca", certificate.cert] if scheme != "ftp" else []), "--passive"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").read_bytes() == CONTENT


def test_the_table_is_there():
    assert len(LINES) == 9


def test_a_router():
    """The command is the one of docs/router.md, which test_router_networks.py runs on a router."""
    line = LINES["FTP servers outside must be reached through my Linux router"]
    assert f"\n{line}\n" in (ROOT / "docs/router.md").read_text()


def test_share_a_directory(start, sallyport, certificate, files, tmp_path):
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": "", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
    line = words(LINES["I need to share a directory now"], certificate, files=files)
    daemon = start(*line, "--listen", "127.0.0.1:0", env=home)
    get(sallyport, daemon, certificate, tmp_path, "ftp", "")


def test_a_server_behind_nat(start, sallyport, certificate, files, tmp_path):
    config = tmp_path / "serve.toml"
    hashed = subprocess.run([sallyport, "user", "hash"], input="secret\n", capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    config.write_text(f'user = ["partner:{hashed}"]\n')
    daemon = start(*words(LINES["My server is behind a NAT router"], certificate, files=files, config=config))
    get(sallyport, daemon, certificate, tmp_path, "ftp")


def test_a_router_that_forwards_ports(sallyport, certificate, files, tmp_path):
    """The line is valid. test_port_mapping.py shows that the router is asked, in a network that has one."""
    config = tmp_path / "serve.toml"
    config.write_text("anonymous = true\n")
    line = words(LINES["My router supports UPnP, NAT-PMP or PCP"], certificate, files=files, config=config)
    done = subprocess.run([sallyport, *line, "check"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_the_doctor(start, sallyport, certificate, files):
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--user", "partner:secret", "--tls-cert", certificate.both)
    line = LINES["Transfers hang, and I want to know which firewall or router stops them"].replace("partner@ftp.example.org", f"partner:secret@localhost:{daemon.port}")
    done = subprocess.run([sallyport, *shlex.split(line)[1:], "--ca", certificate.cert], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("problem", ["My server advertises the wrong address, or has no TLS", "The firewall allows a single port"])
def test_a_gateway_with_tls(start, sallyport, certificate, backend, tmp_path, problem):
    daemon = start(*words(LINES[problem], certificate, backend=backend))
    get(sallyport, daemon, certificate, tmp_path)


def test_several_servers(start, sallyport, certificate, backend, tmp_path):
    daemon = start(*words(LINES["Several servers must share one address"], certificate, backend=backend))
    get(sallyport, daemon, certificate, tmp_path, "ftp")


def test_the_client(start, sallyport, certificate, files, tmp_path):
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "partner:secret", "--tls-cert", certificate.both)
    line = LINES["My FTP client logs in, then every transfer hangs: try another client"].replace("ftp.example.org", f"localhost:{server.port}")
    done = subprocess.run([sallyport, *shlex.split(line)[1:], "--ca", certificate.cert], capture_output=True, text=True, timeout=20, cwd=tmp_path,
                          env={**os.environ, "SALLYPORT_PASSWORD": "secret"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.csv").read_bytes() == CONTENT


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_are_there():
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert targets and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
