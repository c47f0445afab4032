"""vsftpd, ProFTPD and Pure-FTPd from build/reference-servers, over a folder, with a user that may write; nothing of the system is changed.

Each is started with NAME(folder, certificate, tls="none" | "explicit" | "implicit") and has: host, port, user, password,
tls, and files, the folder that its user sees as `base`.
"""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from free_ports import free_port

from . import programs

# A user whose home directory exists: vsftpd goes there before it goes to its root.
OWNER, GROUP = "daemon", "daemon"


class ReferenceServer:
    user, password, base = "writer", "lab", ""
    TLS = ("none", "explicit", "implicit")

    def __init__(self, folder, certificate, tls="none", host="127.0.0.1", port=None, wrap=None, **extra):
        self.folder, self.certificate, self.tls, self.extra = folder, certificate, tls, extra
        self.host, self.port, self.wrap = host, port or free_port(), wrap or (lambda argv: argv)
        self.root = folder / "root"
        self.files = self.root / self.base.lstrip("/")
        self.process = None

    def start(self):
        # Its user must be able to walk down to its files.
        for parent in (self.folder, *self.folder.parents):
            parent.mkdir(exist_ok=True)
            if parent.stat().st_uid == os.geteuid() and parent != parent.parent:
                parent.chmod(parent.stat().st_mode | 0o011)
        self.files.mkdir(parents=True)
        self.give(self.files)
        argv = self.configure()
        with (self.folder / "output").open("w") as output:
            self.process = subprocess.Popen(self.wrap(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.wait_ready()
        return self

    def give(self, path):
        """A file or tree to the user that the server runs as."""
        subprocess.run(["chown", "-R", f"{OWNER}:{GROUP}", path], check=True)

    def fill(self, tree):
        shutil.copytree(tree, self.files, dirs_exist_ok=True)
        self.give(self.files)

    def wait_ready(self):
        probe = ["/usr/bin/python3", "-c", "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).recv(1)"
                 if self.tls != "implicit" else "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)",
                 self.host, str(self.port)]
        deadline = time.monotonic() + 10
        while subprocess.run(self.wrap(probe), capture_output=True).returncode != 0:
            output = (self.folder / "output").read_text(errors="replace")
            assert self.process.poll() is None, f"{type(self).__name__} ended: {output}"
            assert time.monotonic() < deadline, f"{type(self).__name__} does not answer: {output}"
            time.sleep(0.05)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


class Vsftpd(ReferenceServer):
    """Anonymous with write access: its local users need the system's password files, so local=True, which gives it the same
    user as the others have, starts it where those are others (needs root). Extra: reuse=True demands that data connections
    resume the TLS session, strict=True that TLS ends in good order both ways, active=False refuses PORT and EPRT, rate=N sends N bytes per second, ports=(A, B) are those for passive data, foreign=True lets data
    connections be with others than the control connection's peer, lines=TEXT is the end of the configuration."""

    user, password, base = "anonymous", "tester@", "/pub"  # an anonymous root that could be written would be refused

    def __init__(self, *arguments, **options):
        if options.get("local"):
            self.user, self.password, self.base = ReferenceServer.user, ReferenceServer.password, ReferenceServer.base
        super().__init__(*arguments, **options)

    def configure(self):
        chroot = self.folder / "empty"
        chroot.mkdir()
        settings = {
            **({"listen_ipv6": "YES", "listen_address6": self.host} if ":" in self.host else
               {"listen": "YES", "listen_address": self.host}),
            "listen_port": self.port, "background": "NO", "seccomp_sandbox": "NO",
            "anonymous_enable": "YES", "local_enable": "NO", "ftp_username": OWNER, "nopriv_user": OWNER, "anon_root": self.root,
            "write_enable": "YES", "anon_upload_enable": "YES", "anon_mkdir_write_enable": "YES", "anon_other_write_enable": "YES",
            "anon_world_readable_only": "NO", "anon_umask": "022", "force_dot_files": "YES", "secure_chroot_dir": chroot,
            "port_enable": "YES" if self.extra.get("active", True) else "NO",
            **dict(zip(("pasv_min_port", "pasv_max_port"), self.extra.get("ports", ()))),
            "anon_max_rate": self.extra.get("rate", 0),
            **dict.fromkeys(("pasv_promiscuous", "port_promiscuous"), "YES" if self.extra.get("foreign") else "NO"),
            "connect_from_port_20": "NO", "xferlog_enable": "YES", "vsftpd_log_file": self.folder / "log",
            "log_ftp_protocol": "YES", "dual_log_enable": "YES", "xferlog_file": self.folder / "xferlog", "max_per_ip": 0,
        }
        if self.tls != "none":
            settings |= {
                "ssl_enable": "YES", "allow_anon_ssl": "YES", "force_anon_logins_ssl": "YES", "force_anon_data_ssl": "YES",
                "rsa_cert_file": self.certificate.cert, "rsa_private_key_file": self.certificate.key,
                "require_ssl_reuse": "YES" if self.extra.get("reuse") else "NO", "ssl_ciphers": "HIGH", "debug_ssl": "YES",
                "implicit_ssl": "YES" if self.tls == "implicit" else "NO",
                **dict.fromkeys(("strict_ssl_write_shutdown", "strict_ssl_read_eof"), "YES" if self.extra.get("strict") else "NO"),
            }
        command = []
        if self.extra.get("local"):
            settings |= {"anonymous_enable": "NO", "local_enable": "YES", "local_umask": "022", "chroot_local_user": "YES",
                         "allow_writeable_chroot": "YES", "pam_service_name": "vsftpd", "check_shell": "NO"}
            command = self.own_accounts()
        config = self.folder / "vsftpd.conf"
        config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()) + self.extra.get("lines", ""))
        return [*command, programs.reference_server("vsftpd"), str(config)]

    def own_accounts(self):
        """What starts a command with a password file and rules of its own in place of the system's."""
        ids = pwd.getpwnam(OWNER)[2:4]
        passwd = self.folder / "passwd"
        passwd.write_text(f"{Path('/etc/passwd').read_text()}{self.user}:x:{ids[0]}:{ids[1]}::{self.files}:/bin/sh\n")
        rules = self.folder / "pam.d"
        rules.mkdir()
        (rules / "vsftpd").write_text("".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session")))
        return ["unshare", "--mount", "sh", "-c", f'mount --bind {passwd} /etc/passwd && mount --bind {rules} /etc/pam.d && exec "$@"', "sh"]


class Proftpd(ReferenceServer):
    """Extra: reuse=True demands that data connections resume the TLS session, client_ca=FILE a certificate signed by it, lines=[...]
    are more lines of the configuration."""

    def configure(self):
        root = programs.ROOT / "build/reference-servers/proftpd"
        modules = next(root.glob("usr/lib/proftpd"))
        passwords = self.folder / "passwords"
        hashed = subprocess.run(["openssl", "passwd", "-6", self.password], capture_output=True, text=True, check=True).stdout
        passwords.write_text(f"{self.user}:{hashed.strip()}:1:1::{self.files}:/bin/false\n")
        passwords.chmod(0o600)
        lines = [
            f"ModulePath {modules}", "LoadModule mod_tls.c" if self.tls != "none" else "",
            "ServerName test", "ServerType standalone", f"Port {self.port}", f"DefaultAddress {self.host}", "SocketBindTight on",
            f"User {OWNER}", f"Group {GROUP}", "UseIPv6 on", "UseReverseDNS off", "AuthOrder mod_auth_file.c",
            f"AuthUserFile {passwords}", "RequireValidShell off", "DefaultRoot ~", "AllowOverwrite on", "AllowStoreRestart on",
            f"PidFile {self.folder}/pid", f"ScoreboardFile {self.folder}/scoreboard", f"SystemLog {self.folder}/log",
            "WtmpLog off", "TransferLog none", "UseSendfile on", "TimesGMT on", "MaxInstances 100",
            "<IfModule mod_delay.c>", "DelayEngine off", "</IfModule>",
        ]
        if self.tls != "none":
            options = [] if self.extra.get("reuse") else ["NoSessionReuseRequired"]
            options += ["UseImplicitSSL"] if self.tls == "implicit" else []
            lines += ["TLSEngine on", "TLSRequired on", f"TLSECCertificateFile {self.certificate.cert}",
                      f"TLSECCertificateKeyFile {self.certificate.key}", f"TLSLog {self.folder}/tls-log",
                      "TLSProtocol TLSv1.2 TLSv1.3", f"TLSOptions {' '.join(options)}" if options else ""]
            if authority := self.extra.get("client_ca"):
                lines += ["TLSVerifyClient on", f"TLSCACertificateFile {authority}"]
        lines += self.extra.get("lines", [])
        config = self.folder / "proftpd.conf"
        config.write_text("\n".join(lines) + "\n")
        return [programs.reference_server("proftpd"), "--nodaemon", "--config", str(config)]


class PureFtpd(ReferenceServer):
    """Extra: words=[...] are more words of the command line. `words` and `passwords` are what it was started with."""

    TLS = ("none", "explicit")

    def configure(self):
        passwords, database = self.folder / "passwords", self.folder / "passwords.pdb"
        self.passwords = passwords
        # A hash made here: pure-pw's own takes seconds at each login, and logins are not the matter.
        hashed = subprocess.run(["openssl", "passwd", "-6", self.password], capture_output=True, text=True, check=True).stdout
        passwords.write_text(f"{self.user}:{hashed.strip()}:1:1::{self.files}/./::::::::::::\n")
        subprocess.run([programs.reference_server("pure-pw"), "mkdb", database, "-f", passwords], check=True, capture_output=True)
        argv = [programs.reference_server("pure-ftpd"), "--bind", f"{self.host},{self.port}", "--login", f"puredb:{database}", "--chrooteveryone",
                "--minuid", "1", "--dontresolve", "--maxclientsperip", "1000", "--maxclientsnumber", "2000", "--noanonymous",
                "--pidfile", str(self.folder / "pid"), "--umask", "022:022", "--syslogfacility", "none", "--limitrecursion", "20000:20"]
        if self.tls != "none":
            argv += ["--tls", "2", "--certfile", str(self.certificate.both)]
        argv += self.extra.get("words", [])
        self.words = argv[1:]
        return argv


REFERENCE_SERVERS = {"vsftpd": Vsftpd, "proftpd": Proftpd, "pure-ftpd": PureFtpd}
