"""Keys of servers that our client trusts (C5): on the command line, at first use, by an answer, and when they change."""

import base64
import hashlib
import os
import pty
import ssl
import subprocess

import pytest

from harness import certificates, programs
from harness.our_client import here, read_until, result_of, run, scripted, there  # noqa: F401: fixtures too


def key_of(certificate):
    """As curl writes it."""
    public = subprocess.run(["openssl", "x509", "-in", certificate.cert, "-pubkey", "-noout"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture
def other_certificate(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    return certificates.make(folder)


@pytest.fixture
def server(start, there, certificate):
    """server(certificate, port): our own one with TLS, over a folder with the file "a"; returns it with its URL."""
    (there / "a").write_text("the content")

    def make(with_certificate=certificate, port=0):
        daemon = start("serve", there, "--listen", f"127.0.0.1:{port}", "--anonymous", "--tls-cert", with_certificate.cert, "--tls-key",
                       with_certificate.key)
        return daemon, f"ftpes://127.0.0.1:{daemon.port}/"

    return make


def get(url, here, *options):
    return run("get", "--json", *options, f"{url}a", cwd=here)


def test_an_untrusted_certificate_names_the_option_that_trusts_its_key(server, here, certificate):
    _, url = server()
    failed = get(url, here)
    assert failed.returncode == 4 and f"--pin {key_of(certificate)}" in result_of(failed)["advice"]
    assert "USER" not in run("ls", "-v", url).stderr
    assert get(url, here, "--pin", key_of(certificate)).returncode == 0
    assert get(url, here, "--ca", certificate.cert).returncode == 0


def test_another_key_than_the_pinned_one_is_refused(server, here, certificate, other_certificate):
    _, url = server()
    failed = get(url, here, "--pin", key_of(other_certificate))
    assert failed.returncode == 4 and key_of(certificate) in failed.stderr and key_of(other_certificate) in failed.stderr
    both = ("--pin", key_of(other_certificate), "--pin", key_of(certificate))
    assert get(url, here, *both).returncode == 0
    assert get(url, here, "--pin", "sha256//abc").returncode == 2
    assert get(url, here, "--pin", key_of(certificate), "--insecure").returncode == 2


def test_the_first_key_is_kept_and_another_one_refused(server, here, certificate, other_certificate):
    """C5: plain words when a key changes."""
    daemon, url = server()
    assert get(url, here, "--trust", "pin").returncode == 4
    first = get(url, here, "--trust", "first-use")
    assert first.returncode == 0 and key_of(certificate) in first.stderr
    again = get(url, here, "--trust", "first-use")
    assert again.returncode == 0 and again.stderr == ""
    assert get(url, here, "--trust", "pin").returncode == 0
    assert result_of(run("sites", "show", "--json", url))["key"] == key_of(certificate)

    daemon.stop()
    server(other_certificate, daemon.port)
    for mode in ("first-use", "pin", "ask"):
        changed = get(url, here, "--trust", mode)
        assert changed.returncode == 4 and "has changed" in changed.stderr and "intercept" in changed.stderr, mode
        assert key_of(certificate) in changed.stderr and key_of(other_certificate) in changed.stderr
        assert f"sallyport sites forget '{url}'" in changed.stderr
    assert run("sites", "forget", url).returncode == 0
    assert get(url, here, "--trust", "first-use").returncode == 0


def test_several_connections_at_first_use(server, there, here, certificate):
    _, url = server()
    for number in range(20):
        (there / f"{number}.txt").write_text("x" * 100_000)
    done = run("get", "--trust", "first-use", f"{url}*.txt", cwd=here)
    assert done.returncode == 0 and done.stderr.count(key_of(certificate)) == 1
    assert len(list(here.iterdir())) == 20


def test_keys_that_cannot_be_read_are_not_taken_for_unknown_ones(server, here):
    """A key that is known must not be replaced because its file is damaged."""
    _, url = server()
    assert get(url, here, "--trust", "first-use").returncode == 0
    database = os.path.join(os.environ["XDG_STATE_HOME"], "sallyport/sites.db")
    with open(database, "r+b") as file:
        file.write(b"damaged" * 100)
    failed = get(url, here, "--trust", "first-use", "--no-learn")
    assert failed.returncode == 4 and database in failed.stderr


def test_nothing_is_asked_in_a_pipe(server, here, certificate):
    _, url = server()
    failed = get(url, here, "--trust", "ask")
    assert failed.returncode == 4 and "no terminal" in failed.stderr and key_of(certificate) in failed.stderr


def answer(url, here, word):
    """Exit code and output on a terminal at which this is typed."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen([programs.sallyport(), "get", "--trust", "ask", f"{url}a"], cwd=here, stdin=theirs, stderr=theirs,
                               stdout=subprocess.DEVNULL, start_new_session=True)
    os.close(theirs)
    said = read_until(ours, b"[y/N]")
    os.write(ours, word + b"\n")
    code = running.wait(timeout=30)
    os.close(ours)
    return code, said.decode()


def test_the_user_is_asked_on_a_terminal(server, here, certificate):
    _, url = server()
    code, said = answer(url, here, b"n")
    assert code == 4 and key_of(certificate) in said
    assert answer(url, here, b"")[0] == 4
    assert answer(url, here, b"y")[0] == 0
    assert get(url, here, "--trust", "pin").returncode == 0


def test_a_key_is_a_setting_of_a_site(server, here, certificate):
    _, url = server()
    assert run("sites", "add", "own", url, "--pin", key_of(certificate)).returncode == 0
    assert run("get", "own:a", cwd=here).returncode == 0
    assert run("get", "--trust", "ca", "own:a", cwd=here).returncode == 4, "the command line takes precedence"


def test_the_oldest_version_of_tls(scripted, here, certificate):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.load_cert_chain(certificate.cert, certificate.key)
    server = scripted(listings={"/": b""})
    server.tls = old
    url = f"ftpes://u:p@127.0.0.1:{server.port}/"
    assert run("ls", "--ca", certificate.cert, url).returncode == 0
    failed = run("ls", "--ca", certificate.cert, "--tls-min", "1.3", url)
    assert failed.returncode == 4 and "TLS 1.3" in failed.stderr


def test_a_client_certificate(scripted, here, certificate, other_certificate):
    strict = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    strict.load_cert_chain(certificate.cert, certificate.key)
    strict.load_verify_locations(other_certificate.cert)
    strict.verify_mode = ssl.CERT_REQUIRED
    server = scripted(listings={"/": b""})
    server.tls = strict
    url = f"ftpes://u:p@127.0.0.1:{server.port}/"
    common = ("ls", "--ca", certificate.cert)
    assert run(*common, url).returncode != 0
    assert run(*common, "--cert", other_certificate.cert, "--key", other_certificate.key, url).returncode == 0
    assert run(*common, "--cert", other_certificate.both, url).returncode == 0
    assert run(*common, "--key", other_certificate.key, url).returncode == 2
