"""Networks as values, and the same networks as kernel namespaces.

A Scenario lists the segments with their hosts, what each one's firewall does and which Sallyport daemons run where.
Network brings one up: a namespace for each host, one more whose bridges are the segments, veth between them, nftables
inside. The namespaces of the system itself are not touched. Needs root, or become_able() first.

Names are random; down() kills what still runs inside and removes everything, and sweep() what others left behind.
"""

import ctypes
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

PREFIX = "splab"
PROGRAMS = Path(__file__).resolve().parent.parent / "build/reference-servers/bin"


@dataclass(frozen=True)
class Segment:
    """One broadcast domain; its name is also the name of the interface that a host has on it."""
    name: str
    about: str = ""


@dataclass(frozen=True)
class Iptables:
    """A firewall in the form of iptables-save, for IPv4."""
    text: str
    program: str = "iptables-nft"  # or iptables-legacy


@dataclass(frozen=True)
class Host:
    name: str
    addresses: dict  # segment name -> "192.168.1.2/24" or a tuple of them
    via: tuple | str = ()  # default routers, one for each address family
    routes: dict = field(default_factory=dict)  # "10.0.0.0/8" -> router
    forwards: bool = False
    rules: tuple = ()  # nftables text, from the functions below, and Iptables
    settings: dict = field(default_factory=dict)  # "netfilter/nf_conntrack_max" -> value, below /proc/sys/net
    about: str = ""

    def on(self, segment):
        found = self.addresses.get(segment, ())
        return (found,) if isinstance(found, str) else tuple(found)

    @property
    def address(self):
        """The first one, bare: how others call it."""
        return self.on(next(iter(self.addresses)))[0].split("/")[0]


@dataclass(frozen=True)
class Daemon:
    host: str
    arguments: str  # of sallyport; {files} stands for a folder of its own with sample files


@dataclass(frozen=True)
class Program:
    """A program of another project that runs on a host: tools/reference-servers fetches it."""
    host: str
    command: str  # {folder} stands for a folder of its own
    port: int  # TCP or UDP: it is ready once something listens on this port
    files: dict = field(default_factory=dict)  # name -> content, in that folder


@dataclass(frozen=True)
class Fact:
    """Whether a TCP connection from a host to address:port arrives at the host `at`; shown to people, checked by tests."""
    source: str
    address: str
    port: int
    at: str
    reaches: bool
    about: str = ""


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    rows: str  # of the requirements
    segments: tuple
    hosts: tuple
    daemons: tuple = ()
    programs: tuple = ()
    facts: tuple = ()
    tries: tuple = ()  # (command line for the client host, what it shows)
    about: str = ""

    def host(self, name):
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(f'scenario {self.name} has no host "{name}"; it has {", ".join(h.name for h in self.hosts)}')

    def with_host(self, name, **changes):
        """The same, with these changes of a host."""
        return replace(self, hosts=tuple(replace(h, **changes) if h.name == name else h for h in self.hosts))

    def with_arguments(self, host, more):
        """The same, with more arguments of that host's daemons."""
        return replace(self, daemons=tuple(replace(d, arguments=f"{d.arguments} {more}") if d.host == host else d for d in self.daemons))


# Firewalls. Each gives one nftables table; connection tracking without any helper, since FTP is handled by Sallyport.

def masquerade(out):
    """Source NAT: connections that leave through that segment get the address of the router there."""
    return f"""
table ip masquerade_{out} {{
    chain postrouting {{
        type nat hook postrouting priority srcnat
        oifname "{out}" masquerade
    }}
}}"""


def port_forward(into, tcp, to):
    """Destination NAT: connections from that segment to these ports of the router are forwarded to an inside host."""
    return f"""
table ip forward_{into} {{
    chain prerouting {{
        type nat hook prerouting priority dstnat
        iifname "{into}" fib daddr type local tcp dport {{ {tcp} }} dnat to {to}
    }}
}}"""


def pin(into, tcp, even, odd):
    """A layer-4 load balancer: the client address alone selects one of two inside hosts for its connections."""
    return port_forward(into, tcp, f"ip saddr & 0.0.0.1 map {{ 0.0.0.0 : {even}, 0.0.0.1 : {odd} }}")


def admit_only(into, tcp=None):
    """Firewall: new connections from that segment, to the router or through it, are dropped, except to these ports."""
    allow = f'tcp dport {{ {tcp} }} accept' if tcp else ""
    chains = "".join(f"""
    chain {hook} {{
        type filter hook {hook} priority filter
        iifname != "{into}" accept
        ct state established,related accept
        ct status dnat accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        {allow}
        counter drop
    }}""" for hook in ("input", "forward"))
    return f"table inet admit_{into} {{{chains}\n}}"


