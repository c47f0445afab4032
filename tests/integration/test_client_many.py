"""Our client with many files: several connections, patterns, directories, failures of some (C3 C7 CL-04)."""

import os
import signal
import subprocess
import time

import pytest

from harness import programs, trees
from harness.clients import CLIENTS, Server
from harness.daemon import wait_until
from harness.our_client import here, ours, result_of, run, scripted, there  # noqa: F401: fixtures too
from harness.reference_servers import REFERENCE_SERVERS


def unix_line(name, size=1, kind="-"):
    return f"{kind}rw-r--r--   1 ftp ftp {size:>10} Jan 02 2026 ".encode() + os.fsencode(name) + b"\r\n"


# ---- Trees, with every server

WAYS = [(name, tls) for name in ("vsftpd", "proftpd") for tls in REFERENCE_SERVERS[name].TLS if tls != "implicit"]


def tree_there_and_back(client, server, tree, here):
    up = [tree / name for name in os.listdir(tree)]
    client.sallyport(server, "put", "-r", "--mkdir", *up, client.url(server, "/in/deep/"))
    client.sallyport(server, "get", "-r", "-O", here / "back", client.url(server, "/in/deep/"))
    assert trees.hashes(here / "back") == trees.hashes(tree)


@pytest.mark.parametrize("name,tls", WAYS)
def test_a_tree_goes_there_and_back(start, root, certificate, small_sample, here, name, tls):
    made = start.reference_server(name, tls=tls)
    server = Server(made.host, made.port, made.user, made.password, tls, certificate.cert if tls != "none" else None, made.base)
    tree_there_and_back(CLIENTS["sallyport"]("epsv"), server, small_sample, here)


@pytest.mark.parametrize("tls", ["none", "explicit"])
@pytest.mark.parametrize("through", ["server", "gate"])
def test_a_tree_goes_there_and_back_with_ours(start, certificate, small_sample, there, here, tls, through):
    cert = [] if tls == "none" else ["--tls-cert", certificate.cert, "--tls-key", certificate.key]
    daemon = start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab", *(cert if through == "server" else []))
    if through == "gate":
        daemon = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}", *cert)
    server = Server("127.0.0.1", daemon.port, "writer", "lab", tls, certificate.cert if tls != "none" else None)
    tree_there_and_back(CLIENTS["sallyport"]("epsv"), server, small_sample, here)


# ---- What is moved

def test_patterns_directories_and_times(ours, there, here):
    for name in ("a.csv", "b.csv", "c.txt", "sub/d.csv", "sub/deeper/e.csv", "y[1].csv", "y1.csv"):
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text(name)
        os.utime(there / name, (1_700_000_000, 1_700_000_000))
    done = run("get", "-p", "-O", here, f"{ours}/*.csv", f"{ours}/s*/d.csv", "--json")
    assert done.returncode == 0, done.stderr
    assert trees.files(here) == ["a.csv", "b.csv", "d.csv", "y1.csv", "y[1].csv"]
    assert (here / "a.csv").stat().st_mtime == 1_700_000_000
    assert {key: result_of(done)[key] for key in ("ok", "files", "done", "failed")} == {"ok": True, "files": 5, "done": 5, "failed": 0}
    assert run("get", "-O", here / "all", f"{ours}/**/*.csv").returncode == 0
    assert trees.files(here / "all") == ["a.csv", "b.csv", "sub/d.csv", "sub/deeper/e.csv", "y1.csv", "y[1].csv"]
    assert run("get", "-O", here / "one", f"{ours}/y[1].csv").returncode == 0
    assert trees.files(here / "one") == ["y[1].csv"]
    literal = run("get", "--no-glob", f"{ours}/y[1].csv", "--json", cwd=here / "one")
    assert literal.returncode == 0 and result_of(literal)["file"] == "y[1].csv"
    none = run("get", f"{ours}/*.none", cwd=here)
    assert none.returncode == 6 and "no file matches" in none.stderr


