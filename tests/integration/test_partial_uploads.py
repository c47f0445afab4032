"""Uploads that are cut off, kept with --partial-uploads keep, and continued by clients of any kind (S6)."""

import os
import random
import re
import signal
import subprocess
import time

import pytest

from give_away import give
from harness.daemon import wait_until
from harness.raw import Raw

CONTENT = os.urandom(3 << 20)


@pytest.fixture
def files(tmp_path):
    made = tmp_path / "files"
    made.mkdir()
    return made


@pytest.fixture
def options():
    return ["--partial-uploads", "keep"]


@pytest.fixture
def server(start, files, certificate, options):
    return start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--tls-cert", certificate.cert, "--tls-key",
                 certificate.key, *options)


def session(server):
    return Raw(server.host, server.port).login()


def size_of(server, name):
    """As a client finds it out, which is not possible as long as an upload writes to the part."""
    with session(server) as raw:
        reply = raw.command(f"SIZE {name}")
    assert reply.code in (213, 550), reply
    return int(reply.text[4:]) if reply.code == 213 else None


def cut_off(server, files, name, sent, command="STOR {}"):
    """The client vanishes after these bytes; returns the size of the part, which has those that the server had read by then."""
    with session(server) as raw:
        with raw.passive() as data:
            raw.expect(command.format(name), 150)
            data.sendall(sent)
            raw.reset()
    return wait_until(lambda: size_of(server, name), what="the part")


def cut_off_at_the_end(server, files, name, content, said=None):
    """All bytes come over TLS, but its end (close_notify) is missing, so that it may be that of a part."""
    with Raw(server.host, server.port).login(tls=True) as raw:
        raw.expect("PBSZ 0", 200)
        raw.expect("PROT P", 200)
        port = raw.epsv_port()
        raw.send(f"STOR {name}\r\n".encode())
        with raw.socket.context.wrap_socket(raw.connect(port), session=raw.socket.session) as data:
            assert raw.reply().code == 150
            data.sendall(content)
        reply = raw.reply()
    assert reply.code == 426 and f"{len(content) - 1} bytes are kept as {name}.partial" in reply.text, reply
    assert f"{len(content) - 1} bytes are kept as {name}.partial" in server.log()
    assert (files / f"{name}.partial").read_bytes() == content


def names(files):
    return sorted(each.name for each in files.iterdir())


