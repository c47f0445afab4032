"""The files of every server of a run: one tree in memory, so that no disk is involved, and one certificate."""

import os
import pathlib
import shutil
import subprocess
import tempfile

LISTED = 2000    # entries of the directory for LIST
MANY = 100_000   # and of the one for MLSD
SMALL = 1024
ACCOUNT = "nobody"  # the system's user that the reference servers serve as


class Site:
    """A directory in memory that is always removed at the end. Use as a context manager."""

    def __init__(self, large):
        self.large = large  # bytes of the large file
        # Of an upload: small enough that the memory of the previous one is reused before a virtual machine releases it.
        self.upload = large // 4
        self.folder = None

    def __enter__(self):
        memory = pathlib.Path("/dev/shm")
        if not os.access(memory, os.W_OK):
            memory = pathlib.Path(tempfile.gettempdir())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-bench-", dir=memory))
        try:
            self.folder.chmod(0o755)
            self._make_tree()
            self._make_certificate()
            self._make_passwd()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def tree(self):
        return self.folder / "tree"

    def private(self, name):
        """A directory for the files of one server."""
        path = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        path.chmod(0o755)
        return path

    def _make_tree(self):
        for name in ("list", "many", "up"):
            (self.tree / name).mkdir(parents=True)
        block = os.urandom(1 << 20)
        with (self.tree / "large").open("wb") as out:
            for _ in range(self.large >> 20):
                out.write(block)
        (self.tree / "small").write_bytes(os.urandom(SMALL))
        for folder, count in (("list", LISTED), ("many", MANY)):
            directory = os.open(self.tree / folder, os.O_PATH)
            for number in range(count):
                os.close(os.open(f"file-{number:06}.dat", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=directory))
            os.close(directory)
        if os.geteuid() == 0:
            shutil.chown(self.tree / "up", ACCOUNT)

    def _make_certificate(self):
        self.cert, self.key, self.both = (self.folder / name for name in ("cert.pem", "key.pem", "both.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        self.both.write_bytes(self.key.read_bytes() + self.cert.read_bytes())
        self.both.chmod(0o600)

    def _make_passwd(self):
        """The reference servers find anonymous users by the account "ftp", which this system may not have; they are shown this file."""
        entries = [line for line in pathlib.Path("/etc/passwd").read_text().splitlines() if not line.startswith("ftp:")]
        ids = next(line.split(":")[2:4] for line in entries if line.startswith(ACCOUNT + ":"))
        entries.append(f"ftp:x:{ids[0]}:{ids[1]}::{self.tree}:/bin/sh")
        self.passwd = self.folder / "passwd"
        self.passwd.write_text("\n".join(entries) + "\n")
