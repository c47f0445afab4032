"""Gateways in front of FTP servers, each with the same server of ours as backend, over the same network: mod_proxy,
which is an FTP proxy, and HAProxy, which passes bytes and needs the same passive port range as the server."""

from free_ports import free_range

from .servers import REFERENCE_SERVERS, Gateway, Proftpd, Sallyport, Server

RANGE = 256  # ports; more than the transfers at a time


class Balanced(Sallyport):
    """The backend, at an address of its own, so that HAProxy can have the same ports at another. `announced` is the
    address in its 227, if the gateway cannot rewrite it."""

    name = "backend"

    def __init__(self, site, announced=None):
        super().__init__(site, tls=False)
        self.first_port, self.announced = free_range(RANGE), announced
        self.address = "127.0.0.10" if announced else "127.0.0.9"

    def command(self):
        announced = ["--external-address", self.announced] if self.announced else []
        return [*super().command(), "--passive-ports", f"{self.first_port}-{self.first_port + RANGE - 1}", *announced]


class OurGateway(Gateway):
    name = Sallyport.name
    announced = None


class ModProxy(Proftpd):
    """ProFTPD as a reverse proxy."""

    name = "mod_proxy"
    writer = Sallyport.writer
    announced = None

    def __init__(self, site, tls, backend):
        super().__init__(site, tls)
        self.backend = backend

    def settings(self):
        tables = self.folder / "tables"
        tables.mkdir()
        # mod_proxy relies on mod_tls for OpenSSL.
        return [*([] if self.tls else ["LoadModule mod_tls.c"]), "LoadModule mod_proxy.c", "ProxyEngine on", "ProxyRole reverse", f"ProxyTables {tables}",
                f"ProxyReverseServers ftp://{self.backend.address}:{self.backend.port}", "ProxyTLSEngine off",
                "<Limit LOGIN>", "AllowAll", "</Limit>"]


class HAProxy(Server):
    name = "HAProxy"
    writer = Sallyport.writer
    announced = "127.0.0.1"

    def __init__(self, site, tls, backend):
        super().__init__(site, tls)
        self.backend = backend

    def command(self):
        backend = self.backend
        config = self.folder / "haproxy.cfg"
        config.write_text("\n".join([
            "global", "  nbthread 2", "  maxconn 4000", "defaults", "  mode tcp", "  option splice-auto", "  timeout connect 5s",
            "  timeout client 1h", "  timeout server 1h",
            "listen control", f"  bind 127.0.0.1:{self.port}", f"  server backend {backend.address}:{backend.port}",
            "listen data", f"  bind 127.0.0.1:{backend.first_port}-{backend.first_port + RANGE - 1}",
            f"  server backend {backend.address}"]) + "\n")
        return [REFERENCE_SERVERS / "bin/haproxy", "-f", config]


BALANCERS = [OurGateway, ModProxy, HAProxy]
