"""Active mode of the client through a router, with --map: one mapping for one listener, which ends with the transfer (C2)."""

import signal
import subprocess

import pytest

from harness.daemon import wait_until
from harness.mapping_lab import bare, mapped_ports, on, real, run  # noqa: F401
from harness.scripted_router import ScriptedRouter

CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def vsftpd(root, start):
    """vsftpd(lab): a server on the client's host, which accepts uploads."""
    def begin(lab, host="client", address="5.9.1.10", **extra):
        server = start.reference_server("vsftpd", host=address, wrap=lambda argv: lab.command(host, *argv), **extra)
        (server.files / "file").write_bytes(CONTENT)
        server.give(server.files)
        return server

    return begin


def url(server, name):
    return f"ftp://{server.host}:{server.port}{server.base}/{name}"


def test_download_and_upload(real, sallyport, vsftpd, tmp_path):
    server = vsftpd(real)
    got = tmp_path / "got"
    done = run(real, "server", sallyport, "get", "--active", "--map", "-v", url(server, "file"), "-o", got)
    assert done.returncode == 0, done.stderr
    assert got.read_bytes() == CONTENT
    assert "> EPRT |1|5.9.1.1|" in done.stderr
    assert mapped_ports(real) == {}
    done = run(real, "server", sallyport, "put", "--active", "--map", got, url(server, "back"))
    assert done.returncode == 0, done.stderr
    assert (server.files / "back").read_bytes() == CONTENT
    done = run(real, "server", sallyport, "ls", "--active", "--map", "-1", url(server, ""))
    assert sorted(done.stdout.split()) == ["back", "file"], done.stderr
    assert mapped_ports(real) == {}


def test_without_map_it_fails(real, sallyport, vsftpd, tmp_path):
    server = vsftpd(real)
    done = run(real, "server", sallyport, "get", "--active", "--timeout", "2", url(server, "file"), "-o", tmp_path / "got")
    assert done.returncode == 7, done.stderr
    assert mapped_ports(real) == {}


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(real, sallyport, vsftpd, tmp_path, sign):
    """The mapping ends first, then the process as the signal ends it."""
    server = vsftpd(real, rate=50000)
    argv = real.command("server", sallyport, "get", "--active", "--map", url(server, "file"), "-o", tmp_path / "got")
    with subprocess.Popen(argv, stderr=subprocess.PIPE) as client:
        (port, to), = wait_until(lambda: mapped_ports(real).items(), 5, "the mapping")
        assert to.startswith("192.168.77.10:")
        wait_until(lambda: (tmp_path / "got.part").exists() and (tmp_path / "got.part").stat().st_size, 5, "the first bytes")
        client.send_signal(sign)
        client.communicate(timeout=5)
        assert client.returncode == -sign
    assert mapped_ports(real) == {}


def test_no_mapping_in_a_private_network(real, sallyport, vsftpd, tmp_path):
    """The router is not asked."""
    server = vsftpd(real, "second-server", "192.168.77.11")
    done = run(real, "server", sallyport, "get", "--active", "--map", "-v", url(server, "file"), "-o", tmp_path / "got")
    assert done.returncode == 0, done.stderr
    assert "> EPRT |1|192.168.77.10|" in done.stderr


def test_a_router_that_does_not_map(bare, sallyport, vsftpd, tmp_path):
    """Exit code 7, with the reason."""
    with ScriptedRouter("192.168.77.1", inside=on(bare, "router"), external_address="100.64.0.9"):
        done = run(bare, "server", sallyport, "get", "--active", "--map=pcp", url(vsftpd(bare), "file"), "-o", tmp_path / "got")
        assert done.returncode == 7, done.stderr
        assert "there is another NAT" in done.stderr


def test_map_is_for_active_mode(sallyport):
    done = subprocess.run([sallyport, "get", "--passive", "--map", "ftp://5.9.1.10/file"], capture_output=True, text=True)
    assert done.returncode == 2 and "--active" in done.stderr
