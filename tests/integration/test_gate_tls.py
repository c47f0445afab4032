"""TLS on either leg of the gateway, with reference servers and third-party clients (G10)."""

import os
import subprocess
import time

import pytest

from harness import trees
from harness.clients import CLIENTS, Server
from harness.raw import Raw

VERSIONS = {"1.2": "TLSv1.2", "1.3": "TLSv1.3"}


@pytest.fixture
def capped(tmp_path):
    """capped("1.2"): a wrapper that limits the TLS of a program to this version."""

    def make(version):
        file = tmp_path / "openssl.cnf"
        file.write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = at_most\n"
                        f"[at_most]\nMaxProtocol = {VERSIONS[version]}\n")
        return lambda argv: ["env", f"OPENSSL_CONF={file}", *map(str, argv)]

    return make


def backend_log(server):
    """The log of a reference server about its TLS connections."""
    return "".join(p.read_text(errors="replace") for p in (server.folder / "log", server.folder / "tls-log") if p.exists())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["vsftpd", "proftpd"])
def test_reuse_is_supplied_to_backends_that_demand_it(start, certificate, capped, kind, version):
    """TLS-04: vsftpd's require_ssl_reuse=YES and ProFTPD's default refuse data connections that don't resume."""
    server = start.reference_server(kind, tls="explicit", reuse=True, wrap=capped(version))
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


@pytest.mark.parametrize("kind", ["vsftpd", "proftpd", "pure-ftpd"])
@pytest.mark.parametrize("tls", ["explicit", "implicit"])
def test_match(start, certificate, small_sample, tmp_path, kind, tls):
    """G10: TLS on the backend leg as on the client leg, with curl; these servers require TLS, so an unencrypted client is refused."""
    server = start.reference_server(kind, tls="explicit", reuse=kind != "pure-ftpd")
    gate = start("gate", "--listen" if tls == "explicit" else "--listen-tls", "127.0.0.1:0", "--tls-cert", certificate.cert,
                 "--tls-key", certificate.key, "--backend", f"ftp://127.0.0.1:{server.port}?tls=match",
                 "--backend-ca", certificate.cert)
    there = Server(gate.host, gate.port, server.user, server.password, tls, certificate.cert, server.base)
    program = CLIENTS["curl"]("epsv")
    program.put(there, small_sample)
    assert trees.hashes(server.files) == trees.hashes(small_sample)
    back = tmp_path / "back"
    back.mkdir()
    program.get(there, back, trees.files(small_sample))
    assert trees.hashes(back) == trees.hashes(small_sample)
    if tls == "explicit" and kind != "pure-ftpd":
        with Raw(gate.host, gate.port) as raw, pytest.raises(AssertionError, match="was answered 5"):
            raw.login(server.user, server.password)


@pytest.mark.parametrize("mode", ["active", "passive"])
def test_ccc_with_curl(start, certificate, tmp_path, mode):
    """TLS-06: curl ends TLS on the control connection, or waits for the gateway to do so; data stay encrypted."""
    (tmp_path / "file").write_bytes(content := os.urandom(200_000))
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous")
    options = ["--listen", "127.0.0.1:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key,
               "--backend", f"ftp://127.0.0.1:{server.port}", "--log-level", "debug"]
    fetch = ["curl", "--silent", "--show-error", "--max-time", "20", "--ssl-reqd", "--cacert", certificate.cert,
             "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", mode]
    gate = start("gate", *options, "--allow-ccc")
    got = subprocess.run([*fetch, f"ftp://{gate.host}:{gate.port}/file"], capture_output=True, check=True)
    assert got.stdout == content
    log = gate.log()
    assert log.index("> CCC") < log.index("> EPSV") < log.index("complete")
    strict = start("gate", *options)
    subprocess.run([*fetch, f"ftp://{strict.host}:{strict.port}/file"], capture_output=True)
    assert "534 The control connection stays encrypted." in strict.log()


@pytest.mark.parametrize("terms", ["ftpes://127.0.0.1:{}", "ftp://127.0.0.1:{}?tls=match", "ftp://127.0.0.1:{}"])
def test_rein(start, certificate, tmp_path, terms):
    """G4, G10: another login in the same session, with TLS on the backend leg or without; it has the complete login timeout."""
    (tmp_path / "file").write_bytes(b"content")
    tls = ["--tls-cert", certificate.cert, "--tls-key", certificate.key]
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--user", "other:lab2", *tls)
    trust = ["--backend-ca", certificate.cert] if "ftpes" in terms or "tls=" in terms else []
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", terms.format(server.port), *trust, "--login-timeout", 1, *tls)
    with Raw(gate.host, gate.port) as raw:
        raw.greet().start_tls("127.0.0.1")
        for user, password in (("writer", "lab"), ("other", "lab2"), ("writer", "lab")):
            raw.expect(f"USER {user}", 331)
            raw.expect(f"PASS {password}", 230)
            assert raw.retrieve("file") == b"content"
            time.sleep(0.7)
            raw.expect("REIN", 220)
            raw.expect("PWD", 530)
        time.sleep(0.5)
        raw.expect("NOOP", 200)
        assert raw.reply().code == 421