def test_files_that_exist(ours, there, here):
    for name in ("old", "new"):
        (there / name).write_text("theirs")
    os.utime(there / "old", (1_600_000_000, 1_600_000_000))
    for name in ("old", "new"):
        (here / name).write_text("mine")
        os.utime(here / name, (1_700_000_000, 1_700_000_000))
    kept = run("get", "--no-clobber", "--json", f"{ours}/old", f"{ours}/new", cwd=here)
    assert kept.returncode == 0 and result_of(kept)["skipped"] == 2
    assert run("get", "--newer", f"{ours}/old", f"{ours}/new", cwd=here).returncode == 0
    assert (here / "old").read_text() == "mine" and (here / "new").read_text() == "theirs"


def test_some_of_several_fail(ours, there, here):
    """Others go on, each failure has its cause, and the exit code says that it was not all."""
    for number in range(20):
        (there / f"f{number}").write_text(str(number))
    done = run("get", "--json", *(f"{ours}/f{number}" for number in range(10)), f"{ours}/missing", *(f"{ours}/f{number}" for number in range(10, 20)),
               cwd=here)
    assert done.returncode == 13
    assert len(trees.files(here)) == 20
    said = result_of(done)
    assert (said["ok"], said["exit_code"], said["done"], said["failed"]) == (False, 13, 20, 1)
    assert said["failures"][0]["name"] == "missing" and said["failures"][0]["reply_code"] == 550
    assert "missing" in done.stderr and "1 of 21 files failed" in done.stderr
    assert run("get", f"{ours}/no1", f"{ours}/no2", cwd=here).returncode == 6
    (here / "mine").write_text("up")
    up = run("put", "--json", "mine", "not-there", f"{ours}/", cwd=here)
    assert up.returncode == 13 and (there / "mine").read_text() == "up"


def test_one_file_is_as_before(ours, there, here):
    (there / "f").write_text("x")
    said = result_of(run("get", "--json", f"{ours}/f", cwd=here))
    assert list(said) == ["ok", "exit_code", "url", "file", "bytes", "resumed_from", "size", "seconds", "tls", "tls_resumed", "verified", "moved_away", "reply", "attempts",
                          "warnings"]


# ---- Servers that do not do what is usual

def many(server_files):
    return {f"/{name}": b"x" * 3000 for name in server_files}


def test_a_server_without_room_for_a_third_connection(scripted, here):
    names = [f"f{number}" for number in range(30)]
    server = scripted(files=many(names), listings={"/": b"".join(unix_line(name, 3000) for name in names)})
    logins = []

    def refuse(session, verb):
        if verb == "USER":
            if sum(each.control.fileno() >= 0 for each in logins) >= 2:
                return "421 Too many connections"
            logins.append(session)
        return None

    server.refuse = refuse
    server.pause = 0.02
    done = run("get", "--parallel", 5, "--json", server.url("*"), cwd=here)
    assert done.returncode == 0, done.stderr
    assert trees.files(here) == sorted(names)
    assert result_of(done)["connections"] == 2


def test_a_control_connection_that_is_cut_between_files(scripted, here):
    names = [f"f{number}" for number in range(12)]
    server = scripted(files=many(names), listings={"/": b"".join(unix_line(name, 3000) for name in names)})
    server.refuse = lambda session, verb: session.control.shutdown(2) if session.verbs.count("RETR") == 3 and verb == "EPSV" else None
    done = run("get", "--parallel", 2, "--json", server.url("*"), cwd=here)
    assert done.returncode == 0, done.stderr
    assert trees.files(here) == sorted(names)
    assert result_of(done)["retried"] >= 2


HOSTILE = ["../up", "/etc/abs", "a/b", "..", ".", "bad\x07bell", "bad\x1b[2Jescape"]


