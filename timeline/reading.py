"""What entries are to their reader: new, or the reader's own words."""

WRITINGS = {"reflections", "daily_notes", "success_proofs"}  # what a student writes


def mark_read(entries, *, viewer, since):
    """Say of each entry what it is to `viewer`, whose last visit was at `since` (None: never).

    Sets `is_new`: it came after that and is not the viewer's own doing;
    `has_new_answer`: it is the viewer's, and was answered after that;
    `is_own`: the words are the viewer's.
    """
    for entry in entries:
        mine = entry.student_id == viewer.pk
        if entry.activity_type == "instructor_message":
            entry.is_own = entry.metadata.get("author_id") == str(viewer.pk)
            entry.is_new = not entry.is_own and _after(entry.created_at, since)
        else:
            entry.is_own = mine and entry.source_table in WRITINGS
            entry.is_new = not mine and _after(entry.created_at, since)
        entry.has_new_answer = mine and entry.responded_at is not None and _after(entry.responded_at, since)
    return entries


def _after(moment, since):
    return since is not None and moment > since
