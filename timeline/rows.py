"""How an entry's row is drawn on each page (timeline/entry.html); forms carry the name of the way along."""

ROWS = {
    "everyone": {"place": "moment", "named": True},
    "one": {"place": "moment"},
    "day": {"place": "time"},
    "goal": {"place": "time", "dated": True},
    "inbox": {"place": "inbox", "named": True},
}


def row_name(*, place, named, dated):
    """The name in ROWS of the way in which a row is drawn."""
    if place == "moment":
        return "everyone" if named else "one"
    if place == "inbox":
        return "inbox"
    return "goal" if dated else "day"
