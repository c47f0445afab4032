"""What a daemon does for one client or administrator, each as a function that faults.walk runs while calls fail.

A scenario raises Refused, or what harness.raw raises, if the daemon refuses; any other exception is a defect: a wrong file, a
login that is refused as a wrong password, a client that waits for ever.
"""

import ctypes
import ctypes.util
import json
import random
import re
import socket
import ssl
import time
from contextlib import contextmanager

from harness.faults import Refused
from harness.patience import patient
from harness.raw import Raw, drain

USER, PASSWORD, HASHED_USER = "writer", "lab", "hashed"
PATIENCE = patient(5)  # seconds: a client that waits longer than this is neither served nor refused
SMALL, LARGE = "small.bin", "large.bin"
BALANCER, CLIENT = "127.0.0.2", "127.0.0.3"
OPTIONS = ("--proxy-protocol-from", BALANCER)  # of each daemon under faults


def files(root):
    """The tree that the scenarios expect: {name: content}."""
    source = random.Random(11)
    content = {SMALL: source.randbytes(3000), LARGE: source.randbytes(400_000)}
    for name, data in content.items():
        (root / name).write_bytes(data)
    (root / "many").mkdir()
    for i in range(300):
        (root / "many" / f"file-{i:03}").write_bytes(b"x")
    return content


def cheap_hash(password):
    """An argon2id hash that costs no time, as thousands of logins are made."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    assert sodium.sodium_init() >= 0
    out = ctypes.create_string_buffer(128)
    secret = password.encode()
    assert sodium.crypto_pwhash_str(out, secret, ctypes.c_ulonglong(len(secret)), ctypes.c_ulonglong(1), ctypes.c_size_t(8192)) == 0
    return out.value.decode()


class Balanced(Raw):
    """A client of a load balancer: the control connection comes from that and has a PROXY header, data connections do not."""

    def __init__(self, host, port, **options):
        super().__init__(host, port, source=BALANCER, **options)
        self.source = CLIENT
        self.send(f"PROXY TCP4 {CLIENT} {host} 40000 {port}\r\n".encode())


class Service:
    """A daemon under faults, and the clients that must not notice."""

    def __init__(self, daemon, content, control=None, root=None):
        self.daemon, self.content, self.control, self.root = daemon, content, control, root
        self.bystander = None
        self.renew()

    def renew(self):
        if self.bystander:
            self.bystander.close()
        self.bystander = self.client().login(USER, PASSWORD)

    def client(self, of=Raw):
        return of(self.daemon.host, self.daemon.port, timeout=PATIENCE)

    def settle(self):
        time.sleep(0.05)

    def check(self):
        assert self.daemon.alive(), f"the process ended with {self.daemon.process.returncode}"
        self.bystander.expect("NOOP", 200)
        with self.client().login(USER, PASSWORD) as next_client:
            assert next_client.retrieve(SMALL) == self.content[SMALL], "the next client got a wrong file"
            next_client.expect("QUIT", 221)
            assert next_client.at_end(PATIENCE), "the connection of the next client stays open after QUIT"


# ---- Steps

def ask(client, command, *codes):
    reply = client.command(command)
    if reply.code in codes:
        return reply
    assert reply.code >= 400, f"{command!r} was answered {reply}"
    raise Refused(reply)


def log_in(client, user=USER, tls=False):
    greeting = client.reply()
    if greeting.code != 220:
        raise Refused(greeting)
    if tls:
        start_tls(client)
    if ask(client, f"USER {user}", 331, 230).code == 331:
        answer = client.command(f"PASS {PASSWORD}")
        assert answer.code != 530, f"a right password was refused: {answer}"
        if answer.code != 230:
            raise Refused(answer)
    ask(client, "TYPE I", 200)
    if tls:
        ask(client, "PBSZ 0", 200)
        ask(client, "PROT P", 200)


@contextmanager
def session(service, user=USER, tls=False, of=Raw):
    """A client that has logged in, and that leaves at the end."""
    with service.client(of) as client:
        log_in(client, user, tls)
        yield client
        leave(client)


def leave(client):
    ask(client, "QUIT", 221)
    assert client.at_end(PATIENCE), "the connection stays open after QUIT"


def handshake(connection, client, resumed=None):
    try:
        return client.tls.wrap_socket(connection, server_hostname="localhost", session=resumed)
    except (ssl.SSLError, OSError) as e:
        assert not isinstance(e, TimeoutError), "the handshake never ends"
        raise Refused(e) from e


def start_tls(client):
    ask(client, "AUTH TLS", 234)
    client.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.tls.check_hostname, client.tls.verify_mode = False, ssl.CERT_NONE
    client.socket = handshake(client.socket, client)
    client.opened.append(client.socket)


def passive(client):
    port = int(re.search(r"\(\|\|\|(\d+)\|\)", ask(client, "EPSV", 229).text)[1])
    return client.connect(port)


@contextmanager
def data_connection(client, command, active):
    """The data connection of a command that was answered 150. Refused if the command fails."""
    with socket.socket(socket.AF_INET) as listening:
        if active:
            listening.bind((client.socket.getsockname()[0], 0))
            listening.listen()
            listening.settimeout(PATIENCE)
            address, port = listening.getsockname()
            ask(client, f"EPRT |1|{address}|{port}|", 200)
            client.send(f"{command}\r\n".encode())
            first = client.reply()
            if first.code not in (125, 150):
                raise Refused(first)
            data = listening.accept()[0]
            data.settimeout(PATIENCE)
        else:
            data = passive(client)
            ask(client, command, 125, 150)
        with data:
            yield handshake(data, client, client.socket.session) if hasattr(client, "tls") else data


def finished(client):
    final = client.reply()
    if final.code != 226:
        assert final.code >= 400, final
        raise Refused(final)


def received(data):
    try:
        return drain(data)
    except (ConnectionResetError, ssl.SSLError):
        return None  # the final reply says what this was


def download(client, command, active=False):
    """What was received; the daemon says that it is complete."""
    with data_connection(client, command, active) as data:
        content = received(data)
    finished(client)
    assert content is not None, f"{command}: a broken data connection was called complete"
    return content


def upload(client, command, content, active=False):
    with data_connection(client, command, active) as data:
        try:
            data.sendall(content)
            if hasattr(client, "tls"):
                data.unwrap()
        except (ConnectionError, ssl.SSLError):
            pass  # as above
    finished(client)


def administer(service, **request):
    """An answer on the control socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(service.control))
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                raise Refused(answer)
            answer += part
    value = json.loads(answer)
    if "error" in value:
        raise Refused(value["error"])
    return value


