"""What is measured: each figure is one mode of the load generator, the same for every server, with its target from the
project's plan. A target is a factor and what it is a factor of, or an amount that must not be exceeded."""

from dataclasses import dataclass, field, replace

from stalled_sessions import KINDS

from .site import LISTED, MANY

MIB = 1 << 20
BEST = "best reference server"
DIRECT = "direct"


@dataclass(frozen=True)
class Target:
    factor: float
    of: str  # BEST, DIRECT or the name of a reference server


@dataclass(frozen=True)
class Figure:
    """A rate, more is better; or with `less` a time, less is better."""

    name: str
    title: str
    unit: str
    mode: str
    options: tuple = ()
    per: str = "rate"      # the number of the generator's result
    scale: float = 1       # factor to the unit
    tls: bool = False
    writes: bool = False   # needs the account that may upload
    size: object = None    # bytes of one operation, as a function of the site; checked
    looked_at: str = None  # the file that one download is compared with, since measured data are not decrypted
    target: Target = None
    on_end: bool = False   # one round, ten times as long, so that slowing down is visible
    waits: bool = False    # the longest wait of a session for data is a row of its own
    via: str = "servers"  # "gateway": our gateway against its backend alone; "kernel": kernel forwarding;
                           # "direct": direct data connections
    less: bool = False
    seconds: float = None  # one round of this time, whatever is measured otherwise
    idle_sessions: int = 0  # at the same time

    @property
    def single_round(self):
        return self.on_end or self.seconds is not None

    def duration(self, default):
        """The seconds of one round, where those of other figures have `default`."""
        return self.seconds or default * (10 if self.on_end else 1)


@dataclass(frozen=True)
class Wait:
    """The longest wait of a session for data while `of` was measured; less is better."""

    of: Figure
    target: Target = None
    unit: str = "ms"
    less: bool = True

    @property
    def title(self):
        return f"{self.of.title}: longest wait of one"


# Descriptors for a stalled upload (two connections, the new file and its directory) or a session of a gateway, and for the rest.
DESCRIPTORS = 4
SPARE_DESCRIPTORS = 1000


@dataclass(frozen=True)
class Memory:
    """Memory of all processes of the server with idle or stalled sessions; less is better."""

    name: str
    what: str
    sessions: int
    ours_only: bool = False
    tls: bool = False
    max_mib: float = None  # MiB in all
    target: Target = None  # maximum share of another server's memory
    stalled: str = None    # what the sessions were doing when their clients stopped; None: they are idle
    via: str = "servers"   # "gateway": of our gateway, without its backend
    less: bool = True

    @property
    def title(self):
        return f"{self.sessions:,} {self.what}"

    @property
    def unit(self):
        return "MiB" if self.ours_only else "KiB/session"

    def within(self, descriptors):
        """The same with fewer sessions, and with as much less memory, if so many would need more descriptors of one process."""
        count = (descriptors - SPARE_DESCRIPTORS) // DESCRIPTORS
        needs_many = self.stalled and (self.stalled.startswith("STOR") or self.via == "gateway")
        if not needs_many or self.sessions <= count:
            return self
        return replace(self, sessions=count, max_mib=round(self.max_mib * count / self.sessions))

    def shown(self, size):
        return size / MIB if self.ours_only else size / 1024 / self.sessions


def large(site):
    return site.large


def upload(site):
    return site.upload


def small(_):
    return 1024


GET = ("--path", "/large", "--connections", "1")
PUT = ("--path", "/up/large", "--connections", "1", "--size", "{upload}")
SMALL_GET = ("--path", "/small", "--connections", "16")
SMALL_PUT = ("--path", "/up/small", "--connections", "16", "--size", "1024", "--sources", "8")
SESSIONS = ("--path", "/small", "--connections", "16", "--sources", "8")
MB = {"per": "bytes_per_second", "scale": 1e6}


def many(sessions, tls=False):
    options = ("--path", "/large", "--connections", str(sessions), "--sources", "8")
    return Figure(f"get-{sessions}" + "-tls" * tls, f"{sessions} large downloads at a time" + ", TLS" * tls, "MB/s", "share", options, **MB,
                  tls=tls, looked_at="large" if tls else None, on_end=True, waits=True, target=Target(1.5 if tls else 2.0, BEST))


