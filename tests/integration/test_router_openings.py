"""Openings of an intercepting gateway: for the two peers of a session only, once, for ports from 1024 on, until the session ends; and
what crosses the router when its rules, its interfaces or its connection tracking change (G2 G12, GW-01
to GW-05)."""

import contextlib
import errno
import os
import random
import re
import select
import signal
import socket
import threading
import time

import pytest

import network
from harness.daemon import wait_until
from harness.openings import expectations, forge_syns, ruleset, unused_openings
from harness.raw import Closed, Raw, drain
from harness.scripted_server import ScriptedServer
from scenarios import SCENARIOS
from test_labs import Lab

CLIENT, NEIGHBOR, OUTSIDE, SERVER, SCRIPTED, OTHER = "192.168.1.2", "192.168.1.3", "17.254.0.26", "17.254.0.91", "17.254.0.92", "17.254.0.66"
BIG = 16 << 20  # more than the buffers of a connection whose client does not read


@pytest.fixture(scope="module")
def built(networks, sallyport, certificate, small_sample, tmp_path_factory):
    with Lab(sallyport, SCENARIOS["router-strict"], certificate, small_sample, tmp_path_factory.mktemp("router")) as lab:
        ((files,),) = lab.files.values()
        (files / "file").write_bytes(b"content")
        (files / "big").write_bytes(bytes(BIG))
        yield lab


@pytest.fixture(autouse=True)
def begin_without_openings(built):
    """Those of a test that has failed are not those of the next one."""
    network.run(*built.network.command("router", "conntrack", "-F", "expect"))


@pytest.fixture
def scripted(built):
    """scripted(REPLIES): a server at another address."""
    started = []

    def start(**replies):
        started.append(built.network.inside("server", lambda: ScriptedServer({"/file": b"content"}, {"/": b"file\r\n"}, replies=replies,
                                                                             at=(SCRIPTED, 21))))
        return started[-1]

    yield start
    for server in started:
        server.close()


def listener(built, host="client", address=CLIENT, port=0):
    made = built.network.inside(host, lambda: socket.create_server((address, port)))
    made.settimeout(5)
    return made


def port_command(address, port):
    return f"PORT {address.replace('.', ',')},{port // 256},{port % 256}"


def dropped(built, host, address, port, source_port=0):
    """Whether a connection attempt gets no answer, or a router's refusal."""
    def act():
        with socket.socket() as attempt:
            attempt.settimeout(0.5)
            attempt.bind(("0.0.0.0", source_port))
            attempt.connect((address, port))
    try:
        built.network.inside(host, act)
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return False


def gone(built, within=1):
    wait_until(lambda: not expectations(built.network), within, "the openings' end")


# For the two peers, once.

def test_an_active_connection_comes_from_the_server_alone(built):
    """And from the port that the server has chosen: strict clients expect the one below that of the control connection."""
    with built.raw("client", SERVER) as raw, listener(built) as incoming:
        raw.login().expect(port_command(CLIENT, incoming.getsockname()[1]), 200)
        ((source, destination, port),) = expectations(built.network)
        assert (source, destination) == (SERVER, OUTSIDE) and port >= 1024
        assert dropped(built, "other-host", OUTSIDE, port)
        raw.expect("RETR /file", 150, 125)
        data, peer = incoming.accept()
        with data:
            assert peer == (SERVER, 20) and drain(data) == b"content"
        assert raw.reply().code == 226
        assert dropped(built, "server", OUTSIDE, port), "a second connection"
    gone(built)


def test_a_passive_connection_comes_from_the_client_alone(built):
    with built.raw("client", SERVER) as raw:
        port = raw.login().epsv_port()
        assert expectations(built.network) == [(CLIENT, SERVER, port)]
        assert dropped(built, "neighbor", SERVER, port)
        with raw.connect(port) as data:
            raw.expect("RETR /big", 150, 125)
            assert dropped(built, "client", SERVER, port), "a second connection"
            assert len(drain(data)) == BIG
        assert raw.reply().code == 226
    gone(built)


