"""Captures of packets on a host of a network, with tcpdump or, without it, with a packet socket of this interpreter."""

import contextlib
import secrets
import shutil
import signal
import struct
import subprocess
from pathlib import Path

from harness.daemon import wait_until

# Link layer "raw IP"; each packet that arrives or leaves on any interface.
SOCKET = """
import socket, struct, sys, time
out = open(sys.argv[1], "wb", buffering=0)
out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print("listening on", file=sys.stderr, flush=True)
while True:
    data, (interface, protocol, *rest) = s.recvfrom(65535)
    if protocol not in (0x0800, 0x86dd):
        continue
    now = time.time()
    out.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(data), len(data)) + data)
"""
SEND = "import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes.fromhex(sys.argv[1]), ('127.0.0.1', 9))"


@contextlib.contextmanager
def capturing(network, host, file):
    """The file is complete after the block. In immediate mode each packet takes a place of the maximum length (-s) in the kernel's
    buffer (-B, in KiB): there are a thousand, for when tcpdump gets no processor time during a session."""
    tcpdump = shutil.which("tcpdump")
    argv = ["/usr/bin/python3", "-c", SOCKET, file]
    if tcpdump:
        argv = [tcpdump, "-Z", "root", "-i", "any", "-n", "-U", "--immediate-mode", "-s", "66000", "-B", "65536", "-w", file]
    running = subprocess.Popen(network.command(host, *map(str, argv)), stderr=subprocess.PIPE, text=True)
    try:
        while "listening on" not in (line := running.stderr.readline()):
            assert line, "the capture has ended"
        yield
        # What the kernel still holds when the program ends is lost.
        mark = secrets.token_bytes(16)
        subprocess.run(network.command(host, "/usr/bin/python3", "-c", SEND, mark.hex()), check=True)
        wait_until(lambda: mark in Path(file).read_bytes(), what="the last packet in the capture")
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=10)


def as_pcapng(pcap):
    """The same packets in the other format."""
    order = "<" if pcap[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    link = struct.unpack(order + "I", pcap[20:24])[0]

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", link, 0, 0))
    at = 24
    while at + 16 <= len(pcap):
        seconds, fraction, size, original = struct.unpack(order + "IIII", pcap[at:at + 16])
        time = seconds * 1_000_000 + fraction
        out += block(6, struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, size, original) + pcap[at + 16:at + 16 + size])
        at += 16 + size
    return out
