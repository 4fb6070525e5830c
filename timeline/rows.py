"""How an entry's row is drawn on the page that it stands on (timeline/entry.html); forms carry the name along."""

ROWS = {
    "everyone": {"place": "moment", "named": True},
    "one": {"place": "moment"},
    "day": {"place": "time"},
    "goal": {"place": "time", "dated": True},
    "inbox": {"place": "inbox", "named": True},
}


def row_name(*, place, named, dated):
    """The name in ROWS of how a row is drawn."""
    if place == "moment":
        return "everyone" if named else "one"
    if place == "inbox":
        return "inbox"
    return "goal" if dated else "day"
