"""sallyport doctor: sessions with one difference (D1): segments, sequences, TLS versions, an upload, the rate of connections. Each fault
once broken and once healthy."""

import json
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import network
from harness.daemon import Daemon
from harness.doctor_path import PASSIVE, SERVER, Doctor, Fault, path  # noqa: F401
from harness.scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def serve(path, sallyport, tmp_path_factory):
    """A listing of several full packets."""
    folder = tmp_path_factory.mktemp("doctor")
    for i in range(100):
        (folder / f"a-file-with-quite-a-long-name-{i:03}").touch()
    daemon = Daemon([sallyport, "serve", folder, "--listen", f"{SERVER}:21", "--user", "anna:secret", "--passive-ports", PASSIVE,
                     "--control-socket", "none"], wrap=lambda argv: path.command("server", *argv))
    daemon.wait_ready()
    yield folder, daemon
    daemon.stop()


@pytest.fixture(scope="module")
def doctor(path, serve, sallyport):
    def run(*options):
        return Doctor(path, sallyport)(f"ftp://anna:secret@{SERVER}/", "--passive", *options)

    return run


NO_MESSAGE = "table inet mute {\n  chain mute {\n    type filter hook output priority filter\n    icmp type destination-unreachable drop\n  }\n}\n"


def test_full_packets(path, doctor, serve):
    """Symptom 31: a link with a smaller MTU, with and without the message that says so."""
    def limit(mtu):
        for host in ("provider", "backbone"):
            network.run(*path.command(host, "ip", "link", "set", "dev", "transit", "mtu", str(mtu)))

    limit(1300)
    try:
        with Fault(path, "provider", NO_MESSAGE), Fault(path, "backbone", NO_MESSAGE):
            report = doctor("--upload")
        found = report.first
        assert report.code == 7 and found["id"] == "full-packets-lost" and found["confidence"] == "certain", report.output
        assert found["hop"]["first"] == 2 and "data-stalled" not in report.problems, report.output
        report = doctor("--trace")
        assert report.code == 0 and report.problems == [], report.output
    finally:
        limit(1500)


def test_rate(path, doctor):
    """Symptom 7: it depends on the time, not on the port."""
    rules = "table inet rate {\n  chain rate {\n    type filter hook forward priority filter\n" \
            f"    tcp dport {PASSIVE} tcp flags syn limit rate over 10/minute burst 6 packets drop\n  }}\n}}\n"
    with Fault(path, "office", rules):
        report = doctor("--rounds", "6")
    assert report.code == 20 and report.problems == ["rate-limit"], report.output
    assert doctor("--rounds", "6").problems == []


def test_upload(doctor, serve):
    """The file is the same, and is not left there."""
    folder, daemon = serve
    before = sorted(each.name for each in folder.iterdir())
    report = doctor("--upload")
    assert report.code == 0 and report.output["verdict"] == [], report.output
    assert "STOR /sallyport-doctor-" in daemon.log() and sorted(each.name for each in folder.iterdir()) == before


