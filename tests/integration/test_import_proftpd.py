"""`sallyport import proftpd`: the result is accepted by serve, and does what ProFTPD does with the same configuration."""

import pytest

from harness.imports import check, compare_rights, differences, hashed, run_import as run, undeclared
from harness.raw import Raw


@pytest.fixture
def tree(tmp_path, certificate):
    """Homes, a file of passwords, and what replaces names in the configurations below."""
    for name in ("ftp/alice/in", "ftp/bob", "pub/incoming"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name).chmod(0o777)  # the user of the server is another one
    (tmp_path / "passwd").write_text(
        f"alice:{hashed()}:1001:1001::{tmp_path}/ftp/alice:/bin/sh\nbob:{hashed()}:1002:1002::{tmp_path}/ftp/bob:/bin/sh\n")
    (tmp_path / "group").write_text("staff:x:50:alice\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/more.conf").write_text("TimeoutIdle 120\n")

    def write(text):
        for name, value in {"ROOT": tmp_path, "CERT": certificate.cert, "KEY": certificate.key}.items():
            text = text.replace(f"@{name}@", str(value))
        (tmp_path / "proftpd.conf").write_text(text)
        return tmp_path / "proftpd.conf"
    return write


# A site with its users, a drop box in each home, TLS, an anonymous tree and a second server.
SITE = """ServerName "A site"
ServerType standalone
DeferWelcome off
Port 2121
User proftpd
Group nogroup
UseIPv6 on
DefaultRoot ~ !staff
RequireValidShell off
AuthOrder mod_auth_file.c mod_auth_unix.c
AuthUserFile @ROOT@/passwd
AuthGroupFile @ROOT@/group
Umask 022 022
AllowOverwrite on
AllowStoreRestart on
HiddenStores on
DeleteAbortedStores on
MaxInstances 30
MaxClients 100
MaxClientsPerHost 5
MaxLoginAttempts 3
PassivePorts 50000 50099
MasqueradeAddress 127.0.0.1
TransferLog /var/log/xferlog
ExtendedLog /var/log/access.log READ,WRITE
<IfModule mod_tls.c>
 TLSEngine on
 TLSRequired on
 TLSProtocol TLSv1.2 TLSv1.3
 TLSECCertificateFile @CERT@
 TLSECCertificateKeyFile @KEY@
 TLSOptions NoSessionReuseRequired
</IfModule>
<IfModule mod_quotatab.c>
 QuotaEngine on
</IfModule>
<Directory @ROOT@/ftp/*/in>
 <Limit READ DIRS>
  DenyAll
 </Limit>
 <Limit STOR>
  AllowAll
 </Limit>
</Directory>
<VirtualHost b.example.org>
 ServerAlias b.example.org
 DefaultRoot /srv/b
</VirtualHost>
<Anonymous @ROOT@/pub>
 User ftp
 Group nogroup
 UserAlias anonymous ftp
 MaxClients 10
 <Limit WRITE>
  DenyAll
 </Limit>
</Anonymous>
BanEngine on
BanOnEvent MaxLoginAttempts 5/00:10:00 01:00:00
"""


