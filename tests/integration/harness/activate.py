"""Starts a program with listening sockets, as a service manager does (sd_listen_fds(3)).

    python3 activate.py [NAME=]ADDRESS:PORT ... [wait=FILE] -- PROGRAM ARGUMENT ...

udp:ADDRESS:PORT is a socket that no FTP program can use. The sockets share their ports with no other: a program that binds one
itself, in place of using it, fails. They wait (no O_NONBLOCK), as systemd's do. With wait=FILE the program is started once that
file exists.
"""

import os
import socket
import sys
import time
from pathlib import Path

FIRST = 3


def make(text):
    kind = socket.SOCK_DGRAM if text.startswith("udp:") else socket.SOCK_STREAM
    host, _, port = text.removeprefix("udp:").rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, kind)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((host.strip("[]"), int(port)))
    if kind == socket.SOCK_STREAM:
        made.listen(16)
    return made


def main(words):
    split = words.index("--")
    names, sockets, start_when = [], [], None
    for word in words[:split]:
        name, _, address = word.rpartition("=")
        if name == "wait":
            start_when = Path(address)
            continue
        names.append(name)
        sockets.append(make(address))
    aside = [os.dup(s.fileno()) for s in sockets]
    for fd in aside:
        assert fd >= FIRST + len(sockets)
    for number, fd in enumerate(aside):
        os.dup2(fd, FIRST + number)
        os.close(fd)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=":".join(names))
    while start_when and not start_when.exists():
        time.sleep(0.02)
    os.execv(words[split + 1], words[split + 1:])


if __name__ == "__main__":
    main(sys.argv[1:])
