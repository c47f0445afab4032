"""Commands of our client for files on servers: rm, mv, mkdir, rmdir, chmod, stat, cat, find, du, quote (C3 C7 CL-04)."""

import json
import os
import subprocess

import pytest

from give_away import give
from harness import programs
from harness.our_client import here, ours, result_of, run, scripted, there, write  # noqa: F401: fixtures too
from harness.reference_servers import REFERENCE_SERVERS

TIME = 1_700_000_000


def works(*arguments, **options):
    done = run(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Site:
    """A server with a folder of its own."""

    def __init__(self, name, url, files, base="", give=give):
        self.name, self.url, self.files, self.base, self.give = name, url, files, base, give


@pytest.fixture(params=["ours", "gate", *REFERENCE_SERVERS])
def site(request, start, there):
    if request.param in REFERENCE_SERVERS:
        request.getfixturevalue("root")
        made = start.reference_server(request.param)
        return Site(request.param, f"ftp://{made.user.replace('@', '%40')}:{made.password.replace('@', '%40')}@{made.host}:{made.port}{made.base}",
                    made.files, made.base, made.give)
    daemon = start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    if request.param == "gate":
        daemon = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}")
    return Site(request.param, f"ftp://writer:lab@127.0.0.1:{daemon.port}", there)


def test_each_command_with_each_server(site, here):
    """C3: what one command makes, the next one finds, with every server."""
    write(here / "a.csv", "first\n")
    write(here / "b.csv", "second\n")
    works("mkdir", "-p", f"{site.url}/in/deep")
    works("mkdir", "-p", f"{site.url}/in/deep")  # a directory that exists is no error
    refused = run("mkdir", f"{site.url}/in/deep")
    assert refused.returncode == 6 and "in/deep" in refused.stderr
    works("put", here / "a.csv", here / "b.csv", f"{site.url}/in/")

    said = json.loads(works("stat", "--json", f"{site.url}/in/a.csv", f"{site.url}/in/deep"))
    kinds = {os.path.basename(entry["name"]): (entry["type"], entry["size"]) for entry in said["entries"]}
    assert kinds["a.csv"] == ("file", 6) and kinds["deep"][0] == "directory"
    assert said["done"] == 2 and said["failures"] == []

    assert works("cat", f"{site.url}/in/*.csv") == "first\nsecond\n"
    works("mv", f"{site.url}/in/a.csv", "c.csv")
    assert sorted(os.listdir(site.files / "in")) == ["b.csv", "c.csv", "deep"]
    works("mv", f"{site.url}/in/*.csv", "deep/")
    assert works("find", f"{site.url}/in", "--type", "f") == f"{site.base}/in/deep/b.csv\n{site.base}/in/deep/c.csv\n"
    assert works("find", f"{site.url}/in", "--name", "c*", "-0") == f"{site.base}/in/deep/c.csv\0"
    assert works("find", f"{site.url}/in", "--type", "d") == f"{site.base}/in/deep\n"
    assert works("du", f"{site.url}/in") == f"13\t{site.base}/in/deep\n13\t{site.base}/in\n"
    assert works("du", "-s", f"{site.url}/in") == f"13\t{site.base}/in\n"
    changed = run("chmod", "600", f"{site.url}/in/deep/b.csv")
    has_chmod = site.name in ("ours", "gate", "proftpd", "pure-ftpd")  # of others, anonymous users, or all, have none
    assert changed.returncode == (0 if has_chmod else 6), changed.stderr
    if has_chmod:
        assert (site.files / "in/deep/b.csv").stat().st_mode & 0o777 == 0o600

    refused = run("rmdir", f"{site.url}/in")
    assert refused.returncode == 6 and (site.files / "in/deep/c.csv").exists()
    works("rm", f"{site.url}/in/deep/[bc].csv")
    works("rmdir", f"{site.url}/in/deep", f"{site.url}/in")
    assert not (site.files / "in").exists()
    assert works("quote", site.url, "noop").startswith("2")