def forget_idle():
    """Firewall: drops packets of connections that conntrack does not know, such as those that it has forgotten. forget_after()
    has the settings that make it forget."""
    return """
table inet forget_idle {
    chain forward {
        type filter hook forward priority filter
        ct state invalid drop
    }
}"""


def forget_after(seconds):
    """Host.settings for forget_idle()."""
    return {"netfilter/nf_conntrack_tcp_timeout_established": seconds, "netfilter/nf_conntrack_tcp_loose": 0}


# Poor paths: what a router does to the packets that it forwards. All in one table, so that clear() ends it.

POOR = """
table ip poor_path {
    chain forward {
        type filter hook forward priority raw
    }
    chain output {
        type filter hook output priority raw
    }
}
"""


def rule(chain, *words):
    return POOR + " ".join(map(str, ("add rule ip poor_path", chain, *words))) + "\n"


def clear():
    return POOR + "flush table ip poor_path\n"


def lose(percent):
    return rule("forward", "numgen random mod 100 <", percent, "drop")


def duplicate(percent, *hosts):
    """Of the packets to these hosts."""
    return "".join(rule("forward", "ip daddr", host, "numgen random mod 100 <", percent, "dup to", host) for host in hosts)


def cut():
    return rule("forward", "drop")


def forget(port):
    """Drops the packets of connections to this port, as a firewall does whose table has lost them."""
    return rule("forward", "tcp dport", port, "drop") + rule("forward", "tcp sport", port, "drop")


def no_icmp():
    """Drops the router's own messages that a packet is too large."""
    return rule("output", "meta l4proto icmp drop")


# Rights.

def able():
    """Whether this process may make network namespaces."""
    return subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


def become_able():
    """Where not root: enters a user, a mount and a network namespace of its own, with its own /run and loopback. True when
    it may build networks.

    Only for a process without threads, before it has any connection, and for good: files keep their owner, the system's
    network and other users' identities are out of reach.
    """
    if os.geteuid() == 0:
        return able()
    uid, gid = os.geteuid(), os.getegid()
    if subprocess.run(["unshare", "-Urnm", "true"], capture_output=True).returncode != 0:
        return False
    if unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    furnish()
    return able()


def be_alone():
    """For root, also after become_able(): enters a mount and a network namespace of its own, with its own /run
    and loopback, so that ports, names of namespaces and control sockets are not shared. The thread that calls it moves, with
    all that it starts from then on. For good."""
    if unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    furnish()


CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000


def unshare(flags):
    return ctypes.CDLL(None, use_errno=True).unshare(flags)


def furnish():
    """What new namespaces lack."""
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("ip", "link", "set", "dev", "lo", "up")


# Bringing up and taking down.

def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def namespaces(prefix=PREFIX + "-"):
    return [line.split()[0] for line in run("ip", "netns", "list").splitlines() if line.startswith(prefix)]


