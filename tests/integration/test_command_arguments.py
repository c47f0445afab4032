"""Arguments of commands: bytes of names, blanks, patterns and announced sizes, at the server and through the gateway."""

import os
import subprocess
import time
from contextlib import contextmanager

import pytest

from give_away import give
from harness.daemon import wait_until
from harness.raw import Raw, drain
from harness.reference_servers import REFERENCE_SERVERS


class Place:
    """A server or gateway, and the directory whose files it serves, at `base`."""

    def __init__(self, daemon, files, reference=None):
        self.host, self.port, self.files = daemon.host, daemon.port, os.fsencode(files)
        self.reference = reference.name if reference else None
        self.base = os.fsencode(reference.base) if reference else b""
        self.user, self.password = (reference.user, reference.password) if reference else ("writer", "lab")

    @contextmanager
    def session(self):
        with Raw(self.host, self.port) as raw:
            yield raw.login(self.user, self.password)

    def names(self):
        return set(os.listdir(self.files))


def serve(start, folder, *options):
    return start("serve", folder, "--listen", "127.0.0.1:0", "--user", "writer:lab", *options)


def gate(start, backend, *options):
    return start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://{backend.host}:{backend.port}", *options)


@pytest.fixture(params=["server", "gate", *(f"gate+{reference}" for reference in REFERENCE_SERVERS)])
def place(request, start, tmp_path):
    front, _, name = request.param.partition("+")
    if name:
        request.getfixturevalue("root")
        reference = start.reference_server(name)
        reference.name = name
        return Place(gate(start, reference), reference.files, reference)
    daemon = serve(start, tmp_path)
    return Place(gate(start, daemon) if front == "gate" else daemon, tmp_path)


# Bytes of names (IN-02). A Telnet reader that takes 0xFF away acts on another file, which is there to be hit.

@pytest.mark.parametrize("written", [b"\xff", b"\xff\xff"], ids=["single", "doubled"])
def test_every_verb_means_the_file_that_it_names(place, written):
    name, other = b"d%s1.txt" % written, b"d1.txt"
    real = name.replace(b"\xff\xff", b"\xff")
    with place.session() as raw:
        if place.base:
            raw.expect(b"CWD " + place.base, 250)
        assert raw.store(other.decode(), b"another file").code == 226

        def over_data(command, upload=b""):
            with raw.passive() as data:
                raw.expect(command, 150, 125)
                data.sendall(upload)
                if command[:4] in (b"STOR", b"APPE"):
                    data.close()
                    content = b""
                else:
                    content = drain(data)
            assert raw.reply().code == 226
            return content

        over_data(b"STOR " + name, b"right")
        assert real in place.names()
        over_data(b"APPE " + name, b"!")
        assert over_data(b"RETR " + name) == b"right!"
        assert raw.expect(b"SIZE " + name, 213).text == "213 6"
        raw.expect(b"MDTM " + name, 213)
        assert real in over_data(b"LIST " + name)
        assert {other, real} <= set(over_data(b"NLST").splitlines())
        raw.expect(b"RNFR " + name, 350)
        raw.expect(b"RNTO r" + name, 250)
        assert b"r" + real in place.names()
        raw.expect(b"DELE r" + name, 250)
        raw.expect(b"MKD m" + name, 257)
        assert b"m" + real in place.names()
        raw.expect(b"CWD m" + name, 250)
        raw.expect("CDUP", 250, 200)
        raw.expect(b"RMD m" + name, 250)
        assert place.names() == {other}
        assert over_data(b"RETR " + other) == b"another file"


def test_a_name_that_looks_like_telnet_hits_no_other_file(place):
    name, other = b"d\xff\xf2x", b"dx"
    for one, content in ((name, b"right"), (other, b"another file")):
        with open(os.path.join(place.files, one), "wb") as file:
            file.write(content)
        os.chmod(os.path.join(place.files, one), 0o644)
    with place.session() as raw:
        if place.base:
            raw.expect(b"CWD " + place.base, 250)
        raw.expect(b"SIZE d\xff\xff\xf2x", 213 if place.reference in (None, "proftpd") else 550)
        raw.command(b"DELE d\xff\xff\xf2x")
    assert other in place.names()