def test_CL_04_hostile_names(scripted, here):
    listing = b"".join(unix_line(name, 1) for name in HOSTILE) + unix_line("good", 3000)
    server = scripted(files=many(["good", *HOSTILE]), listings={"/": listing, "/d": listing})
    inside = here / "inside"
    for url in (server.url("*"), server.url("**"), server.url("d/")):
        done = run("get", "-r", "-O", inside, url)
        assert set(trees.files(here)) <= {"inside/good"}, url
        assert "\x07" not in done.stderr and "\x1b" not in done.stderr
    assert trees.files(here) == ["inside/good"]
    assert not (here.parent / "up").exists()


def test_CL_04_links_are_not_followed(ours, there, here):
    (there / "d").mkdir()
    (there / "d" / "f").write_text("theirs")
    outside = here.parent / "outside"
    outside.mkdir()
    (outside / "f").write_text("mine")
    (here / "d").symlink_to(outside)
    done = run("get", "-r", f"{ours}/d", cwd=here)
    assert done.returncode == 9 and (outside / "f").read_text() == "mine"
    tree = here / "tree"
    tree.mkdir()
    (tree / "secret").symlink_to(outside / "f")
    (tree / "also").symlink_to(outside)
    (tree / "own").write_text("own")
    up = run("put", "-r", tree, f"{ours}/")
    assert up.returncode == 0 and "skipped 2 links" in up.stderr
    assert trees.files(there / "tree") == ["own"]


def test_ctrl_c_keeps_what_is_there(scripted, here):
    server = scripted(files={f"/f{number}": b"x" * 500_000 for number in range(4)}, listings={})
    server.pause = 0.1
    process = subprocess.Popen([programs.sallyport(), "get", "--parallel", "2", *(server.url(f"f{number}") for number in range(4))], cwd=here,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: sum(path.stat().st_size > 100_000 for path in here.glob("*.part")) == 2, what="two partial files")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == -signal.SIGINT
    assert time.monotonic() - begin < 10
    assert "cancelled; 0 of 4 files are complete, 2 partial files were kept" in said
    server.pause = 0
    assert run("get", "--resume", *(server.url(f"f{number}") for number in range(4)), cwd=here).returncode == 0
    assert [(here / f"f{number}").stat().st_size for number in range(4)] == [500_000] * 4
    assert any(offset != "0" for offset in server.arguments_of("REST"))


def test_two_files_for_one_name_are_not_both_uploaded(ours, there, here):
    for folder in ("a", "b"):
        (here / folder).mkdir()
        (here / folder / "x").write_text(folder)
    done = run("put", "a/x", "b/x", f"{ours}/", cwd=here)
    assert done.returncode == 13 and "another file is uploaded as x" in done.stderr
    assert (there / "x").read_text() == "a"


def test_a_directory_that_the_server_refuses_is_reported(scripted, here):
    """Also an empty one, which no upload shows to be missing."""
    server = scripted(files={}, listings={})
    server.refuse = lambda session, verb: "550 Permission denied" if verb in ("MKD", "CWD") else None
    (here / "tree" / "empty").mkdir(parents=True)
    done = run("put", "-r", "tree", server.url(""), cwd=here)
    assert done.returncode == 6 and "Permission denied" in done.stderr and "tree" in done.stderr


@pytest.mark.parametrize("arguments,says", [
    (["get", "-o", "x", "ftp://127.0.0.1:1/a", "ftp://127.0.0.1:1/b"], "-O DIR"),
    (["get", "--newer", "--no-clobber", "ftp://127.0.0.1:1/a"], "exclude each other"),
    (["get", "ftp://127.0.0.1:1/a", "ftp://127.0.0.1:1/"], "no file name"),
    (["put", "only"], "the URL is missing"),
    (["put", "-", "x", "ftp://127.0.0.1:1/"], "cannot be combined"),
])
def test_invalid_usage(sallyport, here, arguments, says):
    done = run(*arguments, cwd=here)
    assert done.returncode == 2 and says in done.stderr
