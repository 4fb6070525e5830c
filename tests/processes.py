"""For tests that start processes."""

import os
import time


def open_to_all(folder):
    """pytest's temporary folders are closed to other users, and the server of root is one."""
    for part in (folder, *folder.parents):
        if part.stat().st_uid == os.geteuid() and part != part.parent:
            part.chmod(part.stat().st_mode | 0o111)
    return folder


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
