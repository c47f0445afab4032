"""Certificates of clients as logins at the server (S6, AU-04): they replace the password of the accounts that name them, and no other."""

import subprocess

import pytest

from harness.raw import Raw
from test_gate_tls import authority  # noqa: F401  (a fixture)


def fingerprint(file):
    done = subprocess.run(["openssl", "x509", "-in", file, "-noout", "-fingerprint", "-sha256"], capture_output=True, text=True, check=True)
    return done.stdout.strip().split("=")[1]


@pytest.fixture
def serve(start, folder, certificate, authority, tmp_path):  # noqa: F811
    config = tmp_path / "serve.toml"

    def run(sections, *options):
        config.write_text(sections)
        return start("serve", folder, "--listen", "127.0.0.1:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key,
                     "--client-ca", authority / "ca.pem", "--config", config, *options)

    return run


@pytest.fixture
def log_in(certificate, authority):  # noqa: F811
    def fetch(daemon, user, password="any", shown=None):
        """Whether curl gets the file with this certificate, "login" if the login is refused, or "tls"."""
        own = ["--cert", authority / f"{shown}.pem", "--key", authority / f"{shown}.key"] if shown else []
        argv = ["curl", "--silent", "--max-time", "20", "--ssl-reqd", "--cacert", certificate.cert, "--user", f"{user}:{password}", *own,
                f"ftp://{daemon.host}:{daemon.port}/old.txt"]
        done = subprocess.run(argv, capture_output=True)
        return {0: done.stdout == b"the old content", 67: "login"}.get(done.returncode, "tls")

    return fetch


def test_a_certificate_replaces_the_password(serve, log_in, authority):  # noqa: F811
    """By common name, e-mail address or fingerprint; with a password, either of the two is accepted."""
    print_of_bob = fingerprint(authority / "bob.pem")
    daemon = serve('[user.bob]\ncertificate = ["cn:bob"]\n'
                   '[user.mail]\ncertificate = ["dns:other.example", "email:bob@example.org"]\npassword = "lab"\n'
                   f'[user.print]\ncertificate = ["sha256:{print_of_bob}"]\n'
                   f'[user.plain]\ncertificate = ["sha256:{print_of_bob.replace(":", "").lower()}"]\n'
                   '[user.other]\ncertificate = ["cn:eve", "email:bob", "dns:bob"]\npassword = "lab"\n[user.none]\npassword = "lab"\n')
    for user in ("bob", "mail", "print", "plain"):
        assert log_in(daemon, user, shown="bob") is True, user
    assert log_in(daemon, "mail", "lab") is True, "its password works without a certificate"
    assert log_in(daemon, "other", "lab", shown="bob") is True
    for user in ("other", "none", "unknown"):
        assert log_in(daemon, user, shown="bob") == "login", user
    for user in ("bob", "mail", "print"):
        assert log_in(daemon, user) == "login", user
    assert log_in(daemon, "bob", "", shown="forged") == "tls"
    assert 'Login of "bob"' in daemon.log()


def test_rules_of_the_account_hold(serve, log_in):
    daemon = serve('[default]\nrefuse-from = ["127.0.0.0/8"]\n[user.bob]\ncertificate = ["cn:bob"]\n')
    assert log_in(daemon, "bob", shown="bob") == "login"


def test_without_tls_there_is_no_certificate(serve):
    daemon = serve('[user.bob]\ncertificate = ["cn:bob"]\n')
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        raw.expect("USER bob", 331)
        raw.expect("PASS any", 530)


@pytest.mark.parametrize("section, cause", [
    ('certificate = ["bob"]', "'bob' names no part of a certificate"),
    ('certificate = ["cn:"]', "'cn:' names no part of a certificate"),
    ('certificate = ["sha256:00:11"]', "is no SHA-256 fingerprint"),
    ('certificate = []', "[user.bob] has no password"),
    ('certificate = ["cn:bob"]', "--client-ca"),
])
def test_errors(sallyport, folder, tmp_path, section, cause):
    config = tmp_path / "serve.toml"
    config.write_text(f"[user.bob]\n{section}\n")
    done = subprocess.run([sallyport, "serve", "check", folder, "--config", config], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and cause in done.stderr, done
