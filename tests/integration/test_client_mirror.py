"""Our client makes directories like others: plan, copies, deletions, interrupted runs (C3 CL-04)."""

import json
import signal
import subprocess
import time

import pytest

from give_away import give
from harness import programs, trees
from harness.clients import CLIENTS, Server
from harness.daemon import wait_until
from harness.our_client import here, ours, result_of, run, there, write  # noqa: F401: fixtures too
from harness.scripted_server import ScriptedServer


def mirror(*arguments, **options):
    return run("mirror", *arguments, **options)


WAYS = [("vsftpd", "none"), ("vsftpd", "explicit"), ("proftpd", "none"), ("proftpd", "explicit")]


@pytest.mark.parametrize("name,tls", WAYS)
def test_with_other_servers(start, root, certificate, small_sample, here, name, tls):
    """Up and down; a second run finds nothing to do."""
    made = start.reference_server(name, tls=tls)
    server = Server(made.host, made.port, made.user, made.password, tls, certificate.cert if tls != "none" else None, made.base)
    client = CLIENTS["sallyport"]("epsv")
    url = client.url(server, "/copy/of/tree")
    client.sallyport(server, "mirror", small_sample, url)
    client.sallyport(server, "mirror", url, here)
    assert trees.hashes(here) == trees.hashes(small_sample)
    for pair in ((small_sample, url), (url, here)):
        again = json.loads(client.sallyport(server, "mirror", "--json", *pair))
        assert (again["done"], again["unchanged"]) == (0, len(trees.files(small_sample)))


@pytest.mark.parametrize("tls", ["none", "explicit"])
def test_through_the_gateway(start, certificate, small_sample, there, here, tls):
    cert = [] if tls == "none" else ["--tls-cert", certificate.cert, "--tls-key", certificate.key]
    daemon = start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}", *cert)
    server = Server("127.0.0.1", gate.port, "writer", "lab", tls, certificate.cert if tls != "none" else None)
    client = CLIENTS["sallyport"]("epsv")
    client.sallyport(server, "mirror", "--parallel", 8, small_sample, client.url(server, "/copy"))
    client.sallyport(server, "mirror", "--parallel", 8, client.url(server, "/copy"), here)
    assert trees.hashes(here) == trees.hashes(small_sample)


def test_only_what_differs_is_copied(ours, there, here):
    for name in ("same", "longer", "newer", "d/same"):
        write(there / name, "text")
        write(here / name, "text")
    write(there / "longer", "longer text")
    write(there / "newer", "TEXT", 1_700_000_100)
    write(there / "d" / "missing", "text")
    (there / "empty").mkdir()
    dry = mirror("--dry-run", "--json", f"{ours}/", here)
    assert dry.returncode == 0
    plan = result_of(dry)
    assert {copy["path"]: copy["reason"] for copy in plan["copy"]} == {"longer": "size", "newer": "time", "d/missing": "missing"}
    assert plan["make_directories"] == ["empty"] and not (here / "d" / "missing").exists()
    text = mirror("--dry-run", f"{ours}/", here).stdout
    assert "copy   longer (size, 11 bytes)" in text and "3 to copy, 0 to delete, 2 unchanged" in text
    assert result_of(mirror("--by", "size", "--dry-run", "--json", f"{ours}/", here))["unchanged"] == 3
    done = mirror("--json", f"{ours}/", here)
    assert (result_of(done)["done"], result_of(done)["unchanged"]) == (3, 2)
    assert trees.hashes(here) == trees.hashes(there) and (here / "empty").is_dir()
    assert (here / "newer").stat().st_mtime == 1_700_000_100


@pytest.mark.parametrize("up", [False, True])
def test_deletions(ours, there, here, up):
    source, target = (here, there) if up else (there, here)
    pair = (here, f"{ours}/") if up else (f"{ours}/", here)
    write(source / "keep", "text")
    for name in ("keep", "extra", "old/deep/file", "old/other.keep"):
        write(target / name, "text")
    give(there)
    assert mirror(*pair).returncode == 0 and (target / "extra").exists()
    refused = mirror("--delete", "--max-delete", "1", *pair)
    assert refused.returncode == 15 and "3 of the target's 4 files" in refused.stderr
    assert (target / "extra").exists()
    some = mirror("--delete", "--exclude", "*.keep", *pair)
    assert some.returncode == 0, some.stderr
    assert trees.files(target) == ["keep", "old/other.keep"], some.stderr
    assert mirror("--delete", *pair).returncode == 0
    assert trees.files(target) == ["keep"] and not (target / "old").exists()


def test_a_file_is_not_mirrored_as_a_directory(ours, there, here):
    write(there / "file", "theirs")
    write(here / "precious", "mine")
    done = mirror("--delete", "--max-delete", "100%", f"{ours}/file", here)
    assert done.returncode != 0 and "it is a file" in done.stderr
    assert trees.files(here) == ["precious"]


def test_a_failed_copy_deletes_nothing(sallyport, here):
    """A file that was renamed at the source must not be lost because its copy failed."""
    listing = b"".join(b"-rw-r--r--   1 ftp ftp 1 Jan 02 2026 " + name + b"\r\n" for name in (b"new-name", b"other"))
    server = ScriptedServer(files={"/other": b"x"}, listings={"/": listing})
    write(here / "old-name", "mine")
    done = mirror("--delete", "--max-delete", "100%", server.url(""), here)
    server.close()
    assert done.returncode == 13 and "nothing was deleted" in done.stderr
    assert trees.files(here) == ["old-name", "other"]


