"""`sallyport import vsftpd`: the result is accepted by serve and does what the source says."""

import pytest

from harness.imports import check, compare_rights, hashed, run_import, undeclared
from harness.raw import Raw


def run(sallyport, *arguments):
    return run_import(sallyport, "vsftpd", *arguments)


@pytest.fixture
def source(tmp_path):
    def write(text):
        (tmp_path / "vsftpd.conf").write_text(text)
        return tmp_path / "vsftpd.conf"
    return write


def test_an_imported_drop_box_runs(start, sallyport, tmp_path, source):
    """S6, S8: the result passes check, and what vsftpd permits is permitted."""
    box = tmp_path / "box"
    box.mkdir()
    config = source(f"""# a camera
listen_port=2121
anon_root={box}
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
download_enable=NO
dirlist_enable=NO
deny_file={{*.exe}}
""")
    output = tmp_path / "serve.toml"
    users = tmp_path / "users"
    users.write_text(f"viewer:{hashed()}:19000:0:99999:7:::\nlocked:!:19000::::::\n")
    done = run(sallyport, config, "--output", output, "--users", users)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (f"{config}, line 5: anon_upload_enable=YES: taken over: ", "default of vsftpd: anon_umask=077: nearest equivalent: "):
        assert line in done.stdout, done.stdout
    assert output.stat().st_mode & 0o777 == 0o600
    check(sallyport, box, output)
    daemon = start("serve", box, "--config", output, "--listen", "127.0.0.1:0", "--control-socket", "none")
    with Raw(daemon.host, daemon.port).login("anonymous", "a@b") as raw:
        raw.expect("MKD day", 257)
        assert raw.store("day/picture", b"x").code == 226
        with raw.passive():
            raw.expect("STOR day/virus.exe", 550)
        for command in ("LIST", "RETR day/picture"):
            with raw.passive():
                raw.expect(command, 550)
        raw.expect("DELE day/picture", 550)
    Raw(daemon.host, daemon.port).login("viewer").close()
    again = run(sallyport, config, "--output", output)
    assert again.returncode == 1 and "serve.toml" in again.stderr, "no file is overwritten"


def test_texts_are_taken_over(start, sallyport, tmp_path, source):
    """S6: banner_file and the texts of directories."""
    files, banner, output = tmp_path / "files", tmp_path / "banner", tmp_path / "serve.toml"
    (files / "d").mkdir(parents=True)
    for path in (files, files / "d"):
        path.chmod(0o755)
    (files / "d/.message").write_text("Hello.\n")
    (files / "d/.message").chmod(0o644)
    banner.write_text("Authorized use only.\n")
    config = source(f"anon_root={files}\nbanner_file={banner}\ndirmessage_enable=YES\n")
    done = run(sallyport, config, "--output", output)
    assert done.returncode == 0 and f'banner_file={banner}: taken over: banner-file = "{banner}"' in done.stdout, done.stdout
    daemon = start("serve", files, "--config", output, "--listen", "127.0.0.1:0", "--control-socket", "none")
    with Raw(daemon.host, daemon.port) as raw:
        assert raw.reply().text.startswith("220-Authorized use only.\n220 ")
        raw.expect("USER anonymous", 331)
        raw.expect("PASS a@b", 230)
        assert raw.expect("CWD d", 250).text.startswith("250-Hello.\n")


def test_files_of_single_users_are_taken_over(start, sallyport, tmp_path, source):
    """S6, S8: virtual users with the homes and rights that user_config_dir gives them."""
    files, folder, output, users = tmp_path / "files", tmp_path / "users.d", tmp_path / "serve.toml", tmp_path / "users"
    folder.mkdir()
    for name in ("reader", "partner", "shared"):
        (files / name).mkdir(parents=True)
    (folder / "reader").write_text("write_enable=NO\nlocal_max_rate=500000\n")
    (folder / "partner").write_text(f"local_root={files}/shared\n")
    users.write_text("".join(f"{name}:{hashed()}\n" for name in ("reader", "partner")))
    config = source(f"anonymous_enable=NO\nlocal_enable=YES\nguest_enable=YES\nvirtual_use_local_privs=YES\nwrite_enable=YES\n"
                    f"user_sub_token=$USER\nlocal_root={files}/$USER\nuser_config_dir={folder}\n")
    done = run(sallyport, config, "--users", users, "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{folder}/reader, line 1: write_enable=NO: taken over: " in done.stdout, done.stdout
    daemon = start("serve", files, "--config", output, "--listen", "127.0.0.1:0", "--control-socket", "none")
    with Raw(daemon.host, daemon.port).login("reader") as raw:
        raw.expect("MKD d", 550)
    with Raw(daemon.host, daemon.port).login("partner") as raw:
        raw.expect("MKD d", 257)
    assert (files / "shared/d").is_dir() and not (files / "reader/d").exists()
    (folder / "reader").write_text("nonsense\n")
    broken = run(sallyport, config, "--users", users, "--output", tmp_path / "other.toml")
    assert broken.returncode == 2 and f"{folder}/reader, line 1: 'nonsense' has no '='" in broken.stderr, broken


def test_a_less_safe_result_needs_consent(sallyport, tmp_path, source):
    config = source("local_enable=YES\nlocal_root=/srv\ntcp_wrappers=YES\n")
    output = tmp_path / "serve.toml"
    done = run(sallyport, config, "--output", output)
    assert done.returncode == 3 and not output.exists()
    assert f"{config}, line 3: tcp_wrappers=YES: LESS SAFE: " in done.stdout
    assert run(sallyport, config, "--output", output, "--accept").returncode == 0 and output.exists()


@pytest.mark.parametrize("text,code,cause", [("listne=YES\n", 2, "vsftpd.conf, line 1: unknown setting 'listne'"),
                                             (None, 1, "nowhere"), ("", 2, "--output is required")])
def test_errors_change_nothing(sallyport, tmp_path, source, text, code, cause):
    config = tmp_path / "nowhere" if text is None else source(text)
    output = ["--output", tmp_path / "serve.toml"] if "required" not in cause else []
    done = run(sallyport, config, *output)
    assert done.returncode == code and cause in done.stderr, done
    assert not (tmp_path / "serve.toml").exists()


@pytest.mark.parametrize("lines", ["", "write_enable=NO\n", "local_umask=077\n", "hide_file={*.key}\n", "deny_file={*.key}\n", "force_dot_files=NO\n",
                                   "cmds_denied=DELE,RMD\n", "cmds_denied=RNFR,RNTO,MKD\n", "cmds_denied=SITE,NLST\n"])
def test_rights_are_those_of_vsftpd(root, start, sallyport, tmp_path, lines):
    """S8: the same login with the same commands on vsftpd and on the imported configuration has no difference but declared ones."""
    old = start.reference_server("vsftpd", local=True, lines=lines)
    source, users, output = tmp_path / "vsftpd.conf", tmp_path / "users", tmp_path / "serve.toml"
    source.write_text(f"{(old.folder / 'vsftpd.conf').read_text()}local_root={old.files}\n")
    users.write_text(f"{old.user}:{hashed(old.password)}\n")
    done = run(sallyport, source, "--users", users, "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    probes, _ = compare_rights(start, sallyport, old, output, "--name", "secret.key", "--from", "vsftpd")
    assert not undeclared(probes), output.read_text()