def test_the_address_in_227_and_229_is_the_servers(built):
    with built.raw("client", SERVER) as raw:
        assert raw.login().pasv()[0] == SERVER


def test_PORT_names_the_outside_address(built, scripted):
    """The private address does not leave the network."""
    server = scripted(PORT="200 ok", EPRT="200 ok")
    with built.raw("client", SCRIPTED) as raw:
        raw.login().expect(port_command(CLIENT, 5001), 200)
        raw.expect(f"EPRT |1|{CLIENT}|5002|", 200)
    for argument in (server.arguments_of("PORT") or server.arguments_of("EPRT")):
        assert OUTSIDE.replace(".", ",") in argument or OUTSIDE in argument
    assert not any(CLIENT in line or CLIENT.replace(".", ",") in line for line in server.commands)


def test_each_client_has_its_own_outside_address(networks, sallyport, certificate, small_sample, tmp_path):
    """NAT chooses between two addresses."""
    with Lab(sallyport, SCENARIOS["router-outsides"], certificate, small_sample, tmp_path) as lab:
        for host, inside, outside in (("client", CLIENT, "17.254.0.26"), ("neighbor", NEIGHBOR, "17.254.0.27")):
            with lab.raw(host, SERVER) as raw, listener(lab, host, inside) as incoming:
                raw.login().expect(port_command(inside, incoming.getsockname()[1]), 200)
                assert [(source, destination) for source, destination, _ in expectations(lab.network)] == [(SERVER, outside)]
                raw.expect("RETR /this-is", 150, 125)
                with incoming.accept()[0] as data:
                    assert drain(data) == b"server"
                assert raw.reply().code == 226


# Not for refused commands, not for low ports, not for other hosts.

@pytest.mark.parametrize("command,codes", [
    (port_command(CLIENT, 22), (504, 501)), (port_command(CLIENT, 1023), (504, 501)), (port_command(CLIENT, 0), (501, 504)),
    (port_command(NEIGHBOR, 5001), (504, 501)), (port_command(OTHER, 5001), (504, 501)), (port_command("127.0.0.1", 5001), (504, 501)),
    ("PORT 192,168,1,2,0,51201", (501,)), (f"EPRT |1|{CLIENT}|116737|", (501,)), (f"EPRT |1|{CLIENT}|22|", (504, 501)),
    (f"EPRT |1|{NEIGHBOR}|5001|", (504, 501)), ("EPRT |2|fd00::1|5001|", (522, 504, 501)), ("PORTXYZ 1", (500, 501, 502))])
def test_refused_targets_open_nothing(built, command, codes):
    with built.raw("client", SERVER) as raw:
        raw.login().expect(command, *codes)
        assert not expectations(built.network)
        raw.expect("NOOP", 200)


class Pause:
    """A reply of a scripted server that is sent when the test wants it."""

    def __init__(self, reply):
        self.reply, self.control, self.asked, self.go_on = reply, None, threading.Event(), threading.Event()

    def __call__(self, control):
        self.control = control
        self.asked.set()
        assert self.go_on.wait(10)
        control.sendall(self.reply)

    def ended(self):
        """Whether the gateway has closed the control connection."""
        return self.control.fileno() < 0


def is_closed(built):
    return not expectations(built.network) and not unused_openings(built.network)


