"""TLS on either leg of the gateway, with foreign servers behind and foreign clients in front (G10)."""

import os

import pytest

from harness.raw import Raw

VERSIONS = {"1.2": "TLSv1.2", "1.3": "TLSv1.3"}


@pytest.fixture
def capped(tmp_path):
    """capped("1.2"): a wrapper that keeps a program's TLS to this version at most."""

    def make(version):
        file = tmp_path / "openssl.cnf"
        file.write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = at_most\n"
                        f"[at_most]\nMaxProtocol = {VERSIONS[version]}\n")
        return lambda argv: ["env", f"OPENSSL_CONF={file}", *map(str, argv)]

    return make


def backend_log(server):
    """What a foreign server wrote down of its TLS connections."""
    return "".join(p.read_text(errors="replace") for p in (server.folder / "log", server.folder / "tls-log") if p.exists())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["vsftpd", "proftpd"])
def test_reuse_is_supplied_to_backends_that_demand_it(start, certificate, capped, kind, version):
    """TLS-04: vsftpd's require_ssl_reuse=YES and ProFTPD's default refuse data connections that don't resume."""
    server = start.rival(kind, tls="explicit", reuse=True, wrap=capped(version))
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftpes://127.0.0.1:{server.port}",
                 "--backend-ca", certificate.cert)
    content = os.urandom(300_000)
    with Raw(gate.host, gate.port) as raw:
        raw.login(server.user, server.password)
        for round_ in range(5):
            done = raw.store(f"{server.base}/f{round_}", content)
            assert done.code == 226, done
            assert raw.retrieve(f"{server.base}/f{round_}") == content
    assert VERSIONS[version] in backend_log(server)
    assert "complete" in gate.log()
