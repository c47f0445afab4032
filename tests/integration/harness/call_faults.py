"""Makes one system call of a daemon fail or take long: the other half of tests/support/call_faults.cpp.

ERRORS has for each call the errors that its manual page lists and that can occur at its place in our programs; not EAGAIN of
sockets, which the kernel would follow by an event that an injected one lacks.
"""

import errno
import mmap
import struct
import subprocess
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "support/call_faults.cpp"

HEAD = struct.Struct("=IIQiIQQ")  # armed, chosen, nth, error, delay, faults, size of the table
ENTRY = struct.Struct("=24sQ")


def _named(**errors):
    return {name.replace("__", " "): [getattr(errno, one) for one in listed.split()] for name, listed in errors.items()}


# Each list begins with the most likely ones.
ERRORS = _named(
    accept="EMFILE ENFILE ECONNABORTED ENOBUFS ENOMEM EINTR EPROTO EPERM ENETDOWN EHOSTUNREACH",
    accept4="EMFILE ENFILE ECONNABORTED ENOBUFS ENOMEM EINTR EPROTO EPERM ENETDOWN EHOSTUNREACH",
    socket="EMFILE ENFILE ENOBUFS ENOMEM EACCES EAFNOSUPPORT",
    bind="EADDRINUSE EACCES EADDRNOTAVAIL ENOMEM",
    listen="EADDRINUSE",
    connect="ECONNREFUSED ENETUNREACH ETIMEDOUT EADDRNOTAVAIL EADDRINUSE EACCES EPERM EAGAIN EINTR",
    shutdown="ENOTCONN",
    send="ECONNRESET EPIPE ENOBUFS ENOMEM EINTR",
    sendto="ECONNRESET EPIPE ENOBUFS ENOMEM EINTR",
    sendmsg="ECONNRESET EPIPE ENOBUFS ENOMEM EINTR",
    recv="ECONNRESET ECONNREFUSED ENOMEM EINTR",
    recvfrom="ECONNRESET ECONNREFUSED ENOMEM EINTR",
    recvmsg="ECONNRESET ECONNREFUSED ENOMEM EINTR",
    splice="ENOMEM EINVAL",
    sendfile64="EIO ENOMEM EINVAL",
    open64="EMFILE ENFILE ENOMEM EACCES ENOENT EINTR",
    openat64="EMFILE ENFILE ENOMEM ENOSPC EDQUOT EACCES ENOENT EINTR ELOOP EROFS",
    openat2="EMFILE ENFILE ENOMEM ENOSPC EDQUOT EACCES ENOENT EAGAIN EXDEV EINTR ELOOP EROFS",
    fstat64="ENOMEM EOVERFLOW",
    statx="ENOMEM",  # entries that are gone or may not be looked at (ENOENT, EACCES) are left out of listings
    fstatfs64="EIO ENOMEM ENOSYS EINTR EOVERFLOW",
    getdents64="EIO",  # of a file system; ENOENT is that of a directory that was removed meanwhile, which ends its listing
    renameat2="ENOSPC EDQUOT ENOMEM EACCES EROFS EBUSY EINVAL EEXIST",
    linkat="ENOSPC EDQUOT EIO ENOMEM EACCES EPERM EROFS EMLINK EEXIST",
    unlinkat="EIO ENOMEM EACCES EROFS EBUSY EPERM",
    mkdirat="ENOSPC EDQUOT ENOMEM EACCES EROFS EMLINK",
    fchmod="EIO EPERM EROFS",
    utimensat="EACCES EPERM EROFS",
    fsync="EIO ENOSPC EDQUOT EROFS EINTR",
    fdatasync="EIO ENOSPC EDQUOT EROFS EINTR",
    syncfs="EIO ENOSPC EDQUOT",
    ftruncate64="EIO EFBIG EPERM EINTR EROFS",
    pread64="EIO EINTR",
    pwrite64="ENOSPC EDQUOT EIO EFBIG EINTR",
    preadv64v2="EIO EOPNOTSUPP EINTR",
    copy_file_range="EIO ENOSPC ENOMEM EXDEV EOPNOTSUPP EFBIG",
    flock="ENOLCK EINTR",
    epoll_create1="EMFILE ENFILE ENOMEM",
    epoll_ctl="ENOMEM ENOSPC",
    epoll_wait="EINTR",
    poll="ENOMEM EINTR",
    eventfd="EMFILE ENFILE ENOMEM ENODEV",
    timerfd_create="EMFILE ENFILE ENOMEM ENODEV",
    pipe2="EMFILE ENFILE",
    socketpair="EMFILE ENFILE ENOMEM",
    getsockopt="ENOPROTOOPT",
    setsockopt="ENOPROTOOPT EINVAL",
    getsockname="ENOBUFS",
    getpeername="ENOBUFS ENOTCONN",
    fcntl64="EMFILE",
    getrandom="EINTR",
    inotify_add_watch="ENOSPC ENOMEM EACCES",
    readlinkat="EIO ENOMEM EACCES ENOENT",
    close="EIO EINTR ENOSPC EDQUOT",
    read__file="EIO EINTR",
    read__pipe="EINTR",
    read__socket="ECONNRESET ENOMEM EINTR",
    write__file="ENOSPC EDQUOT EIO EFBIG EINTR",
    write__pipe="EPIPE EINTR",
    write__socket="EPIPE ECONNRESET ENOMEM EINTR",
)
ERRORS["renameat2 (syscall)"] = ERRORS["renameat2"]


def build(directory):
    """The library to be preloaded."""
    library = Path(directory) / "call_faults.so"
    subprocess.run(["c++", "-std=c++23", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-o", library, SOURCE, "-ldl"], check=True)
    return library


class CallFaults:
    """The calls of one daemon, which is started with `environment`."""

    def __init__(self, library, directory):
        self.file = Path(directory) / "call_faults.memory"
        self.file.write_bytes(bytes(HEAD.size + 200 * ENTRY.size))
        self.environment = {"LD_PRELOAD": str(library), "CALL_FAULTS": str(self.file)}
        with self.file.open("r+b") as opened:
            self.memory = mmap.mmap(opened.fileno(), 0)

    def _entries(self):
        for i in range(HEAD.unpack_from(self.memory)[6]):
            name, count = ENTRY.unpack_from(self.memory, HEAD.size + i * ENTRY.size)
            yield name.rstrip(b"\0").decode(), count

    def _arm(self, chosen, nth, error, delay):
        for i, (name, _) in enumerate(list(self._entries())):
            struct.pack_into("=Q", self.memory, HEAD.size + i * ENTRY.size + 24, 0)
        HEAD.pack_into(self.memory, 0, 0, chosen, nth, error, int(delay * 1000), 0, HEAD.unpack_from(self.memory)[6])
        struct.pack_into("=I", self.memory, 0, 1)

    def _disarm(self):
        struct.pack_into("=I", self.memory, 0, 0)

    @contextmanager
    def counting(self):
        """Yields a dict, which has the number of calls by name afterwards."""
        counts = {}
        self._arm(0, 0, 0, 0)
        try:
            yield counts
        finally:
            self._disarm()
            counts.update((name, count) for name, count in self._entries() if count)

    @contextmanager
    def fault(self, name, nth=1, error=0, delay=0.0):
        """The nth call of this name takes `delay` seconds longer, and fails unless `error` is 0."""
        self._arm([entry for entry, _ in self._entries()].index(name), nth, error, delay)
        try:
            yield self
        finally:
            self._disarm()

    @property
    def happened(self):
        """The faults since the last fault() began."""
        return HEAD.unpack_from(self.memory)[5]

    def close(self):
        self.memory.close()
