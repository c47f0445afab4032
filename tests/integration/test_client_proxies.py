"""The client with SOCKS5 and HTTP proxies: control and data connections, TLS, logins, exceptions, faults (C8, CL-05)."""

import json
import os
import signal
import socket
import subprocess

import pytest

from conftest import cannot
from free_ports import free_port
from harness import programs
from harness.daemon import wait_until
from harness.our_client import here, ours, result_of, run, scripted, there  # noqa: F401  (fixtures)
from harness.scripted_proxy import HttpProxy, Socks5Proxy


@pytest.fixture(params=[Socks5Proxy, HttpProxy], ids=["socks5", "http"])
def kind(request):
    return request.param


@pytest.fixture
def proxies():
    """proxies(kind, **options): a proxy that is closed at the end of the test."""
    running = []

    def make(kind, **options):
        running.append(kind(**options))
        return running[-1]

    yield make
    for proxy in running:
        proxy.close()


def by_name(url):
    """The same server by a name that only the proxy knows."""
    return url.replace("127.0.0.1", "ftp.inside.example")


NAMES = {"ftp.inside.example": "127.0.0.1"}


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("method", ["epsv", "pasv"])
def test_files_move_through_a_proxy(proxies, kind, ours, there, here, piece, method):
    """C8: control and data connections are asked for by the name in the URL, which this machine can't resolve."""
    proxy = proxies(kind, names=NAMES, piece=piece)
    (there / "a").write_bytes(b"content" * 50_000)
    (here / "b").write_bytes(b"other" * 50_000)
    server = by_name(ours)
    options = ["--proxy", proxy.url, "--data-methods", method]
    assert run("get", *options, server + "/a", cwd=here).returncode == 0
    assert (here / "a").read_bytes() == b"content" * 50_000
    assert run("put", *options, here / "b", server + "/").returncode == 0
    assert (there / "b").read_bytes() == b"other" * 50_000
    assert len(proxy.destinations) >= 4
    assert all(each.startswith("ftp.inside.example:") for each in proxy.destinations)


def test_many_files_and_a_listing_through_a_proxy(proxies, kind, ours, there, here):
    """C8: several connections, each through the proxy."""
    proxy = proxies(kind, names=NAMES)
    for number in range(20):
        (there / f"f{number}").write_text(str(number))
    server = by_name(ours)
    done = run("get", "--json", "--parallel", "3", "--proxy", proxy.url, "-O", here, server + "/f*")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_text() for path in here.iterdir()} == {f"f{n}": str(n) for n in range(20)}
    assert len(result_of(run("ls", "--json", "--proxy", proxy.url, server + "/"))["entries"]) == 20


@pytest.mark.parametrize("tls", ["ftpes", "ftps"])
def test_tls_is_with_the_server(proxies, kind, start, there, here, certificate, tls):
    """C8, TLS-04: the certificate is that of the server's name, and the proxy sees neither names nor content."""
    proxy = proxies(kind)
    daemon = start("serve", there, "--listen" if tls == "ftpes" else "--listen-tls", "127.0.0.1:0", "--user", "writer:lab-secret", "--tls-cert", certificate.cert, "--tls-key",
                   certificate.key)
    (there / "hidden-name").write_bytes(b"hidden-content")
    done = run("get", "--json", "--ca", certificate.cert, "--proxy", proxy.url,
               f"{tls}://writer:lab-secret@127.0.0.1:{daemon.port}/hidden-name", cwd=here)
    assert done.returncode == 0, done.stdout
    assert result_of(done)["tls"] and result_of(done)["tls_resumed"]
    assert (here / "hidden-name").read_bytes() == b"hidden-content"
    assert b"hidden" not in proxy.from_clients and b"lab-secret" not in proxy.from_clients


def test_the_address_in_a_227(proxies, kind, scripted):
    """C4, C8: --passive-address decides as without a proxy, so a wrong address has no effect by default."""
    server = scripted(listings={"/": b""})
    server.advertised = "127.0.0.2"
    proxy = proxies(kind, names=NAMES)
    url = by_name(server.url(""))
    assert run("ls", "--data-methods", "pasv", "--proxy", proxy.url, url).returncode == 0
    assert len(proxy.destinations) > 1 and all(each.startswith("ftp.inside.example:") for each in proxy.destinations)
    run("ls", "--data-methods", "pasv", "--passive-address", "follow", "--proxy", proxy.url, url)
    assert proxy.destinations[-1].startswith("127.0.0.2:")


