"""One of our daemons as a child process: its ports, what it holds, what it burns, how it ends."""

import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from give_away import give_away
from harness.patience import patient

LOG_THREADS = {"log", "transfer-log", "output"}
READY = re.compile(r"^sallyport \w+: listening on (.+)$", re.MULTILINE)
# Of a program with sanitizers.
REPORT = re.compile(r"ERROR: AddressSanitizer|WARNING: ThreadSanitizer|: runtime error: ")


def wait_until(condition, seconds=10.0, what="the condition"):
    """Polls; returns what the condition returned once it is true."""
    deadline = time.monotonic() + patient(seconds)
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return value


def _is_writing(pid):
    """Whether a thread that writes a log of the process is at work: such a thread is awake as long as lines are queued."""
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name in LOG_THREADS and rest.split()[0] != "S":
            return True
    return False


def wait_for_log(pid):
    """Waits until what the process has logged so far is in its files."""
    deadline = time.monotonic() + 5
    while _is_writing(pid) and time.monotonic() < deadline:
        time.sleep(0.001)


class Daemon:
    RUNNING = []  # those that have not been stopped, so that a failed test can show what they said

    def __init__(self, argv, env=None, wrap=None, give=True):
        """wrap(argv) gives the command line that runs argv elsewhere, such as in a namespace. give: files that it names become
        those of the user that it becomes."""
        self.argv = [str(a) for a in argv]
        if give:
            give_away(self.argv)
        self.output = tempfile.NamedTemporaryFile("r+", prefix="sallyport-test-", suffix=".log")
        self.process = subprocess.Popen(wrap(self.argv) if wrap else self.argv, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output, env={**os.environ, **(env or {})})
        self.endpoints = []
        self.RUNNING.append(self)

    def log(self):
        wait_for_log(self.pid)
        return Path(self.output.name).read_text(errors="replace")

    def wait_ready(self, seconds=10.0):
        deadline = time.monotonic() + patient(seconds)
        while not (found := READY.search(self.log())):
            assert self.process.poll() is None, f"{self.argv} ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < deadline, f"{self.argv} is not ready:\n{self.log()}"
            time.sleep(0.01)
        self.endpoints = [tuple(e.strip().rsplit(":", 1)) for e in found[1].split(",")]
        return self

    @property
    def host(self):
        return self.endpoints[0][0].strip("[]")

    @property
    def port(self):
        return int(self.endpoints[0][1])

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def fds(self):
        """Its descriptors as text, sorted: a difference says what leaked. Without listeners: passive ones stay open on
        purpose, for the next session."""
        listening = set()
        for table in ("tcp", "tcp6"):
            for row in Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == "0A":
                    listening.add(f"socket:[{fields[9]}]")
        held = []
        for fd in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                held.append(os.readlink(fd))
            except FileNotFoundError:
                pass
        return sorted(re.sub(r"\[\d+\]", "", target) for target in held if target not in listening)

    def settled_fds(self):
        """fds() once they stay the same for a while: what the last session held is given back a moment after its end."""
        held, since = self.fds(), time.monotonic()
        while time.monotonic() - since < 0.2:
            time.sleep(0.03)
            if (now := self.fds()) != held:
                held, since = now, time.monotonic()
        return held

    def cpu(self):
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def idle_share(self, seconds=0.5):
        """The share of one processor that it uses while it is idle."""
        before = self.cpu()
        time.sleep(seconds)
        return (self.cpu() - before) / seconds

    def stop(self, seconds=6.0):
        """SIGTERM, and after a while SIGKILL; the exit code."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        return self._reap(seconds)

    def kill(self):
        self.process.kill()
        return self._reap(5)

    def _reap(self, seconds):
        if self in self.RUNNING:
            self.RUNNING.remove(self)
        try:
            code = self.process.wait(patient(seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            code = None
        assert not REPORT.search(self.log()), self.log()[-20000:]
        return code
