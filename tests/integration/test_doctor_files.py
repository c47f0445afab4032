"""sallyport doctor --server (D4) and doctor read (D3): with real packet filters, real programs' transcripts and servers' logs."""

import json
import socket
import subprocess

import pytest

import network
from harness.daemon import Daemon, wait_until
from harness.scripted_server import ScriptedServer
from network import Host, Iptables, Scenario, Segment

SERVER, CLIENT = "192.0.2.1", "192.0.2.2"
NFT = "table inet own { chain input { type filter hook input priority 0; policy accept; tcp dport 30000-30009 drop; }\n}\n"
IPTABLES = Iptables("*filter\n:INPUT DROP\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
                    "-A INPUT -p tcp -m multiport --dports 21,22 -j ACCEPT\nCOMMIT\n")
VSFTPD = "listen=YES\npasv_min_port=30000\npasv_max_port=30009\npasv_address=203.0.113.7\nmax_clients=5\n"


STRICT = ("table inet filter { chain input { type filter hook input priority 0; policy drop; ct state established,related accept; "
          "tcp dport { 21, 22 } accept; iif lo accept; }\nchain output { type filter hook output priority 0; policy accept; }\n}\n")
STRICT_CLIENT = ("table inet filter { chain input { type filter hook input priority 0; policy accept; }\n"
                 "chain output { type filter hook output priority 0; policy accept; tcp dport 1024-65535 drop; }\n}\n")


def lab(*rules, client=()):
    return network.Network(Scenario("doctor-files", "a server and a client", "D3 D4", (Segment("lan"),),
                                    (Host("server", {"lan": f"{SERVER}/24"}, rules=rules),
                                     Host("client", {"lan": f"{CLIENT}/24"}, rules=client))))


def doctor(command, sallyport, *arguments, code):
    done = subprocess.run(command(sallyport, "doctor", *map(str, arguments)), capture_output=True, text=True, timeout=30)
    assert done.returncode == code, done
    return done.stdout


def here(*argv):
    return [*map(str, argv)]


def ids(report):
    return [each["id"] for each in json.loads(report)["verdict"]]


@pytest.mark.parametrize("rules,text", [((NFT,), "table inet own, chain input drops TCP 30000-30009 (IPv4)"),
                                        ((IPTABLES,), "iptables-nft filter, chain INPUT drops TCP 30000-30009 (IPv4): policy drop")],
                         ids=["nftables", "iptables"])
def test_own_packet_filter(sallyport, networks, tmp_path, rules, text):
    """A SYN to the passive range is followed through the rules, and nothing is found without them."""
    file = tmp_path / "vsftpd.conf"
    file.write_text(VSFTPD)
    with lab(*rules) as built:
        said = doctor(lambda *a: built.command("server", *a), sallyport, "--server", f"vsftpd:{file}", code=20)
        assert "own-firewall-blocks" in said and text in " ".join(said.split()), said
        rules_before = subprocess.run(built.command("server", "nft", "list", "ruleset"), capture_output=True, text=True).stdout
        assert ("tcp dport 30000-30009 drop" in said) == ("input" in text) and '{"' not in said, said
        found = ids(doctor(lambda *a: built.command("server", *a), sallyport, "--server", "--ports", "30000-30009", "--json", code=20))
        assert "own-firewall-blocks" in found
        assert ("helper-missing" in found) == ("INPUT" in text)
        assert subprocess.run(built.command("server", "nft", "list", "ruleset"), capture_output=True, text=True).stdout == rules_before
    with lab() as built:
        said = doctor(lambda *a: built.command("server", *a), sallyport, "--server", f"vsftpd:{file}", code=0)
        assert "no fault was found" in said, said


def test_the_rules_of_the_report_remove_its_cause(sallyport, networks, tmp_path):
    """S10: what the JSON has as rules can be given to nft."""
    file = tmp_path / "vsftpd.conf"
    file.write_text(VSFTPD)
    with lab(STRICT) as built:
        report = json.loads(doctor(lambda *a: built.command("server", *a), sallyport, "--server", f"vsftpd:{file}", "--json", code=20))
        rules = {each["id"]: each["rules"] for each in report["verdict"]}["own-firewall-blocks"]
        assert "tcp dport 30000-30009 accept" in rules[-1]
        built.apply("server", "".join(f"{rule}\n" for rule in rules))
        doctor(lambda *a: built.command("server", *a), sallyport, "--server", f"vsftpd:{file}", "--json", code=0)