def remove(names):
    """Ends what runs in these namespaces, then removes them. Says nothing about those already gone."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        pids = {int(pid) for name in names
                for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()}
        pids.discard(os.getpid())
        if not pids:
            break
        for pid in pids:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and any(Path(f"/proc/{pid}/ns/net").exists() and not zombie(pid) for pid in pids):
            time.sleep(0.02)
    for name in names:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def sweep():
    """Removes every lab of this machine."""
    names = namespaces()
    remove(names)
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "-*"):
        shutil.rmtree(folder, ignore_errors=True)
    return names


class Network:
    def __init__(self, scenario, id=None):
        self.scenario = scenario
        self.id = id or f"{scenario.name}-{secrets.token_hex(3)}"
        self.folder = Path(tempfile.gettempdir()) / f"{PREFIX}-{self.id}"

    def __enter__(self):
        return self.up()

    def __exit__(self, *_):
        self.down()

    @staticmethod
    def running(name):
        """The ids of this scenario's labs that are up."""
        prefix, suffix = f"{PREFIX}-{name}-", "-wire"
        return [n[len(PREFIX) + 1:-len(suffix)] for n in namespaces(prefix) if n.endswith(suffix)]

    def namespace(self, host):
        return f"{PREFIX}-{self.id}-{host}"

    def command(self, host, *argv):
        """The command line that runs argv on that host."""
        self.scenario.host(host)
        # Without name servers: none can be reached from inside, and programs that look up each address would wait for them.
        alone = 'mount --bind /dev/null /etc/resolv.conf; exec "$@"'
        return ["nsenter", f"--net=/run/netns/{self.namespace(host)}", "--", "unshare", "--mount", "sh", "-c", alone, "sh",
                *map(str, argv)]

    def inside(self, host, act):
        """What act() returns when it is called on that host: sockets made there stay there. In a thread of its own, which
        alone changes its network."""
        outcome = []

        def enter():
            try:
                with open(f"/run/netns/{self.namespace(host)}") as there:
                    if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                outcome.append((act(), None))
            except BaseException as failure:  # handed to the caller, whatever it is
                outcome.append((None, failure))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        value, failure = outcome[0]
        if failure:
            raise failure
        return value

    def apply(self, host, rules):
        """Adds nftables text to a host's rules."""
        run(*self.command(host, "nft", "-f", "-"), input=rules)

    def dial(self, host):
        """socket.create_connection as from that host."""
        return lambda *where, **options: self.inside(host, lambda: socket.create_connection(*where, **options))

    def start_programs(self):
        """The programs of the scenario, each once the one before is ready."""
        for number, program in enumerate(self.scenario.programs):
            self.start_program(program, self.folder / f"{program.host}-program-{number}")

    def start_program(self, program, folder):
        """With a folder of its own, which may be that of an earlier run."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in program.files.items():
            (folder / name).write_text(content.format(folder=folder))
        name, *arguments = program.command.format(folder=folder).split()
        if not (PROGRAMS / name).exists():
            raise RuntimeError(f"{name} is missing; run tools/reference-servers")
        self.launch(program.host, [PROGRAMS / name, *arguments], folder.with_suffix(".log"),
                    lambda: run(*self.command(program.host, "ss", "-Hltun", f"sport = :{program.port}")))

    def launch(self, host, argv, log, is_ready):
        """Starts a program that writes to this log and ends with the network. Returns once it is ready."""
        with log.open("w") as out:
            process = subprocess.Popen(self.command(host, *argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        deadline = time.monotonic() + 10 * float(os.environ.get("SLOWNESS", 1))  # as tests wait
        while not is_ready():
            if process.poll() not in (None, 0) or time.monotonic() > deadline:
                raise RuntimeError(f"on {host}: {shlex.join(map(str, argv))}\n{log.read_text()}")
            time.sleep(0.02)

    def up(self):
        try:
            self._up()
        except BaseException:
            self.down()
            raise
        return self

    def down(self):
        remove(namespaces(f"{PREFIX}-{self.id}-"))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _up(self):
        wire = self.namespace("wire")
        for host in ("wire", *(h.name for h in self.scenario.hosts)):
            run("ip", "netns", "add", self.namespace(host))
        links = [f"link add name {s.name} type bridge forward_delay 0" for s in self.scenario.segments]
        links += [f"link set dev {s.name} up" for s in self.scenario.segments]
        port = 0
        for host in self.scenario.hosts:
            for segment in host.addresses:
                links += [f"link add name p{port} type veth peer name {segment} netns {self.namespace(host.name)}",
                          f"link set dev p{port} master {segment} up"]
                port += 1
        self._ip(wire, links)
        for host in self.scenario.hosts:
            self._configure(host)

    def _configure(self, host):
        lines = ["link set lo up"]
        for segment in host.addresses:
            lines += [f"address add {address} dev {segment}{' nodad' if ':' in address else ''}" for address in host.on(segment)]
            lines += [f"link set dev {segment} up"]
        via = (host.via,) if isinstance(host.via, str) else host.via
        lines += [f"route add default via {router}" for router in via]
        lines += [f"route add {net} via {router}" for net, router in host.routes.items()]
        inside = self.command(host.name)
        if host.forwards:
            run(*inside, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
        # High control ports and 21 alike without root inside: these are our hosts.
        run(*inside, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start")
        self._ip(self.namespace(host.name), lines)
        for name, value in host.settings.items():
            run(*inside, "sh", "-c", f"echo {value} >/proc/sys/net/{name}")
        if texts := [rules for rules in host.rules if isinstance(rules, str)]:
            run(*inside, "nft", "-f", "-", input="\n".join(texts) + "\n")
        for rules in host.rules:
            if isinstance(rules, Iptables):
                run(*inside, f"{rules.program}-restore", input=rules.text)

    @staticmethod
    def _ip(namespace, lines):
        run("ip", "-n", namespace, "-batch", "-", input="\n".join(lines) + "\n")