FIGURES = [
    Figure("get", "large download", "MB/s", "get", GET, **MB, size=large, target=Target(1.0, BEST)),
    Figure("put", "large upload", "MB/s", "put", PUT, **MB, size=upload, writes=True, target=Target(1.0, BEST)),
    Figure("get-tls", "large download, TLS", "MB/s", "get", GET, **MB, size=large, tls=True, looked_at="large", target=Target(2.0, "vsftpd")),
    Figure("put-tls", "large upload, TLS", "MB/s", "put", PUT, **MB, size=upload, tls=True, writes=True, target=Target(2.0, "vsftpd")),
    Figure("small-get", "1 KiB downloads in 16 kept sessions", "files/s", "get", SMALL_GET, size=small, target=Target(1.2, "Pure-FTPd")),
    Figure("small-put", "1 KiB uploads in 16 kept sessions", "files/s", "put", SMALL_PUT, size=small, writes=True,
           target=Target(1.2, "Pure-FTPd")),
    Figure("sessions", "whole sessions with one 1 KiB download", "sessions/s", "sessions", SESSIONS, size=small,
           target=Target(5.0, "Pure-FTPd")),
    Figure("sessions-tls", "the same, TLS", "sessions/s", "sessions", SESSIONS, size=small, tls=True),
    Figure("noop", "NOOP in 16 sessions", "replies/s", "noop", ("--connections", "16"), target=Target(1.2, "Pure-FTPd")),
    Figure("list", f"LIST of {LISTED:,} entries, 4 sessions", "lists/s", "list", ("--path", "/list", "--connections", "4")),
    Figure("mlsd", f"MLSD of {MANY:,} entries (vsftpd: LIST)", "entries/s", "mlsd", ("--path", "/many", "--connections", "1"),
           scale=1 / MANY, target=Target(2.0, BEST)),
    many(50), many(50, tls=True), many(400), many(400, tls=True),
]

GATEWAY = [
    Figure("gate-get", "large download", "MB/s", "get", GET, **MB, size=large, target=Target(0.8, DIRECT), via="gateway"),
    Figure("gate-put", "large upload", "MB/s", "put", PUT, **MB, size=upload, writes=True, target=Target(0.8, DIRECT), via="gateway"),
    Figure("gate-sessions", "whole sessions with one 1 KiB download", "sessions/s", "sessions", SESSIONS, size=small, via="gateway"),
    Figure("gate-small-get", "1 KiB downloads in 16 kept sessions", "files/s", "get", SMALL_GET, size=small, via="gateway"),
    Figure("kernel-get", "large download, `--data-path kernel`", "MB/s", "get", GET, **MB, size=large, target=Target(0.8, DIRECT),
           via="kernel"),
    Figure("kernel-put", "large upload, `--data-path kernel`", "MB/s", "put", PUT, **MB, size=upload, writes=True,
           target=Target(0.8, DIRECT), via="kernel"),
    Figure("kernel-small-get", "1 KiB downloads, `--data-path kernel`", "files/s", "get", SMALL_GET, size=small, via="kernel"),
    Figure("direct-small-get", "1 KiB downloads, `?direct=passive`", "files/s", "get", SMALL_GET, size=small, via="direct"),
]

# Our gateway and other gateways, all in front of the same server.
MOD_PROXY, HAPROXY = "mod_proxy", "HAProxy"
FEW_SESSIONS = ("--path", "/small", "--connections", "4", "--sources", "4")  # more at a time, and mod_proxy refuses some
GATEWAYS = [
    Figure("balance-sessions", "whole sessions with one 1 KiB download, 4 at a time", "sessions/s", "sessions", FEW_SESSIONS, size=small,
           target=Target(5.0, MOD_PROXY)),
    Figure("balance-small-get", "1 KiB downloads in 16 kept sessions", "files/s", "get", SMALL_GET, size=small,
           target=Target(3.0, MOD_PROXY)),
    Figure("balance-small-get-long", "the same, ten times as long on end", "files/s", "get", SMALL_GET, size=small, on_end=True,
           target=Target(3.0, MOD_PROXY)),
    Figure("balance-get", "large download", "MB/s", "get", GET, **MB, size=large, target=Target(1.0, HAPROXY)),
    Figure("balance-put", "large upload", "MB/s", "put", PUT, **MB, size=upload, writes=True, target=Target(1.0, HAPROXY)),
    Figure("balance-get-tls", "large download, TLS on the client leg only", "MB/s", "get", GET, **MB, size=large, tls=True,
           looked_at="large", target=Target(2.0, MOD_PROXY)),
    Figure("balance-sessions-tls", "complete sessions, TLS on the client leg only", "sessions/s", "sessions", SESSIONS, size=small,
           tls=True, target=Target(2.0, MOD_PROXY)),
    Figure("balance-small-get-tls", "1 KiB downloads, TLS on the client leg only", "files/s", "get", SMALL_GET, size=small, tls=True),
    Memory("balance-memory", "idle sessions", 200, target=Target(0.1, MOD_PROXY)),
]

