"""Makes one system call of a daemon fail or take long: the other half of tests/faults/fail_calls.cpp.

ERRORS has for each call the errors that its manual page lists and that can occur at its place in our programs; not EAGAIN of
sockets, which the kernel would follow by an event that an injected one lacks.
"""

import errno
import re
from contextlib import contextmanager
from pathlib import Path

from harness.faults import FIRST_CALL, FaultPage

SOURCE = Path(__file__).resolve().parents[2] / "faults/fail_calls.cpp"


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
ERRORS["renameat2 syscall"] = ERRORS["renameat2"]


def _names():
    """The calls in the order of their channels."""
    source = SOURCE.read_text()
    without_function = re.search(r"enum class call(.*?)\n};", source, re.DOTALL)[1]
    return re.findall(r"X\((\w+)\)", source) + [name.replace("_", " ") for name in re.findall(r"\b(\w+)_,", without_function)]


NAMES = _names()
CHANNELS = {name: FIRST_CALL + i for i, name in enumerate(NAMES)}


class CallFaults:
    """The calls of one daemon, which is started with `environment`."""

    def __init__(self, library, directory):
        self.page = FaultPage(Path(directory) / "call_faults")
        self.environment = self.page.environment(library)
        self.happened = 0

    @contextmanager
    def counting(self):
        """Yields a dict, which has the number of calls by name afterwards."""
        counts = {}
        for channel in CHANNELS.values():
            self.page.arm(channel)
        try:
            yield counts
        finally:
            counts.update((name, count) for name, channel in CHANNELS.items() if (count := self.page.disarm(channel)[0]))

    @contextmanager
    def fault(self, name, nth=1, error=0, delay=0.0):
        """The nth call of this name takes `delay` seconds longer, and fails unless `error` is 0. `happened` counts it."""
        self.happened = 0
        self.page.arm(CHANNELS[name], nth, error=error, delay=delay)
        try:
            yield self
        finally:
            _, self.happened = self.page.disarm(CHANNELS[name])

    def happening(self, name):
        """Whether the call of fault() has been made already."""
        return self.page.count(CHANNELS[name])[1] > 0
