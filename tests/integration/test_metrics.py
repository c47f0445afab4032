"""G12: metrics and health over HTTP, for Prometheus, load balancers and container managers."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from free_ports import free_port
from harness import programs
from harness.daemon import wait_until
from harness.raw import Raw, drain
from test_single_port import Tls, front  # noqa: F401 (a fixture)

METRIC = re.compile(r"^(sallyport_\w+)(?:\{\w+=\"([^\"]*)\"\})? (\S+)$")
BUCKET = re.compile(r"^sallyport_\w+_bucket\{")


class LocalConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = connect_local(self.path)


def connect_local(path):
    made = socket.socket(socket.AF_UNIX)
    # With a time limit it would not wait for a place in the queue.
    made.connect(str(path))
    made.settimeout(10)
    return made


def ask_local(path, what):
    with contextlib.closing(LocalConnection(path)) as connection:
        connection.request("GET", what)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def ask(daemon, path):
    """The status and the text of the answer."""
    at = re.search(r"Metrics at http://(\S+)/metrics", daemon.log())[1]
    try:
        with urllib.request.urlopen(f"http://{at}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def metrics(daemon):
    """{(NAME, LABEL or None): NUMBER}"""
    status, text = ask(daemon, "/metrics")
    assert status == 200
    values = [line for line in text.splitlines() if not line.startswith("#") and not BUCKET.match(line)]
    return {(found[1], found[2]): float(found[3]) for found in map(METRIC.match, values)}


@pytest.fixture
def files(tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    (root / "small").write_bytes(b"x" * 420)
    return root


@pytest.fixture(params=["serve", "gate"])
def daemon(request, start, files):
    def serve(*options):
        return start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", *options)
    options = ["--metrics", "127.0.0.1:0", "--data-timeout", 1]
    if request.param == "serve":
        return serve(*options)
    return start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{serve().port}", *options)


def test_what_happens_is_counted(daemon):
    before = metrics(daemon)
    assert before["sallyport_sessions", None] == 0 and before["sallyport_transfers_complete_total", None] == 0
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        assert metrics(daemon)["sallyport_sessions", None] == 1
        with raw.passive() as data:
            raw.expect("RETR /small", 150)
            drain(data)
        assert raw.reply().code == 226
        raw.passive().close()
        raw.epsv_port()
        raw.expect("RETR /small", 425)
    wait_until(lambda: metrics(daemon)["sallyport_sessions", None] == 0)
    after = metrics(daemon)
    assert after["sallyport_transfers_complete_total", None] == 1 and after["sallyport_bytes_sent_total", None] == 420
    assert after["sallyport_rejected_total", "data_timeout"] == 1
    assert after["sallyport_failed_data_connections_total", "data-ports-dropped"] == 1
    assert after["sallyport_uptime_seconds", None] >= before["sallyport_uptime_seconds", None]


def test_data_connections_and_transfers_are_measured(daemon):
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        raw.retrieve("/small")
        assert raw.store("/new", b"content").code == 226
        with raw.passive() as data:
            raw.expect("NLST", 150)
            drain(data)
        assert raw.reply().code == 226
        raw.epsv_port()
        raw.expect("RETR /small", 425)
    wait_until(lambda: metrics(daemon)["sallyport_sessions", None] == 0)
    seen = metrics(daemon)
    assert seen["sallyport_openings_expected_total", None] == 4
    assert seen["sallyport_openings_used_total", None] == 3 and seen["sallyport_openings_expired_total", None] == 1
    assert seen["sallyport_data_connection_seconds_count", None] == 3 and 0 < seen["sallyport_data_connection_seconds_sum", None] < 5
    kinds = [seen["sallyport_transfer_seconds_count", kind] for kind in ("download", "upload", "listing")]
    # The server's time of the failed one includes its wait.
    assert kinds == [2, 1, 1] and seen["sallyport_transfer_seconds_sum", "download"] > 0.9


def test_passive_ports_are_counted(start, files):
    first = free_port()
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--metrics", "127.0.0.1:0", "--data-timeout", 1,
                   "--passive-ports", f"{first}-{first}", "--use-alg-ports")
    assert metrics(daemon)["sallyport_passive_ports", None] == 1 and metrics(daemon)["sallyport_passive_ports_in_use", None] == 0
    with Raw(daemon.host, daemon.port) as one, Raw(daemon.host, daemon.port) as other:
        one.login()
        other.login()
        assert one.epsv_port() == first
        assert metrics(daemon)["sallyport_passive_ports_in_use", None] == 1
        other.expect("EPSV", 425)
        one.expect("RETR /small", 425)
        assert metrics(daemon)["sallyport_passive_ports_in_use", None] == 0
    assert metrics(daemon)["sallyport_openings_refused_total", "no_port"] == 1


def test_resumption_of_tls_is_counted(front, certificate):  # noqa: F811
    daemon = front("--metrics", "127.0.0.1:0")
    session = Tls("127.0.0.1", daemon.port).secure(certificate.cert, ssl.TLSVersion.TLSv1_2)
    for resume in (False, True, True):
        assert session.retrieve_by(session.connect(session.epsv_port()), resume=resume) == b"content"
    seen = metrics(daemon)
    assert seen["sallyport_data_tls_handshakes_total", None] == 3 and seen["sallyport_data_tls_resumed_total", None] == 2
    session.close()


def test_the_end_of_the_certificate(start, files, tmp_path):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                           "/CN=localhost", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], capture_output=True)
    assert made.returncode == 0, made.stderr
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--metrics", "127.0.0.1:0", "--tls-cert", tmp_path / "cert",
                   "--tls-key", tmp_path / "key")
    remaining = metrics(daemon)["sallyport_certificate_remaining_seconds", None]
    assert 30 * 86400 - 120 < remaining <= 30 * 86400


def test_names_are_few_and_none_has_a_user_or_an_address(daemon):
    """WB-05, RX-06: what clients do makes no further series."""
    before = ask(daemon, "/metrics")[1]
    with Raw(daemon.host, daemon.port, source="127.0.0.9") as raw:
        raw.login()
        raw.retrieve("/small")
        after = ask(daemon, "/metrics")[1]
    assert 20 < after.count("# TYPE ") <= 40
    assert len(after.splitlines()) == len(before.splitlines())
    assert "writer" not in after and "127.0.0.9" not in after and "small" not in after


def test_backends(start, files):
    backend = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    name = f"ftp://127.0.0.1:{backend.port}"
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", name, "--health-check", "greeting", "--health-check-interval", 1,
                 "--metrics", "127.0.0.1:0")
    assert metrics(gate)["sallyport_backend_up", name] == 1
    backend.stop()
    wait_until(lambda: metrics(gate)["sallyport_backend_up", name] == 0, 15, "the backend that is down")


def test_health_and_readiness(daemon):
    assert ask(daemon, "/healthz") == (200, "ok\n")
    assert ask(daemon, "/readyz") == (200, "ready\n")
    assert ask(daemon, "/")[0] == 404


def test_not_ready_while_it_stops(start, files):
    """A load balancer sends no clients any more, while transfers may finish."""
    (files / "large").write_bytes(bytes(64 << 20))
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--metrics", "127.0.0.1:0")
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        with raw.passive() as data:
            raw.expect("RETR /large", 150)
            daemon.process.terminate()
            wait_until(lambda: ask(daemon, "/readyz")[0] == 503, 5, "503")
            assert ask(daemon, "/healthz")[0] == 200
            drain(data)
        assert raw.reply().code == 226


def test_the_new_process_of_a_restart_has_the_metrics(start, sallyport, files, tmp_path):
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--control-socket", tmp_path / "socket", "--metrics",
                   f"127.0.0.1:{free_port()}")
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        assert metrics(daemon)["sallyport_sessions", None] == 1
        done = subprocess.run([sallyport, "serve", "restart", "--control-socket", tmp_path / "socket"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done
        # The session stays with the old process.
        wait_until(lambda: metrics(daemon)["sallyport_sessions", None] == 0, 10, "the metrics of the new process")
        assert all(metrics(daemon)["sallyport_draining", None] == 0 for _ in range(20))


def test_silent_scrapers_delay_no_session(daemon):
    at = re.search(r"Metrics at http://(\S+):(\d+)/metrics", daemon.log())
    silent = [socket.create_connection((at[1], int(at[2]))) for _ in range(30)]
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        raw.expect("NOOP", 200)
    for connection in silent:
        connection.close()
    wait_until(lambda: answers(daemon), 10, "an answer")


def answers(daemon):
    try:
        return ask(daemon, "/healthz")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("kind", ["serve", "gate"])
def test_metrics_at_a_unix_socket(start, sallyport, files, tmp_path, kind):
    """Of a daemon in its sandbox, over a reload and a graceful restart; the file is gone in the end."""
    place, control = tmp_path / "sockets/metrics.sock", tmp_path / "sockets/control.sock"
    place.parent.mkdir()
    config = tmp_path / "daemon.toml"
    config.touch()
    what = [files, "--user", "writer:lab"] if kind == "serve" else ["--backend", "ftp://127.0.0.1:1"]
    daemon = start(kind, *what, "--config", config, "--listen", "127.0.0.1:0", "--metrics", f"{place}?group={os.getgid()}&mode=0640", "--control-socket", control)
    assert f"Metrics at /metrics of the Unix socket {place}" in daemon.log()
    assert (place.stat().st_mode & 0o7777, place.stat().st_gid) == (0o640, os.getgid())
    pid = daemon.pid

    def administer(command):
        more = ["--json"] if command == "status" else []
        done = subprocess.run([sallyport, kind, command, *more, "--control-socket", control], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done
        return done.stdout

    assert "sallyport_sessions 0" in ask_local(place, "/metrics")[1]
    administer("reload")
    assert ask_local(place, "/readyz") == (200, "ready\n")
    administer("restart")
    wait_until(lambda: json.loads(administer("status"))["pid"] != pid, what="the new process")
    wait_until(lambda: ask_local(place, "/readyz") == (200, "ready\n"), what="its metrics")
    assert place.stat().st_mode & 0o7777 == 0o640
    os.kill(json.loads(administer("status"))["pid"], signal.SIGTERM)
    wait_until(lambda: not place.exists(), what="the end of the socket")


def test_metrics_socket_that_cannot_be_made(sallyport, files, tmp_path):
    def refusal(value):
        done = subprocess.run([sallyport, "serve", files, "--anonymous", "--listen", "127.0.0.1:0", "--control-socket", "none", "--metrics", value],
                              capture_output=True, text=True, timeout=20)
        return done.returncode, done.stderr

    code, text = refusal(f"{tmp_path}/none/metrics.sock")
    assert code == 1 and f"--metrics: socket {tmp_path}/none/metrics.sock: " in text, text
    (tmp_path / "file").touch()
    code, text = refusal(f"{tmp_path}/file")
    assert code == 1 and "a file of another kind exists there; choose another path" in text, text
    code, text = refusal(f"{tmp_path}/metrics.sock?mode=abc")
    assert code == 2 and "use octal digits such as 0660" in text, text
    code, text = refusal("9121")
    assert code == 2 and "nor the path of a Unix socket" in text, text


@pytest.mark.parametrize("local", [False, True], ids=["port", "unix"])
def test_scrapers_that_hang_cost_no_transfer_anything(start, files, tmp_path, local):
    """WB-06: more of them than are served; each asks for the metrics many times, and reads nothing."""
    place = tmp_path / "metrics.sock"
    daemon = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--metrics", place if local else "127.0.0.1:0", "--threads", 1)
    at = None if local else re.search(r"Metrics at http://(\S+):(\d+)/metrics", daemon.log()).groups()

    def connect():
        return connect_local(place) if local else socket.create_connection(at, timeout=10)

    def hang():
        made = connect()
        made.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(20):
                made.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        return made

    hanging = [hang() for _ in range(20)]
    memory = resident(daemon.pid)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        begin = time.monotonic()
        for _ in range(50):
            assert raw.retrieve("/small") == b"x" * 420
        assert time.monotonic() - begin < 5
    # Those that are served are closed within some seconds; the others were at once.
    for connection in hanging:
        connection.settimeout(15)
        with contextlib.suppress(ConnectionError):
            while connection.recv(1 << 20):
                pass
        connection.close()
    assert resident(daemon.pid) - memory < 32 << 20
    with contextlib.closing(connect()) as scraper:
        scraper.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert scraper.recv(1000).startswith(b"HTTP/1.1 200")


def resident(pid):
    with open(f"/proc/{pid}/statm") as facts:
        return int(facts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_an_address_that_is_in_use(sallyport, files):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([sallyport, "serve", files, "--anonymous", "--listen", "127.0.0.1:0", "--metrics", f"127.0.0.1:{port}"],
                              capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and f"--metrics: cannot listen on 127.0.0.1:{port}: the port is in use" in done.stderr, done


def promtool(*arguments, text=None):
    done = subprocess.run([programs.reference_server("promtool"), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stderr, (done.stdout, done.stderr)


@pytest.fixture
def monitored_gateway(start, files):
    """A gateway with a backend, and its answer to /metrics."""
    backend = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{backend.port}", "--metrics", "127.0.0.1:0")
    return gate, ask(gate, "/metrics")[1]


def test_prometheus_understands_them(monitored_gateway):
    promtool("check", "metrics", text=monitored_gateway[1])


def expressions():
    """Those of the alerts and of the dashboard, which are installed with the documentation."""
    monitoring = programs.ROOT / "packaging/monitoring"
    yield from re.findall(r"expr: (.+)", (monitoring / "alerts.yml").read_text())
    for panel in json.loads((monitoring / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")


def test_alerts_and_dashboard(monitored_gateway, tmp_path):
    promtool("check", "rules", programs.ROOT / "packaging/monitoring/alerts.yml")
    rules = [{"record": f"a:b{number}", "expr": text} for number, text in enumerate(expressions())]
    made = tmp_path / "rules.yml"
    made.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    promtool("check", "rules", made)
    # Some series are there only with the option that they belong to.
    known = {f"sallyport_{name}" for name in ("port_mappings", "passive_ports", "passive_ports_in_use", "certificate_remaining_seconds")}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", monitored_gateway[1], re.MULTILINE):
        known.add(name + "_bucket" if kind == "histogram" else name)
    named = set(re.findall(r"\bsallyport_\w+", " ".join(expressions())))
    assert len(named) > 10 and named <= known, named - known


def test_prometheus_scrapes_them(monitored_gateway, tmp_path):
    gate, _ = monitored_gateway
    at = re.search(r"Metrics at http://(\S+)/metrics", gate.log())[1]
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [
        {"job_name": "sallyport", "static_configs": [{"targets": [at]}]}]}))
    port = free_port()
    prometheus = subprocess.Popen([programs.reference_server("prometheus"), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                                   f"--storage.tsdb.path={tmp_path / 'data'}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def sessions():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=sallyport_sessions", timeout=10) as answer:
                return [found["value"][1] for found in json.load(answer)["data"]["result"]]
        except OSError:
            return []

    try:
        with Raw(gate.host, gate.port) as raw:
            raw.login()
            wait_until(lambda: sessions() == ["1"], 20, "the session in Prometheus")
    finally:
        prometheus.terminate()
        prometheus.wait(20)
