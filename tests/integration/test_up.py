"""`sallyport up`: the whole thing in one command, and the lines it prints, as people paste them."""

import re
import signal
import subprocess

import pytest

from harness import programs, trees
from harness.clients import CLIENTS, Server
from harness.raw import Raw


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
    """G1 S8: through the gateway to the server, plain."""
    program = CLIENTS[client](method)
    back = tmp_path / "back"
    back.mkdir()
    program.get(Server(up.host, up.port, "anonymous", "someone@"), back, trees.files(small_sample))
    assert trees.hashes(back) == trees.hashes(small_sample)
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


def pasted(text, program):
    """The printed lines that begin with this program."""
    lines = [re.sub(r"^\s*(Sallyport|curl|lftp|ncftp)\s{2,}", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith(program + " ") and not line.startswith("sallyport up: ")]


def test_printed_lines_work(up, tmp_path):
    (tmp_path / "FILE").write_text("pasted")
    ran = 0
    for program in ("curl", "lftp", "sallyport"):
        for line in pasted(up.log(), program):
            line = line.replace("PASSWORD", "secret").replace("sallyport ", f"{programs.sallyport()} ", 1)
            done = subprocess.run(["sh", "-c", line], cwd=tmp_path, input="ls\n", capture_output=True, text=True, timeout=20)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            ran += 1
    assert ran >= 4
    assert (up.shared / "FILE").read_text() == "pasted"


def test_password_is_made_for_each_run(start, tmp_path):
    env = {"HOME": str(tmp_path)}
    (tmp_path / "shared").mkdir()
    logs = [start("up", tmp_path / "shared", "--listen", "127.0.0.1:0", env=env).log() for _ in range(2)]
    passwords = [re.search(r"password (\S+)", log)[1].rstrip(".,:") for log in logs]
    assert passwords[0] != passwords[1] and len(passwords[0]) >= 12


def test_ctrl_c_stops_cleanly(up):
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(5) == 0
