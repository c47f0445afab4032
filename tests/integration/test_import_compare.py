"""`sallyport import compare`: what differs between two servers, and that nothing else is changed on them."""

import json

import pytest

from harness.imports import run_import
from harness.scripted_server import ScriptedServer


def compare(sallyport, *arguments):
    return run_import(sallyport, "compare", *arguments)


def tree(path):
    return {str(entry.relative_to(path)): (entry.lstat().st_mode, entry.lstat().st_mtime_ns, entry.read_bytes() if entry.is_file() else b"")
            for entry in sorted(path.rglob("*"))}


@pytest.fixture
def servers(start, tmp_path):
    """Two directories with the same files, and `serve` over each with these settings for the user."""
    def run(old="", new="", tls=False):
        out = []
        for name, text in ("old", old), ("new", new):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "existing.txt").write_text("existing")
            (folder / ".hidden").write_text("hidden")
            config = tmp_path / f"{name}.toml"
            config.write_text(f'[user.u]\npassword = "lab"\n{text}\n')
            options = ["--tls-cert", start.certificate.cert, "--tls-key", start.certificate.key] if tls else []
            out.append(start("serve", folder, "--config", config, "--listen", "127.0.0.1:0", "--control-socket", "none", *options))
        return tmp_path / "old", tmp_path / "new", *(f"127.0.0.1:{daemon.port}" for daemon in out)
    return run


ALL = 'rights = ["list", "read", "write", "append", "delete", "rename", "mkdir", "overwrite"]'


def test_two_servers_with_the_same_settings_do_not_differ(sallyport, servers):
    """S8: no difference is exit code 0; files that are there stay as they are, and nothing remains."""
    *folders, old, new = servers(ALL, ALL)
    before = [tree(folder) for folder in folders]
    done = compare(sallyport, old, new, "--user", "u:lab", "--name", "secret.key")
    assert done.returncode == 0 and done.stdout.endswith(" probes, no difference\n"), done.stdout + done.stderr
    assert [tree(folder) for folder in folders] == before


@pytest.mark.parametrize("settings,lines", [
    ('rights = ["list", "read"]', ["make a directory: 257, now 550", "upload a file: 226, now 550"]),
    (ALL + '\ndeny = ["*.key"]', ["upload secret.key: 226, now 550"]),
    (ALL + '\nfile-mode = "0600"', ["mode of an uploaded file: 0640, now 0600"]),
    (ALL + '\nhide = [".*"]', ["upload .sallyport: 226, now 553"]),
    (ALL.replace(', "overwrite"', ""), ["overwrite a file: 226, now 553", "rename onto a file: 250, now 553"]),
], ids=["rights", "deny", "mode", "hide", "overwrite"])
def test_differences_are_listed(sallyport, servers, settings, lines):
    """S8: each difference is a line and an object, and the exit code is 20."""
    *folders, old, new = servers(ALL, settings)
    before = [tree(folder) for folder in folders]
    done = compare(sallyport, old, new, "--user", "u:lab", "--name", "secret.key")
    assert done.returncode == 20, done.stdout + done.stderr
    for line in lines:
        assert line in done.stdout.splitlines(), done.stdout
    as_json = compare(sallyport, old, new, "--user", "u:lab", "--name", "secret.key", "--json")
    got = json.loads(as_json.stdout)
    assert as_json.returncode == got["exit_code"] == 20 and got["ok"] is False
    differing = {probe["probe"]: f"{probe['probe']}: {probe['old']}, now {probe['new']}" for probe in got["probes"] if not probe["same"]}
    assert set(lines) <= set(differing.values())
    assert [tree(folder) for folder in folders] == before


