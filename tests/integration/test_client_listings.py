"""Listings of our client: from inside the directory, in the formats of many systems (C7, CL-04)."""

import json
import subprocess
from urllib.parse import quote

import pytest

from harness import programs
from harness.our_client import scripted  # noqa: F401: a fixture

FORMS = {
    "unix": (b"total 8\r\n-rw-r--r--   1 1000 1000    7 Jan 02  2020 a b\r\ndrwxr-xr-x+  2 u g 4096 Jan 02  2020 d\r\n", {"a b": 7, "d": 4096}),
    "german": ("insgesamt 8\r\n-rw-r--r-- 1 u g 7 2. März 2020 a\r\n".encode(), {"a": 7}),
    "french": ("-rw-r--r-- 1 u g 7 12 févr. 2020 a\r\n-rw-r--r-- 1 u g 8 12 d\xe9c. 2020 b\r\n".encode("latin-1"), {"a": 7, "b": 8}),
    "russian": ("-rw-r--r-- 1 u g 7 янв 12 2020 a\r\n".encode("koi8-r"), {"a": 7}),
    "japanese": ("-rw-r--r-- 1 u g 7 4月 18日 2020年 a\r\n".encode("shift-jis"), {"a": 7}),
    "iso": (b"-rw-r--r--@ 1 u g 7 2020-01-02 15:04:05.123456789 +0100 a\r\n", {"a": 7}),
    "dos": (b"01-02-2020  03:04PM       <DIR>          d\r\n01-02-20  03:04PM  1,024 a\r\n", {"d": None, "a": 1024}),
    "os2": (b"    0           DIR    02-11-103  16:15  d\r\n    7      A    04-23-103  10:57  a\r\n", {"d": None, "a": 7}),
    "vms": (b"\r\nDirectory DISK:[X]\r\n\r\nA.TXT;2  2 29-JAN-1996 03:33:12 [A] (RWED,,,)\r\nA.TXT;1  2 29-JAN-1996 03:33:12 [A] (RWED,,,)\r\n"
            b"A-LONG-NAME.TXT;1\r\n        213/216  29-JAN-1996 03:33:12  [A,B]  (RWED,,,)\r\nD.DIR;1  1 8-SEP-1996 16:09 [A] (RWE,,,)\r\n\r\n"
            b"Total of 4 files, 218/221 blocks.\r\n", {"A.TXT": None, "A.TXT;1": None, "A-LONG-NAME.TXT": None, "D": None}),
    "mvs": (b"Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\r\nVOL001 3390   2003/05/21  1  200  FB      80  8053  PS  A.FILE\r\n"
            b"VOL001 3390   2003/05/21  1  200  FB      80  8053  PO  A.LIB\r\nMigrated                  OLD.FILE\r\nV43525 Tape    ON.TAPE\r\n",
            {"A.FILE": None, "A.LIB": None, "OLD.FILE": None, "ON.TAPE": None}),
    "members": (b" Name     VV.MM   Created       Changed      Size  Init   Mod   Id\r\n"
                b"MEMBER1   01.01 2002/09/12 2002/10/11 09:37    11    11     0 KIL001\r\nMEMBER2\r\n", {"MEMBER1": None, "MEMBER2": None}),
    "os400": (b"QSYS            77824 02/23/00 15:09:55 *DIR       d/\r\nQSYS  7 02/23/00 15:09:55 *STMF      a\r\n", {"d": None, "a": 7}),
    "netware": (b"total 0\r\nd [R----F--] sv     512       Jan 16 18:53    d\r\n- [R----F--] sv   7   Oct 20 15:27    a\r\n", {"d": None, "a": 7}),
    "eplf": (b"+i8388621.48594,m825718503,r,s7,\ta\r\n+i8388621.50690,m824255907,/,\td\r\n", {"a": 7, "d": None}),
}
UNKNOWN = b"what is this\r\nand that\r\n"