@pytest.mark.parametrize("command", [port_command(CLIENT, 5001), f"EPRT |1|{CLIENT}|5001|"])
def test_nothing_is_open_before_the_server_has_accepted_PORT(built, scripted, command):
    answer = Pause(b"200 ok\r\n")
    scripted(**{command[:4]: answer})
    with built.raw("client", SCRIPTED) as raw:
        raw.login().send(command.encode() + b"\r\n")
        assert answer.asked.wait(5)
        assert is_closed(built), "the server has not replied"
        answer.go_on.set()
        assert raw.reply().code == 200
        assert [(source, destination) for source, destination, _ in expectations(built.network)] == [(SCRIPTED, OUTSIDE)]


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_nothing_outlives_a_client_that_leaves_before_the_reply_to_PORT(built, scripted, ending):
    answer = Pause(b"200 ok\r\n")
    scripted(PORT=answer)
    raw = built.raw("client", SCRIPTED)
    raw.login().send(port_command(CLIENT, 5001).encode() + b"\r\n")
    assert answer.asked.wait(5)
    getattr(raw, ending)()
    answer.go_on.set()
    wait_until(answer.ended, 5, "the session's end")
    wait_until(lambda: is_closed(built), 1, "the openings' end")
    raw.close()


@pytest.mark.parametrize("reply", ["500 no", "421 later"])
def test_nothing_is_open_when_the_server_refuses_PORT(built, scripted, reply):
    closed = []

    def refuse(control):
        closed.append(is_closed(built))
        control.sendall(reply.encode() + b"\r\n")

    scripted(**dict.fromkeys(("PORT", "EPRT", "EPSV"), refuse), PASV="227 Entering Passive Mode (17,254,0,92,78,32)")
    with built.raw("client", SCRIPTED) as raw:
        code = raw.login().command(port_command(CLIENT, 5001)).code
        assert code == (200 if reply.startswith("500") else 421), "200: the gateway connects to the server, and relays"
        assert is_closed(built)
    assert closed and all(closed)


LOW = (("PASV", "227 Entering Passive Mode (17,254,0,92,0,22)"), ("EPSV", "229 Extended (|||22|)"), ("EPSV", "229 Extended (|||0|)"),
       ("EPSV", "229 Extended (|||65536|)"), ("PASV", "227 Entering Passive Mode (17,254,0,92,256,1)"))


@pytest.mark.parametrize("command,reply", LOW)
def test_passive_replies_with_bad_ports_open_nothing(built, scripted, command, reply):
    scripted(**dict.fromkeys(("PASV", "EPSV"), reply))
    with built.raw("client", SCRIPTED) as raw:
        raw.login()
        with contextlib.suppress(Closed):
            assert raw.command(command).code >= 400
        assert not expectations(built.network)


@pytest.mark.parametrize("address", [NEIGHBOR, "192.168.1.1", OTHER, "127.0.0.1", "0.0.0.0"])
def test_227_with_another_address_opens_nothing_to_it(built, scripted, address):
    """The kernel's helper forwards it. The opening is for the server of the session, or there is none."""
    scripted(PASV=f"227 Entering Passive Mode ({address.replace('.', ',')},19,137)")
    with built.raw("client", SCRIPTED) as raw, listener(built, "neighbor", NEIGHBOR, 5001):
        with contextlib.suppress(Closed):
            reply = raw.login().command("PASV")
            assert address.replace(".", ",") not in reply.text
        assert all(destination == SCRIPTED for _, destination, _ in expectations(built.network))
        assert dropped(built, "client", OTHER, 5001)


@pytest.mark.parametrize("reply", [
    "227 Entering Passive Mode (17,254,0,92,78,32)", "229 Extended (|||20000|)",
    "550 no\r\n227 Entering Passive Mode (17,254,0,92,78,32)", "550-no\r\n227 Entering Passive Mode (17,254,0,92,78,32)\r\n550 no"])
def test_unsolicited_passive_replies_open_nothing(built, scripted, reply):
    """GW-02: only the reply to the client's own PASV or EPSV counts."""
    scripted(NOOP=reply)
    with built.raw("client", SCRIPTED) as raw:
        raw.login().send(b"NOOP\r\n")
        with contextlib.suppress(Closed, AssertionError):
            raw.reply()
        time.sleep(0.1)
        assert not expectations(built.network) and dropped(built, "client", SCRIPTED, 20000)


