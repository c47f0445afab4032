"""Accounts of `sallyport serve` as the configuration file defines them: rights, names, homes, logins (S6, S8)."""

import os
import subprocess
import time

import pytest

from harness import certificates
from harness.daemon import wait_until
from harness.raw import Raw

PASSWORD = 'password = "lab"\n'


class Server:
    def __init__(self, start, sallyport, folder):
        self.start, self.sallyport = start, sallyport
        self.files, self.config, self.socket = folder / "files", folder / "serve.toml", folder / "serve.sock"
        self.files.mkdir()
        self.daemon = None

    def write(self, text):
        self.config.write_text(f'listen = "127.0.0.1:0"\ncontrol-socket = "{self.socket}"\n{text}')

    def run(self, text, *options):
        self.write(text)
        self.daemon = self.start("serve", self.files, "--config", self.config, *options)
        return self

    def put(self, name, content="content", mode=0o644):
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)

    def raw(self):
        return Raw(self.daemon.host, self.daemon.port)

    def login(self, user="partner", password="lab"):
        return self.raw().login(user, password)

    def refusal(self, user, password="lab", tls=False):
        """The reply to PASS."""
        with self.raw() as raw:
            raw.greet()
            if tls:
                raw.start_tls()
            raw.expect(f"USER {user}", 331)
            return raw.command(f"PASS {password}")

    def ask(self, *words):
        return subprocess.run([self.sallyport, "serve", *words, "--control-socket", self.socket], capture_output=True, text=True,
                              timeout=60)


@pytest.fixture
def server(start, sallyport, tmp_path):
    return Server(start, sallyport, tmp_path)


def listed(raw, command):
    """The lines that a listing shows; its refusal if it has none."""
    with raw.passive() as data:
        reply = raw.command(command)
        if reply.code != 150:
            return reply.code
        content = b"".join(iter(lambda: data.recv(65536), b"")).decode()
    assert raw.reply().code == 226
    return content


def stored(raw, command, content=b"new"):
    """The final reply to an upload."""
    with raw.passive() as data:
        reply = raw.command(command)
        if reply.code != 150:
            return reply.code
        data.sendall(content)
    return raw.reply().code


def retrieved(raw, name):
    with raw.passive() as data:
        reply = raw.command(f"RETR {name}")
        if reply.code != 150:
            return reply.code
        content = b"".join(iter(lambda: data.recv(65536), b"")).decode()
    assert raw.reply().code == 226
    return content


RIGHTS = f'''
[user.partner]
{PASSWORD}
rights = ["list", "read"]
deny = ["*.key"]
hide = ["secret*"]
[user.partner.paths]
"/in" = ["write", "mkdir"]
"/own" = ["list", "read", "write", "append", "delete", "rename", "mkdir", "overwrite"]
'''


def test_rights_hold_for_each_command(server):
    """S8: what an account may do depends on the path, and no command gets around that."""
    for name in ("f", "in/f", "own/f", "own/d/f"):
        server.put(name)
    server.run(RIGHTS)
    with server.login() as raw:
        assert retrieved(raw, "f") == "content"
        assert stored(raw, "STOR f") == stored(raw, "APPE f") == stored(raw, "STOR new") == 550
        for command in ("DELE f", "RMD own", "MKD d", "RNFR f", "MFMT 20200101000000 f", "MDTM 20200101000000 f"):
            raw.expect(command, 550)
        # The drop box: no names, no content, nothing replaced.
        for command in ("LIST in", "NLST in", "MLSD in", "LIST in/*", "NLST in/f", "LIST in/f"):
            assert listed(raw, command) == 550, command
        for command in ("STAT in", "SIZE in/f", "MDTM in/f", "MLST in/f", "DELE in/f", "RNFR in/f", "RMD in"):
            raw.expect(command, 550)
        raw.expect("CWD in", 250)
        assert retrieved(raw, "f") == 550 and listed(raw, "LIST") == 550
        assert stored(raw, "STOR f") == 553 and stored(raw, "APPE f") == 550 and stored(raw, "STOR g") == 226
        assert stored(raw, "STOR g") == 553, "it exists now"
        raw.expect("REST 1", 350)
        assert stored(raw, "STOR g") == 550
        assert stored(raw, "STOU f") == 226
        raw.expect("MKD d", 257)
        raw.expect("CWD /own", 250)
        assert stored(raw, "STOR f", b"newer") == 226 and stored(raw, "APPE f", b"!") == 226
        assert retrieved(raw, "f") == "newer!"
        raw.expect("RNFR f", 350)
        raw.expect("RNTO g", 250)
        raw.expect("RNFR g", 350)
        raw.expect("RNTO /g", 550)
        raw.expect("RNFR g", 350)
        raw.expect("RNTO ../in/g", 550)
        raw.expect("RNFR /own", 550)
        raw.expect("DELE g", 250)
    assert (server.files / "f").read_text() == (server.files / "in/f").read_text() == "content"
    assert sorted(p.name for p in (server.files / "in").iterdir()) == ["d", "f", "f.1", "g"]


