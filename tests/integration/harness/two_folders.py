"""A folder on a server of ours, and one on the client's side."""

import pytest


@pytest.fixture
def there(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def ours(start, there):
    daemon = start("serve", there, "--listen", "127.0.0.1:0", "--user", "writer:lab")
    return f"ftp://writer:lab@127.0.0.1:{daemon.port}"
