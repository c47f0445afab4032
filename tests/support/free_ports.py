"""Free ports for programs that need a port number, for tests and benchmarks."""

import contextlib
import random
import socket

FIRST, LAST = 20000, 31999  # below those that the system gives to outgoing connections, which come and go at any time


def free_range(count):
    """The first of `count` consecutive ports that are unused at every address. Begins anywhere, so that two who ask at the same
    time hardly get the same."""
    begin = random.randrange(LAST - FIRST)
    for step in range(0, LAST - FIRST, count):
        first = FIRST + (begin + step) % (LAST - FIRST - count + 2)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.create_server(("", port)))
                return first
            except OSError:
                continue
    raise RuntimeError(f"no {count} free ports in a row")


def free_port():
    return free_range(1)
