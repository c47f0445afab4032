"""The complete system in each network of labs/: what must work there works, and failures have a clear message (L).

The daemons are those of the scenario's own definition, so that a person who brings the lab up sees the same.
"""

import contextlib
import socket
import time

import pytest

import network
from harness import trees
from harness.clients import CLIENTS, PASSIVE, Failed, Server
from harness.daemon import Daemon
from harness.raw import Raw, drain
from scenarios import SCENARIOS


class Inside:
    """A client that is no program of its own but runs in this process: each call is made on another host."""

    def __init__(self, client, inside):
        self.client, self.inside, self.MAKES_FOLDERS = client, inside, client.MAKES_FOLDERS

    def put(self, *what):
        return self.inside(lambda: self.client.put(*what))

    def get(self, *what):
        return self.inside(lambda: self.client.get(*what))

    def names(self, *what):
        return self.inside(lambda: self.client.names(*what))


class Lab:
    """A scenario that is up, with its daemons, TLS offered by each of them."""

    def __init__(self, sallyport, scenario, certificate, sample, folder):
        self.network = network.Network(scenario)
        self.scenario, self.ca = scenario, certificate.cert
        self.files = {}  # host -> folders of its servers, in the order of the definition
        self.daemons = []  # (host, daemon)
        self.sallyport, self.certificate, self.sample, self.folder = sallyport, certificate, sample, folder

    def __enter__(self):
        self.network.up()
        try:
            self.network.start_programs()
            for number, daemon in enumerate(self.scenario.daemons):
                self.start(number, daemon)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for _, daemon in reversed(self.daemons):
            daemon.stop()
        self.network.down()

    def start(self, number, daemon):
        files = self.folder / f"{number}-{daemon.host}"
        files.mkdir()
        if daemon.arguments.startswith("serve"):
            (files / "this-is").write_text(daemon.host)
            self.files.setdefault(daemon.host, []).append(files)
        argv = [self.sallyport, *(a.format(files=files) for a in daemon.arguments.split()),
                "--tls-cert", self.certificate.cert, "--tls-key", self.certificate.key]
        running = Daemon(argv, wrap=lambda a: self.network.command(daemon.host, *a))
        self.daemons.append((daemon.host, running))
        running.wait_ready()

    def fill(self, host, files):
        """The first server of that host gets these files, by name, and has no others."""
        directory = self.files[host][0]
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for name, content in files.items():
            (directory / name).write_bytes(content)

    def raw(self, host, address, port=21, **options):
        return Raw(address, port, dial=self.network.dial(host), **options)

    def client(self, name, method, host="client"):
        made = CLIENTS[name](method, wrap=lambda argv: self.network.command(host, *argv))
        return Inside(made, lambda act: self.network.inside(host, act)) if name == "ftplib" else made

    def server(self, address, port=21, tls="none"):
        return Server(address, port, "writer", "lab", tls, self.ca if tls != "none" else None)

    def log_of(self, host):
        return "".join(daemon.log() for at, daemon in self.daemons if at == host)


@pytest.fixture(scope="module")
def lab(networks, sallyport, certificate, small_sample, tmp_path_factory):
    """lab("client-nat"): up until the end of the module."""
    with contextlib.ExitStack() as stack:
        up = {}

        def bring_up(name):
            if name not in up:
                up[name] = stack.enter_context(Lab(sallyport, SCENARIOS[name], certificate, small_sample,
                                                   tmp_path_factory.mktemp(name)))
            return up[name]

        yield bring_up


BY_PASSIVE = [("curl", "epsv"), ("lftp", "pasv"), ("ncftp", "pasv"), ("ftplib", "pasv"), ("sallyport", "epsv"), ("sallyport", "pasv")]
BY_ACTIVE = [("curl", "port"), ("lftp", "port"), ("ncftp", "port"), ("ftplib", "eprt"), ("sallyport", "eprt"), ("sallyport", "port")]
OVER_TLS = [("curl", "epsv"), ("lftp", "pasv"), ("ftplib", "epsv"), ("sallyport", "epsv")]
OVER_IPV6 = [("curl", "epsv"), ("curl", "eprt"), ("ftplib", "epsv"), ("ftplib", "eprt"), ("lftp", "epsv"), ("sallyport", "epsv"),
             ("sallyport", "eprt")]

