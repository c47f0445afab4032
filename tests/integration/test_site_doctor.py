"""SITE DOCTOR: what a server or gateway received of the data connections of a session and of others of the same user (D6, CL-08)."""

import json
import os
import re
import signal
import subprocess

from harness.daemon import wait_until
from harness.doctor_path import CLIENT, SERVER, Doctor, Fault, path, serving  # noqa: F401: a fixture
from harness.raw import Raw, drain
from test_administration import administered  # noqa: F401: a fixture
from test_doctor import HELPER


def text(letters):
    return bytes((ord(high) - 97) * 16 + ord(low) - 97 for high, low in zip(letters[::2], letters[1::2])).decode()


def ask_for_all(raw):
    """Of this session, and of each other one."""
    lines = raw.expect("SITE DOCTOR", 211).text.split("\n")
    assert not any(c.isdigit() for line in lines[1:-1] for c in line), lines
    sessions = []
    for key, letters in (line.split() for line in lines[1:-1]):
        if key in ("peer", "session"):
            assert (key == "peer") == (sessions == []), lines
            sessions.append({})
        sessions[-1][key] = text(letters)
    return sessions


def ask(raw):
    [own] = ask_for_all(raw)
    return own


def name(connection):
    return "{}:{}".format(*connection.getsockname()[:2])


def test_what_arrived_of_a_session(administered):  # noqa: F811
    daemon = administered("--site-doctor", "on")
    with daemon.raw() as raw:
        raw.greet()
        raw.expect("SITE DOCTOR", 530)
    with daemon.raw().login() as raw:
        assert ask(raw) == {"peer": name(raw.socket)}
        port = raw.epsv_port()
        known = ask(raw)
        assert known.keys() == {"peer", "negotiated"} and known["negotiated"].startswith("229 ") and f"|||{port}|" in known["negotiated"]

        # From another address than the control connection's, and from the right one.
        raw.connect(port, source="127.0.0.9")
        wait_until(lambda: ask(raw).get("other") == "127.0.0.9")
        data = raw.connect(port)
        wait_until(lambda: ask(raw).get("source") == name(data))
        raw.expect("NLST", 150)
        drain(data)
        raw.reply()
        assert ask(raw)["source"] == name(data)

        raw.expect("PORT 192,168,1,2,100,10", 504)
        assert ask(raw)["negotiated"] == "PORT 192,168,1,2,100,10"
        assert "SITE DOCTOR" in raw.expect("HELP SITE", 214).text or daemon.kind == "gate"


def test_another_session_of_the_same_user(administered):  # noqa: F811
    """Also one that waits for its data connection, and only as long as it runs."""
    daemon = administered("--site-doctor", "on")
    with daemon.raw().login() as asking:
        with daemon.raw() as one:
            one.greet()
            assert len(ask_for_all(asking)) == 1
        with daemon.raw().login() as one:
            assert ask_for_all(asking)[1:] == [{"session": name(one.socket)}]
            port = one.epsv_port()
            [other] = ask_for_all(asking)[1:]
            assert other.keys() == {"session", "negotiated"} and f"|||{port}|" in other["negotiated"], other
            data = one.connect(port)
            one.expect("RETR file", 150)
            [other] = ask_for_all(asking)[1:]
            assert other["source"] == name(data), other
            drain(data)
        wait_until(lambda: len(ask_for_all(asking)) == 1)


def test_no_session_learns_of_another_user_or_address(administered):  # noqa: F811
    daemon = administered("--site-doctor", "on")
    with daemon.raw().login("other") as user, daemon.raw(source="127.0.0.9").login() as address, daemon.raw().login() as asking:
        for each in (user, address):
            each.epsv_port()
            assert ask(each).keys() == {"peer", "negotiated"}
        assert ask(asking) == {"peer": name(asking.socket)}


def test_anonymous_sessions_are_not_of_one_user(start, folder):
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--anonymous", "--site-doctor", "on")
    with Raw(daemon.host, daemon.port).login("anonymous", "a@b") as one, Raw(daemon.host, daemon.port).login("anonymous", "a@b") as other:
        one.epsv_port()
        assert ask(other) == {"peer": name(other.socket)}


def test_the_doctor_reports_other_clients_of_the_user(start, folder, sallyport):
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "anna:geheim", "--site-doctor", "on")
    command = [sallyport, "doctor", f"ftp://anna:geheim@127.0.0.1:{daemon.port}/"]
    alone = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert alone.returncode == 0 and "other session" not in alone.stdout, alone
    with Raw(daemon.host, daemon.port).login("anna", "geheim") as raw:
        port = raw.epsv_port()
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        said = " ".join(done.stdout.split())
        assert done.returncode == 0 and f'other session {name(raw.socket)}: "229 ' in said and f"|||{port}|)\", no data connection" in said, done
        report = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60).stdout)
        [other] = report["other_sessions"]
        assert other["peer"] == name(raw.socket) and other["source"] is None and other["rejected"] == [], other


def test_off_by_default(administered):  # noqa: F811
    with administered().raw().login() as raw:
        raw.expect("SITE DOCTOR", 504)


def test_rewritten_address(path, sallyport, tmp_path):  # noqa: F811
    """Symptom 9: the helper of the client's router translates the address in PORT; there is nothing in EPSV to translate."""
    with serving(path, sallyport, tmp_path, "--site-doctor", "on"), Fault(path, "home", HELPER):
        report = Doctor(path, sallyport)(f"ftp://{SERVER}/", "--data-methods", "port")
        assert report.code == 0 and report.problems == [], report.output
        found = report.verdict("address-rewritten")
        assert (found["side"], found["confidence"], found["severity"]) == ("client", "certain", "note"), report.output
        assert f"sent {CLIENT}:" in found["evidence"][0] and "received 17.254.0.26:" in found["evidence"][0], report.output
        report = Doctor(path, sallyport)(f"ftp://{SERVER}/", "--data-methods", "epsv")
        assert report.code == 0 and "address-rewritten" not in [v["id"] for v in report.output["verdict"]], report.output


def test_counterpart(sallyport, tmp_path):
    """'doctor --listen' is a server that the doctor at the other end finds healthy; it leaves nothing behind."""
    counterpart = subprocess.Popen([sallyport, "doctor", "--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"], env={**os.environ, "TMPDIR": str(tmp_path)},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    screen = [counterpart.stdout.readline() for _ in range(4)]
    urls = [re.search(r"ftp://127\.0\.0\.[12]:\d+/", line)[0] for line in screen[1:3]]
    assert len(list(tmp_path.iterdir())) == 1
    for url in urls:
        done = subprocess.run([sallyport, "doctor", "--json", url], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 0 and json.loads(done.stdout)["result"] == "healthy", done.stdout + done.stderr
    with Raw("127.0.0.1", urls[0].split(":")[2].rstrip("/")) as raw:
        raw.login("anonymous", "a@b")
        ask(raw)
        raw.expect("MKD there", 550, 553, 530)
    counterpart.send_signal(signal.SIGTERM)
    _, log = counterpart.communicate(timeout=20)
    assert counterpart.returncode == 0 and "Connection accepted from 127.0.0.1" in log, log
    assert list(tmp_path.iterdir()) == []


def test_counterpart_with_a_wrong_address(sallyport):
    done = subprocess.run([sallyport, "doctor", "--listen", "nowhere"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
    assert done.returncode == 2 and "--listen nowhere: invalid address" in done.stderr
