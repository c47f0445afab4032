"""Texts that `sallyport serve` shows: banner, greeting, login text, texts of directories, goodbye (S8)."""

import subprocess

import pytest

from harness.raw import Raw


@pytest.fixture
def files(tmp_path):
    root = tmp_path / "files"
    (root / "pub").mkdir(parents=True)
    root.chmod(0o755)
    (root / "pub").chmod(0o755)
    (root / "pub/.message").write_text("Files are kept for a week.\n250 \x1b[2Jis no code\n")
    (root / "pub/.message").chmod(0o644)
    return root


def test_a_session_shows_each_text_in_its_place(start, sallyport, tmp_path, files):
    banner, login, control = tmp_path / "banner", tmp_path / "login", tmp_path / "serve.sock"
    banner.write_text("Authorized use only.\r\n220 is not the end.\r\n")
    login.write_text("Welcome.\n\nRead /pub first.\n")
    config = tmp_path / "serve.toml"
    config.write_text(f'listen = "127.0.0.1:0"\ncontrol-socket = "{control}"\nanonymous = true\nuser = ["writer:lab"]\n'
                      f'banner-file = "{banner}"\nlogin-file = "{login}"\nmessage-file = ".message"\n'
                      'greeting = "Ready."\ngoodbye = "Come again."\n')
    server = start("serve", files, "--config", config)
    with Raw(server.host, server.port) as raw:
        assert raw.reply().text == "220-Authorized use only.\n 220 is not the end.\n220 Ready."
        raw.expect("USER anonymous", 331)
        assert raw.expect("PASS a@b", 230).text == "230-Welcome.\n \n Read /pub first.\n230 Logged in anonymously."
        shown = raw.expect("CWD pub", 250).text
        assert shown == '250-Files are kept for a week.\n 250 ?[2Jis no code\n250 "/pub" is the current directory.'
        raw.expect("CDUP", 250)
        assert raw.expect("CWD pub", 250).text == '250 "/pub" is the current directory.', "once for each session"
        raw.expect("SIZE .message", 550)
        assert raw.expect("QUIT", 221).text == "221 Come again."
    banner.write_text("Closed on Sunday.\n")
    done = subprocess.run([sallyport, "serve", "reload", "--control-socket", control], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with Raw(server.host, server.port) as raw:
        assert raw.reply().text == "220-Closed on Sunday.\n220 Ready."


def test_texts_of_directories_are_off_by_default(start, files):
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    with Raw(server.host, server.port).login() as raw:
        assert raw.expect("CWD pub", 250).text == '250 "/pub" is the current directory.'


def test_a_text_is_read_within_the_home_only(start, files, tmp_path):
    """FS-01, FS-05: a link out of the home is not followed, and a pipe is not waited for."""
    outside = tmp_path / "outside"
    outside.write_text("secret\n")
    (files / "link").mkdir()
    (files / "link/.message").symlink_to(outside)
    (files / "pipe").mkdir()
    subprocess.run(["mkfifo", files / "pipe/.message"], check=True)
    server = start("serve", files, "--listen", "127.0.0.1:0", "--user", "writer:lab", "--message-file", ".message")
    with Raw(server.host, server.port).login() as raw:
        for name in ("link", "pipe"):
            assert raw.expect(f"CWD /{name}", 250).text == f'250 "/{name}" is the current directory.'


@pytest.mark.parametrize("option, content, cause", [("--banner-file", None, "No such file"), ("--login-file", "x" * 8193, "larger than 8 KiB"),
                                                    ("--message-file", None, "it has no '/'")])
def test_a_text_that_cannot_be_used_is_named(sallyport, files, tmp_path, option, content, cause):
    text = tmp_path / "text"
    if content:
        text.write_text(content)
    done = subprocess.run([sallyport, "serve", "check", files, "--anonymous", option, text], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and option in done.stderr and cause in done.stderr, done.stderr
