"""sallyport doctor with servers whose replies are the cause, or look like one (D1 C6): scripted ones on loopback."""

import json
import signal
import socket
import subprocess
import time

import pytest

from harness.daemon import Daemon, wait_until
from harness.scripted_server import ScriptedServer


@pytest.fixture
def doctor(sallyport):
    """Runs it against such a server. ("--text",): the text instead of the JSON."""
    running = []

    def run(server, *options, code=None):
        running.append(server)
        text = "--text" in options
        argv = [sallyport, "doctor", f"ftp://user:secret-word@127.0.0.1:{server.port}/", *(o for o in options if o != "--text")]
        done = subprocess.run([*argv, *([] if text else ["--json"])], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        assert "secret-word" not in done.stdout + done.stderr and "\x1b" not in done.stdout + done.stderr
        return done.stdout if text else json.loads(done.stdout)

    yield run
    for server in running:
        server.close()


def server(**replies):
    return ScriptedServer({}, {"/": b"-rw-r--r-- 1 o g 5 Jan 1 2026 file\r\n"}, replies=replies)


def ids(report):
    return {v["id"]: v for v in report["verdict"]}


def silent(_):
    """A callable reply that sends nothing."""


def test_healthy(doctor):
    assert doctor(server(), "--passive", code=0)["result"] == "healthy"


@pytest.mark.parametrize("reply,cause", [("550 permission denied", "permit"), ("550 /nodir: No such file or directory", "not exist")])
def test_listing_that_is_refused_is_no_firewall(doctor, reply, cause):
    """All methods have the same result, and the path is the cause."""
    report = doctor(server(LIST=reply), "--passive", code=20)
    assert {m["result"] for m in report["methods"]} == {"listing-refused"} and len(report["methods"]) == 2, report
    assert [v["id"] for v in report["verdict"]] == ["listing-refused"], report
    assert cause in report["verdict"][0]["cause"] and report["verdict"][0]["confidence"] == "certain", report


# Symptoms 1, 2, 4: 227 with an address that cannot be reached from here, while the port of the peer works.
@pytest.mark.parametrize("address,id", [("10.255.255.1", "private-address"), ("172.18.0.2", "container-address"),
                                        ("203.0.113.9", "other-public-address")])
def test_address_in_227(doctor, address, id):
    asked = server()
    asked.advertised = address
    report = doctor(asked, "--passive", code=20)
    assert ids(report)[id]["side"] == "server-config" and ids(report)[id]["confidence"] == "certain", report
    assert {m["method"]: m["result"] for m in report["methods"]} == {"EPSV": "ok", "PASV": "wrong-address"}


def test_unspecified_address_is_a_note(doctor):
    """Symptom 3."""
    asked = server()
    asked.advertised = "0.0.0.0"
    assert ids(doctor(asked, "--passive", code=0))["unspecified-address"]["severity"] == "note"


def test_malformed_227(doctor):
    """Symptom 37."""
    report = doctor(server(PASV="227 Entering Passive Mode (ftp.example.org,1,2)"), "--passive", code=20)
    assert ids(report)["malformed-reply"]["confidence"] == "likely", report


def test_epsv_without_a_reply(doctor):
    """Symptom 12. TCP acknowledged the command, so that no device between is accused."""
    found = ids(doctor(server(EPSV=silent), "--passive", code=20))["epsv-dropped"]
    assert found["confidence"] == "possible" and found["side"] == "undecided"


@pytest.mark.parametrize("text", ["425 Security: Bad IP connecting.", "425 Rejected data connection for foreign address 10.0.0.1"])
def test_other_source_address(doctor, text):
    """Symptom 21."""
    assert "other-source-address" in ids(doctor(server(LIST=text), "--passive", code=7))


def test_refused_active_mode_is_a_note(doctor):
    """Symptom 18 and the like: passive mode works."""
    report = doctor(server(PORT="500 Illegal PORT command."), code=0)
    assert all(v["severity"] == "note" for v in report["verdict"]), report


class Target:
    """In place of a passive listener: the data connection goes to what PORT names."""

    def __init__(self, command):
        numbers = command.split()[1].split(",")
        self.address = ".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5])

    def accept(self):
        return socket.create_connection(self.address), self.address

    def close(self):
        pass


def test_eprt_that_the_server_refuses(doctor):
    """Symptom 18: the scripted server knows no EPRT."""
    def connect(session, verb):
        if verb != "PORT":
            return None
        session.passive = Target(session.server.commands[-1])
        return "200 ok"

    asked = server()
    asked.refuse = connect
    found = ids(doctor(asked, code=0))
    assert found["eprt-refused"]["severity"] == "note", found
    assert "eprt-refused" not in ids(doctor(server(), code=0))


def test_server_without_an_address_for_active_mode(doctor):
    """Symptom 39."""
    busy = server(PORT="200 PORT command successful.", LIST="425 Can't open data connection: Cannot assign requested address.")
    found = ids(doctor(busy, "--data-methods", "port", code=7))
    assert found["server-cannot-bind"]["side"] == "server" and "active-blocked" not in found, found
    assert "server-cannot-bind" not in ids(doctor(server(), code=0))


def test_refused_passive_mode_is_a_problem(start, sallyport, folder):
    """Also if active mode works, as on loopback."""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--anonymous", "--no-passive")
    done = subprocess.run([sallyport, "doctor", f"ftp://127.0.0.1:{daemon.port}/", "--json"], capture_output=True, text=True, timeout=60)
    report = json.loads(done.stdout)
    assert done.returncode == 20, report
    assert [v["id"] for v in report["verdict"] if v["severity"] == "problem"] == ["passive-refused"], report
    assert "where PASV works" not in done.stdout


@pytest.mark.parametrize("replies,id,code", [({"GREETING": "421 too many users"}, "server-busy", 12), ({"PASS": "530 wrong"}, "login-refused", 5),
                                             ({"PASS": "500 OOPS: cannot change directory"}, "server-fault", 5),
                                             ({"USER": "530 TLS is required; send AUTH TLS before USER."}, "tls-required", 5),
                                             ({"EPSV": "500 no", "PASV": "500 no"}, "data-methods-refused", 7)])
def test_refusals(doctor, replies, id, code):
    assert id in ids(doctor(server(**replies), "--passive", code=code))


def test_what_was_asked_for_has_a_line(doctor):
    text = doctor(server(), "--passive", "--rounds", "3", "--idle", "1s", "--text", code=0)
    assert "3 rounds: all worked" in text and "idle 1 second: all sessions alive" in text, text


def test_file_that_cannot_be_written_ends_the_command_at_once(sallyport, tmp_path):
    asked = server()
    file = tmp_path / "absent" / "run.json"
    for argv in ((asked.url(""),), ("--watch",)):
        done = subprocess.run([sallyport, "doctor", *argv, "--save", file], capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and str(file) in done.stderr and done.stdout == "", done
    asked.close()
    assert asked.commands == []


@pytest.mark.parametrize("wrong", [("gopher://127.0.0.1/",), ("ftpes://127.0.0.1/", "--ca", "/absent.pem"), ()], ids=["url", "ca", "none"])
def test_wrong_usage_leaves_no_file(sallyport, tmp_path, wrong):
    """D1: --save writes a file only if there is a run."""
    file = tmp_path / "run.json"
    done = subprocess.run([sallyport, "doctor", *wrong, "--save", file], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and not file.exists(), done


def test_gateway_whose_servers_are_down(start, sallyport):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{port}")
    done = subprocess.run([sallyport, "doctor", "--json", f"ftp://127.0.0.1:{gate.port}/"], capture_output=True, text=True, timeout=30)
    first = json.loads(done.stdout)["verdict"][0]
    assert done.returncode == 12 and first["id"] == "session-refused" and "none of its servers" in first["cause"], done


def test_server_that_waits_for_a_proxy_header(doctor):
    """Symptom 23."""
    def greet(control):
        if control.recv(200).startswith(b"PROXY TCP4 127.0.0.1 "):
            control.sendall(b"220 ready\r\n")

    assert ids(doctor(server(GREETING=greet), "--passive", "--timeout", "1", code=3))["proxy-header-expected"]["confidence"] == "certain"


@pytest.mark.parametrize("scheme", ["ftp", "ftpes"])
def test_server_that_closes_silent_sessions(sallyport, certificate, tmp_path, scheme):
    """Its own time-out is no device that forgets connections."""
    daemon = Daemon([sallyport, "serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous", "--idle-timeout", "3", "--tls-cert",
                     certificate.cert, "--tls-key", certificate.key, "--control-socket", "none"]).wait_ready()
    done = subprocess.run([sallyport, "doctor", "--passive", "--insecure", "--json", "--idle", "8s", f"{scheme}://127.0.0.1:{daemon.port}/"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    daemon.stop()
    found = ids(json.loads(done.stdout))
    assert done.returncode == 0 and "server-idle-timeout" in found and "idle-timeout" not in found, done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_is_not_healthy(sallyport, number):
    asked = server()
    run = subprocess.Popen([sallyport, "doctor", "--passive", "--idle", "30s", "--json", asked.url("")], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, text=True)
    # The two data methods have been tried; what follows is the silence.
    wait_until(lambda: len(asked.arguments_of("USER")) >= 6, what="the silent sessions")
    run.send_signal(number)
    said, _ = run.communicate(timeout=20)
    asked.close()
    assert run.returncode == 128 + number and json.loads(said)["result"] == "undecided", said
    assert "interrupted" in said


@pytest.mark.parametrize("wait", [0, 0.5], ids=["at_once", "late"])
def test_server_that_admits_one_session(doctor, wait):
    """The doctor's own second session is no cause, and its method is tried later, also if the refusal comes after the first session."""
    sessions = []

    def greet(control):
        if any(each.fileno() != -1 for each in sessions):
            time.sleep(wait)
            control.sendall(b"421 one session only\r\n")
            control.close()
            raise OSError
        sessions.append(control)
        control.sendall(b"220 ready\r\n")

    report = doctor(server(GREETING=greet), "--passive", code=0)
    assert len(report["methods"]) == 2 and report["verdict"] == [], report


def test_saved_run(doctor, tmp_path):
    """Also without addresses and names; terminal bytes of the server never reach the terminal."""
    asked = server(GREETING="220 \x1b[31mred ftp.example.org")
    asked.advertised = "10.255.255.1"
    asked.replies["END"] = "226 done, user"
    (tmp_path / "run.json").touch(mode=0o644)
    text = doctor(asked, "--text", "--passive", "--save", tmp_path / "run.json", "--anonymize", code=20)
    assert "private-address" in text and "side: server-config" in text
    saved = (tmp_path / "run.json").read_text()
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
    assert json.loads(saved)["sallyport_doctor"] == 4
    assert "secret-word" not in saved and "10.255.255.1" not in saved and "example.org" not in saved
    assert "done, user-" in saved, saved  # the login name


def test_verbose_lines_name_their_session(sallyport):
    """Two sessions at the same time."""
    asked = server()
    done = subprocess.run([sallyport, "doctor", "--passive", "-v", asked.url("")], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30)
    asked.close()
    assert done.returncode == 0 and "[EPSV] > EPSV" in done.stderr and "[PASV] > PASV" in done.stderr, done.stderr
    assert "[EPSV] > PASV" not in done.stderr


def test_verbose_lines_of_comparisons_name_their_method(sallyport):
    asked = server()
    asked.refuse = lambda session, verb: "229 Extended (|||1025|)" if verb == "EPSV" else None
    done = subprocess.run([sallyport, "doctor", "--passive", "-v", asked.url("")], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30)
    asked.close()
    # EPSV, and PASV after it in the same session.
    assert "[PASV] > EPSV" in done.stderr and "[EPSV] > PASV" not in done.stderr, done.stderr


def test_host_without_an_address_of_the_family(sallyport):
    asked = server()
    done = subprocess.run([sallyport, "doctor", "-6", "--json", asked.url("")], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30)
    asked.close()
    assert done.returncode == 3 and list(ids(json.loads(done.stdout))) == ["no-address-of-family"], done.stdout


def test_explain(sallyport):
    listed = subprocess.run([sallyport, "doctor", "--explain"], capture_output=True, text=True)
    assert listed.returncode == 0
    for line in listed.stdout.splitlines():
        one = subprocess.run([sallyport, "doctor", "--explain", line.split()[0]], capture_output=True, text=True)
        assert one.returncode == 0 and "looks alike" in one.stdout
    assert subprocess.run([sallyport, "doctor", "--explain", "nothing"], capture_output=True).returncode == 2


def test_get_names_the_doctor(sallyport):
    """Exit code 7: one line of advice, and where to learn more."""
    asked = server(EPSV="500 no", PASV="500 no")
    done = subprocess.run([sallyport, "ls", "--passive", asked.url("")], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    asked.close()
    assert done.returncode == 7 and f"to find the cause, run: sallyport doctor ftp://u@127.0.0.1:{asked.port}/\n" in done.stderr, done.stderr