def test_rules_from_a_saved_run(sallyport, networks, tmp_path):
    """'sallyport firewall' prints only what removes the failures of the run."""
    run, blocked = tmp_path / "run.json", tmp_path / "blocked.json"
    with lab(client=(STRICT_CLIENT,)) as built:
        daemon = Daemon([sallyport, "serve", tmp_path, "--user", "anna:geheim", "--listen", f"{SERVER}:21", "--passive-ports", "30000-30009",
                         "--control-socket", "none"], wrap=lambda a: built.command("server", *a)).wait_ready()
        url = f"ftp://anna:geheim@{SERVER}/"
        try:
            doctor(lambda *a: built.command("client", *a), sallyport, url, "--passive", "--save", run, code=7)
            printed = [subprocess.run([sallyport, "firewall", "--saved-run", run, *more], capture_output=True, text=True, check=True).stdout
                       for more in (("--side", "client"), (), ("--passive-ports", "30000-30009", "--for", "ufw"))]
            assert f"ip daddr {SERVER} tcp dport 1024-65535 accept" in printed[0] and "dport 21" not in printed[0]
            assert "--passive-ports" in printed[1] and all(line.startswith("#") for line in printed[1].splitlines()), printed[1]
            assert "port 30000:30009" in printed[2] and "--passive-ports" not in printed[2]
            built.apply("client", printed[0])
            doctor(lambda *a: built.command("client", *a), sallyport, url, "--passive", "--save", run, code=0)
        finally:
            daemon.stop()
    with lab(client=(STRICT_CLIENT.replace("1024-65535", "21"),)) as built:
        # The control connection is stopped: the rules have the address and the port that were tried.
        doctor(lambda *a: built.command("client", *a), sallyport, url, "--connect-timeout", "1", "--save", blocked, code=3)
        rules = subprocess.run([sallyport, "firewall", "--saved-run", blocked, "--side", "client"], capture_output=True, text=True, check=True).stdout
        assert f"ip daddr {SERVER} tcp dport 21 accept" in rules, rules
    nothing = subprocess.run([sallyport, "firewall", "--saved-run", run], capture_output=True, text=True, check=True).stdout
    assert nothing == "# No firewall rule removes a failure of this run.\n"
    (tmp_path / "other").write_text("{}")
    refused = subprocess.run([sallyport, "firewall", "--saved-run", tmp_path / "other"], capture_output=True, text=True)
    assert refused.returncode == 2 and "not a saved run" in refused.stderr, refused.stderr


def test_faults_of_the_host_and_its_configuration(sallyport, networks, tmp_path):
    own = tmp_path / "serve.toml"
    own.write_text('listen = "0.0.0.0:2121"\npassive-ports = "40000-40009"\nanonymous = true\nexternal-address = "10.0.0.5"\n')
    with socket.create_server(("127.0.0.1", 40003)):
        found = ids(doctor(here, sallyport, "--server", f"sallyport:{own}", "--json", code=20))
        assert {"ephemeral-overlap", "passive-port-in-use", "private-address"} <= set(found), found
        assert "pytest" in (said := doctor(here, sallyport, "--server", f"sallyport:{own}", code=20)) or "python" in said
    assert "ephemeral-overlap" in ids(doctor(here, sallyport, "--server", "pure-ftpd:-p 40000:40009", "--json", code=20))
    other = tmp_path / "proftpd.conf"
    other.write_text("PassivePorts 30009 30000\n")
    assert "server-settings-contradict" in ids(doctor(here, sallyport, "--server", f"proftpd:{other}", "--json", code=20))
    one = doctor(here, sallyport, "--server", "--ports", "30000-30000", code=0)
    assert "there is 1 passive port" in one and "not known" in one and "not offered" not in one, one
    other.write_text("nothing of FTP\n")
    for kind in ("vsftpd", "proftpd"):
        done = subprocess.run([sallyport, "doctor", "--server", f"{kind}:{other}"], capture_output=True, text=True)
        assert done.returncode == 2 and "not recognised" in done.stderr and "kubernetes:FILE" in done.stderr, done
    doctor(here, sallyport, "--server", "pure-ftpd:/etc/pure-ftpd.conf", code=2)
    doctor(here, sallyport, "--server", "iis:x", code=2)
    doctor(here, sallyport, "--server", code=2)


