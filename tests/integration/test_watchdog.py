"""An event loop that stops running is reported with its session and command, and optionally ends the process (OP-08)."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness.call_faults import CallFaults
from harness.daemon import wait_until
from harness.faults import library
from harness.raw import Raw

STALL = r"Event loop 0 has not run for 5\.0 s, in session (\S+) at RETR; its sessions wait"


@pytest.fixture(scope="module")
def preloaded():
    return library("fail_calls") or pytest.skip("no tests/faults/libfail_calls.so next to the program; make dev builds it")


class Server:
    def __init__(self, start, preloaded, folder, *options, env=None):
        (folder / "root").mkdir()
        (folder / "root/file").write_bytes(os.urandom(1 << 20))
        self.control = folder / "control"
        self.faults = CallFaults(preloaded, folder)
        self.daemon = start("serve", folder / "root", "--listen", "127.0.0.1:0", "--threads", 1, "--user", "writer:lab", "--control-socket",
                            self.control, *options, env={**self.faults.environment, **(env or {})})

    def session(self):
        return Raw(self.daemon.host, self.daemon.port, timeout=20).login()

    def blocked_download(self, seconds):
        """A download whose first sendfile takes that long, on the event loop, as with a file system that does not respond."""
        raw = self.session()
        with self.faults.fault("sendfile64", delay=seconds):
            content = raw.retrieve("/file")
        assert self.faults.happened == 1
        return content

    def status(self, sallyport):
        done = subprocess.run([sallyport, "serve", "status", "--json", "--control-socket", self.control], capture_output=True, timeout=30)
        return json.loads(done.stdout)

    def content(self):
        return (self.control.parent / "root/file").read_bytes()


def test_stall_is_logged_with_session_and_command_and_counted(start, preloaded, tmp_path, sallyport):
    server = Server(start, preloaded, tmp_path)
    assert server.status(sallyport)["totals"]["loop_stalls"] == 0
    assert server.blocked_download(7) == server.content()
    log = server.daemon.log()
    named = re.search(r" E " + STALL + r"\. A disk or network file system", log)
    assert named, log
    assert f"[{named[1]}] RETR /file" in log, "the session that is named made the transfer"
    wait_until(lambda: re.search(r" W Event loop 0 runs again, after [5-8]\.0 s", server.daemon.log()))
    assert server.status(sallyport)["totals"]["loop_stalls"] == 1
    assert server.session().retrieve("/file") == server.content()


def test_abort_ends_the_process_at_the_thread_of_the_loop(start, preloaded, tmp_path):
    server = Server(start, preloaded, tmp_path, "--watchdog", "abort")
    with pytest.raises(Exception):
        server.blocked_download(30)
    assert server.daemon.process.wait(10) == -signal.SIGABRT
    assert re.search(STALL + r"\. Ending the process with a core file", server.daemon.log()), server.daemon.log()


def test_stopped_process_is_no_stall(start, preloaded, tmp_path, sallyport):
    """The time in which no thread of the process runs does not count."""
    server = Server(start, preloaded, tmp_path, "--watchdog", "abort")
    time.sleep(1.2)
    server.daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(7)
    server.daemon.process.send_signal(signal.SIGCONT)
    time.sleep(2.5)
    assert server.daemon.alive()
    assert server.status(sallyport)["totals"]["loop_stalls"] == 0


def test_service_manager_gets_reports_only_while_the_loops_answer(start, preloaded, tmp_path):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    (tmp_path / "notify").chmod(0o777)  # as that of systemd
    manager.settimeout(5)
    server = Server(start, preloaded, tmp_path, env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"})
    assert manager.recv(100).startswith(b"READY=1")
    for _ in range(4):
        assert manager.recv(100) == b"WATCHDOG=1"
    download = threading.Thread(target=server.blocked_download, args=(4,))
    download.start()
    wait_until(lambda: server.faults.happening("sendfile64"))
    time.sleep(0.6)
    manager.setblocking(False)
    try:
        while manager.recv(100):
            pass
    except BlockingIOError:
        pass
    time.sleep(2.5)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
    download.join()
    manager.settimeout(5)
    assert manager.recv(100) == b"WATCHDOG=1"
