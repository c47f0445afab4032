"""Delays, and thereby reorders, the packets that a router forwards: a relay of packets over a TUN device.

    tun_relay.py MILLISECONDS INTERFACE...

Runs in the router's network namespace as root. Packets that arrive on these interfaces are routed to the device, held for a random time of up to
MILLISECONDS each, and forwarded from there as usual. Prints "ready" when it works; its end removes the device.
"""

import heapq
import os
import random
import select
import subprocess
import sys
import time

from packets import open_tun

DEVICE, TABLE = "delay0", "100"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def open_device(interfaces):
    device = open_tun(DEVICE, os.O_NONBLOCK)
    for name in ("all", DEVICE):
        with open(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "w") as loose:
            loose.write("0")
    ip("link", "set", "dev", DEVICE, "mtu", "9000", "txqueuelen", "10000", "up")
    ip("route", "add", "default", "dev", DEVICE, "table", TABLE)
    for interface in interfaces:
        ip("rule", "add", "iif", interface, "lookup", TABLE)
    return device


def relay(device, longest):
    held = []  # (when it goes on, number, packet)
    number = 0
    while True:
        rest = held[0][0] - time.monotonic() if held else 1
        if rest > 0 and not select.select([device], [], [], rest)[0]:
            continue
        try:
            while True:
                packet = os.read(device, 65536)
                number += 1
                heapq.heappush(held, (time.monotonic() + random.uniform(0, longest), number, packet))
        except BlockingIOError:
            pass
        while held and held[0][0] <= time.monotonic():
            os.write(device, heapq.heappop(held)[2])


if __name__ == "__main__":
    opened = open_device(sys.argv[2:])
    print("ready", flush=True)
    relay(opened, float(sys.argv[1]) / 1000)
