"""Real trees through our server and our gateway with every client, method and kind of TLS (S4 S6 S8, G1 G4, C1 C5).

HARNESS_ONLY=1 in the environment runs the foreign clients against the foreign servers instead: what fails there is not ours.
"""

import os
import shutil

import pytest

from harness import trees
from harness.clients import CLIENTS, Server
from harness.reference_servers import REFERENCE_SERVERS

ALL = [(client, method, tls) for client, kind in CLIENTS.items() for tls in kind.TLS for method in kind.METHODS
       if kind.can(method, tls)]
FEW = [("curl", "epsv"), ("curl", "port"), ("lftp", "pasv"), ("ncftp", "pasv"), ("ncftp", "port"), ("ftplib", "epsv"),
       ("ftplib", "eprt"), ("sallyport", "epsv"), ("sallyport", "port")]


def combinations():
    if os.environ.get("HARNESS_ONLY"):
        return [(reference, *row) for reference in REFERENCE_SERVERS for row in ALL
                if row[0] != "sallyport" and row[2] in REFERENCE_SERVERS[reference].TLS]
    rows = [(target, *row) for target in ("server", "gate") for row in ALL]
    for reference in REFERENCE_SERVERS:
        rows += [(f"gate+{reference}", client, method, "none") for client, method in FEW]
    rows += [(f"gate+{backend}", client, method, "explicit") for backend in (*REFERENCE_SERVERS, "tls") for client, method in FEW
             if CLIENTS[client].can(method, "explicit")]
    return rows


class Target:
    """The server or gateway for a client, and the directory that it serves."""

    def __init__(self, start, certificate, folder, kind, tls):
        daemon_kind, _, backend_kind = kind.partition("+")
        self.user, self.password, self.base, self.give = "writer", "lab", "", lambda: None
        tls_options = ["--tls-cert", certificate.cert, "--tls-key", certificate.key] if tls != "none" else []
        listen = ["--listen", "127.0.0.1:0"] + (["--listen-tls", "127.0.0.1:0"] if tls == "implicit" else [])
        if daemon_kind in REFERENCE_SERVERS:
            self.daemon = self.reference_server(start, daemon_kind, tls=tls)
        elif daemon_kind == "server":
            self.files = folder
            self.daemon = start("serve", folder, *listen, *tls_options, "--user", "writer:lab")
        else:
            self.daemon = start("gate", *listen, *tls_options, *self.backend(start, certificate, folder, backend_kind))
        self.host, self.port = self.daemon.host, self.daemon.port
        if tls == "implicit" and daemon_kind not in REFERENCE_SERVERS:
            self.port = int(self.daemon.endpoints[1][1])
        self.server = Server(self.host, self.port, self.user, self.password, tls, certificate.cert if tls != "none" else None,
                             self.base)

    def reference_server(self, start, name, **options):
        reference = start.reference_server(name, **options)
        self.user, self.password, self.base, self.files = reference.user, reference.password, reference.base, reference.files
        self.give = lambda: reference.give(reference.files)
        return reference

    def backend(self, start, certificate, folder, backend_kind):
        if backend_kind in REFERENCE_SERVERS:
            reference = self.reference_server(start, backend_kind)
            return ["--backend", f"ftp://{reference.host}:{reference.port}"]
        self.files = folder
        tls = ["--tls-cert", certificate.cert, "--tls-key", certificate.key] if backend_kind == "tls" else []
        server = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", *tls)
        if backend_kind == "tls":
            return ["--backend", f"ftpes://{server.host}:{server.port}", "--backend-ca", certificate.cert]
        return ["--backend", f"ftp://{server.host}:{server.port}"]

    def empty(self):
        for path in self.files.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="module")
def targets(start_for_module, certificate, tmp_path_factory):
    made = {}

    def target(kind, tls):
        if (kind, tls) not in made:
            made[kind, tls] = Target(start_for_module, certificate, tmp_path_factory.mktemp("files"), kind, tls)
        return made[kind, tls]

    return target


@pytest.mark.parametrize("kind,client,method,tls", combinations())
def test_tree(targets, sample, tmp_path, kind, client, method, tls):
    """Upload, listing and download; every byte is the same on the server's disk and on ours."""
    target = targets(kind, tls)
    target.empty()
    program = CLIENTS[client](method)
    if not program.MAKES_FOLDERS:
        trees.make_folders(target.files, sample)
        target.give()
    program.put(target.server, sample)
    assert trees.hashes(target.files) == trees.hashes(sample)
    if (client, kind) != ("ncftp", "gate+pure-ftpd"):  # ncftp says "NLST -1", which Pure-FTPd takes for a file
        listed = {name.split("/")[-1] for name in program.names(target.server, "/many")} - {".", ".."}
        assert listed == {path.name for path in (sample / "many").iterdir()}
    back = tmp_path / "back"
    back.mkdir()
    program.get(target.server, back, trees.files(sample))
    assert trees.hashes(back) == trees.hashes(sample)
