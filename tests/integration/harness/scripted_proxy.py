"""A SOCKS5 and an HTTP proxy in Python: they lead on to the destinations that they are asked for, or answer as a test says."""

import base64
import socket
import struct
import threading
import time


class ScriptedProxy:
    """`names` maps host names to addresses that the proxy resolves. `login`: (user, password) that it requires. `answers`, by the
    number of the connection (0 is the first) or for all of them, are bytes that it sends at once instead of doing anything; a callable gets the connection. Each
    destination that was asked for is in `destinations`, as "HOST:PORT", and what comes from clients after it in `from_clients`."""

    scheme = ""

    def __init__(self, names=None, login=None, answers=None, piece=None):
        self.names, self.login, self.answers, self.piece = dict(names or {}), login, answers, piece
        self.destinations, self.received, self.from_clients = [], [], bytearray()
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            number, self.count = self.count, self.count + 1
            threading.Thread(target=self.serve, args=(connection, number), daemon=True).start()

    def serve(self, client, number):
        answer = self.answers.get(number) if isinstance(self.answers, dict) else self.answers
        try:
            with client:
                if callable(answer):
                    answer(client)
                elif answer is not None:
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass
                elif destination := self.negotiate(client):
                    self.relay(client, destination)
        except OSError:
            pass

    def exactly(self, client, count):
        out = b""
        while len(out) < count:
            more = client.recv(count - len(out))
            if not more:
                raise OSError("the client has gone")
            out += more
        self.received.append(out)
        return out

    def send(self, client, data):
        """In pieces of `piece` bytes, each in a segment of its own."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), self.piece or len(data)):
            client.sendall(data[at:at + (self.piece or len(data))])
            if self.piece:
                time.sleep(0.002)

    def connect(self, host, port):
        self.destinations.append(f"{host}:{port}")
        return socket.create_connection((self.names.get(host, host), port), 10)

    def relay(self, client, server):
        def copy(source, target, note):
            try:
                while data := source.recv(65536):
                    if note:
                        self.from_clients.extend(data)
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                for each in (source, target):
                    each.close()

        with server:
            other = threading.Thread(target=copy, args=(server, client, False), daemon=True)
            other.start()
            copy(client, server, True)
            other.join()


class Socks5Proxy(ScriptedProxy):
    scheme = "socks5"

    def negotiate(self, client):
        version, count = self.exactly(client, 2)
        methods = self.exactly(client, count)
        wanted = 2 if self.login else 0
        if version != 5 or wanted not in methods:
            self.send(client, b"\5\xff")
            return None
        self.send(client, bytes((5, wanted)))
        if self.login:
            _, length = self.exactly(client, 2)
            user = self.exactly(client, length)
            password = self.exactly(client, self.exactly(client, 1)[0])
            good = (user.decode(), password.decode()) == self.login
            self.send(client, b"\1\0" if good else b"\1\1")
            if not good:
                return None
        _, command, _, kind = self.exactly(client, 4)
        assert command == 1
        if kind == 3:
            host = self.exactly(client, self.exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(*((socket.AF_INET, self.exactly(client, 4)) if kind == 1 else (socket.AF_INET6, self.exactly(client, 16))))
        port = struct.unpack("!H", self.exactly(client, 2))[0]
        try:
            server = self.connect(host, port)
        except socket.gaierror:
            self.send(client, b"\5\4\0\1" + bytes(6))
            return None
        except ConnectionRefusedError:
            self.send(client, b"\5\5\0\1" + bytes(6))
            return None
        self.send(client, b"\5\0\0\1" + bytes(6))
        return server


class HttpProxy(ScriptedProxy):
    scheme = "http"

    def negotiate(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.exactly(client, 1)
        line, *fields = head.decode().rstrip("\r\n").split("\r\n")
        method, destination, version = line.split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1") and f"Host: {destination}" in fields
        if self.login:
            good = base64.b64encode(":".join(self.login).encode()).decode()
            if f"Proxy-Authorization: Basic {good}" not in fields:
                self.send(client, b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")
                return None
        host, _, port = destination.rpartition(":")
        try:
            server = self.connect(host.strip("[]"), int(port))
        except OSError:
            self.send(client, b"HTTP/1.1 502 Bad Gateway\r\n\r\nno")
            return None
        self.send(client, b"HTTP/1.1 200 Connection established\r\nProxy-agent: test\r\n\r\n")
        return server
