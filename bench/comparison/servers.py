"""The servers that are compared, each configured for speed: no lookups, no limits, no logs, otherwise as packaged.

A server is started over a Site, plain or with TLS as well, on a port that was free, and is stopped with everything that it
forked. `writer` is the login that may upload into /up: who may do that differs between them."""

import ctypes
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import sys
import time

from free_ports import free_port

from .site import ACCOUNT

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE_SERVERS = ROOT / "build/reference-servers"
ANONYMOUS = ("anonymous", "bench@example.org")


def adopt_orphans():
    """Processes that a stopped server leaves behind become children of this process, and can be found and ended."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(root):
    """The process and all below it."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting += children.get(process, [])
    return found


def end_descendants():
    for process in descendants(os.getpid())[1:]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        while os.waitpid(-1, 0):
            pass
    except ChildProcessError:
        pass


class OwnNetwork:
    """With nothing but a loopback device: kernel settings there affect no other server of the run. It removes
    closed connections soon: at these rates, those of the usual two minutes would exceed its table."""

    def __init__(self):
        script = ("ip link set dev lo up && sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=5 && echo up && "
                  "exec sleep infinity")
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "up\n":
            raise RuntimeError("no right to a network of its own")
        self.enter = ("nsenter", f"--net=/proc/{self.holder.pid}/ns/net")


class Server:
    name = ""
    enter = ()  # the beginning of command lines that are to run in its network
    address = "127.0.0.1"
    mlsd = "mlsd"  # mode for listing a large directory
    writer = ANONYMOUS

    def __init__(self, site, tls):
        self.site, self.tls, self.port = site, tls, free_port()
        self.folder = site.private(self.name)
        self.process = None

    def start(self):
        argv = [*self.enter, *(str(word) for word in self.command())]
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + 15
        while not self._greets():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start: {(self.folder / 'output').read_text(errors='replace').strip()}")
            time.sleep(0.05)
        return self

    def stop(self):
        if self.process is None:
            return
        family = descendants(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(6)
        except subprocess.TimeoutExpired:
            pass
        for process in family:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None

    def memory(self):
        """Memory of all its processes, with shared pages counted once (PSS)."""
        total = 0
        for process in descendants(self.process.pid):
            try:
                text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
            except OSError:
                continue  # ended meanwhile
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total * 1024

    def _greets(self):
        if self.enter:
            asked = f"import socket; print(socket.create_connection(({self.address!r}, {self.port}), 1).recv(3).decode())"
            return subprocess.run([*self.enter, sys.executable, "-c", asked], capture_output=True, text=True).stdout == "220\n"
        try:
            with socket.create_connection((self.address, self.port), 1) as probe:
                return probe.recv(3) == b"220"
        except OSError:
            return False


class Sallyport(Server):
    name = "Sallyport"
    writer = ("writer", "secret")
    binary = ROOT / "build/release/sallyport"

    def command(self):
        return [self.binary, "serve", self.site.tree, "--listen", f"{self.address}:{self.port}", "--anonymous", "--user",
                ":".join(self.writer), *self.log_options(), *self.tls_options()]

    def log_options(self):
        return ["--log-level", "warning"]

    def tls_options(self):
        return ["--tls-cert", self.site.cert, "--tls-key", self.site.key] if self.tls else []


class Gateway(Sallyport):
    name = "gateway"
    terms = ""  # of its backend

    def __init__(self, site, tls, backend):
        super().__init__(site, tls)
        self.backend = backend

    def in_network(self, network):
        """The gateway and its backend."""
        self.enter = self.backend.enter = network.enter
        return self

    def command(self):
        backend = f"ftp://{self.backend.address}:{self.backend.port}{self.terms}"
        return [self.binary, "gate", "--listen", f"127.0.0.1:{self.port}", "--backend", backend, "--log-level", "warning", *self.tls_options()]


class KernelGateway(Gateway):
    """Kernel forwarding of data connections."""

    def command(self):
        return [*super().command(), "--data-path", "kernel"]


class DirectGateway(Gateway):
    """Direct data connections between client and server."""

    terms = "?direct=passive"


class ReferenceServer(Server):
    """A packaged server: run from build/reference-servers, with the account "ftp" that its package would have made."""

    program = ""

    def command(self):
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', self.site.passwd,
                REFERENCE_SERVERS / "bin" / self.program, *self.arguments()]


