"""A router's daemon for PCP (RFC 6887) and NAT-PMP (RFC 6886) that answers as it should, or as one row of ROWS says: late, twice,
from another port, malformed, with an error. It runs in threads of the test, on the host that `inside` makes its sockets on.

    with ScriptedRouter("192.168.77.1", row=ROWS["pcp wrong nonce"], inside=lambda act: lab.inside("router", act)) as router:
        ...
        router.requests  # (time, bytes, sender)
"""

import ipaddress
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field, replace

PORT = 5351
MAP = 1  # opcode of PCP
ADDRESS, MAP_TCP = 0, 2  # opcodes of NAT-PMP
TCP = 6
UNSUPPORTED_VERSION = 1
DAY = 86400


def mapped(address):
    """16 bytes: IPv4 addresses in their IPv4-mapped form."""
    return ipaddress.ip_address(address).packed if ":" in address else bytes(10) + b"\xff\xff" + ipaddress.ip_address(address).packed


@dataclass(frozen=True)
class Answer:
    """What is to be sent, field by field, so that a row may change each."""
    protocol: str  # "pcp" or "natpmp"
    opcode: int
    version: int
    result: int = 0
    lifetime: int = 0
    epoch: int = 0
    nonce: bytes = b""
    local_port: int = 0
    external_port: int = 0
    external_address: str = ""
    delay: float = 0
    from_other_port: bool = False
    cut: int | None = None  # only so many bytes
    extra: bytes = b""
    is_request: bool = False  # without the bit of answers

    def encoded(self):
        operation = self.opcode if self.is_request else 0x80 | self.opcode
        if self.protocol == "pcp":
            out = struct.pack("!BBBBII12x", self.version, operation, 0, self.result & 0xFF, self.lifetime, self.epoch)
            if self.opcode == MAP:
                out += self.nonce + struct.pack("!B3xHH", TCP, self.local_port, self.external_port) + mapped(self.external_address)
        else:
            out = struct.pack("!BBHI", self.version, operation, self.result, self.epoch)
            if self.opcode == ADDRESS and self.external_address:
                out += ipaddress.ip_address(self.external_address).packed
            elif self.opcode == MAP_TCP:
                out += struct.pack("!HHI", self.local_port, self.external_port, self.lifetime)
        return (out + self.extra)[:self.cut]


@dataclass
class ScriptedRouter:
    address: str
    row: object = None  # (Answer) -> the answers that are sent instead
    inside: object = lambda act: act()
    protocols: tuple = ("pcp", "natpmp")
    external_address: str = "5.9.1.1"
    started: float = field(default_factory=time.monotonic)
    mappings: dict = field(default_factory=dict)  # external port -> (host, port)
    requests: list = field(default_factory=list)

    def __enter__(self):
        def bound(port):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((self.address, port))
            return made

        self.socket, self.other = self.inside(lambda: (bound(PORT), bound(0)))
        self.ended, self.wake = socket.socketpair()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.wake.send(b"x")
        self.thread.join()
        for each in (self.socket, self.other, self.ended, self.wake):
            each.close()

    def serve(self):
        while self.ended not in select.select([self.socket, self.ended], [], [])[0]:
            request, sender = self.socket.recvfrom(1500)
            self.requests.append((time.monotonic(), request, sender))
            answer = self.answer(request, sender)
            if answer is None:
                continue
            for each in self.row(answer) if self.row else [answer]:
                if each.delay:
                    timer = threading.Timer(each.delay, self.send, (each, sender))
                    timer.daemon = True
                    timer.start()
                else:
                    self.send(each, sender)

    def send(self, answer, to):
        try:
            (self.other if answer.from_other_port else self.socket).sendto(answer.encoded(), to)
        except OSError:
            pass  # its receiver or this router has ended

    def epoch(self):
        return int(time.monotonic() - self.started)

    def answer(self, request, sender):
        if len(request) < 2:
            return None
        version, opcode = request[0], request[1]
        if version == 2 and "pcp" in self.protocols:
            return self.answer_pcp(request, opcode, sender)
        if version == 0 and "natpmp" in self.protocols:
            return self.answer_nat_pmp(request, opcode, sender)
        known = "pcp" if "pcp" in self.protocols else "natpmp"
        return Answer(known, opcode, 2 if known == "pcp" else 0, UNSUPPORTED_VERSION, epoch=self.epoch())

    def answer_pcp(self, request, opcode, sender):
        base = Answer("pcp", opcode, 2, epoch=self.epoch())
        if opcode != MAP:
            return base
        (lifetime,) = struct.unpack_from("!I", request, 4)
        nonce = request[24:36]
        local, wanted = struct.unpack_from("!HH", request, 40)
        port = self.change(sender[0], local, wanted, lifetime)
        return replace(base, nonce=nonce, lifetime=min(lifetime, DAY), local_port=local, external_port=port,
                       external_address=self.external_address)

    def answer_nat_pmp(self, request, opcode, sender):
        base = Answer("natpmp", opcode, 0, epoch=self.epoch())
        if opcode == ADDRESS:
            return replace(base, external_address=self.external_address)
        local, wanted, lifetime = struct.unpack_from("!HHI", request, 4)
        port = self.change(sender[0], local, wanted, lifetime)
        return replace(base, local_port=local, external_port=port if lifetime else 0, lifetime=min(lifetime, DAY))

    def change(self, host, local, wanted, lifetime):
        """The external port of the mapping that was made, renewed or removed."""
        own = next((port for port, each in self.mappings.items() if each == (host, local)), None)
        if lifetime == 0:
            if own is not None:
                del self.mappings[own]
            return own or wanted
        port = own or wanted or local
        while own is None and port in self.mappings:
            port += 1
        self.mappings[port] = (host, local)
        return port