def ls(url, *options):
    return subprocess.run([programs.sallyport(), "ls", *options, url], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40)


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_many_systems(scripted, form):
    listing, expected = FORMS[form]
    server = scripted(listings={"/": b"", "/dir": listing})
    done = ls(server.url("dir"), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {entry["name"]: entry["size"] for entry in result["entries"]} == expected
    assert result["unrecognized_lines"] == 0 and "warning" not in done.stderr


def test_unknown_lines_are_reported(scripted):
    server = scripted(listings={"/": FORMS["unix"][0] + UNKNOWN, "/none": UNKNOWN, "/empty": b""})
    done = ls(server.url(""), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["unrecognized_lines"] == 2 and len(json.loads(done.stdout)["entries"]) == 2
    assert "2 lines" in done.stderr and "what is this" in done.stderr
    done = ls(server.url("none"), "--json")
    assert done.returncode == 16
    assert json.loads(done.stdout)["step"] == "listing" and "none of the 2 lines" in json.loads(done.stdout)["message"]
    assert ls(server.url("empty")).returncode == 0


NAMES = ["a b", "-rf", "-", "*", "[ab]?", "~", "a\\b", "'", " lead", "\u00e4", "--", "{x,y}"]


def test_directories_are_listed_from_inside(scripted):
    """A server that passes the argument of LIST to ls gets none."""
    server = scripted(listings={"/": b"", **{"/" + name: FORMS["unix"][0] for name in NAMES}})
    for name in NAMES:
        done = ls(server.url(quote(name, safe="")), "--names")
        assert done.returncode == 0, (name, done.stderr)
        assert done.stdout.splitlines() == ["a b", "d"], name
    assert not [command for command in server.commands if command.startswith("LIST ")]


def test_a_missing_directory_is_an_error_and_a_file_is_listed(scripted):
    server = scripted(files={"/sub/a b": b"1234567"}, listings={"/": b"", "/sub": b""})
    for missing in ("none", "none/", "sub/none", "sub/a%20b/"):
        done = ls(server.url(missing))
        assert done.returncode == 6 and done.stdout == "" and "550" in done.stderr, missing
    done = ls(server.url("sub/a%20b"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["entries"] == [{"name": "a b", "type": "file", "size": 7, "modified": "2026-01-02T03:04:05Z"}]


@pytest.mark.parametrize("name", ["vsftpd", "proftpd", "pure-ftpd"])
def test_with_servers_as_people_have_them(sallyport, root, start, name):
    """Names that the server would take for options or patterns in LIST."""
    reference = start.reference_server(name, tls="none")
    folders = ["a b", "-la", "*", "[x]"]
    for folder in folders:
        (reference.files / folder).mkdir()
        (reference.files / folder / f"in {folder}").write_text("x" * 7)
    reference.give(reference.files)
    base = f"ftp://{reference.user}:{reference.password}@{reference.host}:{reference.port}{reference.base}/"
    for folder in folders:
        done = ls(base + quote(folder, safe=""), "--names")
        assert done.returncode == 0 and done.stdout.splitlines() == [f"in {folder}"], (folder, done)
        done = ls(base + quote(f"{folder}/in {folder}", safe="/"), "--json")
        assert done.returncode == 0, (folder, done)
        assert [(entry["name"], entry["size"]) for entry in json.loads(done.stdout)["entries"]] == [(f"in {folder}", 7)]
    assert ls(base + "none").returncode == 6


def test_with_our_own_server(sallyport, start, tmp_path):
    for folder in ("a b", "-la", "*", "[x]"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "inside").write_text("x")
    daemon = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous")
    for folder in ("a b", "-la", "*", "[x]"):
        done = ls(f"ftp://127.0.0.1:{daemon.port}/" + quote(folder, safe=""), "--names")
        assert done.returncode == 0 and done.stdout.splitlines() == ["inside"], (folder, done)
        done = ls(f"ftp://127.0.0.1:{daemon.port}/" + quote(folder, safe="") + "/inside", "--names")
        assert done.returncode == 0 and done.stdout.splitlines() == ["inside"], (folder, done)
    assert ls(f"ftp://127.0.0.1:{daemon.port}/none").returncode == 6
