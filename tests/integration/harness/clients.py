"""Third-party clients and ours with one small interface, so that one test serves all:

    client.put(server, tree)         uploads everything below tree, into the server's base
    client.get(server, tree, names)  downloads these files (or all, where the client can tell itself) into tree
    client.names(server, path)       the names in a directory

`server` has host, port, user, password, tls ("none", "explicit", "implicit"), ca, and base, the directory that all paths
are below. `method` is how data connections are
made: "epsv", "pasv", "eprt" or "port". METHODS and TLS say what each client can.
"""

import contextlib
import ftplib
import shlex
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from . import programs, trees

PASSIVE, ACTIVE = ("epsv", "pasv"), ("eprt", "port")


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    user: str
    password: str
    tls: str = "none"
    ca: Path | None = None
    base: str = ""

    def hostname(self):
        return f"[{self.host}]" if ":" in self.host else self.host

    def url(self, scheme, path="/"):
        return f"{scheme}://{self.hostname()}:{self.port}{quote(self.base + path)}"


class Failed(Exception):
    """A client program that ended badly; the text is what it said."""


class Client:
    METHODS = ()
    TLS = ("none",)
    MAKES_FOLDERS = True

    def __init__(self, method, wrap=None):
        assert method in self.METHODS
        self.method, self.wrap = method, wrap or (lambda argv: argv)

    @classmethod
    def can(cls, method, tls):
        return method in cls.METHODS and tls in cls.TLS

    def run(self, argv, timeout=50, **options):
        argv = [str(a) for a in argv]
        done = subprocess.run(self.wrap(argv), stdin=subprocess.DEVNULL if "input" not in options else None, capture_output=True,
                              timeout=timeout, **options)
        if done.returncode != 0:
            raise Failed(f"{shlex.join(argv)[:2000]} ended with {done.returncode}:\n"
                         f"{(done.stdout + done.stderr).decode(errors='replace')[-4000:]}")
        return done.stdout.decode()


class Curl(Client):
    METHODS = ("epsv", "pasv", "eprt", "port")
    TLS = ("none", "explicit", "implicit")

    @classmethod
    def can(cls, method, tls):
        # 7.88 forgets TLS on data connections that it accepts; mended in 8.0.
        return super().can(method, tls) and (tls == "none" or method in PASSIVE)

    def base(self, server):
        argv = ["curl", "--silent", "--show-error", "--fail-early", "--globoff", "--max-time", "45", "--connect-timeout", "5",
                "--user", f"{server.user}:{server.password}"]
        argv += {"epsv": [], "pasv": ["--disable-epsv"], "eprt": ["--ftp-port", "-"],
                 "port": ["--ftp-port", "-", "--disable-eprt"]}[self.method]
        if server.tls != "none":
            argv += ["--cacert", server.ca]
        if server.tls == "explicit":
            argv += ["--ssl-reqd"]
        return argv

    def url(self, server, path):
        return server.url("ftps" if server.tls == "implicit" else "ftp", path)

    def config(self, pairs):
        """Many transfers in one run, and so over one control connection."""
        escaped = lambda text: str(text).replace("\\", "\\\\").replace('"', '\\"')
        return "\n".join(f'{key} = "{escaped(value)}"' for pair in pairs for key, value in pair).encode()

    def put(self, server, tree):
        pairs = [(("upload-file", tree / name), ("url", self.url(server, "/" + name))) for name in trees.files(tree)]
        self.run([*self.base(server), "--ftp-create-dirs", "--config", "-"], input=self.config(pairs))

    def get(self, server, tree, names):
        pairs = [(("url", self.url(server, "/" + name)), ("output", tree / name)) for name in names]
        self.run([*self.base(server), "--create-dirs", "--config", "-"], input=self.config(pairs))

    def names(self, server, path):
        return self.run([*self.base(server), "--list-only", self.url(server, path.rstrip("/") + "/")]).splitlines()


class Lftp(Client):
    METHODS = ("epsv", "pasv", "port")
    TLS = ("none", "explicit", "implicit")

    def script(self, server, *commands):
        settings = {
            "cmd:fail-exit": "yes", "net:max-retries": 1, "net:timeout": 8, "net:reconnect-interval-base": 1, "ftp:sync-mode": "off",
            "ftp:passive-mode": "no" if self.method == "port" else "yes", "ftp:prefer-epsv": "yes" if self.method == "epsv" else "no",
            "ftp:ssl-allow": "no" if server.tls == "none" else "yes", "ftp:ssl-force": "no" if server.tls == "none" else "yes",
            "ftp:ssl-protect-data": "yes", "ftp:use-mdtm": "no", "ftp:charset": "UTF-8", "file:charset": "UTF-8",
        }
        if server.ca:
            settings["ssl:ca-file"] = server.ca
        url = server.url("ftps" if server.tls == "implicit" else "ftp", "/")
        lines = [f'set {key} "{value}"' for key, value in settings.items()]
        lines += [f"open --user {server.user} --password {server.password} {url}", *commands]
        return self.run(["lftp", "--norc", "-c", "\n".join(lines)])

    @staticmethod
    def quoted(path):
        return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

    def put(self, server, tree):
        self.script(server, f"mirror --reverse --no-perms {self.quoted(tree)} .")

    def get(self, server, tree, names):
        self.script(server, f"mirror --no-perms . {self.quoted(tree)}")

    def names(self, server, path):
        return [name.rstrip("/") for name in self.script(server, f"cls -1 --quiet {self.quoted(server.base + path.rstrip('/') + '/')}").splitlines()]


