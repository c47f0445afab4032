"""What our client keeps about servers from run to run (C1, C2, C8): learned facts, names, and a database that cannot be used; its file of
default options, and the step that it waits for."""

import os
import pty
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness import programs
from harness.our_client import here, ours, read_until, result_of, run, scripted, there  # noqa: F401: fixtures too


def database():
    return Path(os.environ["XDG_STATE_HOME"]) / "sallyport/sites.db"


def facts():
    if not database().exists():
        return {}
    with sqlite3.connect(database()) as connection:
        return dict(connection.execute("SELECT name, value FROM learned"))


def without_epsv(scripted):
    return scripted(files={"/a": b"12345"}, listings={"/": b""}, replies={"EPSV": "500 unknown"})


def get(server, here, *options):
    """The data methods that the client has sent."""
    before = len(server.commands)
    done = run("get", *options, server.url("a"), cwd=here)
    assert done.returncode == 0, done.stderr
    return [line for line in server.commands[before:] if line in ("EPSV", "PASV")], done.stderr


def test_the_method_that_worked_comes_first_next_time(scripted, here):
    """C2, C8: what worked is kept, so nothing is lost next time."""
    server = without_epsv(scripted)
    assert get(server, here)[0] == ["EPSV", "PASV"]
    assert facts() == {"method": "PASV"}
    assert get(server, here)[0] == ["PASV"]
    assert run("ls", server.url("")).returncode == 0
    assert server.commands.count("EPSV") == 1
    assert get(server, here, "--no-learn")[0] == ["EPSV", "PASV"]
    assert get(server, here, "--data-methods", "epsv,pasv")[0] == ["EPSV", "PASV"]


def test_several_files_learn_as_one_does(scripted, here):
    server = scripted(files={"/a": b"1", "/b": b"2"}, listings={"/": b""}, replies={"EPSV": "500 unknown"})
    for epsvs in (1, 0):
        before = server.commands.count("EPSV")
        assert run("get", "--parallel", "1", server.url("a"), server.url("b"), cwd=here).returncode == 0
        assert server.commands.count("EPSV") - before == epsvs


def test_a_fact_that_is_wrong_is_corrected(scripted, here):
    server = without_epsv(scripted)
    get(server, here)
    server.replies = {"PASV": "502 no more"}
    assert get(server, here)[0] == ["PASV", "EPSV"]
    assert facts() == {"method": "EPSV"}
    assert get(server, here)[0] == ["EPSV"]


def test_facts_hold_for_one_login(scripted, here):
    server = without_epsv(scripted)
    get(server, here)
    before = len(server.commands)
    assert run("get", "-u", "other:p", server.url("a"), cwd=here).returncode == 0
    assert "EPSV" in server.commands[before:]


