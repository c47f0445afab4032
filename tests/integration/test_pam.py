"""Users of the system at the server (`serve --pam`): PAM decides, and no fault of a module opens or takes the service (S8, AU-01 to AU-03).

Each daemon has a directory /etc of its own in a mount namespace: its users, its passwords, its services of PAM.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from give_away import give, may_give_away
from harness.daemon import wait_until
from harness.imports import run_import
from harness.raw import Raw
from test_login_limits import HOST, addresses  # noqa: F401  (a fixture)

ROOT = Path(__file__).resolve().parents[2]
LISTEN = ("--listen", "127.0.0.1:0")
UNIX = "auth required pam_unix.so\naccount required pam_unix.so\n"
# Days since 1970: of the last change of the password, and of the expiry of the account.
CHANGED, EXPIRED = "20000", "100"


def hashed(password):
    return subprocess.run(["openssl", "passwd", "-6", password], capture_output=True, text=True, check=True).stdout.strip()


class System:
    """A directory to be mounted as /etc."""

    def __init__(self, folder, homes):
        self.etc, self.homes = folder / "etc", homes
        (self.etc / "pam.d").mkdir(parents=True)
        for name in ("nsswitch.conf", "ld.so.cache", "login.defs", "hosts", "localtime"):
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), self.etc)
        (self.etc / "passwd").write_text(Path("/etc/passwd").read_text())
        (self.etc / "group").write_text(Path("/etc/group").read_text())
        (self.etc / "shells").write_text("/bin/sh\n/bin/bash\n")
        (self.etc / "shadow").touch(mode=0o600)
        self.service("sallyport", UNIX)

    def service(self, name, rules):
        (self.etc / "pam.d" / name).write_text(rules)
        return self

    def script(self, name, *lines):
        """A service that permits every password once a program has ended."""
        path = self.etc / f"{name}.sh"
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return self.service(name, f"auth required pam_exec.so quiet /etc/{name}.sh\nauth required pam_permit.so\n"
                                  "account required pam_permit.so\n")

    def user(self, name, password="lab", shell="/bin/sh", locked=False, changed=CHANGED, expires="", home=None, uid=5000):
        secret = ("!" if locked else "") + hashed(password)
        with (self.etc / "passwd").open("a") as users, (self.etc / "shadow").open("a") as secrets:
            users.write(f"{name}:x:{uid}:65534::{home or self.homes / name}:{shell}\n")
            secrets.write(f"{name}:{secret}:{changed}:0:99999:7::{expires}:\n")
        return self

    def wrap(self, argv):
        return ["unshare", "--mount", "sh", "-c", f'mount --bind {self.etc} /etc && exec "$@"', "sh", *map(str, argv)]


@pytest.fixture
def system(tmp_path, folder):
    if not may_give_away():
        pytest.skip("needs root")
    made = System(tmp_path, folder)
    # The process that serves files reads it as another user.
    for above in (tmp_path, made.etc):
        above.chmod(0o755)
    return made.user("amy").user("ben")


@pytest.fixture
def serve(start, folder, system):
    def run(*options, service="sallyport"):
        listen = () if "--listen" in options else LISTEN
        return start("serve", folder, *listen, "--pam", service, *options, wrap=system.wrap)

    return run


def answer(daemon, user, password="lab", tls=False, source=None):
    """The code of the reply to PASS."""
    with Raw(daemon.host, daemon.port, timeout=60, source=source) as raw:
        raw.greet()
        if tls:
            raw.start_tls()
        raw.expect(f"USER {user}", 331)
        return raw.command(f"PASS {password}").code


def children(pid, name):
    """Processes of this name that the process has started."""
    out = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            comm, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if comm == name and int(rest.split()[1]) == pid:
            out.append(int(entry.name))
    return out


def test_pam_decides(serve, system):
    system.user("locked", locked=True).user("expired", expires=EXPIRED).user("old", changed="0").user("noshell", shell="/usr/sbin/nologin")
    system.user("listed").user("empty", password="").user("toor", uid=0)
    (system.etc / "ftpusers").write_text("# may not log in\nroot\n  listed # nor this one\n")
    daemon = serve("--user", "bob:lab")
    assert answer(daemon, "amy") == 230
    assert answer(daemon, "amy", "Lab") == 530
    for user in ("locked", "expired", "old", "noshell", "listed", "toor", "unknown"):
        assert answer(daemon, user) == 530, user
    assert answer(daemon, "empty", "") == 530
    assert answer(daemon, "bob") == 230
    log = daemon.log()
    for reason in ("PAM, password: Authentication failure", "PAM, account: User account has expired",
                   "PAM, account: Authentication token is no longer valid; new one required",
                   "the shell /usr/sbin/nologin is not in /etc/shells", "the user is in /etc/ftpusers", "root cannot log in",
                   "the password is empty"):
        assert reason in log, (reason, log)


def test_with_tls_and_files(serve, certificate, folder):
    """S6: they may list and read, unless the configuration says otherwise."""
    daemon = serve("--tls-cert", certificate.cert, "--tls-key", certificate.key, "--tls-required")
    assert answer(daemon, "amy", tls=True) == 230
    assert answer(daemon, "amy", "wrong", tls=True) == 530
    with Raw(daemon.host, daemon.port).login("amy", tls=True) as raw:
        raw.expect("SIZE /old.txt", 213)
        raw.expect("MKD /d", 550)


def test_sections_say_what_they_may_do(serve, system, folder, tmp_path):
    for name in ("amy", "ben", "away"):
        (folder / name).mkdir()
    system.user("away", home="/root").user("cat")
    config = tmp_path / "serve.toml"
    config.write_text('[default]\nhome = "~"\nrights = ["list"]\n[user.amy]\nrights = ["list", "mkdir"]\n'
                      '[user.bob]\npassword = "other"\nhome = "ben"\n[user.cat]\nhome = "amy"\n')
    daemon = serve("--config", config)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("amy").expect("MKD /made", 257)
        raw.expect("SIZE /old.txt", 550)
    assert (folder / "amy/made").is_dir()
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("ben").expect("MKD /made", 550)
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("cat").expect("CWD /made", 250)
    assert answer(daemon, "bob", "other") == 230
    assert answer(daemon, "away") == 421
    assert "the home of this user in the system, /root, is not below" in daemon.log()
    daemon = serve("--config", config, "--pam-users", "listed")
    assert (answer(daemon, "amy"), answer(daemon, "ben")) == (230, 530)
    assert "the configuration admits no such user of the system" in daemon.log()


def test_accounts_of_the_configuration_come_first(serve, system, sallyport, tmp_path):
    database = tmp_path / "accounts" / "users.db"
    database.parent.mkdir()
    subprocess.run([sallyport, "user", "add", "ben", "--users", database], input="stored", text=True, check=True, capture_output=True)
    give(database.parent)
    daemon = serve("--user", "amy:own", "--users", database)
    assert (answer(daemon, "amy", "own"), answer(daemon, "amy", "lab")) == (230, 530)
    assert (answer(daemon, "ben", "stored"), answer(daemon, "ben", "lab")) == (230, 530)
    system.user("cat")
    assert answer(daemon, "cat") == 230
    database.unlink()
    assert answer(daemon, "cat") == 421, "its account could have been there"


def test_the_server_itself_has_no_part_in_it(serve):
    """AU-05: it becomes another user, and loads no module; only the PAM process stays root."""
    daemon = serve()
    with Raw(daemon.host, daemon.port).login("amy"):
        assert "pam_unix" not in Path(f"/proc/{daemon.pid}/maps").read_text()
        uid = [line.split()[1] for line in Path(f"/proc/{daemon.pid}/status").read_text().splitlines() if line.startswith("Uid")]
        assert uid == ["65534"]
        (pam,) = children(daemon.pid, "pam")
        assert "Uid:\t0\t0\t0\t0" in Path(f"/proc/{pam}/status").read_text()
        assert "pam_unix" not in Path(f"/proc/{pam}/maps").read_text()
        wait_until(lambda: not children(pam, "pam-check"), what="the end of the check")
    assert "restricted (Landlock" in daemon.log()


def test_names_and_passwords(serve, system):
    """AU-04: what no user of a system has never reaches PAM; what one may have does."""
    system.user("ann@example", password="x" * 250)
    system.script("all", "exit 0")
    daemon = serve()
    assert answer(daemon, "ann@example", "x" * 250) == 230
    assert answer(daemon, "ann@example", "x" * 249) == 530
    daemon = serve(service="all")
    assert answer(daemon, "amy", "anything") == 230
    for user in ("a:b", "a/b", "-amy", "../amy", "a b", "a" * 300):
        assert answer(daemon, user) == 530, user
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        raw.expect(b"USER \xc3\xa4my", 331)
        raw.expect("PASS lab", 530)
        raw.expect("USER amy", 331)
        raw.send(b"PASS la\0b\r\n")
        assert raw.reply().code in (500, 501)
        raw.expect("PASS " + "x" * 600, 500, 501)
        raw.expect("PWD", 530)
    assert "no system user can have this name" in daemon.log()


def test_a_module_that_hangs_delays_no_other_login(serve, system, sallyport):
    """AU-03: 421 after the limit, and no failed login; meanwhile others log in, by PAM and by hash."""
    system.user("slow")
    system.script("slow", '[ "$PAM_USER" != slow ] || exec sleep 600')
    hash_of_bob = subprocess.run([sallyport, "user", "hash"], input="lab\n", capture_output=True, text=True, check=True).stdout.split()[-1]
    daemon = serve("--user", f"bob:{hash_of_bob}", service="slow")
    codes = []
    waiting = [threading.Thread(target=lambda: codes.append(answer(daemon, "slow"))) for _ in range(3)]
    begun = time.monotonic()
    for one in waiting:
        one.start()
    (pam,) = children(daemon.pid, "pam")
    wait_until(lambda: len(children(pam, "pam-check")) == 3)
    for user in ("amy", "bob"):
        assert answer(daemon, user) == 230
    assert time.monotonic() - begun < 10 and not codes
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet().expect("USER slow", 331)
        raw.send(b"PASS lab\r\n")
        wait_until(lambda: len(children(pam, "pam-check")) == 4)
        raw.reset()
        wait_until(lambda: len(children(pam, "pam-check")) == 3, what="the end of a check for which no client waits")
    for one in waiting:
        one.join()
    assert codes == [421, 421, 421] and time.monotonic() - begun > 15
    assert "PAM has not decided within 20 s" in daemon.log()
    wait_until(lambda: not children(pam, "pam-check"))


def test_a_module_that_dies(serve, system):
    """AU-03: it is no wrong password, and the next login works."""
    system.user("dead")
    system.script("dead", '[ "$PAM_USER" != dead ] || kill -9 $PPID')
    daemon = serve(service="dead")
    assert answer(daemon, "dead") == 421
    assert "the process that asked PAM was ended by signal 9" in daemon.log()
    assert answer(daemon, "amy") == 230


@pytest.mark.parametrize("rules", ["auth required pam_no_such_module.so\n", "auth required pam_unix.so\nnonsense\n", ""],
                         ids=["missing", "malformed", "empty"])
def test_a_service_that_cannot_be_used_lets_no_user_in(serve, system, rules):
    system.service("broken", rules)
    system.service("other", "auth required pam_deny.so\naccount required pam_deny.so\n")
    assert answer(serve(service="broken"), "amy") in (421, 530)


def test_without_its_process_no_user_of_the_system_logs_in(serve):
    daemon = serve("--user", "bob:lab")
    (pam,) = children(daemon.pid, "pam")
    os.kill(pam, signal.SIGKILL)
    for _ in range(2):
        assert answer(daemon, "amy") == 421
        assert answer(daemon, "bob") == 230
    assert "the PAM process has ended; restart the daemon" in daemon.log()


def test_its_process_ends_with_the_daemon(serve):
    daemon = serve()
    (pam,) = children(daemon.pid, "pam")
    daemon.kill()
    wait_until(lambda: not Path(f"/proc/{pam}").exists() or "zombie" in Path(f"/proc/{pam}/status").read_text(), what="its end")


def test_many_logins_at_once(serve, system):
    for i in range(20):
        system.user(f"user{i}")
    daemon = serve()
    codes = {}

    def log_in(user, password):
        codes[user, password] = answer(daemon, user, password)

    threads = [threading.Thread(target=log_in, args=(f"user{i}", password)) for i in range(20) for password in ("lab", "wrong")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert codes == {(f"user{i}", password): 230 if password == "lab" else 530 for i in range(20) for password in ("lab", "wrong")}


def test_refusals_take_equally_long(serve):
    """AU-01: the duration tells neither which names exist, nor where."""
    daemon = serve("--user", "bob:lab")
    for user in ("amy", "bob", "unknown", "a:b"):
        begun = time.monotonic()
        assert answer(daemon, user, "wrong") == 530
        assert 2 <= time.monotonic() - begun < 4, user


def test_guesses_have_penalties(serve, addresses):  # noqa: F811
    """AU-02"""
    daemon = serve("--listen", f"{HOST}:0")
    source = "198.51.100.7"
    codes = []

    def guess():
        codes.append(answer(daemon, "amy", "wrong", source=source))

    guesses = [threading.Thread(target=guess) for _ in range(6)]
    for one in guesses:
        one.start()
    for one in guesses:
        one.join()
    assert set(codes) <= {421, 530} and 530 in codes
    with Raw(daemon.host, daemon.port, source=source) as raw:
        assert raw.reply().code == 421
    assert answer(daemon, "amy", source="198.51.100.8") == 230


def test_the_capabilities_of_the_service(start, sallyport, system, folder):
    """docs/server.md has them for the unit of systemd."""
    drop_in = (ROOT / "docs/server.md").read_text().split("CapabilityBoundingSet=")[1].splitlines()[0].split()
    kept = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in drop_in)
    daemon = start("serve", folder, *LISTEN, "--pam", "sallyport",
                   wrap=lambda argv: system.wrap(["setpriv", "--bounding-set", f"-all,{kept}", "--inh-caps", "-all", *argv]))
    assert (answer(daemon, "amy"), answer(daemon, "amy", "wrong")) == (230, 530)


def ask(sallyport, command, control):
    return subprocess.run([sallyport, "serve", command, "--control-socket", control], capture_output=True, text=True, timeout=30)


def test_reload_and_graceful_restart(serve, sallyport, system, tmp_path, folder):
    """G6: a new process has a PAM process of its own; a session of the old one continues."""
    control = tmp_path / "control" / "socket"
    control.parent.mkdir()
    config = tmp_path / "serve.toml"
    config.write_text('[default]\nrights = ["list"]\n')
    daemon = serve("--config", config, "--control-socket", control)
    config.write_text('[default]\nrights = ["list", "mkdir"]\n')
    done = ask(sallyport, "reload", control)
    assert done.returncode == 0, done.stderr
    with Raw(daemon.host, daemon.port).login("amy") as held:
        held.expect("MKD /one", 257)
        done = ask(sallyport, "restart", control)
        assert done.returncode == 0, done.stderr + daemon.log()
        successor = int(done.stdout.split("process ")[1].split()[0])
        try:
            assert successor != daemon.pid and len(children(successor, "pam")) == 1
            assert answer(daemon, "amy") == 230
            assert answer(daemon, "amy", "wrong") == 530
            held.expect("MKD /two", 257)
        finally:
            os.kill(successor, signal.SIGTERM)


@pytest.mark.parametrize("service, cause", [("no-such-service", "there is no file /etc/pam.d/no-such-service"),
                                            ("../sallyport", "this is not the name of a PAM service")])
def test_a_service_that_is_not_there(sallyport, system, folder, service, cause):
    for command in ((), ("check",)):
        argv = [sallyport, "serve", *command, folder, *LISTEN, "--pam", service]
        done = subprocess.run(system.wrap(argv), capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and cause in done.stderr, done


def test_it_needs_root(sallyport, system, folder):
    done = subprocess.run(system.wrap(["setpriv", "--reuid", "65534", "--clear-groups", sallyport, "serve", folder, *LISTEN,
                                       "--pam", "sallyport"]), capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "PAM needs root to check passwords" in done.stderr, done


def test_an_imported_vsftpd_keeps_its_users(start, sallyport, system, folder, tmp_path):
    """S6, S8: PAM checks users of the system as before, each in the home that the system has for them; the list of users refuses the same."""
    for name in ("amy", "ben"):
        (folder / name).mkdir()
    system.service("vsftpd", UNIX).user("cat")
    config, listed, output = tmp_path / "vsftpd.conf", tmp_path / "user_list", tmp_path / "serve.toml"
    text = f"anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\npam_service_name=vsftpd\nuserlist_enable=YES\nuserlist_file={listed}\n"
    listed.write_text("ben\n")
    for deny, codes in (("YES", {"amy": 230, "ben": 530}), ("NO", {"amy": 530, "ben": 230})):
        config.write_text(f"{text}userlist_deny={deny}\n")
        done = run_import(sallyport, "vsftpd", config, "--output", output)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f'{config}, line 4: pam_service_name=vsftpd: nearest equivalent: pam = "vsftpd"; ' in done.stdout
        daemon = start("serve", folder, "--config", output, *LISTEN, wrap=system.wrap)
        assert {name: answer(daemon, name) for name in codes} == codes
        user = next(name for name, code in codes.items() if code == 230)
        with Raw(daemon.host, daemon.port).login(user) as raw:
            raw.expect("MKD in", 257)
        assert (folder / user / "in").is_dir()
        daemon.stop()
        output.unlink()