def test_a_site_is_imported_and_served(start, sallyport, tmp_path, tree):
    """S6, S8: users keep their passwords, and TLS, rights by path and the anonymous tree are those of the source."""
    config, output = tree(SITE), tmp_path / "serve.toml"
    done = run(sallyport, "proftpd", config, "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for number, text in enumerate(SITE.splitlines(), 1):
        if not text.strip().startswith("</"):
            assert sum(line.startswith(f"{config}, line {number}: ") for line in lines) == 1, (number, text)
    assert "user alice: taken over; without user and group ID, shell" in lines
    check(sallyport, tmp_path, output)
    daemon = start("serve", tmp_path, "--config", output, "--listen", "127.0.0.1:0", "--control-socket", "none")
    with Raw(daemon.host, daemon.port) as raw:
        raw.greet()
        raw.expect("USER alice", 530)  # TLS is required
    with Raw(daemon.host, daemon.port).login("alice", tls=True) as raw:
        raw.expect("MKD in/x", 257)
        raw.expect("RNFR in/x", 550)
        raw.expect("RMD in/x", 250)


SAMPLES = {
    "empty": "AuthUserFile @ROOT@/passwd\n",
    "included": "Include @ROOT@/conf.d/\nInclude @ROOT@/conf.d/*.conf\nInclude @ROOT@/conf.d/none-*.conf\nAuthUserFile @ROOT@/passwd\n",
    "two certificates": "TLSEngine on\nTLSRSACertificateFile @CERT@\nTLSRSACertificateKeyFile @KEY@\nTLSECCertificateFile @CERT@\n"
                        "TLSECCertificateKeyFile @KEY@\nTLSVerifyClient optional\nTLSCACertificateFile @CERT@\nTLSRequired ctrl\n"
                        "AuthUserFile @ROOT@/passwd\n",
    "implicit TLS": "Port 990\nTLSEngine on\nTLSECCertificateFile @CERT@\nTLSECCertificateKeyFile @KEY@\nTLSOptions UseImplicitSSL\n"
                    "AuthUserFile @ROOT@/passwd\n",
    "anonymous drop box": "AuthOrder mod_auth_file.c\n<Anonymous @ROOT@/pub>\nUser ftp\nUmask 077\n<Limit ALL>\nDenyAll\n</Limit>\n<Limit LOGIN>\nAllowAll\n</Limit>\n"
                          "<Directory incoming/*>\n<Limit STOR STOU MKD>\nAllowAll\n</Limit>\n</Directory>\n</Anonymous>\n",
    "networks": "AuthUserFile @ROOT@/passwd\n<Class inside>\nFrom 10.0.0.0/8\n</Class>\n<Limit LOGIN>\nOrder deny,allow\nAllowClass inside\n"
                "Allow from 192.0.2. 2001:db8::/32\n</Limit>\n",
    "users": "AuthUserFile @ROOT@/passwd\nAuthGroupFile @ROOT@/group\nDefaultRoot @ROOT@/ftp/%u\n<Limit WRITE>\nAllowGroup staff\nDenyAll\n"
             "</Limit>\n<Limit LOGIN>\nDenyUser carol\n</Limit>\nMaxClientsPerUser 3\n",
    "names": "AuthUserFile @ROOT@/passwd\n<Directory ~>\nHideFiles \"(^\\\\.|\\\\.part$)\"\n</Directory>\nPathDenyFilter \"\\\\.(exe|com)$\"\nDenyFilter \\*.*/\nDirFakeUser on ftp\n",
    "limits": "AuthUserFile @ROOT@/passwd\nTransferRate RETR,STOR 1.5:1024\nTimeoutIdle 10m\nTimeoutStalled 00:30:00\nTimeoutLogin 0\n"
              "MaxConnectionRate 10\nMaxClients none\nQuotaEngine on\nQuotaDefault user false hard 1000000 0 0 100 0 0\nBanEngine on\n"
              "BanOnEvent ClientConnectRate 10/00:00:01 00:10:00\n",
    "addresses": "AuthUserFile @ROOT@/passwd\nDefaultAddress 127.0.0.1 ::1\nSocketBindTight on\nServerIdent on \"Say \\\"friend\\\"\"\n",
    "another server": "Port 0\n<Global>\nAuthUserFile @ROOT@/passwd\n</Global>\n<VirtualHost 127.0.0.1>\nPort 2121\nDefaultRoot ~\n</VirtualHost>\n",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_become_files_that_serve_accepts(sallyport, tmp_path, tree, name):
    """S8: what the manual of ProFTPD describes is imported without a difference that makes it less safe."""
    output = tmp_path / "serve.toml"
    host = ["--virtual-host", "127.0.0.1"] if name == "another server" else []
    done = run(sallyport, "proftpd", tree(SAMPLES[name]), "--output", output, *host)
    assert done.returncode == 0, done.stdout + done.stderr
    check(sallyport, tmp_path, output)


@pytest.mark.parametrize("line", ["MaxStoreFileSize 10 Mb", "HideNoAccess on", "PathAllowFilter ^[a-z]+$", "NoSuchDirective on",
                                  "<IfUser alice>\nUmask 077\n</IfUser>", "UserRatio alice 1 2 3 4"])
def test_a_less_safe_result_needs_consent(sallyport, tmp_path, tree, line):
    config, output = tree(f"AuthUserFile @ROOT@/passwd\n{line}\n"), tmp_path / "serve.toml"
    done = run(sallyport, "proftpd", config, "--output", output)
    assert done.returncode == 3 and not output.exists(), done
    assert f"{config}, line 2: " in done.stdout and ": LESS SAFE: " in done.stdout
    assert run(sallyport, "proftpd", config, "--output", output, "--accept").returncode == 0
    check(sallyport, tmp_path, output)


@pytest.mark.parametrize("text,code,cause", [("Port x\n", 2, "proftpd.conf, line 1: Port needs a number"),
                                             ("<Global>\n", 2, "line 1: <Global> has no end"),
                                             ("AuthUserFile /nowhere/passwd\n", 1, "/nowhere/passwd: No such file"),
                                             ("Include /nowhere/a.conf\n", 1, "line 1: /nowhere/a.conf: No such file")])
def test_errors_change_nothing(sallyport, tmp_path, tree, text, code, cause):
    done = run(sallyport, "proftpd", tree(text), "--output", tmp_path / "serve.toml")
    assert done.returncode == code and cause in done.stderr, done
    assert not (tmp_path / "serve.toml").exists()


# The probes of `sallyport import compare` that show what an account may do.
RIGHTS = ("make a directory", "upload a file", "overwrite a file", "append to a file", "continue an upload", "download a file",
          "an uploaded file is listed", "mode of an uploaded file", "mode of a directory", "rename a file", "rename onto a file",
          "delete a file", "make a directory in a directory", "remove a directory", "upload secret.key", "secret.key is listed")

# What compare declares to be different: a hidden name cannot be used, and an upload can be continued by who may overwrite and append.
DECLARED = {"HideFiles": "upload secret.key", "HiddenStores": "continue an upload"}


@pytest.mark.parametrize("lines", [[], ["Umask 027 022"], ["<Directory ~>", "AllowOverwrite off", "</Directory>"], ["<Limit DELE RMD RNTO>", "DenyAll", "</Limit>"],
                                   ["<Directory ~>", "AllowStoreRestart off", "</Directory>"], ["AllowOverwrite off"], ["HiddenStores on"], ["<Directory ~>", 'HideFiles "\\.key$"', "</Directory>"],
                                   ['PathDenyFilter "\\.key$"'], ["<Limit WRITE>", "DenyAll", "</Limit>"],
                                   ["<Limit READ>", "DenyAll", "</Limit>", "<Limit STOR>", "AllowUser writer", "DenyAll", "</Limit>"]],
                         ids=str)
def test_rights_are_those_of_proftpd(root, start, sallyport, tmp_path, lines):
    """S8: the same login with the same commands on ProFTPD and on the imported configuration."""
    old = start.reference_server("proftpd", lines=lines)
    output = tmp_path / "serve.toml"
    done = run(sallyport, "proftpd", old.folder / "proftpd.conf", "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    probes, compared = compare_rights(start, sallyport, old, output, "--name", "secret.key", "--from", "proftpd")
    assert "could not be removed" not in compared.stderr or "DELE" in str(lines) or "WRITE" in str(lines)
    found = differences(probes, RIGHTS)
    declared = {name for name in found if probes[name]["declared"]}
    assert declared == {name for line, name in DECLARED.items() if line in str(lines)}
    assert declared == set(found), output.read_text()
    assert not undeclared(probes)
