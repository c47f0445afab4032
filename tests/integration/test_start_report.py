"""The start report of a daemon and of `check`; `sallyport cert`; the presets with its certificate."""

import json
import os
import re
import resource
import socket
import ssl
import subprocess
import time

import pytest

from harness import programs
from harness.raw import Raw


def check(sallyport, command, *arguments, code=0, **options):
    done = subprocess.run([sallyport, command, "check", *map(str, arguments)], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, **options)
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_check_and_start_say_the_same(sallyport, start, folder, certificate):
    arguments = [folder, "--anonymous", "--listen", "127.0.0.1:0", "--tls-cert", certificate.both, "--passive-ports", "30000-30099",
                 "--external-address", "203.0.113.7", "--external-address", "10.0.0.0/8=client-destination"]
    said = check(sallyport, "serve", *arguments).splitlines()
    assert said[0].startswith("Configuration is valid: ")
    facts = [line for line in said[1:] if not line.startswith("Warning: ")]
    daemon = start("serve", *arguments)
    for fact in facts:
        assert fact.replace("127.0.0.1:0", f"127.0.0.1:{daemon.port}").replace("TCP 0", f"TCP {daemon.port}") in daemon.log()
    text = "\n".join(facts)
    for part in ("Listener 127.0.0.1:0: plain FTP and explicit TLS", "Certificate ", "valid until ", "Passive ports: 30000-30099",
                 "Address advertised to clients in 10.0.0.0/8: the one that they connect to",
                 "Address advertised to clients: 203.0.113.7", "Accounts: 0 with --user, 0 with --reader, and anonymous",
                 "A firewall must let in: TCP 0, 30000-30099"):
        assert part in text


def test_the_gateway_reports_too(sallyport, start):
    arguments = ["--listen", "127.0.0.1:0", "--backend", "ftp://127.0.0.1:1", "--backend", "ftp://127.0.0.1:2"]
    said = check(sallyport, "gate", *arguments)
    assert said.startswith("Configuration is valid: 2 backends\n") and "Accounts: those of 2 backends" in said
    daemon = start("gate", *arguments)
    assert f"Listener 127.0.0.1:{daemon.port}: plain FTP, no TLS" in daemon.log()


def expiring(tmp_path, days):
    """A certificate that expires then."""
    both = tmp_path / f"ends-{days}.pem"
    key, cert = tmp_path / "k.pem", tmp_path / "c.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], check=True,
                   capture_output=True)
    both.write_text(key.read_text() + cert.read_text())
    both.chmod(0o600)
    return both


@pytest.mark.parametrize("days,says", [(40, None), (20, "expires in (19|20) days, .*; renew it, "), (5, "expires in [45] days, .*; renew it now"),
                                       (1, "expires within two days, .*; renew it now")])
def test_a_certificate_near_its_expiry(sallyport, folder, tmp_path, days, says):
    said = check(sallyport, "serve", folder, "--anonymous", "--max-sessions", 100, "--tls-cert", expiring(tmp_path, days))
    if says is None:
        assert "Warning" not in said
    else:
        assert re.search(f"Warning: Certificate .* {says}", said), said


def test_secrets_that_others_can_read(sallyport, folder, tmp_path):
    key = expiring(tmp_path, 90)
    secret = tmp_path / "password"
    secret.write_text("secret\n")
    config = tmp_path / "c.toml"
    config.write_text('reader = ["eve:x y"]\n')
    arguments = [folder, "--listen", "127.0.0.1:0", "--max-sessions", 100, "--tls-cert", key, "--user", f"bob:@{secret}", "--config",
                 config]
    for path in (key, secret, config):
        path.chmod(0o644)
    said = check(sallyport, "serve", *arguments)
    for path, what in ((key, "Private key"), (secret, "Password file"), (config, "Configuration file with passwords")):
        assert f"Warning: {what} {path} can be read by every user of this machine; chmod o-rwx {path}" in said
        path.chmod(0o640)
    assert "Warning" not in check(sallyport, "serve", *arguments)


def test_a_range_among_the_ephemeral_ports(sallyport, start, folder):
    arguments = [folder, "--anonymous", "--listen", "127.0.0.1:0", "--passive-ports", "50000-50009"]
    warning = "Passive ports 50000-50009 overlap the ephemeral port range"
    assert "Warning: " + warning in check(sallyport, "serve", *arguments)
    assert start("serve", *arguments).log().count(warning) == 1


