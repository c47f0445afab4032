"""A name server for tests: answers over UDP what its table says, A, AAAA and SRV."""

import socket
import struct
import threading

TYPES = {1: "A", 28: "AAAA", 33: "SRV"}


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def data_of(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    priority, weight, port, target = value
    return struct.pack("!HHH", priority, weight, port) + encoded(target)


class NameServer:
    def __init__(self, host="127.0.0.1"):
        self.records = {}  # (name, type) -> values; what is not there is answered "no such name"
        self.silent = False
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port = self.socket.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        while True:
            try:
                query, sender = self.socket.recvfrom(4096)
                self.asked += 1
                if not self.silent:
                    self.socket.sendto(self.answer(query), sender)
            except OSError:
                return

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12:at + 5]
        name, kind = ".".join(labels).lower(), TYPES.get(struct.unpack("!H", query[at + 1:at + 3])[0])
        values = self.records.get((name, kind), [])
        known = any(name == known for known, _ in self.records)
        answers = b""
        for value in values:
            data = data_of(kind, value)
            number = next(number for number, word in TYPES.items() if word == kind)
            answers += b"\xc0\x0c" + struct.pack("!HHIH", number, 1, 1, len(data)) + data
        flags = 0x8580 if known else 0x8583
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(values), 0, 0) + question + answers