# ---- Scenarios

def connect(service):
    with service.client() as client:
        greeting = client.reply()
        if greeting.code != 220:
            raise Refused(greeting)
        leave(client)


def login(service):
    with session(service):
        pass


def login_with_hash(service):
    with session(service, HASHED_USER):
        pass


def login_over_tls(service):
    with session(service, tls=True):
        pass


def retrieve(service, active=False, tls=False, of=Raw):
    with session(service, tls=tls, of=of) as client:
        for name in (SMALL, LARGE):
            assert download(client, f"RETR {name}", active) == service.content[name], f"{name} is wrong"


def retrieve_active(service):
    retrieve(service, active=True)


def retrieve_over_tls(service):
    retrieve(service, tls=True)


def retrieve_through_balancer(service):
    retrieve(service, of=Balanced)


def retrieve_from_offset(service):
    with session(service) as client:
        with passive(client) as data:
            ask(client, "REST 1000", 350)
            ask(client, f"RETR {SMALL}", 125, 150)
            content = received(data)
        finished(client)
        assert content == service.content[SMALL][1000:]


def store(service, active=False, tls=False):
    with session(service, tls=tls) as client:
        for name in (SMALL, LARGE):
            upload(client, f"STOR new-{name}", service.content[name], active)
            stored = service.root / f"new-{name}"
            assert stored.read_bytes() == service.content[name], f"{name} was stored wrongly"
            stored.unlink()


def store_active(service):
    store(service, active=True)


def store_over_tls(service):
    store(service, tls=True)


def remove_uploads(service):
    """What stays when the reply to a complete upload fails."""
    for path in service.root.iterdir():
        if path.is_file() and path.name not in service.content:
            path.unlink(missing_ok=True)


def append(service):
    remove_uploads(service)
    with session(service) as client:
        for name in (SMALL, LARGE):
            upload(client, "APPE joined", service.content[name])
        assert (service.root / "joined").read_bytes() == service.content[SMALL] + service.content[LARGE]


def store_unique(service):
    remove_uploads(service)
    with session(service) as client:
        before = set(service.root.iterdir())
        upload(client, "STOU", service.content[SMALL])
        made = set(service.root.iterdir()) - before
        assert [path.read_bytes() for path in made] == [service.content[SMALL]]


def listing(service, command, tls=False):
    with session(service, tls=tls) as client:
        lines = download(client, f"{command} many").decode().splitlines()
        names = {line.split()[-1].split("/")[-1] for line in lines}
        missing = {f"file-{i:03}" for i in range(300)} - names
        assert not missing, f"{command} lacks {len(missing)} names"


def list_directory(service):
    listing(service, "LIST")


def list_names(service):
    listing(service, "NLST")


def list_facts(service):
    listing(service, "MLSD")


def list_over_tls(service):
    listing(service, "LIST", tls=True)


def list_pattern(service):
    with session(service) as client:
        assert download(client, "NLST *.bin").split() == sorted(name.encode() for name in service.content)


def file_commands(service):
    with session(service) as client:
        for command, code in (("MKD made", 257), ("CWD made", 250), ("PWD", 257), ("CDUP", 250), ("RMD made", 250),
                              ("SIZE small.bin", 213), ("MDTM small.bin", 213), ("MLST small.bin", 250), ("STAT small.bin", 213),
                              ("FEAT", 211), ("RNFR small.bin", 350), ("RNTO small.bin", 250)):
            if command == "MKD made" and (service.root / "made").exists():
                (service.root / "made").rmdir()
            ask(client, command, code, 212)


def status(service):
    answer = administer(service, command="status")
    if not answer["complete"]:
        raise Refused("a loop did not answer")
    assert answer["sessions"], "the session of the bystander is missing"


def reload(service):
    administer(service, command="reload")


def kick(service):
    with service.client() as client:
        log_in(client)
        address = ":".join(map(str, client.socket.getsockname()))
        mine = [each["id"] for each in administer(service, command="status")["sessions"] if each["client"] == address]
        if not mine:
            raise Refused("the status is not complete")
        administer(service, command="kick", session=mine[0])
        end = client.reply()
        assert end.code == 421, end
        assert client.at_end(PATIENCE), "the connection stays open after 421"


def health_check(_service):
    """Of a gateway with an interval of one second."""
    time.sleep(1.05)


SERVER = (connect, login, login_with_hash, login_over_tls, retrieve, retrieve_active, retrieve_over_tls, retrieve_through_balancer,
          retrieve_from_offset, store, store_active, store_over_tls, append, store_unique, list_directory, list_names, list_facts,
          list_over_tls, list_pattern, file_commands, status, reload, kick)
GATEWAY = (connect, login, login_over_tls, retrieve, retrieve_active, retrieve_over_tls, retrieve_through_balancer, retrieve_from_offset,
           store, store_active, store_over_tls, append, list_directory, list_over_tls, status, reload, kick)
