"""Invalid usage: an exit code, and one line that names the option or the file and line, the cause and the next step."""

import os
import re
import signal
import subprocess

import pytest

from harness.daemon import wait_until
from harness.raw import Raw

DIR, FILE, CERT = "{dir}", "{file}", "{cert}"  # replaced by what the test has made
SERVE = ["serve", DIR, "--anonymous", "--listen", "127.0.0.1:0", "--control-socket", "none"]
GATE = ["gate", "--backend", "ftp://127.0.0.1:1", "--listen", "127.0.0.1:0", "--control-socket", "none"]
UP = ["up", DIR, "--listen", "127.0.0.1:0"]
GET = ["get", "ftp://127.0.0.1:1/f"]

# arguments, and what the line has to say; the exit code is 2 unless the row begins with another
WRONG = [
    # Times.
    (SERVE + ["--idle-timeout", "-5"], "--idle-timeout -5: a time can't be negative; use"),
    (SERVE + ["--idle-timeout", "100000000000"], "--idle-timeout 100000000000: this is too long; use"),
    (SERVE + ["--idle-timeout", "99999999999999999999"], "--idle-timeout 99999999999999999999: this is too long"),
    (SERVE + ["--idle-timeout", "5x"], "--idle-timeout 5x: this is not a time; the units are"),
    (SERVE + ["--idle-timeout", "soon"], "--idle-timeout soon: this is not a time; use"),
    (SERVE + ["--idle-timeout", "1.5"], "--idle-timeout 1.5: only whole seconds are counted; use"),
    (SERVE + ["--idle-timeout", ""], "--idle-timeout : this is not a time; use"),
    (SERVE + ["--idle-timeout", "nan"], "--idle-timeout nan: this is not a time; use"),
    (SERVE + ["--login-timeout", "0"], "--login-timeout 0: 0 makes no sense here; use"),
    (SERVE + ["--data-timeout", "0"], "--data-timeout 0: 0 makes no sense here; use"),
    (SERVE + ["--stall-timeout", "off"], "--stall-timeout off: it can't be switched off; use"),
    (SERVE + ["--keepalive-idle", "40000"], "--keepalive-idle 40000: this is too long; use"),
    (SERVE + ["--drain-timeout", "-1"], "--drain-timeout -1: a time can't be negative; use"),
    (GATE + ["--queue-timeout", "0"], "--queue-timeout 0: 0 makes no sense here; use"),
    (GATE + ["--slow-start", "0"], "--slow-start 0: 0 makes no sense here; use"),
    (GATE + ["--backend-connect-timeout", "0"], "--backend-connect-timeout 0: 0 makes no sense here; use"),
    (GATE + ["--health-check-interval", "2h"], "--health-check-interval 2h: this is too long; use"),
    (GATE + ["--resolve-interval", "-1s"], "--resolve-interval -1s: a time can't be negative; use"),
    (GET + ["--timeout", "0.01"], "--timeout 0.01: this is too short; use"),
    (GET + ["--connect-timeout", "-1"], "--connect-timeout -1: a time can't be negative; use"),
    # Numbers, sizes, rates.
    (SERVE + ["--max-sessions", "-1"], "--max-sessions -1: a negative number makes no sense here; use"),
    (SERVE + ["--max-sessions", "many"], "--max-sessions many: this is not a number; use"),
    (SERVE + ["--max-sessions-per-address", "1.5"], "--max-sessions-per-address 1.5: this is not a whole number; use"),
    (SERVE + ["--keepalive-count", "0"], "--keepalive-count 0: 0 makes no sense here; use"),
    (SERVE + ["--threads", "0"], "--threads 0: 0 makes no sense here; use"),
    (SERVE + ["--threads", "100000"], "--threads 100000: this is too much; use"),
    (SERVE + ["--max-session-rate", "nan"], "--max-session-rate nan: this is not a number; use"),
    (SERVE + ["--max-session-rate", "-1"], "--max-session-rate -1: a negative number makes no sense here; use"),
    (SERVE + ["--max-session-rate-per-address", "1e99"], "--max-session-rate-per-address 1e99: this is not a number; use"),
    (GATE + ["--max-upload-rate", "-1"], "--max-upload-rate -1: a negative number makes no sense here; use"),
    (GATE + ["--max-download-rate", "10X"], "--max-download-rate 10X: this is not a size; use"),
    (GATE + ["--max-sessions-per-user", "-1"], "--max-sessions-per-user -1: a negative number"),
    (GATE + ["--fall", "0"], "--fall 0: 0 makes no sense here; use"),
    (["serve", "status", "--control-socket", "/proc/nowhere", "--limit", "-1"], "--limit -1: a negative number"),
    # Ports and addresses.
    (SERVE + ["--passive-ports", "30099-30000"], "--passive-ports 30099-30000: invalid range; use FIRST-LAST"),
    (SERVE + ["--passive-ports", "0-100"], "--passive-ports 0-100: invalid range; use"),
    (SERVE + ["--passive-ports", "1-70000"], "--passive-ports 1-70000: invalid range; use"),
    (SERVE + ["--single-port", "x"], "--single-port x: invalid port; use control or the number"),
    (SERVE + ["--external-ports", "60000-60099"], "--external-ports: external ports 60000-60099: the local ports are missing"),
    (SERVE + ["--external-address", "999.1.2.3.4="], "--external-address: "),
    (SERVE + ["--listen", "21"], "--listen 21: invalid address; use ADDRESS:PORT"),
    (["serve", DIR, "--anonymous", "--listen", "127.0.0.1:2", "--listen", "127.0.0.1:2"], "--listen 127.0.0.1:2: given twice"),
    (["serve", DIR, "--anonymous", "--listen", "127.0.0.1:2", "--listen-tls", "127.0.0.1:2", "--tls-cert", CERT],
     "--listen-tls 127.0.0.1:2: --listen has the same"),
    (SERVE + ["--proxy-protocol-data"], "--proxy-protocol-data requires a load balancer; add --proxy-protocol-from NETWORK"),
    (GET + ["--active-ports", "20-30"], "--active-ports 20-30: servers refuse to connect to ports below 1024; use"),
    # Users.
    (["serve"], "sallyport serve: no directory given; use sallyport serve DIR"),
    (["serve", DIR], "sallyport serve: no account is configured; add --user NAME:PASSWORD"),
    (SERVE + ["--user", "anna"], "--user 'anna': invalid account; use NAME:PASSWORD"),
    (SERVE + ["--user", "anna:a", "--user", "anna:b"], "--user 'anna': this name is given twice"),
    (SERVE + ["--user", "anna:a", "--reader", "anna:b"], "--reader 'anna': this name is given twice"),
    (SERVE + ["--user", "anna:!"], "--user 'anna': this marks a locked account and is not a password; remove"),
    (SERVE + ["--user", "anna:$6$salt$hash"], "--user 'anna': the hash is damaged; make"),
    (SERVE + ["--user", "anna:@/proc/nowhere"], "--user 'anna': cannot read the password file: /proc/nowhere: No such file"),
    (UP + ["--writer", "me:{SHA}x"], "--writer 'me': this type of hash is not supported"),
    # Files.
    (1, SERVE + ["--tls-cert", "/proc/nowhere.pem"], "--tls-cert: cannot read the certificate file"),
    (SERVE + ["--tls-cert", CERT, "--tls-cert", CERT], "--tls-cert: the same file is given twice; remove"),
    (SERVE + ["--tls-required"], "--tls-required requires a certificate; add --tls-cert"),
    (SERVE + ["--config", "/proc/nowhere.toml"], "/proc/nowhere.toml: No such file or directory"),
    (SERVE + ["--config", DIR], "not a regular file"),
    (1, SERVE + ["--log", "/proc/nowhere/at/all"], "--log /proc/nowhere/at/all: "),
    (1, SERVE + ["--transfer-log", "/proc/nowhere/at/all"], "cannot write the transfer log /proc/nowhere/at/all: No such file"),
    (1, GATE + ["--backends-file", "/proc/nowhere"], "--backends-file: /proc/nowhere: No such file"),
    (1, SERVE + ["--tls-cert", DIR], "--tls-cert: cannot read the certificate file {dir}: not a regular file"),
    (1, GATE + ["--backends-file", DIR], "--backends-file: {dir}: not a regular file"),
    (1, GATE + ["--config", FILE, "--backend-ca", "/proc/nowhere"], "--backend-ca: "),
    (["serve", "/proc/nowhere", "--anonymous"], "DIR: Directory does not exist: /proc/nowhere; see 'sallyport serve --help'"),
    # Words.
    (SERVE + ["--tls-reuse", "maybe"], "--tls-reuse maybe: unknown mode; use require, prefer or off"),
    (SERVE + ["--log-level", "loud"], "--log-level loud: unknown level; use debug"),
    (SERVE + ["--upload-sync", "some"], "--upload-sync some: unknown value; use full or none"),
    (SERVE + ["--no-passive", "--no-active"], "--no-passive and --no-active exclude each other"),
    (SERVE + ["--greeting", "a\r\n230 b"], "--greeting: a value can't contain line breaks"),
    (GATE + ["--balance", "fair"], "--balance fair: unknown policy; use least-sessions"),
    (GATE + ["--health-check", "list"], "--health-check list needs an account; add --health-check-user"),
    (GATE + ["--allow-commands", "NOSUCH"], "unknown command"),
    (GATE + ["--allow-ccc", "--tls-required", "--tls-cert", CERT], "--allow-ccc and --tls-required exclude each other"),
    (GATE + ["--allow-ccc"], "--allow-ccc requires a certificate; add --tls-cert FILE"),
    (SERVE + ["--allow-ccc"], "--allow-ccc requires a certificate; add --tls-cert FILE"),
    (SERVE + ["--client-cert", "require"], "--client-cert require needs a server certificate; add --tls-cert FILE"),
    (SERVE + ["--tls-reuse", "require"], "--tls-reuse require needs a certificate; add --tls-cert FILE"),
    (GATE + ["--user-from-cert", "cn"], "--user-from-cert requires verified client certificates; add --client-ca FILE"),
    (GATE + ["--user-mismatch", "replace"], "--user-mismatch requires the name in a certificate; add --user-from-cert FIELD"),
    (GATE + ["--backend-insecure"], "--backend-insecure has no effect, as no backend uses TLS; use ftpes:// or ftps://"),
    (["gate", "--listen", "127.0.0.1:0"], "no backend is configured; add --backend"),
    (["gate", "--intercept", "lan0?port=21"], '--intercept: "lan0?port=21": unknown term "port"; did you mean ports?'),
    (["gate", "--intercept", "lan0?tls=end"], "--intercept: tls=end needs a certificate; add --tls-cert FILE"),
    (["gate", "--intercept", "lan0", "--max-account-guesses", "60"],
     "--max-account-guesses limits accounts of your own servers, but with --intercept clients choose the server; remove"),
    (["gate", "check", "--forward-to", "*.example.com", "--max-account-guesses", "60"],
     "--max-account-guesses limits accounts of your own servers, but with --forward-to clients choose the server; remove"),
    (["gate", "--intercept", "lan0", "--mark", "0"], "--mark 0: not a mark; use VALUE/MASK"),
    (["gate", "--intercept", "lan0", "--mark", "0x100"], "--mark 0x100: has no mask"),
    (["gate", "--intercept", "lan0", "--route-table", "0"], "--route-table"),
    (["gate", "plan", "--backend", "ftp://x"], "nothing is intercepted with these options; add --intercept IF"),
    (["gate", "--backend", "http://x", "--listen", "127.0.0.1:0"], '--backend: backend "http://x": unknown scheme; use'),
    (["gate", "--backend", "ftp://x?weight=-1", "--listen", "127.0.0.1:0"], 'invalid parameter "weight=-1"; use weight=N'),
    # The command line itself.
    ([], "sallyport: no command given; see 'sallyport --help'"),
    (["sevre"], "sallyport: unknown command sevre; did you mean serve? See 'sallyport --help'"),
    (["download"], "sallyport: unknown command download; see 'sallyport --help'"),
    (["gate", "statsu"], "sallyport gate: unknown command statsu; did you mean status? See 'sallyport gate --help'"),
    (["get", "ftp://127.0.0.1/a", "b"], "sallyport get: invalid URL: b; use a form such as"),
    (["ls", "ftp://127.0.0.1/a", "b"], "sallyport ls: unknown argument b; see 'sallyport ls --help'"),
    (["help", "gat"], "sallyport help: unknown command gat; did you mean gate? See 'sallyport --help'"),
    (["help", "gate", "statsu"], "sallyport help: unknown command statsu; did you mean status? See 'sallyport gate --help'"),
    (SERVE + ["--no-such-option"], "sallyport serve: unknown option --no-such-option; see 'sallyport serve --help'"),
    (SERVE + ["--pasive-ports", "30000-30099"],
     "sallyport serve: unknown option --pasive-ports; did you mean --passive-ports? See 'sallyport serve --help'"),
    (["serve", "--pasive-ports", "30000-30099", DIR], "unknown option --pasive-ports; did you mean --passive-ports?"),
    (SERVE + ["--idle-timeot=5"], "unknown option --idle-timeot; did you mean --idle-timeout?"),
    (["gate", "status", "--contol-socket", "x"], "sallyport gate status: unknown option --contol-socket; did you mean --control-socket?"),
    (["get", "--verbos"], "sallyport get: unknown option --verbos; did you mean --verbose?"),
    (["gate", "--backend", "ftp://x?wieght=3", "--listen", "127.0.0.1:0"],
     'unknown parameter "wieght"; did you mean weight? See \'sallyport gate --help\' for the list'),
    (SERVE + ["--idle-timeout"], "--idle-timeout: the value is missing; see"),
    (SERVE + ["--idle-timeout", "5", "--idle-timeout", "6"], "--idle-timeout: given more than once; remove"),
    (SERVE + ["--tls-required=perhaps"], "--tls-required"),
    (["up"], "DIR is required; see 'sallyport up --help'"),
    (["up", "/"], "DIR /: this is the whole machine; name a directory in it, or add --yes"),
    (["get"], "sallyport get: the URL is missing; see 'sallyport get --help'"),
    (["get", "http://127.0.0.1/f"], "http: unknown scheme; use"),
    (["get", "-o", "-", "--json", "ftp://127.0.0.1:1/f"], "-o - writes the file to standard output; --resume and --json"),
    (["put", "-", "ftp://127.0.0.1:1/"], "standard input has no name"),
    (GET + ["--active", "--passive"], "--active and --passive exclude each other; remove"),
    (GET + ["--data-methods", "ftp"], "--data-methods ftp: unknown method; use epsv"),
    (["cert"], "NAME is required; see 'sallyport cert --help'"),
    (["cert", "a b"], "NAME: "),
    (["cert", "a.example", "--days", "0"], "--days 0: 0 makes no sense here; use"),
]

