"""`sallyport import pure-ftpd`: the result is accepted by serve, and does what Pure-FTPd does with the same options."""

import shlex

import pytest

from harness.imports import check, compare_rights, differences, hashed, run_import as run, undeclared


@pytest.fixture
def users(tmp_path):
    (tmp_path / "partner").mkdir()
    (tmp_path / "passwd").write_text(f"partner:{hashed()}:2001:2001::{tmp_path}/partner/./:500000:500000:::10:1000:104857600:::"
                                     "127.0.0.0/8::0000-2359\n")
    return tmp_path / "passwd"


# A site with virtual users, TLS, quotas, and dot files that are refused.
SITE = """ChrootEveryone               yes
BrokenClientsCompatibility   no
MaxClientsNumber             50
Daemonize                    yes
MaxClientsPerIP              8
VerboseLog                   yes
DisplayDotFiles              no
NoAnonymous                  yes
SyslogFacility               ftp
DontResolve                  yes
MaxIdleTime                  15
PureDB                       /etc/pure-ftpd/pureftpd.pdb
LimitRecursion               10000 8
AnonymousCanCreateDirs       no
MaxLoad                      4
PassivePortRange             50000 50099
ForcePassiveIP               203.0.113.7
UserBandwidth                2000:2000
Umask                        133:022
MinUID                       1000
ProhibitDotFilesWrite        yes
AutoRename                   no
AnonymousCantUpload          yes
AltLog                       clf:/var/log/pureftpd.log
Quota                        10000:500
MaxDiskUsage                 90
CreateHomeDir                yes
CustomerProof                yes
CallUploadScript             yes
NoTruncate                   yes
TLS                          2
CertFile                     @CERT@
"""


def test_a_site_is_imported(sallyport, tmp_path, users, certificate):
    """S8: the unsafe differences are named, and with --accept the result passes the check."""
    config, output = tmp_path / "pure-ftpd.conf", tmp_path / "serve.toml"
    config.write_text(SITE.replace("@CERT@", str(certificate.both)))
    done = run(sallyport, "pure-ftpd", config, "--users", users, "--output", output)
    assert done.returncode == 3 and not output.exists(), done
    lines = done.stdout.splitlines()
    unsafe = [line for line in lines if ": LESS SAFE: " in line]
    assert [line.split(": ")[1].split()[0] for line in unsafe] == ["MaxLoad", "MaxDiskUsage"], unsafe
    for number in range(1, len(SITE.splitlines()) + 1):
        assert sum(line.startswith(f"{config}, line {number}: ") for line in lines) == 1, number
    assert run(sallyport, "pure-ftpd", config, "--users", users, "--output", output, "--accept").returncode == 0
    check(sallyport, tmp_path, output)


SAMPLES = {
    "defaults": "pure-ftpd ",
    "confined users": "pure-ftpd -A -E -j -Z -H -l puredb:/etc/pureftpd.pdb -u 1000",
    "anonymous only": "pure-ftpd -e -i -s -z -t 100:200 -c 20 -C 2 -I 5 -d -d",
    "anonymous uploads": "pure-ftpd --anonymousonly --anonymouscancreatedirs --antiwarez --umask=177:077 --peruserlimits 3:20",
    "addresses": "pure-ftpd -S 127.0.0.1,2121 -p40000:40099 -P ftp.example.org -4",
    "NAT": "pure-ftpd -N -w -W -b -1 -B -g '/run/pure ftpd.pid' -f none",
    "files": "pure-ftpd -E -K -G -R -r -x -X -0 -n 1000:100 -T 50",
    "logs": "pure-ftpd -E -O clf:/var/log/a.log -F /etc/fortunes -o -L 2000:8 -v name",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_become_files_that_serve_accepts(sallyport, tmp_path, users, name):
    words, output = SAMPLES[name], tmp_path / "serve.toml"
    done = run(sallyport, "pure-ftpd", words, "--users", users, "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "options, word 2: " in done.stdout or name == "defaults"
    check(sallyport, tmp_path, output)


def test_a_directory_with_a_file_for_each_option(sallyport, tmp_path, users):
    folder, output = tmp_path / "conf", tmp_path / "serve.toml"
    folder.mkdir()
    for name, value in {"NoAnonymous": "yes", "PassivePortRange": "40000 40099", "Umask": "077", "AltLog": "clf:/var/log/a"}.items():
        (folder / name).write_text(value + "\n")
    done = run(sallyport, "pure-ftpd", folder, "--users", users, "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{folder}/Umask, line 1: Umask 077: taken over: " in done.stdout
    assert 'passive-ports = "40000-40099"' in output.read_text()
    check(sallyport, tmp_path, output)


@pytest.mark.parametrize("source,code,cause", [("pure-ftpd --nonsense", 2, "word 2: unknown option 'nonsense'"),
                                               ("/nowhere/pure-ftpd.conf", 1, "/nowhere/pure-ftpd.conf"),
                                               ("pure-ftpd -Y 7", 2, "TLS needs a number from 0 to 3")])
def test_errors_change_nothing(sallyport, tmp_path, source, code, cause):
    done = run(sallyport, "pure-ftpd", source, "--output", tmp_path / "serve.toml")
    assert done.returncode == code and cause in done.stderr, done
    assert not (tmp_path / "serve.toml").exists()


RIGHTS = ("make a directory", "upload a file", "overwrite a file", "append to a file", "continue an upload", "download a file",
          "an uploaded file is listed", "mode of an uploaded file", "mode of a directory", "rename a file", "delete a file",
          "make a directory in a directory", "remove a directory", "upload .sallyport", "download .sallyport")


@pytest.mark.parametrize("words", [[], ["--umask", "133:022"], ["--keepallfiles"], ["--norename"], ["--prohibitdotfileswrite"],
                                   ["--prohibitdotfilesread"], ["--tls", "0"]], ids=str)
def test_rights_are_those_of_pure_ftpd(root, start, sallyport, tmp_path, words):
    """S8: the same login with the same commands on Pure-FTPd and on the imported configuration."""
    old = start.reference_server("pure-ftpd", words=words)
    output = tmp_path / "serve.toml"
    done = run(sallyport, "pure-ftpd", shlex.join(["pure-ftpd", *old.words]), "--users", old.passwords, "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    probes, _ = compare_rights(start, sallyport, old, output, "--from", "pure-ftpd")
    found = differences(probes, RIGHTS)
    # Who may remove directories may remove files.
    assert list(found) == (["remove a directory"] if "--keepallfiles" in words else []), output.read_text()
    # Its FEAT has them without a certificate, too.
    assert set(undeclared(probes)) == {"FEAT AUTH", "FEAT PBSZ", "FEAT PROT"}