def test_policy_options(start, sallyport, tmp_path):
    (tmp_path / "file").write_text("content")
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    backend = ["gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}"]
    gate = start(*backend, "--read-only", "--refuse-commands", "FEAT,SIZE")
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        assert raw.retrieve("file") == b"content"
        for line in ("DELE file", "SITE CHMOD 600 file", "MKD d", "STOR x"):
            raw.expect(line, 550)
        for line in ("FEAT", "SIZE file", "XSOMETHING"):
            raw.expect(line, 502)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    for wrong, says in ((["--refuse-commands", "STORE"], 'unknown command "STORE"'), (["--refuse-commands", "PASS"], "PASS"),
                        (["--allow-ccc=maybe"], "allow-ccc")):
        done = subprocess.run([sallyport, *backend, *wrong], capture_output=True, text=True, timeout=10)
        assert done.returncode == 2 and says in done.stderr, done


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA with a certificate for bob, and a certificate for bob of another CA."""
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    def new(stem, subject, *more):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", f"{stem}.key",
                "-out", f"{stem}.pem", *more)

    new("ca", "/CN=test authority", "-x509", "-days", 2)
    new("bob", "/CN=bob", "-addext", "subjectAltName=email:bob@example.org")
    openssl("x509", "-req", "-in", "bob.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 2, "-copy_extensions",
            "copy", "-out", "bob.pem")
    new("forged", "/CN=bob", "-x509", "-days", 2)
    return folder


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("field,name", [("cn", "bob"), ("email", "bob@example.org")])
def test_client_certificates(start, certificate, authority, capped, tmp_path, version, field, name):
    """G10: requested, and used as the user name; data connections resume the session that presented it."""
    (tmp_path / "file").write_bytes(b"content")
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", f"{name}:lab", "--user", "alice:lab",
                   "--log-level", "debug")
    options = ["gate", "--listen", "127.0.0.1:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--tls-required",
               "--client-ca", authority / "ca.pem", "--backend", f"ftp://127.0.0.1:{server.port}", "--user-from-cert", field,
               "--tls-reuse", "require"]
    wrap = capped(version)

    def curl(gate, user, stem=None):
        own = ["--cert", authority / f"{stem}.pem", "--key", authority / f"{stem}.key"] if stem else []
        argv = ["curl", "--silent", "--max-time", "20", "--ssl-reqd", "--cacert", certificate.cert, "--user", f"{user}:lab", *own,
                f"ftp://{gate.host}:{gate.port}/file"]
        done = subprocess.run(wrap(argv), capture_output=True)
        return done.stdout if done.returncode == 0 else done.returncode

    login_denied, tls_failed = 67, {35, 56, 58, 8}
    gate = start(*options)
    assert curl(gate, name, "bob") == b"content"
    assert curl(gate, "alice", "bob") == login_denied
    assert curl(gate, "alice") == b"content"  # a certificate is optional
    assert curl(gate, name, "forged") in tls_failed
    strict = start(*options, "--client-cert", "require", "--user-mismatch", "replace")
    before = server.log()
    assert curl(strict, "alice", "bob") == b"content"
    since = server.log()[len(before):]
    assert f"USER {name}" in since and "alice" not in since
    assert curl(strict, "alice") in tls_failed


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["serve", "proftpd"])
def test_client_certificate_towards_backends(start, certificate, authority, capped, kind, version):
    """G10: a backend that demands a certificate of its clients is shown the gateway's; without it, or with one that its
    authority has not signed, the client gets a reason and nothing of its login is passed."""
    wrap = capped(version)
    if kind == "serve":
        folder = start.folder / "files"
        folder.mkdir()
        server = start(kind, folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--tls-cert", certificate.cert, "--tls-key",
                       certificate.key, "--tls-required", "--client-ca", authority / "ca.pem", "--client-cert", "require", wrap=wrap)
    else:
        server = start.reference_server(kind, tls="explicit", client_ca=authority / "ca.pem", wrap=wrap)
    options = ["gate", "--listen", "127.0.0.1:0", "--backend", f"ftpes://127.0.0.1:{server.port}", "--backend-ca", certificate.cert]

    def own(stem):
        return ["--backend-cert", authority / f"{stem}.pem", "--backend-key", authority / f"{stem}.key"]

    content = os.urandom(300_000)
    gate = start(*options, *own("bob"))
    with Raw(gate.host, gate.port) as raw:
        raw.login()
        assert raw.store("file", content).code == 226
        assert raw.retrieve("file") == content
    for given in ([], own("forged")):
        shut_out = start(*options, *given)
        with Raw(shut_out.host, shut_out.port) as raw:
            reply = raw.reply()  # with TLS 1.3 a server judges the certificate after the client's part of the handshake
            if reply.code == 220:
                reply = raw.command("USER writer")
            assert reply.code == 421 and "No FTP server is available" in reply.text, reply
    together = authority / "together.pem"
    together.write_text((authority / "bob.pem").read_text() + (authority / "bob.key").read_text())
    in_one_file = start(*options, "--backend-cert", together)
    with Raw(in_one_file.host, in_one_file.port) as raw:
        assert raw.login().retrieve("file") == content


def test_limits_of_sessions_and_rates(start, tmp_path):
    (tmp_path / "file").write_bytes(bytes(300_000))
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--max-download-rate", "500K",
                 "--max-sessions-per-user", 2, "--max-session-rate", 3)
    begun = time.monotonic()
    with Raw(gate.host, gate.port) as first, Raw(gate.host, gate.port) as second, Raw(gate.host, gate.port) as third:
        for raw in (first, second):
            raw.login()
        third.greet()
        third.expect("USER writer", 331)
        third.expect("PASS lab", 421)
        with Raw(gate.host, gate.port) as fourth:
            assert fourth.reply().code == 421
        assert len(first.retrieve("file")) == 300_000
    assert time.monotonic() - begun > 0.4
