"""sallyport firewall: what a firewall must allow, in the form of each firewall (S10 D7). The programs that read these forms check
them where there are such programs; the rules of nftables and iptables also let transfers pass that are blocked without them."""

import shutil
import subprocess

import pytest

import network
from conftest import cannot
from harness import programs
from harness.daemon import Daemon
from network import Host, Iptables, Scenario, Segment

SERVER = ["--listen", "0.0.0.0:21", "--listen-tls", "0.0.0.0:990", "--passive-ports", "30000-30009"]
UNCHECKED = ["pf", "windows", "mikrotik", "cisco-ios", "aws", "kubernetes"]
SIDES = [[], ["--side", "client", "--active"], ["--side", "client", "--active", "--address", "203.0.113.7"],
         ["--side", "client", "--active", "--address", "2001:db8::7"]]
OPEN = "table inet filter {{ chain input {{ type filter hook input priority 0; policy {0}; ct state established,related accept; }}\n" \
       "chain output {{ type filter hook output priority 0; policy {0}; ct state established,related accept; }}\n}}\n"


def rules(sallyport, *arguments, code=0):
    done = subprocess.run([sallyport, "firewall", *map(str, arguments)], capture_output=True, text=True, timeout=20)
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


def commands(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def restored(lines, family):
    """Commands of one family in the form of iptables-restore."""
    program = f"{family} "
    return "*filter\n" + "".join(line.removeprefix(program) + "\n" for line in lines if line.startswith(program)) + "COMMIT\n"


def program(name):
    return programs.reference_server(name) or cannot(f"{name} is not in build/reference-servers; tools/reference-servers fetches it")


@pytest.mark.parametrize("side", SIDES)
def test_nft_reads_them(sallyport, networks, side):
    text = rules(sallyport, *SERVER, *side)
    subprocess.run(["nft", "-c", "-f", "-"], input=OPEN.format("drop") + text, text=True, check=True)


@pytest.mark.parametrize("side", SIDES)
def test_iptables_reads_them(sallyport, networks, side):
    lines = commands(rules(sallyport, *SERVER, *side, "--for", "iptables"))
    assert lines and all(line.split()[0] in ("iptables", "ip6tables") for line in lines)
    for family in ("iptables", "ip6tables"):
        subprocess.run([f"{family}-restore", "--test"], input=restored(lines, family), text=True, check=True)


@pytest.mark.parametrize("side", SIDES)
def test_ufw_reads_them(sallyport, networks, tmp_path, side):
    ufw = program("ufw")
    package = programs.ROOT / "build/reference-servers/ufw"
    shutil.copytree(package / "etc", tmp_path / "etc", dirs_exist_ok=True)
    shutil.copytree(package / "usr/share/ufw", tmp_path / "etc/ufw", dirs_exist_ok=True)
    shutil.copytree(package / "lib/ufw", tmp_path / "lib/ufw")
    settings = tmp_path / "etc/ufw/ufw.conf"
    settings.write_text(settings.read_text().replace("ENABLED=no", "ENABLED=yes"))
    lines = commands(rules(sallyport, *SERVER, *side, "--for", "ufw"))
    assert lines
    for line in lines:
        script = line.replace("ufw ", f"{ufw} --rootdir={tmp_path} --datadir={tmp_path} --dry-run ", 1)
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
        assert done.returncode == 0 and "### tuple ### allow tcp" in done.stdout, (line, done)


@pytest.mark.parametrize("side", SIDES)
def test_firewalld_reads_them(sallyport, networks, tmp_path, side):
    offline = program("firewall-offline-cmd")
    package = programs.ROOT / "build/reference-servers/firewalld"
    shutil.copytree(package / "etc/firewalld", tmp_path / "firewalld")
    where = f"{offline} --system-config={tmp_path}/firewalld --default-config={package}/usr/lib/firewalld"
    lines = commands(rules(sallyport, *SERVER, *side, "--for", "firewalld"))
    for line in lines:
        if line == "firewall-cmd --reload":
            continue
        done = subprocess.run(["sh", "-c", line.replace("firewall-cmd --permanent", where)], capture_output=True, text=True)
        assert done.returncode == 0 and "success" in done.stdout, (line, done)
    assert lines[-1] == "firewall-cmd --reload"
    zone = (tmp_path / "firewalld/zones/public.xml").read_text()
    assert ('port="30000-30009"' in zone) == (side == []) and ("203.0.113.7" in zone) == ("203.0.113.7" in side)


def test_docker_compose_reads_them(sallyport, tmp_path):
    file = tmp_path / "compose.yaml"
    file.write_text(rules(sallyport, *SERVER, "--for", "docker"))
    done = subprocess.run([program("docker-compose"), "-f", file, "config"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "30009" in done.stdout and "990" in done.stdout, done


@pytest.mark.parametrize("form", UNCHECKED)
def test_unchecked_forms_say_so(sallyport, form):
    for side in SIDES:
        text = rules(sallyport, *SERVER, *side, "--for", form)
        assert "Not machine-checked" in text and "21" in text.split("tests.")[-1]


def test_it_reads_configuration_files(sallyport, tmp_path):
    """Keys of serve and of gate alike, also where the files that they name are on another machine."""
    file = tmp_path / "gate.toml"
    file.write_text('listen = ["0.0.0.0:2121"]\nlisten-tls = "0.0.0.0:990"\ntls-cert = "/nowhere/cert.pem"\n'
                    'backend = "ftp://10.0.0.5?passthrough=31000-31009"\nbalance = "user"\nsingle-port = "control"\n')
    text = rules(sallyport, "--config", file)
    assert "tcp dport { 990, 2121 } accept" in text and "tcp dport 31000-31009 accept" in text and "with TLS none can" in text
    file.write_text("passive-ports = true\n")
    assert "gate.toml, line 1: 'passive-ports'" in rules(sallyport, "--config", file, code=2)
    assert "--listen with port 0" in rules(sallyport, "--listen", "127.0.0.1:0", code=2)
    assert "sallyport gate plan" in rules(sallyport, "--intercept", "lan0", code=2)
    assert "--active is for --side client" in rules(sallyport, "--active", code=2)


def test_an_address_that_was_not_given_is_named(sallyport):
    """For a device in front of the server, an address of this machine is a guess; the sign of comments is the format's own."""
    listen = ["--listen", "192.0.2.10:21"]
    for form, comment in (("pf", "#"), ("mikrotik", "#"), ("cisco-ios", "!")):
        text = rules(sallyport, *listen, "--for", form)
        assert text.startswith(f"{comment} The system chooses the passive ports"), text
        assert f"\n{comment} The server's address is taken to be 192.0.2.10, that of a listener or of this machine; " in text, text
        assert "taken to be" not in rules(sallyport, *listen, "--for", form, "--address", "192.0.2.10")
    assert "taken to be" not in rules(sallyport, *listen, "--for", "nftables")


def test_a_gateway_connects_to_its_backends(sallyport):
    text = rules(sallyport, "--listen", "0.0.0.0:2121", "--no-active", "--backend", "ftp://10.0.0.5", "--for", "kubernetes")
    outgoing = text.split("name: ftp-outgoing")[1]
    for port in ("TCP, port: 21}", "TCP, port: 1024, endPort: 65535}", "UDP, port: 53}"):
        assert "{protocol: " + port in outgoing, text


def test_it_reads_a_file_with_an_automatic_address(sallyport, tmp_path):
    file = tmp_path / "serve.toml"
    file.write_text('listen = "0.0.0.0:2121"\nexternal-address = "auto"\nmap = true\npassive-ports = "30000-30007"\n')
    assert "tcp dport 30000-30007 accept" in rules(sallyport, "--config", file)
    done = subprocess.run([sallyport, "doctor", "--server", f"sallyport:{file}"], capture_output=True, text=True, timeout=20)
    assert done.returncode in (0, 20) and "passive ports   30000-30007" in done.stdout, done


def strict(kind):
    """A host's firewall that accepts established connections only."""
    if kind == "nftables":
        return OPEN.format("drop")
    return Iptables("*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT DROP\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
                    "-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n")


@pytest.mark.parametrize("kind", ["nftables", "iptables"])
def test_transfers_pass_with_them_alone(sallyport, networks, tmp_path, kind):
    """Strict firewalls at both ends: nothing passes before, and after the rules of both sides passive and active mode do."""
    server, client = "192.0.2.1", "192.0.2.2"
    (tmp_path / "file").write_text("content")
    scenario = Scenario("firewall-rules", "strict firewalls at both ends", "S10 D7", (Segment("lan"),),
                        (Host("server", {"lan": f"{server}/24"}, rules=(strict(kind),)),
                         Host("client", {"lan": f"{client}/24"}, rules=(strict(kind),))))
    with network.Network(scenario) as built:
        daemon = Daemon([sallyport, "serve", tmp_path, "--anonymous", "--listen", f"{server}:21", "--passive-ports", "30000-30001",
                         "--control-socket", "none"], wrap=lambda a: built.command("server", *a)).wait_ready()
        curl = ["curl", "-sS", "--max-time", "10", "--connect-timeout", "1", f"ftp://{server}/file"]

        def fetch(*more):
            return subprocess.run(built.command("client", *curl, *more), capture_output=True, text=True)

        try:
            assert fetch().returncode == 28
            configuration = ["--listen", f"{server}:21", "--passive-ports", "30000-30001", "--for", kind]
            for host, side in (("server", []), ("client", ["--side", "client", "--active", "--address", server])):
                text = rules(sallyport, *configuration, *side)
                if kind == "nftables":
                    built.apply(host, text)
                else:
                    network.run(*built.command(host, "iptables-nft-restore", "--noflush"), input=restored(commands(text), "iptables"))
            for method in ([], ["--disable-epsv"], ["--ftp-port", "-"], ["--ftp-port", "-", "--disable-eprt"]):
                done = fetch(*method)
                assert done.stdout == "content", (method, done, daemon.log())
        finally:
            daemon.stop()
