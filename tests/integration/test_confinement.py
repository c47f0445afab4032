"""What a daemon may do to the machine: its user, its capabilities, and the sandbox (AU-05)."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from give_away import USER_ID, give, may_give_away
from harness import fault_scenarios as scenarios
from harness.daemon import Daemon, wait_until
from harness.raw import Raw

LISTEN = ("--listen", "127.0.0.1:0")
NET_BIND_SERVICE = 1 << 10


@pytest.fixture
def as_root():
    if not may_give_away():
        pytest.skip("needs root")


def facts_of(pid):
    """The rights of each thread of a process, without those that end meanwhile."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        rows = dict(row.split(":", 1) for row in text.splitlines() if ":" in row)
        yield {name: value.split() for name, value in rows.items()}


def status(sallyport, kind, control):
    done = subprocess.run([sallyport, kind, "status", "--json", "--control-socket", control], capture_output=True, text=True, timeout=10)
    return json.loads(done.stdout)


def check_rights(daemon, user, capabilities=0):
    for thread in facts_of(daemon.pid):
        name = thread["Name"]
        assert thread["Uid"] == [str(user)] * 4, name
        assert int(thread["CapEff"][0], 16) & ~capabilities == 0, name
        assert int(thread["CapPrm"][0], 16) & ~capabilities == 0, name
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == (["1"], ["2"]), name


def test_every_thread_of_a_server_gives_up_root(as_root, start, folder):
    """CVE-2024-48651"""
    daemon = start("serve", folder, *LISTEN, "--anonymous")
    check_rights(daemon, USER_ID)
    assert all(set(thread["Groups"]) <= {str(USER_ID)} for thread in facts_of(daemon.pid))
    # Listeners on ports that the system chooses: those are not restricted.
    assert "Runs as nobody, files restricted (Landlock" in daemon.log()


def test_a_gateway_and_up_give_up_root(as_root, start, folder):
    check_rights(start("gate", *LISTEN, "--backend", "ftp://127.0.0.1:1"), USER_ID)
    check_rights(start("up", folder, *LISTEN), USER_ID, NET_BIND_SERVICE)


def test_the_owner_of_the_directory(as_root, start, folder):
    give(folder)
    os.chown(folder, 4711, 4711)
    daemon = start("serve", folder, *LISTEN, "--user", "writer:lab", give=False)
    check_rights(daemon, 4711)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login()
        assert raw.store("/sent", b"content").code == 226
        raw.expect("MKD /made", 257)
    for name in ("sent", "made"):
        assert ((folder / name).stat().st_uid, (folder / name).stat().st_gid) == (4711, 4711), "what users send belongs to it"


@pytest.mark.parametrize("user", ["daemon", "nobody"])
def test_without_a_sandbox(as_root, start, folder, user):
    daemon = start("serve", folder, *LISTEN, "--anonymous", "--sandbox", "off", *(["--run-as", user] if user != "nobody" else []))
    for thread in facts_of(daemon.pid):
        assert (thread["Uid"][0], thread["Seccomp"]) == (str(pwd.getpwnam(user).pw_uid), ["0"])
    assert f"Runs as {user}, without a sandbox" in daemon.log()


def test_unsafe_root(as_root, start, folder):
    daemon = start("serve", folder, *LISTEN, "--anonymous", "--unsafe-root")
    for thread in facts_of(daemon.pid):
        assert (thread["Uid"][0], thread["Seccomp"]) == ("0", ["2"])
    assert "gives its attacker the rights of root, as far as the sandbox does not restrict them" in daemon.log()