def test_CL_04_no_link_is_followed_by_rm(site, tmp_path):
    """A link to a directory is removed; what it leads to stays."""
    outside = site.files / "outside"
    write(outside / "keep", "keep")
    write(site.files / "old/sub/file", "x")
    write(site.files / "old/.hidden", "x")
    (site.files / "old/sub/link").symlink_to("../../outside", target_is_directory=True)
    if site.name != "proftpd":  # which does not list it
        (site.files / "old/dangling").symlink_to("nowhere")
    site.give(site.files)
    works("rm", "-r", f"{site.url}/old")
    assert not (site.files / "old").exists()
    assert (outside / "keep").read_text() == "keep"


def test_CL_04_a_link_that_may_not_be_removed_is_not_entered(root, site):
    """The listing shows it as a directory, and what it leads to could be removed."""
    write(site.files / "outside/keep", "keep")
    (site.files / "old").mkdir()
    (site.files / "old/link").symlink_to("../outside", target_is_directory=True)
    site.give(site.files)
    os.chown(site.files / "old", 0, 0)
    (site.files / "old").chmod(0o755)
    done = run("rm", "-r", f"{site.url}/old")
    assert done.returncode == 6 and (site.files / "outside/keep").exists()
    assert os.listdir(site.files / "old") == ["link"]  # under its own name


# ---- Failures

def test_one_failure_does_not_stop_the_others(ours, there):
    for name in ("a", "b"):
        write(there / name)
    done = run("rm", "--json", f"{ours}/a", f"{ours}/missing", f"{ours}/b")
    assert done.returncode == 13 and os.listdir(there) == []
    said = result_of(done)
    assert (said["ok"], said["exit_code"], said["done"], said["failed"]) == (False, 13, 2, 1)
    assert said["failures"][0]["name"] == "/missing" and said["failures"][0]["reply_code"] == 550
    assert "removing /missing" in done.stderr
    none = run("rm", f"{ours}/*.none")
    assert none.returncode == 6 and "nothing matches" in none.stderr


def test_a_directory_is_removed_only_with_recursive(ours, there):
    write(there / "full/file")
    give(there / "full")
    for url in (f"{ours}/full", f"{ours}/f*"):
        assert run("rm", url).returncode == 6
    assert "--recursive" in run("rm", f"{ours}/f*").stderr
    refused = run("rm", "-r", f"{ours}/")
    assert refused.returncode == 2 and "root" in refused.stderr
    assert (there / "full/file").exists()
    works("rm", "-r", f"{ours}/f*")
    assert os.listdir(there) == []


def test_what_may_not_be_removed_stays_and_is_named(scripted):
    """The refusal of the file is reported, not that of the directory in which it stays."""
    server = scripted(listings={"/": b"", "/d": b"-rw-r--r--   1 ftp ftp 1 Jan 02 2026 x\r\n"},
                      replies={"DELE": "550 not permitted", "RMD": "550 not empty"})
    done = run("rm", "-r", "--json", server.url("d"))
    assert done.returncode == 6
    assert [failure["name"] for failure in result_of(done)["failures"]] == ["/d/x"]
    assert server.arguments_of("RMD") == ["/d"]  # not again after the refusal


def test_no_connection_is_reported_once(sallyport):
    done = run("rm", "--json", "ftp://127.0.0.1:1/a", "ftp://127.0.0.1:1/b")
    assert done.returncode == 3 and len(result_of(done)["failures"]) == 1


def test_cat_never_repeats_what_it_has_written(scripted):
    """C7: a file that was cut is a failure; the part that was written is not written again."""
    server = scripted(files={"/a": b"x" * 200_000}, listings={"/": b""})
    server.cut_after = 100_000
    done = subprocess.run([programs.sallyport(), "cat", server.url("a")], stdin=subprocess.DEVNULL, capture_output=True, timeout=40)
    assert done.returncode == 8 and len(done.stdout) <= 100_000
    assert len(server.arguments_of("RETR")) == 1


# ---- What is found