def test_own_verbs_mean_the_file_that_they_name(start, tmp_path):
    daemon = serve(start, tmp_path)
    real = os.path.join(os.fsencode(tmp_path), b"d\xff1.txt")
    with open(real, "wb") as file:
        file.write(b"right")
    (tmp_path / "d1.txt").write_bytes(b"another file")
    give(tmp_path)
    for front in (daemon, gate(start, daemon)):
        with Place(front, tmp_path).session() as raw:
            for name in (b"d\xff1.txt", b"d\xff\xff1.txt"):
                assert "size=5;" in raw.expect(b"MLST " + name, 250).text.lower()
                raw.expect(b"STAT " + name, 213)
                raw.expect(b"MFMT 20200101000000 " + name, 213)
                assert os.stat(real).st_mtime == 1577836800
                os.utime(real)


def test_curl_gets_the_file_that_it_names(place):
    for name, content in ((b"d\xff1.txt", b"right"), (b"d1.txt", b"another file")):
        with open(os.path.join(place.files, name), "wb") as file:
            file.write(content)
    url = f"ftp://{place.host}:{place.port}{place.base.decode()}/d%FF1.txt"
    got = subprocess.run(["curl", "-sS", "-u", f"{place.user}:{place.password}", url], capture_output=True)
    assert got.stdout == b"right", got.stderr


def test_an_interrupt_before_a_verb_still_goes(place):
    with place.session() as raw:
        for interrupt in (b"\xff\xf4\xff\xf2", b"\xff\xf4\xff"):
            raw.expect(interrupt + b"NOOP", 200)


# Blanks.

KEYWORDS = ("TYPE I ", "TYPE A ", "TYPE L 8 ", "STRU F ", "MODE S  ", "PWD  ", "REST 0 ", "EPSV 1 ", "PORT 127,0,0,1,200,20 ",
            "PORT 127, 0, 0, 1, 200, 20", "EPRT |1|127.0.0.1|50000| ", "ALLO 10 ", "FEAT ", "SYST ", "CDUP  ", "CDUP ..",
            "XCUP ..", "NOOP  ")


def test_blanks_after_keywords_mean_nothing(place):
    with place.session() as raw:
        for command in KEYWORDS:
            assert raw.command(command).code < 400, command
        raw.expect("QUIT ", 221)


def test_blanks_after_names_belong_to_them(place):
    made = b"a_" if place.reference == "pure-ftpd" else b"a "  # it has its own way with such names
    with place.session() as raw:
        raw.expect(b"CWD " + (place.base or b"/"), 250)
        raw.expect("MKD a ", 257)
        assert place.names() == {made}
        raw.expect("CWD a", 550)
        raw.expect(b"RMD " + made, 250)


def test_blanks_after_keywords_of_tls(start, tmp_path, certificate):
    tls = ("--tls-cert", certificate.cert, "--tls-key", certificate.key)
    daemon = serve(start, tmp_path, *tls)
    for front in (daemon, gate(start, daemon, *tls)):
        with Raw(front.host, front.port) as raw:
            raw.greet()
            raw.expect("AUTH TLS ", 234)
        with Raw(front.host, front.port) as raw:
            raw.greet()
            raw.start_tls()
            for command in ("PBSZ 0 ", "PROT P ", "PROT C  ", "OPTS UTF8 ON "):
                raw.expect(command, 200)


# Names and patterns.

def listed(raw, command):
    """The last word of each line."""
    with raw.passive() as data:
        raw.expect(command, 150)
        lines = drain(data).decode().splitlines()
    assert raw.reply().code == 226
    return sorted(line.rpartition(" ")[2].rpartition("/")[2] for line in lines)


def stat_lines(raw, command):
    return sorted(line.rpartition(" ")[2] for line in raw.expect(command, 213).text.splitlines()[1:-1])


