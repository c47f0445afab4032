"""TLS-04: clients without session tickets (curl with TLS 1.2), whose sessions are found by ID, and connections from the
client's address that do not resume its session."""

import ssl
import threading
import time

import pytest

from harness import trees
from harness.clients import CLIENTS, Server
from harness.raw import drain
from test_single_port import VERSIONS, Tls, front  # noqa: F401 (a fixture)

WAYS = {"range": (), "one-port": ("--single-port", "control")}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_curl_held_at_tls_1_2(front, certificate, tmp_path, options):  # noqa: F811
    """Uploads and downloads, several files per session."""
    tree, back = tmp_path / "tree", tmp_path / "back"
    trees.make(tree, large=700001, small=1)
    back.mkdir()
    daemon = front("--tls-reuse", "require", *options)
    curl = CLIENTS["curl"]("epsv", wrap=lambda argv: [argv[0], "--tls-max", "1.2", *argv[1:]])
    server = Server("127.0.0.1", daemon.port, "writer", "lab", "explicit", certificate.cert)
    curl.put(server, tree)
    curl.get(server, back, trees.files(tree))
    assert trees.hashes(back) == trees.hashes(tree)


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_the_session_of_another_is_refused(front, certificate, options):  # noqa: F811
    daemon = front("--tls-reuse", "require", *options)
    context = ssl.create_default_context(cafile=certificate.cert)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    first, second = (Tls("127.0.0.1", daemon.port).secure(None, context=context) for _ in range(2))
    assert not first.socket.session.has_ticket and first.socket.session.id
    for tls_session in (second.socket.session, None):
        data = first.connect(first.epsv_port())
        first.send(b"RETR file.txt\r\n")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            tls = context.wrap_socket(data, server_hostname="127.0.0.1", session=tls_session)
            assert drain(tls) == b"", "no other session's file"
            raise ConnectionResetError
        while (reply := first.reply()).code in (150, 125):
            pass
        assert reply.code in ((425, 522) if options else (522,)), reply  # on the single port it may be assigned to its own session
    for session in (first, second, first):
        assert session.retrieve_by(session.connect(session.epsv_port())) == b"content"
    first.close()
    second.close()


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_another_host_with_the_address_of_the_client_gets_no_file(front, certificate, version):  # noqa: F811
    """It connects to the passive port before the client, and starts TLS at once."""
    session = Tls("127.0.0.1", front().port).secure(certificate.cert, version)
    for _ in range(3):
        port = session.epsv_port()
        other, stolen = session.connect(port), []

        def attack(other=other, stolen=stolen):
            try:
                stolen.append(drain(session.context.wrap_socket(other, server_hostname="127.0.0.1")))
            except OSError:
                pass

        attacker = threading.Thread(target=attack)
        attacker.start()
        data = session.connect(port)
        assert session.retrieve_by(data) == b"content"
        attacker.join()
        assert not any(stolen)
    session.close()


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_a_client_that_resumes_no_session_is_delayed_once(front, certificate, version):  # noqa: F811
    session = Tls("127.0.0.1", front().port).secure(certificate.cert, version)
    times = []
    for _ in range(5):
        start = time.monotonic()
        assert session.retrieve_by(session.connect(session.epsv_port()), resume=False) == b"content"
        times.append(time.monotonic() - start)
    assert times[0] >= 0.25 > sorted(times[1:])[1], times
    session.close()


def test_a_silent_connection_delays_such_a_client_briefly(front, certificate):  # noqa: F811
    """It comes from the client's address and never starts TLS."""
    session = Tls("127.0.0.1", front().port).secure(certificate.cert, VERSIONS["1.3"])
    port = session.epsv_port()
    silent = session.connect(port)
    start = time.monotonic()
    assert session.retrieve_by(session.connect(port), resume=False) == b"content"
    assert time.monotonic() - start < 5
    silent.close()
    session.close()


@pytest.mark.alone
@pytest.mark.parametrize("name", ["curl", "lftp"])
def test_clients_that_resume_are_not_delayed(front, certificate, tmp_path, name):  # noqa: F811
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(40):
        (tree / f"file{number}").write_bytes(b"x" * 1000)
    seconds = {}
    for reuse in ("off", "prefer"):
        server = Server("127.0.0.1", front("--tls-reuse", reuse).port, "writer", "lab", "explicit", certificate.cert)
        back = tmp_path / reuse
        back.mkdir()
        start = time.monotonic()
        CLIENTS[name]("epsv").put(server, tree)
        CLIENTS[name]("epsv").get(server, back, trees.files(tree))
        seconds[reuse] = time.monotonic() - start
        # lftp gets the other files of the directory, too.
        assert trees.hashes(tree).items() <= trees.hashes(back).items()
    # Each of the two sessions may be delayed once, not at each of its 40 transfers.
    assert seconds["prefer"] < 1.5 * seconds["off"] + 2, seconds