class Vsftpd(ReferenceServer):
    name = program = "vsftpd"
    mlsd = "list"  # it has no MLSD

    def arguments(self):
        empty = self.folder / "empty"
        empty.mkdir()
        settings = {
            "listen": "YES", "listen_address": "127.0.0.1", "listen_port": self.port, "background": "NO",
            "anonymous_enable": "YES", "nopriv_user": ACCOUNT, "secure_chroot_dir": empty, "anon_root": self.site.tree,
            "write_enable": "YES", "anon_upload_enable": "YES", "anon_other_write_enable": "YES", "anon_umask": "022",
            "xferlog_enable": "NO", "max_clients": 0, "max_per_ip": 0,
        }
        if self.tls:
            settings |= {"ssl_enable": "YES", "allow_anon_ssl": "YES", "force_local_logins_ssl": "NO", "force_local_data_ssl": "NO",
                         "rsa_cert_file": self.site.cert, "rsa_private_key_file": self.site.key, "ssl_ciphers": "HIGH"}
        config = self.folder / "vsftpd.conf"
        config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return [config]


class PureFtpd(ReferenceServer):
    name = "Pure-FTPd"
    program = "pure-ftpd"
    writer = ("writer", "secret")

    def arguments(self):
        # A hash made by pure-pw would take a second to check, which is not measured here.
        hashed = subprocess.run(["openssl", "passwd", "-6", self.writer[1]], text=True, check=True, capture_output=True).stdout.strip()
        uid, gid = pwd.getpwnam(ACCOUNT)[2:4]
        passwords, database = self.folder / "passwords", self.folder / "passwords.pdb"
        passwords.write_text(f"{self.writer[0]}:{hashed}:{uid}:{gid}::{self.site.tree}/./::::::::::::\n")
        subprocess.run([REFERENCE_SERVERS / "bin/pure-pw", "mkdb", database, "-f", passwords], check=True, capture_output=True)
        secure = ["--tls", "1", "--certfile", self.site.both] if self.tls else []
        return ["--bind", f"127.0.0.1,{self.port}", "--dontresolve", "--ipv4only", "--maxclientsnumber", "20000", "--maxclientsperip",
                "20000", "--limitrecursion", "200000:10", "--syslogfacility", "none", "--login", f"puredb:{database}",
                "--pidfile", self.folder / "pid", "--minuid", "1", *secure]


class Proftpd(ReferenceServer):
    name = "ProFTPD"
    program = "proftpd"

    def arguments(self):
        lines = [
            f"ModulePath {REFERENCE_SERVERS}/proftpd/usr/lib/proftpd", "LoadModule mod_tls.c" if self.tls else "", "ServerName bench",
            "ServerType standalone", f"Port {self.port}", "DefaultAddress 127.0.0.1", "SocketBindTight on", "UseIPv6 off",
            "UseReverseDNS off", f"User {ACCOUNT}", "Group nogroup", "MaxInstances none", "DelayEngine off", "WtmpLog off",
            "TransferLog none", "SystemLog none", f"PidFile {self.folder}/pid", f"ScoreboardFile {self.folder}/scoreboard",
            *self.settings(),
        ]
        if self.tls:
            lines += ["TLSEngine on", "TLSRequired off", f"TLSECCertificateFile {self.site.cert}",
                      f"TLSECCertificateKeyFile {self.site.key}", "TLSProtocol TLSv1.2 TLSv1.3"]
        config = self.folder / "proftpd.conf"
        config.write_text("\n".join(lines) + "\n")
        return ["--nodaemon", "--config", config]

    def settings(self):
        return [
            f"<Anonymous {self.site.tree}>", "User ftp", "Group nogroup", "UserAlias anonymous ftp", "RequireValidShell off",
            "AllowOverwrite on", "<Limit WRITE>", "DenyAll", "</Limit>", "<Directory up/*>", "<Limit STOR>", "AllowAll", "</Limit>",
            "</Directory>", "</Anonymous>",
        ]


COMPARED = {"sallyport": Sallyport, "vsftpd": Vsftpd, "pure-ftpd": PureFtpd, "proftpd": Proftpd}