def test_published_ports(sallyport, tmp_path):
    """Symptoms 35 and 36: what docker compose or a Service publishes, against the passive range."""
    file = tmp_path / "compose.json"
    ports = [{"target": port, "published": str(port), "protocol": "tcp"} for port in (21, *range(30000, 30005))]
    file.write_text(json.dumps({"services": {"ftp": {"ports": ports}}}))
    healthy = doctor(here, sallyport, "--server", f"compose:{file}", "--ports", "30000-30004", code=0)
    # These are not in the file.
    assert "30000-30004" in healthy and "TLS" not in healthy and "control ports" not in healthy, healthy
    doctor(here, sallyport, "--server", f"compose:{file}", code=2)
    said = doctor(here, sallyport, "--server", f"compose:{file}", "--ports", "30000-30009", code=20)
    assert "30005-30009 are not published" in said and '- "30000-30009:30000-30009/tcp"' in said, said
    ports = [{"port": 21}, *({"port": 10000 + port, "targetPort": port} for port in range(30000, 30010))]
    file.write_text(json.dumps({"kind": "Service", "spec": {"ports": ports}}))
    report = json.loads(doctor(here, sallyport, "--server", f"kubernetes:{file}", "--ports", "30000-30009", "--json", code=20))
    assert [each["id"] for each in report["verdict"]] == ["published-ports-renumbered"]
    assert report["verdict"][0]["rules"][9] == "- {name: passive-30009, port: 30009, targetPort: 30009, protocol: TCP}", report
    doctor(here, sallyport, "--server", f"kubernetes:{tmp_path / 'missing.yaml'}", code=2)


def test_published_ports_in_yaml(sallyport, tmp_path):
    """Symptoms 35 and 36: the files that people write themselves; a container in the host's network is looked at as the host is."""
    file = tmp_path / "compose.yaml"
    file.write_text('services:\n  ftp:\n    ports:\n      - "21:21"\n      - "30000-30004:30000-30004"\n')
    doctor(here, sallyport, "--server", f"compose:{file}", "--ports", "30000-30004", code=0)
    said = doctor(here, sallyport, "--server", f"compose:{file}", "--ports", "30000-30009", code=20)
    assert "30005-30009 are not published" in said, said
    file.write_text('services:\n  ftp:\n    ports:\n      - "${PORTS}:30000-30004"\n')
    refused = subprocess.run([sallyport, "doctor", "--server", f"compose:{file}"], capture_output=True, text=True)
    assert refused.returncode == 2, refused
    assert f'{file}: line 4: "${{PORTS}}" is neither' in refused.stderr and "docker compose config" in refused.stderr, refused
    file.write_text("services:\n  ftp:\n    network_mode: host\n")
    assert "ephemeral-overlap" in ids(doctor(here, sallyport, "--server", f"compose:{file}", "--ports", "40000-40009", "--json", code=20))
    file.write_text("kind: ConfigMap\n---\nkind: Service\nspec:\n  ports:\n  - {port: 21}\n  - {port: 40000, targetPort: 30000}\n")
    found = ids(doctor(here, sallyport, "--server", f"kubernetes:{file}", "--ports", "30000-30000", "--json", code=20))
    assert found == ["published-ports-renumbered", "passive-range-small"], found


