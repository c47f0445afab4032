"""Trees of files as people have them, and their comparison by hash."""

import hashlib
import random

from give_away import give

LARGE = 5 * 1024 * 1024 + 4321
SMALL = 12


def make(root, large=LARGE, small=SMALL):
    """Many small files, an empty one, a large one, spaces, UTF-8 and characters that shells and URLs care for."""
    source = random.Random(959)
    files = {
        "empty": b"",
        "large.bin": source.randbytes(large),
        "one byte": b"x",
        "lines.txt": b"unix\nwindows\r\nold mac\rend without newline",
        "with space/a file.txt": b"spaces\n",
        "with space/and a deeper one/down here.txt": b"deep\n",
        "Zürich – 東京/grüße.txt": "Grüße\n".encode(),
        "Zürich – 東京/emoji 🚢.dat": source.randbytes(70000),
        "odd/100% [plain] & 'quoted' #1.txt": b"odd\n",
        "odd/.hidden": b"hidden\n",
    }
    files |= {f"many/file-{i:03}.dat": source.randbytes(source.randrange(1, 3000)) for i in range(small)}
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def hashes(root):
    return {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in files(root)}


def move_there_and_back(program, server, folder, tree, back):
    """Upload, listing and download, compared by hash. `folder` is the server's, `back` is created."""
    program.put(server, tree)
    assert hashes(folder) == hashes(tree)
    listed = {name.split("/")[-1] for name in program.names(server, "/many")}
    assert listed == {path.name for path in (tree / "many").iterdir()}
    back.mkdir()
    program.get(server, back, files(tree))
    assert hashes(back) == hashes(tree)


def make_folders(root, tree):
    """The folders of tree, empty, below root: for a client that only moves files."""
    for path in sorted(tree.rglob("*")):
        if path.is_dir():
            (root / path.relative_to(tree)).mkdir(parents=True, exist_ok=True)
    give(root)
