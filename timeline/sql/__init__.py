"""The SQL that the timeline runs on, as it is today."""

from pathlib import Path

CURRENT = Path(__file__).parent / "current"

# The order in which the files build on one another.
INSTALL_ORDER = (
    "entry.sql",
    "sources/*.sql",
    "expected.sql",
    "watch.sql",
    "resync.sql",
    "first_load.sql",
    "watched.sql",
    "lenders.sql",
    "storage.sql",
)


def current_sql():
    """Everything under `sql/current/`, in an order in which an empty database takes it."""
    files = [path for pattern in INSTALL_ORDER for path in sorted(CURRENT.glob(pattern))]
    return "\n".join(path.read_text() for path in files)
