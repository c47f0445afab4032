"""A small FTP server in Python: a test writes down its files, listings and replies, and can slow, cut or reset its transfers."""

import socket
import threading
import time


class ScriptedServer:
    """`files` by path: bytes. `listings` by directory: the bytes of its LIST. There is no MLSD and no argument to LIST.

    `replies` by verb are said instead of what is usual, and no work is done then; GREETING is one, and BEGIN and END are those
    of every transfer. A callable gets the connection and says all by itself.
    """

    def __init__(self, files=None, listings=None, start="/", replies=None, at=("127.0.0.1", 0)):
        self.files, self.listings, self.start = dict(files or {}), dict(listings or {}), start
        self.replies = dict(replies or {})
        self.reset = False  # whether data connections end with RST after their last byte
        self.modified = {}  # by path, "20260102030405"; others have a time of their own that never changes
        self.cut_after = None  # bytes of a download, then its connections are reset
        self.pause = 0  # seconds between pieces of a download
        self.ignores_rest = False
        self.readable = True
        self.advertised = None  # the address in a 227; otherwise its own
        self.refuse = None  # refuse(session, verb): a reply instead of the work, or None
        self.tls = None  # a context for AUTH TLS and for data connections
        self.refuse_data = None  # refuse_data(data): a reply instead of the listing, after the handshake
        self.sends_close_notify = True  # at the end of a listing over TLS
        self.before_uploads = b""  # what it writes before the bytes of an upload
        self.commands = []
        self.host = at[0]
        self.listener = socket.create_server(at)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # otherwise the thread that accepts would keep it
        self.listener.close()

    def url(self, path):
        return f"ftp://u:p@127.0.0.1:{self.port}/{path}"

    def arguments_of(self, verb):
        """Of each such command that has come so far."""
        return [line.partition(" ")[2] for line in self.commands if line.partition(" ")[0] == verb]

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=Session(self, connection).run, daemon=True).start()


class Session:
    def __init__(self, server, control):
        self.server, self.control = server, control
        self.directory, self.offset, self.passive = server.start, 0, None
        self.verbs, self.lines = [], None

    def run(self):
        try:
            with self.control:
                self.lines = self.control.makefile("rb")
                self.answer("GREETING", "220 ready")
                while line := self.lines.readline():
                    text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
                    self.server.commands.append(text)
                    verb, _, argument = text.partition(" ")
                    self.verbs.append(verb)
                    handler = getattr(self, "do_" + verb.lower(), None)
                    if self.server.refuse and (said := self.server.refuse(self, verb)):
                        self.say(said)
                    elif handler and verb not in self.server.replies:
                        handler(argument)
                    else:
                        self.answer(verb, f"500 {verb} is unknown")
        except OSError:
            pass

    def say(self, text):
        self.control.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def answer(self, what, usual):
        reply = self.server.replies.get(what, usual)
        reply(self.control) if callable(reply) else self.say(reply)

    def path(self, name):
        return name if name.startswith("/") else self.directory.rstrip("/") + "/" + name

    def data(self):
        if self.passive is None:
            raise OSError("no port was named")
        connection, _ = self.passive.accept()
        self.passive.close()
        if self.server.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return connection

    def protected(self, data):
        return self.server.tls.wrap_socket(data, server_side=True) if "PROT" in self.verbs else data

    def do_auth(self, _):
        if self.server.tls is None:
            return self.say("502 no TLS")
        self.say("234 go on")
        self.control = self.server.tls.wrap_socket(self.control, server_side=True)
        self.lines = self.control.makefile("rb")

    def do_pbsz(self, _):
        self.say("200 ok")

    def do_prot(self, _):
        self.say("200 ok")

    def do_dele(self, name):
        self.say("250 ok" if self.server.files.pop(self.path(name), None) is not None else "550 no such file")

    def do_user(self, _):
        self.say("331 password")

    def do_pass(self, _):
        self.say("230 in")

    def do_type(self, _):
        self.say("200 ok")

    def do_pwd(self, _):
        self.say('257 "' + self.directory.replace('"', '""') + '"')

    def do_cwd(self, name):
        path = self.path(name)
        if path.rstrip("/") in [known.rstrip("/") for known in self.server.listings]:
            self.directory = path
            self.say("250 ok")
        else:
            self.say("550 no such directory")

    def do_size(self, name):
        content = self.server.files.get(self.path(name))
        self.say("550 no such file" if content is None else f"213 {len(content)}")

    def do_mdtm(self, name):
        path = self.path(name)
        self.say("213 " + self.server.modified.get(path, "20260102030405") if path in self.server.files else "550 no such file")

    def do_epsv(self, _):
        self.passive = socket.create_server((self.server.host, 0))
        self.say(f"229 Extended (|||{self.passive.getsockname()[1]}|)")

    def do_pasv(self, _):
        self.passive = socket.create_server((self.server.host, 0))
        port = self.passive.getsockname()[1]
        self.say(f"227 Entering Passive Mode ({(self.server.advertised or self.server.host).replace('.', ',')},{port >> 8},{port & 255})")

    def do_rest(self, offset):
        self.offset = 0 if self.server.ignores_rest else int(offset)
        self.say("350 ok")

    def do_list(self, argument):
        with self.data() as plain:
            self.answer("BEGIN", "150 here it comes")
            data = self.protected(plain)
            if self.server.refuse_data and (said := self.server.refuse_data(data)):
                data.close()
                return self.say(said)
            data.sendall(b"" if argument else next(b for d, b in self.server.listings.items() if d.rstrip("/") == self.directory.rstrip("/")))
            if data is not plain:
                data.unwrap() if self.server.sends_close_notify else data.close()
        self.answer("END", "226 done")

    def do_retr(self, name):
        content = self.server.files.get(self.path(name))
        offset, self.offset = self.offset, 0
        if content is None or not self.server.readable:
            return self.say("550 no such file for you")
        data = self.data()
        with data:
            self.answer("BEGIN", "150 here it comes")
            sent = 0
            for at in range(offset, len(content), 16384):
                piece = content[at:at + 16384]
                if self.server.cut_after is not None:
                    piece = piece[:self.server.cut_after - sent]
                try:
                    data.sendall(piece)
                except OSError:
                    return self.say("426 cut")
                sent += len(piece)
                if sent == self.server.cut_after:
                    return self.control.shutdown(socket.SHUT_RDWR)
                time.sleep(self.server.pause)
        self.answer("END", "226 done")

    def store(self, name, before):
        self.answer("BEGIN", "150 go on")
        received = self.server.before_uploads
        with self.data() as data:
            while piece := data.recv(65536):
                received += piece
        self.server.files[self.path(name)] = before + received
        self.answer("END", "226 done")

    def do_stor(self, name):
        self.store(name, b"")

    def do_appe(self, name):
        self.store(name, self.server.files.get(self.path(name), b""))

    def do_quit(self, _):
        self.say("221 bye")