def test_owners_in_listings(server):
    """hide-ids: neither LIST nor the facts of MLSD and MLST show an owner."""
    server.put("f")
    hidden = '[user.partner]\npassword = "lab"\nhide-ids = true\n[user.other]\npassword = "lab"\n'
    server.run(hidden)
    for user in ("partner", "other"):
        with server.login(user) as raw:
            raw.expect("OPTS MLST unix.owner;unix.group;", 200)
            shown = (listed(raw, "LIST").split()[2:4], listed(raw, "MLSD").split(" ")[0], raw.expect("MLST f", 250).text.split("\n")[1].split()[0])
        expected = (["ftp", "ftp"], "UNIX.owner=ftp;UNIX.group=ftp;", "UNIX.owner=ftp;UNIX.group=ftp;")
        assert (shown == expected) == (user == "partner"), shown


def test_denied_and_hidden_names(server):
    """Denied names are listed and refused; hidden ones don't exist, whatever the command and the way to write the path (FS-01)."""
    for name in ("a.key", "own/b.key", "own/secret", "own/secrets/f", "own/f"):
        server.put(name)
    server.run(RIGHTS)
    with server.login() as raw:
        raw.expect("CWD own", 250)
        assert listed(raw, "NLST").split() == ["b.key", "f"]
        assert listed(raw, "NLST -a *e*").split() == ["b.key"]
        assert listed(raw, "NLST s*") == "" and listed(raw, "LIST [s]ecret") == ""
        for command in ("LIST", "MLSD", "LIST -a", "LIST -R"):
            shown = listed(raw, command)
            assert "b.key" in shown and "secret" not in shown, command
        assert "perm=;" in next(line for line in listed(raw, "MLSD").splitlines() if "b.key" in line)
        assert "secret" not in raw.expect("STAT .", 213).text
        missing = {raw.command(f"SIZE {name}").text.replace(name, "X") for name in ("nothing", "secret")}
        assert len(missing) == 1, "as if it did not exist"
        for name in ("secret", "./secret", "../own/secret", "//own/secret", "secrets/f", "secrets"):
            assert retrieved(raw, name) == 550
            for command in ("SIZE", "MDTM", "MLST", "CWD", "DELE", "RMD", "RNFR", "MFMT 20200101000000", "STAT"):
                raw.expect(f"{command} {name}", 550)
            assert listed(raw, f"LIST {name}") == listed(raw, f"NLST {name}") == listed(raw, f"MLSD {name}") == 550
            assert stored(raw, f"STOR {name}") == 553
        for name in ("b.key", "./b.key", "../own/b.key"):
            assert retrieved(raw, name) == 550 and stored(raw, f"STOR {name}") == 550
            for command in ("SIZE", "MDTM", "DELE", "RNFR", "MKD", "MFMT 20200101000000"):
                raw.expect(f"{command} {name}", 550)
        raw.expect("RNFR f", 350)
        raw.expect("RNTO secret2", 553)
        raw.expect("RNFR f", 350)
        raw.expect("RNTO f.key", 550)
    assert (server.files / "own/b.key").read_text() == (server.files / "own/secret").read_text() == "content"


ANONYMOUS_FILES = {"open": 0o644, "private": 0o600, "group": 0o640, ".htaccess": 0o644, "closed/f": 0o644}


def anonymous_tree(server):
    for name, mode in ANONYMOUS_FILES.items():
        server.put(name, mode=mode)
    (server.files / "closed").chmod(0o700)
    (server.files / "link").symlink_to("private")


