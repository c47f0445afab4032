"""A control connection by hand, for what no decent client would send, and for looking at single replies."""

import re
import socket
import ssl
from dataclasses import dataclass

from harness.patience import patient

CRLF = b"\r\n"


@dataclass(frozen=True)
class Reply:
    code: int
    text: str  # whole, lines joined by \n

    def __str__(self):
        return self.text


class Closed(Exception):
    """The peer ended the control connection where a reply was wanted."""


class Raw:
    def __init__(self, host, port, dial=socket.create_connection, timeout=patient(10), source=None):
        self.host, self.dial, self.timeout, self.source = host, dial, timeout, source
        self.opened = []  # kept alive with us: a forgotten data connection would close itself
        self.socket = self.connect(port)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self, port, source=None):
        source = source or self.source
        self.opened.append(self.dial((self.host, int(port)), timeout=self.timeout, source_address=(source, 0) if source else None))
        return self.opened[-1]

    def close(self):
        for connection in self.opened:
            connection.close()

    def reset(self):
        """The control connection vanishes: the peer gets RST. Data connections stay."""
        vanish(self.socket)

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.pending:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed(self.pending.decode(errors="replace"))
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a reply line ends without CR: {line!r}"
        return line[:-1].decode(errors="replace")

    def reply(self):
        lines = [self.line()]
        assert re.match(r"[1-5]\d\d[ -]", lines[0]), f"not a reply: {lines[0]!r}"
        while lines[0][3] == "-" and not lines[-1].startswith(lines[0][:3] + " "):
            lines.append(self.line())
        return Reply(int(lines[0][:3]), "\n".join(lines))

    def command(self, text):
        """Sends one line; its first reply."""
        self.send((text.encode() if isinstance(text, str) else text) + CRLF)
        return self.reply()

    def expect(self, text, *codes):
        reply = self.command(text)
        assert reply.code in codes, f"{text!r} was answered {reply}"
        return reply

    def start_tls(self, name=None):
        """AUTH TLS; `name` is the server name asked for. Data connections stay as they are."""
        self.expect("AUTH TLS", 234)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=name)
        self.opened.append(self.socket)

    def greet(self):
        reply = self.reply()
        assert reply.code == 220, reply
        return self

    def login(self, user="writer", password="lab", tls=False):
        self.greet()
        if tls:
            self.start_tls()
        self.expect(f"USER {user}", 331, 230)
        self.expect(f"PASS {password}", 230)
        self.expect("TYPE I", 200)
        return self

    def epsv_port(self):
        return int(re.search(r"\(\|\|\|(\d+)\|\)", self.expect("EPSV", 229).text)[1])

    def pasv(self):
        """(address, port) as announced."""
        numbers = [int(n) for n in re.search(r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", self.expect("PASV", 227).text).groups()]
        return ".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5]

    def passive(self):
        """A data connection."""
        return self.connect(self.epsv_port())

    def retrieve(self, name):
        """The content of a file, over a passive data connection."""
        with self.passive() as data:
            self.expect(f"RETR {name}", 150, 125)
            content = drain(data)
        assert (done := self.reply()).code == 226, done
        return content

    def store(self, name, content):
        """The final reply to an upload."""
        with self.passive() as data:
            self.expect(f"STOR {name}", 150, 125)
            data.sendall(content)
        return self.reply()

    def at_end(self, seconds=5):
        """Whether the peer closes within that time; what it still says is thrown away."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True


    def ends_in_order(self, seconds=5):
        """Whether the peer closes within that time by FIN, and not by RST, which could have destroyed its last reply."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except (ConnectionResetError, TimeoutError):
            return False


def drain(data):
    parts = []
    while part := data.recv(65536):
        parts.append(part)
    return b"".join(parts)


def vanish(connection):
    """Ends a connection by RST, as a machine that lost its state would."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
