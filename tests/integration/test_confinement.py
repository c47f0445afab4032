"""What a daemon may do to the machine: its user, its capabilities, and the sandbox (AU-05)."""

import json
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from give_away import USER_ID, give, may_give_away
from harness.daemon import Daemon, wait_until
from harness.raw import Raw

LISTEN = ("--listen", "127.0.0.1:0", "--sandbox", "auto")
NET_BIND_SERVICE = 1 << 10


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "shared"
    made.mkdir()
    (made / "file").write_text("content")
    return made


@pytest.fixture
def as_root():
    if not may_give_away():
        pytest.skip("needs root")


def facts_of(pid):
    """The rights of each thread of a process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        rows = dict(row.split(":", 1) for row in (task / "status").read_text().splitlines() if ":" in row)
        yield {name: value.split() for name, value in rows.items()}


def status(sallyport, kind, socket):
    done = subprocess.run([sallyport, kind, "status", "--json", "--control-socket", socket], capture_output=True, text=True, timeout=10)
    return json.loads(done.stdout)


def check_rights(daemon, user):
    for thread in facts_of(daemon.pid):
        name = thread["Name"]
        assert thread["Uid"] == [str(user)] * 4, name
        assert int(thread["CapEff"][0], 16) & ~NET_BIND_SERVICE == 0, name
        assert int(thread["CapPrm"][0], 16) & ~NET_BIND_SERVICE == 0, name
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == (["1"], ["2"]), name


def test_every_thread_of_a_server_gives_up_root(as_root, start, folder):
    daemon = start("serve", folder, *LISTEN, "--anonymous")
    check_rights(daemon, USER_ID)
    assert all(set(thread["Groups"]) <= {str(USER_ID)} for thread in facts_of(daemon.pid))
    assert "Runs as nobody, files restricted (Landlock" in daemon.log()


def test_a_gateway_and_up_give_up_root(as_root, start, folder):
    check_rights(start("gate", *LISTEN, "--backend", "ftp://127.0.0.1:1"), USER_ID)
    check_rights(start("up", folder, *LISTEN), USER_ID)


def test_the_owner_of_the_directory(as_root, start, folder):
    give(folder)
    os.chown(folder, 4711, 4711)
    check_rights(start("serve", folder, *LISTEN, "--anonymous", give=False), 4711)


def test_without_a_sandbox(as_root, start, folder):
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--anonymous", "--run-as", "daemon", "--sandbox", "off")
    for thread in facts_of(daemon.pid):
        assert (thread["Uid"][0], thread["Seccomp"]) == (str(pwd.getpwnam("daemon").pw_uid), ["0"])
    assert "Runs as daemon, without a sandbox" in daemon.log()


def test_unsafe_root(as_root, start, folder):
    daemon = start("serve", folder, *LISTEN, "--anonymous", "--unsafe-root")
    for thread in facts_of(daemon.pid):
        assert (thread["Uid"][0], thread["Seccomp"]) == ("0", ["2"])
    assert "a fault in this program gives its attacker the whole machine" in daemon.log()


def test_the_start_fails_without_the_user_that_is_named(as_root, sallyport, folder):
    for user, reason in (("no-such-user", "no such user"), ("root", "--unsafe-root")):
        done = subprocess.run([sallyport, "serve", folder, *LISTEN, "--anonymous", "--run-as", user], capture_output=True, text=True,
                              timeout=10)
        assert done.returncode == 2 and reason in done.stderr


def test_status_reports_the_confinement(start, folder, sallyport, tmp_path):
    socket = tmp_path / "control" / "socket"
    socket.parent.mkdir()
    start("serve", folder, *LISTEN, "--anonymous", "--control-socket", socket)
    found = status(sallyport, "serve", socket)["confinement"]
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
        session.expect("STOR new", 550)
        data.close()
    wait_until(lambda: "change the owner (chown), or name another user with --run-as" in daemon.log())


def needs_strace():
    if not shutil.which("strace"):
        pytest.skip("needs strace")


@pytest.mark.parametrize("missing", ["landlock_create_ruleset:error=EOPNOTSUPP", "seccomp:error=EINVAL"])
def test_a_kernel_that_lacks_a_part(start, sallyport, folder, missing):
    needs_strace()
    words = ["serve", folder, "--anonymous", *LISTEN]
    traced = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={missing}", sallyport, *map(str, words)]
    refused = subprocess.run([*traced[:-1], "required"], capture_output=True, text=True, timeout=20)
    assert refused.returncode == 1 and "--sandbox required" in refused.stderr

    daemon = Daemon(traced)
    try:
        assert "The sandbox is incomplete" in daemon.wait_ready().log()
    finally:
        # strace leaves its child alone when it ends itself.
        for child in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
        daemon.stop()