class Ncftp(Client):
    METHODS = ("pasv", "port")

    def base(self, program, server):
        return [program, "-V" if program != "ncftpls" else "-m", "-F" if self.method == "pasv" else "-E", "-t", "8", "-r", "1",
                "-u", server.user, "-p", server.password, "-P", str(server.port)]

    def put(self, server, tree):
        self.run([*self.base("ncftpput", server), "-R", "-m", server.host, server.base + "/", *sorted(tree.iterdir())])

    def get(self, server, tree, names):
        for top in sorted({name.split("/")[0] for name in names}):
            self.run([*self.base("ncftpget", server), "-R", "-T", server.host, tree, server.base + "/" + top])

    def names(self, server, path):
        argv = [a for a in self.base("ncftpls", server) if a != "-m"]
        return self.run([*argv, "-1", f"ftp://{server.host}{server.base}{path.rstrip('/')}/"]).splitlines()


class FixedMethod:
    """ftplib's connections, by the method that the test wants rather than by the address family, resuming the TLS session."""
    method = "pasv"

    def makepasv(self):
        if self.method == "epsv":
            return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())
        _, port = ftplib.parse227(self.sendcmd("PASV"))
        return self.sock.getpeername()[0], port

    def sendport(self, host, port):
        return self.sendeprt(host, port) if self.method == "eprt" else super().sendport(host, port)


class PlainFtp(FixedMethod, ftplib.FTP):
    pass


class TlsFtp(FixedMethod, ftplib.FTP_TLS):
    resume = True

    def ntransfercmd(self, cmd, rest=None):
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            data = self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session if self.resume else None)
        return data, size


class ImplicitFtp(TlsFtp):
    def connect(self, *args, **kwargs):
        self._wrapped = None
        return super().connect(*args, **kwargs)

    @property
    def sock(self):
        return self._wrapped

    @sock.setter
    def sock(self, value):
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value, server_hostname=self.host)
        self._wrapped = value


class Ftplib(Client):
    METHODS = ("epsv", "pasv", "eprt", "port")
    TLS = ("none", "explicit", "implicit")

    @contextlib.contextmanager
    def session(self, server, resume=True):
        if server.tls == "none":
            ftp = PlainFtp(encoding="utf-8", timeout=20)
        else:
            context = ssl.create_default_context(cafile=server.ca)
            ftp = {"explicit": TlsFtp, "implicit": ImplicitFtp}[server.tls](context=context, encoding="utf-8", timeout=20)
            ftp.resume = resume
        ftp.method = self.method
        ftp.connect(server.host, server.port)
        try:
            if server.tls == "implicit":
                ftp.file = ftp.sock.makefile("r", encoding="utf-8")
                ftplib.FTP.login(ftp, server.user, server.password)
            else:
                ftp.login(server.user, server.password)
            if server.tls != "none":
                ftp.prot_p()
            ftp.set_pasv(self.method in PASSIVE)
            yield ftp
            ftp.quit()
        finally:
            ftp.close()

    def put(self, server, tree):
        with self.session(server) as ftp:
            for folder in sorted(str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_dir()):
                ftp.mkd(f"{server.base}/{folder}")
            for name in trees.files(tree):
                with (tree / name).open("rb") as source:
                    ftp.storbinary(f"STOR {server.base}/{name}", source)

    def get(self, server, tree, names):
        with self.session(server) as ftp:
            for name in names:
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                with (tree / name).open("wb") as target:
                    ftp.retrbinary(f"RETR {server.base}/{name}", target.write)

    def names(self, server, path):
        with self.session(server) as ftp:
            ftp.cwd(server.base + path)
            return ftp.nlst()


class Sallyport(Client):
    """Ours. One file a run, as the command line has it."""
    MAKES_FOLDERS = False
    METHODS = ("epsv", "pasv", "eprt", "port")
    TLS = ("none", "explicit", "implicit")
    SCHEMES = {"none": "ftp", "explicit": "ftp+tls", "implicit": "ftps"}

    def url(self, server, path):
        at = f"{quote(server.user, safe='')}:{quote(server.password, safe='')}@"
        return f"{self.SCHEMES[server.tls]}://{at}{server.hostname()}:{server.port}{quote(server.base + path)}"

    def sallyport(self, server, command, *arguments):
        options = [] if server.ca is None or server.tls == "none" else ["--ca", server.ca]
        return self.run([programs.sallyport(), command, "--data-methods", self.method, *options, *arguments])

    def put(self, server, tree):
        for name in trees.files(tree):
            self.sallyport(server, "put", tree / name, self.url(server, "/" + name))

    def get(self, server, tree, names):
        for name in names:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            self.sallyport(server, "get", self.url(server, "/" + name), "-o", tree / name)

    def names(self, server, path):
        return self.sallyport(server, "ls", "--names", self.url(server, path.rstrip("/") + "/")).splitlines()


CLIENTS = {"curl": Curl, "lftp": Lftp, "ncftp": Ncftp, "ftplib": Ftplib, "sallyport": Sallyport}
