"""Commands that change facts of files at our server: SITE CHMOD, SITE UTIME, MFF; and AVBL (S8)."""

import os
import stat

import pytest

from harness.raw import Raw

TIME = 1767366245  # 20260102150405


@pytest.fixture
def files(folder):
    (folder / "a b").write_text("content")
    return folder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_modes_and_times(start, files):
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    changed = files / "a b"
    with Raw(server.host, server.port).login() as raw:
        assert " MFF modify;UNIX.mode;" in raw.expect("FEAT", 211).text
        raw.expect("SITE CHMOD 600 a b", 200)
        assert mode(changed) == 0o600
        raw.expect("SITE CHMOD 000 a b", 200)
        raw.expect("SITE CHMOD 0644 a b", 200)
        assert mode(changed) == 0o644, "a file that cannot be opened can be changed back"
        for refused in ("SITE CHMOD 4755 a b", "SITE CHMOD u+s a b", "MFF UNIX.mode=2755; a b"):
            raw.expect(refused, 501)
        raw.expect("SITE UTIME 20260102150405 a b", 200)
        assert changed.stat().st_mtime == TIME
        raw.expect("SITE UTIME a b 20200101000000 20260102150406 20200101000000 UTC", 200)
        assert changed.stat().st_mtime == TIME + 1
        assert raw.expect("MFF modify=20260102150405;UNIX.mode=0640; a b", 213).text == "213 Modify=20260102150405;UNIX.mode=0640; /a b"
        assert changed.stat().st_mtime == TIME and mode(changed) == 0o640
        raw.expect("MFF UNIX.owner=0; a b", 504)
        for command in ("SITE CHMOD 600 none", "SITE UTIME 20260102150405 none", "MFF UNIX.mode=0600; none", "SITE CHMOD 777 /"):
            raw.expect(command, 550)


def test_a_link_out_of_the_home_is_not_followed(start, files, tmp_path):
    """FS-01: neither is what is not a file."""
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o640)
    (files / "link").symlink_to(outside)
    os.mkfifo(files / "pipe", 0o640)
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    with Raw(server.host, server.port).login() as raw:
        for name in ("link", "pipe"):
            raw.expect(f"SITE CHMOD 777 {name}", 550)
    assert mode(outside) == mode(files / "pipe") == 0o640


def test_rights_decide_by_path(start, files, tmp_path):
    (files / "in").mkdir()
    (files / "in/f").write_text("x")
    (files / "in/a.key").write_text("x")
    config = tmp_path / "serve.toml"
    config.write_text('[default]\ndeny = ["*.key"]\n[user.partner]\npassword = "lab"\n[user.partner.paths]\n"/in" = ["overwrite"]\n')
    server = start("serve", files, "--config", config, "--listen", "127.0.0.1:0", "--control-socket", "none")
    with Raw(server.host, server.port).login("partner") as raw:
        raw.expect("SITE CHMOD 600 in/f", 200)
        raw.expect("AVBL in", 213)
        for command in ("SITE CHMOD 600", "SITE UTIME 20260102150405", "MFF UNIX.mode=0600;"):
            assert "may not" in raw.expect(f"{command} a b", 550).text
            raw.expect(f"{command} in/a.key", 550)
        raw.expect("AVBL", 550)
    assert mode(files / "in/f") == 0o600 and mode(files / "a b") != 0o600


def test_no_more_is_available_than_a_quota_permits(start, files, tmp_path):
    home = files / "home"
    home.mkdir()
    (home / "f").write_bytes(b"x" * 400)
    config = tmp_path / "serve.toml"
    config.write_text('[user.limited]\npassword = "lab"\nhome = "home"\nrights = ["list", "write", "delete"]\nquota-bytes = 1000\n'
                      '[user.free]\npassword = "lab"\nhome = "home"\nrights = ["write"]\n')
    server = start("serve", files, "--config", config, "--listen", "127.0.0.1:0", "--control-socket", "none")
    with Raw(server.host, server.port).login("limited") as raw:
        assert raw.expect("AVBL", 213).text == "213 600"
        assert raw.store("g", b"y" * 500).code == 226
        assert raw.expect("AVBL /", 213).text == "213 100"
        raw.expect("DELE f", 250)
        assert raw.expect("AVBL", 213).text == "213 500"
        raw.expect("AVBL g", 550)
        raw.expect("AVBL none", 550)
    with Raw(server.host, server.port).login("free") as raw:
        available = int(raw.expect("AVBL", 213).text.split()[1])
    disk = os.statvfs(home)
    assert abs(available - disk.f_bavail * disk.f_frsize) < 1 << 30