# a configuration file, the line, and what is said of it
WRONG_FILES = [
    ("idle-timeout = -5\n", 1, "--idle-timeout -5: a time can't be negative; use"),
    ("anonymous = true\nidle-timeout = 100000000000\n", 2, "--idle-timeout 100000000000: this is too long"),
    ("idle-timeout = 1.5\n", 1, "only whole seconds"),
    ('[passive]\nprots = "1-2"\n', 2, "unknown key 'passive-prots'; did you mean passive-ports?"),
    ("[keepalive]\ncount = 0\n", 2, "--keepalive-count 0: 0 makes no sense here"),
    ("max-sessions = true\n", 1, "'max-sessions' needs a value"),
    ("tls-required = 1\n", 1, "'tls-required' needs true or false"),
    ("idle-timeout = 5\nidle_timeout = 6\n", 2, "'idle-timeout' is set a second time"),
    ("idle-timeout = 5\nidle-timeout = 6\n", 2, ""),
    ("no-such-key = 1\n", 1, "unknown key 'no-such-key'; see 'sallyport serve --help' for valid keys"),
    ('user = [\n  "anna:secret",\n  "bob:*",\n]\n', 3, "--user 'bob': this marks a locked account"),
    ('user = ["anna:a"]\nreader = ["anna:b"]\n', 2, "--reader 'anna': this name is given twice"),
    ('user = ["anna:a",\n"bob:b",\n"anna:c"]\n', 3, "--user 'anna': this name is given twice"),
    ('user = ["anna:{SSHA}abcdef"]\n', 1, "--user 'anna': this type of hash"),
    ('greeting = "a\\r\\n230 b"\n', 1, "'greeting': --greeting: a value can't contain line breaks"),
    ('passive-ports = "9-1"\n', 1, "--passive-ports 9-1: invalid range"),
    ("[a" + ".a" * 50000 + "]\nx = 1\n", 1, "a key has more than 16 parts"),
    ("x = 1\ny = " + "[" * 100000 + "\n", 2, "brackets are nested more than 16 deep"),
    ('anonymous = true\ngreeting = "no end\n', 2, "a string is not terminated"),
    ("anonymous = \n", 1, ""),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory, certificate):
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "root").mkdir()
    (folder / "good.toml").write_text("read-only = true\n")
    values = {"{dir}": str(folder / "root"), "{file}": str(folder / "good.toml"), "{cert}": str(certificate.both)}

    def fill(words):
        return [values.get(word, word) for word in words]

    return fill