def test_a_227_cut_out_of_another_reply_opens_nothing(built, scripted):
    """GW-02: the reply repeats the client's argument, and a segment begins at any of its bytes."""
    echoed = b"550 227 Entering Passive Mode (17,254,0,92,78,32): no such file\r\n"
    cut = [0]

    def answer(control):
        control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        control.sendall(echoed[:cut[0]])
        time.sleep(0.005)
        control.sendall(echoed[cut[0]:])

    scripted(CWD=answer)
    with built.raw("client", SCRIPTED) as raw:
        raw.login()
        for cut[0] in range(1, len(echoed)):
            raw.expect("CWD 227 Entering Passive Mode (17,254,0,92,78,32)", 550)
            assert not expectations(built.network)
    assert dropped(built, "client", SCRIPTED, 20000)


def web_requests(number, canary):
    """Pieces that a web browser can be made to send to a control port: each is one segment."""
    choose = random.Random(959)
    for _ in range(number):
        command = f"{choose.choice(['PORT', 'port', 'EPRT'])} "
        command += f"|1|{CLIENT}|{canary}|" if command[0] == "E" else f"{CLIENT.replace('.', ',')},{canary // 256},{canary % 256}"
        body = b"x" * choose.randrange(1, 1500) + choose.choice([b"\r\n", b"\n", b""])
        head = f"{choose.choice(['POST', 'GET', 'PUT'])} /{'a' * choose.randrange(50)} HTTP/1.1\r\nHost: {SERVER}\r\n\r\n".encode()
        end = choose.choice([b"\r\n", b"\n", b"\r\nUSER anonymous\r\nPASS a@\r\n"])
        yield choose.choice([536, 1460]), [head + body, command.encode() + end]


@pytest.mark.limit(120)
def test_web_requests_to_a_control_port_open_nothing(built):
    """GW-01: 200 of them, with the command at the beginning of a segment."""
    with listener(built) as canary:
        port = canary.getsockname()[1]
        for size, pieces in web_requests(200, port):
            def act():
                with socket.socket() as connection:
                    connection.settimeout(5)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, size)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection.connect((SERVER, 21))
                    with contextlib.suppress(OSError):
                        for piece in pieces:
                            connection.sendall(piece)
                        while connection.recv(4096):
                            assert not expectations(built.network)
            built.network.inside("client", act)
            assert not expectations(built.network), pieces
        assert dropped(built, "server", OUTSIDE, port)
        canary.settimeout(0.1)
        with pytest.raises(TimeoutError):
            canary.accept()


@pytest.mark.parametrize("size", [536, 1460])
def test_PORT_in_two_segments_at_every_offset(built, size):
    """The kernel's helper drops the first segment, and the session hangs."""
    with built.raw("client", SERVER) as raw, listener(built) as incoming:
        raw.login()
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = port_command(CLIENT, incoming.getsockname()[1]).encode() + b"\r\n"
        for at in range(1, len(line)):
            raw.send(line[:at])
            time.sleep(0.003)
            raw.send(line[at:])
            assert raw.reply().code == 200
            assert len(expectations(built.network)) == 1
        raw.expect("RETR /file", 150, 125)
        with incoming.accept()[0] as data:
            assert drain(data) == b"content"
        assert raw.reply().code == 226


def test_two_commands_in_one_segment(built):
    """Both are seen, and only the last opening counts."""
    with built.raw("client", SERVER) as raw, listener(built) as incoming:
        raw.login().send(b"NOOP\r\n" + port_command(CLIENT, 5001).encode() + b"\r\n" +
                         port_command(CLIENT, incoming.getsockname()[1]).encode() + b"\r\n")
        assert [raw.reply().code for _ in range(3)] == [200, 200, 200]
        assert len(expectations(built.network)) == 1
        raw.expect("RETR /file", 150, 125)
        with incoming.accept()[0] as data:
            assert drain(data) == b"content"
        assert raw.reply().code == 226


