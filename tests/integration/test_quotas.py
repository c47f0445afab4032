"""Quotas and hours of accounts (S8, FS-09): never exceeded, and nothing stays used up."""

import threading
import time

import pytest

from harness.daemon import wait_until
from harness.raw import Raw

QUOTA = 1_000_000


@pytest.fixture
def serve(start, folder, tmp_path):
    def run(settings):
        config = tmp_path / "serve.toml"
        config.write_text('listen = "127.0.0.1:0"\n[user.writer]\npassword = "lab"\nrights = ["list", "read", "write", "append", "delete", '
                          f'"rename", "mkdir", "overwrite"]\n{settings}')
        return start("serve", folder, "--config", config)

    return run


def used(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def store(raw, command, size):
    """The final reply to an upload, which may be refused before its data or end within them."""
    with raw.passive() as data:
        if (reply := raw.command(command)).code != 150:
            return reply
        try:
            data.sendall(b"x" * size)
        except (BrokenPipeError, ConnectionResetError):
            pass
    return raw.reply()


def test_eight_uploads_at_once_never_exceed_the_quota(serve, folder):
    daemon = serve(f"quota-bytes = {QUOTA}\n")
    sizes, codes, broken = [], [], []
    # The files are looked at between two rounds: during one, a file can be met twice, before and after it gets its name.
    begin = threading.Barrier(8, action=lambda: sizes.append(used(folder)))

    def client(number):
        try:
            with Raw(daemon.host, daemon.port).login() as raw:
                for i in range(4):
                    begin.wait()
                    codes.append(store(raw, f"{'APPE' if i % 2 else 'STOR'} /f{number % 5}", 150_000 + 1000 * i).code)
                    raw.expect("NOOP", 200)
        except Exception as failure:  # noqa: BLE001: whatever it was, the others must not wait for this one
            broken.append(failure)
            begin.abort()

    clients = [threading.Thread(target=client, args=(i,)) for i in range(8)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert not broken, broken
    sizes.append(used(folder))
    assert len(sizes) == 5 and max(sizes) <= QUOTA, sizes
    # 450 and 553: two at a time that continue one file, and that begin one by APPE.
    assert len(codes) == 32 and set(codes) <= {226, 552, 450, 451, 553} and {226, 552} <= set(codes), codes
    with Raw(daemon.host, daemon.port).login() as raw:
        for path in sorted(folder.iterdir()):
            raw.expect(f"DELE /{path.name}", 250)
        assert store(raw, "STOR /whole", QUOTA).code == 226
        reply = store(raw, "STOR /more", 1)
        assert reply.code == 552 and "quota" in reply.text
        assert store(raw, "STOR /whole", QUOTA).code == 226, "only the growth counts"
        assert store(raw, "APPE /whole", 1).code == 552
    assert (folder / "whole").stat().st_size == used(folder) == QUOTA


def test_uploads_that_end_early_use_up_nothing(serve, folder):
    daemon = serve(f"quota-bytes = {QUOTA}\n")
    for _ in range(3):
        with Raw(daemon.host, daemon.port).login() as raw:
            data = raw.passive()
            raw.expect("STOR /part", 150)
            data.sendall(b"x" * 900_000)
            raw.expect("ABOR", 426, 226)
        with Raw(daemon.host, daemon.port).login() as raw:
            data = raw.passive()
            raw.expect("STOR /part", 150)
            data.sendall(b"x" * 900_000)
            raw.reset()

    def whole():
        with Raw(daemon.host, daemon.port).login() as raw:
            return store(raw, "STOR /whole", QUOTA - used(folder)).code == 226

    wait_until(whole)


def test_the_number_of_files(serve, folder):
    daemon = serve("quota-files = 3\n")
    with Raw(daemon.host, daemon.port).login() as raw:
        raw.expect("MKD d", 257)
        assert store(raw, "STOR d/f", 10).code == 226
        raw.expect("MKD e", 552)
        assert store(raw, "STOR g", 0).code == 552
        raw.expect("RNFR d/f", 350)
        raw.expect("RNTO old.txt", 250)
        raw.expect("MKD e", 257)


def clock(seconds):
    return time.strftime("%H:%M", time.localtime(seconds))


def test_hours(serve):
    """An account outside of its hours is refused as a wrong password is; the log says why."""
    now = time.time()
    daemon = serve(f'hours = ["{clock(now - 7200)}-{clock(now + 7200)}"]\n[user.late]\npassword = "lab"\n'
                   f'hours = ["{clock(now + 7200)}-{clock(now - 7200)}"]\n')
    Raw(daemon.host, daemon.port).login().close()
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        raw.expect("USER late", 331)
        raw.expect("PASS lab", 530)
    wait_until(lambda: "the account may not log in at this time" in daemon.log())
