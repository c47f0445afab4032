"""Our client is killed at random moments: nothing half is ever taken for whole, and the next run ends with the right files (C7, CL-05)."""

import os
import random
import subprocess

import pytest

from give_away import give
from harness import programs, trees
from harness.our_client import here, ours, run, there  # noqa: F401: fixtures too

KILLS = int(os.environ.get("SALLYPORT_KILLS", "12"))
LONGEST = 0.7  # seconds until a kill: about as long as a whole run takes
RATE = "3M"
TIME = 1_700_000_000


def fill(folder, chance):
    """Files around the size from which on partial ones are continued, and smaller ones."""
    for n, size in enumerate([0, 1, 2000, 65_536, 65_537, 150_000, 400_000, 1_000_000]):
        change(folder / f"d{n % 3}" / f"f{n}", size, chance, TIME + n)


def change(path, size, chance, time_of_it):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(chance.randbytes(size))
    os.utime(path, (time_of_it, time_of_it))
    give(path.parent)
    give(path)


def is_partial(path):
    return path.suffix in (".part", ".from")


def whole_files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not is_partial(path)}


def kill_at_random(chance, *arguments):
    client = subprocess.Popen([programs.sallyport(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client.wait(chance.uniform(0, LONGEST))
    except subprocess.TimeoutExpired:
        pass
    client.kill()
    client.wait()


DOWN = {
    "get": ["get", "-r", "--resume", "-p"],
    "mirror": ["mirror", "--delete"],
    "segments": ["get", "-r", "-p", "--segments", "3"],
}


@pytest.mark.limit(60 + 4 * KILLS)
@pytest.mark.parametrize("way", DOWN)
def test_downloads_that_are_killed(ours, there, here, way):
    """FILE is always one of the files that the server had, as a whole."""
    chance = random.Random(way)
    fill(there / "in", chance)
    target = [f"{ours}/in", here] if way == "mirror" else [f"{ours}/in/", "-O", here]
    command = [*DOWN[way], "-q", "--limit-rate", RATE, *target]
    versions = [whole_files(there / "in")]
    for kill in range(KILLS):
        kill_at_random(chance, *command)
        for name, content in whole_files(here).items():
            assert content in [version[name] for version in versions], f"{name} is false after kill {kill}"
        if kill % 4 == 3:
            changed = chance.choice(sorted(path for path in (there / "in").rglob("*") if path.is_file()))
            change(changed, changed.stat().st_size, chance, TIME + 100 + kill)
            versions.append(whole_files(there / "in"))
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert trees.hashes(here) == trees.hashes(there / "in")  # and no partial file is left


UP = {
    "put": ["put", "-r", "--resume", "-p"],
    "put under another name": ["put", "-r", "-p", "--temp-name"],
    "mirror": ["mirror", "--delete"],
}


@pytest.mark.limit(60 + 4 * KILLS)
@pytest.mark.parametrize("way", UP)
@pytest.mark.parametrize("name", ["ours", "vsftpd"])
def test_uploads_that_are_killed(request, start, there, here, name, way):
    """The server may have a part of a file under its name meanwhile; the next run never takes it for the whole one."""
    chance = random.Random(way + name)
    if name == "ours":
        files, url = there, request.getfixturevalue("ours")
    else:
        request.getfixturevalue("root")
        made = start.reference_server(name, tls="none")
        files, url = made.files, f"ftp://{made.user}:{made.password}@{made.host}:{made.port}{made.base}"
    fill(here, chance)
    source = [here, f"{url}/up"] if way == "mirror" else ["--mkdir", f"{here}/", f"{url}/up/"]
    command = [*UP[way], "-q", "--limit-rate", RATE, *source]
    for kill in range(KILLS):
        kill_at_random(chance, *command)
        if way == "put under another name" and (files / "up").exists():
            for path, content in whole_files(files / "up").items():
                assert content == (here / path).read_bytes(), f"{path} is false after kill {kill}"
    done = run(*command)
    assert done.returncode == 0, done.stderr
    there_now = {path: content for path, content in trees.hashes(files / "up").items() if not str(path).endswith(".part")}
    assert there_now == trees.hashes(here)
