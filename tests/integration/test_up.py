"""`sallyport up`, and the example commands that it prints."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness import trees
from harness.clients import CLIENTS, Server
from harness.daemon import Daemon, wait_until
from harness.raw import Raw, drain


@pytest.fixture
def up(start, small_sample, tmp_path):
    shared = tmp_path / "shared"
    subprocess.run(["cp", "-r", small_sample, shared], check=True)
    home = tmp_path / "home"
    home.mkdir()
    daemon = start("up", shared, "--listen", "127.0.0.1:0", "--writer", "me:secret", env={"HOME": str(home), "XDG_STATE_HOME": "",
                                                                                         "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""})
    daemon.shared = shared
    return daemon


@pytest.mark.parametrize("client,method", [("curl", "epsv"), ("curl", "port"), ("lftp", "pasv"), ("ncftp", "pasv"), ("ncftp", "port"),
                                           ("ftplib", "epsv"), ("sallyport", "epsv")])
def test_everyone_reads_and_the_writer_writes(up, small_sample, tmp_path, client, method):
    """G1 S8: through the gateway to the server, without TLS."""
    program = CLIENTS[client](method)
    back = tmp_path / "back"
    back.mkdir()
    seen = {name: value for name, value in trees.hashes(small_sample).items() if not re.search(r"(^|/)\.", name)}
    assert 0 < len(seen) < len(trees.files(small_sample)), "anonymous sees no dot files"
    program.get(Server(up.host, up.port, "anonymous", "someone@"), back, list(seen))
    assert trees.hashes(back) == seen
    new = tmp_path / "new"
    (new / "fresh folder").mkdir(parents=True)
    (new / "fresh folder/file").write_text("new")
    if not program.MAKES_FOLDERS:
        trees.make_folders(up.shared, new)
    program.put(Server(up.host, up.port, "me", "secret"), new)
    assert (up.shared / "fresh folder/file").read_text() == "new"


def test_anonymous_may_not_write(up):
    with Raw(up.host, up.port) as raw:
        raw.login("anonymous", "x@").passive()
        assert raw.command("STOR /new").code in (550, 553, 532)


def pasted(text):
    """The printed commands, in their order."""
    lines = [re.sub(r"^  (?:Sallyport|curl  |lftp  ) +", "", line).strip() for line in text.splitlines() if line.startswith("  ")]
    return [line for line in lines if line]


@pytest.mark.parametrize("listen", [("--listen", "127.0.0.1:0"), ("--listen-tls", "127.0.0.1:0"),
                                    ("--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0")], ids=lambda words: " ".join(words))
def test_printed_lines_work(start, tmp_path, sallyport, listen):
    """Unchanged: with the program called by its name or by a path, and with the installed third-party clients."""
    folder = tmp_path / "to share"
    folder.mkdir()
    (folder / "old").write_text("old")
    home = tmp_path / "home of it's user"
    home.mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sallyport").symlink_to(sallyport)
    (tmp_path / "few").mkdir()
    for program in ("sh", "echo"):
        (tmp_path / "few" / program).symlink_to(f"/bin/{program}")
    relative = os.path.relpath(sallyport)
    for program, path, clients in (("sallyport", f"{tmp_path}/bin:/usr/bin:/bin", ("curl", "lftp")),
                                   (sallyport, f"{tmp_path}/bin:/usr/bin:/bin", ("curl", "lftp")),
                                   (relative, "/usr/bin:/bin", ("curl", "lftp")), (relative, f"{tmp_path}/few", ())):
        daemon = Daemon([program, "up", folder, *listen], env={"HOME": str(home), "XDG_STATE_HOME": "", "PATH": path})
        start.started.append(daemon)
        lines = pasted(daemon.wait_ready().log())
        called = [line.split()[0] for line in lines]
        places = len(listen) // 2
        own = program if program == "sallyport" else str(Path(sallyport).resolve())
        assert called[0] == "echo" and called.count(own) == 2 * places
        assert [called.count(name) for name in ("curl", "lftp")] == ([2 * places, places] if clients else [0, 0])
        assert len(lines) == 1 + (5 if clients else 2) * places
        work = tmp_path / f"work{len(list(tmp_path.iterdir()))}"
        work.mkdir()
        for line in lines:
            done = subprocess.run(["sh", "-c", line], cwd=work, input="ls\n", capture_output=True, text=True, timeout=20,
                                  env={"HOME": str(work), "PATH": path})
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            if " -T " not in line and " put " not in line and not line.startswith("echo"):
                assert "old" in done.stdout, f"{line}\n{done.stdout}{done.stderr}"
        assert (folder / "hello.txt").read_text() == "hello\n"
        (folder / "hello.txt").unlink()
        daemon.stop()


def test_a_password_that_was_given_is_not_shown(up, tmp_path):
    """The programs prompt for it; the printed line works with it."""
    assert "secret" not in up.log() and "-u me " in up.log()
    (tmp_path / "hello.txt").write_text("hello")
    line = next(line for line in pasted(up.log()) if " put " in line)
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=20,
                          env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SALLYPORT_PASSWORD": "secret"})
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert (up.shared / "hello.txt").read_text() == "hello"


def test_a_writers_password_can_stand_in_a_file(start, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "password").write_text("from a file\n")
    daemon = start("up", tmp_path / "shared", "--listen", "127.0.0.1:0", "--writer", f"me:@{tmp_path}/password",
                   env={"HOME": str(tmp_path)})
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("me", "from a file").expect("MKD new", 257)


def test_anonymous_sees_what_everybody_may_read(start, tmp_path):
    folder = tmp_path / "shared"
    for name, mode in (("open", 0o644), ("own", 0o600), (".dot", 0o644), ("pub/open", 0o644), ("closed/open", 0o644),
                       (".ssh/id", 0o644)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        (folder / name).chmod(mode)
    (folder / "closed").chmod(0o700)
    (folder / "link").symlink_to("own")
    (folder / "to-dot").symlink_to(".ssh")
    daemon = start("up", folder, "--listen", "127.0.0.1:0", "--writer", "me:secret", env={"HOME": str(tmp_path)})
    hidden = ("own", ".dot", "closed/open", ".ssh/id", "link", "to-dot/id", "pub/../.dot")
    with Raw(daemon.host, daemon.port) as raw:
        raw.login("anonymous", "x@")
        for verb in ("LIST", "LIST -a", "NLST", "NLST -a", "MLSD", "STAT /"):
            if verb.startswith("STAT"):
                listed = raw.expect(verb, 211, 212, 213).text
            else:
                with raw.passive() as data:
                    raw.expect(verb, 150, 125)
                    listed = drain(data).decode()
                    assert raw.reply().code == 226
            names = {word.strip("/") for word in re.findall(r"\S+$", listed.replace("\r", ""), re.MULTILINE)}
            assert {"open", "pub"} <= names, (verb, listed)
            assert not names & {"own", ".dot", "closed", ".ssh", "link", "to-dot", ".", ".."}, (verb, listed)
        assert raw.retrieve("pub/open") == b"pub/open"
        for name in hidden:
            for verb in ("SIZE", "MDTM", "MLST", "CWD", "STAT"):
                assert raw.command(f"{verb} {name}").code in (550, 450, 501), (verb, name)
            with raw.passive():
                assert raw.command(f"RETR {name}").code == 550, name
        for name in ("closed", ".ssh", "to-dot"):
            raw.expect(f"CWD {name}", 550)
    with Raw(daemon.host, daemon.port) as raw:  # the writer sees it all
        raw.login("me", "secret")
        for name in ("own", ".dot", "closed/open", ".ssh/id", "link"):
            assert raw.retrieve(name).decode() in (name, "own")


def test_home_and_root_need_a_yes(sallyport, tmp_path, start):
    home = tmp_path / "home"
    (home / "shared").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home)
    for folder, cwd in ((home, "/"), ("/", "/"), (tmp_path, "/"), (tmp_path / "link", "/"), (".", home), ("..", home / "shared")):
        done = subprocess.run([sallyport, "up", folder, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=20, cwd=cwd,
                              env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL)
        assert done.returncode == 2 and "--yes" in done.stderr and done.stderr.count("\n") == 1, (folder, done)
    start("up", home / "shared", "--listen", "127.0.0.1:0", env={"HOME": str(home)})
    start("up", home, "--yes", "--listen", "127.0.0.1:0", env={"HOME": str(home)})


def test_a_session_is_one_line(up):
    said = up.log()
    for user, password in (("anonymous", "x@"), ("me", "secret"), ("me", "wrong")):
        with Raw(up.host, up.port) as raw:
            raw.greet()
            raw.command(f"USER {user}")
            if raw.command(f"PASS {password}").code == 230:
                for _ in range(3):
                    with raw.passive() as data:
                        raw.expect("LIST", 150, 125)
                        drain(data)
                        raw.reply()
            if user == "me" and password == "secret":
                raw.store("/new", b"12345")
                assert raw.retrieve("/new") == b"12345"
            raw.command("QUIT")
            assert raw.at_end()
        wait_until(lambda: up.log() != said, 10, "a line about the session")
        line, said = up.log()[len(said):], up.log()
        assert line.count("\n") == 1 and line.startswith("127.0.0.1: "), line
        if password == "wrong":
            assert "not logged in" in line
        else:
            assert f": {user}, " in line and "3 listings" in line
        if password == "secret":
            assert "1 file sent (5 B), 1 file received (5 B)" in line


def test_it_says_where_it_listens(start, tmp_path):
    (tmp_path / "shared").mkdir()
    daemon = start("up", tmp_path / "shared", "--listen", "[::]:0", env={"HOME": str(tmp_path)})
    first = next(line for line in daemon.log().splitlines() if line.startswith("Sharing"))
    assert f"127.0.0.1:{daemon.port}" in first and f"[::1]:{daemon.port}" in first and "[::]:" not in first
    assert f"In a firewall open TCP {daemon.port} and 30000-30099." in daemon.log()


def test_the_certificate_is_kept_while_it_is_good(start, tmp_path):
    (tmp_path / "shared").mkdir()
    env = {"HOME": str(tmp_path), "XDG_STATE_HOME": ""}

    def fingerprint(*listen):
        return re.search("SHA-256 (\\S+)", start("up", tmp_path / "shared", *listen, env=env).log())[1]

    first = fingerprint("--listen", "127.0.0.1:0")
    assert fingerprint("--listen", "127.0.0.1:0") == first
    assert fingerprint("--listen-tls", "127.0.0.2:0") != first, "one that is not for the address is of no use"
    key = tmp_path / ".local/state/sallyport/up-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600


def test_password_is_made_for_each_run(start, tmp_path):
    env = {"HOME": str(tmp_path)}
    (tmp_path / "shared").mkdir()
    logs = [start("up", tmp_path / "shared", "--listen", "127.0.0.1:0", env=env).log() for _ in range(2)]
    passwords = [re.search(r"password (\S+)", log)[1].rstrip(".,:") for log in logs]
    assert passwords[0] != passwords[1] and len(passwords[0]) >= 12


def test_ctrl_c_stops_cleanly(up):
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(5) == 0