def test_a_conflict_is_reported_once_and_deletes_nothing(ours, there, here):
    """What is below a directory of the source cannot be copied where the target has a file; it is not tried."""
    write(there / "a" / "b" / "c", "theirs")
    write(there / "other", "theirs")
    write(here / "a", "mine")
    write(here / "old-name", "mine")
    done = mirror("--json", "--delete", "--max-delete", "100%", f"{ours}/", here)
    assert done.returncode == 13
    said = result_of(done)
    assert [failure["name"] for failure in said["failures"]] == ["a"] and said["done"] == 1
    assert said["warnings"] == ["nothing was deleted, because not all files were copied"]
    assert trees.files(here) == ["a", "old-name", "other"] and (here / "a").read_text() == "mine"


def test_the_name_of_a_partial_file_is_not_mirrored(ours, there, here):
    for name in ("a", "a.part"):
        write(there / name, name)
    done = mirror(f"{ours}/", here)
    assert done.returncode == 13 and "a.part is where a is downloaded to" in done.stderr
    assert trees.files(here) == ["a"] and (here / "a").read_text() == "a"


def test_an_empty_source_deletes_nothing(ours, there, here):
    write(here / "precious", "text")
    done = mirror("--delete", f"{ours}/", here)
    assert done.returncode == 15 and (here / "precious").exists()


def test_a_source_that_cannot_be_listed_completely_deletes_nothing(sallyport, here):
    listing = b"drwxr-xr-x   2 ftp ftp 0 Jan 02 2026 closed\r\n-rw-r--r--   1 ftp ftp 1 Jan 02 2026 f\r\n"
    server = ScriptedServer(files={"/f": b"x"}, listings={"/": listing})
    write(here / "closed" / "mine", "text")
    write(here / "extra", "text")
    done = mirror("--delete", "--max-delete", 10, server.url(""), here)
    server.close()
    assert done.returncode == 13 and "nothing was deleted" in done.stderr and "closed" in done.stderr
    assert trees.files(here) == ["closed/mine", "extra", "f"]


def test_include_and_exclude(ours, there, here):
    for name in ("a.csv", "a.txt", "private/b.csv", "d/c.csv", "d/old/e.csv"):
        write(there / name, "text")
    done = mirror("--include", "*.csv", "--exclude", "private", "--exclude", "d/old", f"{ours}/", here)
    assert done.returncode == 0 and trees.files(here) == ["a.csv", "d/c.csv"]


def test_CL_04_no_link_leads_out(ours, there, here):
    outside = here.parent / "outside"
    write(outside / "f", "mine")
    write(there / "d" / "f", "theirs!")
    (here / "d").symlink_to(outside)
    done = mirror("--delete", "--max-delete", "100%", f"{ours}/", here)
    assert done.returncode == 9 and (outside / "f").read_text() == "mine" and (here / "d").is_symlink()


def test_times_of_a_list_without_seconds_are_asked_for(sallyport, here):
    """The zone of LIST is not known: MDTM decides before a file is copied for its time."""
    listing = b"-rw-r--r--   1 ftp ftp 4 Jan 02 09:04 f\r\n"
    server = ScriptedServer(files={"/f": b"text"}, listings={"/": listing})
    server.modified["/f"] = "20260102030405"
    assert mirror(server.url(""), here).returncode == 0
    again = mirror("--json", server.url(""), here)
    server.close()
    assert result_of(again)["unchanged"] == 1
    assert len(server.arguments_of("RETR")) == 1


def test_killed_and_run_again(start, there, here):
    """C3: kill -9 at some moments; what has its name is whole, and the last run completes the rest."""
    source = {}
    for number in range(40):
        write(there / f"d{number % 4}" / f"f{number}", f"{number}" * 20_000)
        source[f"d{number % 4}/f{number}"] = f"{number}" * 20_000
    daemon = start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    slow = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{daemon.port}", "--max-download-rate", "200K")
    url = f"ftp://writer:lab@127.0.0.1:{slow.port}/"
    for moment in range(3):
        process = subprocess.Popen([programs.sallyport(), "mirror", url, here], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(trees.files(here))
        wait_until(lambda: len(trees.files(here)) > before + 2 or process.poll() is not None, 30, "some files")
        time.sleep(0.05 * moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name in trees.files(here):
            if not name.endswith((".part", ".part.from")):
                assert (here / name).read_text() == source[name]
    assert mirror(f"ftp://writer:lab@127.0.0.1:{daemon.port}/", here).returncode == 0
    assert trees.hashes(here) == trees.hashes(there)


@pytest.mark.parametrize("arguments,says", [
    (["/tmp", "/var"], "one of SOURCE and TARGET"),
    (["ftp://127.0.0.1:1/", "ftp://127.0.0.1:1/"], "one of SOURCE and TARGET"),
    (["--max-delete", "many", "ftp://127.0.0.1:1/", "/tmp"], "not a number of files"),
    (["--max-delete", "5", "ftp://127.0.0.1:1/", "/tmp"], "add --delete"),
])
def test_invalid_usage(sallyport, arguments, says):
    done = mirror(*arguments)
    assert done.returncode == 2 and says in done.stderr
