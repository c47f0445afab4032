"""TLS-04 with clients that take no session tickets (curl held at TLS 1.2 is one): their sessions are found by id."""

import ssl

import pytest

from harness import trees
from harness.clients import CLIENTS, Server
from harness.raw import drain
from test_single_port import Tls, front  # noqa: F401 (a fixture)

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
