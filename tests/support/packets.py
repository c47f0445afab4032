"""IP packets that a test makes or changes, and the device over which it gets those of a router."""

import fcntl
import os
import socket
import struct

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def open_tun(device, flags=0):
    """A new TUN device of this network namespace: a descriptor, of which each read() gives one packet. Its end removes the device."""
    opened = os.open("/dev/net/tun", os.O_RDWR | flags)
    fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
    return opened


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source, destination, tcp):
    """TCP with the checksum for these addresses."""
    protocol = socket.IPPROTO_TCP
    length = struct.pack("!LL", len(tcp), protocol) if len(source) == 16 else struct.pack("!BBH", 0, protocol, len(tcp))
    return tcp[:16] + struct.pack("!H", checksum(source + destination + length + tcp[:16] + b"\0\0" + tcp[18:])) + tcp[18:]