@pytest.fixture(scope="module")
def blocked(networks, sallyport, tmp_path_factory):
    """A server whose passive ports are dropped at its own host, and its log."""
    folder = tmp_path_factory.mktemp("blocked")
    (folder / "file").write_text("content")
    folder.chmod(0o777)
    with lab(NFT) as built:
        daemon = Daemon([sallyport, "serve", folder, "--user", "anna:geheim", "--listen", f"{SERVER}:21", "--passive-ports", "30000-30009",
                         "--control-socket", "none", "--log-level", "debug"], wrap=lambda a: built.command("server", *a)).wait_ready()
        yield built, daemon
        daemon.stop()


PYTHON = f"""
import ftplib
f = ftplib.FTP(); f.set_debuglevel(1); f.connect("{SERVER}", 21, timeout=1); f.login("anna", "geheim"); f.retrlines("LIST")
"""
CLIENTS = {
    "curl": ["curl", "-v", "--connect-timeout", "2", "-m", "5", f"ftp://anna:geheim@{SERVER}/file"],
    "lftp": ["lftp", "-d", "-c", f"set net:max-retries 1; set net:timeout 1; open -u anna,geheim ftp://{SERVER}; ls"],
    "python": ["/usr/bin/python3", "-c", PYTHON],
    "sallyport": ["SALLYPORT", "get", "-v", "--passive", "--connect-timeout", "1", "-u", "anna:geheim", f"ftp://{SERVER}/file", "-o", "-"],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_transcripts_of_real_clients(sallyport, blocked, tmp_path, client):
    built, _ = blocked
    argv = [sallyport if word == "SALLYPORT" else word for word in CLIENTS[client]]
    done = subprocess.run(built.command("client", *argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=30, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    file = tmp_path / "transcript"
    file.write_text(done.stdout)
    said = doctor(here, sallyport, "read", file, code=20)
    assert "data-ports-dropped" in said and f"{SERVER}:3000" in said and "geheim" not in said, (done.stdout, said)
    report = json.loads(doctor(here, sallyport, "read", file, "--json", code=20))
    assert report["schema"] == 1 and report["methods"][0]["result"] == "silent"
    from_input = subprocess.run([sallyport, "doctor", "read", "-"], input=done.stdout, capture_output=True, text=True)
    assert from_input.returncode == 20 and "data-ports-dropped" in from_input.stdout


@pytest.mark.parametrize("argv,code,result,text", [
    (("get", "file", "-o", "/dev/null"), 0, "healthy", ""),
    (("get", "absent", "-o", "/dev/null"), 20, "broken", "transfer-failed"),
    (("ls", "absent/"), 20, "broken", "transfer-failed"),
    (("put", "/etc/hostname", "no/such/directory/x"), 20, "broken", "transfer-failed"),
    (("get", "--disconnected", "file", "-o", "/dev/null"), 20, "broken", "control-port-refused"),
])
def test_transcripts_of_our_own_client(sallyport, start, folder, tmp_path, argv, code, result, text):
    """The last line counts: a command that has failed is never healthy."""
    (folder / "file").write_text("content")
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "anna:geheim")
    port = daemon.port
    if "--disconnected" in argv:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    words = [word for word in argv if word != "--disconnected"]
    place = 2 if words[0] == "put" else 1
    words[place] = f"ftp://anna:geheim@127.0.0.1:{port}/{words[place]}"
    done = subprocess.run([sallyport, words[0], "-v", *words[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, timeout=30)
    file = tmp_path / "transcript"
    file.write_text(done.stderr)
    report = doctor(here, sallyport, "read", file, "--json", code=code)
    assert json.loads(report)["result"] == result and text in report and "geheim" not in report, (done.stderr, report)


def test_transcript_of_our_own_client_that_falls_over(sallyport, tmp_path):
    """EPSV without a reply, and PASV that works: the first one is not forgotten."""
    server = ScriptedServer({"/file": b"content"}, replies={"EPSV": lambda _: None})
    done = subprocess.run([sallyport, "get", "-v", "--connect-timeout", "1", server.url("file"), "-o", "/dev/null"], stderr=subprocess.PIPE, text=True,
                          timeout=60)
    server.close()
    file = tmp_path / "transcript"
    file.write_text(done.stderr)
    report = json.loads(doctor(here, sallyport, "read", file, "--json", code=20))
    assert [m["result"] == "ok" for m in report["methods"]] == [False, True], (done.stderr, report)


PYTHON_TLS = """
import ftplib, ssl
f = ftplib.FTP_TLS(context=ssl.create_default_context()); f.set_debuglevel(1); f.connect("127.0.0.1", PORT, timeout=5); f.login("anna", "geheim")
"""
UNTRUSTING = {
    "curl": ["curl", "-v", "--ssl-reqd", "-m", "5", "ftp://anna:geheim@127.0.0.1:PORT/"],
    "lftp": ["lftp", "-d", "-c", "set net:max-retries 1; set ftp:ssl-force true; open -u anna,geheim ftp://127.0.0.1:PORT; ls"],
    "python": ["/usr/bin/python3", "-c", PYTHON_TLS],
    "sallyport": ["SALLYPORT", "ls", "-v", "-u", "anna:geheim", "ftpes://127.0.0.1:PORT/"],
}


@pytest.mark.parametrize("client", UNTRUSTING)
def test_certificate_that_a_client_does_not_trust(sallyport, start, folder, certificate, tmp_path, client):
    """A session that failed is never 0."""
    daemon = start("serve", folder, "--listen", "127.0.0.1:0", "--user", "anna:geheim", "--tls-cert", certificate.both)
    argv = [word.replace("PORT", str(daemon.port)) if word != "SALLYPORT" else sallyport for word in UNTRUSTING[client]]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
                          env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    file = tmp_path / "transcript"
    file.write_text(done.stdout)
    said = doctor(here, sallyport, "read", file, code=20)
    assert "certificate-untrusted" in said or "certificate-other-name" in said, (done.stdout, said)


def test_exit_codes_of_files(sallyport, tmp_path):
    """0 without a failure, 21 where no rule names the cause of one."""
    file = tmp_path / "transcript"
    file.write_text("< 220 x\n> USER a\n< 331 p\n> PASS geheim\n< 230 in\n> MKD x\n< 257 x\n")
    doctor(here, sallyport, "read", file, code=0)
    file.write_text("< 220 x\n> PASS a\n< 230 in\n> EPSV\n< 229 x (|||30000|)\n> LIST\n< 522 Sorry.\n")
    assert "could not be determined" in doctor(here, sallyport, "read", file, code=21)
    file.write_text("< 220 x\n> USER a\n< 331 p\n> PASS geheim\n< 530 no\n")
    doctor(here, sallyport, "read", file, code=20)


def test_log_of_our_server(sallyport, blocked, tmp_path):
    """One failing client tells no side, and with another network that works it is the client's."""
    built, daemon = blocked
    subprocess.run(built.command("client", *CLIENTS["python"]), capture_output=True, timeout=30)
    log = wait_until(lambda: (text := daemon.log()).count("> PASV") and text, what="the commands in the log")
    file = tmp_path / "server.log"
    file.write_text(log)
    report = json.loads(doctor(here, sallyport, "read", file, "--json", code=20))
    assert report["verdict"][0]["id"] == "data-ports-dropped" and report["verdict"][0]["side"] == "undecided"
    works = "".join(f"2026-11-30T00:00:00.000+00:00 D [zz-1] {line}\n" for line in
                    ("> PASV", "< 227 Entering Passive Mode (192,0,2,1,117,48)", "> LIST", "< 150 Opening.", "< 226 Done."))
    file.write_text(log + "2026-11-30T00:00:00.000+00:00 I [zz-1] Connection accepted from 198.51.100.7:5000 to 192.0.2.1:21\n" + works)
    report = json.loads(doctor(here, sallyport, "read", file, "--json", code=20))
    assert report["verdict"][0]["side"] == "client", report
    assert "geheim" not in json.dumps(report)


def test_what_is_no_session(sallyport, tmp_path):
    file = tmp_path / "notes"
    file.write_text("nothing of FTP\n")
    doctor(here, sallyport, "read", file, code=2)
    doctor(here, sallyport, "read", tmp_path / "absent", code=2)
