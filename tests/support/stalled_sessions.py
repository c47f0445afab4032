"""Clients that ask for much and then neither read nor send: what such a session costs a server is memory (RX-03)."""

import contextlib
import re
import resource
import socket
import ssl

# What the session is doing when it stalls.
KINDS = ("LIST", "NLST", "MLSD", "STAT", "RETR", "RETR, TYPE A", "RETR, TLS", "STOR", "STOR, TYPE A", "STOR, TLS")
SMALL = 2304  # bytes of a receive buffer: the smallest
SENT = 12 * 65536  # bytes of an upload until it stalls


def allow_descriptors():
    """As many as possible: each session needs two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Stalled:
    """One session. `directory` has many entries, `file` is large, and the user may upload to `uploads`."""

    def __init__(self, address, kind, login, context=None, directory="/many", file="/large", uploads="/up", source=None):
        self.address, self.source, self.pending = address, source, b""
        command, _, form = kind.partition(", ")
        self.control = self.connect(address[1])
        self.data = None
        self.reply(220)
        if form == "TLS":
            self.command("AUTH TLS", 234)
            self.control = context.wrap_socket(self.control)
        self.command(f"USER {login[0]}", 331)
        self.command(f"PASS {login[1]}", 230)
        self.command("TYPE A" if form == "TYPE A" else "TYPE I", 200)
        if form == "TLS":
            self.command("PBSZ 0", 200)
            self.command("PROT P", 200)
        if command == "STAT":
            # The kernel has room for some of the replies.
            self.control.sendall(f"STAT {directory}\r\n".encode() * 40)
            return
        self.data = self.connect(int(re.search(r"\|(\d+)\|\)", self.command("EPSV", 229))[1]))
        argument = {"RETR": file, "STOR": f"{uploads}/{self.control.getsockname()[1]}-{self.data.getsockname()[1]}"}
        self.command(f"{command} {argument.get(command, directory)}", 150)
        if form == "TLS":
            self.data = context.wrap_socket(self.data, session=self.control.session)
        if command == "STOR":
            self.data.settimeout(0.5)
            with contextlib.suppress(OSError):
                for _ in range(SENT // 65536):
                    self.data.sendall(b"12345678 90123\r\n" * 4096)

    def connect(self, port):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        made.settimeout(30)
        if self.source:
            made.bind((self.source, 0))
        made.connect((self.address[0], port))
        return made

    def command(self, text, code):
        self.control.sendall(text.encode() + b"\r\n")
        return self.reply(code)

    def reply(self, code):
        while True:
            while b"\n" not in self.pending:
                received = self.control.recv(4096)
                if not received:
                    raise OSError(f"closed instead of {code}")
                self.pending += received
            line, self.pending = self.pending.split(b"\n", 1)
            if line[3:4] == b" ":
                if int(line[:3]) != code:
                    raise OSError(f"{line.decode(errors='replace')!r} instead of {code}")
                return line.decode(errors="replace")

    def close(self):
        for connection in (self.data, self.control):
            if connection:
                connection.close()