def test_the_file_has_its_name_only_when_it_is_complete(server, files):
    """No part has the size of the whole file, even if all bytes came: no client takes it for complete."""
    cut_off_at_the_end(server, files, "f", CONTENT)
    size = len(CONTENT) - 1
    assert names(files) == ["f.partial"]
    with session(server) as raw:
        assert raw.expect("SIZE f", 213).text == f"213 {size}"
        assert raw.command("MDTM f").code == 550 and raw.command("MLST f").code == 550
        with raw.passive():
            raw.expect("RETR f", 550)
        raw.expect(f"REST {size}", 350)
        assert raw.store("f", CONTENT[size:]).code == 226
        assert raw.expect("SIZE f", 213).text == f"213 {len(CONTENT)}"
    assert names(files) == ["f"] and (files / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("sent", [2, 40_000, 2_000_000])
def test_parts_of_parts(server, files, sent):
    """APPE continues too, and what it adds before it is cut off again is kept."""
    cut_off_at_the_end(server, files, "f", CONTENT[:sent])
    size = cut_off(server, files, "f", CONTENT[sent - 1:sent + 500_000], "APPE {}")
    assert (files / "f.partial").read_bytes()[:-1] == CONTENT[:size] and size >= sent - 1
    with session(server) as raw:
        with raw.passive() as data:
            raw.expect("APPE f", 150)
            data.sendall(CONTENT[size:])
        assert raw.reply().code == 226
    assert names(files) == ["f"] and (files / "f").read_bytes() == CONTENT


def test_aborted_by_the_client(server, files):
    content = CONTENT * 10  # more than the buffers of sockets hold
    with session(server) as raw:
        with raw.passive() as data:
            raw.expect("STOR f", 150)
            data.sendall(content)
            raw.expect("ABOR", 426)
            assert raw.reply().code == 226
    assert wait_until(lambda: size_of(server, "f"), what="the part") > len(CONTENT)
    kept = (files / "f.partial").read_bytes()
    assert names(files) == ["f.partial"] and len(kept) > len(CONTENT) and content.startswith(kept)


@pytest.mark.parametrize("kind", ["I", "A"])
def test_what_is_not_kept(server, files, kind):
    """Text, whose bytes in the file are others than those sent; and a new version of a file that exists."""
    if kind == "I":
        (files / "f").write_bytes(b"old")
        give(files)
    with session(server) as raw:
        raw.expect(f"TYPE {kind}", 200)
        with raw.passive() as data:
            raw.expect("STOR f", 150)
            data.sendall(CONTENT[:100_000])
            raw.reset()
    wait_until(lambda: "failed" in server.log(), what="the end of the transfer")
    assert names(files) == (["f"] if kind == "I" else [])
    assert kind == "A" or (files / "f").read_bytes() == b"old"


@pytest.mark.parametrize("options", [[]])
def test_nothing_is_kept_by_default(server, files, options):
    with session(server) as raw:
        with raw.passive() as data:
            raw.expect("STOR f", 150)
            data.sendall(CONTENT[:100_000])
            raw.reset()
    wait_until(lambda: "failed" in server.log(), what="the end of the transfer")
    assert names(files) == []


def test_a_part_without_the_right_to_write(start, files):
    (files / "f.partial").write_bytes(b"part")
    server = start("serve", files, "--listen", "127.0.0.1:0", "--reader", "reader:lab", "--partial-uploads", "keep")
    with Raw(server.host, server.port).login("reader") as raw:
        raw.expect("SIZE f", 550)


def test_clients_continue(server, files, sallyport, tmp_path):
    """Ours, curl and lftp, each by its own means."""
    local = tmp_path / "local"
    local.write_bytes(CONTENT * 3)
    url = f"ftp://writer:lab@{server.host}:{server.port}"
    for name, command in (("a", [sallyport, "put", "--resume", local, f"{url}/a"]),
                          ("b", ["curl", "-sS", "-C", "-", "-T", local, f"{url}/b"]),
                          ("c", ["lftp", "-c", f"set ssl:verify-certificate no; open {url}; put -c {local} -o c"])):
        size = cut_off(server, files, name, CONTENT * 3)
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (name, done.stderr)
        assert (files / name).read_bytes() == CONTENT * 3, name
        assert 0 < size < len(CONTENT) * 3
        stored = re.findall(rf"(?:STOR|APPE) /{name}: .*", server.log())
        assert len(stored) == 2 and "failed" in stored[0] and "failed" not in stored[1], stored
        assert (stored[1].split()[2:4] == ["9.0", "MiB"]) == (size < 60_000), f"{name}: the rest is sent, not everything; {done.stdout} {done.stderr}"
    assert names(files) == ["a", "b", "c"]


def test_what_others_do_with_the_part(server, files):
    """An upload publishes its own file or nothing: not that of another one which has taken the name of the part."""
    with session(server) as first, session(server) as second:
        with first.passive() as data:
            first.expect("STOR f", 150)
            data.sendall(CONTENT[:100_000])
            second.expect("DELE f.partial", 250)
            with second.passive() as other:
                second.expect("STOR f", 150)
                other.sendall(CONTENT[:50_000])
                data.close()
                assert first.reply().code == 450
                assert names(files) == ["f.partial"]
                other.sendall(CONTENT[50_000:])
            assert second.reply().code == 226
    assert names(files) == ["f"] and (files / "f").read_bytes() == CONTENT


def test_a_part_is_lost_only_to_bytes(server, files):
    """An upload that brings none changes nothing."""
    cut_off_at_the_end(server, files, "f", CONTENT)
    for lines in ([], ["REST 10"]):
        with session(server) as raw:
            with raw.passive() as data:
                for line in lines:
                    raw.expect(line, 350)
                raw.expect("STOR f", 150)
                raw.reset()
        assert wait_until(lambda: size_of(server, "f"), what="the part") == len(CONTENT) - 1


def test_a_part_that_the_account_may_not_replace(start, files):
    """With the right to write alone, another upload of the same name leaves it as it is, and so do names that are denied."""
    config = files.parent / "serve.toml"
    config.write_text('[user.box]\npassword = "plain:lab"\nrights = ["list", "write"]\n'
                      '[user.denied]\npassword = "plain:lab"\nrights = ["list", "read", "write", "append", "overwrite"]\ndeny = ["*.partial"]\n')
    (files / "f.partial").write_bytes(b"of another")
    server = start("serve", files, "--config", config, "--listen", "127.0.0.1:0", "--partial-uploads", "keep")
    with Raw(server.host, server.port).login("box") as raw:
        assert raw.store("f", b"new").code == 226
    assert (files / "f").read_bytes() == b"new" and (files / "f.partial").read_bytes() == b"of another"
    (files / "f").unlink()
    with Raw(server.host, server.port).login("denied") as raw:
        raw.expect("SIZE f", 550)
        assert raw.store("f", b"new").code == 226
    assert (files / "f.partial").read_bytes() == b"of another"


def test_text_is_no_rest_of_a_part(server, files):
    cut_off_at_the_end(server, files, "f", CONTENT)
    with session(server) as raw:
        raw.expect("TYPE A", 200)
        with raw.passive():
            assert raw.command("APPE f").code >= 500
    assert names(files) == ["f.partial"]


def test_one_upload_at_a_time(server, files):
    with session(server) as first, session(server) as second:
        with first.passive() as data:
            first.expect("STOR f", 150)
            data.sendall(CONTENT[:100_000])
            for command in ("STOR f", "APPE f"):
                with second.passive():
                    second.expect(command, 450)
            second.expect("SIZE f", 550)
            data.sendall(CONTENT[100_000:])
        assert first.reply().code == 226
    assert names(files) == ["f"] and (files / "f").read_bytes() == CONTENT


@pytest.mark.limit(120)
def test_killed_at_random(start, files, options):
    """Whatever is left is a beginning of the file, and the next upload completes it."""
    for _ in range(10):
        server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", *options)
        size = size_of(server, "f") or 0
        with session(server) as raw:
            with raw.passive() as data:
                raw.expect("APPE f", 150)
                data.sendall(CONTENT[size:][:300_000])
                time.sleep(random.uniform(0, 0.02))
                os.kill(server.pid, signal.SIGKILL)
                server.process.wait()
        for name in names(files):
            found = (files / name).read_bytes()
            assert CONTENT.startswith(found), name
