"""Symptoms that are no matter of one host, in a path of five hops, broken and healthy: the doctor names cause, side and hop (D1 D2).

The rest of the table is in tests/symptoms.md.
"""

import json
import subprocess

import pytest

from harness.doctor_path import PASSIVE, SERVER, Doctor, Fault, fault, path, serving  # noqa: F401: a fixture

URL = f"ftp://{SERVER}/"
BACKBONE = "17.254.1.2"


@pytest.fixture
def doctor(path, sallyport):  # noqa: F811
    return Doctor(path, sallyport)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("symptoms")
    (folder / "file").write_text("content")
    return folder


@pytest.fixture
def server(path, sallyport, files):  # noqa: F811
    with serving(path, sallyport, files) as daemon:
        yield daemon


def on(path, host, *argv):  # noqa: F811
    return subprocess.run(path.command(host, *map(str, argv)), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def test_another_public_address(path, sallyport, files, doctor):  # noqa: F811
    """Symptoms 4 and 13: PASV fails, and EPSV, which has no address, works."""
    with serving(path, sallyport, files, "--external-address", BACKBONE):
        report = doctor(URL, "--passive")
    assert report.code == 20 and report.problems == ["other-public-address"], report.output
    assert (report.first["side"], report.first["confidence"]) == ("server-config", "certain"), report.output
    assert report.methods == {("EPSV", False): "ok", ("PASV", False): "wrong-address"}, report.output
    assert any(BACKBONE in each for each in report.first["evidence"]), report.output
    with serving(path, sallyport, files, "--external-address", SERVER):
        report = doctor(URL, "--passive")
    assert report.code == 0 and report.output["verdict"] == [], report.output


RELATED_ONLY = """table inet filter {
  chain input {
    type filter hook input priority filter; policy drop
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    iif lo accept
    tcp dport 21 accept
  }
}
"""
ASSIGN = """table ip helper {
  ct helper ftp { type "ftp" protocol tcp; }
  chain assign {
    type filter hook prerouting priority filter
    tcp dport 21 ct helper set "ftp"
  }
}
"""


@pytest.mark.usefixtures("server")
def test_helper_that_nothing_assigns(path, sallyport, doctor):  # noqa: F811
    """Symptom 19: since an upgrade of the kernel nothing assigns the FTP helper that the packet filter relies on. Both the assignment
    and the rules of the report end it."""
    def at_server():
        done = on(path, "server", sallyport, "doctor", "--server", "--ports", PASSIVE, "--json")
        return {each["id"]: each for each in json.loads(done.stdout)["verdict"]}

    with Fault(path, "server", RELATED_ONLY):
        report = doctor(URL, "--passive")
        assert report.code == 7 and report.problems == ["data-ports-dropped"], report.output
        assert report.first["hop"]["last"] == 5, report.output
        missing = at_server()["helper-missing"]
        assert missing["side"] == "server" and "ct helper set" in missing["remedy"], missing
        with Fault(path, "server", ASSIGN):
            report = doctor(URL, "--passive")
            assert report.code == 0 and report.problems == [], report.output
            assert "helper-missing" not in at_server()
        path.apply("server", "".join(f"{rule}\n" for rule in missing["rules"]))
        report = doctor(URL, "--passive")
        assert report.code == 0 and report.problems == [], report.output
        assert "helper-missing" not in at_server()


@pytest.mark.alone
@pytest.mark.limit(120)
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("host,what,side,hop", [("home", "drop", "client", 1), ("provider", "reject with tcp reset", "between", 2),
                                                ("office", "drop", "undecided", 4)])
def test_one_port_that_always_fails(path, doctor, host, what, side, hop):  # noqa: F811
    """Symptom 30: a device that takes one port of the range for another protocol. The path to that port shows which device. The server
    draws from ten ports, so that 80 rounds have this one several times."""
    with Fault(path, host, fault("forward", what, ports="50006")):
        report = doctor(URL, "--data-methods", "epsv", "--rounds", "80")
    found = report.verdict("some-ports-blocked")
    assert report.code in (7, 20) and "50006 fail" in found["evidence"][0], report.output
    assert (found["side"], found["hop"]["first"]) == (side, hop), report.output
    report = doctor(URL, "--data-methods", "epsv", "--rounds", "20")
    assert report.code == 0 and report.problems == [], report.output


def segments(expression, ports):
    return f"table inet fault {{\n  chain fault {{\n    type filter hook forward priority filter\n    tcp sport {ports} {expression} drop\n  }}\n}}\n"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("rules,id,texts", [
    (segments("tcp flags & fin == fin", PASSIVE), "transfer-unfinished",
     ["the end (FIN) of the data connection: missing", "the final reply (226): arrived"]),
    # After 32 bytes of TCP header.
    (segments("@th,256,32 0x32323620", "21"), "transfer-unfinished",
     ["the end (FIN) of the data connection: arrived", "the final reply (226): missing"]),
    (segments("meta length > 100", PASSIVE), "transfer-unfinished",
     ["0 bytes arrived", "the end (FIN) of the data connection: missing", "the final reply (226): arrived"]),
    (segments("meta length > 100", PASSIVE) + segments("@th,256,32 0x32323620", "21").replace("fault", "reply"), "data-stalled",
     ["0 bytes arrived, then no more", "neither the end (FIN) of the data connection nor the final reply (226) has arrived"]),
], ids=["fin", "reply", "bytes", "all"])
def test_what_is_missing_of_a_transfer_that_hangs(path, doctor, rules, id, texts):  # noqa: F811
    """Symptom 40: something on the path loses the last bytes, the end of the data connection, or the final reply."""
    with Fault(path, "backbone", rules):
        report = doctor(URL, "--data-methods", "epsv", "--timeout", "3")
    found = report.verdict(id)
    for text in texts:
        assert any(text in each for each in found["evidence"]), report.output
    assert report.code in (7, 20, 21) and found["side"] == "undecided", report.output
    report = doctor(URL, "--data-methods", "epsv", "--timeout", "3")
    assert report.code == 0 and report.problems == [], report.output


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("chain,ports,failed,id,code", [("forward", "21", "connect", "control-port-silent", 3),
                                                        ("forward", PASSIVE, None, "data-ports-dropped", 7)])
def test_phases_one_by_one(path, doctor, chain, ports, failed, id, code):  # noqa: F811
    """Symptom 41: "cannot connect" is about the control connection or about the one for data."""
    with Fault(path, "provider", fault(chain, "drop", ports=ports)):
        report = doctor(URL, "--passive", "--connect-timeout", "3")
    phases = {each["name"]: each["ok"] for each in report.output["phases"]}
    assert report.code == code and report.first["id"] == id, report.output
    assert [name for name, ok in phases.items() if not ok] == ([failed] if failed else []), report.output
    if failed:
        assert report.output["methods"] == [] and "login" not in phases, report.output
    else:
        assert phases["connect"] and phases["greeting"] and phases["login"], report.output
        assert set(report.methods.values()) == {"silent"}, report.output
        assert (report.first["side"], report.first["hop"]["first"]) == ("between", 2), report.output
    report = doctor(URL, "--passive")
    assert report.code == 0 and all(each["ok"] for each in report.output["phases"]), report.output


def test_a_login_that_fails_is_no_connection_that_fails(path, sallyport, files, doctor):  # noqa: F811
    """Symptom 41: the same words of a client, and another phase."""
    with serving(path, sallyport, files, "--user", "anna:geheim"):
        report = doctor(f"ftp://anna:wrong@{SERVER}/", "--passive")
        assert report.code == 5 and report.first["id"] == "login-refused", report.output
        assert [each["name"] for each in report.output["phases"] if not each["ok"]] == ["login"], report.output


@pytest.mark.usefixtures("server")
def test_numbers_of_a_227_are_decoded(path, sallyport, doctor, tmp_path):  # noqa: F811
    """Symptom 42: "195,84" is port 50004, in what a client wrote and in a live run."""
    def transcript():
        done = on(path, "client", "curl", "-v", "--disable-epsv", "--connect-timeout", "2", "-m", "5", f"{URL}file")
        numbers = done.stderr.split("227 Entering Passive Mode (")[1].split(")")[0].split(",")
        (tmp_path / "transcript").write_text(done.stderr)
        return int(numbers[4]) * 256 + int(numbers[5]), subprocess.run([sallyport, "doctor", "read", tmp_path / "transcript"],
                                                                       capture_output=True, text=True, timeout=30)

    with Fault(path, "office", fault("forward", "drop")):
        port, read = transcript()
        assert read.returncode == 20 and "data-ports-dropped" in read.stdout and f"{SERVER}:{port}" in read.stdout, read
        report = doctor(URL, "--data-methods", "pasv")
        assert report.output["methods"][0]["to"].startswith(f"{SERVER}:500"), report.output
        assert (report.first["hop"]["first"], report.first["hop"]["last"]) == (4, 5), report.output
    port, read = transcript()
    assert read.returncode == 0 and f"{SERVER}:{port}" in read.stdout, read