def test_descriptors(sallyport, folder):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))

    assert "raise LimitNOFILE=" in check(sallyport, "serve", folder, "--anonymous", preexec_fn=few)
    assert "LimitNOFILE" not in check(sallyport, "serve", folder, "--anonymous", "--max-sessions", 100, preexec_fn=few)


def test_a_directory_that_cannot_be_written(sallyport, folder):
    if os.geteuid() == 0:
        pytest.skip("root can write everywhere")
    folder.chmod(0o555)
    assert f"{folder} is not writable" in check(sallyport, "serve", folder, "--user", "a:b")
    assert "is not writable" not in check(sallyport, "serve", folder, "--reader", "a:b")


def test_locked_accounts_are_no_passwords(sallyport, start, folder, tmp_path):
    """AU-04"""
    config = tmp_path / "c.toml"
    for secret in ("*", "!", "!!", "x", "*LK*", "$1$abc$def", "$6$salt$hash", "$y$j9T$abc$def", "!$6$salt$hash", "{SHA}abc",
                   "$argon2id$v=19$m=65536", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaA"):
        config.write_text(f'anonymous = true\nuser = [\n"ok:p",\n{json.dumps("u:" + secret)}]\n')
        for arguments in (["check"], []):
            done = subprocess.run([sallyport, "serve", *arguments, folder, "--config", config, "--listen", "127.0.0.1:0"], timeout=20,
                                  capture_output=True, text=True)
            assert done.returncode == 2 and f"{config}, line 4: --user 'u': " in done.stderr, (secret, done)
        config.write_text(f'user = [{json.dumps("u:plain:" + secret)}]\n')
        daemon = start("serve", folder, "--config", config, "--listen", "127.0.0.1:0", "--control-socket", "none")
        with Raw(daemon.host, daemon.port) as raw:
            raw.login("u", secret).expect("QUIT", 221)
        daemon.stop()


def test_cert_makes_what_a_server_and_a_client_need(sallyport, start, folder, tmp_path):
    pem, crt = tmp_path / "etc/gate.pem", tmp_path / "etc/gate.crt"
    arguments = [sallyport, "cert", "localhost", "127.0.0.1", "--days", "30", "--output", pem]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "sallyport serve DIR --tls-cert" in done.stdout, done
    assert pem.stat().st_mode & 0o777 == 0o600 and "PRIVATE KEY" in pem.read_text() and "PRIVATE KEY" not in crt.read_text()
    daemon = start("serve", folder, "--anonymous", "--listen-tls", "127.0.0.1:0", "--tls-cert", pem)
    context = ssl.create_default_context(cafile=crt)
    with socket.create_connection((daemon.host, daemon.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            left = ssl.cert_time_to_seconds(secure.getpeercert()["notAfter"]) - time.time()
            assert 29 * 86400 < left < 31 * 86400
    before = pem.read_text()
    again = subprocess.run(arguments, capture_output=True, text=True, timeout=20)
    assert again.returncode == 1 and "nothing is overwritten" in again.stderr and again.stderr.count("\n") == 1
    assert pem.read_text() == before


@pytest.mark.parametrize("preset", sorted((programs.ROOT / "presets").glob("*.toml")), ids=lambda path: path.stem)
def test_presets_pass_check_after_cert(sallyport, tmp_path, preset):
    """The command in the preset creates its certificate; only the directory differs."""
    text = preset.read_text()
    made = re.search(r"#   (sallyport cert .*?)    ", text)
    assert bool(made) == ("tls-cert" in text)
    if made:
        words = made[1].replace("/etc/sallyport", str(tmp_path)).split()
        assert subprocess.run([sallyport, *words[1:]], capture_output=True, timeout=20).returncode == 0
    (tmp_path / "preset.toml").write_text(text.replace("/etc/sallyport", str(tmp_path)))
    said = check(sallyport, "gate", "--listen", "127.0.0.1:21", "--max-sessions", 100, "--config",
                 tmp_path / "preset.toml")
    assert said.startswith("Configuration is valid: ") and "Warning" not in said
