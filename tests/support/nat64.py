"""Translates TCP between IPv6 and IPv4 for one host, over a TUN device: a NAT64 for tests (RFC 7915, without fragments and ICMP).

    nat64.py PREFIX INSIDE6 INSIDE4

Runs in the router's network namespace as root. Packets to PREFIX, 96 bits, get the IPv4 address in their destination and the
source INSIDE4 in place of INSIDE6; the replies to INSIDE4 are translated back. Prints "ready" when it works; its end removes the device.
"""

import ipaddress
import os
import struct
import subprocess
import sys

from packets import checksum, open_tun, segment

DEVICE = "nat64"
TCP = 6


def open_device(prefix, inside4):
    device = open_tun(DEVICE)
    for command in (f"link set dev {DEVICE} up", f"-6 route add {prefix} dev {DEVICE}", f"route add {inside4} dev {DEVICE}"):
        subprocess.run(["ip", *command.split()], check=True)
    return device


def to_v4(packet, prefix, inside6, inside4):
    if packet[6] != TCP or packet[8:24] != inside6 or packet[24:36] != prefix:
        return None
    target, tcp = packet[36:40], packet[40:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, packet[7] - 1, TCP, 0) + inside4 + target
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + segment(inside4, target, tcp)


def to_v6(packet, prefix, inside6, inside4):
    if packet[9] != TCP or packet[16:20] != inside4:
        return None
    tcp, source = packet[(packet[0] & 15) * 4:struct.unpack("!H", packet[2:4])[0]], prefix + packet[12:16]
    return struct.pack("!LHBB", 6 << 28, len(tcp), TCP, packet[8] - 1) + source + inside6 + segment(source, inside6, tcp)


def main(network, inside6, inside4):
    device = open_device(network, inside4)
    ends = (ipaddress.ip_network(network).network_address.packed[:12], ipaddress.ip_address(inside6).packed, ipaddress.ip_address(inside4).packed)
    print("ready", flush=True)
    while True:
        packet = os.read(device, 65536)
        translated = (to_v4 if packet[0] >> 4 == 6 else to_v6)(packet, *ends)
        if translated:
            os.write(device, translated)


if __name__ == "__main__":
    main(*sys.argv[1:])
