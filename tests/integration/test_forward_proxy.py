"""A gateway whose clients name the server: USER name@host, OPEN, SITE (--forward-to). In a network, since a server on the
gateway's own machine is never permitted."""

import contextlib
import shutil
import subprocess
from types import SimpleNamespace

import pytest

import network
from harness import trees
from harness.clients import CLIENTS, Server
from harness.daemon import Daemon
from harness.raw import Raw
from harness.reference_servers import REFERENCE_SERVERS
from network import Host, Scenario, Segment

PROXY, OURS = "10.9.0.1", "10.9.1.2"
REFERENCES = {"vsftpd": "10.9.1.3", "proftpd": "10.9.1.4", "pure-ftpd": "10.9.1.5"}
SECRET = "10.9.1.9"  # no rule names it

NAMED = Scenario("named", "a forward proxy between two networks that have no route to each other", "",
                 (Segment("office"), Segment("servers")),
                 (Host("client", {"office": "10.9.0.2/24"}),
                  Host("proxy", {"office": f"{PROXY}/24", "servers": "10.9.1.1/24"}),
                  Host("servers", {"servers": tuple(f"{each}/24" for each in (OURS, *REFERENCES.values(), SECRET))})))
HOSTS = f"{OURS} ours.test\n127.0.0.1 inside.test\n127.0.0.1 mixed.test\n{OURS} mixed.test\n{SECRET} secret.test secret.other\n"