# Until the session ends.

@pytest.mark.parametrize("ending", ["quit", "close", "reset"])
@pytest.mark.parametrize("method", ["passive", "active"])
def test_nothing_outlives_the_session(built, ending, method):
    raw = built.raw("client", SERVER)
    raw.login()
    raw.epsv_port() if method == "passive" else raw.expect(port_command(CLIENT, 5001), 200)
    assert len(expectations(built.network)) == 1
    raw.expect("QUIT", 221) if ending == "quit" else getattr(raw, ending)()
    gone(built)
    raw.close()


def test_a_refused_transfer_ends_its_opening(built):
    with built.raw("client", SERVER) as raw:
        raw.login().epsv_port()
        raw.expect("RETR /nothing-of-the-kind", 550)
        gone(built)
        assert raw.retrieve("/file") == b"content"


def test_a_new_negotiation_ends_the_old_opening(built):
    with built.raw("client", SERVER) as raw:
        old = raw.login().epsv_port()
        new = raw.epsv_port()
        assert expectations(built.network) == [(CLIENT, SERVER, new)]
        assert old == new or dropped(built, "client", SERVER, old)


# Forged packets.

@pytest.mark.limit(90)
@pytest.mark.parametrize("method", ["passive", "active"])
def test_forged_SYNs_do_not_spend_an_opening(built, method):
    """GW-05: another host sends 100 SYNs a second with the address of the expected peer; ten of ten transfers succeed."""
    host, source, target = ("neighbor", CLIENT, SERVER) if method == "passive" else ("other-host", SERVER, OUTSIDE)
    with built.raw("client", SERVER) as raw, listener(built) as incoming:
        raw.login()
        for _ in range(10):
            if method == "passive":
                raw.epsv_port()
            else:
                raw.expect(port_command(CLIENT, incoming.getsockname()[1]), 200)
            ((_, _, port),) = expectations(built.network)
            with forge_syns(built.network, host, source, target, port, rate=100):
                time.sleep(0.1)  # some arrive first
                if method == "passive":
                    with raw.connect(port) as data:
                        raw.expect("RETR /file", 150, 125)
                        assert drain(data) == b"content"
                else:
                    raw.expect("RETR /file", 150, 125)
                    with incoming.accept()[0] as data:
                        assert drain(data) == b"content"
                assert raw.reply().code == 226


class Scanner:
    """Connects from a host to all ports of an address, again and again, until it is stopped; `admitted` has the ports that answered."""

    def __init__(self, built, host, address):
        self.built, self.host, self.address = built, host, address
        self.admitted, self.tried, self.ended = [], 0, threading.Event()
        self.thread = threading.Thread(target=built.network.inside, args=(host, self.sweep))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def sweep(self):
        while not self.ended.is_set():
            for first in range(1024, 65536, 400):
                if self.ended.is_set():
                    return
                self.attempt(range(first, min(first + 400, 65536)))

    def attempt(self, ports):
        poll, attempts = select.poll(), {}
        for port in ports:
            attempt = socket.socket()
            attempt.setblocking(False)
            attempt.connect_ex((self.address, port))
            attempts[attempt.fileno()] = attempt, port
            poll.register(attempt, select.POLLOUT)
        self.ended.wait(0.05)
        for fd, event in poll.poll(0):
            attempt, port = attempts[fd]
            # A refusal comes from the other end, past the router, unless ICMP says that the router refuses.
            if attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED):
                self.admitted.append(port)
        for attempt, _ in attempts.values():
            attempt.close()
        self.tried += len(ports)