def silent(_answer):
    return []


def late(seconds):
    return lambda answer: [replace(answer, delay=seconds)]


def changed(**fields):
    return lambda answer: [replace(answer, **fields)]


def only_for_mappings(change):
    """The other requests are answered as they should."""
    return lambda answer: change(answer) if answer.opcode == (MAP if answer.protocol == "pcp" else MAP_TCP) else [answer]


def twice(answer):
    return [answer, answer]


def one_byte_less(answer):
    return [replace(answer, cut=len(answer.encoded()) - 1)]


def wild_epoch():
    """Goes back and jumps with each answer."""
    values = iter([0xFFFFFFFF, 0, 0x7FFFFFFF, 5] * 1000)
    return lambda answer: [replace(answer, epoch=next(values))]


# Name -> a maker of the row's function, since some have a state. Of PCP and of NAT-PMP.
COMMON = {
    "silent": lambda: silent,
    "late by 100 ms": lambda: late(0.1),
    "late by 400 ms": lambda: late(0.4),
    "late by 3 s": lambda: late(3),
    "late by 9 s": lambda: late(9),
    "twice": lambda: twice,
    "from another port": lambda: changed(from_other_port=True),
    "version 1": lambda: changed(version=1),
    "version 3": lambda: changed(version=3),
    "version 255": lambda: changed(version=255),
    "the request again": lambda: changed(is_request=True),
    "empty": lambda: changed(cut=0),
    "1 byte": lambda: changed(cut=1),
    "4 bytes": lambda: changed(cut=4),
    "one byte less": lambda: one_byte_less,
    "1 byte more": lambda: changed(extra=b"\0"),
    "1100 bytes more": lambda: changed(extra=bytes(1100)),
    "another local port": lambda: only_for_mappings(changed(local_port=9)),
    "port 0": lambda: only_for_mappings(changed(external_port=0)),
    "lifetime 0": lambda: only_for_mappings(changed(lifetime=0)),
    "lifetime 1": lambda: only_for_mappings(changed(lifetime=1)),
    "lifetime 4294967295": lambda: only_for_mappings(changed(lifetime=0xFFFFFFFF)),
    "wild epoch": lambda: wild_epoch(),
    "another opcode": lambda: changed(opcode=0x7F),
}
ROWS = {f"{protocol} {name}": make for protocol in ("pcp", "natpmp") for name, make in COMMON.items()}
ROWS |= {f"pcp result {code}": lambda code=code: changed(result=code, lifetime=30) for code in (*range(1, 14), 255)}
ROWS |= {f"natpmp result {code}": lambda code=code: changed(result=code) for code in (*range(1, 6), 65535)}
ROWS |= {
    "pcp wrong nonce": lambda: only_for_mappings(changed(nonce=b"wrong nonce!")),
    "pcp address 0.0.0.0": lambda: only_for_mappings(changed(external_address="0.0.0.0")),
    "pcp address 127.0.0.1": lambda: only_for_mappings(changed(external_address="127.0.0.1")),
    "pcp address 224.0.0.1": lambda: only_for_mappings(changed(external_address="224.0.0.1")),
    "pcp address 100.64.0.9": lambda: only_for_mappings(changed(external_address="100.64.0.9")),
}