# What works from the client: scenario, address, port, host whose files those are (and which of its servers), how.
ROUTES = [
    ("client-nat", "17.254.0.91", 21, "server", 0, BY_PASSIVE),
    ("client-nat", "192.168.1.1", 21, "server", 0, BY_PASSIVE + BY_ACTIVE),
    ("server-nat", "17.254.0.91", 21, "server", 0, BY_PASSIVE + BY_ACTIVE),
    ("server-nat", "17.254.0.91", 2121, "server", 1, BY_PASSIVE + BY_ACTIVE),
    ("both-nat", "17.254.0.91", 21, "server", 0, BY_PASSIVE),
    ("both-nat", "192.168.1.1", 21, "server", 0, BY_ACTIVE),
    ("server-firewall", "17.254.1.4", 21, "server", 0, BY_PASSIVE),
    ("server-firewall", "17.254.0.1", 21, "hidden", 0, BY_PASSIVE + BY_ACTIVE),
    ("client-firewall", "17.254.0.92", 21, "kind", 0, BY_PASSIVE),
    ("client-firewall", "17.254.0.93", 21, "usual", 0, BY_PASSIVE),
    ("plain-balancer", "17.254.0.91", 21, "one", 0, BY_PASSIVE + BY_ACTIVE),
    ("single-port", "17.254.1.4", 21, "server", 0, BY_PASSIVE),
    ("single-port", "17.254.1.6", 21, "hidden", 0, BY_PASSIVE),
    ("ipv6", "2001:db8:2::91", 21, "server", 0, OVER_IPV6),
    ("ipv6", "2001:db8:2::92", 21, "old-server", 0, OVER_IPV6),
]


def rows():
    for scenario, address, port, host, index, ways in ROUTES:
        for client, method in ways:
            yield scenario, address, port, host, index, client, method, "none"
        for client, method in OVER_TLS:
            if (client, method) in ways or method in PASSIVE:
                yield scenario, address, port, host, index, client, method, "explicit"


