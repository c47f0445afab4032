"""What the kernel holds of a gateway's openings, seen through nft."""

import contextlib
import errno
import os
import re
import socket
import struct
import subprocess
import threading

from harness.daemon import wait_until
from packets import segment

STORED = re.compile(r"(?:map|set) (expected|spent)[46] \{(.*?)\n\t\}", re.DOTALL)
EXPECTATION = re.compile(r"proto=6 src=(\S+) dst=(\S+) sport=0 dport=(\d+)")
KEY = re.compile(r"([0-9a-f.:]+) \. ([0-9a-f.:]+) \. (\d+) (?:timeout|expires|limit)")


def ruleset(network, host="router", options=("--json",)):
    return subprocess.run(network.command(host, "nft", *options, "list", "ruleset"), capture_output=True, text=True, check=True,
                          timeout=10).stdout


def unused_openings(network, host="router"):
    """(client, our address, our port) of each opening that has served no connection yet."""
    keys = {"expected": [], "spent": []}
    for name, content in STORED.findall(ruleset(network, host, ())):
        keys[name] += [(client, at, int(port)) for client, at, port in KEY.findall(content)]
    return [key for key in keys["expected"] if key not in keys["spent"]]


def expectations(network, host="router"):
    """(source, destination, port) of each conntrack expectation."""
    listed = subprocess.run(network.command(host, "conntrack", "-L", "expect"), capture_output=True, text=True, check=True, timeout=10).stdout
    return [(source, destination, int(port)) for source, destination, port in EXPECTATION.findall(listed)]


def tables(network, host="router"):
    return re.findall(r'"name": "(sallyport_\w+)"', ruleset(network, host))


def gone(network, within, host="router"):
    wait_until(lambda: not unused_openings(network, host), within, "the openings' end")


def syn(source, source_port, target, port):
    """An IPv4 packet."""
    ends = socket.inet_aton(source), socket.inet_aton(target)
    tcp = struct.pack("!HHIIBBHHH", source_port, port, int.from_bytes(os.urandom(4), "big"), 0, 5 << 4, 2, 64240, 0, 0)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0) + b"".join(ends) + segment(*ends, tcp)


def raw_socket(network, host):
    return network.inside(host, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))


@contextlib.contextmanager
def forge_syns(network, host, source, target, port, rate):
    """As long as the block lasts, `host` sends SYNs with the source address of another one, from one source port after another."""
    ended = threading.Event()
    with raw_socket(network, host) as raw:
        def send():
            number = 0
            while not ended.wait(1 / rate):
                raw.sendto(syn(source, 20000 + number % 40000, target, port), (target, 0))
                number += 1
        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


# Rules for `no_expectations_left`: connections of the host with itself that have the helper of a gateway's control connections.
MASTERS = """
table ip test_masters {
    ct helper sane { type "sane" protocol tcp; }
    chain output { type filter hook output priority filter; tcp dport 2999 ct state new ct helper set "sane"; }
}"""


def attribute(kind, content, nested=True):
    return struct.pack("=HH", 4 + len(content), kind | (0x8000 if nested else 0)) + content + b"\0" * (-len(content) % 4)


def flow(kind, source, source_port, destination, port):
    """An attribute for one direction of a TCP connection."""
    addresses = attribute(1, socket.inet_aton(source), False) + attribute(2, socket.inet_aton(destination), False)
    ports = attribute(1, bytes([socket.IPPROTO_TCP]), False) + attribute(2, struct.pack("!H", source_port), False)
    return attribute(kind, attribute(1, addresses) + attribute(2, ports + attribute(3, struct.pack("!H", port), False)))


def expect_until_full():
    """Each expectation has a connection of its own, as the helper allows one for each."""
    with socket.create_server(("127.0.0.1", 2999)) as listener, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        for number in range(1 << 14):
            source = f"127.1.{number // 250}.{1 + number % 250}"
            with socket.create_connection(("127.0.0.1", 2999), source_address=(source, 0)) as client, listener.accept()[0]:
                content = flow(1, *client.getsockname(), "127.0.0.1", 2999) + flow(2, source, 0, "127.0.0.1", 3000)
                content += flow(3, "255.255.255.255", 0, "255.255.255.255", 0xFFFF)
                flags = 0x1 | 0x4 | 0x200 | 0x400  # request, acknowledge, exclusive, create
                netlink.send(struct.pack("=IHHII", 20 + len(content), 0x200, flags, number, 0) + struct.pack("=BBH", socket.AF_INET, 0, 0) + content)
                error = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
                if error == errno.EMFILE:
                    return
                assert error == 0, os.strerror(error)
    raise AssertionError("the kernel's table of expectations is larger than this test can fill")


@contextlib.contextmanager
def no_expectations_left(network, host="router"):
    """As long as the block lasts, the kernel's table of expectations is full."""
    network.apply(host, MASTERS)
    try:
        network.inside(host, expect_until_full)
        yield
    finally:
        subprocess.run(network.command(host, "conntrack", "-F", "expect"), check=True, capture_output=True)
        network.apply(host, "delete table ip test_masters")