@pytest.mark.parametrize("settings", ['deny = ["*.key"]', 'hide = ["*.key"]'])
def test_declared_differences_are_marked(sallyport, servers, settings):
    """S8: with the name of the old server, what its import declares has its reason, and is not counted by the exit code."""
    *_, old, new = servers(ALL, f"{ALL}\n{settings}")
    arguments = (old, new, "--user", "u:lab", "--name", "secret.key")
    plain = compare(sallyport, *arguments)
    assert plain.returncode == 20 and "declared" not in plain.stdout
    for program in ("vsftpd", "proftpd", "pure-ftpd"):
        as_json = json.loads(compare(sallyport, *arguments, "--from", program, "--json").stdout)
        marked = {probe["probe"]: probe["declared"] for probe in as_json["probes"] if not probe["same"]}
        assert marked["upload secret.key"] == "names of hide and deny can neither be read nor written"
        assert as_json["ok"] is True and None not in marked.values()
        text = compare(sallyport, *arguments, "--from", program)
        assert text.returncode == 0 and text.stdout.endswith(f" {len(marked)} differences, {len(marked)} declared\n"), text.stdout
        assert "upload secret.key: 226, now 55" in text.stdout and "(declared: names of hide" in text.stdout


def test_what_is_not_declared_is_counted(sallyport, servers):
    """S8: what an account may no longer do, or may do now, is no declared difference."""
    *_, old, new = servers('rights = ["list", "read", "write", "delete", "mkdir"]', ALL.replace('"rename", ', ""))
    done = compare(sallyport, old, new, "--user", "u:lab", "--from", "proftpd")
    assert done.returncode == 20 and "overwrite a file: 553, now 226" in done.stdout.splitlines(), done.stdout


def test_what_cannot_be_removed_is_named(sallyport, servers):
    """S8: a server that permits no removal keeps the files of the comparison, and the user learns their names."""
    *_, old, new = servers(ALL, ALL.replace('"delete", ', ""))
    done = compare(sallyport, old, new, "--user", "u:lab")
    assert done.returncode == 20
    assert f"sallyport import compare: {new}: sallyport-compare-" in done.stderr and "could not be removed; remove it by hand" in done.stderr


def test_explicit_tls(sallyport, servers, start):
    """S6: both servers are tried with TLS if their URLs ask for it."""
    *_, old, new = servers(ALL, ALL, tls=True)
    done = compare(sallyport, f"ftpes://{old}", f"ftpes://{new}", "--user", "u:lab", "--insecure", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    probes = {probe["probe"]: probe["new"] for probe in json.loads(done.stdout)["probes"]}
    assert probes["TLS of the control connection"].startswith("TLSv1.") and probes["TLS of data connections"] == "yes"
    mixed = compare(sallyport, f"ftpes://{old}", new, "--user", "u:lab", "--insecure")
    assert mixed.returncode == 20 and "TLS of data connections: yes, now no" in mixed.stdout.splitlines()


@pytest.mark.parametrize("user,code,cause", [("u:wrong", 5, "530"), ("u:lab", 3, "127.0.0.1:1")])
def test_failures(sallyport, servers, user, code, cause):
    *_, old, new = servers(ALL, ALL)
    done = compare(sallyport, old, new if code == 5 else "127.0.0.1:1", "--user", user)
    assert done.returncode == code and cause in done.stderr, done.stderr


def test_a_session_that_ends_is_no_difference(sallyport, servers):
    """S8: nothing is compared with a server that closes the connection in the middle."""
    def closes_at_feat(session, verb):
        if verb == "FEAT" and session.verbs.count(verb) == 2:  # the first one is part of every login
            session.control.shutdown(2)  # both directions
    old = ScriptedServer(listings={"/": b""})
    old.refuse = closes_at_feat
    *_, new = servers(ALL, ALL)
    done = compare(sallyport, f"127.0.0.1:{old.port}", new, "--user", "u:lab")
    old.close()
    assert old.commands[-1] == "FEAT"
    assert done.returncode == 8 and "sending FEAT" in done.stderr and not done.stdout, done


def test_names_are_those_of_files(sallyport):
    done = compare(sallyport, "127.0.0.1:1", "127.0.0.1:2", "--name", "../x")
    assert done.returncode == 2 and "--name '../x': not the name of a file" in done.stderr, done.stderr