def test_nothing_is_given_up(as_root, start, folder):
    daemon = start("serve", folder, *LISTEN, "--anonymous", "--unsafe-root", "--sandbox", "off")
    ours = next(facts_of(os.getpid()))
    for thread in facts_of(daemon.pid):
        assert (thread["Uid"][0], thread["Seccomp"], thread["CapEff"]) == ("0", ["0"], ours["CapEff"])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_tcp_ports_that_no_option_names(start, folder, sallyport, tmp_path):
    control = tmp_path / "control" / "socket"
    control.parent.mkdir()
    daemon = start("serve", folder, "--listen", f"127.0.0.1:{free_port()}", "--anonymous", "--control-socket", control)
    found = status(sallyport, "serve", control)["confinement"]
    if found["missing"]:
        pytest.skip("needs Linux 6.7")
    assert found["tcp_ports"] is True and "files and TCP ports restricted (Landlock" in daemon.log()


def test_metrics_at_a_port_of_their_own(start, folder):
    """G12, AU-05: the sandbox permits it too, if all ports are named."""
    port = free_port()
    start("serve", folder, "--listen", f"127.0.0.1:{free_port()}", "--anonymous", "--metrics", f"127.0.0.1:{port}")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        assert answer.status == 200


def test_the_start_fails_without_the_user_that_is_named(as_root, sallyport, folder):
    for user, reason in (("no-such-user", "no such user"), ("root", "--unsafe-root")):
        done = subprocess.run([sallyport, "serve", folder, *LISTEN, "--anonymous", "--run-as", user], capture_output=True, text=True,
                              timeout=10)
        assert done.returncode == 2 and reason in done.stderr


def test_status_reports_the_confinement(start, folder, sallyport, tmp_path):
    control = tmp_path / "control" / "socket"
    control.parent.mkdir()
    start("serve", folder, *LISTEN, "--anonymous", "--control-socket", control)
    found = status(sallyport, "serve", control)["confinement"]
    assert found["system_calls"] is True and found["landlock"] >= 2 and found["missing"] == []
    if may_give_away():
        assert found["user"] == "nobody"


def test_a_directory_that_the_user_cannot_write(as_root, start, folder, sallyport):
    give(folder)
    folder.chmod(0o755)
    daemon = start("serve", folder, *LISTEN, "--user", "a:b", "--run-as", "daemon", give=False)
    assert f"{folder} is not writable for daemon" in daemon.log()
    assert f"chown daemon {folder}" in daemon.log() and "--run-as USER" in daemon.log()
    with Raw(daemon.host, daemon.port) as session:
        session.login("a", "b")
        data = session.passive()
        for command in ("STOR new", "MKD made"):
            assert "Permission denied; the user that this server runs as may not write there" in session.expect(command, 550).text
        data.close()
    wait_until(lambda: f"which is user ID {pwd.getpwnam('daemon').pw_uid}: change the owner (chown), or name another user with --run-as" in
               daemon.log())


def closed(folder, *files):
    """A directory that only root may read, with its files."""
    made = folder / "closed"
    made.mkdir()
    for file in files:
        shutil.copy(file, made)
        (made / file.name).chmod(0o600)
    made.chmod(0o700)
    return made


def reload(sallyport, kind, control):
    return subprocess.run([sallyport, kind, "reload", "--control-socket", control], capture_output=True, text=True, timeout=10)


def test_files_that_only_root_may_read(as_root, start, folder, sallyport, tmp_path, certificate):
    """The helper opens them again: at a reload, for the start report, and where they are watched."""
    kept = closed(tmp_path, certificate.cert, certificate.key)
    (kept / "backends").write_text("ftp://127.0.0.1:1\n")
    control = tmp_path / "control"
    gate = start("gate", "--listen", "127.0.0.1:0", "--control-socket", control, "--tls-cert", kept / "cert.pem", "--tls-key",
                 kept / "key.pem", "--client-ca", kept / "cert.pem", "--backend", "ftpes://127.0.0.1:2", "--backend-ca", kept / "cert.pem",
                 "--backend-cert", kept / "cert.pem", "--backend-key", kept / "key.pem", "--backends-file", kept / "backends", give=False)
    assert f"Certificate {kept}/cert.pem: for localhost" in gate.log()
    done = reload(sallyport, "gate", control)
    assert done.returncode == 0, done.stderr
    (kept / "backends").write_text("ftp://127.0.0.1:3\n")
    wait_until(lambda: f"{kept}/backends: reread" in gate.log())


