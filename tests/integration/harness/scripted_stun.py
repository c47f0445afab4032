"""A STUN server (RFC 8489) over UDP and TCP that says what the test wants it to: the truth, or `seen` in place of it."""

import ipaddress
import selectors
import socket
import struct
import threading

COOKIE = 0x2112A442


class ScriptedStun:
    def __init__(self, address, port=3478, seen=None, inside=lambda act: act()):
        self.at, self.seen, self.inside = (address, port), seen, inside

    def __enter__(self):
        def bound():
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams.bind(self.at)
            return datagrams, socket.create_server(self.at)

        self.sockets = self.inside(bound)
        self.ended, self.wake = socket.socketpair()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.wake.send(b"x")
        self.thread.join()
        for each in (*self.sockets, self.ended, self.wake):
            each.close()

    def serve(self):
        datagrams, listener = self.sockets
        with selectors.DefaultSelector() as ready:
            for each in (datagrams, listener, self.ended):
                ready.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is self.ended:
                        return
                    if key.fileobj is datagrams:
                        request, peer = datagrams.recvfrom(1500)
                        datagrams.sendto(self.answer(request, peer), peer)
                    else:
                        connection, peer = listener.accept()
                        with connection:
                            connection.settimeout(2)
                            connection.sendall(self.answer(connection.recv(1500), peer))

    def answer(self, request, peer):
        host, port = self.seen or peer
        (address,) = struct.unpack("!I", ipaddress.ip_address(host).packed)
        attribute = struct.pack("!HHBBHI", 0x0020, 8, 0, 1, port ^ COOKIE >> 16, address ^ COOKIE)
        return struct.pack("!HHI", 0x0101, len(attribute), COOKIE) + request[8:20] + attribute
