"""The presets: three settings each, with uploads and downloads."""

import ftplib
import io
import re
import ssl
import tomllib

import pytest

from harness import programs

PRESETS = sorted((programs.ROOT / "presets").glob("*.toml"))


class Reusing(ftplib.FTP_TLS):
    """Resumes the control connection's TLS session on data connections, as vsftpd demands."""

    def ntransfercmd(self, cmd, rest=None):
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session), size


def settings(text):
    """The preset's lines, by key."""
    return dict(re.match(r"([a-z-]+) *= *(.*)", line).groups() for line in text.splitlines() if line and not line.startswith("#"))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_preset(start, root, tmp_path, certificate, preset):
    lines = settings(preset.read_text())
    assert len(lines) == 3
    assert tomllib.loads(preset.read_text())
    # As a user would do: the own servers, the own certificate, the own address.
    vsftpd = start.reference_server("vsftpd", tls="explicit" if "ftpes" in lines["backend"] else "none", reuse=True)
    backends = re.findall(r'"(\w+)://', lines["backend"])
    lines["backend"] = str([f"{scheme}://127.0.0.1:{vsftpd.port}" for scheme in backends])
    if "tls-cert" in lines:
        lines["tls-cert"] = f'["{certificate.both}"]'
    if "external-address" in lines:
        lines["external-address"] = '["127.0.0.1"]'
    config = tmp_path / "preset.toml"
    config.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
    trust = ["--backend-ca", certificate.cert] if "ftpes" in backends else []
    gate = start("gate", "--listen", "127.0.0.1:0", "--config", config, *trust)
    if "tls-cert" in lines:
        ftp = Reusing(context=ssl.create_default_context(cafile=certificate.cert), timeout=10)
    else:
        ftp = ftplib.FTP(timeout=10)
    ftp.connect(gate.host, gate.port)
    ftp.login("anonymous", "tester@")
    if "tls-cert" in lines:
        ftp.prot_p()
    ftp.cwd("/pub")
    content, back = b"what a camera sees" * 1000, io.BytesIO()
    ftp.storbinary("STOR seen", io.BytesIO(content))
    ftp.retrbinary("RETR seen", back.write)
    assert back.getvalue() == content
    assert "seen" in ftp.nlst()
    ftp.quit()
