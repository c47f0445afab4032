"""`sallyport doctor read` with captures of real sessions in a path of five hops, healthy and broken (D3)."""

import json
import subprocess

import pytest

from harness import doctor_path
from harness.capture import as_pcapng, capturing
from harness.doctor_path import SERVER, Fault, fault, path  # noqa: F401

DROP, RESET, ICMP = "drop", "reject with tcp reset", "reject with icmpx admin-prohibited"


@pytest.fixture(scope="module")
def serve(path, sallyport, certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "file").write_bytes(b"x" * 5000)
    with doctor_path.serving(path, sallyport, folder, "--log-level", "debug", "--tls-cert", certificate.cert,
                             "--tls-key", certificate.key) as daemon:
        yield daemon


@pytest.fixture
def captured(path, serve, sallyport, tmp_path):
    """The reports of `doctor read` about a capture on a host, made during `sallyport get` at the client."""
    file = tmp_path / "ftp.pcap"

    def run(host, *options, url=f"ftp://{SERVER}/file", code=None):
        with capturing(path, host, file):
            subprocess.run(path.command("client", sallyport, "get", "-q", "--connect-timeout", "3", *options, url, "-o", str(tmp_path / "got")),
                           stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        return read(file, code=code)

    def read(*files, code=None):
        done = subprocess.run([sallyport, "doctor", "read", "--json", *files], capture_output=True, text=True, timeout=60)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        decoder, text, out = json.JSONDecoder(), done.stdout.strip(), []
        while text:
            value, end = decoder.raw_decode(text)
            out.append(value)
            text = text[end:].strip()
        return out

    run.file, run.read = file, read
    return run


@pytest.mark.alone
def test_a_session_that_works(captured, sallyport):
    reports = captured("client", "--passive", code=0)
    assert [r["result"] for r in reports] == ["healthy"] and reports[0]["methods"][0]["result"] == "ok", reports
    other = captured.file.with_suffix(".pcapng")
    other.write_bytes(as_pcapng(captured.file.read_bytes()))
    assert captured.read(other, code=0)[0]["methods"] == reports[0]["methods"]
    piped = subprocess.run([sallyport, "doctor", "read", "-"], stdin=captured.file.open("rb"), capture_output=True, text=True)
    assert piped.returncode == 0 and "works" in piped.stdout, piped
    # Cut off in the middle of a packet.
    other.write_bytes(captured.file.read_bytes()[:-7])
    assert any("the rest of the capture" in text for text in captured.read(other)[-1]["not_measured"])


@pytest.mark.parametrize("place,chain,what,id,text", [
    ("office", "forward", DROP, "data-ports-dropped", "no answer"),
    ("server", "input", RESET, "data-ports-refused", "as the server's own packets do"),
    ("provider", "forward", RESET, "data-ports-refused", "another device has sent it"),
    ("backbone", "forward", ICMP, "data-ports-rejected", "17.254.1.2 rejects the connection by ICMP: administratively prohibited"),
])
def test_blocked_data_ports_at_the_client(path, captured, place, chain, what, id, text):
    """SYNs and their answers: none, an RST with its TTL, an ICMP error with its sender."""
    with Fault(path, place, fault(chain, what)):
        report = captured("client", "--passive", code=20)[0]
    assert report["verdict"][0]["id"] == id, report
    assert any(text in each for each in report["verdict"][0]["evidence"]), report


def test_an_answer_that_is_lost_on_its_way_back(path, captured):
    """At the server, the SYN and the answer are seen, and no confirmation."""
    with Fault(path, "home", fault("forward", DROP, back=True)):
        report = captured("server", "--passive", code=20)[0]
    assert report["verdict"][0]["id"] == "answers-lost" and report["verdict"][0]["confidence"] == "certain", report


def test_both_sides_of_a_nat_router(captured):
    reports = captured("home", "--passive", code=0)
    assert len(reports) == 2 and [r["phases"][0]["name"] for r in reports].count("translation") == 1, reports


def test_tls_hides_the_commands(path, captured):
    options = ("--passive", "--insecure")
    url = f"ftpes://{SERVER}/file"
    report = captured("client", *options, url=url, code=0)[0]
    assert report["methods"][0]["tls"] and any("judged by their ports" in text for text in report["not_measured"]), report
    with Fault(path, "office", fault("forward", DROP)):
        report = captured("client", *options, url=url, code=20)[0]
    assert {m["result"] for m in report["methods"]} == {"silent"}, report


@pytest.fixture
def both_ends(path, captured, tmp_path):
    """The reports about captures at the client and at another host, made during the same session."""
    def run(host, *options, code=None, **more):
        second = tmp_path / "second.pcap"
        with capturing(path, host, second):
            captured("client", *options, **more)
        return captured.read(captured.file, second, code=code)

    return run


@pytest.mark.parametrize("place,chain,back,id,side,text", [
    ("provider", "forward", False, "data-ports-dropped", "undecided", "is not in the capture nearer to the server"),
    ("home", "forward", True, "answers-lost", "undecided", "has arrived and was answered"),
    ("server", "input", False, "data-ports-dropped", "server", "nothing has answered it there"),
])
def test_captures_of_both_ends(path, both_ends, place, chain, back, id, side, text):
    """D3: what looks alike at one end is not the same at both; the client's address is another one behind its NAT router."""
    with Fault(path, place, fault(chain, DROP, back=back)):
        [report] = both_ends("server", "--passive", code=20)
    found = report["verdict"][0]
    assert (found["id"], found["side"]) == (id, side) and any(text in each for each in found["evidence"]), report


def test_captures_of_both_ends_in_any_order(path, both_ends, captured, tmp_path):
    """D3: the TTL shows which one is of the client."""
    with Fault(path, "provider", fault("forward", "reject with tcp reset")):
        [report] = both_ends("server", "--passive", code=20)
    [turned] = captured.read(tmp_path / "second.pcap", captured.file)
    assert report["verdict"] == turned["verdict"], turned
    assert report["verdict"][0]["id"] == "data-ports-refused" and "refuses it" in str(report["verdict"][0]["evidence"]), report


def test_captures_of_both_ends_of_a_healthy_path(both_ends):
    """D3: with and without TLS, passive and active (over IPv6, where no NAT router is on the path)."""
    for options, url in ((["--passive"], f"ftp://{SERVER}/file"), (["--passive", "--insecure"], f"ftpes://{SERVER}/file")):
        [report] = both_ends("server", *options, url=url, code=0)
        assert report["result"] == "healthy" and report["verdict"] == [], report


@pytest.mark.alone
def test_a_capture_and_the_log_of_the_server(path, serve, captured, tmp_path):
    """D3: of all sessions in the log, that of the capture is found by addresses, ports and time, and the other ones are judged as a log."""
    log = tmp_path / "server.log"
    captured("client", "--passive", code=0)
    log.write_text(serve.log())
    reports = captured.read(captured.file, log)
    assert reports[0]["result"] == "healthy" and "verdict" in reports[0] and len(reports) <= 2, reports
    with Fault(path, "office", fault("forward", DROP)):
        captured("client", "--data-methods", "epsv", code=20)
    log.write_text(serve.log())
    reports = captured.read(log, captured.file, code=20)
    assert reports[0]["verdict"][0]["id"] == "data-ports-dropped" and len(reports) == 2, reports
    other = tmp_path / "other.log"
    other.write_text("2026-11-30T00:00:00.000+00:00 I [zz-1] Connection accepted from 198.51.100.7:5000 to 192.0.2.1:21\n"
                     "2026-11-30T00:00:00.000+00:00 D [zz-1] > PASV\n2026-11-30T00:00:00.000+00:00 D [zz-1] < 500 no\n")
    assert len(captured.read(other, captured.file, code=20)) == 2


def test_what_is_no_session(sallyport, tmp_path):
    file = tmp_path / "empty.pcap"
    file.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    done = subprocess.run([sallyport, "doctor", "read", file], capture_output=True, text=True)
    assert done.returncode == 2 and "no FTP session" in done.stderr, done
    file.write_bytes(bytes.fromhex("d4c3b2a1"))
    done = subprocess.run([sallyport, "doctor", "read", file], capture_output=True, text=True)
    assert done.returncode == 2 and str(file) in done.stderr, done
