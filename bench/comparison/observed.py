"""Our server as an administrator observes it, with a log of every transfer and metrics that are read each second, and without."""

import threading
import urllib.request

from free_ports import free_port

from .figures import UNOBSERVED
from .servers import Sallyport

INTERVAL = 1  # seconds


class Unobserved(Sallyport):
    name = UNOBSERVED


class Observed(Sallyport):
    def __init__(self, site, tls):
        super().__init__(site, tls)
        self.metrics = free_port()
        self.stopping = threading.Event()
        self.scraper = threading.Thread(target=self.scrape)

    def log_options(self):
        return ["--log", self.folder / "log", "--log-level", "info", "--metrics", f"127.0.0.1:{self.metrics}"]

    def start(self):
        super().start()
        self.read_metrics()
        self.scraper.start()
        return self

    def scrape(self):
        while not self.stopping.wait(INTERVAL):
            self.read_metrics()

    def read_metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as answer:
            if b"sallyport_transfers_complete_total" not in answer.read():
                raise RuntimeError("the server's metrics do not count its transfers")

    def stop(self):
        self.stopping.set()
        if self.scraper.is_alive():
            self.scraper.join()
        super().stop()


SERVERS = [Observed, Unobserved]