# A session across a router.
NO_GATEWAY, KERNEL_HELPER = "no gateway", "nf_nat_ftp"
ONE_SESSION = ("--connections", "1")
ROUTER = [
    Figure("router-get", "large download", "MB/s", "get", GET, **MB, size=large, target=Target(0.98, NO_GATEWAY)),
    Figure("router-get-kernel", "the same again", "MB/s", "get", GET, **MB, size=large, target=Target(0.98, KERNEL_HELPER)),
    Figure("router-small-get", "1 KiB downloads in one kept session", "files/s", "get", ("--path", "/small", *ONE_SESSION), size=small),
    Figure("router-pasv", "PASV to 227, median", "µs", "pasv", ONE_SESSION, per="p50_us", less=True),
    Figure("router-pasv-p99", "PASV to 227, 99th percentile", "µs", "pasv", ONE_SESSION, per="p99_us", less=True,
           target=Target(2.0, KERNEL_HELPER)),
    Figure("router-pasv-5000", "PASV to 227 with 5,000 idle sessions, median", "µs", "pasv", ONE_SESSION, per="p50_us", less=True,
           idle_sessions=5000),
    Figure("router-openings", "PASV in 16 sessions", "openings/s", "pasv", ("--connections", "16")),
    Figure("router-openings-minute", "the same for a minute: median of the last tenth, relative to the first", "%", "pasv", ("--connections", "16"),
           per="last_to_first", scale=0.01, less=True, seconds=60),
]

# Our server with --map, behind a router that maps ports.
WITHOUT_MAP = "without --map"
MAPPINGS = [
    Figure("map-pasv", "PASV in one session", "replies/s", "pasv", ONE_SESSION, target=Target(0.98, WITHOUT_MAP)),
]

# Our server while it is observed: its log at level info, and metrics that are read each second.
UNOBSERVED = "not observed"
OBSERVED = [
    Figure("observed-small-get", "1 KiB downloads in 16 kept sessions", "files/s", "get", SMALL_GET, size=small, target=Target(0.99, UNOBSERVED)),
]

MEMORY = [
    Memory("memory", "idle sessions", 1000),
    Memory("memory-tls", "idle TLS sessions", 1000, tls=True),
    Memory("memory-10k", "idle sessions", 10_000, ours_only=True, max_mib=250),
    Memory("memory-10k-tls", "idle TLS sessions", 10_000, ours_only=True, tls=True),
]
STALLED = 5000


def stalled(kind, via="servers"):
    name = "-".join(("gate",) * (via == "gateway") + ("stalled", *kind.lower().replace("type a", "ascii").split(", ")))
    return Memory(name, f"stalled sessions: {kind}" + ", gateway" * (via == "gateway"), STALLED, ours_only=True, tls="TLS" in kind,
                  max_mib=256, stalled=kind, via=via)


MEMORY += [stalled(kind) for kind in KINDS]
MEMORY += [stalled(kind, "gateway") for kind in ("LIST", "RETR, TLS", "STOR, TLS")]
EVERYTHING = [*FIGURES, *GATEWAY, *GATEWAYS, *ROUTER, *MAPPINGS, *OBSERVED, *MEMORY]


@dataclass
class Outcome:
    """The outcome of a figure or wait: the median for each server, or None with the reason in `failures`."""

    figure: object
    values: dict = field(default_factory=dict)
    ratios: dict = field(default_factory=dict)  # ours to each, median over the rounds
    generator: float = 0                        # share of one core that the generator used with our server
    failures: dict = field(default_factory=dict)

    def compared_with(self, ours):
        """The server of the target, or the best reference server; None if there is none."""
        others = {name: value for name, value in self.values.items() if name != ours and value}
        if not others or not self.values.get(ours):
            return None
        target = self.figure.target
        if target and target.of in others:
            return target.of
        pick = min if self.figure.less else max
        return pick(others, key=others.get)

    def reached(self, ours):
        """None if there is no target or nothing to compare with."""
        figure = self.figure
        if isinstance(figure, Memory) and figure.target is None:
            value = self.values.get(ours)
            return None if figure.max_mib is None or value is None else value <= figure.max_mib
        other = self.compared_with(ours)
        if figure.target is None or other is None or figure.target.of not in (BEST, other):
            return None
        ratio = self.ratios[other]
        return ratio <= figure.target.factor if figure.less else ratio >= figure.target.factor
