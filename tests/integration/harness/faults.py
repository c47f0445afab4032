"""Makes calls of a running daemon fail on demand: the other half of tests/faults.

One daemon with a preloaded library runs one scenario again and again, and each time another call fails. `walk` is the rule of
these tests: the session of the scenario may be refused, everything else goes on.
"""

import mmap
import os
import random
import ssl
import struct
import time
from dataclasses import dataclass, field

from harness import programs
from harness.raw import Closed

ALLOCATIONS, FIRST_CALL = 0, 1  # the channels of tests/faults/fault_page.hpp
CHANNELS = 128
EVERY = (1 << 64) - 1


class Refused(Exception):
    """The daemon refused what the scenario wanted: any reply of 400 or more, or the end of a connection."""


class FaultPage:
    """The counters of the calls of one process, and which of them fail."""

    CHANNEL = struct.Struct("=7Q8x")

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(CHANNELS * self.CHANNEL.size))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def environment(self, *libraries):
        """For a daemon with these libraries of tests/faults."""
        return {"LD_PRELOAD": " ".join(map(str, libraries)), "SALLYPORT_FAULT_PAGE": str(self.path)}

    def arm(self, channel, first=0, last=None, error=0, delay=0.0):
        """Counts calls from now on; those from number `first` to `last` fail. Without `first`, none does. A system call takes
        `delay` seconds longer, and does not fail if `error` is 0."""
        last = first if last is None else last
        self._write(channel, armed=0)
        self.CHANNEL.pack_into(self.memory, channel * self.CHANNEL.size, 0, 0, first, last, error, 0, int(delay * 1000))
        self._write(channel, armed=1)

    def disarm(self, channel):
        """(calls, how many of them failed) since arm()."""
        self._write(channel, armed=0)
        return self.count(channel)

    def count(self, channel):
        _, calls, _, _, _, failed, _ = self.CHANNEL.unpack_from(self.memory, channel * self.CHANNEL.size)
        return calls, failed

    def _write(self, channel, armed):
        struct.pack_into("=Q", self.memory, channel * self.CHANNEL.size, armed)


def library(name):
    """A library of tests/faults, built with the program under test."""
    build = os.path.dirname(os.path.realpath(programs.sallyport()))
    return programs.executable(os.path.join(build, f"tests/faults/lib{name}.so"))


@dataclass
class Fault:
    """What fails: calls `first` to `last` of a channel, with an errno."""

    channel: int
    first: int
    last: int
    error: int = 0

    def __str__(self):
        return f"call {self.first}" + (f" to {self.last}" if self.last != self.first else "")


@dataclass
class Walk:
    """The outcome of one scenario under many faults."""

    scenario: str
    calls: int = 0
    runs: int = 0
    refused: int = 0
    slowest: float = 0.0
    broken: list = field(default_factory=list)

    def __str__(self):
        return (f"{self.scenario}: {self.calls} calls, {self.runs} runs, {self.refused} refused, slowest {self.slowest:.2f} s"
                + "".join(f"\n  {b}" for b in self.broken))


def chosen(calls, ends=50, drawn=100, seed=0):
    """The first and the last numbers, and some that are drawn in between."""
    if calls <= 2 * ends + drawn:
        return list(range(1, calls + 1))
    middle = random.Random(seed).sample(range(ends + 1, calls - ends + 1), drawn)
    return [*range(1, ends + 1), *sorted(middle), *range(calls - ends + 1, calls + 1)]


def count(page, channel, service, scenario):
    """How many calls the scenario makes: the highest of some runs, the first of which fill caches."""
    highest = 0
    for run in range(4):
        page.arm(channel)
        scenario(service)
        service.settle()
        calls, _ = page.disarm(channel)
        highest = max(highest, calls) if run > 0 else 0
    return highest


def walk(page, service, scenario, faults, calls=0, stop_after=3):
    """Runs the scenario once for each fault, and after each run looks whether `service` is unharmed (service.check()).

    `service` has the daemon, knows its clients, and waits in settle() for the end of what the daemon does after a session."""
    out = Walk(scenario.__name__, calls)
    for fault in faults:
        out.runs += 1
        began = time.monotonic()
        page.arm(fault.channel, fault.first, fault.last, fault.error)
        try:
            scenario(service)
        except (Refused, Closed, ConnectionError, ssl.SSLError):
            out.refused += 1
        except Exception as e:  # noqa: BLE001: whatever it was, the walk says where
            out.broken.append(f"{fault}: the session was neither served nor refused: {e!r}")
        page.disarm(fault.channel)
        out.slowest = max(out.slowest, time.monotonic() - began)
        try:
            service.check()
        except Exception as e:  # noqa: BLE001
            out.broken.append(f"{fault}: afterwards: {e!r}")
            if not service.daemon.alive():
                break
            service.renew()
        if len(out.broken) >= stop_after:
            break
    return out