def test_find_by_time_and_as_urls(ours, there):
    write(there / "in/old file", "x", 1_600_000_000)
    write(there / "in/new", "x", TIME)
    assert works("find", f"{ours}/in", "--newer-than", "2023-01-01") == "/in/new\n"
    assert works("find", f"{ours}/in", "--older-than", "2023-01-01T00:00") == "/in/old file\n"
    assert works("find", f"{ours}/in", "--newer-than", "1d") == ""
    (url,) = works("find", f"{ours}/in", "--urls", "--name", "old*").splitlines()
    assert url.endswith("/%2Fin/old%20file") or url.endswith("/in/old%20file"), url
    assert works("cat", url.replace("writer@", "writer:lab@")) == "x"
    said = json.loads(works("find", "--json", f"{ours}/in", "--name", "new"))
    assert said["entries"] == [{"name": "/in/new", "type": "file", "size": 1, "modified": "2023-11-14T22:13:20Z"}]


def test_what_cannot_be_listed_is_named(scripted):
    lines = b"drwxr-xr-x   2 ftp ftp 1 Jan 02 2026 closed\r\n-rw-r--r--   1 ftp ftp 5 Jan 02 2026 x\r\n"
    server = scripted(listings={"/": lines})
    for command in ("find", "du"):
        done = run(command, "--json", server.url(""))
        assert done.returncode == 13, done.stderr
        assert result_of(done)["failures"][0]["name"] == "/closed"


def test_stat_of_what_is_not_there(ours):
    done = run("stat", f"{ours}/missing")
    assert done.returncode == 6 and "missing" in done.stderr and done.stdout == ""


def test_stat_without_MLST(scripted):
    """SIZE and MDTM tell of files, and CWD of directories."""
    server = scripted(files={"/a": b"12345"}, listings={"/": b"", "/d": b""})
    server.modified["/a"] = "20260102030405"
    said = json.loads(works("stat", "--json", server.url("a"), server.url("d")))
    assert [(e["name"], e["type"], e["size"], e["modified"]) for e in said["entries"]] == [
        ("/a", "file", 5, "2026-01-02T03:04:05Z"), ("/d", "directory", None, None)]
    assert run("stat", server.url("none")).returncode == 6


# ---- quote

def test_quote_prints_the_reply(scripted):
    server = scripted(listings={"/": b"", "/d": b""}, replies={"SITE": "200-one\r\n two\r\n200 three"})
    assert works("quote", server.url("d"), "site", "UMASK", "022").splitlines() == ["200-one", "200- two", "200 three"]
    assert server.arguments_of("SITE") == ["UMASK 022"] and server.arguments_of("CWD") == ["d"]
    said = json.loads(works("quote", "--json", server.url(""), "SITE"))
    assert said["reply_code"] == 200 and len(said["lines"]) == 3
    refused = run("quote", server.url(""), "XFOO", "bar")
    assert refused.returncode == 6 and refused.stdout == "500 XFOO is unknown\n"


@pytest.mark.parametrize("arguments,says", [
    (("mv", "ftp://127.0.0.1/a"), "the new name is missing"),
    (("mv", "ftp://127.0.0.1/a", "ftp://127.0.0.1/b"), "not a URL"),
    (("mv", "ftp://127.0.0.1/*", "b"), "end it with '/'"),
    (("chmod", "u+x", "ftp://127.0.0.1/a"), "octal"),
    (("cat", "--json", "ftp://127.0.0.1/a"), "--json"),
    (("quote", "ftp://127.0.0.1/", "RETR", "a"), "data connection"),
    (("quote", "ftp://127.0.0.1/", "auth", "TLS"), "session itself"),
    (("find", "ftp://127.0.0.1/", "--newer-than", "yesterday"), "2026-01-31"),
    (("find", "ftp://127.0.0.1/", "--type", "x"), "use f, d or l"),
    (("du", "http://127.0.0.1/"), "unknown scheme"),
])
def test_invalid_usage_of_commands(sallyport, arguments, says):
    done = run(*arguments)
    assert done.returncode == 2 and says in done.stderr