@pytest.mark.parametrize("text,options", [("", ["--anonymous"]), ("[anonymous]\n", [])])
def test_anonymous_users_get_what_everybody_may_read(server, text, options):
    """S8: as vsftpd's anon_world_readable_only, which is on by default; no dot files (FS-04)."""
    anonymous_tree(server)
    server.run(text, *options)
    with server.login("anonymous", "a@b") as raw:
        assert retrieved(raw, "open") == "content"
        assert listed(raw, "NLST -a").split() == ["open"]
        assert "private" not in listed(raw, "MLSD") and listed(raw, "NLST pri*") == ""
        for name in ("private", "group", ".htaccess", "closed/f", "link"):
            assert retrieved(raw, name) == 550
            raw.expect(f"SIZE {name}", 550)
        assert stored(raw, "STOR new") == 550
        raw.expect("DELE open", 550)


def test_anonymous_users_get_all_if_that_is_set(server):
    anonymous_tree(server)
    server.run("[anonymous]\nworld-readable-only = false\n")
    with server.login("anonymous", "a@b") as raw:
        assert retrieved(raw, "private") == retrieved(raw, ".htaccess") == retrieved(raw, "link") == "content"


def test_anonymous_upload_only(server):
    """A camera's drop box, as with vsftpd's download_enable=NO and dirlist_enable=NO."""
    server.run('[anonymous]\nrights = ["write", "mkdir"]\n')
    with server.login("anonymous", "a@b") as raw:
        raw.expect("MKD day", 257)
        raw.expect("CWD day", 250)
        assert stored(raw, "STOR picture") == 226
        assert stored(raw, "STOR picture", b"other") == 553 or stored(raw, "STOR picture", b"other") == 550
        assert retrieved(raw, "picture") == 550 and listed(raw, "LIST") == listed(raw, "NLST picture") == 550
        raw.expect("SIZE picture", 550)
        raw.expect("DELE picture", 550)
        raw.expect("RNFR picture", 550)
    assert (server.files / "day/picture").read_bytes() == b"new"
    assert (server.files / "day/picture").stat().st_mode & 0o777 == 0o640, "not for others"


def test_homes_are_roots(server, tmp_path):
    """Each user is confined to its home, by the kernel (FS-01, FS-02)."""
    for name in ("a/own", "b/own"):
        server.put(name, name)
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    (server.files / "a/up").symlink_to("../b/own")
    all_rights = 'rights = ["list", "read", "write", "delete", "rename", "mkdir", "append", "overwrite"]\n'
    server.run(f'[default]\nhome = "{{user}}"\n{all_rights}[user.a]\n{PASSWORD}[user.b]\n{PASSWORD}'
               f'[user.c]\n{PASSWORD}home = "{outside}"\nfile-mode = "0664"\n')
    with server.login("a") as a, server.login("c") as c:
        assert retrieved(a, "own") == "a/own"
        for name in ("../b/own", "/b/own", "up", "../../files/b/own"):
            assert retrieved(a, name) == 550
        assert listed(a, "NLST ..").split() == ["../own", "../up"] or listed(a, "NLST /").split() == ["/own", "/up"]
        assert stored(c, "STOR mine") == 226
    assert (outside / "mine").stat().st_mode & 0o777 == 0o664


def test_hashes_of_other_programs(server):
    """S8: the entries of shadow, htpasswd and pure-pw work as they are."""
    def openssl(*options):
        return subprocess.run(["openssl", "passwd", *options, "lab"], check=True, capture_output=True, text=True).stdout.strip()

    hashes = {"md5": openssl("-1"), "sha256": openssl("-5"), "sha512": openssl("-6"),
              "bcrypt": "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
              "yescrypt": "$y$j75$saltsaltsalt$jyf/lxrpdyAIshWRo1x5DRC6KIE7sNRRtjcomR3PgHA"}
    server.run("".join(f'[user.{name}]\npassword = "{text}"\n' for name, text in hashes.items()),
               "--user", "option:" + openssl("-6"))
    for name in [*hashes, "option"]:
        password = "secret" if name in ("bcrypt", "yescrypt") else "lab"
        server.login(name, password).close()
        assert server.refusal(name, "wrong").code == 530
    assert server.refusal("unknown").code == 530


