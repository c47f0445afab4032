"""RX-03: what clients cost in memory that neither read nor send, with a server and through a gateway."""

import contextlib
import os
import re
import time
from pathlib import Path

import pytest

import stalled_sessions
from harness.daemon import wait_until
from harness.patience import patient
from harness.raw import Raw
from stalled_sessions import KINDS, Stalled

SESSIONS, FIRST = 150, 20  # `FIRST` sessions fill the memory that all sessions share
MAX_KIB = 100  # for each further one; a part of it is what the heap keeps of earlier buffers
ENTRIES = 6000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("stalled")
    for name in ("many", "sorted", "up"):
        (root / name).mkdir()
    for number in range(ENTRIES):
        (root / "many" / f"file-{number:05}-{'x' * 60}").touch()
        if number < 3000:
            (root / "sorted" / f"file-{number:05}-{'x' * 60}").touch()
    with (root / "large").open("wb") as large:
        large.truncate(1 << 30)
    return root


def resident_kib(daemon):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{daemon.pid}/status").read_text())[1])


def settled(daemon):
    """The memory, when slow clients have been noticed."""
    time.sleep(1)
    return resident_kib(daemon)


def cost(daemon, kind, limit, **options):
    """KiB of each further session. Above `limit` it is measured again, as a busy machine notices slow clients late."""
    stalled_sessions.allow_descriptors()
    context = stalled_sessions.client_context()

    def opened(count):
        return [Stalled(("127.0.0.1", daemon.port), kind, ("writer", "lab"), context, **options) for _ in range(count)]

    held = opened(FIRST)
    before = settled(daemon)
    held += opened(SESSIONS)
    end = time.monotonic() + patient(15)
    while (each := (settled(daemon) - before) / SESSIONS) > limit and time.monotonic() < end:
        pass
    for session in held:
        session.close()
    return each


@pytest.fixture
def server(start, folder, certificate):
    return start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--upload-sync", "none", "--log-level", "warning",
                 "--tls-cert", certificate.cert, "--tls-key", certificate.key)


@pytest.mark.limit(120)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stalled_session_of_the_server_needs_little_memory(server, kind):
    assert cost(server, kind, MAX_KIB) <= MAX_KIB
    with Raw("127.0.0.1", server.port) as other:
        other.login().expect("SIZE /large", 213)


def test_a_stalled_upload_holds_four_descriptors(server):
    """Two connections, the new file and its directory, but no pipe."""
    # At its start the server reads the directories, to find what an earlier process has left.
    uploads, idle = 20, len(server.settled_fds())
    with contextlib.ExitStack() as held:
        for _ in range(uploads):
            held.enter_context(contextlib.closing(Stalled(("127.0.0.1", server.port), "STOR", ("writer", "lab"))))
        # The server may have opened some for itself.
        wait_until(lambda: 4 * uploads <= len(server.fds()) - idle < 5 * uploads, 30, "uploads without pipes")


@pytest.mark.limit(120)
@pytest.mark.parametrize("kind", ["LIST", "NLST", "STAT"])
def test_a_stalled_listing_in_order_needs_little_memory(server, kind):
    limit = 3 * MAX_KIB  # with names that are leased from the shared memory
    assert cost(server, kind, limit, directory="/sorted") <= limit


@pytest.mark.limit(120)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "STAT"])
def test_a_stalled_session_of_the_gateway_needs_little_memory(start, server, certificate, kind):
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--log-level", "warning",
                 "--tls-cert", certificate.cert, "--tls-key", certificate.key)
    assert cost(gate, kind, MAX_KIB) <= MAX_KIB


def test_a_listing_that_is_read_slowly_is_complete_and_in_order(server, folder):
    """The names are read again for each part while the client is slow."""
    with Raw("127.0.0.1", server.port) as raw:
        raw.login()
        data = raw.passive()
        raw.expect("NLST /sorted", 150)
        received = b""
        while part := data.recv(60_000):
            received += part
            if len(received) < 200_000:
                time.sleep(0.35)
        assert raw.reply().code == 226
    names = received.decode().split()
    assert names == sorted(f"/sorted/{name}" for name in os.listdir(folder / "sorted"))


def test_a_long_status_is_complete_for_a_client_that_reads_it_late(server, folder):
    with Raw("127.0.0.1", server.port) as raw:
        raw.login()
        raw.send(b"STAT /sorted\r\n" * 40)
        time.sleep(1)
        for _ in range(40):
            reply = raw.reply()
            assert reply.code == 213
            lines = reply.text.split("\n")
            assert len(lines) == 1003 and lines[-2] == " and more; LIST shows all" and lines[-1] == "213 End of status."
            assert [line.split()[-1] for line in lines[1:-2]] == sorted(os.listdir(folder / "sorted"))[:1000]
