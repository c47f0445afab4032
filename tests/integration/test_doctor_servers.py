"""sallyport doctor against vsftpd, ProFTPD and Pure-FTPd: no alarm where nothing is wrong, and the same hop as with ours (D1 D2)."""

import os

import pytest

from harness.doctor_path import SERVER, Doctor, Fault, fault, path  # noqa: F401
from harness.reference_servers import REFERENCE_SERVERS

SCHEMES = {"none": "ftp", "explicit": "ftpes", "implicit": "ftps"}


@pytest.fixture(scope="module", params=REFERENCE_SERVERS)
def server(path, root, start_for_module, request):
    """server("explicit"): on the server's host of the path, the same in all tests of one program."""
    running = {}

    def start(tls):
        if tls not in REFERENCE_SERVERS[request.param].TLS:
            pytest.skip(f"{request.param} has no {tls} TLS")
        if tls not in running:
            made = start_for_module.reference_server(request.param, tls=tls, host=SERVER,
                                                     port={"none": 21, "explicit": 2121, "implicit": 990}[tls],
                                                     wrap=lambda argv: path.command("server", *argv))
            running[tls] = made
            (made.files / "file").write_text("content")
        made = running[tls]
        return f"{SCHEMES[tls]}://{made.user}:{made.password}@{SERVER}:{made.port}/"

    yield start
    for made in running.values():
        made.stop()


@pytest.mark.parametrize("tls", SCHEMES)
def test_healthy(path, sallyport, server, tls):
    """Active mode fails at the client's NAT router; some servers refuse its private address, and others try to connect."""
    for _ in range(12 if os.environ.get("SOAK") else 1):
        report = Doctor(path, sallyport)(server(tls), "--insecure")
        assert report.code == 0 and report.problems == [], report.output
        assert report.methods["EPSV", tls != "none"] == report.methods["PASV", tls != "none"] == "ok", report.output


@pytest.mark.parametrize("tls", SCHEMES)
def test_blocked(path, sallyport, server, tls):
    url = server(tls)
    with Fault(path, "provider", fault("forward", "tcp flags & (syn | ack) == syn drop", ports="3000-65535")):
        report = Doctor(path, sallyport)(url, "--insecure", "--passive")
    assert report.code == 7 and report.first["id"] == "data-ports-dropped", report.output
    assert (report.first["side"], report.first["hop"]["first"]) == ("between", 2), report.output
