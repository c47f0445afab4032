"""What the tests of `sallyport import` share: users of the source, the check of a result, and how it differs from the source."""

import json
import subprocess


def run_import(sallyport, *arguments):
    return subprocess.run([sallyport, "import", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def hashed(password="lab"):
    return subprocess.run(["openssl", "passwd", "-6", password], check=True, capture_output=True, text=True).stdout.strip()


def check(sallyport, directory, config):
    done = subprocess.run([sallyport, "serve", "check", directory, "--config", config], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr + config.read_text()


def compare_rights(start, sallyport, old, config, *options):
    """Starts the imported configuration next to the server that it replaces, and logs in at both. Returns the probes by their names, and what
    `compare` said."""
    new = start("serve", old.root, "--config", config, "--listen", "127.0.0.1:0", "--control-socket", "none", give=False)
    done = run_import(sallyport, "compare", f"{old.host}:{old.port}", f"{new.host}:{new.port}", "--user", f"{old.user}:{old.password}",
                      "--json", *options)
    assert done.returncode in (0, 20), done.stderr
    return {probe["probe"]: probe for probe in json.loads(done.stdout)["probes"]}, done


def undeclared(probes):
    """What differs although the documentation of the import says nothing of it."""
    return {name: (probe["old"], probe["new"]) for name, probe in probes.items() if not probe["same"] and probe["declared"] is None}


def differences(probes, names):
    """Of these probes. A refusal is a refusal, whatever its code."""
    def same(old, new):
        return old == new or old[:1] in "45" and new[:1] in "45"
    found = {name: (probes[name]["old"], probes[name]["new"]) for name in names if name in probes}
    return {name: values for name, values in found.items() if not same(*values)}