def test_a_directory_that_the_new_user_cannot_reach(as_root, start, sallyport, tmp_path):
    kept = closed(tmp_path)
    (kept / "shared").mkdir()
    (kept / "shared" / "file").write_text("content")
    control = tmp_path / "control"
    daemon = start("serve", kept / "shared", *LISTEN, "--anonymous", "--control-socket", control, give=False)
    with Raw(daemon.host, daemon.port) as session:
        assert session.login("anonymous", "x@").retrieve("file") == b"content"
    done = reload(sallyport, "serve", control)
    assert done.returncode == 1 and "needs a restart instead of a reload" in done.stderr


def needs_strace():
    if not shutil.which("strace"):
        pytest.skip("needs strace")


@contextmanager
def traced_daemon(argv):
    daemon = Daemon(argv)
    try:
        yield daemon.wait_ready(30)
    finally:
        # strace leaves its child alone when it ends itself.
        for child in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
        daemon.stop()


# The second one: Landlock 3 restricts files, and no ports.
@pytest.mark.parametrize("missing", ["landlock_create_ruleset:error=EOPNOTSUPP", "landlock_create_ruleset:retval=3:when=1",
                                     "seccomp:error=EINVAL"])
def test_a_kernel_that_lacks_a_part(start, sallyport, folder, missing):
    needs_strace()
    words = ["serve", folder, "--anonymous", "--listen", f"127.0.0.1:{free_port()}"]
    traced = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={missing}", sallyport, *map(str, words)]
    refused = subprocess.run([*traced, "--sandbox", "required"], capture_output=True, text=True, timeout=20)
    assert refused.returncode == 1 and "--sandbox required" in refused.stderr
    if "retval=3" in missing:
        assert "restricts no TCP ports; Linux 6.7" in refused.stderr

    with traced_daemon(traced) as daemon:
        assert "The sandbox is incomplete" in daemon.log()


@pytest.mark.parametrize("kind", ["serve", "gate"])
def test_the_work_of_clients_needs_no_other_system_call(start, sallyport, tmp_path, certificate, kind):
    """The calls of the C library and of OpenSSL included. clone3 is hidden, so that the library uses clone."""
    needs_strace()
    root, control, calls = tmp_path / "root", tmp_path / "control", tmp_path / "calls"
    root.mkdir()
    calls.mkdir()
    content = scenarios.files(root)
    words = ["--listen", "127.0.0.1:0", "--control-socket", control, "--tls-cert", certificate.cert, "--tls-key", certificate.key,
             *scenarios.OPTIONS]
    accounts = ["--user", f"{scenarios.USER}:{scenarios.PASSWORD}", "--user",
                f"{scenarios.HASHED_USER}:{scenarios.cheap_hash(scenarios.PASSWORD)}"]
    if kind == "gate":
        backend = start("serve", root, "--listen", "127.0.0.1:0", *accounts)
        words += ["--backend", f"ftp://127.0.0.1:{backend.port}"]
    else:
        words += [root, *accounts]
    with traced_daemon(["strace", "-ff", "-Z", "-o", calls / "of", sallyport, kind, *words]) as daemon:
        service = scenarios.Service(daemon, content, control, root)
        for scenario in scenarios.GATEWAY if kind == "gate" else scenarios.SERVER:
            scenario(service)
    # The daemon itself tries to regain root.
    tried = ("setresuid(0, 0, 0)", "clone3")
    refused = [line for thread in calls.iterdir() for line in thread.read_text().splitlines()
               if re.search(r"= -1 (EPERM|ENOSYS) ", line) and not any(call in line for call in tried)]
    assert refused == []
