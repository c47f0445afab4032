"""Accounts in a database (`serve --users`, `sallyport user`): in force at the next login, and no fault opens access (S8, AU-03, DU-08)."""

import json
import random
import shutil
import sqlite3
import statistics
import subprocess
import threading
import time
from pathlib import Path

import pytest

from give_away import give
from harness.daemon import wait_until
from harness.raw import Closed, Raw



class Database:
    def __init__(self, sallyport, folder):
        folder.mkdir()
        self.sallyport, self.path = sallyport, folder / "users.db"

    def run(self, *words, stdin="", code=0):
        """`sallyport user WORDS`; its result."""
        done = subprocess.run([self.sallyport, "user", *words, "--users", self.path], input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done
        give(self.path.parent)
        return done

    def add(self, name, *settings, password="lab"):
        self.run("add", name, *settings, stdin=password)
        return self

    def add_quick(self, *names):
        """Accounts with the password "lab" whose hash is quick to check."""
        return self.run("import", self.file("".join(f"{name}:{quick_hash()}\n" for name in names)))

    def file(self, text):
        made = self.path.parent / "lines"
        made.write_text(text)
        return made

    def listed(self):
        return {row["name"]: row["settings"] for row in map(json.loads, self.run("list", "--json").stdout.splitlines())}

    def sql(self, *statements, **options):
        connection = sqlite3.connect(self.path, isolation_level=None, **options)
        for statement in statements:
            connection.execute(statement).fetchall()
        return connection


def quick_hash():
    return subprocess.run(["openssl", "passwd", "-1", "-salt", "saltsalt", "lab"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def database(sallyport, tmp_path):
    return Database(sallyport, tmp_path / "accounts")


@pytest.fixture
def serve(start, folder, database):
    def run(*options):
        return start("serve", folder, "--listen", "127.0.0.1:0", "--users", database.path, *options)

    return run


def answer(daemon, user, password="lab"):
    """The code of the reply to PASS."""
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        raw.expect(f"USER {user}", 331)
        return raw.command(f"PASS {password}").code


def test_changes_are_in_force_at_the_next_login(serve, database):
    """S8: without a reload, in each direction; sessions keep the account with which they have logged in."""
    database.add("bob", "rights=list,read")
    daemon = serve()
    with Raw(daemon.host, daemon.port).login("bob") as first:
        assert first.retrieve("/old.txt") == b"the old content"
        first.expect("MKD d", 550)
        database.run("set", "bob", "rights=list,mkdir")
        with Raw(daemon.host, daemon.port).login("bob") as second:
            second.expect("MKD d", 257)
        first.expect("MKD e", 550)
        database.run("passwd", "bob", stdin="new")
        assert (answer(daemon, "bob"), answer(daemon, "bob", "new")) == (530, 230)
        assert answer(daemon, "eve") == 530
        database.add("eve")
        assert answer(daemon, "eve") == 230
        database.run("delete", "bob", "eve")
        assert answer(daemon, "bob", "new") == answer(daemon, "eve") == 530
        first.expect("MKD e", 550)


def test_groups_and_defaults_of_the_file_apply(start, database, tmp_path, folder):
    config = tmp_path / "serve.toml"
    config.write_text(f'listen = "127.0.0.1:0"\nusers = "{database.path}"\n[default]\nhide = ["old*"]\n'
                      '[group.writers]\nrights = ["list", "mkdir"]\nhome = "{user}"\n[user.file]\npassword = "lab"\nhome = "."\n')
    (folder / "bob").mkdir()
    database.add("bob", "group=writers").add("eve").add("lost", "group=gone").add("file", password="other").add("away", "home=missing")
    daemon = start("serve", folder, "--config", config)
    with Raw(daemon.host, daemon.port).login("bob") as raw:
        raw.expect("MKD made", 257)
    assert (folder / "bob/made").is_dir()
    with Raw(daemon.host, daemon.port).login("eve") as raw:
        raw.expect("SIZE old.txt", 550)
    assert answer(daemon, "file") == 230, "the account of the file comes first"
    assert answer(daemon, "file", "other") == 530
    assert answer(daemon, "lost") == answer(daemon, "away") == 421
    wait_until(lambda: "account 'lost', line 1: there is no section [group.gone]; write one, or remove the group" in daemon.log())


def damage(database):
    database.path.write_bytes(random.Random(1).randbytes(20000))


def truncate(database):
    database.path.write_bytes(b"")


def newer(database):
    database.sql("PRAGMA user_version = 9").close()


def remove(database):
    for file in database.path.parent.glob("users.db*"):
        file.unlink()


def lock(database):
    held = database.sql("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "UPDATE account SET settings = 'rights = []'", "COMMIT")
    return held.close


def settings(database):
    database.sql("UPDATE account SET settings = 'rights = [\"fly\"]'").close()


FAULTS = {damage: "is no database of accounts", truncate: "is no database of accounts", newer: "has schema 9",
          remove: "there is no such database", lock: "locked by another program", settings: "'fly' is no right"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_no_fault_of_the_database_opens_access(serve, database, fault, tmp_path):
    """AU-03: 421 with the reason in the log, in time; others are not affected, and all is well afterwards."""
    database.add_quick("bob")
    saved = shutil.copytree(database.path.parent, tmp_path / "saved")
    daemon = serve("--anonymous", *(() if fault is settings else ("--user", "fixed:lab")))
    with Raw(daemon.host, daemon.port).login("bob") as running:
        release = fault(database)
        give(database.path.parent)
        begun = time.monotonic()
        for user in ("bob", *(() if fault is settings else ("fixed", "unknown"))):
            assert answer(daemon, user) == 421, user
        assert time.monotonic() - begun < 15
        assert answer(daemon, "anonymous") == 230
        assert running.retrieve("/old.txt") == b"the old content"
        wait_until(lambda: f"Cannot check the password: {database.path}" in daemon.log() and FAULTS[fault] in daemon.log())
    if release:
        release()
    remove(database)
    for file in saved.glob("users.db*"):
        shutil.copy(file, database.path.parent)
    give(database.path.parent)
    assert answer(daemon, "bob") == 230


def test_a_start_without_a_good_database_is_refused(sallyport, database, folder):
    for content, why in ((None, "there is no such database; make one with 'sallyport user add'"), (b"x" * 5000, "is no database of accounts")):
        if content:
            database.path.write_bytes(content)
        done = subprocess.run([sallyport, "serve", folder, "--listen", "127.0.0.1:0", "--users", database.path], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 2 and f"--users {database.path}: {why}" in done.stderr, done


def test_a_server_that_may_only_read_the_database(serve, database):
    """In the sandbox, and by the modes of the files."""
    database.add_quick("bob")
    for file in database.path.parent.iterdir():
        file.chmod(0o440)
    database.path.parent.chmod(0o550)
    daemon = serve()
    assert (answer(daemon, "bob"), answer(daemon, "bob", "wrong")) == (230, 530)
    database.path.parent.chmod(0o750)
    database.add("eve")
    assert answer(daemon, "eve") == 230


@pytest.mark.limit(180)
def test_killed_commands_lose_nothing(serve, database):
    """What a command has confirmed stays, whenever another one is killed; logins go on meanwhile."""
    database.add_quick("bob")
    daemon, rng, confirmed, refused, over = serve(), random.Random(5), {"bob"}, [], threading.Event()
    lines = database.file(f"NAME:{quick_hash()}\n")

    def log_in():
        while not over.is_set():
            try:
                if (code := answer(daemon, "bob")) != 230:
                    refused.append(code)
            except (Closed, AssertionError) as failure:
                refused.append(str(failure))

    client = threading.Thread(target=log_in)
    client.start()
    try:
        for i in range(100):
            lines.write_text(f"u{i}:{quick_hash()}\n")
            command = subprocess.Popen([database.sallyport, "user", "import", lines, "--users", database.path], stdout=subprocess.DEVNULL)
            try:
                if command.wait(rng.uniform(0.002, 0.04)) == 0:
                    confirmed.add(f"u{i}")
            except subprocess.TimeoutExpired:
                command.kill()
                if command.wait() == 0:
                    confirmed.add(f"u{i}")
    finally:
        over.set()
        client.join()
    give(database.path.parent)
    assert confirmed <= set(database.listed()), "an account that was confirmed is lost"
    assert database.sql("PRAGMA integrity_check").execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not refused
    assert answer(daemon, "bob") == 230


def login_time(daemon, user):
    """Seconds from PASS to its reply: the median."""
    times = []
    for _ in range(30):
        with Raw(daemon.host, daemon.port) as raw:
            raw.greet()
            raw.expect(f"USER {user}", 331)
            begun = time.monotonic()
            raw.expect("PASS lab", 230)
            times.append(time.monotonic() - begun)
    return statistics.median(times)


@pytest.mark.alone
def test_ten_thousand_accounts(serve, database):
    """S8: a start below a second, and a login that takes its hash and at most 5 ms."""
    database.add_quick("first")
    few = serve()
    alone = login_time(few, "first")
    few.stop()
    hash_of_lab = quick_hash()
    lines = database.file("".join(f"u{i}:{hash_of_lab}\n" for i in range(10000)))
    database.run("import", lines, "home={user}", "rights=list,read,write")
    begun = time.monotonic()
    many = serve()
    assert time.monotonic() - begun < 1
    assert login_time(many, "first") < alone + 0.005


def test_commands_report_what_they_cannot_do(database):
    assert "there is no such database" in database.run("set", "bob", "home=x", code=1).stderr
    database.add("bob", "home=in")
    for words, why in ((("add", "bob"), "there is an account 'bob' already"), (("add", "x", "hom=y"), "did you mean home"),
                       (("add", "anonymous"), "means anonymous login"), (("set", "eve", "home=x"), "there is no account 'eve'"),
                       (("delete", "bob", "eve"), "there is no account 'eve'"), (("passwd", "eve"), "there is no account 'eve'"),
                       (("add", "x", "--hash"), "standard input has no hash")):
        assert why in database.run(*words, stdin="lab", code=2).stderr, words
    assert "no password on standard input" in database.run("add", "x", code=2).stderr
    assert database.listed() == {"bob": {"home": "in"}}, "a command that fails changes nothing"
    assert database.run("list").stdout == "bob: home = 'in'\n"


def test_import_keeps_the_passwords_of_other_servers(serve, database):
    """Hashes of /etc/shadow, htpasswd and pure-pw as they are."""
    shadow = subprocess.run(["openssl", "passwd", "-6", "lab"], capture_output=True, text=True, check=True).stdout.strip()
    lines = database.file(f"sys:{shadow}:19000:0:99999:7:::\nweb:{quick_hash()}\nlocked:!:1::::::\n")
    assert "locked: left out: it is locked\nImported: 2 of 3 accounts\n" in database.run("import", lines).stdout
    daemon = serve()
    assert answer(daemon, "sys") == answer(daemon, "web") == 230
    assert answer(daemon, "locked", "!") == 530
    assert "there is an account 'sys' already" in database.run("import", lines, code=2).stderr
    database.run("import", lines, "rights=list", "--replace")
    assert database.listed()["sys"] == {"rights": ["list"]}
    lossy = database.file("apr:$apr1$saltsalt$Nhng6bA2rUwnHZFDgmTjm/\n")
    assert "apr: left out: this type of hash is not supported" in database.run("import", lossy, code=3).stdout
    database.run("import", lossy, "--accept")
    assert "line 1: has 1 fields" in database.run("import", database.file("nothing\n"), code=2).stderr
    assert set(database.listed()) == {"sys", "web"}


def test_the_files_of_a_new_database(database):
    database.add("bob")
    for file in sorted(Path(database.path.parent).glob("users.db*")):
        assert file.stat().st_mode & 0o007 == 0, f"{file}: others can read it"


def hash_of(database, name):
    connection = sqlite3.connect(f"file:{database.path}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT password FROM account WHERE name = ?", (name,)).fetchone()[0]
    finally:
        connection.close()


def test_hashes_are_renewed_at_the_next_login(serve, database):
    """AU-04: by choice, after a right password, of that account, and also if the kernel confines the server."""
    database.add_quick("bob", "eve")
    assert answer(serve(), "bob") == 230
    daemon = serve("--renew-hashes")
    assert (answer(daemon, "bob", "wrong"), answer(daemon, "eve", "wrong"), answer(daemon, "bob")) == (530, 530, 230)
    wait_until(lambda: hash_of(database, "bob").startswith("$argon2id$"), what="the renewal")
    assert hash_of(database, "eve").startswith("$1$")
    assert (answer(daemon, "bob"), answer(daemon, "bob", "wrong"), answer(daemon, "eve")) == (230, 530, 230)
    assert database.path.stat().st_mode & 0o777 == 0o640
    assert "The hash of account 'bob' was renewed" in daemon.log()


def test_renewals_and_commands_lose_nothing(serve, database):
    """DU-08"""
    names = [f"u{i}" for i in range(12)]
    database.add_quick(*names)
    daemon = serve("--renew-hashes")
    logins = [threading.Thread(target=answer, args=(daemon, name)) for name in names]
    for one in logins:
        one.start()
    for name in names:
        subprocess.run([database.sallyport, "user", "set", name, "--users", database.path, "max-sessions=3"], check=True, capture_output=True)
    for one in logins:
        one.join()
    give(database.path.parent)
    wait_until(lambda: all(hash_of(database, name).startswith("$argon2id$") for name in names), seconds=30, what="the renewals")
    assert database.listed() == {name: {"max-sessions": 3} for name in names}
    assert all(answer(daemon, name) == 230 for name in names)


def test_hashes_that_cannot_be_renewed(serve, database):
    """Logins go on, and the log has the reason once."""
    database.add_quick("bob", "eve")
    (database.path.parent / "users.db.new").mkdir()
    daemon = serve("--renew-hashes")
    assert [answer(daemon, name) for name in ("bob", "eve", "bob")] == [230] * 3
    wait_until(lambda: "Hashes cannot be renewed" in daemon.log(), what="the reason")
    assert daemon.log().count("Hashes cannot be renewed") == 1
    assert hash_of(database, "bob").startswith("$1$")
