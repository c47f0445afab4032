"""Files of tests for daemons that give up root: a daemon that root starts becomes the user "nobody" where root owns its directory,
so what it is to use belongs to that user."""

import os
import tempfile
from pathlib import Path

USER_ID = 65534


def may_give_away():
    """Whether this process is root of more than itself."""
    lengths = [int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return os.geteuid() == 0 and sum(lengths) > 1


def _paths(words):
    """The paths in the words of a command line, also those in NAME:@FILE."""
    for word in map(str, words):
        path = Path(word.rpartition("@")[2])
        if path.is_absolute() and path.is_relative_to(tempfile.gettempdir()) and path != Path(tempfile.gettempdir()):
            yield path


def give(path):
    """A file or a tree to the user that daemons become, if this process may."""
    if not may_give_away():
        return
    for above in path.absolute().parents:
        if not above.is_relative_to(tempfile.gettempdir()) or str(above) == tempfile.gettempdir():
            break
        above.chmod(above.stat().st_mode | 0o055)
    os.lchown(path, USER_ID, USER_ID)
    if path.is_dir() and not path.is_symlink():
        for place, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.lchown(os.path.join(place, name), USER_ID, USER_ID)


def give_away(argv):
    """What a command line names, and the directories of files that the daemon is to create."""
    words = list(map(str, argv))
    if not may_give_away() or not {"serve", "gate", "up"} & set(words) or "--unsafe-root" in words:
        return
    for path in _paths(words):
        if path.exists():
            give(path)
        if path.parent.is_dir() and not path.is_dir() and path.parent != Path(tempfile.gettempdir()):
            os.chown(path.parent, USER_ID, USER_ID)
