"""`doctor --watch` on the server's host and `doctor join`: both ends tell what the client alone cannot (D2)."""

import contextlib
import json
import signal
import subprocess
import time

import pytest

from harness import doctor_path
from harness.doctor_path import SERVER, Fault, fault, path  # noqa: F401


@pytest.fixture(scope="module")
def serve(path, sallyport, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    with doctor_path.serving(path, sallyport, folder) as daemon:
        yield daemon


@pytest.fixture
def run(path, sallyport):
    """Runs `sallyport doctor` on a host of the path."""
    def on(host, *arguments):
        return subprocess.run(path.command(host, sallyport, "doctor", *map(str, arguments)), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)

    return on


@contextlib.contextmanager
def watching(path, sallyport, file):
    """`doctor --watch` on the server's host; it has ended after the block."""
    watch = subprocess.Popen(path.command("server", sallyport, "doctor", "--watch", "--save", file), stderr=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    try:
        assert "Watching" in watch.stderr.readline()
        yield
        watch.send_signal(signal.SIGINT)
        assert "next: sallyport doctor join" in watch.communicate(timeout=10)[0] and watch.returncode == 0
    finally:
        watch.kill()
        watch.wait()


def joined(path, sallyport, run, folder, *options):
    client, server = folder / "client.json", folder / "server.json"
    with watching(path, sallyport, server):
        run("client", f"ftp://{SERVER}/", "--save", client, *options)
    assert server.stat().st_mode & 0o77 == 0
    done = run("client", "join", client, server, "--json")
    assert done.returncode in (0, 20), done.stderr
    return json.loads(done.stdout)


@pytest.mark.usefixtures("serve")
@pytest.mark.parametrize("host, chain, back, id, side, confidence", [
    ("server", "input", False, "data-ports-dropped", "server", "likely"),
    ("office", "forward", False, "data-ports-dropped", "server", "likely"),
    ("home", "forward", True, "answers-lost", "undecided", "certain"),
    ("office", "forward", True, "answers-lost", "undecided", "certain")])
def test_both_ends_tell_what_the_client_alone_cannot(path, sallyport, run, tmp_path, host, chain, back, id, side, confidence):
    with Fault(path, host, fault(chain, "drop", back=back)):
        first = joined(path, sallyport, run, tmp_path, "--passive")["verdict"][0]
    assert (first["id"], first["side"], first["confidence"]) == (id, side, confidence), first


@pytest.mark.usefixtures("serve")
def test_both_ends_of_a_healthy_path(path, sallyport, run, tmp_path):
    """With some rounds, as a session here may be shorter than the time between two looks at the server."""
    assert not [v for v in joined(path, sallyport, run, tmp_path, "--passive", "--rounds", "20")["verdict"] if v["severity"] == "problem"]


@pytest.mark.usefixtures("serve")
def test_files_that_do_not_belong_together(path, sallyport, run, tmp_path):
    client, server = tmp_path / "client.json", tmp_path / "server.json"
    run("client", f"ftp://{SERVER}/", "--save", client)
    server.write_text(json.dumps({"sallyport_doctor_watch": 1, "started": int(time.time()), "ms": 1, "connections": []}))
    done = run("client", "join", client, server)
    assert done.returncode == 2 and "no control connection to port 21 was seen" in done.stderr
    with watching(path, sallyport, server):
        run("client", f"ftp://{SERVER}/", "--passive", "--rounds", "20")
    saved = json.loads(client.read_text())
    times = saved["facts"]["times"]
    assert times["ended"] >= times["started"] > 1_700_000_000
    for started, text in ((times["started"] - 3600, " UTC to "), (0, "")):
        times["started"], times["ended"] = started, started
        client.write_text(json.dumps(saved))
        done = run("client", "join", client, server)
        if text:
            assert done.returncode == 2 and "different times" in done.stderr and done.stderr.count(" UTC") == 4, done.stderr
        else:
            assert done.returncode in (0, 20) and "times unknown" in done.stdout, done
    for wrong in (client, tmp_path / "missing"):
        done = run("client", "join", client, wrong)
        assert done.returncode == 2 and wrong.name in done.stderr, done.stderr
