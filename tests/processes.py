"""For tests that start processes."""

import contextlib
import tempfile
import time
from pathlib import Path


@contextlib.contextmanager
def open_folder():
    """A temporary folder for an embedded server; pytest's own are closed to the user that root's server runs as."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder).resolve()


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
