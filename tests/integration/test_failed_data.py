"""The log and the status of `serve` and `gate` have the cause of each data connection that failed, with the ids of the doctor (S7)."""

import re
import socket
import subprocess

from harness.daemon import wait_for_log, wait_until
from harness.raw import Raw
from harness.scripted_server import ScriptedServer
from test_administration import administered  # noqa: F401: a fixture
from test_proxy_protocol import v1

# docs/operation.md: one search each for the six cases, data connections that work, are refused, and are not answered.
PASSIVE_WORKS = {"serve": r"Data connection accepted from ", "gate": r" \((EPSV|PASV)\), complete"}
ACTIVE_WORKS = {"serve": r"Data connection to .* opened from port", "gate": r" \((EPRT|PORT)\), complete"}
PASSIVE_REFUSED = r"\[data-ports-refused\]"
PASSIVE_SILENT = r"\[data-ports-dropped\]"
ACTIVE_REFUSED = r"\[active-blocked\] .* refused after"
ACTIVE_SILENT = r"\[active-blocked\] .* timed out after"


def found(daemon, pattern):
    return [line for line in daemon.log_text().splitlines() if re.search(pattern, line)]


def eprt(raw, listening):
    return raw.expect("EPRT |1|127.0.0.1|{}|".format(listening.getsockname()[1]), 200)


def silent_listener():
    """Its queue is full, so that the kernel answers no further connection request."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    kept = [listening]
    for _ in range(3):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(listening.getsockname())
        kept.append(waiting)
    return kept


def test_the_six_cases_are_found_by_one_search_each(administered):  # noqa: F811
    daemon = administered("--data-timeout", "1")
    with daemon.raw().login() as raw:
        raw.retrieve("file")
        assert len(found(daemon, PASSIVE_WORKS[daemon.kind])) == 1

        with socket.create_server(("127.0.0.1", 0)) as listening:
            eprt(raw, listening)
            raw.expect("NLST", 150)
            listening.accept()[0].close()
            raw.reply()
        assert len(found(daemon, ACTIVE_WORKS[daemon.kind])) == 1
        assert not found(daemon, r"Data connection failed")

        port = raw.epsv_port()
        raw.expect("NLST", 425)
        [line] = found(daemon, PASSIVE_SILENT)
        assert f"EPSV 127.0.0.1:{port}: no connection of 127.0.0.1 arrived within 1." in line
        assert "Possible cause, side undecided: " in line

        raw.epsv_port()
        raw.pasv()
        [line] = found(daemon, PASSIVE_REFUSED)
        assert "Possible cause, side undecided: " in line

        # The third one has a connection.
        raw.connect(raw.pasv()[1])
        raw.epsv_port()
        assert len(found(daemon, PASSIVE_REFUSED)) == 2

        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        raw.expect(f"EPRT |1|127.0.0.1|{port}|", 200)
        assert raw.command("NLST").code in (150, 425)
        wait_until(lambda: found(daemon, ACTIVE_REFUSED))
        assert "Likely cause, side client: " in found(daemon, ACTIVE_REFUSED)[0]


def test_an_active_client_that_does_not_answer(administered):  # noqa: F811
    daemon = administered("--data-timeout", "1")
    with daemon.raw().login() as raw:
        kept = silent_listener()
        eprt(raw, kept[0])
        raw.command("NLST")
        wait_until(lambda: found(daemon, ACTIVE_SILENT))
        assert "Possible cause, side undecided: " in found(daemon, ACTIVE_SILENT)[0]
        for each in kept:
            each.close()


def test_status_counts_them_by_network(administered):  # noqa: F811
    daemon = administered("--data-timeout", "1", "--proxy-protocol-from", "127.0.0.1")
    for client in ("203.0.113.66", "203.0.113.67", "198.51.100.9"):
        with daemon.raw(v1(client)) as raw:
            raw.login()
            raw.epsv_port()
            raw.expect("QUIT", 221)
    # A client behind NAT that sends its own address.
    with daemon.raw(v1("203.0.113.68")) as raw:
        raw.login()
        raw.expect("PORT 192,168,1,2,100,10", 504)
    wait_until(lambda: sum(row["count"] for row in daemon.status()["failed_data_connections"]) == 4)
    rows = {(row["id"], row["network"]): row["count"] for row in daemon.status()["failed_data_connections"]}
    assert rows == {("data-ports-refused", "203.0.113.0/24"): 2, ("data-ports-refused", "198.51.100.0/24"): 1,
                    ("active-private-address", "203.0.113.0/24"): 1}
    [line] = found(daemon, r"\[active-private-address\] PORT 192\.168\.1\.2:25610: ")
    assert "Likely cause, side client-config: " in line
    shown = daemon.ask("status").stdout
    assert re.search(r"data-ports-refused +client +203\.0\.113\.0/24 +2 ", shown), shown


class Unreachable(ScriptedServer):
    """Its passive port is not open, and it waits for a connection."""

    def __init__(self):
        super().__init__(replies={"EPSV": self.epsv, "RETR": lambda control: None})

    @staticmethod
    def epsv(control):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        control.sendall(b"229 Extended (|||%d|)\r\n" % port)


def test_the_backend_leg_has_the_same_line(start, sallyport, tmp_path):
    """Once, with the command, the id, the side and what to do; counted by the backend's address (S7, G12)."""
    server = Unreachable()
    admin, log = tmp_path / "gate.sock", tmp_path / "gate.log"
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--control-socket", admin, "--log", log)
    with Raw(gate.host, gate.port).login() as raw:
        data = raw.passive()
        raw.expect("RETR file", 425)
        data.close()
    wait_for_log(gate.pid)
    about = [line for line in log.read_text().splitlines() if "RETR file" in line]
    assert len(about) == 1, about
    assert re.search(r"Data connection failed \[data-ports-refused\] RETR file, backend leg, EPSV 127\.0\.0\.1:\d+: refused after 0\.\d s; .*"
                     r"Likely cause, side server: .*forward the passive port range", about[0]), about
    status = subprocess.run([sallyport, "gate", "status", "--control-socket", admin], capture_output=True, text=True, check=True).stdout
    assert re.search(r"data-ports-refused +backend +127\.0\.0\.1 +1 ", status), status
    server.close()


def test_each_failure_of_the_client_leg_is_one_line(start, tmp_path):
    """With the transfer command (S7)."""
    server = ScriptedServer(files={"/file": b"content"})
    log = tmp_path / "gate.log"
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--data-timeout", 1, "--log", log)
    with Raw(gate.host, gate.port).login() as raw:
        port = raw.epsv_port()
        raw.expect("RETR file", 425)
    wait_for_log(gate.pid)
    about = [line for line in log.read_text().splitlines() if "RETR file" in line]
    assert len(about) == 1, about
    assert f"[data-ports-dropped] RETR file, EPSV 127.0.0.1:{port}: no connection of 127.0.0.1 arrived within 1." in about[0]
    server.close()


def test_a_healthy_session_has_none(administered):  # noqa: F811
    """Also where the connection comes before the transfer command, or the file does not exist."""
    daemon = administered()
    with daemon.raw().login() as raw:
        raw.retrieve("file")
        raw.connect(raw.epsv_port())
        raw.command("RETR missing")
        raw.connect(raw.epsv_port())
        raw.expect("QUIT", 221)
    assert daemon.status()["failed_data_connections"] == []
    assert not found(daemon, "Data connection failed")