@pytest.mark.parametrize("through", ["server", "gate"])
def test_names_come_before_patterns_and_options(start, tmp_path, through):
    for folder in ("[ab]", "a", "b", "-old", "x*y", "xzy"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"in-{folder}").touch()
    (tmp_path / ".hidden").touch()
    daemon = serve(start, tmp_path)
    place = Place(gate(start, daemon) if through == "gate" else daemon, tmp_path)
    with place.session() as raw:
        ask = {verb: lambda argument, verb=verb: listed(raw, f"{verb} {argument}") for verb in ("LIST", "NLST", "MLSD")}
        ask["STAT"] = lambda argument: stat_lines(raw, f"STAT {argument}")
        for verb, names in ask.items():
            assert names("[ab]") == ["in-[ab]"], verb
            assert names("x*y") == ["in-x*y"], verb
            assert names("-old") == ["in--old"], verb
            assert names("?") == ["a", "b"], verb
            assert names("/x?y") == ["x*y", "xzy"], verb
            assert names("[xy]z*") == ["xzy"], verb
            assert names("nothing*") == [], verb
            assert names("[ab]/*") == ["in-[ab]"], verb
            assert names("-la x*y") == ["in-x*y"], verb
            assert names("-la -old") == ["in--old"], verb
            assert ".hidden" in names("-a"), verb
            assert names(".h*") == [".hidden"], verb


# Announced sizes.

@pytest.mark.parametrize("announced", [0, 3, 4, 5, 2**63 - 1])
def test_what_comes_is_stored_whatever_was_announced(start, tmp_path, announced):
    daemon = serve(start, tmp_path)
    for front in (daemon, gate(start, daemon)):
        with Place(front, tmp_path).session() as raw:
            raw.expect(f"ALLO {announced}", 200)
            assert raw.store("f", b"1234").code == 226
            raw.expect("REST 2", 350)
            raw.expect(f"ALLO {announced}", 200)
            assert raw.store("f", b"x").code == 226
            assert (tmp_path / "f").read_bytes() == b"12x"
    # With REST, the whole file or what is left of it may be meant.
    expected = 2 * ((announced != 4) + (announced not in (1, 3)))
    wait_until(lambda: daemon.log().count(f"ALLO had announced {announced} bytes") == expected, what="the notes in the log")


# What a pattern costs (FS-03).

LONG = 250
PATTERNS = {"stars": "*a" * 1900, "open bracket": "*[" + "a" * 3900, "open brackets": "*[b" * 1300, "long set": "*[" + "b-c" * 1200 + "]",
            "late bracket": "*" + "?" * 200 + "[" + "a" * 3000, "half a name": "*" + "a" * 127 + "b", "question marks": "*?" * 120 + "b"}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    (folder / "many").mkdir()
    for i in range(3000):
        (folder / "many" / (f"{i:05d}" + "a" * LONG)).touch()
    return folder


def test_no_pattern_costs_more_than_the_names(start, many):
    daemon = serve(start, many)
    with Place(daemon, many).session() as raw:
        for name, pattern in PATTERNS.items():
            for verb in ("NLST", "MLSD"):
                before = daemon.cpu()
                assert listed(raw, f"{verb} many/{pattern}") == []
                assert daemon.cpu() - before < 0.5, (name, verb)
            before = daemon.cpu()
            raw.expect(f"STAT many/{pattern}", 213)
            assert daemon.cpu() - before < 0.5, (name, "STAT")


def test_a_pattern_that_finds_nothing_ends_with_its_client(start, many):
    daemon = serve(start, many)
    place = Place(daemon, many)
    for _ in range(20):
        with place.session() as raw:
            raw.epsv_port()
            raw.send(f"LIST many/{PATTERNS['stars']}\r\n".encode())
    wait_until(lambda: daemon.idle_share(0.2) < 0.1, what="an idle server")
    with place.session() as raw:
        began = time.monotonic()
        assert len(listed(raw, "NLST many/00*")) == 1000
        assert time.monotonic() - began < 5