@pytest.fixture(scope="module")
def site(networks, root, sallyport, certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("named")
    (folder / "hosts").write_text(HOSTS)
    (folder / "hosts").chmod(0o644)
    with contextlib.ExitStack() as stack:
        built = stack.enter_context(network.Network(NAMED))

        def start(host, *argv):
            with_names = ["sh", "-c", f'mount --bind {folder / "hosts"} /etc/hosts; exec "$@"', "sh"]
            return Daemon([sallyport, *argv], wrap=lambda a: built.command(host, *with_names, *a)).wait_ready()

        files = {}
        for name, address in REFERENCES.items():
            server = REFERENCE_SERVERS[name](folder / name, certificate, host=address, port=21,
                                             wrap=lambda a: built.command("servers", *a), **({"local": True} if name == "vsftpd" else {}))
            stack.callback(server.stop)
            server.start()
            files[address] = server
        ours = folder / "ours"
        ours.mkdir()
        daemon = start("servers", "serve", ours, "--listen", f"{OURS}:21", "--listen", f"{OURS}:2121", "--listen", f"{SECRET}:21",
                       "--listen-tls", f"{OURS}:990", "--tls-cert", certificate.both, "--user", "writer:lab", "--user", "w@x.test:lab",
                       "--log-level", "debug")
        stack.callback(daemon.stop)
        yield SimpleNamespace(net=built, start=start, ours=daemon, folder=ours, references=files, certificate=certificate)


@pytest.fixture
def proxy(site):
    """proxy(OPTION...): a gateway without backends, that listens at PROXY:2121."""
    started = []

    def begin(*options):
        gate = site.start("proxy", "gate", "--listen", f"{PROXY}:2121", *options)
        started.append(gate)
        gate.raw = lambda: Raw(PROXY, 2121, dial=site.net.dial("client"))
        return gate
    yield begin
    for gate in started:
        gate.stop()


def empty(folder):
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()


def refused(gate, *commands):
    """The replies to the login, without the greeting."""
    with gate.raw() as raw:
        raw.greet()
        return [str(raw.command(command)) for command in commands]


@pytest.mark.parametrize("client,method", [("curl", "epsv"), ("curl", "port"), ("lftp", "pasv"), ("ncftp", "pasv"), ("ncftp", "port"),
                                           ("sallyport", "epsv"), ("sallyport", "eprt")])
@pytest.mark.parametrize("address", [OURS, *REFERENCES.values()], ids=["sallyport", *REFERENCES])
def test_any_client_reaches_any_server_by_USER(site, proxy, small_sample, tmp_path, client, method, address):
    proxy("--forward-to", "10.9.1.0/28:21", "--forward-to", f"{OURS}:21")
    program = CLIENTS[client](method, wrap=lambda argv: site.net.command("client", *argv))
    folder = site.folder if address == OURS else site.references[address].files
    empty(folder)
    if not program.MAKES_FOLDERS:
        trees.make_folders(folder, small_sample)
    if address != OURS:
        site.references[address].give(folder)
    server = Server(PROXY, 2121, f"writer@{address}", "lab")
    program.put(server, small_sample)
    assert trees.hashes(folder) == trees.hashes(small_sample)
    back = tmp_path / "back"
    back.mkdir()
    program.get(server, back, trees.files(small_sample))
    # lftp asks for features before the login only, and then lists without MLSD, which leaves out hidden files.
    expected = {name: content for name, content in trees.hashes(small_sample).items() if client != "lftp" or "/." not in name}
    assert expected.items() <= trees.hashes(back).items()


def test_lftp_by_its_own_setting_for_proxies(site, proxy):
    proxy("--forward-to", "10.9.1.0/24")
    (site.folder / "this-is").write_text("ours")
    script = f"set ftp:proxy ftp://{PROXY}:2121; set cmd:fail-exit yes; set net:max-retries 1; open -u writer,lab ftp://{OURS}; cat this-is"
    done = subprocess.run(site.net.command("client", "lftp", "--norc", "-c", script), capture_output=True, text=True, timeout=30)
    assert done.stdout == "ours", done.stderr


@pytest.mark.parametrize("before,user", [("OPEN ours.test", "writer"), ("OPEN ours.test 2121", "writer"), ("SITE ours.test:2121", "writer"),
                                         ("OPEN ours.test", "w@x.test"), (None, "writer@ours.test"), (None, "w@x.test#ours.test:2121"),
                                         (None, f"w@x.test@{OURS}")])
def test_the_forms(site, proxy, before, user):
    gate = proxy("--forward-to", "*.test:21,2121", "--forward-to", OURS, "--sandbox", "auto")
    (site.folder / "this-is").write_text("ours")
    with gate.raw() as raw:
        assert raw.reply().text == "220 FTP proxy ready; send USER name@host."
        if before:
            raw.expect(before, 220)
        raw.expect(f"USER {user}", 331)
        raw.expect("PASS lab", 230)
        raw.expect("TYPE I", 200)
        assert raw.retrieve("this-is") == b"ours"
        assert raw.pasv()[0] == PROXY


@pytest.mark.parametrize("tls", ["none", "explicit"])
@pytest.mark.parametrize("rule", [f"ftpes://{OURS}", f"ftps://{OURS}", f"ftp://{OURS}?tls=match"])
def test_TLS_on_either_leg(site, proxy, small_sample, tmp_path, certificate, tls, rule):
    """The scheme of the rule is for the server, as with --backend."""
    empty(site.folder)
    trees.make_folders(site.folder, small_sample)
    before = site.ours.log().count("TLSv1.")
    gate = proxy("--forward-to", rule, "--tls-cert", certificate.both, "--backend-insecure")
    server = Server(PROXY, 2121, f"writer@{OURS}", "lab", tls, certificate.cert if tls != "none" else None)
    CLIENTS["curl"]("epsv", wrap=lambda argv: site.net.command("client", *argv, *(["--insecure"] if tls != "none" else []))).put(
        server, small_sample)
    assert trees.hashes(site.folder) == trees.hashes(small_sample)
    assert f"writer@{OURS}" in gate.log()
    encrypted = not (rule.startswith("ftp://") and tls == "none")
    assert (site.ours.log().count("TLSv1.") > before) == encrypted


def test_a_refused_server_is_like_a_refused_password(site, proxy):
    """Whatever the cause; the log has it. Nothing is connected to, and the address gets its penalty."""
    gate = proxy("--forward-to", f"{OURS}:21", "--forward-to", "*.test:21", "--forward-to", "127.0.0.0/8:1-65535", "--forward-to",
                 "10.9.0.1:1-65535", "--forward-to", "169.254.0.0/16", "--no-login-penalties")
    causes = {SECRET: "no --forward-to permits it", f"{OURS}:22": "no --forward-to permits it", "secret.other": "no --forward-to permits it",
              "inside.test": "127.0.0.1 is never permitted: it is a loopback address", "127.0.0.1:2121": "it is a loopback address",
              f"{PROXY}:2121": "it is an address of this machine", "169.254.169.254": "it is a link-local address",
              "nowhere.test": "cannot find the address of"}
    before = site.ours.log().count(f" to {SECRET}:")
    answers = {server: refused(gate, f"USER writer@{server}", "PASS lab", "QUIT") for server in causes}
    assert len({tuple(each) for each in answers.values()}) == 1, answers
    assert next(iter(answers.values())) == ["331 Send the password.", "530 Login incorrect.", "221 Goodbye."]
    log = gate.log()
    for server, cause in causes.items():
        assert any(f"Server {server} refused to the client: " in line and cause in line for line in log.splitlines()), (server, log)
    with gate.raw() as raw:
        raw.login(user="writer@mixed.test")  # of its two addresses, one is permitted
    assert site.ours.log().count(f" to {SECRET}:") == before


def test_penalties_apply(site, proxy):
    gate = proxy("--forward-to", OURS)
    for _ in range(4):
        assert refused(gate, f"USER writer@{SECRET}", "PASS lab")[1].startswith("530")
    with gate.raw() as raw:
        assert raw.reply().code == 421


def test_no_password_for_another_server(site, proxy):
    gate = proxy("--forward-to", OURS)
    with gate.raw() as raw:
        raw.greet()
        raw.expect(f"USER writer@{OURS}", 331)
        raw.expect(f"USER writer@{SECRET}", 331)
        raw.expect("PASS canary-one", 530)
        raw.expect("USER writer", 530)
        raw.expect("PASS canary-two", 503)
        raw.expect(f"USER writer@{OURS}", 331)
        raw.expect("PASS lab", 230)


def test_limits_and_rules_of_the_gateway_hold(site, proxy):
    gate = proxy("--forward-to", "10.9.1.0/24", "--read-only", "--max-sessions-per-user", 1)
    (site.folder / "this-is").write_text("ours")
    with gate.raw() as first, gate.raw() as second, gate.raw() as third:
        first.login(user=f"writer@{OURS}")
        first.expect("DELE this-is", 550)
        first.expect("SITE CHMOD 600 this-is", 550)
        second.greet()
        second.expect(f"USER writer@{OURS}", 331)
        second.expect("PASS lab", 421)
        third.login(user=f"writer@{SECRET}")  # another server, so another person


def test_a_permitted_server_that_is_down(site, proxy):
    gate = proxy("--forward-to", f"{OURS}:1-65535")
    assert refused(gate, f"USER writer@{OURS}:1") == ["421 The FTP server that you have named is not available; try again later."]


def test_what_the_gateway_says_of_itself(site, sallyport, proxy, tmp_path):
    proxy("--forward-to", "*.test", "--control-socket", tmp_path / "socket")
    said = subprocess.run([sallyport, "gate", "--control-socket", tmp_path / "socket", "status"], capture_output=True, text=True, timeout=10)
    assert said.returncode == 0, said.stderr
    checked = subprocess.run([sallyport, "gate", "--listen", "127.0.0.1:0", "--forward-to", "*.test", "check"], capture_output=True, text=True,
                             timeout=10)
    assert checked.returncode == 0, checked.stderr
    assert "Configuration is valid: the servers that clients name (--forward-to)" in checked.stdout


@pytest.mark.parametrize("rule,cause", [("10.0.0.1/8", "neither a network nor a name"), ("a.test:0", "the ports are not valid"),
                                        ("http://a.test", "the scheme or the parameter is not valid")])
def test_a_rule_that_is_not_valid(sallyport, rule, cause):
    done = subprocess.run([sallyport, "gate", "--listen", "127.0.0.1:0", "--forward-to", rule], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and f'--forward-to: "{rule}": {cause}; use NET[:PORTS] or NAME[:PORTS]' in done.stderr, done.stderr