def test_logins_follow_their_rules(server, certificate):
    """Networks, expiry and TLS are checked after the password, and all but TLS look like a wrong one (AU-01)."""
    cert = ["--tls-cert", certificate.cert, "--tls-key", certificate.key]
    server.run(f'''
[user.inside]
{PASSWORD}allow-from = ["127.0.0.0/8"]
[user.outside]
{PASSWORD}allow-from = ["192.0.2.0/24"]
[user.refused]
{PASSWORD}refuse-from = ["127.0.0.1"]
[user.old]
{PASSWORD}expires = 2020-01-01
[user.new]
{PASSWORD}expires = 2100-01-01
[user.secure]
{PASSWORD}tls-required = true
''', *cert)
    server.login("inside").close()
    server.login("new").close()
    incorrect = server.refusal("unknown").text
    for user in ("outside", "refused", "old"):
        assert server.refusal(user).text == incorrect
    assert "requires TLS" in server.refusal("secure").text
    assert server.refusal("secure", "wrong").text == incorrect
    for reason in ("may not log in from this address", "has expired", "requires TLS"):
        assert reason in server.daemon.log()
    with server.raw().login("secure", tls=True) as raw:
        raw.epsv_port()
        raw.expect("LIST", 521, 522)
        raw.expect("CCC", 533, 534, 502)
        raw.expect("PBSZ 0", 200)
        raw.expect("PROT C", 534)


def test_sessions_of_an_account_are_limited(server):
    server.run(f"[user.partner]\n{PASSWORD}max-sessions = 2\n")
    first, second = server.login(), server.login()
    assert "has 2 sessions already" in server.refusal("partner").text
    assert server.refusal("partner", "wrong").text == "530 Login incorrect."
    first.close()
    wait_until(lambda: server.refusal("partner").code == 230, what="a free place")
    second.close()


def test_rates(server):
    """A rate holds for all transfers of a session together, in each direction."""
    server.put("f", "x" * 100_000)
    server.run(f'[user.partner]\n{PASSWORD}rights = ["read", "write"]\ndownload-rate = 100000\nupload-rate = "100K"\n')
    with server.login() as raw:
        for transfer in (lambda: retrieved(raw, "f"), lambda: stored(raw, "STOR new", b"x" * 100_000)):
            begin = time.monotonic()
            transfer()
            assert 0.8 < time.monotonic() - begin < 10
        begin = time.monotonic()
        for _ in range(5):
            raw.expect("TYPE I", 200)
        assert time.monotonic() - begin < 1


@pytest.mark.parametrize("text,line,cause", [
    (f"[user.a]\n{PASSWORD}righst = []\n", 5, "unknown key 'righst'"),
    (f"[user.a]\n{PASSWORD}[user.a]\n{PASSWORD}", 5, "user"),
    ('[user.a]\npassword = "$6$salt$damaged"\n', 4, "the hash is damaged"),
    ('[user.a]\npassword = "$apr1$salt$unknown"\n', 4, "this type of hash is not supported"),
    (f'[user.a]\n{PASSWORD}rights = ["fly"]\n', 5, "'fly' is no right"),
    (f'[user.a]\n{PASSWORD}home = "nowhere"\n', 5, "home of 'a'"),
])
def test_errors_name_file_and_line(server, text, line, cause):
    """DU-08: exit 2 at the start; a reload changes nothing."""
    server.write(text)
    done = subprocess.run([server.sallyport, "serve", server.files, "--config", server.config], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 2, done.stderr
    assert f"{server.config}, line {line}: " in done.stderr and cause in done.stderr, done.stderr
    server.run(f"[user.partner]\n{PASSWORD}")
    server.write(text)
    done = server.ask("reload")
    assert done.returncode != 0 and f"{server.config}, line {line}: " in done.stderr + done.stdout, done
    server.login().close()
    assert server.refusal("a").code == 530


def test_a_reload_changes_accounts_for_new_sessions(server, tmp_path):
    """Sessions keep the account with which they have logged in; a home elsewhere needs a restart."""
    server.put("f")
    server.run(f'[user.partner]\n{PASSWORD}rights = ["read"]\n')
    old = server.login()
    server.write(f'[user.partner]\n{PASSWORD}rights = ["list"]\n[user.new]\n{PASSWORD}')
    done = server.ask("reload")
    assert done.returncode == 0 and "accounts" in done.stdout and "lab" not in done.stdout, done
    assert retrieved(old, "f") == "content"
    with server.login() as raw:
        assert retrieved(raw, "f") == 550
    server.login("new").close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    server.write(f'[user.partner]\n{PASSWORD}home = "{elsewhere}"\n')
    done = server.ask("reload")
    assert done.returncode != 0 and "'restart' instead of 'reload'" in done.stderr + done.stdout, done
    server.login("new").close()
    old.close()