def test_methods_of_the_family(path, serve, sallyport, tmp_path):
    """The methods are those of the address that is connected to, whichever the name has first (C2)."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"::1 both.test\n{SERVER} both.test\n")
    hosts.chmod(0o644)
    with_names = ["sh", "-c", f'mount --bind {hosts} /etc/hosts; exec "$@"', "sh"]
    for options in (["-4"], []):
        done = subprocess.run(path.command("server", *with_names, sallyport, "doctor", "--json", "--data-methods", "pasv", *options,
                                           "ftp://anna:secret@both.test/"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert [m["method"] for m in json.loads(done.stdout)["methods"]] == ["PASV"] and done.returncode == 0, done.stdout


@pytest.fixture
def scripted(sallyport):
    """scripted("--trace", refuse=...): the report about such a server."""
    def run(*options, scheme="ftp", code=None, **attributes):
        server = ScriptedServer({}, {"/": b"-rw-r--r-- 1 o g 5 Jan 1 2026 file\r\n"})
        for name, value in attributes.items():
            setattr(server, name, value)
        done = subprocess.run([sallyport, "doctor", "--passive", "--insecure", "--json", *options, f"{scheme}://u:p@127.0.0.1:{server.port}/"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        server.close()
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return {each["id"]: each for each in json.loads(done.stdout)["verdict"]}

    return run


def stuck(session, verb):
    """EPSV names a port without a listener, and PASV after it too."""
    if verb == "EPSV":
        return "229 Extended (|||1025|)"
    if verb == "PASV" and "EPSV" in session.verbs:
        return "227 Entering Passive Mode (127,0,0,1,4,1)"
    return None


def test_method_that_fails_after_another(scripted):
    """Symptom 14."""
    found = scripted(refuse=stuck, code=20)
    assert found["second-method-fails"]["severity"] == "problem", found
    dead = scripted(refuse=lambda session, verb: "229 Extended (|||1025|)" if verb == "EPSV" else None, code=20)
    assert "second-method-fails" not in dead, dead
    assert scripted("--trace", code=0) == {}


def test_ports_that_are_used_up(scripted):
    """Symptom 8."""
    def used_up(session, verb):
        return "425 no port is free" if verb == "EPSV" and session.verbs.count("EPSV") > 3 else None

    found = scripted("--rounds", "6", refuse=used_up, code=20)
    assert "no port is free" in found["passive-ports-used-up"]["evidence"][0], found


@pytest.mark.parametrize("event", ["time", "command"])
def test_port_that_opens_late(scripted, event):
    """Symptom 38: a race between the reply and the connection, and a server that listens after the transfer command only."""
    def listen(session, port):
        session.passive = socket.create_server(("127.0.0.1", port))

    def late(session, verb):
        if verb == "EPSV":
            with socket.create_server(("127.0.0.1", 0)) as free:
                session.port = free.getsockname()[1]
            if event == "time":
                threading.Timer(0.25, listen, (session, session.port)).start()
            return f"229 Extended (|||{session.port}|)"
        if verb == "LIST" and event == "command":
            listen(session, session.port)
        return None

    found = scripted("--data-methods", "epsv", refuse=late, code=7)
    assert "passive-port-opens-late" in found and "data-ports-refused" not in found, found
    closed = scripted("--data-methods", "epsv", refuse=lambda session, verb: "229 Extended (|||1025|)" if verb == "EPSV" else None, code=7)
    assert "data-ports-refused" in closed and "passive-port-opens-late" not in closed, closed


def test_range_with_a_closed_port(scripted):
    """No alarm: the port of the first session is closed, and those of later ones are open all the time."""
    negotiations = []

    def first_is_closed(session, verb):
        if verb == "EPSV":
            negotiations.append(session)
        return "229 Extended (|||1025|)" if verb == "EPSV" and len(negotiations) == 1 else None

    found = scripted("--data-methods", "epsv", refuse=first_is_closed, code=7)
    assert "data-ports-refused" in found and "passive-port-opens-late" not in found, found


@pytest.fixture(scope="module")
def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.cert, certificate.key)
    return made


REUSE = "522 SSL connection failed: session reuse required"


def test_versions_of_tls(scripted, context):
    """Symptoms 25 and 26: reuse is recognized with TLS 1.2 only, or required, or neither."""
    found = scripted(scheme="ftpes", tls=context, refuse_data=lambda data: REUSE if data.version() == "TLSv1.3" else None, code=7)
    assert "work over TLSv1.2, and fail over TLSv1.3" in found["tls-version-fails"]["cause"], found
    found = scripted("--trace", scheme="ftpes", tls=context, refuse_data=lambda data: None if data.session_reused else REUSE, code=0)
    assert found["tls-reuse-required"]["severity"] == "note", found
    assert scripted("--trace", scheme="ftpes", tls=context, code=0) == {}


def test_listing_without_close_notify(scripted, context):
    """Symptom 27."""
    assert "no-close-notify" in scripted(scheme="ftpes", tls=context, sends_close_notify=False)
    assert scripted(scheme="ftpes", tls=context, code=0) == {}


def test_auth_that_the_server_offers_and_refuses(scripted, context):
    """Symptom 11: a device replaces the letters of AUTH, so that the server refuses a command that its FEAT lists."""
    def garbled(session, verb):
        return "500 XXXX not understood" if verb == "AUTH" else None

    offers = {"FEAT": "211-Features:\r\n AUTH TLS\r\n211 End"}
    assert "auth-garbled" in scripted(scheme="ftpes", refuse=garbled, replies=offers, code=4)
    assert "tls-missing" in scripted(scheme="ftpes", refuse=garbled, replies={"FEAT": "211-Features:\r\n UTF8\r\n211 End"}, code=4)


@pytest.mark.parametrize("name", ["vsftpd", "proftpd"])
def test_servers_that_require_reuse(start, sallyport, name):
    """No alarm."""
    server = start.reference_server(name, tls="explicit")
    done = subprocess.run([sallyport, "doctor", "--passive", "--insecure", "--json", "--trace",
                           f"ftpes://{server.user}:{server.password}@127.0.0.1:{server.port}/"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and [v for v in report["verdict"] if v["severity"] == "problem"] == [], report


def test_proxy_header_in_files(scripted):
    """Symptom 22."""
    found = scripted("--upload", before_uploads=b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", code=20)
    assert found["proxy-header-in-files"]["confidence"] == "certain", found
    assert scripted("--upload", code=0) == {}
    assert scripted("--upload", refuse=lambda session, verb: "550 no" if verb == "STOR" else None, code=0)["upload-refused"]["severity"] == "note"


def test_upload_that_fails(scripted):
    """It is no matter of permissions, and nothing is left there."""
    def fail(session, verb):
        if verb != "STOR":
            return None
        session.say("150 go on")
        data = session.data()
        while data.recv(65536):
            pass
        data.close()
        return "451 local error"

    found = scripted("--upload", refuse=fail, code=20)
    assert "451 local error" in found["upload-failed"]["evidence"][0] and "upload-left-over" not in found, found


def test_interrupted_comparisons_have_no_password(sallyport):
    """Each result is saved without it, before the next session begins."""
    asked = ScriptedServer({}, {"/": b"x\r\n"})
    sent, next_session, end = threading.Event(), threading.Event(), threading.Event()

    def refuse(session, verb):
        if verb == "EPSV":
            return "229 Extended (|||1025|)"
        if verb == "LIST" and "EPSV" in session.verbs:
            sent.set()
            return "425 secret-word"
        if verb == "USER" and sent.is_set():
            next_session.set()
            end.wait(20)
        return None

    asked.refuse = refuse
    run = subprocess.Popen([sallyport, "doctor", "--passive", "--json", f"ftp://u:secret-word@127.0.0.1:{asked.port}/"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert next_session.wait(20)
    run.send_signal(signal.SIGINT)
    text, _ = run.communicate(timeout=20)
    end.set()
    asked.close()
    assert "425 ***" in text and "secret-word" not in text, text