@pytest.mark.alone
@pytest.mark.limit(300)
def test_scanners_during_transfers(built):
    """None is admitted, and no transfer is lost or reaches another host."""
    with Scanner(built, "other-host", OUTSIDE) as outside, Scanner(built, "neighbor", SERVER) as inside, \
            built.raw("client", SERVER) as raw, listener(built) as incoming:
        raw.login()
        for number in range(1000 if os.environ.get("SOAK") else 100):
            if number % 2:
                assert raw.retrieve("/file") == b"content"
                continue
            raw.expect(port_command(CLIENT, incoming.getsockname()[1]), 200)
            raw.expect("RETR /file", 150, 125)
            with incoming.accept()[0] as data:
                assert drain(data) == b"content"
            assert raw.reply().code == 226
        wait_until(lambda: outside.tried > 5000 and inside.tried > 5000, 30, "some sweeps")
    assert not outside.admitted and not [port for port in inside.admitted if port != 2121]


# The router changes.

MANY = 100 if os.environ.get("SOAK") else 20


@contextlib.contextmanager
def transfers(built, number):
    """Downloads that are running and continue when the block has ended; then each is complete."""
    sessions = [built.raw("client", SERVER).login() for _ in range(number)]
    running = []
    for raw in sessions:
        data = raw.passive()
        raw.expect("RETR /big", 150, 125)
        running.append(data)
    try:
        yield
        for raw, data in zip(sessions, running):
            assert len(drain(data)) == BIG
            assert raw.reply().code == 226
            raw.expect("QUIT", 221)
    finally:
        for raw in sessions:
            raw.close()


def intercepted(built):
    """Whether a new session is intercepted: in active mode its private address does not leave."""
    with built.raw("client", SERVER) as raw, listener(built) as incoming:
        raw.login().expect(port_command(CLIENT, incoming.getsockname()[1]), 200)
        raw.expect("RETR /file", 150, 125)
        with incoming.accept()[0] as data:
            return drain(data) == b"content" and raw.reply().code == 226


@pytest.mark.limit(120)
def test_the_administrators_rules_are_loaded_again(built):
    """nft flush ruleset and his file, as `systemctl reload nftables` does."""
    rules = "flush ruleset\n" + "\n".join(built.scenario.host("router").rules)
    with transfers(built, MANY):
        built.network.apply("router", rules)
        assert intercepted(built)
    assert intercepted(built)


@pytest.mark.limit(120)
def test_the_inside_interface_goes_down_and_up(built):
    with transfers(built, MANY):
        network.run(*built.network.command("router", "ip", "link", "set", "lan", "down"))
        network.run(*built.network.command("router", "ip", "link", "set", "lan", "up"))
    assert intercepted(built)


@pytest.mark.limit(120)
def test_the_kernel_forgets_its_connections(built):
    """conntrack -F takes the translation of running transfers along; nothing hangs, and the next negotiation works."""
    with built.raw("client", SERVER) as raw:
        raw.login().epsv_port()
        network.run(*built.network.command("router", "conntrack", "-F"))
        with contextlib.suppress(Closed, AssertionError, OSError):
            raw.expect("NOOP", 200)
            assert raw.retrieve("/file") == b"content"
    assert intercepted(built)


# The gateway ends.

def gate_of(built):
    return next(daemon for host, daemon in built.daemons if host == "router")


def restart(built):
    daemon = next(d for d in built.scenario.daemons if d.host == "router")
    built.daemons = [(host, running) for host, running in built.daemons if host != "router"]
    built.start(len(built.daemons) + 10 * random.randrange(1, 1000), daemon)


def test_no_opening_outlives_kill(built):
    """After kill -9 of the gateway its helper removes what it has opened."""
    sessions = [built.raw("client", SERVER).login() for _ in range(200)]
    for raw in sessions:
        raw.epsv_port()
    assert len(expectations(built.network)) == 200
    gate_of(built).kill()
    gone(built)
    wait_until(lambda: "sallyport" not in ruleset(built.network), 1, "the rules' end")
    assert "sane" not in ruleset(built.network, options=())
    for raw in sessions:
        raw.close()
    restart(built)
    assert intercepted(built)


LIFETIME = 30 if os.environ.get("SOAK") else 5  # of an opening, in seconds