def test_a_login_at_the_proxy(proxies, kind, scripted):
    """C8, CL-05: user and password are sent to the proxy, and never printed."""
    server = scripted(listings={"/": b""})
    proxy = proxies(kind, login=("jo", "p@ss: w"))
    url = proxy.url.replace("://", "://jo:p%40ss%3A%20w@")
    done = run("ls", "-v", "--json", "--proxy", url, server.url(""))
    assert done.returncode == 0, done.stderr
    assert "connected to 127.0.0.1:" in done.stderr and f"through the proxy {proxy.url}" in done.stderr
    for wrong, what in ((proxy.url.replace("://", "://jo:hidden@"), "refuses the login"), (proxy.url, "requires a login")):
        done = run("ls", "-v", "--proxy", wrong, server.url(""))
        assert done.returncode == 3 and what in done.stderr and f"proxy {proxy.url}" in done.stderr
        assert "user and password" in done.stderr and "--no-proxy" in done.stderr and "hidden" not in done.stderr
    assert "p@ss" not in done.stderr


def test_where_the_proxy_comes_from(proxies, scripted, monkeypatch, tmp_path):
    """C8: the option before the site, the site before the file, the file before ALL_PROXY; NO_PROXY excepts hosts of all of them."""
    server = scripted(listings={"/": b""})
    url = server.url("")
    names = ("option", "site", "file", "lower", "upper")
    all_of_them = {name: proxies(Socks5Proxy) for name in names}

    def used(*arguments):
        before = {name: proxy.count for name, proxy in all_of_them.items()}
        assert run("ls", "--passive", *arguments).returncode == 0
        return [name for name, proxy in all_of_them.items() if proxy.count > before[name]]

    assert used(url) == []
    monkeypatch.setenv("ALL_PROXY", all_of_them["upper"].url)
    assert used(url) == ["upper"]
    monkeypatch.setenv("all_proxy", all_of_them["lower"].url)
    assert used(url) == ["lower"]
    config = tmp_path / "config" / "sallyport"
    config.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config.parent))
    (config / "client.toml").write_text(f'proxy = "{all_of_them["file"].url}"\n')
    assert used(url) == ["file"]
    assert run("sites", "add", "partner", server.url("").replace(":p@", "@"), "--proxy", all_of_them["site"].url).returncode == 0
    monkeypatch.setenv("SALLYPORT_PASSWORD", "p")
    assert used("partner:") == ["site"]
    assert used("--proxy", all_of_them["option"].url, "partner:") == ["option"]

    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.0/8")
    assert used("--proxy", all_of_them["option"].url, url) == []
    assert used("--no-proxy", "other.example", url) == ["file"]
    monkeypatch.delenv("NO_PROXY")
    assert used("--no-proxy", "*", url) == []


def test_a_site_stores_no_password_of_a_proxy():
    """C8, CL-05: it is refused with the place for it."""
    done = run("sites", "add", "partner", "ftp://u@host/", "--proxy", "socks5://jo:hidden@proxy:1080")
    assert done.returncode == 2 and "client.toml" in done.stderr and "hidden" not in done.stderr


@pytest.mark.parametrize("given, what", [
    (["--proxy", "socks4://proxy:1080"], "--proxy: socks4: unknown kind of proxy; use socks5://"),
    (["--proxy", "socks5://u:hidden@proxy:x"], "--proxy: invalid URL of a proxy; use"),
    (["--proxy", "http://proxy"], "--proxy: the URL of the proxy has no port; add it"),
    (["--proxy", "socks5://proxy:1080", "--active"], "active mode is not possible through the proxy socks5://proxy:1080; remove --active"),
])
def test_wrong_usage(given, what):
    done = run("ls", *given, "ftp://127.0.0.1:1/")
    assert done.returncode == 2 and what in done.stderr and "hidden" not in done.stderr


def test_a_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "https://proxy:443")
    done = run("ls", "ftp://127.0.0.1:1/")
    assert done.returncode == 2 and "ALL_PROXY: https: unknown kind of proxy" in done.stderr


def test_a_proxy_that_is_not_there():
    """C6, C8: the message names the proxy and what to check."""
    for proxy in (f"socks5://127.0.0.1:{free_port()}", "http://nowhere.invalid:3128"):
        done = run("ls", "--json", "--proxy", proxy, "ftp://127.0.0.1:1/")
        found = result_of(done)
        assert done.returncode == 3 and f"proxy {proxy}: cannot" in found["message"] and "Check the proxy" in found["advice"]


def test_a_server_that_the_proxy_cannot_reach(proxies, kind):
    """C6, C8: the advice is that on the server, since the proxy works."""
    port = free_port()
    proxy = proxies(kind)
    done = run("ls", "--json", "--proxy", proxy.url, f"ftp://127.0.0.1:{port}/")
    found = result_of(done)
    assert done.returncode == 3 and found["step"] == "connect"
    assert f"proxy {proxy.url}: it cannot connect to 127.0.0.1:{port}: " in found["message"]
    assert "Check the proxy" not in found["advice"] and "Check the host" in found["advice"]