def line_of(sallyport, arguments, code):
    """The one line that it ends with."""
    done = subprocess.run([sallyport, *arguments], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}{done.stderr}"
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert "a bug" not in lines[0].lower(), lines[0]
    return lines[0]


@pytest.mark.parametrize("case", WRONG, ids=lambda c: " ".join(c[-2])[-60:] or "nothing")
def test_wrong_call(sallyport, filled, case):
    code, arguments, says = case if len(case) == 3 else (2, *case)
    line = line_of(sallyport, filled(arguments), code)
    assert says.replace("{dir}", filled([DIR])[0]) in line


@pytest.mark.parametrize("text,number,says", WRONG_FILES, ids=lambda v: repr(v)[:40])
def test_wrong_file(sallyport, filled, tmp_path, text, number, says):
    config = tmp_path / "c.toml"
    config.write_text(text)
    line = line_of(sallyport, filled(SERVE + ["--config", str(config)]), 2)
    assert f"{config}, line {number}: " in line and says in line


def test_the_table_has_sixty_rows():
    assert len(WRONG) + len(WRONG_FILES) >= 60


def test_low_ports_need_a_right(sallyport, filled):
    """Without the right to open them, a range of low ports is refused."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to give the right up")
    done = subprocess.run(["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", "--reuid=65534",
                           "--clear-groups", "--", sallyport, "serve", "check", "/usr", "--anonymous", "--passive-ports",
                           "100-200"], capture_output=True, text=True, timeout=20)
    if "Permission denied" in done.stderr and "sallyport:" not in done.stderr and done.returncode in (126, 127):
        pytest.skip("the unprivileged user cannot run this binary")
    assert done.returncode == 2 and "--passive-ports 100-200: this user can't listen on ports below 1024; use" in done.stderr


def test_zero_is_no_limit_and_off_is_off(start, filled):
    daemon = start(*filled(SERVE), "--idle-timeout", 0, "--stall-timeout", 0, "--max-sessions", 0, "--max-sessions-per-address", 0,
                   "--max-session-rate", 0, "--keepalive-count", "off", "--login-timeout", "1m", "--data-timeout", "2s", "--drain-timeout", 0)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("anonymous", "x@")
        raw.expect("NOOP", 200)
    gate = start("gate", "--listen", "127.0.0.1:0", "--control-socket", "none", "--backend", f"ftp://127.0.0.1:{daemon.port}",
                 "--idle-timeout", 0, "--stall-timeout", 0, "--queue-timeout", "off", "--slow-start", "off", "--backend-retry-delay", "off",
                 "--max-upload-rate", "64k", "--backend-connect-timeout", "2s", "--max-sessions-per-user", 0)
    with Raw(gate.host, gate.port) as raw:
        raw.login("anonymous", "x@")
        raw.expect("NOOP", 200)


NASTY = {
    "deep table": b"[" + b".".join([b"a"] * 50000) + b"]\nx = 1\n", "deep key": b".".join([b"a"] * 50000) + b" = 1\n",
    "deep quoted key": b".".join([b'"a"'] * 50000) + b" = 1\n", "deep array": b"a = " + b"[" * 100000,
    "deep inline table": b"a = " + b"{a=" * 50000, "mixed": b"a = " + b"[{a.b=" * 30000, "bytes": bytes(range(256)) * 50,
    "long line": b'greeting = "' + b"x" * 4000000 + b'"\n', "no end": b'user = ["u:p"', "zero": b"\0" * 1000,
    "wrong value": b"idle-timeout = -5\n", "locked": b'user = ["u:*"]\n', "line break": b'greeting = "a\\r\\n230 b"\n',
}


@pytest.mark.parametrize("target", ["serve", "gate"])
def test_a_bad_reload_changes_nothing(start, filled, tmp_path, target):
    """DU-08, OP-06: the session that runs and the next one are served as before."""
    config = tmp_path / "c.toml"
    files = start(*filled(["serve", DIR]), "--user", "u:p", "--listen", "127.0.0.1:0", "--control-socket", "none")
    good = 'user = ["u:p"]\n' if target == "serve" else f'backend = ["ftp://127.0.0.1:{files.port}"]\n'
    config.write_text(good)
    daemon = start(target, *(filled([DIR]) if target == "serve" else []), "--listen", "127.0.0.1:0", "--control-socket", "none", "--config",
                   config)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("u", "p")
        for number, (name, content) in enumerate(NASTY.items(), 1):
            config.write_bytes(content)
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(re.findall("configuration unchanged", daemon.log())) >= number, 10, f"the answer to {name}")
            assert daemon.alive(), name
            raw.expect("NOOP", 200)
        config.unlink()
        config.mkdir()
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "not a regular file" in daemon.log(), 10, "the answer to a directory")
        raw.expect("NOOP", 200)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("u", "p").expect("QUIT", 221)
