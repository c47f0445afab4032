"""One client's work on the disk hardly delays the others (RX-05)."""

import os
import select
import socket
import threading
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Raw

NOTHING = "large/nothing*"  # reads the complete directory, and sends no line that would cost the client time
# The same in a directory for which a search takes many slices of work, so that the wait for one turn is far below its time.
NOTHING_OF_MANY = "larger/nothing*"
LINKS = 30_000  # of one file; ext4 permits 65,000


def make_large(folder, entries):
    folder.mkdir()
    for i in range(entries):
        if i % LINKS:
            os.link(folder / str(i - i % LINKS), folder / str(i))
        else:
            (folder / str(i)).touch()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    (root / "small").mkdir()
    (root / "small/file").write_bytes(b"content")
    make_large(root / "large", 30_000)
    return root


@pytest.fixture
def server(start, files):
    return start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--max-sessions-per-address", 0)


class Crowd:
    """Sessions that search a large directory again and again, from these addresses in turn."""

    def __init__(self, server, addresses, count, pattern=NOTHING):
        self.ended = False
        self.command = f"STAT {pattern}\r\n".encode()
        self.sessions = [Raw(server.host, server.port, source=addresses[i % len(addresses)], timeout=60) for i in range(count)]
        for session in self.sessions:
            session.login()
            session.send(self.command)
        self.thread = threading.Thread(target=self.repeat)
        self.thread.start()

    def repeat(self):
        """Each reply is answered with the next command: a thread is enough, as it sleeps while they all wait."""
        by_fd = {session.socket: session for session in self.sessions}
        while not self.ended:
            for ready in select.select(list(by_fd), [], [], 0.05)[0]:
                by_fd[ready].reply()
                by_fd[ready].send(self.command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()
        for session in self.sessions:
            session.close()


def waits(client, seconds=4):
    """Seconds of each small STAT, sorted: it is answered on the disk's threads."""
    out = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(out) < 10:
        begun = time.monotonic()
        client.expect("STAT small", 213)
        out.append(time.monotonic() - begun)
    return sorted(out)


@pytest.fixture
def client(server):
    with Raw(server.host, server.port, source="127.0.0.100", timeout=60) as raw:
        yield raw.login()


def median(values):
    return values[len(values) // 2]


@pytest.mark.alone
def test_the_number_of_another_clients_sessions_does_not_matter(server, client):
    with Crowd(server, ["127.0.0.2"], 8):
        few = waits(client)
    with Crowd(server, ["127.0.0.2"], 80):
        many = waits(client)
    assert median(many) < 3 * median(few) + 0.01, f"{median(few):.3f} s, and {median(many):.3f} s"


@pytest.mark.alone
def test_eight_clients_with_the_worst_commands(server, client):
    alone = waits(client, 1)
    with Crowd(server, [f"127.0.0.{i}" for i in range(2, 10)], 8):
        crowded = waits(client)
    assert median(crowded) < 30 * median(alone) + 0.02, f"{median(alone):.4f} s, and {median(crowded):.4f} s"


@pytest.mark.alone
def test_sessions_of_one_address_are_served_in_turn(server, files):
    """Clients behind one NAT router: the small command of one does not wait for all searches of the others."""
    make_large(files / "larger", 120_000)
    with Raw(server.host, server.port, source="127.0.0.2", timeout=60) as client:
        client.login()
        with Crowd(server, ["127.0.0.2"], 40, NOTHING_OF_MANY):
            small = median(waits(client))
            begun = time.monotonic()
            client.expect(f"STAT {NOTHING_OF_MANY}", 213)
            search = time.monotonic() - begun
    assert small < search / 3, f"{small:.3f} s, and {search:.3f} s for a search"


def test_the_work_of_a_client_that_left_is_dropped(server):
    """The searches that it has sent together are not done after its connection was reset."""
    with Raw(server.host, server.port) as raw:
        raw.login()
        raw.send(f"STAT {NOTHING}\r\n".encode() * 40)
        raw.reset()
        before = server.cpu()
        wait_until(lambda: server.idle_share(0.3) < 0.1, 5, "the server idles")
        assert server.cpu() - before < 2


def test_the_search_of_a_client_that_closed_its_data_connection_ends(server):
    with Raw(server.host, server.port) as raw:
        raw.login()
        data = raw.passive()
        raw.expect(f"NLST {NOTHING}", 150)
        data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        data.close()
        assert raw.reply().code in (226, 426)
        raw.expect("NOOP", 200)