@pytest.mark.parametrize("scenario,address,port,host,index,client,method,tls", rows())
def test_tree(lab, small_sample, tmp_path, scenario, address, port, host, index, client, method, tls):
    """Upload, listing and download, through the network."""
    if scenario == "both-nat" and address == "192.168.1.1" and tls != "none":
        pytest.skip("two gateways in a row: the first speaks plain FTP to the second")
    built = lab(scenario)
    files = built.files[host][index]
    for path in sorted(files.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    program, server = built.client(client, method), built.server(address, port, tls)
    if not program.MAKES_FOLDERS:
        trees.make_folders(files, small_sample)
    trees.move_there_and_back(program, server, files, small_sample, tmp_path / "back")


# Addresses.

def test_gateway_rewrites_227_and_229(lab):
    """G4: (172,16,3,4,...) outside is (17,254,0,91,...), in the range that the firewall admits."""
    with lab("server-nat").raw("client", "17.254.0.91") as raw:
        raw.login()
        address, port = raw.pasv()
        assert address == "17.254.0.91" and 51000 <= port <= 51009
        assert 51000 <= raw.epsv_port() <= 51009


def test_server_advertises_its_external_address(lab):
    """S3"""
    with lab("server-nat").raw("client", "17.254.0.91", 2121) as raw:
        address, port = raw.login().pasv()
        assert address == "17.254.0.91" and 30000 <= port <= 30009


def test_inside_address_in_port_is_refused(lab):
    """Client NAT, active mode without a gateway: 504 at once instead of a timeout."""
    with lab("client-nat").raw("client", "17.254.0.91") as raw:
        raw.login().expect("PORT 192,168,1,2,7,138", 504)
        raw.expect("EPRT |1|192.168.1.2|5001|", 504)


def test_no_pasv_over_ipv6(lab):
    """S4: PORT and PASV cannot contain an IPv6 address."""
    for address in ("2001:db8:2::91", "2001:db8:2::92"):
        with lab("ipv6").raw("client", address) as raw:
            assert raw.login().command("PASV").code in (425, 500, 501, 502, 503, 522)
            assert raw.command("PORT 17,254,0,10,200,1").code in (501, 503, 504, 522)
            raw.expect("EPSV", 229)


def test_active_comes_from_the_port_below(lab):
    """S1: control port 21, data from port 20 of the client destination."""
    built = lab("ipv6")
    with built.raw("client", "2001:db8:2::91") as raw:
        raw.login()
        with built.network.inside("client", lambda: socket.create_server(("2001:db8:1::2", 0), family=socket.AF_INET6)) as listener:
            listener.settimeout(5)
            raw.expect(f"EPRT |2|2001:db8:1::2|{listener.getsockname()[1]}|", 200)
            raw.expect("NLST", 150, 125)
            data, peer = listener.accept()
            with data:
                drain(data)
            assert peer[:2] == ("2001:db8:2::91", 20)
        assert raw.reply().code == 226


# Unexpected peers.

def test_unexpected_peer_at_the_gateways_passive_port(lab):
    """G1: a data connection belongs to the client of its session, even if another host connects first."""
    built = lab("server-nat")
    content = b"for the client only" * 1000
    with built.raw("client", "17.254.0.91") as raw:
        raw.login()
        assert raw.store("/mine", content).code == 226
        port = raw.epsv_port()
        with built.network.inside("other-host", lambda: socket.create_connection(("17.254.0.91", port), timeout=5)) as unexpected:
            with raw.connect(port) as data:
                raw.expect("RETR /mine", 150, 125)
                assert drain(data) == content
            assert raw.reply().code == 226
            with contextlib.suppress(ConnectionResetError):
                assert drain(unexpected) == b""


# Firewalls.

def test_active_mode_into_a_firewall(lab):
    """S1: 425 with its reason, soon."""
    with lab("server-firewall").raw("client", "17.254.1.4") as raw:
        raw.login().expect("PORT 17,254,0,10,200,1", 200)
        begin = time.monotonic()
        raw.send(b"NLST\r\n")
        reply = raw.reply()
        if reply.code in (150, 125):
            reply = raw.reply()
        assert reply.code == 425
        assert "17.254.0.10" in reply.text, "it names the address that didn't answer"
        assert time.monotonic() - begin < 10
        raw.expect("NOOP", 200)


@pytest.mark.limit(90)
def test_client_in_a_network_with_a_strict_firewall(lab, tmp_path):
    """C3 C6: the login succeeds, no data connection is established: an error within the deadlines that says so."""
    built = lab("client-firewall")
    client = built.client("sallyport", "epsv")
    begin = time.monotonic()
    with pytest.raises(Failed, match="(?i)firewall"):
        client.names(built.server("17.254.0.91"), "/")
    assert time.monotonic() - begin < 45


def test_client_changes_its_method(lab, tmp_path):
    """C1: without options it finds the method that works: here EPSV and PASV time out, active mode works (S9)."""
    built = lab("server-nat")
    files = tmp_path / "files"
    files.mkdir()
    (files / "one").write_text("1")
    daemon = Daemon([built.sallyport, "serve", files, "--listen", "172.16.3.4:2200", "--no-passive", "--anonymous"],
                    wrap=lambda argv: built.network.command("server", *argv)).wait_ready()
    try:
        client = built.client("sallyport", "epsv")
        client.wrap = lambda argv: built.network.command("router", *argv)
        target = tmp_path / "got"
        client.run([built.sallyport, "get", "ftp://172.16.3.4:2200/one", "-o", target])
        assert target.read_text() == "1"
    finally:
        daemon.stop()


def test_many_transfers_over_one_port(lab):
    """Passive range 443 alone, behind a firewall that lets out nothing else: sessions side by side keep their own bytes."""
    built = lab("client-firewall")
    for address in ("17.254.0.92", "17.254.0.93"):
        sessions = [built.raw("client", address).login() for _ in range(5)]
        for number, raw in enumerate(sessions):
            assert raw.store(f"/own-{number}", str(number).encode() * 10000).code == 226
        for number, raw in enumerate(sessions):
            assert raw.retrieve(f"/own-{number}") == str(number).encode() * 10000
            raw.close()


# The balancers.

def test_a_client_keeps_its_backend_for_data(lab):
    """G7(3) S3: control and data connections of a client go to one server, which advertises the load balancer in 227."""
    built = lab("plain-balancer")
    for host in ("one", "two"):
        (built.files[host][0] / "whose").write_text(host)
    for client, home in (("client", b"one"), ("second-client", b"two"), ("client", b"one")):
        with built.raw(client, "17.254.0.91") as raw:
            raw.login()
            assert raw.pasv()[0] == "17.254.0.91"
            assert raw.retrieve("/whose") == home
            assert raw.store("/mine", home).code == 226
            raw.expect("QUIT", 221)


def test_sessions_are_balanced_and_stay(lab):
    """G7(2) G1: three sessions, three servers; each session stays on one server."""
    built = lab("balancer")
    sessions = [built.raw("client", "17.254.0.91").login() for _ in range(3)]
    homes = [raw.retrieve("/this-is").decode() for raw in sessions]
    assert sorted(homes) == ["one", "three", "two"]
    for _ in range(3):
        for raw, home in zip(sessions, homes):
            assert raw.retrieve("/this-is").decode() == home
            assert raw.store(f"/from-{home}", home.encode()).code == 226
            assert (built.files[home][0] / f"from-{home}").read_text() == home
    for raw in sessions:
        raw.expect("QUIT", 221)


@pytest.mark.parametrize("client,method,tls", [(*way, "none") for way in BY_PASSIVE + BY_ACTIVE] + [(*way, "explicit") for way in OVER_TLS])
def test_tree_from_the_balancer(lab, small_sample, tmp_path, client, method, tls):
    """The servers are identical, so any of them may serve any file."""
    built = lab("balancer")
    for (files,) in (built.files[host] for host in ("one", "two", "three")):
        fill(files, small_sample)
    back = tmp_path / "back"
    back.mkdir()
    built.client(client, method).get(built.server("17.254.0.91", tls=tls), back, trees.files(small_sample))
    assert {name: digest for name, digest in trees.hashes(back).items() if not name.startswith(("this-is", "from-"))} == \
        trees.hashes(small_sample)


def fill(files, sample):
    for name in trees.files(sample):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes((sample / name).read_bytes())


def test_a_server_that_is_gone_is_skipped(lab):
    """G7: last in this file, since it stops a server of the lab that the other tests use."""
    built = lab("balancer")
    two = next(daemon for host, daemon in built.daemons if host == "two")
    with built.raw("client", "17.254.0.91") as held:
        held.login()
        two.kill()
        for _ in range(4):
            with built.raw("client", "17.254.0.91") as raw:
                assert raw.login().retrieve("/this-is") in (b"one", b"three")
                raw.expect("QUIT", 221)