def test_a_limit_of_connections_is_kept(start, here, there_with_files):
    """C3: the second run opens no connection that the server has no room for."""
    daemon = start("serve", there_with_files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--max-sessions-per-address", "1")
    url = f"ftp://writer:lab@127.0.0.1:{daemon.port}/*"
    first = run("get", "-v", "--json", url, cwd=here)
    assert result_of(first)["connections"] == 1 and "[2] " in first.stderr
    assert facts()["connections"] == "1"
    second = run("get", "-v", "--json", url, cwd=here)
    assert result_of(second)["connections"] == 1 and "[2] " not in second.stderr


@pytest.fixture
def there_with_files(tmp_path):
    made = tmp_path / "many"
    made.mkdir()
    for number in range(12):
        (made / f"{number}.txt").write_text("x" * 200_000)
    return made


def damaged(path):
    path.write_bytes(path.read_bytes()[:1024] + os.urandom(4096))


def foreign(path):
    path.write_text("no database" * 1000)


def newer(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


def directory(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [damaged, foreign, newer, directory])
def test_a_database_that_cannot_be_used_is_a_warning(scripted, here, spoil):
    """C8: never a failure of the transfer."""
    server = without_epsv(scripted)
    get(server, here)
    spoil(database())
    methods, said = get(server, here)
    assert methods == ["EPSV", "PASV"]
    assert said.count("warning") == 1 and str(database()) in said, said
    assert get(server, here, "-q")[1] == ""


def test_a_locked_database_delays_nothing(scripted, here):
    server = without_epsv(scripted)
    get(server, here)
    connection = sqlite3.connect(database())
    connection.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    methods, said = get(server, here)
    assert time.monotonic() - begun < 5
    assert methods == ["EPSV", "PASV"] and "locked" in said and said.count("warning") == 1
    connection.close()
    assert get(server, here)[0] == ["PASV"]


def test_without_a_place_nothing_is_said(scripted, here, monkeypatch):
    server = without_epsv(scripted)
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", "")
    assert get(server, here) == (["EPSV", "PASV"], "")


def test_a_directory_that_cannot_be_made_is_a_warning(scripted, here, monkeypatch):
    server = without_epsv(scripted)
    (here / "state").write_text("a file")
    monkeypatch.setenv("XDG_STATE_HOME", str(here / "state"))
    methods, said = get(server, here)
    assert methods == ["EPSV", "PASV"] and said.count("warning") == 1


def test_killed_clients_leave_a_good_database(scripted, here):
    """A client that is killed loses no more than its last fact."""
    server = without_epsv(scripted)
    get(server, here)
    for number in range(30):
        running = subprocess.Popen([programs.sallyport(), "ls", "-u", f"user{number}:p", server.url("")], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(0.001 * number)  # at another place each time
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert get(server, here) == (["PASV"], "")
    with sqlite3.connect(database()) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_clients_at_the_same_time(scripted, here):
    server = without_epsv(scripted)
    running = [subprocess.Popen([programs.sallyport(), "ls", "-u", f"user{number}:p", server.url("")], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True) for number in range(8)]
    for each in running:
        _, said = each.communicate(timeout=30)
        assert each.returncode == 0, said
    with sqlite3.connect(database()) as connection:
        assert connection.execute("SELECT count(*) FROM learned").fetchone()[0] >= 1


# ---- Names


def sites(*arguments):
    return run("sites", *arguments)


def listed():
    return {site["name"]: site for site in result_of(sites("list", "--json"))["sites"]}


def test_a_name_stands_for_a_url(scripted, here, monkeypatch):
    """C1: NAME:PATH is accepted wherever a URL is."""
    server = scripted(files={"/a": b"12345", "/out/b": b"1", "/c": b"2"}, listings={"/": b"", "/out": b""})
    assert sites("add", "partner", f"ftp://u@127.0.0.1:{server.port}/out").returncode == 0
    monkeypatch.setenv("SALLYPORT_PASSWORD", "p")
    assert run("get", "partner:b", cwd=here).returncode == 0
    assert run("get", "partner:/a", "partner:/c", cwd=here).returncode == 0
    assert run("put", here / "a", "partner:new").returncode == 0
    assert run("ls", "partner:").returncode == 0
    assert run("rm", "partner:/c").returncode == 0
    assert sorted(path.name for path in here.iterdir()) == ["a", "b", "c"]
    assert "PASS p" in server.commands and "/c" not in server.files and "/out/new" in server.files


def test_settings_of_a_site_are_options(scripted, here):
    server = scripted(files={"/a": b"12345"}, listings={"/": b""})
    url = f"ftp://u:p@127.0.0.1:{server.port}/"
    assert sites("add", "partner", url.replace(":p@", "@"), "--data-methods", "pasv", "--timeout", "20").returncode == 0
    assert listed()["partner"]["settings"] == {"data-methods": "pasv", "timeout": "20"}

    def methods(*options):
        before = len(server.commands)
        assert run("get", "-u", "u:p", *options, "partner:a", cwd=here).returncode == 0
        return [line for line in server.commands[before:] if line in ("EPSV", "PASV")]

    assert methods() == ["PASV"]
    assert methods("--data-methods", "epsv") == ["EPSV"], "the command line takes precedence"
    assert methods("--passive", "--no-learn") == ["EPSV"], "also over what it excludes"


@pytest.mark.parametrize("arguments,reason", [
    (["x:y", "ftp://h/"], "cannot be a name"),
    (["x", "ftp://u:secret@h/"], "~/.netrc"),
    (["x", "http://h/"], "unknown scheme"),
    (["x", "ftp://h/;type=a"], "type=a"),
    (["x", "ftp://h/", "--timeout", "soon"], "--timeout"),
    (["x", "ftp://h/", "--active", "--passive"], "exclude each other"),
    (["x", "ftp://h/", "--user", "a:b"], "--user"),
])
def test_what_cannot_be_a_site_is_refused(arguments, reason):
    done = sites("add", *arguments)
    assert done.returncode == 2 and reason in done.stderr and "secret" not in done.stderr
    assert listed() == {}


def test_names_are_listed_shown_and_deleted(scripted, here):
    server = without_epsv(scripted)
    url = server.url("").replace(":p@", "@")
    ca = here / "ca.pem"
    assert run("sites", "add", "b", url, "--ca", "ca.pem", "--insecure", cwd=here).returncode == 0
    assert sites("add", "a", "ftp://other/").returncode == 0
    assert sites("add", "a", "ftp://new/").returncode == 2
    assert sites("add", "--replace", "a", "ftp://new/").returncode == 0
    assert sites("list").stdout == f"a: ftp://new/\nb: {url} --ca={ca} --insecure\n"
    get(server, here)
    shown = result_of(sites("show", "b", "--json"))
    assert shown["url"] == url and [fact["value"] for fact in shown["learned"]] == ["PASV"]
    assert "method PASV" in sites("show", url).stdout
    assert sites("forget", "b").returncode == 0
    assert "nothing" in sites("show", "b").stdout and facts() == {}
    assert sites("delete", "a", "b").returncode == 0 and listed() == {}
    missing = sites("delete", "a")
    assert missing.returncode == 2 and "no site 'a'" in missing.stderr
    assert sites("forget").returncode == 2 and sites("forget", "--all").returncode == 0


def test_an_unknown_name_is_wrong_usage():
    done = run("ls", "partnr:out")
    assert done.returncode == 2 and "no site 'partnr'" in done.stderr and "sites list" in done.stderr
    assert database().exists() is False, "nothing is made by looking"


def test_a_mirror_with_a_site(ours, there, here):
    assert sites("add", "own", ours.replace(":lab@", "@")).returncode == 0
    (there / "x").write_text("x")
    assert run("mirror", "-u", "writer:lab", "own:", here).returncode == 0
    assert (here / "x").read_text() == "x"


def test_the_commands_for_names_need_the_database(scripted, here):
    get(without_epsv(scripted), here)
    newer(database())
    done = sites("list")
    assert done.returncode == 1 and "newer version" in done.stderr


def test_a_site_has_a_number_of_connections(start, here, there_with_files):
    daemon = start("serve", there_with_files, "--listen", "127.0.0.1:0", "--anonymous")
    assert sites("add", "own", f"ftp://127.0.0.1:{daemon.port}/", "--parallel", "1").returncode == 0
    alone = run("get", "-v", "own:*", cwd=here)
    assert alone.returncode == 0 and "[1]" not in alone.stderr
    several = run("get", "-v", "--parallel", "2", "own:*", cwd=here)
    assert several.returncode == 0 and "[2]" in several.stderr


# ---- Default options


@pytest.fixture
def defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config/sallyport/client.toml"
    path.parent.mkdir(parents=True)
    return path


def test_the_file_of_default_options(scripted, here, defaults):
    """C1: the command line takes precedence over a site, and a site over the file."""
    server = scripted(files={"/a": b"12345"}, listings={"/": b""})
    defaults.write_text('data-methods = "pasv"\nverify = "none"\n')
    assert get(server, here)[0] == ["PASV"]
    assert run("ls", server.url("")).returncode == 0  # it has no --verify
    assert get(server, here, "--no-config", "--no-learn")[0] == ["EPSV"]
    assert get(server, here, "--data-methods", "epsv")[0] == ["EPSV"]
    assert sites("add", "other", server.url("").replace(":p@", "@"), "--data-methods", "epsv,pasv").returncode == 0
    before = len(server.commands)
    assert run("get", "-u", "u:p", "--no-learn", "other:a", cwd=here).returncode == 0
    assert "EPSV" in server.commands[before:]


def test_a_wrong_key_names_its_line(scripted, here, defaults):
    server = scripted(files={"/a": b"12345"}, listings={"/": b""})
    defaults.write_text("# mine\npasive = true\n")
    done = run("get", server.url("a"), cwd=here)
    assert done.returncode == 2 and f"{defaults}, line 2" in done.stderr and "passive" in done.stderr
    assert server.commands == []
    assert run("get", "--no-config", server.url("a"), cwd=here).returncode == 0


def test_a_comparison_of_servers_has_default_options(here, defaults):
    defaults.write_text("pasive = true\n")
    urls = ("ftp://127.0.0.1:1/", "ftp://127.0.0.1:1/")
    done = run("import", "compare", *urls, cwd=here)
    assert done.returncode == 2 and "sallyport import compare" in done.stderr and f"{defaults}, line 1" in done.stderr
    assert run("import", "compare", "--no-config", *urls, cwd=here).returncode == 3


# ---- While a run waits


def test_the_step_is_shown_on_a_terminal(scripted, here):
    """C8: what a run waits for, before the first byte."""
    answer = threading.Event()

    def slow(control):
        answer.wait(20)
        control.sendall(b"502 no\r\n")

    server = scripted(files={"/a": b"1"}, listings={"/": b""}, replies={"EPSV": "500 unknown", "PASV": slow})
    ours, theirs = pty.openpty()
    running = subprocess.Popen([programs.sallyport(), "get", "--passive", server.url("a")], cwd=here, stdin=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = read_until(ours, b"trying PASV, 1 s")
    answer.set()
    assert b"trying PASV, 1 s" in said
    assert running.wait(timeout=20) == 7
    os.close(ours)


def test_no_step_is_shown_in_a_pipe(scripted, here):
    server = scripted(files={"/a": b"1"}, listings={"/": b""}, replies={"GREETING": lambda control: (time.sleep(1.5), control.sendall(b"220 x\r\n"))})
    assert get(server, here)[1] == ""