@pytest.mark.parametrize("answer, what", [
    (b"220 ready\r\n", "check its port"),
    (b"", "connection closed by the peer"),
    (b"\0" * 5000, "check its port"),
], ids=["ftp", "nothing", "zeros"])
def test_something_else_than_a_proxy(proxies, kind, answer, what):
    """C3, C6, C8: a wrong answer ends at once, with the cause and the next step."""
    proxy = proxies(kind, answers=answer)
    done = run("ls", "--proxy", proxy.url, "ftp://127.0.0.1:1/")
    assert done.returncode == 3 and f"proxy {proxy.url}: " in done.stderr and what in done.stderr and "Check the proxy" in done.stderr


def test_a_proxy_that_does_not_answer(proxies, kind):
    """C3, C8: --connect-timeout holds for it."""
    proxy = proxies(kind, answers=lambda connection: connection.recv(4096) and connection.recv(4096) and connection.recv(1))
    done = run("ls", "--connect-timeout", "0.5", "--proxy", proxy.url, "ftp://127.0.0.1:1/", seconds=20)
    assert done.returncode == 3 and f"proxy {proxy.url}: asking it to connect to 127.0.0.1:1: timed out" in done.stderr


def test_a_data_connection_that_the_proxy_refuses(proxies, scripted, kind):
    """C4, C6, C8: exit code 7, and each method with what the proxy said."""
    server = scripted(listings={"/": b""})
    refusal = b"\5\0\5\2\0\1" + bytes(6) if kind is Socks5Proxy else b"HTTP/1.1 403 Forbidden\r\n\r\n"
    proxy = proxies(kind, answers={number: refusal for number in range(1, 20)})
    done = run("ls", "--json", "--proxy", proxy.url, server.url(""))
    found = result_of(done)
    assert done.returncode == 7, found
    assert f"proxy {proxy.url}: " in found["message"] and "0.0.0.0" not in found["message"]
    assert found["advice"].startswith("The proxy has to permit connections") and "--active" not in found["advice"]
    assert "doctor" not in done.stderr
    assert not any(each["method"] in ("EPRT", "PORT") for each in found["attempts"])


def test_the_doctor_uses_no_proxy(proxies, ours, monkeypatch):
    """C6, C8: it examines the path from this computer."""
    proxy = proxies(Socks5Proxy)
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    assert json.loads(run("doctor", "--json", ours + "/", seconds=120).stdout)
    assert proxy.count == 0


# ---- Proxies of other projects

DANTE = """
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: daemon
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 20
BasicAuth jo secret
"""


@pytest.fixture(params=["danted", "tinyproxy"])
def real_proxy(request, tmp_path):
    """The URL of dante or tinyproxy."""
    program = programs.reference_server(request.param)
    if not program:
        cannot(f"{request.param} is not in build/reference-servers; tools/reference-servers fetches it")
    port = free_port()
    config = tmp_path / "proxy.conf"
    config.write_text((DANTE if request.param == "danted" else TINYPROXY).format(port=port))
    argv = ["-f", config] if request.param == "danted" else ["-d", "-c", config]
    with (tmp_path / "proxy.log").open("w") as log:
        process = subprocess.Popen([program, *map(str, argv)], stdout=log, stderr=log, start_new_session=True)

    def accepts():
        assert process.poll() is None, (tmp_path / "proxy.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(accepts)
        yield f"socks5://127.0.0.1:{port}" if request.param == "danted" else f"http://jo:secret@127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


@pytest.mark.parametrize("scheme", ["ftp", "ftpes"])
def test_with_proxies_of_other_projects(real_proxy, start, there, here, certificate, scheme):
    """C8: dante, without a login, and tinyproxy, with one; unencrypted and with TLS. localhost is a name for the proxy."""
    daemon = start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--tls-cert", certificate.cert, "--tls-key",
                   certificate.key)
    (there / "a").write_bytes(b"content" * 100_000)
    options = ["--json", "--ca", certificate.cert, "--proxy", real_proxy]
    url = f"{scheme}://writer:lab@localhost:{daemon.port}"
    done = run("get", *options, url + "/a", cwd=here)
    assert done.returncode == 0, done.stdout
    assert (here / "a").read_bytes() == b"content" * 100_000
    done = run("put", *options, here / "a", url + "/b")
    assert done.returncode == 0, done.stdout
    assert (there / "b").read_bytes() == b"content" * 100_000
    assert result_of(run("ls", "--json", "--proxy", real_proxy, f"ftp://127.0.0.1:{free_port()}/"))["exit_code"] == 3
