"""One pool of four servers of four kinds, each with its own TLS mode, and common clients (G1 G4 G7 G10)."""

import shutil

import pytest

from harness import trees
from harness.clients import CLIENTS, Server

ROWS = [("curl", "epsv", "none"), ("ftplib", "pasv", "explicit"), ("lftp", "epsv", "explicit"), ("lftp", "port", "none"),
        ("ncftp", "pasv", "none"), ("ncftp", "port", "none"), ("ftplib", "eprt", "explicit"), ("sallyport", "epsv", "implicit")]


@pytest.fixture(scope="module")
def pool(start_for_module, root, certificate, tmp_path_factory):
    """Without TLS, with explicit and with implicit TLS; two require that data connections resume the TLS session."""
    folder = tmp_path_factory.mktemp("ours")
    ours = start_for_module("serve", folder, "--listen-tls", "127.0.0.1:0", "--tls-cert", certificate.both, "--user", "writer:lab",
                            "--tls-reuse", "require")
    vsftpd = start_for_module.reference_server("vsftpd", tls="explicit", local=True, reuse=True)
    proftpd = start_for_module.reference_server("proftpd", tls="explicit", reuse=True)
    pure = start_for_module.reference_server("pure-ftpd")
    urls = [f"ftps://127.0.0.1:{ours.port}", f"ftpes://127.0.0.1:{vsftpd.port}", f"ftpes://127.0.0.1:{proftpd.port}",
            f"ftp://127.0.0.1:{pure.port}"]
    return [folder, vsftpd.files, proftpd.files, pure.files], urls, (vsftpd, proftpd, pure)


@pytest.mark.parametrize("client,method,tls", ROWS)
def test_any_client_with_any_server(start, pool, certificate, small_sample, tmp_path, client, method, tls):
    """Repeatedly, so that every server stores the tree and returns it."""
    folders, urls, references = pool
    for folder in folders:
        for old in folder.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        if not CLIENTS[client].MAKES_FOLDERS:
            trees.make_folders(folder, small_sample)
    for reference in references:
        reference.give(reference.files)
    gate = start("gate", "--listen", "127.0.0.1:0", *(["--listen-tls", "127.0.0.1:0"] if tls == "implicit" else []),
                 *(["--tls-cert", certificate.both] if tls != "none" else []), "--balance", "round-robin", "--health-check", "off",
                 *(["--backend-ca", certificate.cert] if any(url.startswith("ftpes") for url in urls) else []),
                 *[word for url in urls for word in ("--backend", url)])
    port = int(gate.endpoints[1 if tls == "implicit" else 0][1])
    server = Server("127.0.0.1", port, "writer", "lab", tls, certificate.cert if tls != "none" else None)
    program = CLIENTS[client](method)
    for _ in folders:
        program.put(server, small_sample)
    if client == "sallyport":  # a session for each file: they are spread over all
        for name, content in trees.hashes(small_sample).items():
            assert {trees.hashes(folder).get(name) for folder in folders} == {content}
        return
    for folder in folders:
        assert trees.hashes(folder) == trees.hashes(small_sample)
    for number, _ in enumerate(folders):
        back = tmp_path / f"back{number}"
        back.mkdir()
        program.get(server, back, trees.files(small_sample))
        assert trees.hashes(back) == trees.hashes(small_sample)