def kill_all(built):
    """The gateway, its helper and its starter at once, as the kernel does when memory is short."""
    pids = network.run("ip", "netns", "pids", built.network.namespace("router")).split()
    assert len(pids) >= 3
    for pid in map(int, pids):
        os.kill(pid, signal.SIGKILL)
    gate_of(built).process.wait(5)


@pytest.mark.limit(120)
def test_nothing_stays_after_kill_of_gateway_and_helper(networks, sallyport, certificate, small_sample, tmp_path):
    """Translations end at once with their owner, expectations when their time is over; the next start removes those of the
    gateway and no others. What the kernel forwards already continues."""
    scenario = SCENARIOS["router-strict"].with_arguments("router", f"--data-timeout {LIFETIME}")
    with Lab(sallyport, scenario, certificate, small_sample, tmp_path) as built, \
            contextlib.ExitStack() as stack:
        built.fill("server", {"file": b"content", "big": bytes(BIG)})
        foreign = expectation_of_another_program(built, stack)
        transfer = stack.enter_context(built.raw("client", SERVER)).login()
        data = transfer.passive()
        transfer.expect("RETR /big", 150, 125)

        def open_some():
            sessions = [stack.enter_context(built.raw("client", SERVER)).login() for _ in range(10)]
            for raw in sessions:
                raw.epsv_port()
            assert len(expectations(built.network)) > 1

        open_some()
        kill_all(built)
        wait_until(lambda: "sallyport" not in ruleset(built.network), 0.5, "the end of the translation")
        wait_until(lambda: expectations(built.network) == [foreign], LIFETIME + 2, "the end of the expectations")
        assert len(drain(data)) == BIG
        restart(built)
        open_some()
        kill_all(built)
        assert len(expectations(built.network)) > 1
        restart(built)
        assert expectations(built.network) == [foreign]
        assert intercepted(built)


def expectation_of_another_program(built, stack):
    """Of the kernel's FTP helper, for a session of the router itself with the server."""
    built.network.apply("router", """table inet another { ct helper ftp { type "ftp" protocol tcp; }; chain output { type filter hook output priority 0
        tcp dport 2121 ip saddr 17.254.0.26 ct helper set "ftp"; }; }""")
    raw = stack.enter_context(built.raw("router", SERVER, 2121))
    assert raw.login().pasv()[0] == SERVER
    ((source, destination, port),) = expectations(built.network)
    assert (source, destination) == (OUTSIDE, SERVER)
    return source, destination, port


def test_an_orderly_end_leaves_nothing(built):
    rules = network.run(*built.network.command("router", "ip", "rule")), network.run(*built.network.command("router", "ip", "-6", "rule"))
    assert gate_of(built).stop() == 0
    assert "sallyport" not in ruleset(built.network)
    after = network.run(*built.network.command("router", "ip", "rule")), network.run(*built.network.command("router", "ip", "-6", "rule"))
    assert all("fwmark" not in text for text in after) and rules != after
    restart(built)
    assert intercepted(built)


# Detours.

def test_a_connection_to_the_interception_port(built):
    """It has no other destination: refused, or 421."""
    listening = network.run(*built.network.command("router", "ss", "-Hltn"))
    ports = {int(port) for port in re.findall(r"^LISTEN\s+\S+\s+\S+\s+\S+:(\d+)", listening, re.MULTILINE)}
    for port in ports:
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
            connection = built.network.inside("router", lambda: socket.create_connection(("127.0.0.1", port), timeout=5))
            with connection:
                answer = connection.recv(1000)
                assert answer == b"" or answer.startswith(b"421"), answer


def test_the_routers_own_address_is_not_intercepted(built):
    """There is no listener; and the gateway does not connect to itself."""
    with pytest.raises(OSError):
        built.network.inside("client", lambda: socket.create_connection(("192.168.1.1", 21), timeout=1)).recv(1)
    assert intercepted(built)
